//! Standard output, which can be closed or full before a command is done.

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, Write};

/// Lines for whoever reads them.
///
/// A command need not look at every write: once one fails, the rest is dropped, and [`Output::finish`] tells.
pub(super) struct Output {
    writer: BufWriter<Box<dyn Write + Send>>,
    failure: Option<io::Error>,
}

impl Output {
    pub(super) fn new(writer: Box<dyn Write + Send>) -> Self {
        Self { writer: BufWriter::new(writer), failure: None }
    }

    /// Writes a line and brings it out, so that it is seen when it happens.
    pub(super) fn line(&mut self, line: &dyn Display) {
        if self.failure.is_none() {
            self.failure = writeln!(self.writer, "{line}").and_then(|()| self.writer.flush()).err();
        }
    }

    /// Whether nothing written from now on will be read.
    pub(super) fn is_closed(&self) -> bool {
        self.failure.is_some()
    }

    /// The first failure, unless it is that the reader has gone.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self.failure.take() {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(io::Error::new(error.kind(), format!("the results cannot be written: {error}")))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails(ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_no_error_and_a_full_disk_is() {
        for (kind, is_error) in [(ErrorKind::BrokenPipe, false), (ErrorKind::StorageFull, true)] {
            let mut output = Output::new(Box::new(Fails(kind)));
            assert!(!output.is_closed());
            output.line(&"one");
            output.line(&"two");
            assert!(output.is_closed());
            assert_eq!(output.finish().is_err(), is_error, "{kind:?}");
        }
    }
}

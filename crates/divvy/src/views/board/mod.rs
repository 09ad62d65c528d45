//! The figures of a training as TensorBoard reads them.

mod record;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use divvy::train::{Event, Listener, RunFolder};

use record::{Entry, Scalar};

/// Of so many steps each is written; of more, one a second. TensorBoard draws a thousand points.
const ALL: usize = 1000;
const BETWEEN: Duration = Duration::from_secs(1);

/// Writes scalars into an event file in the run's folder: the losses, the metric, the learning rate and the pictures a second.
///
/// A disk that does not take them does not end the training: [`Board::close`] says what it was.
#[derive(Default)]
pub(crate) struct Board {
    run: Option<RunFolder>,
    file: Option<BufWriter<File>>,
    fault: Option<io::Error>,
    /// Steps that were written, when the last one was, and the last step there was, counted over all epochs.
    written: usize,
    last_written: Option<Instant>,
    step: u64,
}

impl Board {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Brings the last figures onto the disk.
    ///
    /// # Errors
    /// The first reason why something could not be written. Nothing was written after it.
    pub(crate) fn close(mut self) -> io::Result<()> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        match &mut self.file {
            Some(file) => file.flush().and_then(|()| file.get_ref().sync_all()),
            None => Ok(()),
        }
    }

    /// Writes an entry at the present step, into a file that is begun with the first.
    fn write(&mut self, entry: &Entry<'_>) {
        if self.fault.is_some() {
            return;
        }
        if let Err(fault) = self.try_write(entry) {
            self.fault = Some(fault);
        }
    }

    fn try_write(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        let Some(run) = &self.run else { return Ok(()) };
        let at = now();
        let file = match self.file.take() {
            Some(file) => file,
            None => begun(run, at, self.step)?,
        };
        self.file.insert(file).write_all(&record::framed(&entry.encoded(at, self.step)))
    }

    fn flush(&mut self) {
        if let Some(Err(fault)) = self.file.as_mut().map(Write::flush) {
            self.fault.get_or_insert(fault);
        }
    }

    fn is_due(&self) -> bool {
        self.written < ALL || self.last_written.is_none_or(|when| when.elapsed() >= BETWEEN)
    }
}

impl Listener for Board {
    fn on(&mut self, event: &Event) {
        match event {
            Event::Started { run, .. } => self.run = Some(RunFolder::at(run)),
            Event::Step { epoch, step, steps, loss, batch_loss, rate, images_per_second, .. } => {
                self.step = (u64::from(*epoch) - 1) * *steps as u64 + *step as u64;
                if self.is_due() {
                    self.written += 1;
                    self.last_written = Some(Instant::now());
                    self.write(&Entry::Scalars(&[
                        Scalar { tag: "loss/train", value: batch_loss.unwrap_or(*loss) },
                        Scalar { tag: "learning_rate", value: *rate },
                        Scalar { tag: "images_per_second", value: *images_per_second },
                    ]));
                }
            }
            Event::Epoch { validation, .. } => {
                let tag = format!("validation/{}", validation.metric.name());
                self.write(&Entry::Scalars(&[
                    Scalar { tag: "loss/validation", value: validation.loss },
                    Scalar { tag: &tag, value: validation.value },
                ]));
                self.flush();
            }
            _ => {}
        }
    }
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "TensorBoard shows the time of day")]
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// A new file in the run's folder, for what there is from this step on: what an earlier file has of it is void.
fn begun(run: &RunFolder, at: f64, step: u64) -> io::Result<BufWriter<File>> {
    let mut file = BufWriter::new(File::create_new(new_path(run, at))?);
    file.write_all(&record::framed(&Entry::Version.encoded(at, 0)))?;
    file.write_all(&record::framed(&Entry::Start.encoded(at, step)))?;
    Ok(file)
}

/// A name that sorts behind those of the files that are there, as TensorBoard reads the files of a run one after the other: by time, also where a clock was set back.
fn new_path(run: &RunFolder, at: f64) -> PathBuf {
    const END: &str = ".divvy";
    let entries = fs::read_dir(run.path()).into_iter().flatten().flatten();
    let seconds = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_prefix(RunFolder::BOARD)?.strip_suffix(END)?.parse::<u64>().ok()
    });
    let newest = seconds.max().map_or(0, |newest| newest.saturating_add(1));
    run.path().join(format!("{}{:010}{END}", RunFolder::BOARD, newest.max(at as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::testing::{answers, epoch, started_in, step};

    #[test]
    fn a_training_that_goes_on_writes_a_file_that_begins_at_its_step() {
        let folder = tempfile::tempdir().unwrap();
        for first in [1, 3] {
            let mut board = Board::new();
            board.on(&started_in(folder.path(), &["a", "b"]));
            board.on(&step(first, 2, 0.9));
            board.on(&epoch(first, 0.9, 0.5, &answers(&[4, 4], &[2, 2])));
            board.close().unwrap();
        }
        let mut files: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert_eq!(files.len(), 2);
        // The second record says that what there is from step (3 - 1) * 4 + 2 on is void: field 2 is 10, field 7 a start.
        let bytes = fs::read(&files[1]).unwrap();
        let first = 8 + 4 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize + 4;
        let start = &bytes[first + 12 + 9..];
        assert_eq!(start[..6], [0x10, 10, 0x3a, 2, 0x08, 1]);
    }

    #[test]
    fn where_the_clock_was_set_back_a_file_comes_behind_those_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::at(folder.path());
        let mut written = Vec::new();
        for at in [2e9, 1e9, 1e9] {
            let path = new_path(&run, at);
            fs::write(&path, "").unwrap();
            written.push(path);
        }
        assert!(written.is_sorted() && written[0] < written[1] && written[1] < written[2], "{written:?}");
        assert!(written[0].to_str().unwrap().contains("2000000000"), "{written:?}");
    }

    #[test]
    fn before_the_first_step_there_is_no_file_and_what_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut board = Board::new();
        board.on(&started_in(folder.path(), &["a", "b"]));
        board.close().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut board = Board::new();
        board.on(&started_in(&folder.path().join("gone"), &["a", "b"]));
        board.on(&step(1, 1, 0.9));
        assert!(board.close().is_err());
    }
}

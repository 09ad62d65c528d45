//! `divvy put-back`: undoes what `divvy check --move-to` did.

use anyhow::Result;
use divvy::sort::{PutBack, Returned};

use super::go_on;
use crate::Status;
use crate::args::PutBackArgs;
use crate::terminal::{Terminal, thousands};

/// Puts pictures back, and says which are not where they were.
pub(crate) fn run(args: &PutBackArgs, terminal: &mut Terminal) -> Result<Status> {
    let mut back = PutBack::open(&args.aside)?;
    let total = back.left();
    let (mut returned, mut missing) = (0, 0);
    terminal.start("putting back");
    while let Some(one) = back.next_back()? {
        match one {
            Returned::Back(_) => returned += 1,
            Returned::Renamed { from, to } => {
                returned += 1;
                Terminal::warn(format_args!("{} is taken now; put back as {}", from.display(), to.display()));
            }
            Returned::Missing(path) => {
                missing += 1;
                Terminal::warn(format_args!(
                    "{} is neither there nor in {}",
                    path.display(),
                    args.aside.display()
                ));
            }
        }
        terminal.progress().count(total - back.left(), total);
        go_on()?;
    }
    terminal.stop();
    terminal.print(format_args!("{:>7}  put back", thousands(returned)));
    if missing > 0 {
        terminal.print(format_args!("{:>7}  missing", thousands(missing)));
    }
    Ok(Status::partial_if(missing > 0))
}

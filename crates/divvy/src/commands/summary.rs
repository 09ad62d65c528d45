//! `divvy summary`: a network's layers, shapes and parameters.

use anyhow::Result;

use crate::Status;
use crate::args::SummaryArgs;
use crate::terminal::Terminal;

/// Prints the summary as Keras does, and what comes out at the end.
pub(crate) fn run(args: &SummaryArgs, terminal: &mut Terminal) -> Result<Status> {
    let network = args.network.network()?;
    terminal.print(network.graph().summary().to_string().trim_end());
    let head = network.head();
    terminal.tell(format_args!(
        "\n{} task, {head} at the end, trained by {}",
        head.task(),
        head.loss().in_words()
    ));
    Ok(Status::Done)
}

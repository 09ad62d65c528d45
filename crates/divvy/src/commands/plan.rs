//! `divvy plan`: the steps that a network is compiled to.

use anyhow::Result;
use divvy::nn::{Mode, ParameterTable, Plan, PlanOptions};

use crate::Status;
use crate::args::PlanArgs;
use crate::terminal::Terminal;

/// Compiles the network and prints its operations with their sizes and costs.
pub(crate) fn run(args: &PlanArgs, terminal: &mut Terminal) -> Result<Status> {
    let network = args.network.network()?;
    let mode = if args.infer { Mode::Infer } else { Mode::Train };
    let table = ParameterTable::new(network.graph());
    let plan = Plan::compile(&network, &table, mode, args.batch, PlanOptions::default()).table(&table);
    if args.json {
        terminal.print(serde_json::to_string(&plan)?);
    } else {
        terminal.print(plan.to_string().trim_end());
    }
    Ok(Status::Done)
}

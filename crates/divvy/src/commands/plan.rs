//! `divvy plan`: the steps that a network is compiled to, and where their time goes.

use anyhow::Result;
use divvy::Cpu;
use divvy::nn::machine::{Caches, Limits};
use divvy::nn::{Device, Mode, Network, ParameterTable, Plan, Profile, StepTimes};
use serde::Serialize;

use super::workload::{Workload, refuse_without_room_to_measure};
use crate::Status;
use crate::args::PlanArgs;
use crate::terminal::Terminal;

/// How long a profile runs where nothing else is asked for.
const USUAL_SECONDS: f64 = 3.0;

/// Compiles the network and prints its operations with their sizes and costs, or with their times.
pub(crate) fn run(args: &PlanArgs, terminal: &mut Terminal) -> Result<Status> {
    let network = args.network.network()?;
    let mode = if args.infer { Mode::Infer } else { Mode::Train };
    if args.profile {
        let device = args.precision.device(&args.compute)?;
        args.precision.tell(!args.json, terminal);
        terminal.start("measuring");
        let profile = profile(network, mode, args, device)?;
        let width = terminal.palette().width();
        print(&profile, &profile.text(width), args.json, terminal)?;
    } else {
        let table = ParameterTable::new(network.graph());
        let options = args.compute.device(args.precision.precision)?.plan_options();
        let plan = Plan::compile(&network, &table, mode, args.batch, options).table(&table);
        print(&plan, &plan.to_string(), args.json, terminal)?;
    }
    Ok(Status::Done)
}

fn print(value: &impl Serialize, text: &str, json: bool, terminal: &mut Terminal) -> Result<()> {
    if json {
        terminal.print(serde_json::to_string(value)?);
    } else {
        terminal.print(text.trim_end());
    }
    Ok(())
}

/// Runs the plan on noise and holds the times against what the machine can do: half of the time as it is run otherwise, and half of it one
/// operation after the other.
fn profile(network: Network, mode: Mode, args: &PlanArgs, device: Device) -> Result<Profile> {
    let limits = limits(device.cpu())?;
    let mut workload = Workload::new(network, mode, args.batch, device)?;
    let seconds = args.seconds.unwrap_or(USUAL_SECONDS) / 2.0;
    let mut times = StepTimes::new();
    workload.run(seconds, |_, whole| times.record_run(whole));
    workload.engine().take_times();
    workload.run(seconds, |engine, whole| times.record(whole, engine.times()));
    let options = workload.options();
    let engine = workload.engine();
    let plan = engine.plan(mode, args.batch);
    let table = ParameterTable::new(engine.network().graph());
    Ok(Profile::new(&plan, &table, &Workload::optimizer(), options, &limits, &times))
}

/// The limits of the processor, measured on memory that is given back before the network takes its own.
fn limits(cpu: &Cpu) -> Result<Limits> {
    let caches = Caches::of_this_machine();
    refuse_without_room_to_measure(&caches)?;
    // Ones, so that every page is there before it is measured.
    let mut memory = vec![1.0; caches.memory_len()];
    Ok(Limits::measure(cpu, caches, &mut memory))
}

//! What is done for each command.

pub(crate) mod augment;
pub(crate) mod bench;
mod cache;
pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod convert;
pub(crate) mod demo;
pub(crate) mod evaluate;
pub(crate) mod explain;
mod folds;
pub(crate) mod lr;
mod network;
pub(crate) mod plan;
pub(crate) mod predict;
pub(crate) mod put_back;
pub(crate) mod quantize;
mod recipe;
pub(crate) mod relabel;
pub(crate) mod report;
mod resume;
pub(crate) mod sort;
pub(crate) mod summary;
pub(crate) mod train;
pub(crate) mod tune;
mod workload;

use std::path::Path;

use anyhow::Result;
use divvy::data::DataError;
use divvy::model::{Classifier, Model, Prediction, Trained, Weights};
use divvy::nn::{Algorithms, Device, Precision, PrecisionError};
use divvy::train::{Machine, TrainError};
use divvy::{Cpu, Isa};

use crate::args::{ComputeArgs, PrecisionArgs, ProcessorArgs, ThreadArgs};
use crate::failure::Failure;
use crate::interrupt;
use crate::terminal::Terminal;

impl ThreadArgs {
    /// The threads asked for, or as many as the machine has cores.
    fn count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.map_or_else(cores, usize::from)
    }
}

impl ProcessorArgs {
    /// The threads asked for, or as many as the machine has cores.
    fn threads(&self) -> usize {
        self.threads.count()
    }

    /// The processor with that many threads and the instruction set asked for, or its best.
    fn cpu(&self) -> Cpu {
        Cpu::with_isa(self.isa(), self.threads())
    }

    /// What there is to train with.
    fn machine(&self) -> Machine {
        Machine::new(self.isa(), self.threads())
    }

    /// The instruction set asked for, or the machine's best.
    fn isa(&self) -> Isa {
        self.isa.unwrap_or_else(Isa::best)
    }
}

impl ComputeArgs {
    /// The processor asked for, which computes as it was asked to.
    fn device(&self, precision: Precision) -> Result<Device, PrecisionError> {
        let algorithms = if self.exact { Algorithms::Exact } else { Algorithms::Fastest };
        Ok(Device::new(precision.on(self.processor.cpu())?).algorithms(algorithms))
    }
}

impl PrecisionArgs {
    /// The device that computes with the numbers asked for.
    fn device(&self, compute: &ComputeArgs) -> Result<Device, PrecisionError> {
        compute.device(self.precision)
    }

    /// Says what is computed with, where it is not the usual and people read the output.
    fn tell(&self, for_people: bool, terminal: &mut Terminal) {
        if for_people && self.precision != Precision::default() {
            terminal.tell(format_args!("convolutions in {}", self.precision.name()));
        }
    }
}

/// A trained model, or several that answer together, ready to be asked.
fn classifier(run: &Path, device: Device) -> Result<Classifier> {
    let trained = Trained::open(run)?;
    let is_int8 = |model: &Model| matches!(model.weights(), Weights::Int8(_));
    if let Some(half) = device.cpu().half()
        && trained.members().iter().any(is_int8)
    {
        let (asked, run) = (half.format().name(), run.display());
        let message = format!("--precision {asked}: {run} is in 8 bits, and computes with those");
        return Err(Failure::new(message).help("leave --precision out").into());
    }
    Ok(Classifier::new(trained, device)?)
}

/// Of pictures that are like the training pictures, the share that is taken for unlike them, where nothing else was asked for.
const UNFAMILIAR: f64 = 0.01;

/// The names of what was chosen for a picture.
fn labels<'a>(classes: &'a [String], prediction: &Prediction) -> Vec<&'a str> {
    prediction.chosen.iter().map(|&class| classes[class].as_str()).collect()
}

/// An answer to a classifier that makes it stop.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Interrupted;

/// `Err` once someone asked to stop.
fn go_on() -> Result<(), Interrupted> {
    if interrupt::is_asked() { Err(Interrupted) } else { Ok(()) }
}

/// Whether an error is no failure but the answer to Ctrl-C.
pub(crate) fn is_interruption(error: &anyhow::Error) -> bool {
    let by_data = |error: &DataError| matches!(error, DataError::Interrupted);
    error.is::<Interrupted>()
        || error.downcast_ref().is_some_and(by_data)
        || match error.downcast_ref() {
            Some(
                TrainError::Interrupted
                | TrainError::ComparisonStopped { .. }
                | TrainError::TuneStopped { .. },
            ) => true,
            Some(TrainError::Data(error)) => by_data(error),
            _ => false,
        }
}

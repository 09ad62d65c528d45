//! An 8-bit network of random weights at work.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use divvy::Cpu;
use divvy::nn::{Device, Mode, Network, ParameterTable, Parameters, Quantized, QuantizedEngine};

use crate::args::WorkArgs;
use crate::commands::workload::{noise, refuse_too_large, repeat};
use crate::failure::Failure;

/// The times of batches that are classified, calibrated on the very noise that they are of.
pub(super) fn times(network: &Network, mode: Mode, args: &WorkArgs, cpu: Cpu) -> Result<Vec<Duration>> {
    if mode == Mode::Train {
        let refused = Failure::new("--precision int8: networks are trained in f32");
        return Err(refused.help("leave --precision out, or give `bench infer`").into());
    }
    let mut device = Device::new(Cpu::with_isa(cpu.isa(), cpu.threads()));
    // The trained network runs once, layer by layer, to be calibrated.
    refuse_too_large(network, mode, args.batch, device.plan_options(), cpu.threads())?;
    let parameters = Parameters::initialize(Arc::new(ParameterTable::new(network.graph())), 0);
    let images = noise(network, args.batch);
    let batches = std::iter::once(images.as_slice());
    let quantized = Quantized::calibrate(network, &parameters, batches, &mut device)?;
    drop(device);
    let mut engine = QuantizedEngine::new(&quantized, cpu);
    let mut times = Vec::new();
    repeat(args.seconds, |is_measured| {
        let start = Instant::now();
        black_box(engine.logits(&images, args.batch));
        if is_measured {
            times.push(start.elapsed());
        }
    });
    times.sort_unstable();
    Ok(times)
}

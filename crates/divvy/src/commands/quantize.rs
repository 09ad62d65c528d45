//! `divvy quantize`: the same model in 8 bits, and what that costs.

use std::path::Path;

use anyhow::Result;
use divvy::data::StoreOptions;
use divvy::model::MODEL_FILE;
use divvy::train::{Quantization, quantize};
use serde::Serialize;

use super::convert::is_free;
use crate::args::QuantizeArgs;
use crate::terminal::Terminal;
use crate::{Status, interrupt};

/// What was done, as a program reads it.
#[derive(Serialize)]
struct Printed {
    model: String,
    calibrated_on: usize,
    pictures: usize,
    accuracy_f32: f64,
    accuracy_int8: f64,
    /// That of int8 less that of f32.
    difference: f64,
    difference_ci95: [f64; 2],
    is_worse: bool,
    bytes_f32: u64,
    bytes_int8: u64,
    /// The time of f32 over that of int8.
    speed_ratio: f64,
    left_out: Vec<String>,
}

/// Quantises, compares, writes, and says so.
pub(crate) fn run(args: &QuantizeArgs, terminal: &mut Terminal) -> Result<Status> {
    let file = if args.run.is_dir() { args.run.join(MODEL_FILE) } else { args.run.clone() };
    let out = args.output.clone().unwrap_or_else(|| file.with_extension("int8.divvy"));
    let done = {
        let progress = terminal.start("reading pictures");
        let count = |done, total| progress.count(done, total);
        let (threads, cancel) = (args.threads.count(), Some(interrupt::asked()));
        let options = StoreOptions { threads, progress: Some(&count), cancel, ..StoreOptions::default() };
        let told = |done, total| progress.renamed("looking at them").count(done, total);
        quantize(&args.run, args.data.as_deref(), &options, &told)?
    };
    terminal.stop();
    let written = is_free(&out, &done.model.to_bytes())?;
    if written {
        done.model.save(&out)?;
    }
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    let share = |right: usize| right as f64 / done.pictures as f64;
    let printed = Printed {
        model: out.display().to_string(),
        calibrated_on: done.calibrated_on,
        pictures: done.pictures,
        accuracy_f32: share(done.right_f32),
        accuracy_int8: share(done.right_int8),
        difference: done.difference.value,
        difference_ci95: done.difference.ci95.into(),
        is_worse: done.is_worse(),
        bytes_f32: length(&file),
        bytes_int8: length(&out),
        speed_ratio: done.times[0].as_secs_f64() / done.times[1].as_secs_f64(),
        left_out: done.left_out,
    };
    for sentence in &printed.left_out {
        Terminal::warn(format_args!("left out: {sentence}"));
    }
    if args.json {
        terminal.print(serde_json::to_string(&printed)?);
    } else {
        print(&printed, terminal);
    }
    if printed.is_worse {
        Terminal::warn(format_args!(
            "in 8 bits the model is {:.2} points worse, more than {}: use the model as it is where that matters",
            -100.0 * printed.difference,
            100.0 * Quantization::TOLERANCE
        ));
    }
    Ok(Status::partial_if(!printed.left_out.is_empty()))
}

fn print(printed: &Printed, terminal: &mut Terminal) {
    let Printed { model, pictures, calibrated_on, .. } = printed;
    let [low, high] = printed.difference_ci95.map(|end| 100.0 * end);
    terminal.print(format_args!(
        "accuracy on {pictures} validation pictures: f32 {:.4}, int8 {:.4}, difference {:+.2} points ({low:+.2} to {high:+.2})",
        printed.accuracy_f32,
        printed.accuracy_int8,
        100.0 * printed.difference
    ));
    terminal.print(format_args!(
        "size: {} of {} KiB; speed: {:.2} times that of f32",
        printed.bytes_int8.div_ceil(1024),
        printed.bytes_f32.div_ceil(1024),
        printed.speed_ratio
    ));
    terminal
        .print(format_args!("the model in 8 bits, calibrated on {calibrated_on} pictures, is in {model}"));
}

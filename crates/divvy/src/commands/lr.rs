//! `divvy lr`: tries learning rates in a short training, and suggests one.

use std::path::Path;

use anyhow::Result;
use divvy::data::write_atomically;
use divvy::train::{
    Event, RangeEnd, RangeTest, Reading, Resources, Sweep, TrainConfig, read_trials, test_range,
};
use serde::Serialize;

use crate::args::LrArgs;
use crate::plot::{Axis, Curve, Mark, Plot, Style, figure};
use crate::terminal::{Palette, Room, Terminal};
use crate::{Status, interrupt};

/// By how much the first and the last rate differ from the usual one.
const REACH: f64 = 1000.0;

/// What is printed as JSON.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    test: &'a RangeTest,
    #[serde(flatten)]
    reading: &'a Reading,
}

/// Tries rates, draws the losses and says which rate they suggest.
pub(crate) fn run(args: LrArgs, terminal: &mut Terminal) -> Result<Status> {
    let cpu = args.recipe.compute.processor.cpu();
    let resources = Resources { cache: args.recipe.cache.options(), ..Resources::from(cpu) };
    let (base, _) = args.recipe.base(args.photos.as_deref(), args.config.as_deref(), None, None)?;
    let config = args.recipe.config(args.photos, base)?;
    let usual = config.learning_rate;
    let (from, to) = (args.from.unwrap_or(usual / REACH), args.to.unwrap_or(usual * REACH));
    let sweep = Sweep { from, to, steps: args.steps };
    terminal.start("reading pictures");
    let mut told = |event: &Event| tell(event, terminal);
    let tested = test_range(&config, &sweep, resources, &mut told, interrupt::asked());
    terminal.stop();
    let test = tested?;
    let reading = read_trials(&test.trials);
    let plot = plot(&test, &reading, &config);
    if let Some(file) = &args.svg {
        draw(&plot, file)?;
    }
    if args.json {
        terminal.print(serde_json::to_string(&Printed { test: &test, reading: &reading })?);
    } else {
        let drawn = Terminal::room().map(|room| lines(&plot, room, terminal.palette()));
        for line in drawn.unwrap_or_default() {
            terminal.tell(line);
        }
        for line in said(&test, &reading, terminal.palette()) {
            terminal.print(line);
        }
    }
    Ok(Status::partial_if(test.ending == RangeEnd::Interrupted))
}

/// How far the test is, and what is found of the pictures.
fn tell(event: &Event, terminal: &mut Terminal) {
    match event {
        Event::Loading { done, total } => {
            terminal.progress().renamed("reading pictures").count(*done, *total);
        }
        Event::Note { text } => Terminal::warn(text),
        Event::Finding { finding } if !finding.is_error() => terminal.find(finding),
        Event::Step { step, steps, loss, rate, progress, .. } => {
            let words = format!("step {step} of {steps}, rate {}, loss {loss:.4}", figure(*rate));
            terminal.progress().renamed("trying rates").show(*progress, &words);
        }
        _ => {}
    }
}

/// The losses over the rates, with the places that matter.
fn plot(test: &RangeTest, reading: &Reading, config: &TrainConfig) -> Plot {
    let rates = || test.trials.iter().map(|trial| trial.rate);
    let smoothed = rates().zip(reading.smoothed.iter().copied());
    let trials = test.trials.iter().map(|trial| (trial.rate, trial.loss));
    let places = [("steepest at", reading.steepest), ("lowest up to", reading.lowest)];
    let mark = |(name, rate): (&str, Option<f64>)| {
        rate.map(|rate| Mark { x: rate, name: format!("{name} {}", figure(rate)) })
    };
    Plot {
        title: format!("Loss of {} by learning rate", config.architecture),
        x: Axis::log("learning rate"),
        y: Axis::linear("loss").ends(ends(test, reading)),
        curves: vec![
            Curve::new("smoothed", Style::Line, smoothed),
            Curve::new("each step", Style::Dots, trials),
        ],
        marks: places.into_iter().filter_map(mark).collect(),
    }
}

/// From the lowest loss to somewhat above that of the beginning: a loss that has run away would leave no room for the rest.
fn ends(test: &RangeTest, reading: &Reading) -> Option<(f64, f64)> {
    const ABOVE: f64 = 1.5;
    let lowest = test.trials.iter().map(|trial| trial.loss).reduce(f64::min)?;
    Some((lowest, ABOVE * reading.smoothed.first()?))
}

fn draw(plot: &Plot, file: &Path) -> Result<()> {
    Ok(write_atomically(file, |writer| writer.write_all(plot.svg_file().as_bytes()))?)
}

/// The plot as it fits the terminal.
fn lines(plot: &Plot, room: Room, palette: Palette) -> Vec<String> {
    const WIDEST: usize = 78;
    const ROWS: usize = 10;
    /// Lines around the drawing: title, foot, marks, what is said.
    const OTHERS: usize = 8;
    match room.rows.checked_sub(OTHERS) {
        Some(rows) if rows >= 3 && room.columns >= 30 => {
            let mut lines = plot.lines(room.columns.min(WIDEST), rows.min(ROWS), palette);
            lines.push(String::new());
            lines
        }
        _ => Vec::new(),
    }
}

/// What the test says, in a few lines.
fn said(test: &RangeTest, reading: &Reading, palette: Palette) -> Vec<String> {
    let suggestion = match reading.suggested {
        Some(rate) => format!("suggested: --lr {}", palette.heading(&figure(rate))),
        None => "no rate can be suggested".to_owned(),
    };
    let ending = match (test.ending, test.trials.last()) {
        (_, None) => "the first step gave no number".to_owned(),
        (RangeEnd::RanAway, Some(last)) => format!("the loss ran away at {}", figure(last.rate)),
        (RangeEnd::Reached, Some(last)) => format!("tried up to {}", figure(last.rate)),
        (RangeEnd::Interrupted, Some(last)) => format!("stopped at {}", figure(last.rate)),
    };
    let steps = test.trials.len();
    vec![
        suggestion,
        format!("  {}", reading.reason),
        format!("  {ending}, after {steps} steps; nothing was kept"),
    ]
}

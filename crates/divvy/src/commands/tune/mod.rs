//! `divvy tune`: searches for better settings than those that the pictures speak for.

mod screen;
mod table;

use std::path::Path;

use anyhow::Result;
use divvy::Cpu;
use divvy::train::{
    Held, Origin, Resources, TrainConfig, TuneConfig, TuneFolder, TunePlan, Tuning, resume_tune, tune,
};

use super::recipe::AUTO;
use super::resume::contradiction;
use super::train::default_name;
use crate::args::{RecipeArgs, TuneArgs};
use crate::terminal::{Terminal, program, quoted};
use crate::{Status, interrupt};
use screen::Screen;
use table::Table;

/// Searches, shows how far it is, and says what was tried, what it is worth and what to type next.
pub(crate) fn run(args: TuneArgs, terminal: &mut Terminal) -> Result<Status> {
    let json = args.json;
    let tuning = match &args.resume {
        Some(out) => gone_on(&out.clone(), args, terminal)?,
        None => begun(args, terminal)?,
    };
    if json {
        terminal.print(serde_json::to_string(&tuning)?);
        return Ok(Status::Done);
    }
    terminal.print("");
    terminal.print(Table(&tuning).to_string().trim_end());
    terminal.print("");
    terminal.print(format_args!("best: {}", terminal.palette().heading(&tuning.settings.to_string())));
    for sentence in tuning.sentences() {
        terminal.print(terminal.palette().wrapped(&sentence, ""));
    }
    terminal.tell(next_steps(&tuning));
    Ok(Status::Done)
}

/// Searches in a new folder.
fn begun(args: TuneArgs, terminal: &mut Terminal) -> Result<Tuning> {
    let (resources, json, minutes) = (resources(&args.recipe), args.json, args.minutes.unwrap_or_default());
    let held = held(&args);
    let origin = if args.config.is_some() { Origin::File } else { Origin::Recipe };
    let last = minutes * TuneConfig::LAST_SHARE;
    let (base, choices) =
        args.recipe.base(args.photos.as_deref(), args.config.as_deref(), Some(last), None)?;
    let is_open = |setting: &str| setting != "learning_rate" || args.lr.is_none();
    for choice in choices.iter().filter(|choice| !json && is_open(choice.setting)) {
        terminal.tell(choice);
    }
    let base = with_rate(args.recipe.config(args.photos, base)?, args.lr);
    let out = args.out.unwrap_or_else(|| Path::new("tune").join(default_name(&base.data)));
    let config = TuneConfig { base, origin, held, minutes };
    let mut screen = Screen::new(terminal, json);
    let tuned = tune(&config, &out, &resources, &mut |event| screen.on(event), interrupt::asked());
    terminal.stop();
    Ok(tuned?)
}

/// Goes on in a folder. What is typed beside it must say what the tune was begun with.
fn gone_on(out: &Path, args: TuneArgs, terminal: &mut Terminal) -> Result<Tuning> {
    let (resources, json) = (resources(&args.recipe), args.json);
    let folder = TuneFolder::at(out);
    let TunePlan { candidates, .. } = folder.plan()?;
    let begun = candidates[0].clone();
    let mut asked = with_rate(args.recipe.config(None, begun.clone())?, args.lr);
    if asked.augment.may_have_become(begun.augment) {
        asked.augment = begun.augment;
    }
    if asked != begun {
        return Err(contradiction(out, &asked, &begun)?.into());
    }
    if !json && folder.result()?.is_some() {
        terminal
            .tell(format_args!("{} has come to its end already; nothing is left to be done", out.display()));
    }
    let mut screen = Screen::new(terminal, json);
    let tuned = resume_tune(out, &resources, &mut |event| screen.on(event), interrupt::asked());
    terminal.stop();
    Ok(tuned?)
}

/// What each training may use, taken anew for each.
fn resources(recipe: &RecipeArgs) -> impl Fn() -> Resources + use<> {
    let (isa, threads) = (recipe.compute.processor.isa(), recipe.compute.processor.threads());
    let cache = recipe.cache.options();
    move || Resources { cache: cache.clone(), ..Resources::from(Cpu::with_isa(isa, threads)) }
}

/// What was typed, and is not searched.
fn held(args: &TuneArgs) -> Held {
    let RecipeArgs { arch, size, start_size, end_size, optimizer, augment, .. } = &args.recipe;
    Held {
        architecture: arch.as_ref().is_some_and(|name| name != AUTO),
        size: size.is_some(),
        sides: start_size.is_some() || end_size.is_some() || args.config.is_some(),
        learning_rate: args.lr.is_some(),
        // A file states it, too.
        optimizer: optimizer.is_some() || args.config.is_some(),
        augment: augment.is_some(),
    }
}

fn with_rate(config: TrainConfig, rate: Option<f64>) -> TrainConfig {
    TrainConfig { learning_rate: rate.unwrap_or(config.learning_rate), ..config }
}

fn next_steps(tuning: &Tuning) -> String {
    let (divvy, best, config) = (program(), quoted(&tuning.best), quoted(&tuning.config));
    let data = if tuning.test_images == 0 { "DATA".to_owned() } else { quoted(&tuning.data) };
    let which = match tuning.test_images {
        0 => "pictures in groups that took no part".to_owned(),
        n => format!("the {n} test pictures"),
    };
    format!(
        "\nnext:\n  {divvy} evaluate {best} {data}\n      how good the best model is on {which}\n  \
         {divvy} train --config {config}\n      the best settings once more, for their usual length"
    )
}

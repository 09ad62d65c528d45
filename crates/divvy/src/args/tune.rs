//! What can be typed about searching for settings.

use std::path::PathBuf;

use clap::Args;

use super::RecipeArgs;
use super::values::{above_zero, minutes};

#[derive(Args, Debug)]
pub(crate) struct TuneArgs {
    /// Pictures in groups, as for train
    #[arg(value_name = "PHOTOS", required_unless_present_any = ["config", "resume"])]
    pub(crate) photos: Option<PathBuf>,

    /// Time for all of it
    #[arg(long, value_name = "M", required_unless_present = "resume", value_parser = minutes)]
    pub(crate) minutes: Option<f64>,

    /// Go on with the tune in this folder where it was interrupted; its own settings hold
    #[arg(long, value_name = "DIR", conflicts_with_all = ["photos", "minutes", "out", "config"])]
    pub(crate) resume: Option<PathBuf>,

    /// The new folder for the trainings, the best model and its settings [default: tune/NAME, after PHOTOS]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Settings in a file such as a run's config.toml, to search around them; what is given here as well goes before them and is not searched
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The learning rate at its highest, which is then not searched
    #[arg(long, value_name = "RATE", value_parser = above_zero)]
    pub(crate) lr: Option<f64>,

    /// Print what was tried and what came of it as JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) recipe: RecipeArgs,
}

//! What can be typed about rules.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use divvy::rules::Rule;

use super::values::{batch, classes, side};
use super::{GroupByArgs, ReadArgs, TaskChoice, ThreadArgs};

/// What is done about findings.
#[derive(Args, Debug)]
pub(crate) struct PolicyArgs {
    /// Treat warnings as errors
    #[arg(long, value_name = "WHAT")]
    pub(crate) deny: Option<Denied>,

    /// Silence the warnings of a rule, such as T05; may be given more than once
    #[arg(long, value_name = "RULE")]
    pub(crate) allow: Vec<Rule>,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Pictures in groups as for train, the folder of a run, a TOML file of layers, or a named network
    #[arg(value_name = "SUBJECT")]
    pub(crate) subject: String,

    /// What the labels of a network mean
    #[arg(long, value_name = "TASK", default_value = "auto")]
    pub(crate) task: TaskChoice,

    /// Groups that a network is to tell apart [default: the units that the file states, or 2]
    #[arg(long, value_name = "N", value_parser = classes)]
    pub(crate) classes: Option<usize>,

    /// Height and width of a network's pictures, in pixels [default: 64]
    #[arg(long, value_name = "PIXELS", value_parser = side)]
    pub(crate) size: Option<usize>,

    /// Pictures in a step of a network's training
    #[arg(long, value_name = "N", value_parser = batch)]
    pub(crate) batch: Option<usize>,

    #[command(flatten)]
    pub(crate) group_by: GroupByArgs,

    #[command(flatten)]
    pub(crate) read: ReadArgs,

    #[command(flatten)]
    pub(crate) policy: PolicyArgs,

    /// Print the findings as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Print the findings as SARIF 2.1.0, which systems for continuous integration show
    #[arg(long, conflicts_with = "json")]
    pub(crate) sarif: bool,

    /// Show the pictures of each finding on a page, index.html, and list them in findings.csv, in a folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) report: Option<PathBuf>,

    /// Set suspect pictures aside into a folder: those that cannot be read, blank ones, and copies but one; `divvy put-back`
    /// undoes it
    #[arg(long, value_name = "FOLDER")]
    pub(crate) move_to: Option<PathBuf>,

    /// The rules whose pictures are set aside, such as P11,P12
    #[arg(long, value_name = "RULE", value_delimiter = ',', requires = "move_to")]
    pub(crate) only: Vec<Rule>,

    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
}

#[derive(Args, Debug)]
pub(crate) struct PutBackArgs {
    /// The folder that `divvy check --move-to` named
    #[arg(value_name = "FOLDER")]
    pub(crate) aside: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// Rules by number or name, such as H01; without one all are listed
    #[arg(value_name = "RULE")]
    pub(crate) rules: Vec<Rule>,
}

/// What can be denied.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Denied {
    Warnings,
}

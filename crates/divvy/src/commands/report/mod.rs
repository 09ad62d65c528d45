//! `divvy report`: how good a model is, how sure, where it fails and how it was made, as a page to read.

mod page;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use divvy::data::{OpenOptions, StoreOptions, write_atomically};
use divvy::nn::{Device, Precision};
use divvy::train::{Measured, ReportConfig, Reported, RunFolder, RunReport, report_run};

use crate::args::{ComputeArgs, ReportArgs};
use crate::terminal::{Terminal, quoted};
use crate::{Status, interrupt};

/// Asks the model, and writes the page and the JSON.
pub(crate) fn run(args: &ReportArgs, terminal: &mut Terminal) -> Result<Status> {
    let config = ReportConfig {
        data: args.data.clone(),
        read: args.measure.read.options(OpenOptions::default()),
        positive: args.measure.positive.clone(),
        against: args.against.clone(),
        costs: args.costs.clone(),
        aim: args.aim,
        coverage: args.coverage,
        accuracy: args.accuracy,
        ..ReportConfig::new(&args.run)
    };
    args.measure.precision.tell(!args.measure.json, terminal);
    let means = Means::of(&args.measure.compute, args.measure.precision.precision)?;
    let reported = gathered(&config, &means, terminal)?;
    let files = Files::of(&args.run, args.into.as_deref());
    files.write(&reported, means.threads, terminal)?;
    let report = &reported.report;
    for sentence in &report.measured_on.left_out {
        Terminal::warn(format_args!("left out: {sentence}"));
    }
    if args.measure.json {
        terminal.print(serde_json::to_string(report)?);
    } else {
        report.summary.iter().for_each(|sentence| terminal.print(sentence));
        terminal.tell(format_args!(
            "\n{} shows it all, {} holds every number",
            files.page.display(),
            files.json.display()
        ));
    }
    Ok(Status::partial_if(!report.measured_on.left_out.is_empty()))
}

/// What a report is made with.
pub(super) struct Means {
    pub(super) device: Device,
    pub(super) threads: usize,
}

impl Means {
    /// The machine as it was asked for.
    pub(super) fn of(compute: &ComputeArgs, precision: Precision) -> Result<Self> {
        Ok(Self { device: compute.device(precision)?, threads: compute.processor.threads() })
    }
}

/// Writes the report of a run that has come to its end, and says the first of it. One that is there stays: it may be of what someone has asked for. The run is as
/// good without: what keeps the report from being written is a warning.
pub(super) fn after_training(config: &ReportConfig, means: &Means, terminal: &mut Terminal) {
    let files = Files::of(&config.run, None);
    if files.page.is_file() && files.json.is_file() {
        terminal.tell(format_args!("report: {}", quoted(&files.page)));
        return;
    }
    let written = gathered(config, means, terminal)
        .and_then(|reported| files.write(&reported, means.threads, terminal).map(|()| reported));
    match written {
        Ok(Reported { report, .. }) => {
            // How it does on what validates was told when the training ended.
            if report.measured_on.part != Measured::Validation {
                terminal.tell(&report.summary[0]);
            }
            terminal.tell(format_args!("report: {}", quoted(&files.page)));
        }
        Err(error) => {
            Terminal::warn(format_args!("{}: the report was not written: {error:#}", config.run.display()));
        }
    }
}

/// Asks the model, and shows how far it is.
fn gathered(config: &ReportConfig, means: &Means, terminal: &mut Terminal) -> Result<Reported> {
    let reported = {
        let progress = terminal.start("reading pictures");
        let count = |done, total| progress.count(done, total);
        let (threads, cancel) = (means.threads, Some(interrupt::asked()));
        let options = StoreOptions { threads, progress: Some(&count), cancel, ..StoreOptions::default() };
        let classified = |done, total| progress.renamed("classifying").count(done, total);
        report_run(config, &means.device, &options, &classified)
    };
    terminal.stop();
    Ok(reported?)
}

/// Where a report goes.
struct Files {
    page: PathBuf,
    json: PathBuf,
}

impl Files {
    /// `report.html` and `report.json` in the folder named, or else the run's; of another model file than a run's own they are named after it, so that
    /// they stay apart.
    fn of(run: &Path, into: Option<&Path>) -> Self {
        let own = RunFolder::at(run);
        let folder = RunFolder::at(into.unwrap_or(own.path()));
        let [page, json] = folder.report();
        match run.file_stem().filter(|_| run.is_file() && run != own.model()) {
            None => Self { page, json },
            Some(model) => {
                let named = |extension: &str| {
                    let mut name = model.to_owned();
                    name.push(format!(".report.{extension}"));
                    folder.path().join(name)
                };
                Self { page: named("html"), json: named("json") }
            }
        }
    }

    fn write(&self, reported: &Reported, threads: usize, terminal: &mut Terminal) -> Result<()> {
        terminal.start("drawing the page");
        let page = page::document(reported, threads).into_string();
        terminal.stop();
        if let Some(folder) = self.page.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).with_context(|| format!("{}: cannot be created", folder.display()))?;
        }
        write_atomically(&self.page, |file| file.write_all(page.as_bytes()))?;
        let json = json(&reported.report)?;
        write_atomically(&self.json, |file| file.write_all(json.as_bytes()))?;
        Ok(())
    }
}

/// The report as a program reads it from the file, and a person can.
fn json(report: &RunReport) -> Result<String> {
    Ok(serde_json::to_string_pretty(report)? + "\n")
}

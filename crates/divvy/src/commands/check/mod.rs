//! `divvy check`: looks for mistakes without training.

mod aside;
mod copies;
mod printed;
mod report;
mod sarif;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use divvy::data::check::Finding;
use divvy::data::{DataError, Dataset, OpenOptions};
use divvy::nn::{Architecture, Wiring};
use divvy::rules::{Diagnostic, Policy, Rule, Severity, Verdict};
use divvy::train::{
    DataCheck, DataFindings, NetworkQuestion, RunFolder, check_data, check_network, check_run,
};

use crate::args::{CheckArgs, Denied, PolicyArgs};
use crate::failure::Failure;
use crate::terminal::Terminal;
use crate::{Status, interrupt};
use printed::Printed;
use report::Shown;

/// What is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Data,
    Network,
    Run,
}

impl Kind {
    /// What a subject is: the name or file of a network, a run's folder or model, else data.
    fn of(subject: &str) -> Self {
        let path = Path::new(subject);
        let is_model = path.extension().is_some_and(|found| found.eq_ignore_ascii_case("divvy"));
        let run = RunFolder::at(path);
        let holds_run = path.is_dir() && (run.model().is_file() || run.events().is_file());
        let is_named = Architecture::NAMES.contains(&subject) && !path.exists();
        if is_model || holds_run {
            Self::Run
        } else if is_named || Architecture::is_toml(subject) {
            Self::Network
        } else {
            Self::Data
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Network => "network",
            Self::Run => "run",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Network => "networks",
            Self::Run => "runs",
        }
    }
}

impl PolicyArgs {
    fn policy(&self) -> Policy {
        Policy {
            allow: self.allow.iter().copied().collect(),
            deny_warnings: self.deny == Some(Denied::Warnings),
        }
    }
}

/// Checks, prints what was found, and says by the exit code whether there is an error among it.
pub(crate) fn run(args: &CheckArgs, terminal: &mut Terminal) -> Result<Status> {
    let kind = Kind::of(&args.subject);
    refuse_idle_flags(args, kind)?;
    let mut policy = args.policy.policy();
    let path = Path::new(&args.subject);
    let (found, dataset) = match kind {
        Kind::Network => (check_network(&args.subject, &args.question(), &mut policy)?.into(), None),
        Kind::Run => (check_run(path, &mut policy)?.into(), None),
        Kind::Data => data_findings(args, path, terminal)?,
    };
    let DataFindings { findings, problems, copies, sizes } = found;
    let copies = dataset.as_ref().map(|dataset| copies::named(&copies, dataset)).unwrap_or_default();
    let (findings, silenced) = judge(findings, &policy);
    let told: Vec<&Diagnostic> = findings.iter().map(|finding| &finding.diagnostic).collect();
    let errors = told.iter().any(|finding| finding.is_error());
    for sentence in &problems {
        Terminal::warn(sentence);
    }
    let printed = Printed {
        subject: &args.subject,
        kind: kind.name(),
        findings: &told,
        problems: &problems,
        copies: &copies,
        silenced,
    };
    if args.sarif {
        terminal.print(serde_json::to_string_pretty(&sarif::log(&told))?);
    } else if args.json {
        terminal.print(serde_json::to_string(&printed)?);
    } else {
        printed.print(terminal);
    }
    if let Some(dataset) = &dataset {
        let mut done = Vec::new();
        if let Some(folder) = &args.report {
            let threads = args.threads.count();
            let shown = Shown { dataset, findings: &findings, sizes: &sizes, threads };
            done.push(report::write(folder, &shown, terminal)?);
        }
        if let Some(folder) = &args.move_to {
            done.extend(aside::set_aside(folder, &args.only, dataset, &findings, terminal)?);
        }
        if !args.is_for_programs() {
            for line in &done {
                terminal.tell(line);
            }
        }
    }
    Ok(Status::partial_if(errors || !problems.is_empty() || interrupt::is_asked()))
}

/// What is wrong with labels, or, where they can be read, with names, parts and pictures, and then the data itself.
fn data_findings(
    args: &CheckArgs,
    path: &Path,
    terminal: &mut Terminal,
) -> Result<(DataFindings, Option<Arc<Dataset>>)> {
    let dataset = match Dataset::open(path, &args.read_options()) {
        Err(DataError::Label(finding)) => return Ok((vec![*finding].into(), None)),
        other => Arc::new(other?),
    };
    if let Some(folder) = &args.move_to {
        aside::refuse(folder, &dataset)?;
    }
    if !args.is_for_programs() {
        terminal.tell(&dataset);
        dataset.conversions().iter().for_each(Terminal::warn);
    }
    let progress = terminal.start("looking at pictures");
    let told = |check, done, total| {
        let what = match check {
            DataCheck::Files => "looking at pictures",
            DataCheck::Pictures => "comparing pictures",
        };
        progress.renamed(what).count(done, total);
    };
    let checked = check_data(&dataset, args.threads.count(), &told, interrupt::asked());
    terminal.stop();
    Ok((checked?, Some(dataset)))
}

impl CheckArgs {
    /// Whether standard output is one document for a program.
    fn is_for_programs(&self) -> bool {
        self.json || self.sarif
    }

    /// How data is read.
    fn read_options(&self) -> OpenOptions {
        self.group_by.options(self.read.options(OpenOptions::default()))
    }

    fn question(&self) -> NetworkQuestion {
        let usual = NetworkQuestion::default();
        NetworkQuestion {
            task: self.task.task(),
            classes: self.classes,
            size: self.size.unwrap_or(usual.size),
            batch: self.batch,
            wiring: Wiring::default(),
        }
    }
}

/// Flags about networks do nothing for data and runs, which say themselves what they are, and flags about pictures for what has none.
fn refuse_idle_flags(args: &CheckArgs, kind: Kind) -> Result<()> {
    let given = [
        ("--task", args.task.task().is_some(), Kind::Network),
        ("--classes", args.classes.is_some(), Kind::Network),
        ("--size", args.size.is_some(), Kind::Network),
        ("--batch", args.batch.is_some(), Kind::Network),
        ("--report", args.report.is_some(), Kind::Data),
        ("--move-to", args.move_to.is_some(), Kind::Data),
    ];
    if kind != Kind::Data && args.read_options() != OpenOptions::default() {
        let message = format!("{} is no data, and flags that say how data is read were given", args.subject);
        return Err(Failure::new(message).help("leave them out").into());
    }
    match given.iter().find(|(_, is_given, of)| *is_given && kind != *of) {
        Some((flag, _, of)) => {
            let message = format!("{flag}: {} is {}, which needs no such flag", args.subject, kind.name());
            Err(Failure::new(message).help(format!("leave {flag} out; it is for {}", of.plural())).into())
        }
        None => Ok(()),
    }
}

/// What is left to be told, the worst first, and the rules that are silenced.
fn judge(found: Vec<Finding>, policy: &Policy) -> (Vec<Finding>, BTreeSet<Rule>) {
    let mut silenced = BTreeSet::new();
    let mut findings = Vec::new();
    for Finding { diagnostic, suspects } in found {
        let rule = diagnostic.rule;
        match policy.judge(diagnostic) {
            Verdict::Told(diagnostic) | Verdict::Refused(diagnostic) => {
                findings.push(Finding { diagnostic, suspects });
            }
            Verdict::Silent => _ = silenced.insert(rule),
        }
    }
    findings.sort_by_key(|finding| Reverse(finding.diagnostic.severity));
    (findings, silenced)
}

/// How many findings are of a severity.
fn count(findings: &[&Diagnostic], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}

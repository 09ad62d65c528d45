//! How far a tune is: a bar for people, and a line for each training that is over.

use divvy::rules::{Diagnostic, Stage};
use divvy::train::{Event, Settings, TrialResult, TuneEvent, TunePlan, TuneTrial, TuneTurn};

use crate::terminal::{Terminal, duration};

/// Shows a tune while it goes on.
pub(super) struct Screen<'a> {
    terminal: &'a mut Terminal,
    /// Whether standard output is for the result alone.
    json: bool,
    plan: Option<TunePlan>,
    /// What was told already.
    found: Vec<Diagnostic>,
}

impl<'a> Screen<'a> {
    pub(super) fn new(terminal: &'a mut Terminal, json: bool) -> Self {
        terminal.start("reading pictures");
        Self { terminal, json, plan: None, found: Vec::new() }
    }

    pub(super) fn on(&mut self, event: TuneEvent<'_>) {
        match event {
            TuneEvent::Pilot(event) => self.pilot(event),
            TuneEvent::Planned(plan) => {
                self.tell(&planned(plan));
                self.plan = Some(plan.clone());
                self.terminal.start("tuning");
            }
            TuneEvent::During(turn, event) => self.during(turn, event),
            TuneEvent::Ended(turn, trial) => {
                let line = self.plan.as_ref().map(|plan| ended(plan, turn, trial));
                self.tell(&line.unwrap_or_default());
            }
        }
    }

    fn tell(&mut self, line: &str) {
        if !self.json {
            self.terminal.tell(line);
        }
    }

    fn pilot(&mut self, event: &Event) {
        match event {
            Event::Loading { done, total } => {
                self.terminal.progress().renamed("reading pictures").count(*done, *total);
                if done == total {
                    self.terminal.progress().renamed("measuring the speed");
                }
            }
            Event::Note { text } => Terminal::warn(text),
            Event::Finding { finding } if !finding.is_error() => self.find(finding.clone()),
            _ => {}
        }
    }

    fn during(&mut self, turn: TuneTurn, event: &Event) {
        let TuneTurn { rung, candidate, number, of, after } = turn;
        let name = TunePlan::name(candidate);
        match event {
            Event::Step { progress, loss, seconds_left, .. } => {
                let left = duration(seconds_left + after);
                let words = format!("rung {rung}, {number} of {of}: {name}, loss {loss:.4}, {left} left");
                self.terminal.progress().show(self.share(*seconds_left + after, *progress), &words);
            }
            Event::Familiarizing { seconds_left, .. } => {
                let left = duration(seconds_left + after);
                let words =
                    format!("rung {rung}, {number} of {of}: {name}, looking at its pictures, {left} left");
                self.terminal.progress().show(self.share(*seconds_left + after, 1.0), &words);
            }
            // What pictures and names tell was told before the plan.
            Event::Finding { finding } if !finding.is_error() && finding.rule.stage() == Stage::Training => {
                let place = format!("rung {rung}, {name}: {}", finding.place);
                self.find(finding.clone().at(place));
            }
            _ => {}
        }
    }

    /// The part of the tune that is done, where so many seconds are left.
    fn share(&self, left: f64, of_trial: f64) -> f64 {
        match &self.plan {
            Some(plan) => (1.0 - left / (plan.minutes * 60.0)).clamp(0.0, 1.0),
            None => of_trial,
        }
    }

    fn find(&mut self, finding: Diagnostic) {
        if !self.found.contains(&finding) {
            self.terminal.find(&finding);
            self.found.push(finding);
        }
    }
}

/// What will be tried, in two lines.
fn planned(plan: &TunePlan) -> String {
    let rungs: Vec<String> = plan
        .rungs
        .iter()
        .map(|rung| format!("{} for {} each", rung.candidates, duration(rung.seconds)))
        .collect();
    let short = if plan.epochs < 1.0 { "; give more --minutes for trials that mean more" } else { "" };
    format!(
        "\n{} candidates in {} rungs: {}\nin the first there is time for about {:.1} epochs of {}{short}\n",
        plan.candidates.len(),
        plan.rungs.len(),
        rungs.join(", then "),
        plan.epochs,
        plan.origin.choice()
    )
}

/// A training that is over, in a line.
fn ended(plan: &TunePlan, turn: TuneTurn, trial: &TuneTrial) -> String {
    let TuneTurn { rung, candidate, number, of, .. } = turn;
    let settings = what(&plan.settings(candidate), &plan.settings(0));
    let came_to = match &trial.result {
        TrialResult::Trained { validation, epochs, .. } => {
            format!("{} {:.4}, {epochs} epochs", validation.metric.in_words(), validation.value)
        }
        TrialResult::Failed { reason } => format!("failed: {reason}"),
    };
    format!(
        "rung {rung}, {number} of {of}  {}  {settings}: {came_to}  {}",
        TunePlan::name(candidate),
        duration(trial.seconds)
    )
}

/// What is different from the first candidate's settings; of the first all.
pub(super) fn what(settings: &Settings, first: &Settings) -> String {
    let unlike = settings.unlike(first);
    if unlike.is_empty() { settings.to_string() } else { unlike }
}

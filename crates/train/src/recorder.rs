//! Where events go: to the run's events.jsonl, to whoever listens, and to the watch over the training.

use std::time::Duration;

use divvy_rules::{Diagnostic, Policy, Verdict};
use serde::Serialize;

use crate::clock::Stopwatch;
use crate::error::TrainError;
use crate::event::{Event, Listener};
use crate::log::Log;
use crate::watch::Watch;

/// Between two lines that say how far something is; listeners hear of each.
const INTERVAL: Duration = Duration::from_secs(1);

/// Writes events to events.jsonl and tells a listener; and records what the [`Watch`] finds in them.
///
/// A disk that does not take a line does not end a training: the listener is told, and the line waits.
pub(crate) struct Recorder<'a> {
    log: Option<Log>,
    listener: &'a mut (dyn Listener + Send),
    stopwatch: Stopwatch,
    /// When the last line was written that says how far something is.
    last_progress: Option<Duration>,
    watch: Watch,
    policy: Policy,
}

/// A line of events.jsonl.
#[derive(Serialize)]
struct Line<'a> {
    /// Seconds that the training has taken.
    at: f64,
    #[serde(flatten)]
    event: &'a Event,
}

impl<'a> Recorder<'a> {
    /// Goes on where `log` ends, with a watch that has seen what stands there.
    pub(crate) fn new(
        log: Log,
        watch: Watch,
        listener: &'a mut (dyn Listener + Send),
        stopwatch: Stopwatch,
        policy: Policy,
    ) -> Self {
        Self { log: Some(log), listener, stopwatch, last_progress: None, watch, policy }
    }

    /// One that tells the listener alone, for what is no run.
    pub(crate) fn unwritten(
        listener: &'a mut (dyn Listener + Send),
        stopwatch: Stopwatch,
        policy: Policy,
    ) -> Self {
        Self { log: None, listener, stopwatch, last_progress: None, watch: Watch::new(), policy }
    }

    /// Tells the listener, and writes the event down at once, so that others can follow the file; then what the event shows.
    ///
    /// # Errors
    /// [`TrainError::Finding`] when the event shows something to stop for.
    pub(crate) fn record(&mut self, event: &Event) -> Result<(), TrainError> {
        self.tell(event);
        self.watch.on(event).into_iter().try_for_each(|finding| self.finding(finding))
    }

    /// Tells the listener alone.
    pub(crate) fn show(&mut self, event: &Event) {
        self.listener.on(event);
    }

    /// As [`Self::record`], for a sentence.
    pub(crate) fn note(&mut self, text: impl Into<String>) -> Result<(), TrainError> {
        self.record(&Event::Note { text: text.into() })
    }

    /// Tells of a finding, unless nobody wants to hear of it.
    ///
    /// # Errors
    /// [`TrainError::Finding`] when it is one to stop for.
    pub(crate) fn finding(&mut self, finding: Diagnostic) -> Result<(), TrainError> {
        match self.policy.judge(finding) {
            Verdict::Silent => Ok(()),
            Verdict::Told(finding) => {
                self.tell(&Event::Finding { finding });
                Ok(())
            }
            Verdict::Refused(finding) => {
                self.tell(&Event::Finding { finding: finding.clone() });
                Err(finding.into())
            }
        }
    }

    /// Brings all that was told onto the disk; the length of events.jsonl.
    ///
    /// # Errors
    /// [`TrainError::Write`].
    pub(crate) fn settle(&mut self) -> Result<u64, TrainError> {
        let Some(log) = &mut self.log else { return Ok(0) };
        log.settle().map_err(|source| TrainError::Write { path: log.path().to_owned(), source })
    }

    /// What the events so far have shown.
    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// As [`Self::record`], for an event that cannot show anything.
    pub(crate) fn tell(&mut self, event: &Event) {
        self.listener.on(event);
        let at = self.stopwatch.elapsed();
        match event {
            Event::Loading { .. } => return,
            Event::Step { .. } | Event::Familiarizing { done: 1.., .. }
                if self.log.as_ref().is_some_and(Log::is_behind) || self.is_soon(at) =>
            {
                return;
            }
            Event::Step { .. } | Event::Familiarizing { .. } => self.last_progress = Some(at),
            _ => {}
        }
        self.write(at, event);
    }

    /// Whether it was written down a moment before how far something is.
    fn is_soon(&self, at: Duration) -> bool {
        self.last_progress.is_some_and(|last| at.saturating_sub(last) < INTERVAL)
    }

    fn write(&mut self, at: Duration, event: &Event) {
        let line = Line { at: (at.as_secs_f64() * 1e3).round() / 1e3, event };
        let line =
            serde_json::to_vec(&line).expect("an event has string keys only and no failing serialiser");
        let Some(log) = &mut self.log else { return };
        let was_behind = log.is_behind();
        if let Err(error) = log.add(&line)
            && !was_behind
        {
            let path = log.path().display();
            let text = format!(
                "{path}: cannot write: {error}; the training goes on, and what happens is written down as soon as it can be"
            );
            let note = Event::Note { text };
            self.listener.on(&note);
            self.write(at, &note);
        }
    }
}

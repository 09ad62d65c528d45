//! Where events go: to the run's events.jsonl, to whoever listens, and to the watch over the training.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Instant;

use divvy_rules::{Diagnostic, Policy, Verdict};
use serde::Serialize;

use crate::error::TrainError;
use crate::event::{Event, Listener};
use crate::run::RunFolder;
use crate::watch::Watch;

/// Seconds between two steps that are written down; listeners hear of each.
const STEP_INTERVAL: f64 = 1.0;

/// Writes events to events.jsonl and tells a listener; and records what the [`Watch`] finds in them.
pub(crate) struct Recorder<'a> {
    log: Option<Log>,
    listener: &'a mut (dyn Listener + Send),
    started: Instant,
    last_step: f64,
    watch: Watch,
    policy: Policy,
}

/// The file that events are written to.
struct Log {
    path: PathBuf,
    writer: BufWriter<File>,
}

/// A line of events.jsonl.
#[derive(Serialize)]
struct Line<'a> {
    /// Seconds since the start.
    at: f64,
    #[serde(flatten)]
    event: &'a Event,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(
        run: &RunFolder,
        listener: &'a mut (dyn Listener + Send),
        started: Instant,
        policy: Policy,
    ) -> Result<Self, TrainError> {
        let path = run.events();
        let log = File::create(&path).map_err(|source| TrainError::Write { path: path.clone(), source })?;
        let log = Log { path, writer: BufWriter::new(log) };
        Ok(Self { log: Some(log), ..Self::unwritten(listener, started, policy) })
    }

    /// One that tells the listener alone, for what is no run.
    pub(crate) fn unwritten(
        listener: &'a mut (dyn Listener + Send),
        started: Instant,
        policy: Policy,
    ) -> Self {
        Self { log: None, listener, started, last_step: f64::NEG_INFINITY, watch: Watch::new(), policy }
    }

    /// Tells the listener, and writes the event down at once, so that others can follow the file; then what the event shows.
    ///
    /// # Errors
    /// [`TrainError::Write`], and [`TrainError::Finding`] when the event shows something to stop for.
    pub(crate) fn record(&mut self, event: &Event) -> Result<(), TrainError> {
        self.tell(event)?;
        self.watch.on(event).into_iter().try_for_each(|finding| self.finding(finding))
    }

    fn tell(&mut self, event: &Event) -> Result<(), TrainError> {
        self.listener.on(event);
        let Some(log) = &mut self.log else { return Ok(()) };
        let at = self.started.elapsed().as_secs_f64();
        match event {
            Event::Loading { .. } => return Ok(()),
            Event::Step { .. } if at - self.last_step < STEP_INTERVAL => return Ok(()),
            Event::Step { .. } => self.last_step = at,
            _ => {}
        }
        log.write(&Line { at: (at * 1e3).round() / 1e3, event })
            .map_err(|source| TrainError::Write { path: log.path.clone(), source })
    }

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
            Verdict::Told(finding) => self.tell(&Event::Finding { finding }),
            Verdict::Refused(finding) => {
                self.tell(&Event::Finding { finding: finding.clone() })?;
                Err(finding.into())
            }
        }
    }
}

impl Log {
    fn write(&mut self, line: &Line<'_>) -> std::io::Result<()> {
        serde_json::to_writer(&mut self.writer, line)?;
        self.writer.write_all(b"\n")?;
        self.writer.flush()
    }
}

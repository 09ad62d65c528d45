//! What a tune has tried, as a table.

use std::cmp::Ordering;
use std::fmt;

use divvy::train::{TrialResult, Tried, Tuning};

use super::screen::what;
use crate::terminal::{duration, write_aligned};

/// A row for each training, rung by rung, the best of each first.
pub(super) struct Table<'a>(pub(super) &'a Tuning);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tuning { metric, validation_images, trials, seconds, .. } = self.0;
        writeln!(
            f,
            "{} trainings in {}, ranked on the same {validation_images} validation pictures; 95 % intervals in parentheses\n",
            trials.len(),
            duration(*seconds)
        )?;
        let head = ["rung", "candidate", "settings", metric.in_words(), "time", ""];
        let mut rows = vec![head.map(str::to_owned)];
        let first = trials.iter().find(|tried| tried.trial.candidate == 0);
        let mut sorted: Vec<&Tried> = trials.iter().collect();
        let rank = |tried: &Tried| {
            tried.trial.score().map_or((f64::NEG_INFINITY, 0.0), |score| (score.value, -score.loss))
        };
        sorted.sort_by(|a, b| {
            let (best_first, rung) = (rank(b).partial_cmp(&rank(a)), a.trial.rung.cmp(&b.trial.rung));
            rung.then(best_first.unwrap_or(Ordering::Equal))
        });
        rows.extend(sorted.into_iter().map(|tried| row(tried, first.unwrap_or(tried))));
        write_aligned(f, &rows, 3)?;
        self.write_reasons(f)
    }
}

impl Table<'_> {
    /// Why trainings failed, a line each.
    fn write_reasons(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Tried { name, trial, .. } in &self.0.trials {
            if let TrialResult::Failed { reason } = &trial.result {
                writeln!(f, "\n{name}, rung {}: {reason}", trial.rung)?;
            }
        }
        Ok(())
    }
}

fn row(tried: &Tried, first: &Tried) -> [String; 6] {
    let Tried { name, settings, fate, ci95, trial } = tried;
    let score = trial.score().map(|score| format!("{:.4}", score.value)).unwrap_or_default();
    let interval = ci95.map(|ci| format!(" ({:.3} to {:.3})", ci.low, ci.high)).unwrap_or_default();
    [
        trial.rung.to_string(),
        name.clone(),
        what(settings, &first.settings),
        format!("{score}{interval}"),
        duration(trial.seconds),
        fate.name().to_owned(),
    ]
}

//! A comparison as a table.

use std::fmt;

use divvy::train::{AtOnce, Comparison, Spread, Standing};

use crate::terminal::{thousands, write_aligned};

/// A row a contender, each figure with its interval; then how they differ, and on how many pictures they disagree.
///
/// The time an epoch takes is that of training and validation as the trainings' events have it.
pub(super) struct Table<'a>(pub(super) &'a Comparison);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Comparison { test_images, contenders, metric, at_once, .. } = self.0;
        let seeds = contenders[0].runs.len();
        let trainings = if seeds == 1 { "one training".to_owned() } else { format!("{seeds} trainings") };
        writeln!(
            f,
            "{trainings} each, on the same {test_images} pictures; means, and 95 % intervals in parentheses\n"
        )?;
        let head = ["", "parameters", metric.in_words(), "log loss", "calibration error", "s an epoch"];
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(contenders.iter().map(row));
        write_aligned(f, &rows, 1)?;
        let reused = contenders.iter().flat_map(|standing| &standing.runs).filter(|run| run.reused).count();
        let all = seeds * contenders.len();
        if reused > 0 {
            writeln!(f, "\n{reused} of {all} trainings, and their times, are of an earlier call")?;
        }
        let AtOnce { trainings: side_by_side, threads } = *at_once;
        if side_by_side > 1 && reused < all {
            let threads = if threads == 1 { "a thread".to_owned() } else { format!("{threads} threads") };
            writeln!(
                f,
                "\n{side_by_side} trainings went on side by side, on {threads} each, which times hang on"
            )?;
        }
        self.write_differences(f)?;
        self.write_disagreements(f)
    }
}

impl Table<'_> {
    /// The difference of each figure, with its interval: a line each, as four in a row would be wider than a terminal.
    fn write_differences(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = &self.0.contenders[0].name;
        let mut rows = vec![[
            format!("less {first}"),
            String::new(),
            "difference".to_owned(),
            "95 % interval".to_owned(),
        ]];
        for difference in &self.0.differences {
            let figures = [
                (self.0.metric.in_words(), Some(difference.score), 4),
                ("log loss", difference.log_loss, 4),
                ("calibration error", difference.calibration_error, 4),
                ("s an epoch", Some(difference.seconds_per_epoch), 2),
            ];
            for (index, (name, spread, digits)) in figures.into_iter().enumerate() {
                let other = if index == 0 { difference.other.clone() } else { String::new() };
                let [mean, interval] = signed(spread, digits);
                rows.push([other, name.to_owned(), mean, interval]);
            }
        }
        writeln!(f)?;
        write_aligned(f, &rows, 2)
    }

    /// On how many pictures pairs disagree, and in how many trainings by more than chance.
    fn write_disagreements(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nMcNemar's test on the pictures of each seed: right in one only")?;
        for difference in &self.0.differences {
            let counts =
                difference.mcnemar.iter().map(|seed| format!("{}:{}", seed.only_baseline, seed.only_other));
            let uneven = difference.mcnemar.iter().filter(|seed| seed.p < 0.05).count();
            writeln!(
                f,
                "{} : {}   {}   p < 0.05 in {uneven} of {}",
                difference.baseline,
                difference.other,
                counts.collect::<Vec<_>>().join(" "),
                difference.mcnemar.len()
            )?;
        }
        Ok(())
    }
}

fn row(standing: &Standing) -> [String; 6] {
    let optional =
        |spread: Option<Spread>| spread.map_or_else(|| "n/a".to_owned(), |spread| figure(spread, 4));
    [
        standing.name.clone(),
        thousands(standing.parameters),
        figure(standing.score, 4),
        optional(standing.log_loss),
        optional(standing.calibration_error),
        figure(standing.seconds_per_epoch, 2),
    ]
}

/// `0.9123 (0.9010 to 0.9236)`
fn figure(spread: Spread, digits: usize) -> String {
    match spread.ci95 {
        Some(ci) => format!("{:.digits$} ({:.digits$} to {:.digits$})", spread.mean, ci.low, ci.high),
        None => format!("{:.digits$}", spread.mean),
    }
}

/// `+0.0123` and `-0.0010 to +0.0256`
fn signed(spread: Option<Spread>, digits: usize) -> [String; 2] {
    let none = || "n/a".to_owned();
    let Some(Spread { mean, ci95 }) = spread else { return [none(), none()] };
    let interval = ci95.map(|ci| format!("{:+.digits$} to {:+.digits$}", ci.low, ci.high));
    [format!("{mean:+.digits$}"), interval.unwrap_or_else(none)]
}

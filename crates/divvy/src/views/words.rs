//! A training in words.

use divvy::eval::Interval;
use divvy::nn::{Head, HeadKind, Metric, Precision, Task};
use divvy::train::{Balance, Ending, Event, Outcome};

use crate::terminal::{Palette, duration, shortened, thousands, width};

/// What a model does after the last epoch.
pub(super) const FAMILIARIZING: &str = "learning what the training pictures look like";

/// What is about to be trained on what.
pub(super) fn started(event: &Event) -> String {
    let Event::Started {
        classes,
        architecture,
        parameters,
        input,
        task,
        head,
        units,
        training_images,
        validation_images,
        test_images,
        precision,
        balance,
        ..
    } = event
    else {
        return String::new();
    };
    let [height, width, channels] = input;
    let test = match test_images {
        0 => String::new(),
        n => format!(", {} left alone for testing", thousands(*n)),
    };
    format!(
        "{architecture} with {} parameters, on {height} x {width} x {channels}{}\n{}\
         {} pictures to train on, {} to validate{test}\n\
         {} groups: {}\n{}",
        thousands(*parameters),
        computed_with(*precision),
        trained_as(*task, *head, *units),
        thousands(*training_images),
        thousands(*validation_images),
        classes.len(),
        list(classes),
        counted(*balance),
    )
}

/// What a training will take, in a line.
pub(super) fn forecast(event: &Event) -> String {
    let &Event::Forecast { memory, epochs, epoch_seconds, seconds } = event else { return String::new() };
    let memory = memory.map(|bytes| format!(", {:.0} MiB of memory", bytes as f64 / f64::from(1 << 20)));
    format!(
        "forecast: {} from here, {} epochs of {epoch_seconds:.1} s{}\n",
        duration(seconds),
        thousands(epochs.round() as usize),
        memory.unwrap_or_default(),
    )
}

/// Where a training goes on that is to have so many epochs, where that is known.
pub(super) fn resumed(epoch: u32, step: usize, steps: usize, epochs: Option<u32>) -> String {
    if epochs.is_some_and(|epochs| epoch > epochs) {
        "going on after the last epoch".to_owned()
    } else {
        format!("going on in epoch {epoch}, after {step} of {steps} steps")
    }
}

/// What follows the last epoch, in a line where it begins; none where that is over at once.
pub(super) fn familiarizing(event: &Event) -> Option<String> {
    /// Nobody wonders so soon why nothing happens.
    const SECONDS: f64 = 1.0;
    match event {
        Event::Familiarizing { done: 0, total, seconds_left } if *seconds_left > SECONDS => Some(format!(
            "{FAMILIARIZING} from {} of them, in about {}",
            thousands(*total),
            duration(*seconds_left)
        )),
        _ => None,
    }
}

/// What else is to be known of the numbers that are computed with.
fn computed_with(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 => "",
        Precision::Bf16 => ", convolutions in bf16",
        Precision::F16 => ", convolutions in f16",
    }
}

/// How groups of different sizes count, in a line.
fn counted(balance: Balance) -> &'static str {
    match balance {
        Balance::None => "",
        Balance::Weights => "they count alike in the loss; probabilities are corrected for it\n",
        Balance::Oversample => "as many pictures of each are shown; probabilities are corrected for it\n",
    }
}

/// Task, head and loss in a line.
fn trained_as(task: Task, kind: HeadKind, units: usize) -> String {
    let head = Head::new(task, kind, units);
    head.map(|head| format!("{task}: {head}, trained by {}\n", head.loss().in_words())).unwrap_or_default()
}

/// The first names, and how many there are besides.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// A metric's name, with that of the group it is about where it is about one of two.
fn named(metric: Metric, positive: Option<&str>) -> String {
    match (metric, positive) {
        (Metric::RocAuc, Some(positive)) => format!("{} of {positive}", metric.in_words()),
        _ => metric.in_words().to_owned(),
    }
}

/// An epoch in a line; where there are only so many columns, as much of it as fits.
pub(super) fn epoch(
    event: &Event,
    positive: Option<&str>,
    columns: Option<usize>,
    palette: Palette,
) -> String {
    const GAP: &str = "  ";
    const BEST: &str = "best";
    let Event::Epoch { epoch, epochs, training_loss, validation, best, images_per_second, .. } = event else {
        return String::new();
    };
    let of = epochs.map(|epochs| format!("/{epochs}")).unwrap_or_default();
    let number = format!("epoch {epoch:>3}{of}");
    // What not every epoch is has its room in every line, so that all lines say the same.
    let taken = width(&number) + GAP.len() + BEST.len();
    let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(taken));
    let value = format!(" {:.4}", validation.value);
    let metric = named(validation.metric, positive);
    let metric = shortened(&metric, room.saturating_sub(GAP.len() + value.len()));
    let mut figures = vec![
        format!("loss {training_loss:.4}"),
        format!("validation {:.4}", validation.loss),
        format!("{metric}{value}"),
        format!("{images_per_second:.0} img/s"),
    ];
    // The speed is left out first, then the validation loss, the training loss and the metric.
    for least in [3, 1, 0, 0] {
        if figures.iter().map(|figure| GAP.len() + width(figure)).sum::<usize>() > room {
            figures.remove(least);
        }
    }
    let best = best.then(|| palette.good(BEST));
    [number].into_iter().chain(figures).chain(best).collect::<Vec<_>>().join(GAP)
}

/// What came of a training, in two lines.
pub(crate) fn told(outcome: &Outcome, positive: Option<&str>, palette: Palette) -> String {
    let score = &outcome.validation;
    let ending = match outcome.ending {
        Ending::Completed => "",
        Ending::Stalled => " (the last were no better)",
        Ending::Interrupted => " (interrupted)",
    };
    format!(
        "best epoch {} of {}{ending}: {} {}{} on {} pictures\nmodel: {}",
        outcome.best_epoch,
        outcome.epochs,
        named(score.metric, positive),
        palette.heading(&format!("{:.3}", score.value)),
        interval(score.metric, score.value, outcome.validation_images),
        outcome.validation_images,
        outcome.run.model().display(),
    )
}

/// The 95 % interval of a share of pictures; none for what is no share.
fn interval(metric: Metric, value: f64, images: usize) -> String {
    let right = (value * images as f64).round() as usize;
    let interval = match metric {
        Metric::Accuracy => Interval::wilson(right, images),
        Metric::BalancedAccuracy | Metric::MacroF1 | Metric::RocAuc => None,
    };
    interval
        .map(|interval| format!(" (95 % interval {:.3} to {:.3})", interval.low, interval.high))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::testing;

    #[test]
    fn an_epoch_says_what_fits() {
        let event = testing::epoch(3, 0.5, 0.75, &testing::answers(&[4], &[3]));
        let line = |columns| epoch(&event, None, columns, Palette::plain());
        let whole = "epoch   3/20  loss 0.5000  validation 0.2500  accuracy 0.7500  1240 img/s  best";
        for (columns, wanted) in [
            (None, whole),
            (Some(79), whole),
            (Some(78), "epoch   3/20  loss 0.5000  validation 0.2500  accuracy 0.7500  best"),
            (Some(66), "epoch   3/20  loss 0.5000  accuracy 0.7500  best"),
            (Some(47), "epoch   3/20  accuracy 0.7500  best"),
            (Some(34), "epoch   3/20  accura… 0.7500  best"),
            (Some(26), "epoch   3/20  best"),
        ] {
            assert_eq!(line(columns), wanted, "{columns:?}");
        }
        for columns in 18..100 {
            assert!(width(&line(Some(columns))) <= columns, "{columns}");
        }
    }
}

//! A report in a few sentences, for someone who has never heard of a confusion matrix.

use divvy_eval::{Interval, Reliability, Report};

use super::{Against, HowGood, HowSure, Measured, MeasuredOn, RunReport, UnderPrior};

/// The report in sentences, the most important first.
pub(super) fn sentences(report: &RunReport) -> Vec<String> {
    let RunReport { measured_on, how_good, how_sure, prior, against, .. } = report;
    // What it is worth where it is used goes before what it is worth among these pictures.
    let mut told: Vec<String> = prior.iter().filter_map(elsewhere).collect();
    told.extend([accuracy(how_good), worth(measured_on)]);
    told.extend(seen(measured_on));
    told.extend(weakest(how_good));
    if prior.is_none() {
        told.extend(how_sure.as_ref().map(calibration));
    }
    told.extend(against.iter().flat_map(beside));
    told
}

/// `Of 100 new pictures like these, about 91 (88 to 93) get the right group; always answering `dog` would get 64.`
fn accuracy(how_good: &HowGood) -> String {
    let (accuracy, baseline) = how_good.accuracy();
    // A share that is all but whole would be told as all.
    let of = if accuracy.value > 0.985 && accuracy.value < 1.0 { 1000.0 } else { 100.0 };
    let count = |share: f64| (of * share).round();
    let (what, always) = match &how_good.majority_group {
        Some(group) => ("the right group", format!("answering `{group}`")),
        None => ("exactly the right labels", "giving the commonest labels".to_owned()),
    };
    let of = if of > 100.0 { "1,000" } else { "100" };
    format!(
        "Of {of} new pictures like these, about {} ({} to {}) get {what}; always {always} would get {}.",
        count(accuracy.value),
        count(accuracy.ci95.low),
        count(accuracy.ci95.high),
        count(baseline)
    )
}

/// What the figures are worth.
fn worth(measured_on: &MeasuredOn) -> String {
    let n = measured_on.n;
    match measured_on.part {
        Measured::Test => format!("Measured on {n} test pictures, which training never looked at."),
        Measured::All => format!("Measured on all {n} pictures of {}.", measured_on.data.display()),
        Measured::Validation => format!(
            "Measured on the {n} validation pictures, by which the best epoch was chosen: on new pictures it does a little worse. A test part would tell."
        ),
        Measured::Folds => format!(
            "Measured on {n} pictures, each answered by the fold that was not trained on it; the model itself is the mean of all folds, and was not \
             measured."
        ),
    }
}

/// That a model was trained on what it is measured on.
fn seen(measured_on: &MeasuredOn) -> Option<String> {
    let trained_on = measured_on.trained_on.filter(|&trained_on| trained_on > 0)?;
    Some(format!(
        "It was trained on {trained_on} of these {} pictures: on pictures that it has not seen it does worse than this.",
        measured_on.n
    ))
}

/// The group that is found least often.
fn weakest(how_good: &HowGood) -> Option<String> {
    let found = how_good.groups.iter().filter_map(|group| Some((group, group.recall?)));
    let (group, recall) = found.min_by(|(_, a), (_, b)| a.value.total_cmp(&b.value))?;
    let kind = match how_good.metrics {
        Report::Exclusive(_) => "group",
        Report::MultiLabel(_) => "label",
    };
    (recall.value < 1.0).then(|| {
        format!(
            "Its weakest {kind} is `{}`: of {} such pictures it finds {}.",
            group.group, group.support, group.right
        )
    })
}

/// What it is worth where groups come in the shares that were stated.
fn elsewhere(prior: &UnderPrior) -> Option<String> {
    let accuracy = prior.accuracy?;
    let count = |share: f64| (1000.0 * share).round();
    let rarest = prior.shares.iter().min_by(|a, b| a.stated.total_cmp(&b.stated))?;
    Some(format!(
        "Where groups come in the shares that were stated (`{}`: {:.1} %), about {} ({} to {}) of 1,000 get the right group; its probabilities are for pictures in these.",
        rarest.group,
        100.0 * rarest.stated,
        count(accuracy.value),
        count(accuracy.ci95.low),
        count(accuracy.ci95.high)
    ))
}

/// How far its probabilities can be believed.
fn calibration(how_sure: &HowSure) -> String {
    let Reliability { calibration_error, calibration_error_ci95: Interval { low, high }, .. } =
        how_sure.reliability;
    let points = |share: f64| format!("{:.0}", 100.0 * share);
    format!(
        "When it says how sure it is, it is off by {} percentage points on average ({} to {}).",
        points(calibration_error),
        points(low),
        points(high)
    )
}

/// Which of two models is better, if that can be told.
fn beside(against: &Against) -> Vec<String> {
    let (difference, other) = (against.difference, against.run.display());
    let points = |share: f64| format!("{:.1}", 100.0 * share.abs());
    let [low, high] = [difference.ci95.low, difference.ci95.high];
    let told = if low > 0.0 {
        format!(
            "It is better than {other} by {} percentage points ({} to {}).",
            points(difference.value),
            points(low),
            points(high)
        )
    } else if high < 0.0 {
        format!(
            "It is worse than {other} by {} percentage points ({} to {}).",
            points(difference.value),
            points(high),
            points(low)
        )
    } else {
        format!(
            "Whether it is better than {other} cannot be told from these pictures: the difference lies between {:.1} and {:.1} percentage points.",
            100.0 * low,
            100.0 * high
        )
    };
    let seen = against.trained_on.filter(|&trained_on| trained_on > 0).map(|trained_on| {
        format!("That comparison is not fair: {other} was trained on {trained_on} of the pictures.")
    });
    std::iter::once(told).chain(seen).collect()
}

//! What a range test says: pure functions of rates and losses.

use serde::Serialize;

use super::Trial;

/// How many times the lowest smoothed loss is a loss that has run away, if it is above that of the beginning as well.
const RUN_AWAY: f64 = 4.0;

/// The share of a smoothed loss that is its predecessor, while the test runs.
const KEPT: f64 = 0.9;

/// Steps before which the loss of the beginning is not known well enough for one to be called run away.
const FIRST: usize = 5;

/// By how many standard errors smoothed losses must differ for that to show anything: there are many to choose the lowest from.
const CLEAR: f64 = 5.0;

/// What a range test says about the learning rate.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Reading {
    /// The loss of each trial without its scatter.
    pub smoothed: Vec<f64>,
    /// The rate at which the loss falls fastest.
    pub steepest: Option<f64>,
    /// The highest rate at which the loss is as low as it gets, as far as its scatter lets see; none where it did not rise afterwards.
    pub lowest: Option<f64>,
    /// The rate to train with at its highest; none where the loss never clearly fell.
    pub suggested: Option<f64>,
    /// By what it is suggested.
    pub basis: Option<Basis>,
    /// Why, in a sentence.
    pub reason: String,
}

/// By what a rate is suggested.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// A tenth of the highest rate at which the loss is as low as it gets.
    TenthOfLowest,
    /// The rate at which the loss falls fastest.
    Steepest,
}

/// Whether the loss has run away with the last trial. Looks at no later ones, so it can be asked while a test runs.
pub(super) fn has_run_away(trials: &[Trial]) -> bool {
    let (mut mean, mut weight) = (0.0, 0.0);
    let (mut first, mut lowest, mut last) = (f64::NAN, f64::INFINITY, 0.0);
    for (index, trial) in trials.iter().enumerate() {
        // The mean of all before, each with a tenth less of a say than the next.
        mean = KEPT * mean + (1.0 - KEPT) * trial.loss;
        weight = KEPT * weight + (1.0 - KEPT);
        last = mean / weight;
        if index < FIRST {
            first = last;
        }
        lowest = lowest.min(last);
    }
    trials.len() > FIRST && last > first.max(RUN_AWAY * lowest)
}

/// Reads a test whose rates grow by the same factor from step to step.
///
/// The loss is smoothed by lines through the trials within half a decade of each (a local regression, which shifts neither the place of the
/// steepest descent nor that of a minimum of an even curve). A fall counts if it is clear beside the scatter of the trials.
pub fn read_trials(trials: &[Trial]) -> Reading {
    let half = half_width(trials);
    let lines: Vec<Line> = (0..trials.len()).map(|centre| Line::through(trials, centre, half)).collect();
    let smoothed: Vec<f64> = lines.iter().map(|line| line.value).collect();
    let none = |smoothed, reason: String| Reading {
        smoothed,
        steepest: None,
        lowest: None,
        suggested: None,
        basis: None,
        reason,
    };
    // Where a line has trials on one side only, its slope is little more than scatter.
    let inner = half..trials.len().saturating_sub(half);
    let lowest = (0..trials.len()).min_by(|&a, &b| smoothed[a].total_cmp(&smoothed[b]));
    let (Some(lowest), Some(first)) = (lowest, smoothed.get(inner.start.min(smoothed.len() / 2))) else {
        return none(smoothed, "no step was taken".to_owned());
    };
    let error = scatter(trials, &smoothed) / f64::sqrt((2 * half + 1) as f64);
    let fall = first - smoothed[lowest];
    let steepest =
        inner.filter(|&index| index <= lowest).min_by(|&a, &b| lines[a].slope.total_cmp(&lines[b].slope));
    let Some(steepest) = steepest.filter(|&index| fall > CLEAR * error && lines[index].slope < 0.0) else {
        let reason = format!(
            "the loss never clearly falls between {:.1e} and {:.1e}: from {first:.4} to {:.4}",
            trials[0].rate,
            trials[trials.len() - 1].rate,
            smoothed[lowest]
        );
        return none(smoothed, reason);
    };
    // The floor of the valley is as wide as the scatter makes it; its far end is where the loss begins to rise.
    let is_low = |loss: &&f64| **loss <= smoothed[lowest] + CLEAR * error;
    let floor_end = lowest + smoothed[lowest..].iter().take_while(is_low).count() - 1;
    let rises = floor_end + 1 < trials.len();
    let (steepest, lowest) = (trials[steepest].rate, trials[floor_end].rate);
    let (suggested, basis, reason) = if rises {
        let reason = format!(
            "a tenth of {lowest:.1e}, from where on the loss rises; it falls fastest at {steepest:.1e}"
        );
        (lowest / 10.0, Basis::TenthOfLowest, reason)
    } else {
        let reason = format!(
            "where the loss falls fastest; it had not risen yet at {:.1e}",
            trials[trials.len() - 1].rate
        );
        (steepest, Basis::Steepest, reason)
    };
    Reading {
        smoothed,
        steepest: Some(steepest),
        lowest: rises.then_some(lowest),
        suggested: Some(suggested),
        basis: Some(basis),
        reason,
    }
}

/// The trials on each side that a smoothed loss is made of: half a decade of rates, but a sixth of the trials at the most.
fn half_width(trials: &[Trial]) -> usize {
    let [first, .., last] = trials else { return 1 };
    let decades = (last.rate / first.rate).log10();
    let in_a_decade = (trials.len() - 1) as f64 / decades.max(f64::MIN_POSITIVE);
    ((in_a_decade / 2.0) as usize).clamp(1, (trials.len() / 6).max(1))
}

/// A line through some trials by least squares, over their numbers.
#[derive(Clone, Copy)]
struct Line {
    /// Its height at the trial in the middle.
    value: f64,
    /// How much it rises from a trial to the next.
    slope: f64,
}

impl Line {
    /// Through the trials that are not more than `half` away.
    fn through(trials: &[Trial], centre: usize, half: usize) -> Self {
        let range = centre.saturating_sub(half)..(centre + half + 1).min(trials.len());
        let n = range.len() as f64;
        let at = |index: usize| index as f64 - centre as f64;
        let (mean_at, mean) =
            range.clone().fold((0.0, 0.0), |(x, y), index| (x + at(index) / n, y + trials[index].loss / n));
        let (products, squares) = range.fold((0.0, 0.0), |(products, squares), index| {
            let away = at(index) - mean_at;
            (products + away * (trials[index].loss - mean), squares + away * away)
        });
        let slope = if squares > 0.0 { products / squares } else { 0.0 };
        Self { value: mean - slope * mean_at, slope }
    }
}

/// The usual distance of a trial from its smoothed loss, as a standard deviation; by the median, to which a loss that explodes is nothing.
fn scatter(trials: &[Trial], smoothed: &[f64]) -> f64 {
    /// The median distance of normal values is so much less than their deviation.
    const OF_MEDIAN: f64 = 1.4826;
    let mut distances: Vec<f64> =
        trials.iter().zip(smoothed).map(|(trial, smoothed)| (trial.loss - smoothed).abs()).collect();
    distances.sort_by(f64::total_cmp);
    OF_MEDIAN * distances.get(distances.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two hundred trials from 1e-6 to 1 of a loss that is a function of the decimal logarithm of the rate.
    fn trials(loss: impl Fn(f64) -> f64) -> Vec<Trial> {
        let decade = |index: usize| -6.0 + 6.0 * index as f64 / 199.0;
        (0..200).map(|index| Trial { rate: 10_f64.powf(decade(index)), loss: loss(decade(index)) }).collect()
    }

    fn logistic(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    /// A value between -1 and 1 that follows no pattern.
    fn noise(x: f64) -> f64 {
        let bits = x.to_bits().wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (bits ^ (bits >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9).cast_signed() as f64 / i64::MAX as f64
    }

    /// How far a rate lies from a power of ten, in decades.
    fn away(rate: Option<f64>, decade: f64) -> f64 {
        (rate.expect("a rate").log10() - decade).abs()
    }

    #[test]
    fn a_logistic_fall_is_steepest_in_its_middle() {
        for middle in [-4.0, -3.0, -2.2] {
            // The second derivative of the logistic function is 0 at 0.
            let reading = read_trials(&trials(|x| 2.3 - 2.0 * logistic(4.0 * (x - middle))));
            assert!(away(reading.steepest, middle) < 0.05, "{middle}: {reading:?}");
            assert_eq!((reading.lowest, reading.basis), (None, Some(Basis::Steepest)));
            assert_eq!(reading.suggested, reading.steepest);
        }
    }

    #[test]
    fn a_minimum_is_found_where_the_derivative_is_zero() {
        for lowest in [-3.5, -2.0, -1.5] {
            // Even around its minimum: x^2 within a decade, and a straight line beyond.
            let valley = |x: f64| {
                let away = (x - lowest).abs();
                0.3 + if away < 1.0 { 0.2 * away * away } else { 0.2 * (2.0 * away - 1.0) }
            };
            let reading = read_trials(&trials(valley));
            assert!(away(reading.lowest, lowest) < 0.15, "{lowest}: {:?}", reading.lowest);
            assert_eq!(reading.basis, Some(Basis::TenthOfLowest));
            assert!(away(reading.suggested, lowest - 1.0) < 0.15);
            // With scatter the floor is as wide as five standard errors of 33 trials, and its far end counts.
            let reading = read_trials(&trials(|x| valley(x) + 0.1 * noise(x)));
            let end = reading.lowest.expect("it rises").log10();
            let error = 0.1 / f64::sqrt(3.0 * 33.0);
            assert!(end > lowest && valley(end) - 0.3 < 7.0 * error, "{lowest}: {end}");
        }
    }

    #[test]
    fn a_usual_curve_is_read_as_its_derivative_says() {
        // Falls by a logistic curve around 1e-3.5, explodes by an exponential one from 1e-1.5 on.
        let loss = |x: f64| 0.69 - 0.5 * logistic(5.0 * (x + 3.5)) + (4.0 * (x + 1.5)).exp();
        let derivative = |x: f64| {
            let s = logistic(5.0 * (x + 3.5));
            -2.5 * s * (1.0 - s) + 4.0 * (4.0 * (x + 1.5)).exp()
        };
        let grid: Vec<f64> = (0..60_000).map(|i| -6.0 + f64::from(i) * 1e-4).collect();
        let steepest = grid.iter().copied().min_by(|a, b| derivative(*a).total_cmp(&derivative(*b))).unwrap();
        let lowest =
            grid.windows(2).find(|pair| derivative(pair[0]) < 0.0 && derivative(pair[1]) >= 0.0).unwrap()[0];
        let all = trials(|x| loss(x) + 0.05 * noise(x));
        let ended = (1..=all.len()).find(|&taken| has_run_away(&all[..taken])).expect("it runs away");
        assert!((-1.5..-0.8).contains(&all[ended].rate.log10()), "after {ended} steps");
        let reading = read_trials(&all[..ended]);
        assert!(away(reading.steepest, steepest) < 0.15, "{steepest}: {:?}", reading.steepest);
        let end = reading.lowest.expect("it rises").log10();
        assert!(away(reading.lowest, lowest) < 0.4 && loss(end) - loss(lowest) < 0.04, "{lowest}: {end}");
    }

    #[test]
    fn what_never_clearly_falls_suggests_nothing() {
        for reading in [
            read_trials(&trials(|x| 0.69 + 0.2 * noise(x))),
            read_trials(&trials(|x| 0.69 + 0.1 * (x + 6.0))),
            read_trials(&trials(|_| 0.69)),
        ] {
            assert_eq!((reading.suggested, reading.basis), (None, None), "{reading:?}");
            assert!(reading.reason.contains("never clearly falls"), "{}", reading.reason);
        }
        assert_eq!(read_trials(&[]).suggested, None);
        let few = [Trial { rate: 1e-3, loss: 1.0 }, Trial { rate: 1e-2, loss: 0.5 }];
        (0..=2).for_each(|taken| assert_eq!(read_trials(&few[..taken]).smoothed.len(), taken));
    }

    #[test]
    fn a_loss_has_run_away_at_four_times_its_lowest_and_above_its_beginning() {
        let at = |losses: &[f64]| {
            let trials: Vec<_> = losses.iter().map(|&loss| Trial { rate: 1.0, loss }).collect();
            has_run_away(&trials)
        };
        let then = |before: &[f64], loss: f64| at(&[before, &[loss; 60]].concat());
        // After sixty equal losses the mean is theirs but for 0.9^60 = 0.2 %.
        assert!(then(&[1.0; 40], 4.1) && !then(&[1.0; 40], 3.9), "four times");
        let fallen = [[1.0; 40], [0.01; 40]].concat();
        assert!(then(&fallen, 1.01) && !then(&fallen, 0.9), "above the beginning");
        assert!(!at(&[1.0; 5]) && !at(&[]));
        // A single batch is no run.
        assert!(!at(&[&[1.0; 40][..], &[20.0]].concat()));
    }
}

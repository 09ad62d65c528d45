//! How far numbers about several labels may be from the truth.
//!
//! The labels of one sample hang together, so that samples are what varies: each number is taken apart into what each sample adds to
//! it. Where a sample is too small to show how much that is, the intervals are those of the labels' shares.

use crate::interval::Z_95;
use crate::jackknife::Jackknife;
use crate::mean::bounded_mean;
use crate::tally::{mean_of_defined, share};
use crate::{ConfusionMatrix, Interval, Ranking, Tally, log_loss, spread};

/// What was decided of each label of each sample: `[n, labels]`, row-major.
pub(super) struct Decisions<'a> {
    pub(super) truth: &'a [bool],
    pub(super) given: &'a [bool],
    /// Hits and misses of each label.
    pub(super) tallies: &'a [Tally],
}

impl Decisions<'_> {
    fn samples(&self) -> usize {
        self.truth.len() / self.tallies.len()
    }

    /// Of each sample's labels whether they are there and whether they were given.
    fn rows(&self) -> impl Iterator<Item = impl Iterator<Item = (bool, bool)>> {
        let labels = self.tallies.len();
        let rows = self.truth.chunks_exact(labels).zip(self.given.chunks_exact(labels));
        rows.map(|(truth, given)| truth.iter().copied().zip(given.iter().copied()))
    }

    /// The standard error of a number that each decision on a label moves by so much, of the label, the truth and what was given; all
    /// moves together are zero.
    fn standard_error(&self, moves: impl Fn(usize, bool, bool) -> f64) -> f64 {
        let n = self.samples() as f64;
        let influences = self.rows().map(|row| {
            n * row.enumerate().map(|(label, (truth, given))| moves(label, truth, given)).sum::<f64>()
        });
        let squares: f64 = influences.map(|influence| influence * influence).sum();
        (squares / (n - 1.0).max(1.0) / n).sqrt()
    }

    /// How an F1 of `value` over decisions of which `size` are there or given, those that are both counted twice, is moved by one.
    fn f1_move(value: f64, size: usize, truth: bool, given: bool) -> f64 {
        let count = |is: bool| f64::from(u8::from(is));
        (2.0 * count(truth && given) - value * (count(truth) + count(given))) / size.max(1) as f64
    }

    pub(super) fn f1_macro(&self) -> Option<Interval> {
        let scores: Vec<_> =
            self.tallies.iter().filter_map(|tally| Some((tally.f1()?, tally.f1_interval()?))).collect();
        let error = self.standard_error(|label, truth, given| {
            let tally = self.tallies[label];
            Self::f1_move(tally.f1().unwrap_or(0.0), size(tally), truth, given) / scores.len() as f64
        });
        (!scores.is_empty()).then(|| spread::mean(error, self.samples(), &scores))
    }

    pub(super) fn f1_micro(&self, pooled: Tally) -> Option<Interval> {
        let value = pooled.f1()?;
        let error = self.standard_error(|_, truth, given| Self::f1_move(value, size(pooled), truth, given));
        Some(Interval::of_share(value, error, self.samples() as f64))
    }

    pub(super) fn f1_samples(&self) -> Option<Interval> {
        let scores: Vec<f64> = self
            .rows()
            .filter_map(|row| {
                let mut tally = Tally::default();
                row.for_each(|(truth, given)| tally.count(truth, given));
                tally.f1()
            })
            .collect();
        (!scores.is_empty()).then(|| bounded_mean(&scores, 1.0))
    }

    pub(super) fn hamming_loss(&self) -> Interval {
        let wrong: Vec<f64> = self
            .rows()
            .filter_map(|row| share(row.filter(|(truth, given)| truth != given).count(), self.tallies.len()))
            .collect();
        bounded_mean(&wrong, 1.0)
    }

    /// That of the mean over the labels of half the sum of recall and specificity: the one of independent shares, made narrower or
    /// wider by as much as the standard error is for their hanging together.
    pub(super) fn balanced_accuracy(&self, matrices: &[ConfusionMatrix]) -> Option<Interval> {
        // Row 0 is without the label, row 1 with it.
        let rows: Vec<[Tally; 2]> =
            matrices.iter().map(|matrix| matrix.tallies().try_into().unwrap_or_default()).collect();
        let occurring = |label: usize| rows[label].iter().filter(|tally| tally.support() > 0).count();
        let weight = |label: usize| 1.0 / (occurring(label) * rows.len()) as f64;
        let together = self.standard_error(|label, truth, given| {
            let tally = rows[label][usize::from(truth)];
            let right = f64::from(u8::from(truth == given));
            weight(label) * (right - tally.recall().unwrap_or(0.0)) / tally.support() as f64
        });
        let variance = |label: usize, tally: &Tally| {
            let recall = tally.recall().unwrap_or(0.0);
            weight(label).powi(2) * recall * (1.0 - recall) / tally.support().max(1) as f64
        };
        let of_label = |label: usize| rows[label].iter().map(|tally| variance(label, tally)).sum::<f64>();
        let independent = (0..rows.len()).map(of_label).sum::<f64>().sqrt();
        let ratio = if independent > 0.0 { together / independent } else { 1.0 };

        let shares: Vec<_> = matrices
            .iter()
            .filter_map(|matrix| Some((matrix.balanced_accuracy()?, spread::balanced_accuracy(matrix)?)))
            .collect();
        let value = mean_of_defined(shares.iter().map(|(value, _)| Some(*value)))?;
        Some(spread::mean_of_shares(&shares).map(|end| (value + ratio * (end - value)).clamp(0.0, 1.0)))
    }
}

fn size(tally: Tally) -> usize {
    2 * tally.true_positives + tally.false_positives + tally.false_negatives
}

/// That of the mean over the samples of the mean surprise at their labels.
pub(super) fn log_loss(truth: &[bool], probabilities: &[f32], labels: usize) -> Interval {
    let mean = |(truth, row): (&[bool], &[f32])| {
        truth.iter().zip(row).map(|(&t, &p)| log_loss::binary_surprise(t, p)).sum::<f64>() / labels as f64
    };
    let losses: Vec<f64> =
        truth.chunks_exact(labels).zip(probabilities.chunks_exact(labels)).map(mean).collect();
    bounded_mean(&losses, log_loss::largest_surprise())
}

/// That of the mean of the labels' average precisions, where those are defined: the one of independent shares, made narrower or wider
/// by as much as the standard error is for their hanging together, and no narrower on the whole than a normal distribution of that
/// error. Many labels flatter as much on average as one does, while their mean scatters less, so that it reaches as far lower as
/// the mean is likely to be too large.
pub(super) fn mean_average_precision(rankings: &[Ranking]) -> Option<Interval> {
    let defined: Vec<(&Ranking, f64)> =
        rankings.iter().filter_map(|ranking| Some((ranking, ranking.average_precision()?))).collect();
    let value = mean_of_defined(defined.iter().map(|&(_, value)| Some(value)))?;
    let jackknives: Vec<Jackknife> =
        defined.iter().map(|(ranking, value)| ranking.average_precision_jackknife(*value)).collect();
    let errors: Vec<f64> = jackknives.iter().map(Jackknife::standard_error).collect();
    let shares: Vec<(f64, Interval)> = defined
        .iter()
        .zip(&errors)
        .map(|(&(ranking, value), &error)| {
            (value, Interval::of_share(value, error, ranking.positives() as f64))
        })
        .collect();

    let together = Jackknife::of_mean(&jackknives);
    let error = together.standard_error();
    let independent = errors.iter().map(|error| error * error).sum::<f64>().sqrt() / errors.len() as f64;
    let ratio = if independent > 0.0 { error / independent } else { 1.0 };
    let Interval { low, high } = spread::mean_of_shares(&shares);
    let half = ((value - low).powi(2) + (high - value).powi(2)).sqrt() / std::f64::consts::SQRT_2;
    let stretch = if half > 0.0 { ratio.max(Z_95 * error / half) } else { ratio };
    let flattery = together.bias().max(0.0);
    Some(Interval {
        low: (value - stretch * (value - low) - flattery).max(0.0),
        high: (value + stretch * (high - value)).min(1.0),
    })
}

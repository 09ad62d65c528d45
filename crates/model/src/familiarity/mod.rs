//! Whether a picture is like those that a model was trained on.

mod covariance;
mod matrix;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use covariance::shrunk_covariance;
use matrix::{LowerTriangle, squared_length};

/// What the features of the training pictures look like, so that a picture that is unlike all of them can be told.
///
/// The features of each group are taken to scatter alike around a mean of its own (Lee et al., "A simple unified framework for
/// detecting out-of-distribution samples and adversarial attacks", 2018, section 2.1): one covariance for all, shrunk as Ledoit and Wolf
/// do ("A well-conditioned estimator for large-dimensional covariance matrices", 2004), so that it can be inverted however few pictures there are. A
/// picture's score is its squared Mahalanobis distance from the nearest mean. How unusual a score is, is told by those of pictures that were
/// not trained on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "FamiliarityRecord", into = "FamiliarityRecord")]
pub struct Familiarity {
    /// The middle of the groups' means; distances are computed from there, where numbers are small.
    centre: Vec<f32>,
    /// What makes differences of features into numbers that scatter by 1, independently of each other.
    whitening: LowerTriangle,
    /// The means of the groups, whitened, `[groups, features]`.
    means: Vec<f32>,
    /// Scores of pictures that were not trained on, in rising order: evenly many of them between each two.
    reference: Vec<f32>,
}

/// A [`Familiarity`] as it is written; reading it checks it again.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FamiliarityRecord {
    pub(crate) centre: Vec<f32>,
    pub(crate) whitening: Vec<f32>,
    pub(crate) means: Vec<f32>,
    pub(crate) reference: Vec<f32>,
}

/// Why it cannot be told what pictures look like.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum FamiliarityError {
    /// Features or groups that do not belong together.
    #[error(
        "{found} numbers are not the features of {pictures} pictures, {width} each; give those of the pictures that the groups are of"
    )]
    Shape {
        /// The numbers given.
        found: usize,
        /// The pictures that groups were given for.
        pictures: usize,
        /// The features of a picture.
        width: usize,
    },
    /// Too few pictures to see how features scatter, or to compare with.
    #[error(
        "{training} training and {validation} validation pictures are too few to tell what is like them; give at least 2 and 1"
    )]
    TooFew {
        /// The training pictures.
        training: usize,
        /// The pictures to compare with.
        validation: usize,
    },
    /// Features that are all the same, or no numbers.
    #[error(
        "the features of the training pictures do not differ within a group, or are no finite numbers; the network has learnt nothing: train again"
    )]
    Degenerate,
}

impl Familiarity {
    /// The most scores of other pictures that are kept.
    pub const MOST_KEPT: usize = 512;

    /// Learns what pictures look like: `training` holds the features of the training pictures, `[pictures, width]`, `groups` the group of each,
    /// and `validation` those of pictures that were not trained on, `[pictures, width]`. Where groups do not exclude each other, give
    /// one and the same for all.
    ///
    /// # Errors
    /// [`FamiliarityError`]: numbers that do not fit, too few pictures, or features that do not differ.
    pub fn fit(
        training: &[f32],
        groups: &[usize],
        validation: &[f32],
        width: usize,
    ) -> Result<Self, FamiliarityError> {
        let pictures = groups.len();
        if width == 0 || training.len() != pictures * width || !validation.len().is_multiple_of(width) {
            return Err(FamiliarityError::Shape { found: training.len(), pictures, width });
        }
        if pictures < 2 || validation.is_empty() {
            return Err(FamiliarityError::TooFew {
                training: pictures,
                validation: validation.len() / width,
            });
        }
        let means = group_means(training, groups, width);
        let residuals = training.chunks_exact(width).zip(groups).map(|(features, group)| {
            features.iter().zip(&means[group]).map(|(&x, mean)| f64::from(x) - mean).collect()
        });
        let covariance = shrunk_covariance(residuals, width);
        let factor = covariance.cholesky().ok_or(FamiliarityError::Degenerate)?;
        let whitening = LowerTriangle::rounded(&factor.inverse());
        let centre = mean(means.values(), width);
        let whitened = means.values().flat_map(|mean| {
            let from_centre = mean.iter().zip(&centre).map(|(x, &c)| x - f64::from(c));
            whitening.times(&from_centre.collect::<Vec<_>>())
        });
        let means = whitened.map(|x| x as f32).collect();
        let mut fitted = Self { centre, whitening, means, reference: Vec::new() };
        fitted.reference = quantiles(fitted.scores(validation));
        Some(fitted).filter(Self::is_finite).ok_or(FamiliarityError::Degenerate)
    }

    /// The features of a picture.
    pub fn width(&self) -> usize {
        self.centre.len()
    }

    /// How far pictures are from the nearest group, by their features, `[pictures, features]`: squared Mahalanobis distances, 0 or more. Of
    /// training pictures they are around the number of features.
    ///
    /// # Panics
    /// When `features` are not those of whole pictures.
    pub fn scores(&self, features: &[f32]) -> Vec<f64> {
        assert!(features.len().is_multiple_of(self.width()), "{} numbers for features", features.len());
        features.chunks_exact(self.width()).map(|features| self.score(features)).collect()
    }

    fn score(&self, features: &[f32]) -> f64 {
        let from_centre: Vec<f64> =
            features.iter().zip(&self.centre).map(|(&x, &c)| f64::from(x) - f64::from(c)).collect();
        let whitened = self.whitening.times(&from_centre);
        let distance =
            |mean: &[f32]| squared_length(whitened.iter().zip(mean).map(|(x, &m)| x - f64::from(m)));
        self.means.chunks_exact(self.width()).map(distance).fold(f64::INFINITY, f64::min)
    }

    /// How often a picture like the training pictures has such a score or a larger one: a conformal p-value (Vovk, Gammerman and
    /// Shafer, "Algorithmic learning in a random world", 2005, section 2.2). Who takes pictures of `p` or less for unlike them is wrong about at
    /// most that share of those that are like them. A score that is no number is the least likely.
    pub fn p_value(&self, score: f64) -> f64 {
        let below = self.reference.partition_point(|&of_other| f64::from(of_other) < score || score.is_nan());
        (self.reference.len() - below + 1) as f64 / (self.reference.len() + 1) as f64
    }

    /// The p-value of several models together for a picture, from that of each: `n / k` times the `k`-th smallest of the `n`, with `k` the
    /// least number that is more than half of them, and at most 1. None of none.
    ///
    /// So a picture is taken for unlike the training pictures where most models take it for that at `k / n` of the share of false alarms that is allowed. Of a picture that is
    /// like them, `n · k / n` of that share, which is `k` times the share, are wrong on average, and so `k` at once with at most that share,
    /// however the models hang on each other (Rüger, "Das maximale Signifikanzniveau des Tests: Lehne H₀ ab, wenn k unter n gegebenen Tests
    /// zur Ablehnung führen", 1978; Vovk and Wang, "Combining p-values via averaging", 2020). The smallest of them, times `n`, would need a p-value so small that most models have
    /// too few pictures to compare with.
    pub fn joint_p_value(p_values: &[f64]) -> Option<f64> {
        let (count, most) = (p_values.len(), p_values.len() / 2 + 1);
        let mut rising = p_values.to_vec();
        rising.sort_by(f64::total_cmp);
        let last = rising.get(most - 1)?;
        Some((last * count as f64 / most as f64).min(1.0))
    }

    fn is_finite(&self) -> bool {
        let Self { centre, whitening, means, reference } = self;
        let numbers = centre.iter().chain(whitening.numbers()).chain(means).chain(reference);
        numbers.copied().all(f32::is_finite)
    }
}

impl TryFrom<FamiliarityRecord> for Familiarity {
    type Error = String;

    fn try_from(record: FamiliarityRecord) -> Result<Self, String> {
        let FamiliarityRecord { centre, whitening, means, reference } = record;
        let width = centre.len();
        let whitening = LowerTriangle::new(width, whitening)
            .ok_or_else(|| format!("the whitening is not that of {width} features"))?;
        if width == 0 || means.is_empty() || !means.len().is_multiple_of(width) {
            return Err(format!("{} numbers are not means of {width} features", means.len()));
        }
        if !(1..=Self::MOST_KEPT).contains(&reference.len()) || !reference.is_sorted() {
            return Err(format!("the reference is not 1 to {} scores in rising order", Self::MOST_KEPT));
        }
        let read = Self { centre, whitening, means, reference };
        Some(read).filter(Self::is_finite).ok_or_else(|| "not all numbers are finite".to_owned())
    }
}

impl From<Familiarity> for FamiliarityRecord {
    fn from(Familiarity { centre, whitening, means, reference }: Familiarity) -> Self {
        Self { centre, whitening: whitening.into_numbers(), means, reference }
    }
}

/// The mean of means.
fn mean<'a>(means: impl ExactSizeIterator<Item = &'a Vec<f64>>, width: usize) -> Vec<f32> {
    let (count, mut sums) = (means.len() as f64, vec![0.0; width]);
    means.for_each(|mean| sums.iter_mut().zip(mean).for_each(|(sum, x)| *sum += x));
    sums.into_iter().map(|sum: f64| (sum / count) as f32).collect()
}

/// The mean of each group that has pictures.
fn group_means(features: &[f32], groups: &[usize], width: usize) -> BTreeMap<usize, Vec<f64>> {
    let mut sums: BTreeMap<usize, (usize, Vec<f64>)> = BTreeMap::new();
    for (features, &group) in features.chunks_exact(width).zip(groups) {
        let (count, sum) = sums.entry(group).or_insert_with(|| (0, vec![0.0; width]));
        *count += 1;
        sum.iter_mut().zip(features).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    let mean = |(count, sum): (usize, Vec<f64>)| sum.into_iter().map(|x| x / count as f64).collect();
    sums.into_iter().map(|(group, sums)| (group, mean(sums))).collect()
}

/// The scores in rising order; of more than can be kept, those of even steps in rank, rounded up, so that a p-value is never too small.
fn quantiles(mut scores: Vec<f64>) -> Vec<f32> {
    scores.sort_by(f64::total_cmp);
    let (all, kept) = (scores.len(), scores.len().min(Familiarity::MOST_KEPT));
    (1..=kept).map(|number| scores[(number * (all + 1)).div_ceil(kept + 1) - 1] as f32).collect()
}

#[cfg(test)]
mod tests;

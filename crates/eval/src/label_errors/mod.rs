//! Which labels are likely wrong: confident learning.
//!
//! What a network says of pictures that it was not trained on is held against their labels (Northcutt, Jiang and Chuang 2021,
//! *JAIR* 70:1373). How sure it is of a class on average among the samples that are labelled so is the class's threshold. A sample
//! whose probability of another class reaches that class's threshold is counted as one of that class: so a network that is never
//! sure of a rare class, or always of a frequent one, is not taken at its word.

mod confident;
mod multi_label;

use serde::Serialize;

use crate::{EvalError, check};

pub use confident::ConfidentJoint;
pub use multi_label::{LabelEvidence, MultiLabelDoubt, MultiLabelErrors};

use confident::Confidences;

/// What is likely wrong with labels of exclusive classes.
///
/// ```
/// use divvy_eval::LabelErrors;
///
/// // Out-of-fold probabilities of two classes: the last sample is called 0 and looks like 1.
/// let probabilities = [0.9, 0.1, 0.8, 0.2, 0.2, 0.8, 0.3, 0.7, 0.1, 0.9];
/// let errors = LabelErrors::new(2, &[0, 0, 1, 1, 0], &probabilities)?;
/// assert_eq!(errors.suspected, 1);
/// assert_eq!((errors.ranking[0].sample, errors.ranking[0].other), (4, 1));
/// # Ok::<(), divvy_eval::EvalError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelErrors {
    /// Each class's mean probability among the samples that are labelled so; `None` for a class that no label names, which no
    /// sample is counted as.
    pub thresholds: Vec<Option<f64>>,
    /// How many samples with each label were counted as each class.
    pub joint: ConfidentJoint,
    /// How many labels are wrong, by the joint scaled to all samples. Classes that look alike raise it: it is a measure of what
    /// label and network disagree about, not a census.
    pub estimated: f64,
    /// How many samples are suspected.
    pub suspected: usize,
    /// All samples, the one whose label is contradicted most first. As long as the data: a page takes the first of it.
    pub ranking: Vec<LabelDoubt>,
}

/// What speaks against the label of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LabelDoubt {
    /// The sample's index.
    pub sample: usize,
    /// The class that the label names.
    pub given: usize,
    /// The likeliest of the other classes.
    pub other: usize,
    /// The probability of the class that the label names.
    pub given_probability: f64,
    /// The probability of the likeliest other class.
    pub other_probability: f64,
    /// Whether the label is suspected to be wrong: the sample is counted as another class, and likelier that than what its label
    /// says.
    pub suspected: bool,
}

impl LabelErrors {
    /// Holds the labels `given` to `n` samples, each a class index, against `[n, classes]` probabilities, row-major, of networks that
    /// were not trained on these samples (out-of-fold).
    ///
    /// Samples are ranked by how many times likelier the likeliest other class is than the given one. That found as many of the
    /// labels flipped at random, or more, in trials on two to ten classes, as the probability of the given class alone
    /// ("self-confidence") and more than the difference of the two probabilities ("normalised margin"). Equals keep their order.
    ///
    /// # Errors
    /// No samples, fewer than two classes, lengths that do not fit, indices out of range, rows that are no probabilities or do not
    /// sum to one.
    pub fn new(classes: usize, given: &[usize], probabilities: &[f32]) -> Result<Self, EvalError> {
        if classes < 2 {
            return Err(EvalError::TooFewClasses { needed: 2, found: classes });
        }
        if given.is_empty() {
            return Err(EvalError::NoSamples);
        }
        check::class_indices("label", given, classes)?;
        check::probabilities(probabilities, given.len(), classes)?;
        check::normalised(probabilities, classes)?;
        let rows = |sample: usize, class: usize| f64::from(probabilities[sample * classes + class]);
        Ok(Self::of(&Confidences::new(classes, given, rows)))
    }

    fn of<P: Fn(usize, usize) -> f64>(confidences: &Confidences<'_, P>) -> Self {
        let mut ranking = confidences.doubts();
        // A stable sort: equals keep their order.
        ranking.sort_by(|a, b| b.ratio().total_cmp(&a.ratio()));
        let joint = confidences.joint();
        Self {
            thresholds: confidences.thresholds.clone(),
            estimated: joint.estimated_errors(confidences.given),
            suspected: ranking.iter().filter(|doubt| doubt.suspected).count(),
            joint,
            ranking,
        }
    }
}

impl LabelDoubt {
    /// How many times likelier the likeliest other class is than the given one.
    fn ratio(&self) -> f64 {
        // A probability that was rounded to zero is none that can be divided by.
        self.other_probability / self.given_probability.max(f64::from(f32::MIN_POSITIVE))
    }
}

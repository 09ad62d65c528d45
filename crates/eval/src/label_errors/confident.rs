//! Who is confidently counted as what.

use serde::{Serialize, Serializer};

use super::LabelDoubt;

/// Rounding may lift the mean of equal numbers above them.
const ROUNDING: f64 = 1e-6;

/// Given labels beside probabilities, and the thresholds that follow from both.
pub(super) struct Confidences<'a, P> {
    classes: usize,
    pub(super) given: &'a [usize],
    /// The probability of a class, by sample and class.
    probability: P,
    pub(super) thresholds: Vec<Option<f64>>,
}

impl<'a, P: Fn(usize, usize) -> f64> Confidences<'a, P> {
    /// For labels below `classes`.
    pub(super) fn new(classes: usize, given: &'a [usize], probability: P) -> Self {
        let mut sums = vec![(0.0, 0_usize); classes];
        for (sample, &class) in given.iter().enumerate() {
            sums[class].0 += probability(sample, class);
            sums[class].1 += 1;
        }
        let mean = |(sum, count): (f64, usize)| (count > 0).then(|| sum / count as f64);
        Self { classes, given, probability, thresholds: sums.into_iter().map(mean).collect() }
    }

    /// The class that the sample is counted as: of those whose threshold it reaches the likeliest.
    fn counted_as(&self, sample: usize) -> Option<usize> {
        let reaches = |&class: &usize| {
            self.thresholds[class].is_some_and(|least| (self.probability)(sample, class) >= least - ROUNDING)
        };
        self.likeliest(sample, (0..self.classes).filter(reaches))
    }

    /// The likeliest of some classes, the first among equals.
    fn likeliest(&self, sample: usize, among: impl Iterator<Item = usize>) -> Option<usize> {
        among.reduce(|best, class| {
            if (self.probability)(sample, class) > (self.probability)(sample, best) { class } else { best }
        })
    }

    /// Counts every sample that is counted as something.
    pub(super) fn joint(&self) -> ConfidentJoint {
        let mut counts = vec![0; self.classes * self.classes];
        for (sample, &given) in self.given.iter().enumerate() {
            if let Some(class) = self.counted_as(sample) {
                counts[given * self.classes + class] += 1;
            }
        }
        ConfidentJoint { classes: self.classes, counts }
    }

    /// What speaks against each label, in the order of the samples. For two classes or more.
    pub(super) fn doubts(&self) -> Vec<LabelDoubt> {
        self.given.iter().enumerate().filter_map(|(sample, &given)| self.doubt(sample, given)).collect()
    }

    fn doubt(&self, sample: usize, given: usize) -> Option<LabelDoubt> {
        let other = self.likeliest(sample, (0..self.classes).filter(|&class| class != given))?;
        let (given_probability, other_probability) =
            ((self.probability)(sample, given), (self.probability)(sample, other));
        let counted_as_another = self.counted_as(sample).is_some_and(|class| class != given);
        Some(LabelDoubt {
            sample,
            given,
            other,
            given_probability,
            other_probability,
            suspected: counted_as_another && other_probability > given_probability,
        })
    }
}

/// The confident joint: how many samples with each label (row) were counted as each class (column). Samples that reach no
/// threshold are in none.
///
/// Serialises as an array of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfidentJoint {
    classes: usize,
    /// `[classes, classes]`, row-major.
    counts: Vec<usize>,
}

impl ConfidentJoint {
    /// The rows, one a given label: how many of its samples were counted as each class.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[usize]> {
        self.counts.chunks_exact(self.classes)
    }

    /// How many labels are wrong if, of the samples that were not counted, as many are as of those that were.
    ///
    /// At least one sample of each label is taken to be right, as cleanlab does.
    pub(super) fn estimated_errors(&self, given: &[usize]) -> f64 {
        let mut labelled = vec![0_usize; self.classes];
        for &class in given {
            labelled[class] += 1;
        }
        let errors = |(class, row): (usize, &[usize])| {
            let right = row[class].max(1);
            let wrong = row.iter().sum::<usize>() - row[class];
            labelled[class] as f64 * wrong as f64 / (right + wrong) as f64
        };
        self.rows().enumerate().map(errors).sum()
    }
}

impl Serialize for ConfidentJoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows())
    }
}

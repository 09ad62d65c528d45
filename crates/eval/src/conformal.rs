//! Sets of classes that hold the true one as often as asked for.

use serde::Serialize;

use crate::multi_label::multi_hot;
use crate::{Answers, Estimate, EvalError, Interval, Level, check, mover};

/// Conformal prediction sets: all classes whose probability reaches one threshold, which was set on validation samples so that the
/// true class is among them as often as asked for, whatever the network.
///
/// The threshold is that of split conformal prediction with one less the probability of the true class as the score (LAC; Sadinle,
/// Lei and Wasserman 2019, *JASA* 114:223; Angelopoulos and Bates 2021, arXiv:2107.07511), at the quantile that makes up for the
/// finite number of samples. For samples that are exchangeable with those of validation, on average over validation sets, a set
/// holds the true class with the chance asked for, or more by no more than `1 / (n + 1)`. Of all sets that do, these are the smallest
/// on average, and the same each time, where those of APS and RAPS are larger and either random or too large. In return they may be
/// empty: no class is likely enough. They promise nothing of one class alone: [`SetReport::per_class`] tells what was seen.
///
/// With labels of which a sample may have any number the same threshold holds, on average, the share of a sample's labels that was
/// asked for (conformal risk control; Angelopoulos, Bates, Fisch, Lei and Schuster 2024, ICLR), for samples that have a label.
///
/// ```
/// use divvy_eval::{ConformalSets, Level};
///
/// // Of nine samples the true class has 0.1, 0.2 … 0.9: all but the first reach 0.2.
/// let rows: Vec<f32> = (1..10_u8).flat_map(|tenth| [f32::from(tenth) / 10.0, 1.0 - f32::from(tenth) / 10.0]).collect();
/// let coverage = Level::new(0.8).expect("it is between 0 and 1");
/// let sets = ConformalSets::exclusive(2, &[0; 9], &rows, coverage)?;
/// assert_eq!(sets.of(&[0.85, 0.15]), [0]);
/// assert_eq!(sets.of(&[0.3, 0.7]), [1, 0]);
/// # Ok::<(), divvy_eval::EvalError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ConformalSets {
    /// How often the true class is to be in the set; with labels of any number, which share of them.
    pub coverage: Level,
    /// A class is in the set where `probability >= threshold`. 0, so that all are, where the validation samples are too few for the
    /// coverage asked for.
    pub threshold: f32,
    /// On how many samples the threshold was set.
    pub set_on: usize,
}

/// What sets look like on some samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetReport {
    /// The sets' settings.
    #[serde(flatten)]
    pub sets: ConformalSets,
    /// How many samples there are.
    pub n: usize,
    /// The share of sets that hold the true class; with labels of any number, the mean share of a sample's labels that its set holds,
    /// over samples with a label. What `coverage` asks for, with its 95% interval; `None` if no sample has a label.
    pub observed: Option<Estimate>,
    /// The share of sets that hold all of the sample's labels, with its Wilson interval. With exclusive classes the same.
    pub complete: Estimate,
    /// Mean number of classes in a set.
    pub mean_size: f64,
    /// Share of sets without a class.
    pub empty: f64,
    /// Share of sets of one class: an answer as good as any.
    pub single: f64,
    /// How many sets have 0, 1, 2 … classes.
    pub sizes: Vec<usize>,
    /// For each class the share of its samples whose set holds it, with its Wilson interval; `None` for a class that does not occur.
    pub per_class: Vec<Option<Estimate>>,
}

impl ConformalSets {
    /// Sets the threshold on validation samples of exclusive classes: `truth` has a class index each, `probabilities` are
    /// `[n, classes]`, row-major.
    ///
    /// # Errors
    /// No samples, fewer than two classes, lengths that do not fit, indices out of range, rows that are no probabilities or do not sum to one.
    pub fn exclusive(
        classes: usize,
        truth: &[usize],
        probabilities: &[f32],
        coverage: Level,
    ) -> Result<Self, EvalError> {
        Answers::Probabilities(probabilities).check(classes, truth)?;
        Self::multi_label(classes, &one_each(truth), probabilities, coverage)
    }

    /// Sets the threshold on validation samples with any number of labels: `truth` has the indices of each sample's labels, in any
    /// order, `probabilities` are `[n, labels]`, row-major.
    ///
    /// # Errors
    /// No sample with a label, no labels, lengths that do not fit, indices out of range, probabilities outside `[0, 1]`.
    pub fn multi_label<L: AsRef<[usize]>>(
        labels: usize,
        truth: &[L],
        probabilities: &[f32],
        coverage: Level,
    ) -> Result<Self, EvalError> {
        let truth = checked(labels, truth, probabilities)?;
        // The probability of each label that is there, and which part of its sample's labels it is.
        let mut parts: Vec<(f32, f64)> = Vec::new();
        let mut set_on = 0;
        for (has, row) in truth.chunks_exact(labels).zip(probabilities.chunks_exact(labels)) {
            let own = has.iter().filter(|&&has| has).count();
            set_on += usize::from(own > 0);
            parts.extend(row.iter().zip(has).filter(|(_, has)| **has).map(|(&p, _)| (p, 1.0 / own as f64)));
        }
        if set_on == 0 {
            return Err(EvalError::NoSamples);
        }
        parts.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let needed = coverage.of_exchangeable(set_on);
        let mut held = 0.0;
        let reached = parts.iter().find(|(_, part)| {
            held += part;
            held >= needed
        });
        Ok(Self { coverage, threshold: reached.map_or(0.0, |&(p, _)| p), set_on })
    }

    /// The classes in the set of one sample's probabilities, the likeliest first.
    pub fn of(&self, row: &[f32]) -> Vec<usize> {
        let mut set: Vec<usize> = (0..row.len()).filter(|&class| self.holds(row[class])).collect();
        set.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
        set
    }

    fn holds(&self, probability: f32) -> bool {
        probability >= self.threshold
    }

    /// What the sets look like on samples of exclusive classes, other than those that the threshold was set on.
    ///
    /// # Errors
    /// As [`Self::exclusive`].
    pub fn on_exclusive(
        &self,
        classes: usize,
        truth: &[usize],
        probabilities: &[f32],
    ) -> Result<SetReport, EvalError> {
        Answers::Probabilities(probabilities).check(classes, truth)?;
        self.on_multi_label(classes, &one_each(truth), probabilities)
    }

    /// What the sets look like on samples with any number of labels, other than those that the threshold was set on.
    ///
    /// # Errors
    /// As [`Self::multi_label`], but no sample needs to have a label.
    pub fn on_multi_label<L: AsRef<[usize]>>(
        &self,
        labels: usize,
        truth: &[L],
        probabilities: &[f32],
    ) -> Result<SetReport, EvalError> {
        let truth = checked(labels, truth, probabilities)?;
        let mut sizes = vec![0; labels + 1];
        let mut per_class = vec![(0, 0); labels];
        let mut complete = 0;
        // Of each sample with a label which share of them its set lacks; it could have been all.
        let mut lacked = vec![(1.0, 0)];
        for (has, row) in truth.chunks_exact(labels).zip(probabilities.chunks_exact(labels)) {
            sizes[row.iter().filter(|&&p| self.holds(p)).count()] += 1;
            let (mut own, mut held) = (0_usize, 0_usize);
            for (class, _) in has.iter().enumerate().filter(|(_, has)| **has) {
                own += 1;
                held += usize::from(self.holds(row[class]));
                per_class[class].0 += usize::from(self.holds(row[class]));
                per_class[class].1 += 1;
            }
            complete += usize::from(held == own);
            lacked.extend((own > 0).then(|| ((own - held) as f64 / own as f64, 1)));
        }
        let n: usize = sizes.iter().sum();
        let Some(complete) = Estimate::of_share(complete, n) else {
            return Err(EvalError::NoSamples);
        };
        let labelled = lacked.len() - 1;
        let members: usize = sizes.iter().enumerate().map(|(size, sets)| size * sets).sum();
        Ok(SetReport {
            sets: *self,
            n,
            observed: mover::mean_of_few_values(lacked, labelled).map(complement),
            complete,
            mean_size: members as f64 / n as f64,
            empty: sizes[0] as f64 / n as f64,
            single: sizes[1] as f64 / n as f64,
            sizes,
            per_class: per_class.into_iter().map(|(held, n)| Estimate::of_share(held, n)).collect(),
        })
    }
}

/// The share that is left.
fn complement(share: Estimate) -> Estimate {
    let Interval { low, high } = share.ci95;
    Estimate { value: 1.0 - share.value, ci95: Interval { low: 1.0 - high, high: 1.0 - low } }
}

fn one_each(truth: &[usize]) -> Vec<[usize; 1]> {
    truth.iter().map(|&class| [class]).collect()
}

/// `[n, labels]`, row-major: which labels each sample has.
fn checked<L: AsRef<[usize]>>(
    labels: usize,
    truth: &[L],
    probabilities: &[f32],
) -> Result<Vec<bool>, EvalError> {
    if labels == 0 {
        return Err(EvalError::TooFewClasses { needed: 1, found: 0 });
    }
    check::probabilities(probabilities, truth.len(), labels)?;
    multi_hot(truth, labels)
}

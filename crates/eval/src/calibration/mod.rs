//! Whether stated probabilities come true as often as they say.

mod spread;

use serde::Serialize;

use crate::{Answers, Estimate, EvalError, Interval, check};

/// How confidences are put into bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binning {
    /// As many bins, with nearly as many samples in each. Samples of equal confidence stay together.
    EqualMass(usize),
    /// As many bins, each `1 / bins` wide, closed below; the last is closed above too. As most papers and libraries do,
    /// though a good classifier puts nearly all its samples into the last one.
    EqualWidth(usize),
}

impl Default for Binning {
    /// 15 bins of equal mass.
    fn default() -> Self {
        Self::EqualMass(15)
    }
}

/// One bin of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReliabilityBin {
    /// How many samples it holds, at least one.
    pub samples: usize,
    /// The mean of their confidences.
    pub confidence: f64,
    /// The share of them for which it came true.
    pub came_true: f64,
    /// The share's 95% Wilson interval.
    pub came_true_ci95: Interval,
}

/// Stated probabilities beside what came true.
#[derive(Debug, Clone)]
pub struct Calibration {
    /// Confidence, and whether it was borne out; from the least confident to the most.
    ordered: Vec<(f32, bool)>,
}

impl Calibration {
    /// Pairs each confidence, a probability, with whether what it was stated for came true.
    ///
    /// # Errors
    /// No samples, slices of different lengths, confidences outside `[0, 1]`.
    pub fn new(confidences: &[f32], came_true: &[bool]) -> Result<Self, EvalError> {
        if came_true.is_empty() {
            return Err(EvalError::NoSamples);
        }
        check::probabilities(confidences, came_true.len(), 1)?;
        let mut ordered: Vec<_> = confidences.iter().copied().zip(came_true.iter().copied()).collect();
        ordered.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        Ok(Self { ordered })
    }

    /// The confidences of a classifier of exclusive classes: with two classes the probability of the second, whether it was
    /// stated alone or in a pair; with more the largest probability of each sample, stated for the class decided for.
    ///
    /// `None` for answers that are no probabilities.
    ///
    /// # Errors
    /// No samples, and whatever [`ExclusiveReport::new`](crate::ExclusiveReport::new) refuses.
    pub fn of(classes: usize, truth: &[usize], answers: Answers<'_>) -> Result<Option<Self>, EvalError> {
        answers.check(classes, truth)?;
        let second: Vec<bool> = truth.iter().map(|&class| class == 1).collect();
        match answers {
            Answers::Probabilities(rows) if classes > 2 => {
                let decisions = answers.decisions(classes);
                let largest = rows.chunks_exact(classes).zip(&decisions).map(|(row, &class)| row[class]);
                let right: Vec<bool> =
                    decisions.iter().zip(truth).map(|(decided, class)| decided == class).collect();
                Self::new(&largest.collect::<Vec<_>>(), &right).map(Some)
            }
            Answers::Probabilities(rows) => {
                let of_second: Vec<f32> = rows.iter().copied().skip(1).step_by(2).collect();
                Self::new(&of_second, &second).map(Some)
            }
            Answers::PositiveProbabilities { probabilities, .. } => {
                Self::new(probabilities, &second).map(Some)
            }
            Answers::Scores { .. } | Answers::Decisions(_) => Ok(None),
        }
    }

    /// The confidences of a classifier of exclusive classes in what it decided: the probability of each sample's class as it was
    /// decided for. Unlike [`Self::of`] it tells two classes as it does more.
    ///
    /// `None` for answers that are no probabilities.
    ///
    /// # Errors
    /// No samples, and whatever [`ExclusiveReport::new`](crate::ExclusiveReport::new) refuses.
    pub fn of_decisions(
        classes: usize,
        truth: &[usize],
        answers: Answers<'_>,
    ) -> Result<Option<Self>, EvalError> {
        answers.check(classes, truth)?;
        let decisions = answers.decisions(classes);
        let confidences: Vec<f32> = match answers {
            Answers::Probabilities(rows) => {
                rows.chunks_exact(classes).zip(&decisions).map(|(row, &class)| row[class]).collect()
            }
            Answers::PositiveProbabilities { probabilities, .. } => {
                let of_decided = |(&p, &class): (&f32, &usize)| if class == 1 { p } else { 1.0 - p };
                probabilities.iter().zip(&decisions).map(of_decided).collect()
            }
            Answers::Scores { .. } | Answers::Decisions(_) => return Ok(None),
        };
        let right: Vec<bool> = decisions.iter().zip(truth).map(|(decided, class)| decided == class).collect();
        Self::new(&confidences, &right).map(Some)
    }

    /// The bins of the reliability diagram that are not empty, from the least confident to the most; `None` for no bins.
    pub fn bins(&self, binning: Binning) -> Option<Vec<ReliabilityBin>> {
        self.filled(binning)?.iter().map(Bin::summary).collect()
    }

    /// The expected calibration error: the mean over the samples of how far the mean confidence of their bin lies from the
    /// share of the bin that came true (Naeini, Cooper and Hauskrecht 2015, AAAI). `None` for no bins.
    ///
    /// The value is this mean as it was found, which is too large on average, the more so the fewer samples a bin has: chance alone
    /// parts the two numbers. So its interval is not centred. It is one for the error that these confidences, in these bins,
    /// would have if the samples were infinitely many: the errors under which finding this one is no surprise. It is told as if
    /// all samples of a bin had one chance to come true, which is near the truth unless a bin is wide.
    ///
    /// If all confidences come true as often as they say, the interval leaves out 0 in 5 of 100 cases. It always holds the value, so
    /// that what is too small to be told from 0 is covered more often than 95 times in 100: up to 99, where a few hundred samples come true a
    /// little more often than stated.
    pub fn error(&self, binning: Binning) -> Option<Estimate> {
        let bins = self.filled(binning)?;
        let n = self.ordered.len() as f64;
        let value = bins.iter().map(|bin| bin.gap().abs()).sum::<f64>() / n;
        let ci95 = spread::of_gaps(&bins).map(|sum| (sum / n).min(1.0));
        Some(Estimate { value, ci95 })
    }

    /// The sums of the bins that are not empty.
    fn filled(&self, binning: Binning) -> Option<Vec<Bin>> {
        let (Binning::EqualMass(count) | Binning::EqualWidth(count)) = binning;
        let last = count.checked_sub(1)?;
        let n = self.ordered.len();
        let mut bins: Vec<(usize, Bin)> = Vec::new();
        let mut before = 0;
        for tied in self.ordered.chunk_by(|(a, _), (b, _)| a == b) {
            let index = match binning {
                // Where the middle of the tied samples falls; more bins than samples are no finer than one for each.
                Binning::EqualMass(_) => count.min(n) * (2 * before + tied.len()) / (2 * n),
                Binning::EqualWidth(_) => ((f64::from(tied[0].0) * count as f64) as usize).min(last),
            };
            before += tied.len();
            if bins.last().is_none_or(|&(latest, _)| latest != index) {
                bins.push((index, Bin::default()));
            }
            if let Some((_, bin)) = bins.last_mut() {
                bin.add(tied);
            }
        }
        Some(bins.into_iter().map(|(_, bin)| bin).collect())
    }
}

/// What is left of a bin's samples.
#[derive(Default)]
struct Bin {
    samples: usize,
    came_true: usize,
    /// The sum of the confidences: how many should come true.
    stated: f64,
}

impl Bin {
    fn add(&mut self, samples: &[(f32, bool)]) {
        self.samples += samples.len();
        self.came_true += samples.iter().filter(|(_, came_true)| *came_true).count();
        self.stated += samples.iter().map(|(confidence, _)| f64::from(*confidence)).sum::<f64>();
    }

    fn summary(&self) -> Option<ReliabilityBin> {
        let samples = self.samples as f64;
        Some(ReliabilityBin {
            samples: self.samples,
            confidence: self.stated / samples,
            came_true: self.came_true as f64 / samples,
            came_true_ci95: Interval::wilson(self.came_true, self.samples)?,
        })
    }

    /// How many more were stated than came true.
    fn gap(&self) -> f64 {
        self.stated - self.came_true as f64
    }
}

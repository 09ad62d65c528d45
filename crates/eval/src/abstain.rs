//! Answering only when sure: how accuracy grows as fewer samples are answered, and from which confidence on a stated accuracy holds.

use serde::Serialize;

use crate::{Estimate, EvalError, Level, binomial, check, thin};

/// How many thresholds are tried for a stated accuracy: at each twentieth of the coverage.
const LOOKS: usize = 20;
/// How often, at most, the threshold for a stated accuracy is one at which it does not hold.
const RISK: f64 = 0.05;

/// Coverage against accuracy: the share of samples that are answered if only those of a confidence are, and the share of these that is
/// right (El-Yaniv and Wiener 2010, *JMLR* 11:1605).
#[derive(Debug, Clone)]
pub struct RiskCoverage {
    /// From the most confident to the least; samples of equal confidence cannot be parted.
    steps: Vec<Step>,
}

/// The samples of one confidence, and all before.
#[derive(Debug, Clone, Copy)]
struct Step {
    confidence: f32,
    /// How many have this confidence or more.
    answered: usize,
    right: usize,
}

/// A point of the curve, for drawing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CoveragePoint {
    /// Samples of this confidence or more are answered.
    pub confidence: f32,
    /// The share of samples that are.
    pub coverage: f64,
    /// The share of these that is right.
    pub accuracy: f64,
}

/// A confidence from which on a stated accuracy was shown to hold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SureEnough {
    /// The accuracy asked for.
    pub accuracy: Level,
    /// Samples of this confidence or more are answered; 0 where all can be.
    pub confidence: f32,
    /// How the samples that it was chosen on fare; they fare better than others will.
    pub chosen_on: Answered,
}

/// What is answered of some samples from a confidence on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Answered {
    /// How many samples there are.
    pub n: usize,
    /// How many are answered.
    pub answered: usize,
    /// How many of these are right.
    pub right: usize,
    /// The share of samples that are answered, with its Wilson interval; `None` without samples.
    pub coverage: Option<Estimate>,
    /// The share of the answers that is right, with its Wilson interval; `None` without answers.
    pub accuracy: Option<Estimate>,
}

impl RiskCoverage {
    /// Orders samples by `confidences`, probabilities of which `right` says whether they were borne out.
    ///
    /// # Errors
    /// No samples, slices of different lengths, confidences outside `[0, 1]`.
    pub fn new(confidences: &[f32], right: &[bool]) -> Result<Self, EvalError> {
        if right.is_empty() {
            return Err(EvalError::NoSamples);
        }
        check::probabilities(confidences, right.len(), 1)?;
        let mut ordered: Vec<(f32, bool)> = confidences.iter().copied().zip(right.iter().copied()).collect();
        ordered.sort_unstable_by(|(a, _), (b, _)| b.total_cmp(a));
        let mut steps: Vec<Step> = Vec::new();
        let (mut answered, mut correct) = (0, 0);
        for (confidence, right) in ordered {
            answered += 1;
            correct += usize::from(right);
            let step = Step { confidence, answered, right: correct };
            match steps.last_mut() {
                Some(last) if last.confidence == confidence => *last = step,
                _ => steps.push(step),
            }
        }
        Ok(Self { steps })
    }

    /// The area under the risk-coverage curve: the mean share of mistakes among the first, the first two, … all samples (Geifman,
    /// Uziel and El-Yaniv 2019, ICLR). Smaller is better. Samples of equal confidence are taken in any order: on average.
    pub fn aurc(&self) -> f64 {
        let mut before = Step { confidence: 1.0, answered: 0, right: 0 };
        let mut sum = 0.0;
        for step in &self.steps {
            let tied = (step.answered - before.answered) as f64;
            let mistakes = (before.answered - before.right) as f64;
            let more = (step.answered - step.right) as f64 - mistakes;
            sum += (before.answered + 1..=step.answered)
                .map(|taken| (mistakes + more * (taken - before.answered) as f64 / tied) / taken as f64)
                .sum::<f64>();
            before = *step;
        }
        sum / before.answered as f64
    }

    /// The area that would be left if the mistakes were the least confident samples of all.
    pub fn least_aurc(&self) -> f64 {
        let (n, right) = self.steps.last().map_or((1, 1), |last| (last.answered, last.right));
        let wrong = |taken: usize| (taken - right) as f64 / taken as f64;
        (right + 1..=n).map(wrong).sum::<f64>() / n as f64
    }

    /// The curve, for drawing: no more than `most` points, evenly thinned, both ends among them.
    pub fn points(&self, most: usize) -> Vec<CoveragePoint> {
        let n = self.len() as f64;
        let point = |step: &Step| CoveragePoint {
            confidence: step.confidence,
            coverage: step.answered as f64 / n,
            accuracy: step.right as f64 / step.answered as f64,
        };
        thin::indices(self.steps.len(), most).map(|index| point(&self.steps[index])).collect()
    }

    /// The lowest confidence from which on the accuracy was shown to be `accuracy` or more, so that in 95 of 100 cases, or more, it
    /// is so for samples without end. `None` where it could not be shown of any.
    ///
    /// One threshold is tried at each twentieth of the coverage, twenty in all. At each the share of right answers must be such as
    /// would be seen, by the exact binomial test, in fewer than 1 of 400 cases if the accuracy were lower: 20 looks at 1 in 400 make
    /// 1 in 20 (Bonferroni). It holds for exchangeable samples whatever the network, and for this accuracy of the samples that are
    /// answered, not for each group of them.
    pub fn sure_enough(&self, accuracy: Level) -> Option<SureEnough> {
        let is_shown = |tried: &Step| {
            binomial::at_least(tried.right, tried.answered, accuracy.get()) <= RISK / LOOKS as f64
        };
        let tried = (1..=LOOKS).rev().filter_map(|twentieths| self.tried(twentieths)).find(is_shown)?;
        Some(SureEnough {
            accuracy,
            confidence: tried.confidence,
            chosen_on: Answered::new(self.len(), tried.answered, tried.right),
        })
    }

    /// The threshold just above the sample at which this many twentieths are covered. Which sample that is hangs on the confidences
    /// alone, so those above are a sample of all that are so confident, as the binomial test asks for.
    fn tried(&self, twentieths: usize) -> Option<Step> {
        if twentieths == LOOKS {
            return self.steps.last().map(|all| Step { confidence: 0.0, ..*all });
        }
        let covered = self.len() as u128 * twentieths as u128 / LOOKS as u128;
        let at = self.steps.partition_point(|step| (step.answered as u128) < covered);
        let above = self.steps.get(at.checked_sub(1)?)?;
        Some(Step { confidence: self.steps.get(at)?.confidence.next_up(), ..*above })
    }

    fn len(&self) -> usize {
        self.steps.last().map_or(0, |last| last.answered)
    }
}

impl SureEnough {
    /// How other samples fare: `confidences`, of which `right` says whether they were borne out.
    ///
    /// # Errors
    /// No samples, slices of different lengths, confidences outside `[0, 1]`.
    pub fn on(&self, confidences: &[f32], right: &[bool]) -> Result<Answered, EvalError> {
        let curve = RiskCoverage::new(confidences, right)?;
        let answered = curve.steps.iter().take_while(|step| step.confidence >= self.confidence).last();
        let (answered, right) = answered.map_or((0, 0), |step| (step.answered, step.right));
        Ok(Answered::new(curve.len(), answered, right))
    }
}

impl Answered {
    fn new(n: usize, answered: usize, right: usize) -> Self {
        Self {
            n,
            answered,
            right,
            coverage: Estimate::of_share(answered, n),
            accuracy: Estimate::of_share(right, answered),
        }
    }
}

//! What decisions have cost.

use serde::Serialize;

use super::{Cost, CostMatrix};
use crate::{Answers, Estimate, EvalError, mover};

/// What the decisions of least expected cost have cost on some samples, beside those for the likeliest class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CostReport {
    /// How many samples there are.
    pub n: usize,
    /// How many of them are decided otherwise than for the likeliest class.
    pub changed: usize,
    /// Mean cost of a sample, with its 95% interval.
    pub mean_cost: Estimate,
    /// Mean cost of a sample, had the likeliest class been decided for.
    pub likeliest_mean_cost: Estimate,
    /// How much the second lies above the first, sample by sample: what is saved, with the interval of the difference. `None` where no
    /// sample is decided otherwise.
    pub saved: Option<Estimate>,
    /// Share of samples that are given their true class, which costs may lower.
    pub accuracy: Estimate,
}

impl CostMatrix {
    /// Decides for each sample of `[n, classes]` probabilities, row-major, and counts what that costs.
    ///
    /// # Errors
    /// No samples, fewer than two classes, lengths that do not fit, indices out of range, rows that are no probabilities or do not
    /// sum to one.
    pub fn report(&self, truth: &[usize], probabilities: &[f32]) -> Result<CostReport, EvalError> {
        let answers = Answers::Probabilities(probabilities);
        answers.check(self.classes, truth)?;
        let decided = self.decisions(probabilities);
        let likeliest = answers.decisions(self.classes);
        let pairs = || truth.iter().zip(&decided).zip(&likeliest).map(|((t, d), l)| (*t, *d, *l));
        let changed = pairs().filter(|(_, d, l)| d != l).count();
        let right = pairs().filter(|(t, d, _)| t == d).count();
        let mean_cost = self.mean_cost(pairs().map(|(t, d, _)| self.cost(t, d)), truth.len());
        let likeliest_mean_cost = self.mean_cost(pairs().map(|(t, _, l)| self.cost(t, l)), truth.len());
        let saved = pairs().filter(|(_, d, l)| d != l).flat_map(|(t, d, l)| {
            // Had either of the two been true, which could have been seen.
            let possible = [-self.cost(l, d), self.cost(d, l)].map(|value| (value, 0));
            [(self.cost(t, l) - self.cost(t, d), 1), possible[0], possible[1]]
        });
        let saved = mover::mean_of_few_values(saved, truth.len()).filter(|_| changed > 0);
        let (Some(mean_cost), Some(likeliest_mean_cost), Some(accuracy)) =
            (mean_cost, likeliest_mean_cost, Estimate::of_share(right, truth.len()))
        else {
            return Err(EvalError::NoSamples);
        };
        Ok(CostReport { n: truth.len(), changed, mean_cost, likeliest_mean_cost, saved, accuracy })
    }

    /// The mean of costs, with an interval that reckons with mistakes that were not made.
    fn mean_cost(&self, costs: impl Iterator<Item = f64>, n: usize) -> Option<Estimate> {
        let is_all_stated = self.stated.len() == self.classes.saturating_mul(self.classes - 1);
        let stated = self.stated.iter().map(|stated| stated.cost.get());
        let possible = stated.chain((!is_all_stated).then_some(Cost::ONE.get()));
        mover::mean_of_few_values(costs.map(|cost| (cost, 1)).chain(possible.map(|cost| (cost, 0))), n)
    }
}

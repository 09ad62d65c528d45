//! A ratio of times, with the interval that the rounds allow.

/// The two-sided 95 % points of Student's t for 1 to 30 degrees of freedom; beyond, the normal distribution's is near enough.
const T: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// Student's t beyond the table.
const T_BEYOND: f64 = 2.0;

/// The geometric mean of the ratios within rounds and its 95 % interval, which is that of the mean logarithm.
#[derive(PartialEq, Debug)]
pub(super) struct Ratio {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Ratio {
    /// That of times measured in pairs, at least two.
    pub(super) fn of(before: &[f64], after: &[f64]) -> Self {
        let logs: Vec<f64> = before.iter().zip(after).map(|(before, after)| (before / after).ln()).collect();
        let n = logs.len() as f64;
        let mean = logs.iter().sum::<f64>() / n;
        let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let t = T.get(logs.len().saturating_sub(2)).copied().unwrap_or(T_BEYOND);
        let reach = t * (variance / n).sqrt();
        Self { value: mean.exp(), low: (mean - reach).exp(), high: (mean + reach).exp() }
    }

    /// What it says: a difference only where the interval leaves 1 out.
    pub(super) fn verdict(&self) -> &'static str {
        if self.low > 1.0 {
            "faster"
        } else if self.high < 1.0 {
            "slower"
        } else {
            "no difference found"
        }
    }
}

/// The median.
pub(super) fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    if times.len().is_multiple_of(2) {
        f64::midpoint(times[middle - 1], times[middle])
    } else {
        times[middle]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_t_distribution() {
        // Logarithms of 0.1, 0.2 and 0.3: mean 0.2, standard deviation 0.1; t of two degrees of freedom is 4.303.
        let before: Vec<f64> = [0.1_f64, 0.2, 0.3].map(f64::exp).to_vec();
        let ratio = Ratio::of(&before, &[1.0; 3]);
        let reach = 4.303 * 0.1 / 3_f64.sqrt();
        for (found, log) in [(ratio.value, 0.2), (ratio.low, 0.2 - reach), (ratio.high, 0.2 + reach)] {
            assert!((found.ln() - log).abs() < 1e-12, "{found} {log}");
        }
        assert_eq!(ratio.verdict(), "no difference found");
    }

    #[test]
    fn a_difference_is_told_only_where_the_interval_leaves_one_out() {
        assert_eq!(Ratio::of(&[2.0, 2.1], &[1.0, 1.0]).verdict(), "faster");
        assert_eq!(Ratio::of(&[1.0, 1.0], &[2.0, 2.1]).verdict(), "slower");
        assert_eq!(Ratio::of(&[1.0, 1.0], &[1.0, 1.0]), Ratio { value: 1.0, low: 1.0, high: 1.0 });
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0]), 2.5);
    }
}

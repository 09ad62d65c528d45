//! How much a number varies, seen by leaving out one sample at a time.

/// By how much each sample moves a number (Quenouille 1956, *Biometrika* 43:353; Efron and Stein 1981, *Annals of Statistics* 9:586).
pub(crate) struct Jackknife {
    /// How much smaller the number would be without each sample, times one less than the number of samples.
    moves: Vec<f64>,
}

impl Jackknife {
    /// That of a number, which without one of the samples would be one of the numbers `without`.
    pub(crate) fn new(value: f64, without: &[f64]) -> Self {
        let rest = without.len().saturating_sub(1) as f64;
        Self { moves: without.iter().map(|without| rest * (value - without)).collect() }
    }

    /// That of the mean of one or more numbers about the same samples.
    pub(crate) fn of_mean(numbers: &[Self]) -> Self {
        let samples = numbers.iter().map(|number| number.moves.len()).max().unwrap_or(0);
        let mut moves = vec![0.0; samples];
        for number in numbers {
            for (sum, part) in moves.iter_mut().zip(&number.moves) {
                *sum += part / numbers.len() as f64;
            }
        }
        Self { moves }
    }

    /// By how much the number is too large on average.
    pub(crate) fn bias(&self) -> f64 {
        -self.mean()
    }

    /// The number's standard error; zero with fewer than two samples.
    pub(crate) fn standard_error(&self) -> f64 {
        let (n, mean) = (self.moves.len() as f64, self.mean());
        let squares: f64 = self.moves.iter().map(|own| (own - mean).powi(2)).sum();
        (squares / (n - 1.0).max(1.0) / n.max(1.0)).sqrt()
    }

    fn mean(&self) -> f64 {
        self.moves.iter().sum::<f64>() / self.moves.len().max(1) as f64
    }
}

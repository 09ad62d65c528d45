//! The log loss of a slope and of biases, and where it is least: by Newton's steps, each found by conjugate gradients, so that many classes take
//! no more than time (Nocedal and Wright 2006, *Numerical Optimization*, algorithms 5.3 and 7.1).

/// What logits are multiplied by, and what is added to those of each class.
#[derive(Clone)]
pub(super) struct Scaling {
    pub(super) slope: f64,
    pub(super) biases: Vec<f64>,
}

/// The mean log loss, and half of `ridge` times the sum of the biases' squares.
pub(super) struct Loss<'a> {
    /// A row a sample, the largest of each 0.
    pub(super) logits: Vec<f64>,
    pub(super) classes: usize,
    pub(super) truth: &'a [usize],
    /// What targets take from the true class and spread over all.
    pub(super) smoothing: f64,
    /// Above 0.
    pub(super) ridge: f64,
}

/// The derivatives at one point.
struct Derivatives {
    /// By slope and biases.
    first: Scaling,
    /// The probabilities of all samples, from which the second derivatives follow.
    shares: Vec<f64>,
}

/// Newton's steps are this many at the most; a dozen is usual.
const MOST_STEPS: usize = 100;

impl Loss<'_> {
    /// The scaling of least loss whose slope lies between the two given, of which one is at most 1 and the other at least.
    pub(super) fn least(&self, slopes: [f64; 2]) -> Scaling {
        let mut at = Scaling { slope: 1.0, biases: vec![0.0; self.classes] };
        let mut value = self.value(&at);
        for _ in 0..MOST_STEPS {
            let Derivatives { first, shares } = self.derivatives(&at);
            let [low, high] = slopes;
            let leaves = (at.slope <= low && first.slope > 0.0) || (at.slope >= high && first.slope < 0.0);
            let is_free = low < high && !leaves;
            let step = self.newton(&first, &shares, is_free);
            let Some((next, lower)) = self.lower(&at, value, &step, first.dot(&step), slopes) else { break };
            (at, value) = (next, lower);
        }
        at
    }

    /// The first point on the way back from a whole step at which the loss is lower by a fair part of what its slope promises; none where rounding
    /// hides any that is.
    fn lower(
        &self,
        at: &Scaling,
        value: f64,
        step: &Scaling,
        descent: f64,
        [low, high]: [f64; 2],
    ) -> Option<(Scaling, f64)> {
        const FAIR: f64 = 1e-4;
        let lengths = std::iter::successors(Some(1.0), |length| Some(length / 2.0)).take(60);
        let tried = lengths.map(|length| {
            let mut next = at.clone();
            next.add(length, step);
            next.slope = next.slope.clamp(low, high);
            let lower = self.value(&next);
            (length, next, lower)
        });
        let mut fair =
            tried.filter(|(length, _, lower)| *lower < value && *lower <= value + FAIR * length * descent);
        fair.next().map(|(_, next, lower)| (next, lower))
    }

    fn samples(&self) -> f64 {
        self.truth.len() as f64
    }

    /// Each row with its true class.
    fn rows(&self) -> impl Iterator<Item = (&[f64], usize)> {
        self.logits.chunks_exact(self.classes).zip(self.truth.iter().copied())
    }

    fn value(&self, at: &Scaling) -> f64 {
        let uniform = self.smoothing / self.classes as f64;
        let of_row = |(row, class): (&[f64], usize)| {
            let moved: Vec<f64> = at.moved(row).collect();
            let most = largest(&moved);
            let total = most + moved.iter().map(|z| (z - most).exp()).sum::<f64>().ln();
            total - (1.0 - self.smoothing) * moved[class] - uniform * moved.iter().sum::<f64>()
        };
        let squares: f64 = at.biases.iter().map(|bias| bias * bias).sum();
        self.rows().map(of_row).sum::<f64>() / self.samples() + self.ridge / 2.0 * squares
    }

    fn derivatives(&self, at: &Scaling) -> Derivatives {
        let uniform = self.smoothing / self.classes as f64;
        let mut first =
            Scaling { slope: 0.0, biases: at.biases.iter().map(|bias| self.ridge * bias).collect() };
        let mut shares = Vec::with_capacity(self.logits.len());
        for (row, class) in self.rows() {
            let start = shares.len();
            shares.extend(at.moved(row));
            softmax(&mut shares[start..]);
            for (c, (&share, z)) in shares[start..].iter().zip(row).enumerate() {
                let target = uniform + if c == class { 1.0 - self.smoothing } else { 0.0 };
                let off = (share - target) / self.samples();
                first.slope += off * z;
                first.biases[c] += off;
            }
        }
        Derivatives { first, shares }
    }

    /// Newton's step: what solves `second derivatives × step = - first`, of the biases alone where the slope is not free to move.
    fn newton(&self, first: &Scaling, shares: &[f64], is_free: bool) -> Scaling {
        /// How much smaller than the right side what is left of it becomes.
        const EXACT: f64 = 1e-12;
        let held = |mut scaling: Scaling| {
            scaling.slope = if is_free { scaling.slope } else { 0.0 };
            scaling
        };
        let diagonal = self.diagonal(shares);
        let mut step = Scaling { slope: 0.0, biases: vec![0.0; self.classes] };
        let mut left = held(first.times(-1.0));
        let mut scaled = left.over(&diagonal);
        let mut along = scaled.clone();
        let mut rest = left.dot(&scaled);
        let enough = rest * EXACT * EXACT;
        // Exact after as many as there are numbers, but for rounding.
        for _ in 0..2 * (self.classes + 1) {
            if rest <= enough {
                break;
            }
            let curved = held(self.product(shares, &along));
            let length = rest / along.dot(&curved);
            if !length.is_finite() {
                break;
            }
            step.add(length, &along);
            left.add(-length, &curved);
            scaled = left.over(&diagonal);
            let next = left.dot(&scaled);
            along = along.times(next / rest);
            along.add(1.0, &scaled);
            rest = next;
        }
        step
    }

    /// The second derivatives times a direction.
    fn product(&self, shares: &[f64], along: &Scaling) -> Scaling {
        let mut product = along.times(self.ridge);
        product.slope = 0.0;
        for ((row, _), shares) in self.rows().zip(shares.chunks_exact(self.classes)) {
            let mean: f64 = along.moved(row).zip(shares).map(|(moved, share)| share * moved).sum();
            for (c, ((moved, share), z)) in along.moved(row).zip(shares).zip(row).enumerate() {
                let turn = share * (moved - mean) / self.samples();
                product.slope += turn * z;
                product.biases[c] += turn;
            }
        }
        product
    }

    /// The second derivatives by each number alone.
    fn diagonal(&self, shares: &[f64]) -> Scaling {
        let mut diagonal = Scaling { slope: 0.0, biases: vec![self.ridge; self.classes] };
        for ((row, _), shares) in self.rows().zip(shares.chunks_exact(self.classes)) {
            let (mut mean, mut square) = (0.0, 0.0);
            for ((share, z), bias) in shares.iter().zip(row).zip(&mut diagonal.biases) {
                mean += share * z;
                square += share * z * z;
                *bias += share * (1.0 - share) / self.samples();
            }
            diagonal.slope += (square - mean * mean).max(0.0) / self.samples();
        }
        // Where all is certain nothing turns with the slope.
        diagonal.slope = diagonal.slope.max(f64::MIN_POSITIVE);
        diagonal
    }
}

impl Scaling {
    /// A row of logits, scaled.
    fn moved(&self, row: &[f64]) -> impl Iterator<Item = f64> {
        row.iter().zip(&self.biases).map(|(z, bias)| self.slope * z + bias)
    }

    fn add(&mut self, factor: f64, other: &Self) {
        self.slope += factor * other.slope;
        self.biases.iter_mut().zip(&other.biases).for_each(|(bias, other)| *bias += factor * other);
    }

    fn times(&self, factor: f64) -> Self {
        Self { slope: factor * self.slope, biases: self.biases.iter().map(|bias| factor * bias).collect() }
    }

    /// Each number divided by its counterpart.
    fn over(&self, other: &Self) -> Self {
        let biases = self.biases.iter().zip(&other.biases).map(|(a, b)| a / b).collect();
        Self { slope: self.slope / other.slope, biases }
    }

    fn dot(&self, other: &Self) -> f64 {
        let biases: f64 = self.biases.iter().zip(&other.biases).map(|(a, b)| a * b).sum();
        self.slope * other.slope + biases
    }
}

fn largest(row: &[f64]) -> f64 {
    row.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn softmax(row: &mut [f64]) {
    let most = largest(row);
    for z in row.iter_mut() {
        *z = (*z - most).exp();
    }
    let total: f64 = row.iter().sum();
    for share in row {
        *share /= total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss() -> Loss<'static> {
        let logits = vec![0.0, -2.0, -1.0, -3.0, 0.0, -0.5, -1.0, -0.2, 0.0, 0.0, -1.5, -4.0];
        Loss { logits, classes: 3, truth: &[0, 2, 1, 0], smoothing: 0.1, ridge: 0.3 }
    }

    fn at(numbers: [f64; 4]) -> Scaling {
        Scaling { slope: numbers[0], biases: numbers[1..].to_vec() }
    }

    /// Wrong derivatives would make the search slow, or end it early, which hardly shows.
    #[test]
    fn derivatives_are_differences() {
        const STEP: f64 = 1e-5;
        let (loss, point, along) = (loss(), [0.7, 0.2, -0.5, 0.1], at([0.4, -1.0, 0.3, 0.6]));
        let Derivatives { first, shares } = loss.derivatives(&at(point));
        let numbers = |scaling: &Scaling| [&[scaling.slope], &scaling.biases[..]].concat();
        for (i, derivative) in numbers(&first).into_iter().enumerate() {
            let value = |by: f64| {
                let mut numbers = point;
                numbers[i] += by;
                loss.value(&at(numbers))
            };
            let difference = (value(STEP) - value(-STEP)) / (2.0 * STEP);
            assert!((difference - derivative).abs() < 1e-9, "{i}: {derivative}, {difference}");
        }
        let moved = |by: f64| {
            let mut point = at(point);
            point.add(by, &along);
            numbers(&loss.derivatives(&point).first)
        };
        let product = numbers(&loss.product(&shares, &along));
        for (i, (above, below)) in moved(STEP).into_iter().zip(moved(-STEP)).enumerate() {
            let difference = (above - below) / (2.0 * STEP);
            assert!((difference - product[i]).abs() < 1e-9, "{i}: {}, {difference}", product[i]);
        }
        let diagonal = numbers(&loss.diagonal(&shares));
        for i in 0..4 {
            let mut unit = [0.0; 4];
            unit[i] = 1.0;
            assert!((numbers(&loss.product(&shares, &at(unit)))[i] - diagonal[i]).abs() < 1e-12, "{i}");
        }
    }

    #[test]
    fn a_step_solves_the_second_derivatives() {
        let loss = loss();
        let Derivatives { first, shares } = loss.derivatives(&at([0.7, 0.2, -0.5, 0.1]));
        let mut left = loss.product(&shares, &loss.newton(&first, &shares, true));
        left.add(1.0, &first);
        assert!(left.dot(&left) < 1e-20 * first.dot(&first));
        assert_eq!(loss.newton(&first, &shares, false).slope, 0.0);
    }
}

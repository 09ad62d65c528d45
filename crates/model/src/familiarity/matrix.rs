//! The little that is needed of linear algebra, on lower triangles: row `i` holds `i + 1` numbers.

/// Where row `row` of a triangle begins.
fn start(row: usize) -> usize {
    row * (row + 1) / 2
}

/// Numbers added up at once, in a fixed order.
const LANES: usize = 8;

fn dot<T: Copy + Into<f64>>(a: &[T], b: &[f64]) -> f64 {
    let (a, rest_a) = a.as_chunks::<LANES>();
    let (b, rest_b) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane].into() * b[lane];
        }
    }
    let rest: f64 = rest_a.iter().zip(rest_b).map(|(&a, b)| a.into() * b).sum();
    sums.iter().sum::<f64>() + rest
}

pub(super) fn squared_length(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.map(|x| x * x).sum()
}

/// A symmetric matrix, by its lower triangle.
#[derive(Clone, Debug)]
pub(super) struct Symmetric {
    size: usize,
    numbers: Vec<f64>,
}

/// A triangle of double precision.
pub(super) struct Factor {
    size: usize,
    numbers: Vec<f64>,
}

/// A triangle as it is kept.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct LowerTriangle {
    size: usize,
    numbers: Vec<f32>,
}

impl Symmetric {
    pub(super) fn zeros(size: usize) -> Self {
        Self { size, numbers: vec![0.0; start(size)] }
    }

    /// Adds the product of each vector with itself.
    pub(super) fn add_products(&mut self, vectors: &[Vec<f64>]) {
        for row in 0..self.size {
            let sums = &mut self.numbers[start(row)..start(row + 1)];
            for vector in vectors {
                let factor = vector[row];
                sums.iter_mut().zip(vector).for_each(|(sum, x)| *sum += factor * x);
            }
        }
    }

    pub(super) fn scale(&mut self, by: f64) {
        self.numbers.iter_mut().for_each(|x| *x *= by);
    }

    pub(super) fn add_to_diagonal(&mut self, number: f64) {
        (0..self.size).for_each(|row| self.numbers[start(row) + row] += number);
    }

    fn diagonal(&self) -> impl Iterator<Item = f64> {
        (0..self.size).map(|row| self.numbers[start(row) + row])
    }

    pub(super) fn trace(&self) -> f64 {
        self.diagonal().sum()
    }

    /// The sum of the squares of all numbers, those above the diagonal included.
    pub(super) fn sum_of_squares(&self) -> f64 {
        2.0 * squared_length(self.numbers.iter().copied()) - squared_length(self.diagonal())
    }

    /// The triangle L with L Lᵀ = this matrix; none where it is not positive definite.
    pub(super) fn cholesky(self) -> Option<Factor> {
        let Self { size, mut numbers } = self;
        for row in 0..size {
            let (above, own) = numbers.split_at_mut(start(row));
            for column in 0..row {
                let other = &above[start(column)..start(column + 1)];
                own[column] = (own[column] - dot(&own[..column], &other[..column])) / other[column];
            }
            let rest = own[row] - squared_length(own[..row].iter().copied());
            if rest.is_nan() || rest <= 0.0 {
                return None;
            }
            own[row] = rest.sqrt();
        }
        Some(Factor { size, numbers })
    }
}

impl Factor {
    /// The triangle W with W L = the identity.
    pub(super) fn inverse(&self) -> Self {
        let mut inverse = vec![0.0; self.numbers.len()];
        for row in 0..self.size {
            let own = &self.numbers[start(row)..start(row + 1)];
            let (above, result) = inverse.split_at_mut(start(row));
            let result = &mut result[..=row];
            for column in 0..row {
                let other = &above[start(column)..start(column + 1)];
                result.iter_mut().zip(other).for_each(|(sum, x)| *sum -= own[column] * x);
            }
            result[row] = 1.0;
            for x in result {
                *x /= own[row];
            }
        }
        Self { size: self.size, numbers: inverse }
    }
}

impl LowerTriangle {
    /// A triangle of so many rows, if the numbers are as many as it has.
    pub(super) fn new(size: usize, numbers: Vec<f32>) -> Option<Self> {
        (size.checked_mul(size + 1)? / 2 == numbers.len()).then_some(Self { size, numbers })
    }

    pub(super) fn rounded(factor: &Factor) -> Self {
        Self { size: factor.size, numbers: factor.numbers.iter().map(|&x| x as f32).collect() }
    }

    pub(super) fn numbers(&self) -> &[f32] {
        &self.numbers
    }

    pub(super) fn into_numbers(self) -> Vec<f32> {
        self.numbers
    }

    /// The product with a vector.
    pub(super) fn times(&self, vector: &[f64]) -> Vec<f64> {
        let row = |row: usize| dot(&self.numbers[start(row)..start(row + 1)], &vector[..=row]);
        (0..self.size).map(row).collect()
    }
}

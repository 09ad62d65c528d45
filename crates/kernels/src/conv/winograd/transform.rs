//! The linear maps of Winograd's minimal filtering, along one direction.
//!
//! `OUT` outputs of a kernel of three taps, from `IN = OUT + 2` inputs, with `IN` products instead of `3 OUT`:
//! `y = A' ((G g) * (B' d))`, where * multiplies number by number and ' transposes. Lavin and Gray, "Fast algorithms for
//! convolutional neural networks" (arXiv 1509.09308), with the points 0, 1, -1 (and 2, -2) and infinity.

use crate::simd::Simd;

/// A linear map of vectors, lane by lane.
pub(super) trait LinearMap<const FROM: usize, const TO: usize> {
    fn apply<S: Simd>(simd: S, x: [S::V; FROM]) -> [S::V; TO];
}

/// `B'`: inputs to what the products are made of.
pub(super) struct Input;

impl LinearMap<4, 4> for Input {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [a, b, c, d]: [S::V; 4]) -> [S::V; 4] {
        [simd.sub(a, c), simd.add(b, c), simd.sub(c, b), simd.sub(b, d)]
    }
}

impl LinearMap<6, 6> for Input {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::V; 6]) -> [S::V; 6] {
        let (two, four, five) = (simd.splat(2.0), simd.splat(4.0), simd.splat(5.0));
        let even = simd.sub(e, simd.mul(c, four));
        let odd = simd.sub(d, simd.mul(b, four));
        let low = simd.sub(e, c);
        let difference = simd.mul(simd.sub(d, b), two);
        [
            simd.sub(simd.mul_add(a, four, e), simd.mul(c, five)),
            simd.add(even, odd),
            simd.sub(even, odd),
            simd.add(low, difference),
            simd.sub(low, difference),
            simd.sub(simd.mul_add(b, four, f), simd.mul(d, five)),
        ]
    }
}

/// `G`: weights to what the products are made of.
pub(super) struct Weights;

impl LinearMap<3, 4> for Weights {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [a, b, c]: [S::V; 3]) -> [S::V; 4] {
        let half = simd.splat(0.5);
        let (outer, inner) = (simd.mul(simd.add(a, c), half), simd.mul(b, half));
        [a, simd.add(outer, inner), simd.sub(outer, inner), c]
    }
}

impl LinearMap<3, 6> for Weights {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [a, b, c]: [S::V; 3]) -> [S::V; 6] {
        let sixth = simd.splat(-1.0 / 6.0);
        let (outer, inner) = (simd.mul(simd.add(a, c), sixth), simd.mul(b, sixth));
        let (twelfth, far) = (simd.mul(b, simd.splat(1.0 / 12.0)), simd.mul(c, simd.splat(1.0 / 6.0)));
        let near = simd.mul_add(a, simd.splat(1.0 / 24.0), far);
        [
            simd.mul(a, simd.splat(0.25)),
            simd.add(outer, inner),
            simd.sub(outer, inner),
            simd.add(near, twelfth),
            simd.sub(near, twelfth),
            c,
        ]
    }
}

/// `A'`: products to outputs.
pub(super) struct Output;

impl LinearMap<4, 2> for Output {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [a, b, c, d]: [S::V; 4]) -> [S::V; 2] {
        [simd.add(simd.add(a, b), c), simd.sub(simd.sub(b, c), d)]
    }
}

impl LinearMap<6, 4> for Output {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::V; 6]) -> [S::V; 4] {
        let (near_sum, near_difference) = (simd.add(b, c), simd.sub(b, c));
        let (far_sum, far_difference) = (simd.add(d, e), simd.sub(d, e));
        [
            simd.add(simd.add(a, near_sum), far_sum),
            simd.mul_add(far_difference, simd.splat(2.0), near_difference),
            simd.mul_add(far_sum, simd.splat(4.0), near_sum),
            simd.add(simd.mul_add(far_difference, simd.splat(8.0), near_difference), f),
        ]
    }
}

/// `A`: the gradient of the outputs to that of the products.
pub(super) struct OutputTransposed;

impl LinearMap<2, 4> for OutputTransposed {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [a, b]: [S::V; 2]) -> [S::V; 4] {
        [a, simd.add(a, b), simd.sub(a, b), simd.sub(simd.zero(), b)]
    }
}

impl LinearMap<4, 6> for OutputTransposed {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [a, b, c, d]: [S::V; 4]) -> [S::V; 6] {
        let four = simd.splat(4.0);
        let (near_even, near_odd) = (simd.add(a, c), simd.add(b, d));
        let far_even = simd.mul_add(c, four, a);
        let far_odd = simd.mul(simd.mul_add(d, four, b), simd.splat(2.0));
        [
            a,
            simd.add(near_even, near_odd),
            simd.sub(near_even, near_odd),
            simd.add(far_even, far_odd),
            simd.sub(far_even, far_odd),
            d,
        ]
    }
}

/// `G'`: the gradient of the transformed weights to that of the weights.
pub(super) struct WeightsTransposed;

impl LinearMap<4, 3> for WeightsTransposed {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [a, b, c, d]: [S::V; 4]) -> [S::V; 3] {
        let half = simd.splat(0.5);
        let (sum, difference) = (simd.add(b, c), simd.sub(b, c));
        [simd.mul_add(sum, half, a), simd.mul(difference, half), simd.mul_add(sum, half, d)]
    }
}

impl LinearMap<6, 3> for WeightsTransposed {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::V; 6]) -> [S::V; 3] {
        let sixth = simd.splat(1.0 / 6.0);
        let near_sum = simd.mul(simd.add(b, c), sixth);
        let near_difference = simd.mul(simd.sub(c, b), sixth);
        let (far_sum, far_difference) = (simd.add(d, e), simd.sub(d, e));
        [
            simd.sub(simd.mul_add(far_sum, simd.splat(1.0 / 24.0), simd.mul(a, simd.splat(0.25))), near_sum),
            simd.mul_add(far_difference, simd.splat(1.0 / 12.0), near_difference),
            simd.add(simd.sub(simd.mul(far_sum, sixth), near_sum), f),
        ]
    }
}

/// A map along rows and then along columns: `map(map(d)')'`.
#[inline(always)]
pub(super) fn both_ways<S: Simd, M: LinearMap<FROM, TO>, const FROM: usize, const TO: usize>(
    simd: S,
    d: &[[S::V; FROM]; FROM],
) -> [[S::V; TO]; TO] {
    let mut half = [[simd.zero(); TO]; FROM];
    for (half, row) in half.iter_mut().zip(d) {
        *half = M::apply(simd, *row);
    }
    let mut whole = [[simd.zero(); TO]; TO];
    for column in 0..TO {
        for (row, number) in whole.iter_mut().zip(M::apply(simd, column_of(simd, &half, column))) {
            row[column] = number;
        }
    }
    whole
}

/// A column of a square.
#[inline(always)]
pub(super) fn column_of<S: Simd, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    square: &[[S::V; COLUMNS]; ROWS],
    column: usize,
) -> [S::V; ROWS] {
    let mut numbers = [simd.zero(); ROWS];
    for (number, row) in numbers.iter_mut().zip(square) {
        *number = row[column];
    }
    numbers
}

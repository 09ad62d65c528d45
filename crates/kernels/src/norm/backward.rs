//! Batch normalisation, backward.

use super::{NormShape, Normalisation, Normalise, assert_per_channel};
use crate::columns::{Fold, Grid, Input, OfChannel, Totals, column_sums, map_channels};
use crate::rectifier::Bounds;
use crate::simd::Simd;
use crate::{Cpu, Rectifier};

/// What the backward pass of [`batch_norm_apply`](crate::batch_norm_apply) reads besides its parameters and statistics.
#[derive(Clone, Copy, Debug)]
pub struct NormBackward<'a> {
    /// The input of the forward pass.
    pub x: &'a [f32],
    /// The loss's gradient to the output, after the activation if there was one; none where that lies in
    /// [`NormGradients::dx`], which is written over it.
    pub dy: Option<&'a [f32]>,
    /// The activation of the forward pass, and what it passed.
    pub output: Option<(Rectifier, NormOutput<'a>)>,
    /// The activation that made `x`: the gradient is then that to what went into it.
    pub input: Option<Rectifier>,
}

/// Where the backward pass finds the output `y`, which tells what the activation passed.
#[derive(Clone, Copy, Debug)]
pub enum NormOutput<'a> {
    /// Nowhere: without a residual it follows from the input, with the operations of the forward pass and so to the bit. To make it
    /// again costs less than to read it.
    FromInput,
    /// Kept, as it must be where there was a residual.
    Kept(&'a [f32]),
}

/// What the backward pass of [`batch_norm_apply`](crate::batch_norm_apply) writes.
#[derive(Debug)]
pub struct NormGradients<'a> {
    /// The gradient to the input, or to what went into the activation that made it.
    pub dx: &'a mut [f32],
    /// The gradient to the residual, which is that to what went into the activation. Without an activation it is `dy`, which
    /// nobody needs to copy.
    pub dresidual: Option<&'a mut [f32]>,
    /// The gradient to gamma, `[channels]`.
    pub dgamma: &'a mut [f32],
    /// The gradient to beta, `[channels]`.
    pub dbeta: &'a mut [f32],
}

/// The backward pass of [`batch_norm_apply`](crate::batch_norm_apply) with the statistics of its own input.
///
/// With g = dy * activation'(y) and n = (x - mean) * invstd: `dbeta = sum g`, `dgamma = sum g n` (sums over the rows),
/// `dresidual = g`, and `dx = input'(x) * gamma * invstd * (g - dbeta / rows - n * dgamma / rows)`. One pass makes the sums, a
/// second one `dx` and `dresidual`; g is not kept.
///
/// # Panics
/// When there are no rows, a slice's length does not fit the shape, `scratch` is shorter than
/// [`NormShape::backward_scratch`], or `dresidual` is asked for where there was no activation or no output is kept.
pub fn batch_norm_gradients(
    cpu: &Cpu,
    shape: &NormShape,
    norm: &Normalisation<'_>,
    operands: &NormBackward<'_>,
    gradients: NormGradients<'_>,
    scratch: &mut [f32],
) {
    assert!(shape.rows > 0, "the gradient of an empty batch");
    norm.check(shape.channels);
    let NormGradients { dx, dresidual, dgamma, dbeta } = gradients;
    assert_per_channel(shape.channels, &[dgamma, dbeta]);
    let grid = shape.grid();
    let totals = sums(cpu, grid, norm, [operands.x, operands.dy.unwrap_or(dx)], operands.output, scratch);
    totals.for_each(|channel, [sum, product]| {
        dbeta[channel] = sum as f32;
        dgamma[channel] = (product * f64::from(norm.invstd[channel])) as f32;
    });
    let of_channel = |channel| norm.backward_of_channel(channel, shape.rows, dgamma[channel], dbeta[channel]);
    let NormBackward { x, dy, output, input } = *operands;
    let [x, dy] = [Input::Slice(x), dy.map_or(Input::Output, Input::Slice)];
    let inner = NormaliseBackward { input: Bounds::of(input) };
    match output {
        None => {
            assert!(dresidual.is_none(), "without an activation, the residual's gradient is the output's");
            map_channels(cpu, grid, inner, of_channel, [x, dy], [dx]);
        }
        Some((activation, NormOutput::FromInput)) => {
            assert!(dresidual.is_none(), "with a residual, the output does not follow from the input");
            let masked = MaskedByInput { output: Bounds::of(Some(activation)), inner };
            let of_channel = |channel| {
                let [mean, scale, mean_dy, slope] = of_channel(channel);
                [mean, scale, mean_dy, slope, norm.affine().shift(channel)]
            };
            map_channels(cpu, grid, masked, of_channel, [x, dy], [dx]);
        }
        Some((activation, NormOutput::Kept(y))) => {
            let masked = Masked { output: Bounds::of(Some(activation)), inner };
            let y = Input::Slice(y);
            match dresidual {
                None => map_channels(cpu, grid, masked, of_channel, [x, dy, y], [dx]),
                Some(dresidual) => {
                    map_channels(cpu, grid, masked, of_channel, [x, dy, y], [dx, dresidual]);
                }
            }
        }
    }
}

/// The sums of g and of g times the difference of x from its mean.
fn sums<'a>(
    cpu: &Cpu,
    grid: Grid,
    norm: &Normalisation<'_>,
    [x, dy]: [&[f32]; 2],
    output: Option<(Rectifier, NormOutput<'_>)>,
    scratch: &'a mut [f32],
) -> Totals<'a, 2> {
    let mean = |channel: usize| [norm.mean[channel]];
    let inner = Correlation;
    match output {
        None => column_sums(cpu, grid, inner, mean, [x, dy], scratch),
        Some((activation, NormOutput::FromInput)) => {
            let masked = MaskedByInput { output: Bounds::of(Some(activation)), inner };
            column_sums(cpu, grid, masked, |channel| norm.of_channel(channel), [x, dy], scratch)
        }
        Some((activation, NormOutput::Kept(y))) => {
            let masked = Masked { output: Bounds::of(Some(activation)), inner };
            column_sums(cpu, grid, masked, mean, [x, dy, y], scratch)
        }
    }
}

/// The sums of dy and of dy times the difference of x from its mean.
#[derive(Clone, Copy)]
pub(crate) struct Correlation;

impl Fold<2, 1, 2> for Correlation {
    const START: f32 = 0.0;

    #[inline(always)]
    fn step<S: Simd>(
        self,
        simd: S,
        [sum, product]: [S::V; 2],
        [x, dy]: [S::V; 2],
        [mean]: [S::V; 1],
    ) -> [S::V; 2] {
        [simd.add(sum, dy), simd.mul_add(dy, simd.sub(x, mean), product)]
    }
}

/// Something of x and dy, with the dy that passes the activation whose output y comes third.
#[derive(Clone, Copy)]
struct Masked<F> {
    output: Bounds,
    inner: F,
}

impl<const P: usize, const OUT: usize, F: Fold<2, P, OUT>> Fold<3, P, OUT> for Masked<F> {
    const START: f32 = F::START;

    #[inline(always)]
    fn step<S: Simd>(
        self,
        simd: S,
        so_far: [S::V; OUT],
        [x, dy, y]: [S::V; 3],
        of_column: [S::V; P],
    ) -> [S::V; OUT] {
        self.inner.step(simd, so_far, [x, self.output.pass(simd, y, dy)], of_column)
    }
}

impl<const P: usize, F: OfChannel<2, P, 1>> OfChannel<3, P, 1> for Masked<F> {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [x, dy, y]: [S::V; 3], of_channel: [S::V; P]) -> [S::V; 1] {
        self.inner.apply(simd, [x, self.output.pass(simd, y, dy)], of_channel)
    }
}

/// With the gradient that passes as the second output.
impl<const P: usize, F: OfChannel<2, P, 1>> OfChannel<3, P, 2> for Masked<F> {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [x, dy, y]: [S::V; 3], of_channel: [S::V; P]) -> [S::V; 2] {
        let passed = self.output.pass(simd, y, dy);
        let [dx] = self.inner.apply(simd, [x, passed], of_channel);
        [dx, passed]
    }
}

/// Something of x and dy, with the dy that passes the activation of what x was normalised to.
#[derive(Clone, Copy)]
struct MaskedByInput<F> {
    output: Bounds,
    inner: F,
}

impl<F> MaskedByInput<F> {
    /// Takes what [`Normalise`] takes of a channel.
    #[inline(always)]
    fn pass<S: Simd>(&self, simd: S, x: S::V, dy: S::V, of_channel: [S::V; 3]) -> S::V {
        let [y] = Normalise.apply(simd, [x], of_channel);
        self.output.pass(simd, y, dy)
    }
}

impl Fold<2, 3, 2> for MaskedByInput<Correlation> {
    const START: f32 = Correlation::START;

    #[inline(always)]
    fn step<S: Simd>(
        self,
        simd: S,
        so_far: [S::V; 2],
        [x, dy]: [S::V; 2],
        [mean, scale, beta]: [S::V; 3],
    ) -> [S::V; 2] {
        let passed = self.pass(simd, x, dy, [mean, scale, beta]);
        self.inner.step(simd, so_far, [x, passed], [mean])
    }
}

/// Takes what [`NormaliseBackward`] takes, and beta.
impl OfChannel<2, 5, 1> for MaskedByInput<NormaliseBackward> {
    #[inline(always)]
    fn apply<S: Simd>(
        self,
        simd: S,
        [x, dy]: [S::V; 2],
        [mean, scale, mean_dy, slope, beta]: [S::V; 5],
    ) -> [S::V; 1] {
        let passed = self.pass(simd, x, dy, [mean, scale, beta]);
        self.inner.apply(simd, [x, passed], [mean, scale, mean_dy, slope])
    }
}

/// Takes what [`Normalisation::backward_of_channel`] gives.
#[derive(Clone, Copy)]
pub(crate) struct NormaliseBackward {
    pub(crate) input: Bounds,
}

impl OfChannel<2, 4, 1> for NormaliseBackward {
    #[inline(always)]
    fn apply<S: Simd>(
        self,
        simd: S,
        [x, dy]: [S::V; 2],
        [mean, scale, mean_dy, slope]: [S::V; 4],
    ) -> [S::V; 1] {
        let centred = simd.sub(dy, mean_dy);
        let dx = simd.mul(simd.mul_add(simd.sub(x, mean), slope, centred), scale);
        [self.input.pass(simd, x, dx)]
    }
}

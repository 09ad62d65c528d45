//! Kernels that move numbers and compute nothing, or only add: padding, joining and splitting channels, sums.

use crate::elementwise::{CHUNK, Elementwise, elementwise};
use crate::rectifier::Bounds;
use crate::shape::elements;
use crate::simd::Simd;
use crate::{Cpu, Padding, Rectifier};

/// A batch of maps that get a border of zeros.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PadShape {
    /// Maps.
    pub batch: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// The border.
    pub padding: Padding,
}

impl PadShape {
    /// Rows of the output.
    pub fn out_height(&self) -> usize {
        self.padding.top + self.height + self.padding.bottom
    }

    /// Columns of the output.
    pub fn out_width(&self) -> usize {
        self.padding.left + self.width + self.padding.right
    }

    /// Elements of the input.
    pub fn input_len(&self) -> usize {
        elements([self.batch, self.height, self.width, self.channels])
    }

    /// Elements of the output.
    pub fn output_len(&self) -> usize {
        elements([self.batch, self.out_height(), self.out_width(), self.channels])
    }
}

/// Puts each map into the middle of a larger one of zeros.
///
/// # Panics
/// When the slices do not fit the shape.
pub fn zero_pad_forward(cpu: &Cpu, shape: &PadShape, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), shape.input_len(), "zero padding's input");
    assert_eq!(y.len(), shape.output_len(), "zero padding's output");
    let (from, into) = (shape.width * shape.channels, shape.out_width() * shape.channels);
    let left = shape.padding.left * shape.channels;
    for_rows(cpu, into, y, |row, y| {
        let (image, oy) = (row / shape.out_height(), row % shape.out_height());
        match oy.checked_sub(shape.padding.top).filter(|&iy| iy < shape.height) {
            None => y.fill(0.0),
            Some(iy) => {
                let x = &x[(image * shape.height + iy) * from..][..from];
                y[..left].fill(0.0);
                y[left..left + from].copy_from_slice(x);
                y[left + from..].fill(0.0);
            }
        }
    });
}

/// The backward pass of [`zero_pad_forward`]: takes the middle out again.
///
/// # Panics
/// When the slices do not fit the shape.
pub fn zero_pad_backward(cpu: &Cpu, shape: &PadShape, dy: &[f32], dx: &mut [f32]) {
    assert_eq!(dy.len(), shape.output_len(), "zero padding's output");
    assert_eq!(dx.len(), shape.input_len(), "zero padding's input");
    let (from, into) = (shape.width * shape.channels, shape.out_width() * shape.channels);
    for_rows(cpu, from, dx, |row, dx| {
        let (image, iy) = (row / shape.height, row % shape.height);
        let oy = image * shape.out_height() + shape.padding.top + iy;
        dx.copy_from_slice(&dy[oy * into + shape.padding.left * shape.channels..][..from]);
    });
}

/// Sets `from_channels` of the channels of `y`, which has `into_channels`, from `offset` on: `y[r, offset + c] = x[r, c]`. One
/// call for each input is a concatenation of channels.
///
/// # Panics
/// When the slices do not fit the numbers, or the channels do not fit into `y`'s.
pub fn put_channels(
    cpu: &Cpu,
    rows: usize,
    from_channels: usize,
    into_channels: usize,
    offset: usize,
    x: &[f32],
    y: &mut [f32],
) {
    assert!(offset + from_channels <= into_channels, "channels from {offset} on of {into_channels}");
    assert_eq!(x.len(), rows * from_channels, "the channels to put");
    assert_eq!(y.len(), rows * into_channels, "the channels to put them into");
    for_rows(cpu, into_channels, y, |row, y| {
        y[offset..offset + from_channels].copy_from_slice(&x[row * from_channels..][..from_channels]);
    });
}

/// Takes `into_channels` of the channels of `x`, which has `from_channels`, from `offset` on: `y[r, c] = x[r, offset + c]`.
/// The backward pass of [`put_channels`].
///
/// # Panics
/// When the slices do not fit the numbers, or `x` does not have the channels.
pub fn take_channels(
    cpu: &Cpu,
    rows: usize,
    from_channels: usize,
    into_channels: usize,
    offset: usize,
    x: &[f32],
    y: &mut [f32],
) {
    assert!(offset + into_channels <= from_channels, "channels from {offset} on of {from_channels}");
    assert_eq!(x.len(), rows * from_channels, "the channels to take from");
    assert_eq!(y.len(), rows * into_channels, "the channels to take");
    for_rows(cpu, into_channels, y, |row, y| {
        y.copy_from_slice(&x[row * from_channels + offset..][..into_channels]);
    });
}

/// `y = activation(a + b)`.
///
/// # Panics
/// When the lengths differ.
pub fn add(cpu: &Cpu, a: &[f32], b: &[f32], activation: Option<Rectifier>, y: &mut [f32]) {
    elementwise(cpu, Add { bounds: Bounds::of(activation) }, [a, b], [y]);
}

#[derive(Clone, Copy)]
struct Add {
    bounds: Bounds,
}

impl Elementwise<2, 1> for Add {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [a, b]: [S::V; 2], [_]: [S::V; 1]) -> [S::V; 1] {
        [self.bounds.keep(simd, simd.add(a, b))]
    }
}

/// Calls `work` with each row of `y`, of `len` elements, and its number.
fn for_rows(cpu: &Cpu, len: usize, y: &mut [f32], work: impl Fn(usize, &mut [f32]) + Sync) {
    let at_once = (CHUNK / len.max(1)).max(1);
    cpu.team().for_chunks(y, at_once * len, |task, rows| {
        for (i, row) in rows.chunks_exact_mut(len).enumerate() {
            work(task * at_once + i, row);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::trial::{dot, numbers, on_every_cpu, wide};
    use proptest::prelude::*;

    fn pad(shape: &PadShape, x: &[f32]) -> Vec<(&'static str, Vec<f32>)> {
        on_every_cpu(|_| (shape.output_len(), 0), |cpu, y, _| zero_pad_forward(cpu, shape, x, y))
    }

    #[test]
    fn a_padded_map_has_zeros_around_it() {
        let shape = PadShape {
            batch: 1,
            height: 2,
            width: 1,
            channels: 2,
            padding: Padding { top: 1, bottom: 0, left: 0, right: 1 },
        };
        for (_, y) in pad(&shape, &[1.0, 2.0, 3.0, 4.0]) {
            assert_eq!(y, [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 3.0, 4.0, 0.0, 0.0]);
        }
    }

    proptest! {
        #[test]
        fn unpadding_is_the_transpose_of_padding(
            sizes in (0_usize..3, 1_usize..5, 1_usize..5, 1_usize..20),
            border in (0_usize..3, 0_usize..3, 0_usize..3, 0_usize..3),
        ) {
            let (batch, height, width, channels) = sizes;
            let (top, bottom, left, right) = border;
            let shape = PadShape { batch, height, width, channels, padding: Padding { top, bottom, left, right } };
            let (x, dy) = (numbers(shape.input_len(), 1), numbers(shape.output_len(), 2));
            let dx = on_every_cpu(|_| (x.len(), 0), |cpu, dx, _| zero_pad_backward(cpu, &shape, &dy, dx));
            for ((_, y), (_, dx)) in pad(&shape, &x).into_iter().zip(dx) {
                // <pad x, dy> = <x, unpad dy>, and no element is lost on the way.
                prop_assert!((dot(&wide(&y), &wide(&dy)) - dot(&wide(&x), &wide(&dx))).abs() < 1e-9);
                let filled = |x: &[f32]| x.iter().filter(|x| **x != 0.0).count();
                prop_assert_eq!(filled(&y), filled(&x));
            }
        }

        #[test]
        fn joined_channels_come_apart_again(rows in 0_usize..700, a in 1_usize..40, b in 1_usize..40) {
            let (first, second) = (numbers(rows * a, 1), numbers(rows * b, 2));
            let joined = on_every_cpu(|_| (rows * (a + b), 0), |cpu, y, _| {
                put_channels(cpu, rows, a, a + b, 0, &first, y);
                put_channels(cpu, rows, b, a + b, a, &second, y);
            });
            for (_, joined) in joined {
                for row in 0..rows {
                    let parts = joined[row * (a + b)..][..a + b].split_at(a);
                    prop_assert_eq!(parts, (&first[row * a..][..a], &second[row * b..][..b]));
                }
                let apart = on_every_cpu(|_| (rows * b, 0), |cpu, y, _| {
                    take_channels(cpu, rows, a + b, b, a, &joined, y);
                });
                prop_assert!(apart.iter().all(|(_, y)| *y == second));
            }
        }
    }

    #[test]
    fn sums_of_any_length() {
        for len in [0, 1, 15, 16, 17, CHUNK, 2 * CHUNK + 5] {
            let (x, start) = (numbers(len, 1), numbers(len, 2));
            let sums: Vec<f32> = x.iter().zip(&start).map(|(x, y)| (x + y).max(0.0)).collect();
            let outputs =
                on_every_cpu(|_| (len, 0), |cpu, y, _| add(cpu, &x, &start, Some(Rectifier::Relu), y));
            assert!(outputs.iter().all(|(_, y)| *y == sums), "{len} elements");
        }
    }
}

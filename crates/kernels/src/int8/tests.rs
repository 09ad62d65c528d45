//! Every path, on 1, 2 and 3 threads, gives the very bytes that exact sums give.

use std::ops::RangeInclusive;
use std::sync::OnceLock;

use proptest::prelude::*;

use super::conv::convolve;
use super::filters::Packing;
use super::path::Path;
use super::winograd::Squares;
use super::*;
use crate::moves::PadShape;
use crate::reference::int8::{byte, sums};
use crate::reference::pool;
use crate::reference::trial::numbers;
use crate::{Conv2dShape, Cpu, Isa, Padding, PoolShape, Team};

fn bytes(len: usize, seed: u64) -> Vec<u8> {
    numbers(len, seed).into_iter().map(|x| ((x + 1.0) * 128.0).min(255.0) as u8).collect()
}

/// Weights with both ends of what a byte can hold.
fn weights(len: usize, seed: u64) -> Vec<i8> {
    numbers(len, seed).into_iter().map(|x| (x * 140.0).clamp(-128.0, 127.0) as i8).collect()
}

/// A convolution with all that goes into it.
struct Case {
    shape: Conv2dShape,
    zero_point: u8,
    x: Vec<u8>,
    weights: Vec<i8>,
    /// Scale, bias, low and high, a number for each filter.
    epilogue: [Vec<f32>; 4],
    residual: Option<(Vec<u8>, f32)>,
}

impl Case {
    fn new(shape: Conv2dShape, seed: u64) -> Self {
        let depth = shape.kernel.0 * shape.kernel.1 * shape.channels / shape.groups;
        let some = |k: u64, size: f32, middle: f32| -> Vec<f32> {
            numbers(shape.filters, seed + k).into_iter().map(|x| x * size + middle).collect()
        };
        // Sums of random signs grow with the root of their number; most bytes are within 0 to 255.
        let scale = 0.02 / (depth as f32).sqrt();
        let residual = seed.is_multiple_of(2).then(|| (bytes(shape.output_len(), seed + 7), 0.37));
        Self {
            zero_point: [0, 3, 128, 255][seed as usize % 4],
            x: bytes(shape.input_len(), seed + 1),
            weights: weights(shape.weight_layout().keras_len(), seed + 2),
            epilogue: [some(3, scale, 0.0), some(4, 40.0, 100.0), some(5, 30.0, 20.0), some(6, 30.0, 230.0)],
            shape,
            residual,
        }
    }

    /// What each output is, before it becomes a byte: the definition, with each step rounded as kernels round.
    fn expected(&self) -> Vec<f32> {
        let [scale, bias, low, high] = &self.epilogue;
        let sums = sums(&self.shape, &self.x, self.zero_point, &self.weights);
        let finish = |(i, sum): (usize, i64)| {
            let f = i % self.shape.filters;
            let mut y = sum as f32 * scale[f] + bias[f];
            if let Some((residual, factor)) = &self.residual {
                y += f32::from(residual[i]) * factor;
            }
            y.max(low[f]).min(high[f])
        };
        sums.into_iter().enumerate().map(finish).collect()
    }

    fn check(&self) {
        self.check_packed(Packing::Quads);
        self.check_packed(Packing::Pairs);
        if Squares::can(&self.shape) {
            self.check_packed(Packing::Squares);
        }
    }

    fn check_packed(&self, packing: Packing) {
        let [scale, bias, low, high] = &self.epilogue;
        let epilogue = Int8Epilogue { scale, bias, low, high };
        let filters = Int8Filters::packed(packing, &self.shape, &self.weights, self.zero_point, &epilogue);
        let expected = self.expected();
        let rounded: Vec<u8> = expected.iter().map(|y| byte(f64::from(*y))).collect();
        let residual = self.residual.as_ref().map(|(bytes, scale)| Residual { bytes, scale: *scale });
        for team in teams() {
            for path in Path::present() {
                let run = |y: Int8Target<'_>| {
                    let mut scratch = vec![0xAA; int8_conv2d_scratch(&filters, &self.shape, team.threads())];
                    let Self { shape, x, zero_point, .. } = self;
                    convolve(path, team, shape, x, *zero_point, &filters, residual, y, &mut scratch);
                };
                let mut found = vec![0xAA; expected.len()];
                run(Int8Target::Bytes(&mut found));
                assert!(
                    found == rounded,
                    "{packing:?} on {path:?}, {} threads: {:?}",
                    team.threads(),
                    self.shape
                );
                let mut found = vec![f32::NAN; expected.len()];
                run(Int8Target::Floats(&mut found));
                assert!(
                    found == expected,
                    "{packing:?} on {path:?}, {} threads, as numbers: {:?}",
                    team.threads(),
                    self.shape
                );
            }
        }
    }
}

fn teams() -> &'static [Team; 3] {
    static TEAMS: OnceLock<[Team; 3]> = OnceLock::new();
    TEAMS.get_or_init(|| [1, 2, 3].map(Team::new))
}

fn pair(range: RangeInclusive<usize>) -> impl Strategy<Value = (usize, usize)> {
    (range.clone(), range)
}

/// Groups, channels and filters of a group: none, a few, depthwise, more than a panel.
fn widths() -> impl Strategy<Value = (usize, usize, usize)> {
    prop_oneof![
        (Just(1), 1_usize..=9, 1_usize..=70),
        (Just(1), 1_usize..=70, 1_usize..=6),
        (2_usize..=4, 1_usize..=5, 1_usize..=36),
        (2_usize..=70, Just(1), Just(1)),
    ]
}

fn padding() -> impl Strategy<Value = Padding> {
    (pair(0..=3), pair(0..=3)).prop_map(|((top, bottom), (left, right))| Padding { top, bottom, left, right })
}

fn shapes() -> impl Strategy<Value = Conv2dShape> {
    (1_usize..=3, pair(1..=9), widths(), pair(1..=4), pair(1..=3), pair(1..=3), padding()).prop_map(
        |(batch, (height, width), (groups, channels, filters), kernel, strides, dilation, padding)| {
            Conv2dShape {
                batch,
                height,
                width,
                channels: groups * channels,
                filters: groups * filters,
                kernel,
                strides,
                dilation,
                groups,
                padding,
            }
        },
    )
}

fn square(
    batch: usize,
    side: usize,
    channels: usize,
    filters: usize,
    kernel: usize,
    around: usize,
) -> Conv2dShape {
    Conv2dShape {
        batch,
        height: side,
        width: side,
        channels,
        filters,
        kernel: (kernel, kernel),
        strides: (1, 1),
        dilation: (1, 1),
        groups: 1,
        padding: Padding { top: around, bottom: around, left: around, right: around },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn convolutions_give_the_bytes_of_exact_sums(shape in shapes(), seed in 0_u64..1000) {
        Case::new(shape, seed).check();
    }

    #[test]
    fn so_do_those_of_3x3(
        batch in 1_usize..=3,
        (height, width) in pair(1..=13),
        (channels, filters) in (1_usize..=40, 1_usize..=70),
        padding in padding(),
        seed in 0_u64..1000,
    ) {
        let shape = Conv2dShape { height, width, padding, ..square(batch, 1, channels, filters, 3, 0) };
        prop_assert!(Squares::can(&shape));
        Case::new(shape, seed).check();
    }
}

/// Shapes that reach what small ones do not: several tasks, several panels of a task, as in common networks.
#[test]
fn larger_convolutions_give_the_bytes_of_exact_sums() {
    let shapes = [
        Conv2dShape { strides: (2, 2), ..square(1, 40, 3, 64, 7, 3) },
        square(1, 30, 64, 64, 3, 1),
        square(2, 7, 96, 200, 3, 1),
        // Several bands of squares, and several tasks of each.
        square(1, 57, 64, 64, 3, 1),
        square(3, 14, 256, 40, 3, 1),
        Conv2dShape { strides: (2, 2), ..square(1, 28, 64, 128, 1, 0) },
        square(1, 64, 40, 8, 3, 1),
        Conv2dShape { groups: 72, ..square(2, 14, 72, 72, 5, 2) },
        Conv2dShape { groups: 48, strides: (2, 2), ..square(1, 33, 48, 48, 3, 1) },
        // Dense: pictures of one pixel.
        square(1, 1, 5000, 70, 1, 0),
        square(37, 1, 130, 10, 1, 0),
    ];
    for (seed, shape) in shapes.into_iter().enumerate() {
        Case::new(shape, seed as u64).check();
    }
}

/// Four products of the largest bytes are more than 16 bits hold. Sums are scaled so that none is cut off at the end.
#[test]
fn nothing_saturates_before_the_end() {
    for shape in [square(1, 1, 4096, 32, 1, 0), square(1, 5, 1024, 16, 3, 1)] {
        for (x, w) in [(255, 127), (255, -128)] {
            let mut case = Case::new(shape, 0);
            case.x.fill(x);
            case.weights.fill(w);
            let [scale, bias, low, high] = &mut case.epilogue;
            let depth = shape.kernel.0 * shape.kernel.1 * shape.channels;
            scale.fill(200.0 / (f32::from(x) * f32::from(w) * depth as f32));
            bias.fill(0.0);
            low.fill(-1e9);
            high.fill(1e9);
            case.check();
        }
    }
}

/// Where there is an instruction for bytes it is used; else Winograd's algorithm for what it suits, and 16 bits where there are many pixels.
#[test]
fn weights_are_packed_as_suits_path_and_shape() {
    for path in Path::present() {
        for (shape, suits) in [
            (square(1, 14, 64, 64, 3, 1), Packing::Squares),
            (square(1, 14, 8, 64, 3, 1), Packing::Pairs),
            (square(1, 14, 64, 8, 3, 1), Packing::Pairs),
            (square(1, 14, 64, 64, 5, 1), Packing::Pairs),
            (square(1, 4, 64, 64, 1, 0), Packing::Pairs),
            (square(1, 3, 64, 64, 3, 1), Packing::Quads),
            (square(8, 1, 64, 64, 1, 0), Packing::Quads),
        ] {
            let expected = if path.has_vnni() { Packing::Quads } else { suits };
            assert_eq!(Packing::best(path, &shape), expected, "{path:?}: {shape:?}");
        }
    }
}

#[test]
fn a_kernel_larger_than_the_image_has_no_outputs() {
    Case::new(square(2, 3, 4, 5, 4, 0), 1).check();
}

fn pools() -> impl Strategy<Value = PoolShape> {
    (1_usize..=3, pair(1..=9), 1_usize..=130, pair(1..=4), pair(1..=3)).prop_flat_map(
        |(batch, (height, width), channels, window, strides)| {
            let (rows, columns) = (0..window.0, 0..window.1);
            (rows.clone(), rows, columns.clone(), columns).prop_map(move |(top, bottom, left, right)| {
                PoolShape {
                    batch,
                    height,
                    width,
                    channels,
                    window,
                    strides,
                    padding: Padding { top, bottom, left, right },
                }
            })
        },
    )
}

fn cpus() -> Vec<Cpu> {
    Isa::present().into_iter().flat_map(|isa| [1, 2, 3].map(|threads| Cpu::with_isa(isa, threads))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pools_are_those_of_numbers(shape in pools(), seed in 0_u64..1000) {
        // Windows that lie in the padding alone are refused by the shapes of layers.
        let inside = pool::windows(&shape).iter().all(|window| !window.is_empty());
        prop_assume!(inside);
        let x = bytes(shape.input_len(), seed);
        let numbers: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
        let largest: Vec<u8> = pool::max_pool(&shape, &numbers).into_iter().map(|y| y as u8).collect();
        let means = pool::avg_pool(&shape, &numbers);
        let mut bits: Option<Vec<u8>> = None;
        for cpu in cpus() {
            let mut y = vec![0xAA; shape.output_len()];
            int8_max_pool(&cpu, &shape, &x, &mut y);
            prop_assert_eq!(&y, &largest);
            int8_avg_pool(&cpu, &shape, Int8Affine { scale: 1.25, bias: -20.0 }, &x, &mut y);
            for (y, mean) in y.iter().zip(&means) {
                // Rounded to the nearest, but for the rounding of single-precision numbers before.
                prop_assert!((f64::from(*y) - (mean * 1.25 - 20.0).clamp(0.0, 255.0)).abs() <= 0.5 + 1e-4);
            }
            prop_assert_eq!(bits.get_or_insert_with(|| y.clone()), &y);
        }
    }

    #[test]
    fn bytes_become_other_bytes(rows in 0_usize..400, channels in 1_usize..90, seed in 0_u64..1000) {
        let len = rows * channels;
        let (x, other) = (numbers(len, seed), bytes(len, seed + 1));
        let [scale, shift] = [3, 4].map(|k| numbers(channels, seed + k).iter().map(|x| x * 150.0).collect::<Vec<f32>>());
        let (low, high) = (vec![7.0; channels], vec![222.0; channels]);
        for cpu in cpus() {
            let mut y = vec![0; len];
            int8_quantize(&cpu, &scale, &shift, &x, &mut y);
            for (i, y) in y.iter().enumerate() {
                prop_assert_eq!(*y, byte(f64::from(x[i] * scale[i % channels] + shift[i % channels])));
            }
            let mut wide = vec![9; rows * (channels + 5)];
            let epilogue = Int8Epilogue { scale: &scale, bias: &shift, low: &low, high: &high };
            int8_put_channels(&cpu, &epilogue, channels + 5, 2, &other, &mut wide);
            for (i, y) in wide.iter().enumerate() {
                let (row, at) = (i / (channels + 5), i % (channels + 5));
                let expected = (2..channels + 2).contains(&at).then(|| {
                    let (c, x) = (at - 2, other[row * channels + at - 2]);
                    byte(f64::from((f32::from(x) * scale[c] + shift[c]).clamp(7.0, 222.0)))
                });
                prop_assert_eq!(*y, expected.unwrap_or(9));
            }
            let mut sum = vec![0; len];
            let input = |i: usize| if i == 1 { (other.as_slice(), 0.5) } else { (y.as_slice(), 0.25) };
            int8_add(&cpu, 3, input, 3.0, (5.0, 150.0), &mut sum);
            for (i, sum) in sum.iter().enumerate() {
                let exact = 3.0 + f64::from(y[i]) * 0.5 + f64::from(other[i]) * 0.5;
                prop_assert_eq!(*sum, byte(exact.clamp(5.0, 150.0)));
            }
        }
    }
}

#[test]
fn tables_and_numbers_are_those_of_each_byte() {
    let table = std::array::from_fn(|i| (i as u8).wrapping_mul(37) ^ 0x55);
    for cpu in cpus() {
        for len in [0, 1, 15, 67, 4096, 40_001] {
            let x = bytes(len, len as u64);
            let mut y = vec![0xAA; len];
            int8_look_up(&cpu, &table, &x, &mut y);
            assert!(y.iter().zip(&x).all(|(y, x)| *y == table[usize::from(*x)]), "{len} on {cpu:?}");
            // No rounding: of bytes and such numbers, products and sums are exact.
            for (scale, bias) in [(0.5, -3.0), (0.125, 7.0), (-2.0, 0.25)] {
                let mut y = vec![f32::NAN; len];
                int8_dequantize(&cpu, Int8Affine { scale, bias }, &x, &mut y);
                assert!(
                    y.iter().zip(&x).all(|(y, x)| *y == f32::from(*x) * scale + bias),
                    "{len} on {cpu:?}"
                );
            }
        }
    }
}

/// The maps with a border of a byte around them, number by number.
fn framed(shape: &PadShape, byte: u8, x: &[u8]) -> Vec<u8> {
    let mut y = vec![byte; shape.output_len()];
    for (i, x) in x.iter().enumerate() {
        let (pixel, channel) = (i / shape.channels, i % shape.channels);
        let (line, column) = (pixel / shape.width, pixel % shape.width);
        let (map, row) = (line / shape.height, line % shape.height);
        let line = map * shape.out_height() + shape.padding.top + row;
        let pixel = line * shape.out_width() + shape.padding.left + column;
        y[pixel * shape.channels + channel] = *x;
    }
    y
}

#[test]
fn frames_lie_around_each_map() {
    let small = Padding { top: 1, bottom: 0, left: 0, right: 1 };
    let small = PadShape { batch: 2, height: 2, width: 1, channels: 2, padding: small };
    let by_hand = [9, 9, 9, 9, 1, 2, 9, 9, 3, 4, 9, 9, 9, 9, 9, 9, 5, 6, 9, 9, 7, 8, 9, 9];
    assert_eq!(framed(&small, 9, &[1, 2, 3, 4, 5, 6, 7, 8]), by_hand);
    let wide = Padding { top: 3, bottom: 2, left: 4, right: 1 };
    let shapes = [
        small,
        PadShape { padding: Padding::NONE, ..small },
        PadShape { batch: 3, height: 5, width: 7, channels: 1, padding: wide },
        PadShape { batch: 1, height: 30, width: 31, channels: 67, padding: wide },
        PadShape { batch: 17, height: 1, width: 9, channels: 40, padding: small.padding },
    ];
    for (seed, shape) in shapes.iter().enumerate() {
        let x = bytes(shape.input_len(), seed as u64);
        for cpu in cpus() {
            let mut y = vec![0xAA; shape.output_len()];
            int8_zero_pad(&cpu, shape, 9, &x, &mut y);
            assert!(y == framed(shape, 9, &x), "{shape:?} on {cpu:?}");
        }
    }
}

#[test]
fn what_is_no_number_is_no_byte() {
    let mut y = [1; 4];
    int8_quantize(&Cpu::new(1), &[1.0], &[0.0], &[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 2.5], &mut y);
    assert_eq!(y, [0, 255, 0, 2]);
}

#[test]
#[should_panic(expected = "a convolution's input")]
fn slices_are_checked() {
    let case = Case::new(square(1, 4, 4, 4, 3, 1), 0);
    let [scale, bias, low, high] = &case.epilogue;
    let filters = Int8Filters::new(
        Isa::PORTABLE,
        &case.shape,
        &case.weights,
        0,
        &Int8Epilogue { scale, bias, low, high },
    );
    let mut y = vec![0; case.shape.output_len()];
    let target = Int8Target::Bytes(&mut y);
    int8_conv2d(&Cpu::new(1), &case.shape, &case.x[1..], 0, &filters, None, target, &mut []);
}

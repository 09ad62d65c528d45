mod chain;
mod moments;
mod range;

use super::*;
use crate::reference::conv as reference;
use crate::reference::half::nearest;
use crate::reference::trial::{assert_sums, dot, magnitudes, numbers, on_every_cpu, wide};
use crate::{HalfFormat, Isa, Padding, Rectifier};
use proptest::prelude::*;
use std::ops::RangeInclusive;

/// Numbers for one convolution; weights in Keras's layout.
struct Case {
    shape: Conv2dShape,
    x: Vec<f32>,
    w: Vec<f32>,
    bias: Vec<f32>,
    dy: Vec<f32>,
}

impl Case {
    fn new(shape: Conv2dShape, seed: u64) -> Self {
        Self {
            shape,
            x: numbers(shape.input_len(), seed),
            w: numbers(shape.weight_layout().keras_len(), seed + 1),
            bias: numbers(shape.filters, seed + 2),
            dy: numbers(shape.output_len(), seed + 3),
        }
    }

    fn packed(&self) -> Vec<f32> {
        let layout = self.shape.weight_layout();
        let mut packed = vec![f32::NAN; layout.packed_len()];
        layout.pack(&self.w, &mut packed);
        packed
    }

    fn check(&self) {
        for algorithm in ConvAlgorithm::all(&self.shape, Isa::best().halves()) {
            self.check_forward(algorithm);
            self.check_moments(algorithm);
            self.check_backward_data(algorithm);
            self.check_backward_weights(algorithm);
        }
    }

    /// Calls `run` with the weights as an algorithm reads them in a pass.
    fn with_weights(
        &self,
        cpu: &Cpu,
        pass: ConvPass,
        algorithm: ConvAlgorithm,
        run: impl FnOnce(ConvWeights<'_>),
    ) {
        let packed = self.packed();
        let Some(transform) = algorithm.transform() else { return run(ConvWeights::Packed(&packed)) };
        let mut u = vec![f32::NAN; self.shape.transformed_len(pass, transform)];
        let mut scratch = vec![f32::NAN; self.shape.transform_scratch(pass)];
        transform_weights(cpu, &self.shape, pass, transform, &packed, &mut u, &mut scratch);
        run(ConvWeights::Transformed(transform, &u));
    }

    fn check_forward(&self, algorithm: ConvAlgorithm) {
        let shape = &self.shape;
        let (x, w, bias) = (as_read(algorithm, &self.x), as_read(algorithm, &self.w), wide(&self.bias));
        let none = vec![0.0; bias.len()];
        for (given, bias) in [(Some(&self.bias[..]), bias), (None, none)] {
            let y = on_every_cpu(
                |threads| (shape.output_len(), shape.scratch(ConvPass::Forward, algorithm, threads)),
                |cpu, y, scratch| {
                    self.with_weights(cpu, ConvPass::Forward, algorithm, |weights| {
                        let epilogue = Epilogue::bias(given);
                        conv2d_forward(cpu, shape, &self.x, weights, &epilogue, y.into(), scratch);
                    });
                },
            );
            let sizes = reference::forward(shape, &magnitudes(&x), &magnitudes(&w), &magnitudes(&bias));
            let truth = reference::forward(shape, &x, &w, &bias);
            assert_close("forward", algorithm, &y, &truth, &sizes);
        }
    }

    fn check_backward_data(&self, algorithm: ConvAlgorithm) {
        let shape = &self.shape;
        let (w, dy) = (as_read(algorithm, &self.w), as_read(algorithm, &self.dy));
        let dx = on_every_cpu(
            |threads| (shape.input_len(), shape.scratch(ConvPass::BackwardData, algorithm, threads)),
            |cpu, dx, scratch| {
                self.with_weights(cpu, ConvPass::BackwardData, algorithm, |weights| {
                    conv2d_backward_data(cpu, shape, &self.dy, weights, dx, scratch);
                });
            },
        );
        let sizes = reference::backward_data(shape, &magnitudes(&dy), &magnitudes(&w));
        let truth = reference::backward_data(shape, &dy, &w);
        assert_close("backward to the data", algorithm, &dx, &truth, &sizes);
    }

    fn check_backward_weights(&self, algorithm: ConvAlgorithm) {
        let (shape, layout) = (&self.shape, self.shape.weight_layout());
        let (x, dy) = (as_read(algorithm, &self.x), as_read(algorithm, &self.dy));
        let packed = on_every_cpu(
            |threads| (layout.packed_len(), shape.scratch(ConvPass::BackwardWeights, algorithm, threads)),
            |cpu, dw, scratch| {
                conv2d_backward_weights(cpu, shape, algorithm, &self.x, &self.dy, dw, scratch);
            },
        );
        let unpack = |(isa, packed): (&'static str, Vec<f32>)| {
            let mut dw = vec![f32::NAN; layout.keras_len()];
            layout.unpack(&packed, &mut dw);
            let mut repacked = vec![f32::NAN; packed.len()];
            layout.pack(&dw, &mut repacked);
            assert_eq!(packed, repacked, "unused lanes of the weights' gradient on {isa}");
            (isa, dw)
        };
        let dw: Vec<_> = packed.into_iter().map(unpack).collect();
        let sizes = reference::backward_weights(shape, &magnitudes(&x), &magnitudes(&dy));
        let truth = reference::backward_weights(shape, &x, &dy);
        assert_close("backward to the weights", algorithm, &dw, &truth, &sizes);
    }
}

/// Operands as an algorithm reads them.
fn as_read(algorithm: ConvAlgorithm, numbers: &[f32]) -> Vec<f64> {
    match algorithm {
        ConvAlgorithm::Half(half) => {
            // Where the range asks for it they are scaled, which changes nothing else.
            let largest = numbers.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
            let out_of_range = half.format() == HalfFormat::F16 && !(0.5..=2.0).contains(&largest);
            let scale = if out_of_range && largest > 0.0 { 2_f32.powi(-largest.log2() as i32) } else { 1.0 };
            numbers.iter().map(|x| nearest(half.format(), x * scale) / f64::from(scale)).collect()
        }
        ConvAlgorithm::Direct | ConvAlgorithm::Winograd(_) => wide(numbers),
    }
}

/// Asserts that sums are right: each to within rounding where every product is computed, all together to within 1e-5 of the terms'
/// magnitudes where a sum's terms are mixed with those of its neighbours, and to within 1e-3 where some of it is summed in 11 bits.
fn assert_close(
    what: &str,
    algorithm: ConvAlgorithm,
    outputs: &[(&str, Vec<f32>)],
    truth: &[f64],
    sizes: &[f64],
) {
    let most = match algorithm {
        ConvAlgorithm::Winograd(_) => 1e-5,
        ConvAlgorithm::Half(half) if half.format() == HalfFormat::F16 => 1e-3,
        ConvAlgorithm::Direct | ConvAlgorithm::Half(_) => return assert_sums(what, outputs, truth, sizes),
    };
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    for (isa, output) in outputs {
        assert_eq!(output.len(), truth.len(), "{what} on {isa}");
        let off = norm(&mut output.iter().zip(truth).map(|(y, truth)| f64::from(*y) - truth));
        let size = norm(&mut sizes.iter().copied());
        assert!(off <= most * size, "{what} by {algorithm:?} on {isa}: off by {off} of {size}");
    }
}

/// A square kernel over square images with the same padding all around.
fn square(
    batch: usize,
    size: usize,
    channels: usize,
    filters: usize,
    kernel: usize,
    padding: usize,
) -> Conv2dShape {
    Conv2dShape {
        batch,
        height: size,
        width: size,
        channels,
        filters,
        kernel: (kernel, kernel),
        strides: (1, 1),
        dilation: (1, 1),
        groups: 1,
        padding: Padding { top: padding, bottom: padding, left: padding, right: padding },
    }
}

fn pair(range: RangeInclusive<usize>) -> impl Strategy<Value = (usize, usize)> {
    (range.clone(), range)
}

/// Groups, channels and filters of a group: dense, grouped and depthwise convolutions.
fn widths() -> impl Strategy<Value = (usize, usize, usize)> {
    prop_oneof![
        (Just(1), 1_usize..=6, 1_usize..=70),
        (Just(1), 1_usize..=70, 1_usize..=6),
        (2_usize..=4, 1_usize..=5, 1_usize..=5),
        (2_usize..=70, Just(1), Just(1)),
        (2_usize..=5, Just(1), 2_usize..=40),
        (1_usize..=2, (1_usize..=20).prop_map(|half| 2 * half), (1_usize..=35).prop_map(|half| 2 * half)),
    ]
}

fn padding() -> impl Strategy<Value = Padding> {
    (pair(0..=3), pair(0..=3)).prop_map(|((top, bottom), (left, right))| Padding { top, bottom, left, right })
}

fn shapes() -> impl Strategy<Value = Conv2dShape> {
    shapes_of(1..=3, 1..=9)
}

fn shapes_of(
    images: RangeInclusive<usize>,
    extent: RangeInclusive<usize>,
) -> impl Strategy<Value = Conv2dShape> {
    (images, pair(extent), widths(), pair(1..=4), pair(1..=3), pair(1..=3), padding()).prop_map(
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn all_passes_agree_with_the_reference(shape in shapes(), seed in 0_u64..1000) {
        Case::new(shape, seed).check();
    }

    /// Windows of every width that has a tile of its own and some that have not, and images wide enough for the widest tiles.
    #[test]
    fn depthwise_passes_agree_with_the_reference(
        channels in 2_usize..=40,
        extent in pair(1..=24),
        kernel in pair(1..=7),
        strides in pair(1..=3),
        dilation in pair(1..=3),
        padding in padding(),
        seed in 0_u64..1000,
    ) {
        let shape = Conv2dShape {
            height: extent.0,
            width: extent.1,
            kernel,
            strides,
            dilation,
            groups: channels,
            padding,
            ..square(2, 0, channels, channels, 1, 0)
        };
        Case::new(shape, seed).check();
    }

    /// Small maps of many images, where most windows reach beyond the edge.
    #[test]
    fn passes_over_small_maps_agree_with_the_reference(
        shape in shapes_of(4..=24, 1..=5),
        seed in 0_u64..1000,
    ) {
        Case::new(shape, seed).check();
    }

    /// A convolution is linear in `x` and in `w`, so that its gradients are the adjoint maps.
    #[test]
    fn the_reference_is_its_own_adjoint(shape in shapes(), seed in 0_u64..1000) {
        let case = Case::new(shape, seed);
        let (x, w, dy) = (wide(&case.x), wide(&case.w), wide(&case.dy));
        let y = reference::forward(&shape, &x, &w, &vec![0.0; shape.filters]);
        let size = dot(&magnitudes(&y), &magnitudes(&dy)) + 1.0;
        let through_data = dot(&x, &reference::backward_data(&shape, &dy, &w));
        let through_weights = dot(&w, &reference::backward_weights(&shape, &x, &dy));
        prop_assert!((dot(&y, &dy) - through_data).abs() < 1e-12 * size);
        prop_assert!((dot(&y, &dy) - through_weights).abs() < 1e-12 * size);
    }
}

/// The example of Goodfellow, Bengio and Courville, "Deep Learning", figure 9.1, with a = 1, b = 2, ..., l = 12.
#[test]
fn the_reference_gives_the_textbook_example() {
    let shape = Conv2dShape { height: 3, width: 4, ..square(1, 0, 1, 1, 2, 0) };
    let x: Vec<f64> = (1..=12).map(f64::from).collect();
    let (w, x_, y_, z_) = (1.0, 10.0, 100.0, 1000.0);
    let y = reference::forward(&shape, &x, &[w, x_, y_, z_], &[0.5]);
    assert_eq!(y, [6521.5, 7632.5, 8743.5, 10965.5, 12076.5, 13187.5]);
}

/// Shapes that reach what small ones do not.
#[test]
fn larger_shapes_agree_with_the_reference() {
    let shapes = [
        // Weights in several pieces: whole rows of taps, whole taps, parts of a tap.
        square(1, 6, 96, 40, 3, 1),
        Conv2dShape { dilation: (2, 2), ..square(1, 9, 96, 33, 3, 2) },
        square(2, 3, 450, 64, 1, 0),
        Conv2dShape { dilation: (1, 2), ..square(1, 5, 400, 10, 2, 1) },
        // Several images to a task, and several tasks to an image.
        square(40, 4, 8, 16, 3, 1),
        square(1, 64, 40, 8, 3, 1),
        Conv2dShape { strides: (2, 2), ..square(1, 65, 36, 5, 3, 1) },
        // Several panels to a task, and several tasks to the weights.
        square(17, 7, 16, 100, 3, 1),
        // Winograd's gradient to the weights: several blocks of tiles to a task, in squares of either size.
        square(5, 16, 96, 70, 3, 1),
        // Pairs: several tasks to the weights of each pass, of which the last is short.
        square(2, 5, 66, 98, 3, 1),
        Conv2dShape { strides: (2, 2), ..square(3, 9, 34, 130, 3, 1) },
        square(1, 4, 32, 300, 1, 0),
        // Small maps: several blocks of images, and copies whose pixels lie further apart, of some of the channels.
        square(70, 2, 130, 40, 3, 1),
        Conv2dShape { groups: 2, ..square(33, 2, 288, 80, 3, 1) },
        Conv2dShape { strides: (2, 2), ..square(20, 4, 140, 66, 3, 1) },
        Conv2dShape { dilation: (5, 5), ..square(2, 9, 130, 33, 3, 5) },
        // Groups whose filters together are one panel.
        Conv2dShape { groups: 4, ..square(2, 5, 8, 32, 3, 1) },
        // As in common networks: a first layer, a strided one, a strided projection, depthwise.
        square(2, 16, 3, 32, 3, 1),
        Conv2dShape { strides: (2, 2), ..square(1, 31, 3, 64, 7, 3) },
        Conv2dShape { strides: (2, 2), ..square(2, 14, 32, 64, 1, 0) },
        Conv2dShape { groups: 72, ..square(2, 14, 72, 72, 5, 2) },
        Conv2dShape { groups: 48, strides: (2, 2), ..square(1, 33, 48, 48, 3, 1) },
    ];
    for (seed, shape) in shapes.into_iter().enumerate() {
        Case::new(shape, seed as u64).check();
    }
}

fn three_by_three() -> impl Strategy<Value = Conv2dShape> {
    (1_usize..=3, pair(1..=14), (1_usize..=40, 1_usize..=70), padding()).prop_map(
        |(batch, (height, width), (channels, filters), padding)| Conv2dShape {
            batch,
            height,
            width,
            padding: Padding {
                top: padding.top.min(2),
                bottom: padding.bottom.min(2),
                left: padding.left.min(2),
                right: padding.right.min(2),
            },
            ..square(1, 1, channels, filters, 3, 0)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Shapes that every algorithm is for.
    #[test]
    fn all_algorithms_agree_with_the_reference(shape in three_by_three(), seed in 0_u64..1000) {
        Case::new(shape, seed).check();
    }

    /// What becomes of sums before they are stored, against the same done afterwards.
    #[test]
    fn epilogues_agree_with_passes_of_their_own(
        shape in prop_oneof![shapes(), three_by_three()],
        given in any::<[bool; 5]>(),
        seed in 0_u64..1000,
    ) {
        let case = Case::new(shape, seed);
        let residual = numbers(shape.output_len(), seed + 4);
        let (scale, shift) = (numbers(shape.filters, seed + 5), numbers(shape.filters, seed + 6));
        let epilogue = Epilogue {
            bias: given[0].then_some(&case.bias),
            before: given[1].then_some([&shift, &scale]),
            residual: given[2].then_some(&residual),
            activation: given[3].then_some(Rectifier::Relu6),
            behind: given[4].then_some([&scale, &shift]),
        };
        let of_filter = |of: [&[f32]; 2], filter: usize| of.map(|of| f64::from(of[filter]));
        for algorithm in ConvAlgorithm::all(&shape, Isa::best().halves()) {
            let run = |epilogue: &Epilogue<'_>| {
                on_every_cpu(
                    |threads| (shape.output_len(), shape.scratch(ConvPass::Forward, algorithm, threads)),
                    |cpu, y, scratch| case.with_weights(cpu, ConvPass::Forward, algorithm, |weights| {
                        conv2d_forward(cpu, &shape, &case.x, weights, epilogue, y.into(), scratch);
                    }),
                )
            };
            for ((isa, fused), (_, sums)) in run(&epilogue).into_iter().zip(run(&Epilogue::default())) {
                for (i, (y, sum)) in fused.iter().zip(sums).enumerate() {
                    let filter = i % shape.filters;
                    let mut truth = f64::from(sum);
                    truth += epilogue.bias.map_or(0.0, |bias| f64::from(bias[filter]));
                    let [scale, shift] = epilogue.before.map_or([1.0, 0.0], |of| of_filter(of, filter));
                    truth = truth * scale + shift + epilogue.residual.map_or(0.0, |residual| f64::from(residual[i]));
                    if epilogue.activation.is_some() {
                        truth = truth.clamp(0.0, 6.0);
                    }
                    let [scale, shift] = epilogue.behind.map_or([1.0, 0.0], |of| of_filter(of, filter));
                    truth = truth * scale + shift;
                    prop_assert!((f64::from(*y) - truth).abs() < 1e-4, "{algorithm:?} on {isa}: {y} for {truth}");
                }
            }
        }
    }
}

/// The largest error of all numbers together, as a share of theirs.
fn relative_error(outputs: &[(&str, Vec<f32>)], truth: &[f64]) -> f64 {
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    let size = norm(&mut truth.iter().copied());
    let off = |(_, output): &(&str, Vec<f32>)| {
        assert_eq!(output.len(), truth.len());
        norm(&mut output.iter().zip(truth).map(|(y, truth)| f64::from(*y) - truth)) / size
    };
    // Unlike `f64::max`, the total order does not pass over NaN.
    outputs.iter().map(off).max_by(f64::total_cmp).expect("there is a portable one")
}

/// Sums of up to 4608 terms of either sign are far smaller than the sum of their magnitudes: what counts is the error in the result. The
/// layers are those of residual networks, which read what `ReLU` leaves.
#[test]
fn winograd_of_common_layers_is_right_to_a_ten_thousandth_of_the_result() {
    for (size, channels) in [(56, 64), (28, 128), (14, 256), (7, 512)] {
        let mut case = Case::new(square(1, size, channels, channels, 3, 1), 7);
        case.x.iter_mut().for_each(|x| *x = x.max(0.0));
        check_winograd_on_the_whole(&case);
    }
}

fn check_winograd_on_the_whole(case: &Case) {
    let (shape, layout) = (&case.shape, case.shape.weight_layout());
    let (x, w, dy) = (wide(&case.x), wide(&case.w), wide(&case.dy));
    let forward = reference::forward(shape, &x, &w, &vec![0.0; shape.filters]);
    let backward_data = reference::backward_data(shape, &dy, &w);
    let backward_weights = reference::backward_weights(shape, &x, &dy);
    for tile in [WinogradTile::Two, WinogradTile::Four] {
        let algorithm = ConvAlgorithm::Winograd(tile);
        let scratch = |pass, threads| shape.scratch(pass, algorithm, threads);
        let y = on_every_cpu(
            |threads| (shape.output_len(), scratch(ConvPass::Forward, threads)),
            |cpu, y, scratch| {
                case.with_weights(cpu, ConvPass::Forward, algorithm, |weights| {
                    conv2d_forward(cpu, shape, &case.x, weights, &Epilogue::default(), y.into(), scratch);
                });
            },
        );
        let dx = on_every_cpu(
            |threads| (shape.input_len(), scratch(ConvPass::BackwardData, threads)),
            |cpu, dx, scratch| {
                case.with_weights(cpu, ConvPass::BackwardData, algorithm, |weights| {
                    conv2d_backward_data(cpu, shape, &case.dy, weights, dx, scratch);
                });
            },
        );
        let packed = on_every_cpu(
            |threads| (layout.packed_len(), scratch(ConvPass::BackwardWeights, threads)),
            |cpu, dw, scratch| {
                conv2d_backward_weights(cpu, shape, algorithm, &case.x, &case.dy, dw, scratch);
            },
        );
        let unpack = |(isa, packed): (&'static str, Vec<f32>)| {
            let mut dw = vec![f32::NAN; layout.keras_len()];
            layout.unpack(&packed, &mut dw);
            (isa, dw)
        };
        let dw: Vec<_> = packed.into_iter().map(unpack).collect();
        for (what, outputs, truth) in [
            ("forward", y, &forward),
            ("backward to the data", dx, &backward_data),
            ("backward to the weights", dw, &backward_weights),
        ] {
            let error = relative_error(&outputs, truth);
            assert!(error < 1e-4, "{what} by {algorithm:?}: off by {error:.1e} of the result, {shape:?}");
        }
    }
}

#[test]
fn a_kernel_larger_than_the_image_has_no_outputs_and_no_gradients() {
    let case = Case::new(square(2, 3, 4, 5, 4, 0), 1);
    assert_eq!(case.shape.output_len(), 0);
    case.check();
}

#[test]
fn shapes_follow_the_usual_formulas() {
    let shape = Conv2dShape { strides: (2, 3), dilation: (2, 1), ..square(2, 11, 4, 6, 3, 1) };
    assert_eq!((shape.out_height(), shape.out_width()), (5, 4));
    assert_eq!(shape.flops(), 2 * (2 * 5 * 4 * 6) * (3 * 3 * 4));
}

#[test]
#[should_panic(expected = "a convolution's input")]
fn slices_are_checked() {
    let case = Case::new(square(1, 4, 2, 2, 3, 1), 0);
    let mut y = vec![0.0; case.shape.output_len()];
    let mut scratch = vec![0.0; case.shape.scratch(ConvPass::Forward, ConvAlgorithm::Direct, 1)];
    let (packed, epilogue) = (case.packed(), Epilogue::default());
    let weights = ConvWeights::Packed(&packed);
    conv2d_forward(
        &Cpu::new(1),
        &case.shape,
        &case.x[1..],
        weights,
        &epilogue,
        y.as_mut_slice().into(),
        &mut scratch,
    );
}

#[test]
fn of_nothing_to_compute_the_direct_algorithm_is_taken() {
    let none = Padding::NONE;
    let shape = Conv2dShape {
        batch: 1,
        height: 2,
        width: 2,
        channels: 4,
        filters: 4,
        kernel: (3, 3),
        strides: (1, 1),
        dilation: (1, 1),
        groups: 1,
        padding: none,
    };
    for pass in [ConvPass::Forward, ConvPass::BackwardData, ConvPass::BackwardWeights] {
        let algorithms = shape.algorithms(pass, Isa::best(), WeightSource::Trained, None);
        assert_eq!(algorithms, [(ConvAlgorithm::Direct, 0.0)]);
    }
}

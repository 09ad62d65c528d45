use super::*;
use crate::Padding;
use crate::reference::conv as reference;
use crate::reference::trial::{assert_sums, dot, magnitudes, numbers, on_every_cpu, wide};
use proptest::prelude::*;

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
        self.check_forward();
        self.check_backward_data();
        self.check_backward_weights();
    }

    fn check_forward(&self) {
        let (shape, packed) = (&self.shape, self.packed());
        let (x, w, bias) = (wide(&self.x), wide(&self.w), wide(&self.bias));
        let none = vec![0.0; bias.len()];
        for (given, bias) in [(Some(&self.bias[..]), bias), (None, none)] {
            let y = on_every_cpu(
                |threads| (shape.output_len(), shape.forward_scratch(threads)),
                |cpu, y, scratch| conv2d_forward(cpu, shape, &self.x, &packed, given, y, scratch),
            );
            let sizes = reference::forward(shape, &magnitudes(&x), &magnitudes(&w), &magnitudes(&bias));
            assert_sums("forward", &y, &reference::forward(shape, &x, &w, &bias), &sizes);
        }
    }

    fn check_backward_data(&self) {
        let (shape, packed) = (&self.shape, self.packed());
        let (w, dy) = (wide(&self.w), wide(&self.dy));
        let dx = on_every_cpu(
            |threads| (shape.input_len(), shape.backward_data_scratch(threads)),
            |cpu, dx, scratch| conv2d_backward_data(cpu, shape, &self.dy, &packed, dx, scratch),
        );
        let sizes = reference::backward_data(shape, &magnitudes(&dy), &magnitudes(&w));
        assert_sums("backward to the data", &dx, &reference::backward_data(shape, &dy, &w), &sizes);
    }

    fn check_backward_weights(&self) {
        let (shape, layout) = (&self.shape, self.shape.weight_layout());
        let (x, dy) = (wide(&self.x), wide(&self.dy));
        let packed = on_every_cpu(
            |threads| (layout.packed_len(), shape.backward_weights_scratch(threads)),
            |cpu, dw, scratch| conv2d_backward_weights(cpu, shape, &self.x, &self.dy, dw, scratch),
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
        assert_sums("backward to the weights", &dw, &reference::backward_weights(shape, &x, &dy), &sizes);
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

fn pair(range: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = (usize, usize)> {
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
        square(1, 4, 32, 300, 1, 0),
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
    let mut scratch = vec![0.0; case.shape.forward_scratch(1)];
    conv2d_forward(&Cpu::new(1), &case.shape, &case.x[1..], &case.packed(), None, &mut y, &mut scratch);
}

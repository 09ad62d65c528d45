//! Max pooling with the places of the maxima, alone and after batch normalisation.

use super::*;
use crate::reference::norm::{batch_norm, batch_norm_backward};
use crate::reference::rectifier::{rectify, slope};
use crate::{Normalisation, Rectifier};

const ACTIVATIONS: [Option<Rectifier>; 3] = [None, Some(Rectifier::Relu), Some(Rectifier::Relu6)];

/// Runs `kernel` on every CPU with room for so many bytes, which come back as numbers after its other outputs.
fn with_bytes(
    (numbers, bytes): (usize, usize),
    scratch: usize,
    kernel: impl Fn(&Cpu, &mut [f32], &mut [u8], &mut [f32]),
) -> Outputs {
    on_every_cpu(
        |_| (numbers + bytes, scratch),
        |cpu, out, scratch| {
            let (numbers, places) = out.split_at_mut(numbers);
            let mut argmax = vec![255; bytes];
            kernel(cpu, numbers, &mut argmax, scratch);
            places.iter_mut().zip(argmax).for_each(|(place, byte)| *place = f32::from(byte));
        },
    )
}

/// The number, in its whole window, of the pixel that each output has its maximum in.
fn places(shape: &PoolShape, x: &[f64]) -> Vec<f64> {
    let mut places = Vec::new();
    for (output, window) in reference::windows(shape).iter().enumerate() {
        let first = window.iter().copied().reduce(|best, i| if x[i] > x[best] { i } else { best });
        let pixel = first.expect("a window with a pixel") / shape.channels;
        let (oy, ox) = (
            output / shape.channels / shape.out_width() % shape.out_height(),
            output / shape.channels % shape.out_width(),
        );
        let (y, x) = (pixel / shape.width % shape.height, pixel % shape.width);
        let row = y + shape.padding.top - oy * shape.strides.0;
        places.push((row * shape.window.1 + x + shape.padding.left - ox * shape.strides.1) as f64);
    }
    places
}

fn bytes(places: &[f64]) -> Vec<u8> {
    places.iter().map(|place| *place as u8).collect()
}

fn assert_plain(shape: &PoolShape) {
    let (x, dy) = (numbers(shape.input_len(), 1), numbers(shape.output_len(), 2));
    let (x64, len) = (wide(&x), shape.output_len());
    let outputs = with_bytes((len, len), 0, |cpu, y, argmax, _| {
        max_pool_argmax_forward(cpu, shape, &x, y, argmax);
    });
    let largest = reference::max_pool(shape, &x64);
    let places = places(shape, &x64);
    let truth = [largest, places.clone()].concat();
    assert_sums(&format!("max pool of {shape:?} with places"), &outputs, &truth, &vec![0.0; truth.len()]);

    let argmax = bytes(&places);
    let dx =
        on_every_cpu(|_| (x.len(), 0), |cpu, dx, _| max_pool_argmax_backward(cpu, shape, &argmax, &dy, dx));
    let truth = reference::max_pool_backward(shape, &x64, &wide(&dy));
    let sizes = vec![(shape.window.0 * shape.window.1) as f64; truth.len()];
    assert_sums(&format!("max pool of {shape:?}, backward from places"), &dx, &truth, &sizes);
}

/// An input with what normalises it.
struct Case {
    x: Vec<f32>,
    mean: Vec<f32>,
    invstd: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
}

impl Case {
    /// Gammas are 0, small or large against beta, and of both signs.
    fn new(shape: &PoolShape, input: Option<Rectifier>) -> Self {
        let x: Vec<f32> = numbers(shape.input_len(), 1)
            .iter()
            .map(|x| rectify(input, f64::from(*x) * 4.0 + 1.0) as f32)
            .collect();
        let channels = shape.channels;
        let gamma: Vec<f32> =
            (0..channels).map(|c| [1.5, -0.7, 0.01, 0.0, 1.0][c % 5] * (1.0 + c as f32 / 64.0)).collect();
        let beta = numbers(channels, 4);
        let zeros = vec![0.0; channels];
        let statistics = batch_norm(channels, 1e-3, &wide(&x), &zeros, &zeros);
        let invstd: Vec<f64> = statistics.variance.iter().map(|v| 1.0 / (v + 1e-3).sqrt()).collect();
        Self { x, mean: narrow(&statistics.mean), invstd: narrow(&invstd), gamma, beta }
    }

    fn norm(&self) -> Normalisation<'_> {
        let Self { mean, invstd, gamma, beta, .. } = self;
        Normalisation { mean, invstd, gamma: Some(gamma), beta: Some(beta) }
    }

    fn normal(&self) -> Vec<f64> {
        let channels = self.mean.len();
        batch_norm(channels, 1e-3, &wide(&self.x), &wide(&self.gamma), &wide(&self.beta)).y
    }
}

fn assert_normalised(shape: &PoolShape, activation: Option<Rectifier>, input: Option<Rectifier>) {
    let (case, len) = (Case::new(shape, input), shape.output_len());
    let (normal, dy) = (case.normal(), numbers(len, 2));
    let outputs = with_bytes((len, len), shape.norm_forward_scratch(), |cpu, y, argmax, scratch| {
        batch_norm_max_pool_forward(cpu, shape, &case.norm(), activation, &case.x, y, argmax, scratch);
    });
    let largest: Vec<f64> =
        reference::max_pool(shape, &normal).iter().map(|y| rectify(activation, *y)).collect();
    let what = format!("{activation:?} and max pool of {shape:?} after batch norm");
    let windows = reference::windows(shape);
    for (isa, output) in &outputs {
        let (y, places_found) = output.split_at(len);
        assert_sums(&what, &[(isa, y.to_vec())], &largest, &vec![10.0; len]);
        // Rounding may make another pixel the largest, by as little as it moves either.
        for (o, window) in windows.iter().enumerate() {
            let place = places_found[o] as usize;
            let pixel = window.iter().copied().find(|i| place_of(shape, o, *i) == place);
            let pixel = pixel.unwrap_or_else(|| panic!("{what} on {isa}: no pixel {place} in window {o}"));
            assert!((rectify(activation, normal[pixel]) - largest[o]).abs() < 1e-5, "{what} on {isa}");
        }
    }
    let places = places(shape, &normal);
    assert_backward(shape, &case, activation, input, &largest, &places, &dy);
}

/// The number of pixel `i` in the window of output `o`.
fn place_of(shape: &PoolShape, o: usize, i: usize) -> usize {
    let (pixel, window) = (i / shape.channels, o / shape.channels);
    let (y, x) = (pixel / shape.width % shape.height, pixel % shape.width);
    let (oy, ox) = (window / shape.out_width() % shape.out_height(), window % shape.out_width());
    (y + shape.padding.top - oy * shape.strides.0) * shape.window.1 + x + shape.padding.left
        - ox * shape.strides.1
}

fn assert_backward(
    shape: &PoolShape,
    case: &Case,
    activation: Option<Rectifier>,
    input: Option<Rectifier>,
    largest: &[f64],
    places: &[f64],
    dy: &[f32],
) {
    let (channels, argmax, y) = (shape.channels, bytes(places), narrow(largest));
    // What each pixel gets before the norm, by the definition.
    let mut given = vec![0.0; case.x.len()];
    for (o, window) in reference::windows(shape).iter().enumerate() {
        let pixel = window.iter().find(|i| place_of(shape, o, **i) == argmax[o] as usize);
        let passed = f64::from(dy[o]) * slope(activation, f64::from(y[o]));
        given[*pixel.expect("the pixel of the maximum")] += passed;
    }
    let (mut dx, dgamma, dbeta) =
        batch_norm_backward(channels, 1e-3, &wide(&case.x), &given, &wide(&case.gamma));
    dx.iter_mut().zip(&case.x).for_each(|(dx, x)| *dx *= slope(input, f64::from(*x)));
    let outputs = on_every_cpu(
        |_| (case.x.len() + 2 * channels, shape.norm_backward_scratch()),
        |cpu, out, scratch| {
            let (dx, out) = out.split_at_mut(case.x.len());
            let (dgamma, dbeta) = out.split_at_mut(channels);
            let operands = NormPoolBackward { x: &case.x, y: &y, argmax: &argmax, dy, activation, input };
            batch_norm_max_pool_backward(cpu, shape, &case.norm(), &operands, dx, dgamma, dbeta, scratch);
        },
    );
    // The digits that beta takes from the output are six at the most; n is below the root of the rows, and invstd below 32.
    let of_channel = |c: usize| (1.0 + f64::from(case.invstd[c])) * 16.0;
    let rows = (dy.len() / channels.max(1)) as f64;
    let overlap = (shape.window.0 * shape.window.1) as f64;
    let mut sizes: Vec<f64> = (0..dx.len()).map(|i| overlap * of_channel(i % channels).powi(2)).collect();
    sizes.extend((0..channels).map(|c| rows * of_channel(c)));
    sizes.extend(vec![rows + 1.0; channels]);
    let what = format!("batch norm, {activation:?} and max pool of {shape:?} after {input:?}, backward");
    assert_sums(&what, &outputs, &[dx, dgamma, dbeta].concat(), &sizes);
}

fn assert_all(shape: &PoolShape) {
    assert_plain(shape);
    if shape.output_len() > 0 {
        for activation in ACTIVATIONS {
            assert_normalised(shape, activation, None);
        }
        assert_normalised(shape, None, Some(Rectifier::Relu));
        assert_normalised(shape, Some(Rectifier::Relu), Some(Rectifier::Relu6));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pooling_with_places_agrees_with_the_definition(
        sizes in (1_usize..4, 1_usize..9, 1_usize..9, 1_usize..40),
        window in (1_usize..5, 1_usize..5),
        strides in (1_usize..5, 1_usize..5),
        border in (0_usize..4, 0_usize..4, 0_usize..4, 0_usize..4),
    ) {
        let (batch, height, width, channels) = sizes;
        let (top, bottom, left, right) = border;
        let (rows, columns) = (window.0 - 1, window.1 - 1);
        let padding = Padding {
            top: top.min(rows),
            bottom: bottom.min(rows),
            left: left.min(columns),
            right: right.min(columns),
        };
        assert_all(&PoolShape { batch, height, width, channels, window, strides, padding });
    }
}

#[test]
fn maps_of_many_tasks_agree_with_the_definition() {
    let padding = Padding { top: 1, bottom: 1, left: 1, right: 1 };
    for shape in [
        shape_of(3, (32, 32), 32, (2, 2), (2, 2)),
        shape_of(2, (33, 31), 40, (2, 2), (2, 2)),
        PoolShape { padding, ..shape_of(2, (40, 40), 17, (3, 3), (2, 2)) },
        shape_of(2, (50, 30), 3, (2, 2), (3, 3)),
        shape_of(2, (18, 18), 5, (16, 16), (1, 1)),
    ] {
        assert_all(&shape);
    }
}

#[test]
fn what_is_not_a_number_gives_its_gradient_somewhere() {
    let shape = shape_of(2, (6, 6), 5, (3, 3), (1, 1));
    let x = vec![f32::NAN; shape.input_len()];
    let len = shape.output_len();
    let outputs = with_bytes((len, len), 0, |cpu, y, argmax, _| {
        max_pool_argmax_forward(cpu, &shape, &x, y, argmax);
    });
    for (isa, out) in outputs {
        assert!(out[..len].iter().all(|y| y.is_nan()), "{isa}");
        assert!(out[len..].iter().all(|place| *place == 0.0), "{isa}");
    }
}

#[test]
#[should_panic(expected = "more pixels than a byte can tell apart")]
fn a_window_of_too_many_pixels_is_refused() {
    let shape = shape_of(1, (20, 20), 1, (16, 17), (1, 1));
    max_pool_argmax_forward(
        &Cpu::new(1),
        &shape,
        &[0.0; 400],
        &mut vec![0.0; shape.output_len()],
        &mut vec![0; shape.output_len()],
    );
}

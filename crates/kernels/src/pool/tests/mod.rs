mod argmax;

use super::windows::{first_input, overlap};
use super::*;
use crate::Cpu;
use crate::reference::differences::gradient;
use crate::reference::pool as reference;
use crate::reference::trial::{assert_sums, dot, magnitudes, numbers, on_every_cpu, wide};
use proptest::prelude::*;

type Outputs = Vec<(&'static str, Vec<f32>)>;

fn shape_of(
    batch: usize,
    (height, width): (usize, usize),
    channels: usize,
    window: (usize, usize),
    strides: (usize, usize),
) -> PoolShape {
    PoolShape { batch, height, width, channels, window, strides, padding: Padding::NONE }
}

fn max_forward(shape: &PoolShape, x: &[f32]) -> Outputs {
    on_every_cpu(|_| (shape.output_len(), 0), |cpu, y, _| max_pool_forward(cpu, shape, x, y))
}

fn max_backward(shape: &PoolShape, x: &[f32], y: &[f32], dy: &[f32]) -> Outputs {
    on_every_cpu(|_| (shape.input_len(), 0), |cpu, dx, _| max_pool_backward(cpu, shape, x, y, dy, dx))
}

fn narrow(x: &[f64]) -> Vec<f32> {
    x.iter().map(|x| *x as f32).collect()
}

/// Both kinds of pooling, forward and backward, against the reference. A tenth of the numbers are equal, so that there are
/// ties for the maximum.
fn assert_right(shape: &PoolShape) {
    let (x, dy) = (numbers(shape.input_len(), 1), numbers(shape.output_len(), 2));
    let (x64, dy64) = (wide(&x), wide(&dy));
    // A pixel may be in many windows, and a window may have many pixels.
    let sizes = |len: usize| vec![(shape.window.0 * shape.window.1) as f64; len];

    let largest = reference::max_pool(shape, &x64);
    assert_sums("max pool", &max_forward(shape, &x), &largest, &magnitudes(&largest));
    let dx = reference::max_pool_backward(shape, &x64, &dy64);
    let outputs = max_backward(shape, &x, &narrow(&largest), &dy);
    assert_sums(&format!("max pool backward of {shape:?}"), &outputs, &dx, &sizes(dx.len()));

    let means = reference::avg_pool(shape, &x64);
    let y = on_every_cpu(|_| (means.len(), 0), |cpu, y, _| avg_pool_forward(cpu, shape, &x, y));
    assert_sums("average pool", &y, &means, &vec![1.0; means.len()]);
    let dx = on_every_cpu(|_| (x.len(), 0), |cpu, dx, _| avg_pool_backward(cpu, shape, &dy, dx));
    let mut truth = vec![0.0; x.len()];
    for (window, dy) in reference::windows(shape).iter().zip(&dy64) {
        for &i in window {
            truth[i] += dy / window.len() as f64;
        }
    }
    assert_sums(&format!("average pool backward of {shape:?}"), &dx, &truth, &sizes(truth.len()));
}

proptest! {
    #[test]
    fn pooling_agrees_with_the_definition(
        sizes in (0_usize..4, 1_usize..9, 1_usize..9, 1_usize..40),
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
        assert_right(&PoolShape { batch, height, width, channels, window, strides, padding });
    }

    /// Tasks write to these pixels at the same time.
    #[test]
    fn rows_of_windows_that_do_not_overlap_have_pixels_of_their_own(
        sizes in (1_usize..3, 1_usize..12, 1_usize..6, 1_usize..3),
        window in (1_usize..5, 1_usize..4),
        gaps in (0_usize..3, 0_usize..3),
        border in (0_usize..4, 0_usize..4),
    ) {
        let (batch, height, width, channels) = sizes;
        let strides = (window.0 + gaps.0, window.1 + gaps.1);
        let (top, bottom) = (border.0.min(window.0 - 1), border.1.min(window.0 - 1));
        let padding = Padding { top, bottom, ..Padding::NONE };
        let shape = PoolShape { batch, height, width, channels, window, strides, padding };
        prop_assert!(!overlap(&shape));
        let of_row = (shape.out_width() * channels).max(1);
        for (row, windows) in reference::windows(&shape).chunks(of_row).enumerate() {
            let own = first_input(&shape, row)..first_input(&shape, row + 1);
            prop_assert!(windows.iter().flatten().all(|pixel| own.contains(pixel)), "row {}: {:?}", row, own);
        }
    }

    #[test]
    fn average_gradients_agree_with_differences(channels in 1_usize..4, window in (1_usize..4, 1_usize..4), strides in (1_usize..4, 1_usize..4)) {
        let shape = shape_of(1, (5, 6), channels, window, strides);
        let (x, dy) = (wide(&numbers(shape.input_len(), 1)), numbers(shape.output_len(), 2));
        let truth = gradient(|x| dot(&reference::avg_pool(&shape, x), &wide(&dy)), &x);
        let dx = on_every_cpu(|_| (x.len(), 0), |cpu, dx, _| avg_pool_backward(cpu, &shape, &dy, dx));
        assert_sums("average pool backward", &dx, &truth, &vec![2.0; truth.len()]);
    }
}

#[test]
fn maps_of_many_tasks_agree_with_the_definition() {
    let padding = Padding { top: 2, bottom: 1, left: 1, right: 2 };
    for shape in [
        PoolShape { padding, ..shape_of(2, (60, 40), 24, (3, 3), (4, 3)) },
        shape_of(3, (64, 64), 32, (2, 2), (2, 2)),
        shape_of(2, (33, 31), 40, (2, 2), (2, 2)),
        shape_of(3, (40, 40), 17, (3, 3), (2, 2)),
        shape_of(2, (50, 70), 3, (2, 2), (3, 3)),
        shape_of(40, (6, 6), 8, (3, 2), (1, 2)),
    ] {
        assert_right(&shape);
    }
}

#[test]
fn the_first_of_equal_pixels_takes_the_gradient() {
    let shape = shape_of(1, (2, 4), 1, (2, 2), (2, 2));
    // The left window has its maximum in the second and the third place, the right one in all.
    let x = [1.0, 5.0, 7.0, 7.0, 5.0, 0.0, 7.0, 7.0];
    for (isa, dx) in max_backward(&shape, &x, &[5.0, 7.0], &[10.0, -3.0]) {
        assert_eq!(dx, [0.0, 10.0, -3.0, 0.0, 0.0, 0.0, 0.0, 0.0], "{isa}");
    }
}

#[test]
fn a_pixel_in_several_windows_gets_the_sum() {
    let shape = shape_of(1, (1, 4), 1, (1, 2), (1, 1));
    for (isa, dx) in max_backward(&shape, &[0.0, 9.0, 1.0, 2.0], &[9.0, 9.0, 2.0], &[1.0, 10.0, 100.0]) {
        assert_eq!(dx, [0.0, 11.0, 0.0, 100.0], "{isa}");
    }
}

#[test]
fn padding_is_no_candidate_for_a_maximum() {
    let padding = Padding { top: 1, bottom: 1, left: 1, right: 1 };
    let shape = PoolShape { padding, ..shape_of(1, (2, 2), 1, (3, 3), (1, 1)) };
    for (isa, y) in max_forward(&shape, &[-4.0, -3.0, -2.0, -5.0]) {
        assert_eq!(y, [-2.0; 4], "{isa}");
    }
}

#[test]
fn what_is_not_a_number_does_no_harm() {
    for (window, strides) in [((2, 2), (2, 2)), ((3, 3), (1, 1))] {
        let shape = shape_of(2, (6, 6), 5, window, strides);
        let x = vec![f32::NAN; shape.input_len()];
        for (isa, y) in max_forward(&shape, &x) {
            assert!(y.iter().all(|y| y.is_nan()), "{isa}");
            let dy = vec![1.0; y.len()];
            for (isa, dx) in max_backward(&shape, &x, &y, &dy) {
                assert_eq!(dx.iter().sum::<f32>(), y.len() as f32, "{isa}: each gradient goes somewhere");
            }
        }
    }
}

#[test]
fn a_window_larger_than_the_map_gives_nothing() {
    let shape = shape_of(2, (3, 3), 4, (4, 2), (1, 1));
    assert_eq!(shape.output_len(), 0);
    assert_right(&shape);
    assert_right(&shape_of(2, (3, 3), 4, (2, 4), (1, 1)));
}

#[test]
fn global_pooling_takes_all_pixels() {
    for (batch, pixels, channels) in
        [(3, 49, 33), (2, 5000, 3), (1, 9000, 1), (2, 40, 1030), (50, 4, 7), (0, 3, 3)]
    {
        let x = numbers(batch * pixels * channels, 1);
        let dy = numbers(batch * channels, 2);
        let column = |i: usize| {
            let (image, channel) = (i / channels, i % channels);
            (0..pixels).map(move |p| (image * pixels + p) * channels + channel)
        };
        let truth: Vec<f64> = (0..batch * channels)
            .map(|i| column(i).map(|at| f64::from(x[at])).sum::<f64>() / pixels as f64)
            .collect();
        let means = on_every_cpu(
            |_| (truth.len(), 0),
            |cpu, y, _| global_avg_pool_forward(cpu, batch, pixels, channels, &x, y),
        );
        assert_sums("global average", &means, &truth, &vec![0.5; truth.len()]);
        let largest: Vec<f32> = (0..batch * channels)
            .map(|i| column(i).map(|at| x[at]).fold(f32::NEG_INFINITY, f32::max))
            .collect();
        let outputs = on_every_cpu(
            |_| (truth.len(), 0),
            |cpu, y, _| global_max_pool_forward(cpu, batch, pixels, channels, &x, y),
        );
        assert!(outputs.iter().all(|(_, y)| *y == largest));

        let mut of_mean = vec![0.0; x.len()];
        let mut of_max = vec![0.0; x.len()];
        for (i, dy) in dy.iter().enumerate() {
            column(i).for_each(|at| of_mean[at] = f64::from(*dy) / pixels as f64);
            if let Some(first) = column(i).find(|at| x[*at] == largest[i]) {
                of_max[first] = f64::from(*dy);
            }
        }
        let outputs = on_every_cpu(
            |_| (2 * x.len(), 0),
            |cpu, out, _| {
                let (mean, max) = out.split_at_mut(x.len());
                global_avg_pool_backward(cpu, batch, pixels, channels, &dy, mean);
                global_max_pool_backward(cpu, batch, pixels, channels, &x, &largest, &dy, max);
            },
        );
        let sizes = vec![0.1; 2 * x.len()];
        assert_sums("global pooling backward", &outputs, &[of_mean, of_max].concat(), &sizes);
    }
}

#[test]
fn the_mean_of_very_many_pixels_keeps_its_digits() {
    // The sum of every few thousand fits into f32, their sum does not.
    let (pixels, x) = (20_000_000, 1.0 + 1.0 / 8192.0);
    let mut y = [0.0];
    global_avg_pool_forward(&Cpu::new(1), 1, pixels, 1, &vec![x; pixels], &mut y);
    assert_eq!(y, [x]);
}

#[test]
#[should_panic(expected = "is not smaller than the window")]
fn a_window_of_nothing_but_padding_is_refused() {
    let padding = Padding { top: 2, bottom: 0, left: 0, right: 0 };
    let shape = PoolShape { padding, ..shape_of(1, (4, 4), 1, (2, 2), (2, 2)) };
    max_pool_forward(&Cpu::new(1), &shape, &[0.0; 16], &mut [0.0; 6]);
}

#[test]
#[should_panic(expected = "input")]
fn a_shape_that_no_number_holds_fits_no_slice() {
    let shape = shape_of(1 << (usize::BITS - 1), (1, 2), 1, (1, 1), (1, 1));
    max_pool_forward(&Cpu::new(1), &shape, &[], &mut []);
}

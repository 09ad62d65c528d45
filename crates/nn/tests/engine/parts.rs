//! A step that is computed in parts against steps on the parts alone.

use std::num::NonZeroUsize;

use divvy_nn::{Cpu, Device, Engine, Isa, Optimizer, Tensor};

use crate::everything::{batch, everything};
use crate::support::{Batch, assert_near, bits, is_trained, loss_and_gradients, parameters, step};

fn fresh(isa: Isa, threads: usize, dropout: f32) -> Engine {
    Engine::new(everything(dropout), Device::new(Cpu::with_isa(isa, threads)), 3)
}

fn in_parts(engine: &mut Engine, batch: &Batch, parts: usize, optimizer: &Optimizer, rate: f64) -> f32 {
    let parts = NonZeroUsize::new(parts).unwrap();
    engine
        .train_step_in_parts(&batch.images, &batch.targets, batch.size, parts, optimizer, rate)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The pictures from `start` to `end` of a batch.
fn part(batch: &Batch, start: usize, end: usize) -> Batch {
    let cut = |values: &[f32]| {
        let each = values.len() / batch.size;
        values[start * each..end * each].to_vec()
    };
    Batch { images: cut(&batch.images), targets: cut(&batch.targets), size: end - start }
}

/// What each trained parameter lost in a step of gradient descent at a rate that rounds little away, over the rate.
fn movement(before: &[Tensor], after: &[Tensor], rate: f32) -> Vec<Vec<f32>> {
    let pairs = before.iter().zip(after).filter(|(before, _)| is_trained(before));
    pairs.map(|(x, y)| x.values.iter().zip(&y.values).map(|(x, y)| (x - y) / rate).collect()).collect()
}

#[test]
fn gradients_of_parts_are_added_up_by_their_share() {
    const RATE: f32 = (1 << 20) as f32;
    let whole = batch(0, 11);
    // Parts of eleven pictures: three, four and four.
    let bounds = [0, 3, 7, 11];
    for isa in Isa::present() {
        let mut expected: Vec<Vec<f64>> = Vec::new();
        let mut expected_loss = 0.0;
        for ends in bounds.windows(2) {
            let part = part(&whole, ends[0], ends[1]);
            let share = part.size as f64 / whole.size as f64;
            let (loss, gradients) = loss_and_gradients(&mut fresh(isa, 2, 0.0), &part);
            expected_loss += share * f64::from(loss);
            expected.resize_with(gradients.len(), Vec::new);
            for (sum, gradient) in expected.iter_mut().zip(&gradients) {
                sum.resize(gradient.values.len(), 0.0);
                sum.iter_mut().zip(&gradient.values).for_each(|(sum, &g)| *sum += share * f64::from(g));
            }
        }
        let mut engine = fresh(isa, 2, 0.0);
        let before = parameters(&engine);
        let loss = in_parts(&mut engine, &whole, 3, &Optimizer::sgd(0.0), RATE.into());
        assert!((f64::from(loss) - expected_loss).abs() < 1e-6 * expected_loss, "{loss} {expected_loss}");
        let moved = movement(&before, &parameters(&engine), RATE);
        assert_eq!(moved.len(), expected.len());
        for (ours, expected) in moved.iter().zip(expected) {
            let expected: Vec<f32> = expected.into_iter().map(|value| value as f32).collect();
            assert_near(ours, &expected, 2e-5, isa.name());
        }
    }
}

#[test]
fn a_part_has_two_pictures_at_the_least() {
    let batch = batch(0, 5);
    let trained = |parts| {
        let mut engine = fresh(Isa::best(), 1, 0.25);
        in_parts(&mut engine, &batch, parts, &Optimizer::adam(), 0.01);
        bits(&parameters(&engine))
    };
    assert!(trained(2) == trained(1000));
    assert!(trained(1) != trained(2));
}

#[test]
fn one_part_is_the_step_itself_and_threads_change_no_bit() {
    let optimizer = Optimizer::adam().clip_norm(1.0).average(0.9);
    let trained = |threads: usize, parts: Option<usize>| {
        let mut engine = fresh(Isa::best(), threads, 0.25);
        for number in 0..3 {
            let batch = batch(number, 9);
            match parts {
                Some(parts) => in_parts(&mut engine, &batch, parts, &optimizer, 0.01),
                None => step(&mut engine, &batch, &optimizer, 0.01),
            };
        }
        bits(&parameters(&engine))
    };
    assert!(trained(1, None) == trained(1, Some(1)));
    assert!(trained(1, Some(3)) == trained(3, Some(3)));
}

#[test]
fn each_part_draws_its_own_dropout() {
    let half = batch(0, 4);
    let twice = Batch {
        images: [&half.images[..], &half.images].concat(),
        targets: [&half.targets[..], &half.targets].concat(),
        size: 8,
    };
    let moved = |batch: &Batch, parts, dropout| {
        let mut engine = fresh(Isa::best(), 1, dropout);
        let before = parameters(&engine);
        in_parts(&mut engine, batch, parts, &Optimizer::sgd(0.0), 1.0);
        movement(&before, &parameters(&engine), 1.0).concat()
    };
    // The same pictures twice have the mean gradient of once, unless the two passes drop different numbers.
    assert_near(&moved(&twice, 2, 0.0), &moved(&half, 1, 0.0), 1e-5, "without dropout");
    let (once, both) = (moved(&half, 1, 0.25), moved(&twice, 2, 0.25));
    let off = once.iter().zip(&both).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
    assert!(off > 1e-3, "{off}");
}

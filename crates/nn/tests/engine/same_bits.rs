//! The same seed gives the same bits, whatever the number of threads and whatever else was asked of the engine.

use divvy_nn::{Algorithms, Cpu, Device, Engine, Isa, Optimizer, Tensor};

use crate::everything::{batch, everything};
use crate::support::{bits, is_trained, parameters, step, ways};

const STEPS: u32 = 5;

fn fresh(isa: Isa, threads: usize, seed: u64) -> Engine {
    fresh_by(Algorithms::Fastest, isa, threads, seed)
}

fn fresh_by(algorithms: Algorithms, isa: Isa, threads: usize, seed: u64) -> Engine {
    let device = Device::new(Cpu::with_isa(isa, threads)).algorithms(algorithms);
    Engine::new(everything(0.25), device, seed)
}

/// Some steps with dropout and batch norms, on batches of changing size; every bit of the parameters after them.
fn train(engine: &mut Engine, mut between: impl FnMut(&mut Engine)) -> Vec<(String, Vec<u32>)> {
    for number in 0..STEPS {
        between(engine);
        let batch = batch(number, 7 - number as usize % 2);
        step(engine, &batch, &Optimizer::adam().clip_norm(1.0), 0.01);
    }
    bits(&parameters(engine))
}

#[test]
fn one_two_and_three_threads_train_alike() {
    for (isa, algorithms) in ways() {
        let alone = train(&mut fresh_by(algorithms, isa, 1, 3), |_| {});
        for threads in [2, 3] {
            assert!(
                train(&mut fresh_by(algorithms, isa, threads, 3), |_| {}) == alone,
                "{threads} threads on {}, {algorithms:?}",
                isa.name()
            );
        }
    }
}

#[test]
fn another_seed_trains_otherwise() {
    let [one, same, other] = [3, 3, 4].map(|seed| train(&mut fresh(Isa::best(), 2, seed), |_| {}));
    assert!(one == same);
    assert!(one != other);
}

#[test]
fn predicting_between_steps_changes_nothing() {
    let undisturbed = train(&mut fresh(Isa::best(), 2, 3), |_| {});
    let mut number = 0;
    let disturbed = train(&mut fresh(Isa::best(), 2, 3), |engine| {
        number += 1;
        let some = batch(100 + number, 11 * number as usize);
        let first = engine.logits(&some.images, some.size).to_vec();
        assert!(first.iter().all(|logit| logit.is_finite()));
        assert_eq!(engine.logits(&some.images, some.size), first);
    });
    assert!(undisturbed == disturbed);
}

#[test]
fn a_batch_that_is_not_finite_leaves_the_trained_parameters_alone() {
    let mut engine = fresh(Isa::best(), 2, 3);
    step(&mut engine, &batch(0, 5), &Optimizer::adam(), 0.01);
    let before = parameters(&engine);
    let mut bad = batch(1, 5);
    bad.images[17] = f32::NAN;
    let error = engine.train_step(&bad.images, &bad.targets, bad.size, &Optimizer::adam(), 0.01).unwrap_err();
    assert_eq!(error.step, 2);
    let trained =
        |parameters: Vec<Tensor>| bits(&parameters.into_iter().filter(is_trained).collect::<Vec<_>>());
    assert!(trained(before) == trained(parameters(&engine)));
}

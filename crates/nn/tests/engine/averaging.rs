//! The running average of parameters against its definition in `f64`.

use divvy_nn::{Cpu, Device, Engine, Isa, Optimizer, Tensor};

use crate::everything::{batch, everything};
use crate::support::{assert_near, bits, parameters, step};

const KEPT: f64 = 0.6;
const STEPS: u32 = 9;

fn fresh(isa: Isa, threads: usize) -> Engine {
    Engine::new(everything(0.25), Device::new(Cpu::with_isa(isa, threads)), 3)
}

fn average(engine: &Engine) -> Vec<Tensor> {
    let mut tensors: Vec<Tensor> = engine.average().expect("one is kept").tensors().collect();
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    tensors
}

/// Trains, and gives the average in `f64` of the parameters as they were after each step.
fn train(engine: &mut Engine, optimizer: &Optimizer) -> Vec<Vec<f64>> {
    let wide = |engine: &Engine| -> Vec<Vec<f64>> {
        parameters(engine)
            .iter()
            .map(|tensor| tensor.values.iter().map(|&v| f64::from(v)).collect())
            .collect()
    };
    let mut expected = wide(engine);
    for number in 0..STEPS {
        step(engine, &batch(number, 5), optimizer, 0.01);
        let t = f64::from(number + 1);
        let kept = KEPT.min((1.0 + t) / (10.0 + t));
        for (expected, now) in expected.iter_mut().flatten().zip(wide(engine).into_iter().flatten()) {
            *expected = kept * *expected + (1.0 - kept) * now;
        }
    }
    expected
}

#[test]
fn the_average_is_that_of_all_steps_and_moves_no_parameter() {
    let optimizers =
        [Optimizer::adam(), Optimizer::nesterov(0.9), Optimizer::sgd(0.0), Optimizer::rms_prop()];
    for isa in Isa::present() {
        for optimizer in optimizers {
            // Where gradients are clipped, no weights are moved as soon as their gradient is there.
            for optimizer in [optimizer, optimizer.clip_norm(1.0)] {
                let mut engine = fresh(isa, 2);
                let expected = train(&mut engine, &optimizer.average(KEPT));
                for (tensor, expected) in average(&engine).iter().zip(expected) {
                    let expected: Vec<f32> = expected.into_iter().map(|value| value as f32).collect();
                    if expected.iter().any(|value| *value != 0.0) {
                        let place = format!("{}, {optimizer:?} on {}", tensor.name, isa.name());
                        assert_near(&tensor.values, &expected, 1e-5, &place);
                    }
                }
                let mut plain = fresh(isa, 2);
                train(&mut plain, &optimizer);
                assert!(plain.average().is_none());
                assert_eq!(bits(&parameters(&plain)), bits(&parameters(&engine)), "{optimizer:?}");
            }
        }
    }
}

#[test]
fn any_number_of_threads_averages_alike() {
    let averages = [1, 2, 3].map(|threads| {
        let mut engine = fresh(Isa::best(), threads);
        train(&mut engine, &Optimizer::adam().average(KEPT));
        bits(&average(&engine))
    });
    assert_eq!(averages[0], averages[1]);
    assert_eq!(averages[0], averages[2]);
}

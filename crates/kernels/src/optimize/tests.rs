use super::*;
use crate::reference::optimize::{self as reference, State};
use crate::reference::trial::{assert_sums, magnitudes, numbers, on_every_cpu, wide};

const LEN: usize = 8209;
const STEPS: u64 = 5;
const ADAM: Adam =
    Adam { lr: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.1, decoupled: true, step: 1 };

/// A step by the gradients as they are.
fn step(cpu: &Cpu, rule: Rule, params: &mut [f32], grads: &[f32], state: [&mut [f32]; 2]) {
    update(cpu, Update { rule, gradient_scale: 1.0, state, average: None }, params, grads);
}

/// Asserts that the rule of each step, from 1 on, follows `of_one`.
fn assert_follows(what: &str, rule: impl Fn(u64) -> Rule, of_one: impl Fn(State, f64, u64) -> State) {
    let start = numbers(LEN, 1);
    let gradients: Vec<Vec<f32>> = (1..=STEPS).map(|step| numbers(LEN, 10 + step)).collect();
    let outputs = on_every_cpu(
        |_| (3 * LEN, 0),
        |cpu, out, _| {
            out.fill(0.0);
            let (params, state) = out.split_at_mut(LEN);
            let (first, second) = state.split_at_mut(LEN);
            params.copy_from_slice(&start);
            for (number, gradients) in (1..).zip(&gradients) {
                step(cpu, rule(number), params, gradients, [first, second]);
            }
        },
    );
    let truth: Vec<State> = (0..LEN)
        .map(|i| {
            let state = State { param: f64::from(start[i]), ..State::default() };
            (1..).zip(&gradients).fold(state, |state, (step, g)| of_one(state, f64::from(g[i]), step))
        })
        .collect();
    let part = |of: fn(&State) -> f64| truth.iter().map(of).collect::<Vec<_>>();
    let truth = [part(|s| s.param), part(|s| s.first), part(|s| s.second)].concat();
    let sizes: Vec<f64> = magnitudes(&truth).iter().map(|size| size + 1.0).collect();
    assert_sums(what, &outputs, &truth, &sizes);
}

#[test]
fn sgd_follows_its_definition() {
    for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
        for (decoupled, weight_decay) in [(false, 0.01), (true, 0.1)] {
            let sgd = Sgd { lr: 0.1, momentum, nesterov, weight_decay, decoupled };
            assert_follows(
                &format!("{sgd:?}"),
                |_| Rule::Sgd(sgd),
                |state, g, step| reference::sgd(&sgd, state, g, step),
            );
        }
    }
}

#[test]
fn adam_follows_its_definition() {
    for (decoupled, weight_decay) in [(false, 0.0), (false, 0.1), (true, 0.1)] {
        let adam =
            |step| Adam { lr: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay, decoupled, step };
        assert_follows(
            &format!("{:?}", adam(1)),
            |step| Rule::Adam(adam(step)),
            |state, g, step| reference::adam(&adam(step), state, g),
        );
    }
}

#[test]
fn rmsprop_follows_its_definition() {
    for momentum in [0.0, 0.8] {
        let rmsprop = RmsProp { lr: 0.01, rho: 0.99, epsilon: 1e-3, momentum, weight_decay: 0.05 };
        assert_follows(
            &format!("{rmsprop:?}"),
            |_| Rule::RmsProp(rmsprop),
            |state, g, _| reference::rmsprop(&rmsprop, state, g),
        );
    }
}

#[test]
fn an_average_follows_the_parameters_of_every_rule_and_moves_none() {
    let rate = 0.3;
    let adam = |step| Rule::Adam(Adam { step, ..ADAM });
    let sgd = |momentum, nesterov| {
        Rule::Sgd(Sgd { lr: 0.1, momentum, nesterov, weight_decay: 0.01, decoupled: false })
    };
    let rmsprop = |momentum| {
        Rule::RmsProp(RmsProp { lr: 0.01, rho: 0.99, epsilon: 1e-3, momentum, weight_decay: 0.05 })
    };
    let rules: [&dyn Fn(u64) -> Rule; 6] =
        [&adam, &|_| sgd(0.0, false), &|_| sgd(0.9, false), &|_| sgd(0.9, true), &|_| rmsprop(0.0), &|_| {
            rmsprop(0.8)
        }];
    let start = numbers(LEN, 1);
    let gradients: Vec<Vec<f32>> = (1..=STEPS).map(|step| numbers(LEN, 10 + step)).collect();
    for rule in rules {
        let outputs = on_every_cpu(
            |_| (2 * LEN, 0),
            |cpu, out, _| {
                let (params, average) = out.split_at_mut(LEN);
                let (mut first, mut second) = (vec![0.0; LEN], vec![0.0; LEN]);
                params.copy_from_slice(&start);
                average.copy_from_slice(&start);
                for (number, gradients) in (1..).zip(&gradients) {
                    let average = Some(Average { values: &mut *average, rate });
                    let state = [&mut first[..], &mut second[..]];
                    let step = Update { rule: rule(number), gradient_scale: 1.0, state, average };
                    update(cpu, step, params, gradients);
                }
            },
        );
        for (isa, found) in &outputs {
            let cpu = Cpu::with_isa(crate::Isa::by_name(isa).expect("an instruction set of this machine"), 1);
            let (mut params, mut first, mut second) = (start.clone(), vec![0.0; LEN], vec![0.0; LEN]);
            let mut average: Vec<f64> = start.iter().copied().map(f64::from).collect();
            for (number, gradients) in (1..).zip(&gradients) {
                step(&cpu, rule(number), &mut params, gradients, [&mut first, &mut second]);
                for (average, param) in average.iter_mut().zip(&params) {
                    *average = (1.0 - f64::from(rate)) * *average + f64::from(rate) * f64::from(*param);
                }
            }
            assert_eq!(found[..LEN], params, "{:?} on {isa}", rule(1));
            for (found, average) in found[LEN..].iter().zip(average) {
                assert!(
                    (f64::from(*found) - average).abs() < 1e-6,
                    "{found} for {average} with {:?} on {isa}",
                    rule(1)
                );
            }
        }
    }
}

#[test]
fn without_momentum_no_velocity_is_needed() {
    let cpu = Cpu::new(1);
    let mut params = [1.0, 2.0];
    let sgd = Sgd { lr: 0.5, momentum: 0.0, nesterov: false, weight_decay: 0.0, decoupled: false };
    step(&cpu, Rule::Sgd(sgd), &mut params, &[1.0, -2.0], [&mut [], &mut []]);
    assert_eq!(params, [0.5, 3.0]);
    let rmsprop = RmsProp { lr: 0.5, rho: 0.0, epsilon: 0.0, momentum: 0.0, weight_decay: 0.0 };
    step(&cpu, Rule::RmsProp(rmsprop), &mut params, &[4.0, -4.0], [&mut [0.0; 2], &mut []]);
    assert_eq!(params, [0.0, 3.5]);
}

#[test]
fn the_first_step_of_adam_is_the_learning_rate() {
    // m / (1 - beta1) is g and v / (1 - beta2) is g^2, whatever the betas.
    let adam = Adam {
        lr: 0.25,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 0.0,
        weight_decay: 0.0,
        decoupled: false,
        step: 1,
    };
    let mut params = [0.0; 3];
    let state = [&mut [0.0; 3][..], &mut [0.0; 3]];
    step(&Cpu::new(1), Rule::Adam(adam), &mut params, &[1e-3, -7.0, 100.0], state);
    for (param, expected) in params.into_iter().zip([-0.25, 0.25, -0.25]) {
        assert!((param - expected).abs() < 1e-6, "{param}, not {expected}");
    }
}

#[test]
fn sums_of_squares_of_any_length() {
    for len in [0, 1, 63, 64, 65, 1000, 8192, 30_001] {
        let x = numbers(len, 4);
        let truth: f64 = wide(&x).iter().map(|x| x * x).sum();
        let outputs = on_every_cpu(
            |_| (1, sum_of_squares_scratch(len)),
            |cpu, out, scratch| out[0] = sum_of_squares(cpu, &x, scratch) as f32,
        );
        assert_sums("sum of squares", &outputs, &[truth], &[truth]);
    }
}

#[test]
fn a_scale_of_the_gradients_is_the_same_as_scaled_gradients() {
    let sgd = Sgd { lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.01, decoupled: true };
    let adam = Adam {
        lr: 0.01,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.1,
        decoupled: true,
        step: 3,
    };
    let rmsprop = RmsProp { lr: 0.01, rho: 0.99, epsilon: 1e-3, momentum: 0.8, weight_decay: 0.05 };
    let plain = (Sgd { momentum: 0.0, ..sgd }, RmsProp { momentum: 0.0, ..rmsprop });
    let (params, grads) = (numbers(LEN, 1), numbers(LEN, 2));
    let state: Vec<f32> = numbers(2 * LEN, 3).iter().map(|x| x.abs()).collect();
    for rule in
        [Rule::Sgd(sgd), Rule::Adam(adam), Rule::RmsProp(rmsprop), Rule::Sgd(plain.0), Rule::RmsProp(plain.1)]
    {
        let step = |gradient_scale: f32, grads: &[f32]| {
            on_every_cpu(
                |_| (3 * LEN, 0),
                |cpu, out, _| {
                    out[..LEN].copy_from_slice(&params);
                    out[LEN..].copy_from_slice(&state);
                    let (params, state) = out.split_at_mut(LEN);
                    let state = state.split_at_mut(LEN).into();
                    update(cpu, Update { rule, gradient_scale, state, average: None }, params, grads);
                },
            )
        };
        let smaller: Vec<f32> = grads.iter().map(|x| x * 0.3).collect();
        assert_eq!(step(0.3, &grads), step(1.0, &smaller), "{rule:?}");
        assert_ne!(step(0.3, &grads), step(1.0, &grads), "{rule:?}");
    }
}

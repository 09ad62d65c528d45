//! A state that one engine gives out and another takes back: the other goes on to the same bits.

use divvy_nn::{
    Cpu, Device, Engine, Isa, Optimizer, ParameterError, StateError, StatePart, StateTensor, StepCounts,
};

use crate::everything::{batch, everything};
use crate::support::step;

const RATE: f64 = 0.01;

fn fresh(isa: Isa, threads: usize) -> Engine {
    Engine::new(everything(0.25), Device::new(Cpu::with_isa(isa, threads)), 3)
}

/// Every rule, with and without what else is kept or done in the same pass.
fn optimizers() -> Vec<Optimizer> {
    let rules = [
        Optimizer::sgd(0.0),
        Optimizer::nesterov(0.9),
        Optimizer::adam(),
        Optimizer::adam_w(0.01),
        Optimizer::rms_prop(),
        Optimizer::adam().bias_rate(8.0),
    ];
    rules.into_iter().flat_map(|rule| [rule, rule.average(0.9), rule.clip_norm(0.5)]).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn state_bits(engine: &Engine) -> Vec<(StatePart, String, Vec<u32>)> {
    let named = |StateTensor { part, tensor }| (part, tensor.name.clone(), bits(&tensor.values));
    engine.state().map(named).collect()
}

#[test]
fn an_engine_that_takes_over_goes_on_to_the_same_bits() {
    for isa in Isa::present() {
        for optimizer in optimizers() {
            for taken_over in [0, 1, 3] {
                let mut whole = fresh(isa, 2);
                let mut first = fresh(isa, 1);
                for number in 0..taken_over {
                    step(&mut whole, &batch(number, 5), &optimizer, RATE);
                    step(&mut first, &batch(number, 5), &optimizer, RATE);
                }
                // One that has gone elsewhere before forgets it.
                let mut second = fresh(isa, 3);
                step(&mut second, &batch(77, 4), &Optimizer::adam().average(0.5), 0.5);
                second.logits(&batch(0, 2).images, 2);
                second.restore(&optimizer, first.step_counts(), first.state()).unwrap();
                let place = format!("{optimizer:?} after {taken_over} on {}", isa.name());
                assert_eq!(state_bits(&second), state_bits(&first), "{place}");
                for number in taken_over..5 {
                    let losses = [&mut whole, &mut second]
                        .map(|engine| step(engine, &batch(number, 5), &optimizer, RATE).to_bits());
                    assert_eq!(losses[0], losses[1], "loss of step {number}, {place}");
                }
                assert_eq!(state_bits(&second), state_bits(&whole), "{place}");
                let logits =
                    [&mut whole, &mut second].map(|engine| bits(engine.logits(&batch(9, 3).images, 3)));
                assert_eq!(logits[0], logits[1], "{place}");
            }
        }
    }
}

#[test]
fn a_state_that_does_not_fit_is_refused_and_changes_nothing() {
    let adam = Optimizer::adam().average(0.9);
    let mut trained = fresh(Isa::best(), 1);
    step(&mut trained, &batch(0, 4), &adam, RATE);
    let (counts, whole) = (trained.step_counts(), trained.state().collect::<Vec<_>>());
    assert_eq!(counts, StepCounts { steps: 1, remembered: 1 });
    let mut engine = fresh(Isa::best(), 1);
    let before = state_bits(&engine);
    let mut refusal = |optimizer: &Optimizer, counts, change: &dyn Fn(&mut Vec<StateTensor>)| {
        let mut tensors = whole.clone();
        change(&mut tensors);
        let error = engine.restore(optimizer, counts, tensors).unwrap_err();
        assert_eq!(state_bits(&engine), before, "{error}");
        error
    };
    let cut =
        |part: StatePart| move |tensors: &mut Vec<StateTensor>| tensors.retain(|tensor| tensor.part != part);
    for (optimizer, change) in [
        (Optimizer::nesterov(0.9).average(0.9), &cut(StatePart::Parameters) as &dyn Fn(&mut _)),
        (Optimizer::nesterov(0.9).average(0.9), &|_: &mut _| {}),
        (Optimizer::adam(), &|_: &mut _| {}),
        (adam, &cut(StatePart::Moment(1))),
        (adam, &cut(StatePart::Average)),
        (adam, &|tensors: &mut Vec<_>| tensors.clear()),
    ] {
        let error = refusal(&optimizer, counts, change);
        assert!(matches!(error, StateError::Parts { .. }), "{error}");
    }
    let never = StepCounts::default();
    assert!(matches!(refusal(&adam, never, &|_| {}), StateError::Parts { .. }));
    let more = StepCounts { steps: 1, remembered: 2 };
    assert!(matches!(refusal(&adam, more, &|_| {}), StateError::Steps { steps: 1, remembered: 2 }));
    for part in [StatePart::Parameters, StatePart::Average, StatePart::Moment(0), StatePart::Moment(1)] {
        let first = whole.iter().position(|tensor| tensor.part == part).unwrap();
        let source = |error| match error {
            StateError::Tensor { part: found, source } if found == part => source,
            other => panic!("{other}"),
        };
        let missing = source(refusal(&adam, counts, &|tensors| drop(tensors.remove(first))));
        assert!(matches!(missing, ParameterError::Missing { .. }), "{missing}");
        let unknown = source(refusal(&adam, counts, &|tensors| tensors[first].tensor.name += "s"));
        assert!(matches!(unknown, ParameterError::Unknown { .. }), "{unknown}");
        let shape = source(refusal(&adam, counts, &|tensors| tensors[first].tensor.shape.push(1)));
        assert!(matches!(shape, ParameterError::Shape { .. }), "{shape}");
        let length = source(refusal(&adam, counts, &|tensors| tensors[first].tensor.values.truncate(0)));
        assert!(matches!(length, ParameterError::Length { .. }), "{length}");
    }
}

#[test]
fn numbers_that_ran_away_are_given_back_as_they_were() {
    let optimizer = Optimizer::sgd(0.0);
    let mut engine = fresh(Isa::best(), 1);
    step(&mut engine, &batch(0, 4), &optimizer, 1e300);
    assert!(engine.parameters().first_not_finite().is_some(), "the step was meant to be too long");
    let mut other = fresh(Isa::best(), 1);
    other.restore(&optimizer, engine.step_counts(), engine.state()).unwrap();
    assert_eq!(state_bits(&other), state_bits(&engine));
}

//! Each schedule against `torch.optim.lr_scheduler`.

use divvy_nn::{Plateau, PlateauState, Schedule, Warmup};

use crate::reference::{Case, Reference};

fn file() -> Reference {
    Reference::read(include_bytes!("../reference/schedules.safetensors"))
}

/// Double precision against double, the order of operations aside.
fn assert_same(case: Case<'_>, factors: impl IntoIterator<Item = f64>) {
    let (ours, theirs): (Vec<f64>, _) = (factors.into_iter().collect(), case.f64("factors"));
    assert_eq!(ours.len(), theirs.len(), "{}", case.name);
    for (step, (ours, theirs)) in ours.into_iter().zip(theirs).enumerate() {
        assert!((ours - theirs).abs() <= 1e-12, "{} at {step}: {ours}, expected {theirs}", case.name);
    }
}

#[test]
fn schedules_agree_with_pytorch() {
    let file = file();
    let mut kinds = Vec::new();
    for case in
        file.cases().filter(|case| !case.name.starts_with("warm") && !case.name.starts_with("plateau"))
    {
        let schedule: Schedule = case.description();
        let steps = case.f64("factors").len();
        assert_same(case, (0..steps).map(|step| schedule.factor(step as f64, steps as f64)));
        kinds.push(std::mem::discriminant(&schedule));
    }
    for schedule in
        [Schedule::Step { every: 0.5, gamma: 0.1 }, Schedule::Cosine { floor: 0.0 }, Schedule::ONE_CYCLE]
    {
        assert!(kinds.contains(&std::mem::discriminant(&schedule)), "{schedule:?} has no case");
    }
}

#[test]
fn the_constant_schedule_is_one() {
    assert!((0..9).all(|step| Schedule::Constant.factor(f64::from(step), 9.0) == 1.0));
}

#[test]
fn warm_ups_agree_with_pytorch() {
    for case in file().cases_of("warm-up") {
        let warmup: Warmup = case.description();
        let steps = case.f64("factors").len() as u64;
        assert_same(case, (0..steps).map(|step| warmup.factor(step)));
    }
}

#[test]
fn plateaus_agree_with_pytorch() {
    for case in file().cases_of("plateau") {
        let (rule, mut state): (Plateau, _) = (case.description(), PlateauState::default());
        assert_same(case, case.f64("losses").into_iter().map(|loss| state.observe(&rule, loss)));
    }
}

//! Abstaining against scipy's binomial test and areas by definition (`reference/cutting.py` made `reference/cutting.json`), by hand,
//! and how often the accuracy that was promised holds.

mod coins;

use divvy_eval::{EvalError, Level, RiskCoverage};
use proptest::prelude::*;
use serde::Deserialize;

use coins::Coins;

#[derive(Deserialize)]
struct Reference {
    shown: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    confidences: Vec<f32>,
    right: Vec<u8>,
    accuracy: f64,
    answered: usize,
    aurc: f64,
    least_aurc: f64,
}

fn level(value: f64) -> Level {
    Level::new(value).expect("this is a level")
}

fn curve(confidences: &[f32], right: &[bool]) -> RiskCoverage {
    RiskCoverage::new(confidences, right).expect("the input is good")
}

#[test]
fn what_is_shown_agrees_with_scipy() {
    let reference: Reference = serde_json::from_str(include_str!("reference/cutting.json"))
        .expect("cutting.json is as cutting.py writes it");
    let found: Vec<bool> = reference.shown.iter().map(|case| case.answered > 0).collect();
    assert!(found.contains(&true) && found.contains(&false));
    for case in reference.shown {
        let right: Vec<bool> = case.right.iter().map(|&right| right == 1).collect();
        let curve = curve(&case.confidences, &right);
        assert!((curve.aurc() - case.aurc).abs() < 1e-12, "{} {}", curve.aurc(), case.aurc);
        assert!((curve.least_aurc() - case.least_aurc).abs() < 1e-12);
        let shown = curve.sure_enough(level(case.accuracy));
        assert_eq!(shown.map_or(0, |shown| shown.chosen_on.answered), case.answered);
        if let Some(shown) = shown {
            let again = shown.on(&case.confidences, &right).expect("the input is good");
            assert_eq!(again, shown.chosen_on);
        }
    }
}

#[test]
fn a_curve_by_hand() {
    let found = curve(&[0.5, 0.75, 0.75, 1.0], &[false, true, false, true]);
    let points: Vec<_> =
        found.points(9).iter().map(|point| (point.confidence, point.coverage, point.accuracy)).collect();
    assert_eq!(points, [(1.0, 0.25, 1.0), (0.75, 0.75, 2.0 / 3.0), (0.5, 1.0, 0.5)]);
    // Mistakes among the first 1, 2, 3, 4, of the two that tie a half each: 0, 0.5, 1, 2.
    assert!((found.aurc() - (0.25 + 1.0 / 3.0 + 0.5) / 4.0).abs() < 1e-15);
    assert!((found.least_aurc() - (1.0 / 3.0 + 0.5) / 4.0).abs() < 1e-15);
    assert_eq!(found.points(2).len(), 2);
    assert_eq!(curve(&[0.5], &[true]).aurc(), 0.0);
}

#[test]
fn all_can_be_answered_where_all_are_right() {
    // 0.95ⁿ is 1 in 400 from 117 on.
    let shown = |n: usize| {
        curve(&vec![0.5; n], &vec![true; n]).sure_enough(level(0.95)).map(|shown| shown.confidence)
    };
    assert_eq!((shown(117), shown(116)), (Some(0.0), None));
    let wrong = curve(&[0.5; 300], &[false; 300]);
    assert_eq!(wrong.sure_enough(level(0.01)), None);
}

#[test]
fn nothing_answered_is_nothing_right_or_wrong() {
    let confidences: Vec<f32> = (0..400_u16).map(|sample| f32::from(sample) / 400.0).collect();
    let right: Vec<bool> = (0..400).map(|sample| sample >= 200).collect();
    let shown = curve(&confidences, &right).sure_enough(level(0.9)).expect("the upper half is right");
    assert!((190..=220).contains(&shown.chosen_on.answered), "{shown:?}");
    let others = shown.on(&[0.1, 0.2], &[true, false]).expect("the input is good");
    assert_eq!((others.answered, others.accuracy), (0, None));
    assert_eq!(others.coverage.map(|coverage| coverage.value), Some(0.0));
    assert_eq!(shown.on(&[], &[]), Err(EvalError::NoSamples));
    assert!(matches!(RiskCoverage::new(&[1.5], &[true]), Err(EvalError::NotAProbability { .. })));
    assert!(matches!(RiskCoverage::new(&[0.5], &[]), Err(EvalError::NoSamples | EvalError::Length { .. })));
}

/// How often, of 2,000 thresholds for an accuracy of 0.9, the accuracy above the threshold is less, and how often there is one. A
/// sample of confidence `u`, uniform in `[0, 1]`, is right with the chance `right(u)`, whose mean above `u` is `mean(u)`.
fn promises(seed: u64, samples: usize, right: impl Fn(f64) -> f64, mean: impl Fn(f64) -> f64) -> (f64, f64) {
    let mut coins = Coins(seed);
    let (mut broken, mut made) = (0, 0);
    for _ in 0..2000 {
        let confidences: Vec<f32> = (0..samples).map(|_| coins.next() as f32).collect();
        let right: Vec<bool> = confidences.iter().map(|&u| coins.next() < right(f64::from(u))).collect();
        if let Some(shown) = curve(&confidences, &right).sure_enough(level(0.9)) {
            made += 1;
            broken += u32::from(mean(f64::from(shown.confidence)) < 0.9);
        }
    }
    (f64::from(broken) / 2000.0, f64::from(made) / 2000.0)
}

#[test]
fn a_promised_accuracy_is_broken_no_more_often_than_said() {
    // The same everywhere and just below what is asked for: each promise is broken.
    let (broken, _) = promises(71, 300, |_| 0.899, |_| 0.899);
    assert!(broken <= 0.05, "{broken}");
    // Rising from 0.7 to 1, 0.9 on average from a third on: mostly found.
    let (broken, made) = promises(72, 1000, |u| 0.7 + 0.3 * u, |u| 0.85 + 0.15 * u);
    assert!(broken <= 0.05 && made > 0.9, "{broken} of {made}");
}

proptest! {
    #[test]
    fn the_order_of_samples_does_not_matter(
        samples in prop::collection::vec((0_u8..=8, any::<bool>()), 1..80), accuracy in 0.01_f64..0.99,
    ) {
        let unzip = |samples: &[(u8, bool)]| -> (Vec<f32>, Vec<bool>) {
            samples.iter().map(|&(step, right)| (f32::from(step) / 8.0, right)).unzip()
        };
        let reversed: Vec<(u8, bool)> = samples.iter().rev().copied().collect();
        let ((a, ra), (b, rb)) = (unzip(&samples), unzip(&reversed));
        let (forward, backward) = (curve(&a, &ra), curve(&b, &rb));
        prop_assert_eq!(forward.points(99), backward.points(99));
        prop_assert_eq!(forward.sure_enough(level(accuracy)), backward.sure_enough(level(accuracy)));
        prop_assert!(forward.least_aurc() <= forward.aurc() + 1e-12 && forward.aurc() <= 1.0);
        let last = forward.points(99).pop().expect("there is a point");
        prop_assert_eq!(last.coverage, 1.0);
    }
}

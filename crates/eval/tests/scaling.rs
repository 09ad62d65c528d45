//! Temperatures, slopes and intercepts against scipy (`reference/scaling.py` made `reference/scaling.json`), by hand where
//! there is little to learn from, and what holds for all logits.

mod coins;

use divvy_eval::{EvalError, Platt, Temperature};
use proptest::prelude::*;
use serde::Deserialize;

use coins::Coins;

#[derive(Deserialize)]
struct Reference {
    temperature: Vec<TemperatureCase>,
    platt: Vec<PlattCase>,
}

#[derive(Deserialize)]
struct TemperatureCase {
    name: String,
    classes: usize,
    logits: Vec<f32>,
    truth: Vec<usize>,
    temperature: f64,
    log_loss: f64,
}

#[derive(Deserialize)]
struct PlattCase {
    name: String,
    logits: Vec<f32>,
    truth: Vec<bool>,
    slope: f64,
    intercept: f64,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/scaling.json"))
        .expect("scaling.json is as scaling.py writes it")
}

fn assert_near(ours: f64, theirs: f64, tolerance: f64, place: &str) {
    assert!((ours - theirs).abs() <= tolerance * (1.0 + theirs.abs()), "{place}: {ours}, expected {theirs}");
}

fn softmax(row: &[f64]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = row.iter().map(|logit| (logit - largest).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.iter().map(|power| power / total).collect()
}

fn log_loss(logits: &[f32], classes: usize, truth: &[usize], temperature: f64) -> f64 {
    let of_row = |(row, &class): (&[f32], &usize)| {
        let scaled: Vec<f64> = row.iter().map(|&logit| f64::from(logit) / temperature).collect();
        -softmax(&scaled)[class].ln()
    };
    logits.chunks_exact(classes).zip(truth).map(of_row).sum::<f64>() / truth.len() as f64
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn temperatures_agree_with_scipy() {
    for case in reference().temperature {
        let ours = Temperature::fit(&case.logits, case.classes, &case.truth)
            .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        // The bottom of a loss is flat: half of its digits are what scipy can find.
        assert_near(ours.value(), case.temperature, 1e-7, &case.name);
        if case.name != "all right" {
            let loss = log_loss(&case.logits, case.classes, &case.truth, ours.value());
            assert_near(loss, case.log_loss, 1e-13, &case.name);
        }
    }
}

#[test]
fn slopes_and_intercepts_agree_with_scipy() {
    for case in reference().platt {
        let ours = Platt::fit(&case.logits, &case.truth).expect("the input is good");
        assert_near(ours.slope(), case.slope, 1e-6, &case.name);
        assert_near(ours.intercept(), case.intercept, 1e-6, &case.name);
    }
}

#[test]
fn a_temperature_by_hand() {
    // Three of four right where the odds say e² to 1: calibrated where they say 3 to 1.
    let logits = [2.0, 0.0].repeat(4);
    let found = Temperature::fit(&logits, 2, &[0, 0, 0, 1]).expect("the input is good");
    assert_near(found.value(), 2.0 / 3.0_f64.ln(), 1e-12, "three to one");
}

#[test]
fn a_temperature_where_nothing_went_wrong() {
    // The rule of succession: after two of two, 3 to 1 for the right class; half of the rest is its own share.
    let found = Temperature::fit(&[2.0, 0.0, 0.0, 2.0], 2, &[0, 1]).expect("the input is good");
    let right: f64 = 0.75 + 0.25 / 2.0;
    assert_near(found.value(), 2.0 / (right / (1.0 - right)).ln(), 1e-12, "seven to one");
    // One sample, and a tie that is right as much as wrong.
    for logits in [[9.0, 0.0, 0.0], [9.0, 9.0, 0.0]] {
        let found = Temperature::fit(&logits, 3, &[0]).expect("the input is good").value();
        assert!((0.001..=1000.0).contains(&found), "{found}");
    }
}

#[test]
fn a_temperature_where_nothing_can_be_learnt() {
    for (logits, truth) in [([1.5; 6], [0, 2]), ([0.0, 0.0, 0.0, 7.0, 7.0, 7.0], [1, 1])] {
        assert_eq!(Temperature::fit(&logits, 3, &truth), Ok(Temperature::default()));
    }
    // All wrong, and wrong on average: the less is said the better.
    assert_eq!(Temperature::fit(&[2.0, 0.0], 2, &[1]).map(Temperature::value), Ok(1000.0));
}

#[test]
fn a_slope_by_hand() {
    // 3 of 4 at one logit and 1 of 4 at the other.
    let truth = [true, true, true, false, true, false, false, false];
    let logits = [3.0, 3.0, 3.0, 3.0, 1.0, 1.0, 1.0, 1.0];
    let found = Platt::fit(&logits, &truth).expect("the input is good");
    assert_near(found.slope(), 3.0_f64.ln(), 1e-12, "slope");
    assert_near(found.intercept(), -2.0 * 3.0_f64.ln(), 1e-12, "intercept");
    assert!((sigmoid(found.apply(3.0).into()) - 0.75).abs() < 1e-7);
    // Parted, by targets of 3/4 and 1/4.
    let found = Platt::fit(&[3.0, 3.0, 1.0, 1.0], &[true, true, false, false]).expect("the input is good");
    assert_near(found.slope(), 3.0_f64.ln(), 1e-12, "parted");
}

#[test]
fn a_slope_where_little_can_be_learnt() {
    assert_eq!(Platt::fit(&[0.5, -2.0], &[true, true]), Ok(Platt::default()));
    assert_eq!(Platt::fit(&[0.5], &[false]), Ok(Platt::default()));
    // Equal logits: one of three.
    let found = Platt::fit(&[4.0; 3], &[true, false, false]).expect("the input is good");
    assert_eq!(found.slope(), 1.0);
    assert_near(found.intercept(), 0.5_f64.ln() - 4.0, 1e-12, "equal");
    // The wrong way round: as flat as may be, at the mean.
    let found = Platt::fit(&[-1.0, 1.0], &[true, false]).expect("the input is good");
    assert_eq!(found.slope(), 0.001);
    assert_near(found.intercept(), 0.0, 1e-12, "wrong way");
}

#[test]
fn numbers_that_cannot_scale() {
    for value in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = Temperature::new(value).expect_err("no temperature");
        assert!(matches!(error, EvalError::BadScaling { what: "temperature", .. }), "{error}");
        assert!(matches!(Platt::new(value, 0.0), Err(EvalError::BadScaling { what: "slope", .. })));
    }
    assert!(matches!(Platt::new(1.0, f64::NAN), Err(EvalError::BadScaling { what: "intercept", .. })));
    assert!(serde_json::from_str::<Temperature>("-2").is_err());
    assert!(serde_json::from_str::<Platt>(r#"{"slope":0,"intercept":1}"#).is_err());
    let platt = Platt::new(0.75, -1.5).expect("numbers");
    let json = serde_json::to_string(&platt).expect("a scaling serialises");
    assert_eq!(json, r#"{"slope":0.75,"intercept":-1.5}"#);
    assert_eq!(serde_json::from_str::<Platt>(&json).expect("written so"), platt);
    let temperature = Temperature::new(1.5).expect("a number");
    assert_eq!(serde_json::to_string(&temperature).expect("a number"), "1.5");
    assert_eq!(serde_json::from_str::<Temperature>("1.5").expect("written so"), temperature);
}

#[test]
fn logits_that_are_none() {
    assert_eq!(Temperature::fit(&[], 3, &[]), Err(EvalError::NoSamples));
    assert_eq!(Temperature::fit(&[1.0], 1, &[0]), Err(EvalError::TooFewClasses { needed: 2, found: 1 }));
    assert!(matches!(Temperature::fit(&[1.0; 3], 2, &[0]), Err(EvalError::Length { what: "logits", .. })));
    assert!(matches!(Temperature::fit(&[1.0; 2], 2, &[2]), Err(EvalError::ClassOutOfRange { .. })));
    assert!(matches!(Temperature::fit(&[1.0, f32::NAN], 2, &[0]), Err(EvalError::NotFinite { .. })));
    assert_eq!(Platt::fit(&[], &[]), Err(EvalError::NoSamples));
    assert!(matches!(Platt::fit(&[1.0], &[true, false]), Err(EvalError::Length { .. })));
    assert!(matches!(Platt::fit(&[f32::INFINITY], &[true]), Err(EvalError::NotFinite { .. })));
}

#[test]
fn what_was_too_sure_is_found_out() {
    // Classes drawn from the softmax of a third of the logits, of 4,000 samples.
    let mut coins = Coins(21);
    let (mut logits, mut truth) = (Vec::new(), Vec::new());
    for _ in 0..4000 {
        let row: Vec<f64> = (0..4).map(|_| 12.0 * (coins.next() - 0.5)).collect();
        let chances = softmax(&row.iter().map(|logit| logit / 3.0).collect::<Vec<_>>());
        let mut toss = coins.next();
        let drawn = chances.iter().position(|chance| {
            toss -= chance;
            toss < 0.0
        });
        truth.push(drawn.unwrap_or(3));
        logits.extend(row.iter().map(|&logit| logit as f32));
    }
    let found = Temperature::fit(&logits, 4, &truth).expect("the input is good").value();
    assert!((2.8..3.2).contains(&found), "{found}");
}

/// The number of classes, rows of logits of any scale, and true classes.
fn rows() -> impl Strategy<Value = (usize, Vec<f32>, Vec<usize>)> {
    (2_usize..5, 1_usize..20, -3_i32..30).prop_flat_map(|(classes, samples, exponent)| {
        let scale = 10.0_f32.powi(exponent);
        let logits = prop::collection::vec(
            (-4_i8..=4).prop_map(move |step| f32::from(step) * scale),
            classes * samples,
        );
        (Just(classes), logits, prop::collection::vec(0..classes, samples))
    })
}

proptest! {
    #[test]
    fn no_other_temperature_is_better((classes, logits, truth) in rows()) {
        let found = Temperature::fit(&logits, classes, &truth)?;
        prop_assert!((0.001..=1000.0).contains(&found.value()), "{found:?}");
        let all_right = logits.chunks_exact(classes).zip(&truth).all(|(row, &class)| {
            row.iter().all(|&logit| logit <= row[class])
        });
        let best = log_loss(&logits, classes, &truth, found.value());
        if !all_right && best.is_finite() {
            for factor in [0.5, 0.9, 0.999, 1.001, 1.1, 2.0] {
                let other = (found.value() * factor).clamp(0.001, 1000.0);
                prop_assert!(best <= log_loss(&logits, classes, &truth, other) * (1.0 + 1e-12), "{found:?}, {other}");
            }
        }
        let mut scaled = logits.clone();
        found.apply(&mut scaled);
        prop_assert!(scaled.iter().all(|logit| logit.is_finite()));
    }

    #[test]
    fn scaled_logits_scale_the_temperature((classes, logits, truth) in rows()) {
        let doubled: Vec<f32> = logits.iter().map(|logit| 2.0 * logit).collect();
        let (one, two) = (Temperature::fit(&logits, classes, &truth)?, Temperature::fit(&doubled, classes, &truth)?);
        let inside = |t: Temperature| 0.001 < t.value() && t.value() < 1000.0;
        if inside(one) && inside(two) && one != Temperature::default() {
            prop_assert!((two.value() / one.value() - 2.0).abs() < 1e-6, "{one:?} {two:?}");
        }
    }

    #[test]
    fn a_slope_is_finite_and_keeps_the_order(
        samples in prop::collection::vec((-4_i8..=4, any::<bool>()), 1..30), exponent in -3_i32..37,
    ) {
        let scale = 10.0_f32.powi(exponent);
        let logits: Vec<f32> = samples.iter().map(|(step, _)| f32::from(*step) * scale).collect();
        let truth: Vec<bool> = samples.iter().map(|(_, positive)| *positive).collect();
        let found = Platt::fit(&logits, &truth)?;
        prop_assert!((0.001..=1000.0).contains(&found.slope()) && found.intercept().is_finite(), "{found:?}");
        prop_assert!(found.apply(f32::MIN) <= found.apply(0.0) && found.apply(0.0) <= found.apply(f32::MAX));
        prop_assert!(found.apply(f32::MAX).is_finite());
    }
}

//! Temperatures, biases, slopes and intercepts against scipy (`reference/scaling.py` made `reference/scaling.json`), by hand where
//! there is little to learn from, and what holds for all logits.

mod coins;

use divvy_eval::{BiasedTemperature, EvalError, Platt};
use proptest::prelude::*;
use serde::Deserialize;

use coins::Coins;

#[derive(Deserialize)]
struct Reference {
    biased_temperature: Vec<TemperatureCase>,
    platt: Vec<PlattCase>,
}

#[derive(Deserialize)]
struct TemperatureCase {
    name: String,
    classes: usize,
    logits: Vec<f32>,
    truth: Vec<usize>,
    temperature: f64,
    biases: Vec<f64>,
    loss: f64,
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

/// The log loss, and what biases that are not 0 add to it.
fn loss(logits: &[f32], classes: usize, truth: &[usize], temperature: f64, biases: &[f64]) -> f64 {
    let n = truth.len() as f64;
    let of_row = |(row, &class): (&[f32], &usize)| {
        let scaled = row.iter().zip(biases).map(|(&logit, bias)| f64::from(logit) / temperature + bias);
        -softmax(&scaled.collect::<Vec<_>>())[class].ln()
    };
    let log_loss = logits.chunks_exact(classes).zip(truth).map(of_row).sum::<f64>() / n;
    log_loss + biases.iter().map(|bias| bias * bias).sum::<f64>() / (2.0 * 0.5 * 0.5 * n)
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn temperatures_and_biases_agree_with_scipy() {
    for case in reference().biased_temperature {
        let ours = BiasedTemperature::fit(&case.logits, case.classes, &case.truth)
            .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        // The bottom of a loss is flat: half of its digits are what scipy can find.
        assert_near(ours.temperature(), case.temperature, 1e-5, &case.name);
        for (our, their) in ours.biases().iter().zip(&case.biases) {
            assert_near(*our, *their, 1e-5, &case.name);
        }
        if case.name != "all right" {
            let found = loss(&case.logits, case.classes, &case.truth, ours.temperature(), ours.biases());
            assert!(found <= case.loss + 1e-13, "{}: {found}, expected {}", case.name, case.loss);
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
    // Three of four right, for either class, where the odds say e² to 1: calibrated where they say 3 to 1.
    let logits = [[2.0, 0.0].repeat(4), [0.0, 2.0].repeat(4)].concat();
    let found = BiasedTemperature::fit(&logits, 2, &[0, 0, 0, 1, 1, 1, 1, 0]).expect("the input is good");
    assert_near(found.temperature(), 2.0 / 3.0_f64.ln(), 1e-9, "three to one");
    assert!(found.biases().iter().all(|bias| bias.abs() < 1e-9), "{found:?}");
}

#[test]
fn biases_by_hand() {
    // Logits that say nothing, of samples of which three in four are of the first class. Half the log odds b, a bias of b and one of -b, which is where
    // the share that they give, 1 / (1 + e^-2b), lies below 3/4 by as much as pulls them back, b / (0.25 n).
    for n in [4, 40, 4000] {
        let truth: Vec<usize> = (0..n).map(|i| usize::from(i % 4 == 3)).collect();
        let found = BiasedTemperature::fit(&vec![1.5; 2 * n], 2, &truth).expect("the input is good");
        let [b, other] = found.biases() else { panic!("two classes") };
        assert_eq!(found.temperature(), 1.0);
        assert!((b + other).abs() < 1e-12, "{found:?}");
        assert_near(sigmoid(2.0 * b), 0.75 - b / (0.25 * n as f64), 1e-9, "pulled back");
    }
}

#[test]
fn a_temperature_where_nothing_went_wrong() {
    // The rule of succession: after two of two, 3 to 1 for the right class; half of the rest is its own share.
    let found = BiasedTemperature::fit(&[2.0, 0.0, 0.0, 2.0], 2, &[0, 1]).expect("the input is good");
    let right: f64 = 0.75 + 0.25 / 2.0;
    assert_near(found.temperature(), 2.0 / (right / (1.0 - right)).ln(), 1e-9, "seven to one");
    // One sample, and a tie that is right as much as wrong.
    for logits in [[9.0, 0.0, 0.0], [9.0, 9.0, 0.0]] {
        let found = BiasedTemperature::fit(&logits, 3, &[0]).expect("the input is good").temperature();
        assert!((0.001..=1000.0).contains(&found), "{found}");
    }
}

#[test]
fn a_temperature_where_nothing_can_be_learnt() {
    for (logits, truth) in [([1.5; 6], [0, 2]), ([0.0, 0.0, 0.0, 7.0, 7.0, 7.0], [1, 1])] {
        let found = BiasedTemperature::fit(&logits, 3, &truth).expect("the input is good");
        assert_eq!(found.temperature(), 1.0);
    }
    // All wrong, and wrong on average: the less is said the better.
    let found = BiasedTemperature::fit(&[2.0, 0.0, 0.0, 2.0], 2, &[1, 0]).expect("the input is good");
    assert_near(found.temperature(), 1000.0, 1e-12, "all wrong");
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
        assert!(matches!(Platt::new(value, 0.0), Err(EvalError::BadScaling { what: "slope", .. })));
    }
    assert!(matches!(Platt::new(1.0, f64::NAN), Err(EvalError::BadScaling { what: "intercept", .. })));
    assert!(serde_json::from_str::<Platt>(r#"{"slope":0,"intercept":1}"#).is_err());
    let platt = Platt::new(0.75, -1.5).expect("numbers");
    let json = serde_json::to_string(&platt).expect("a scaling serialises");
    assert_eq!(json, r#"{"slope":0.75,"intercept":-1.5}"#);
    assert_eq!(serde_json::from_str::<Platt>(&json).expect("written so"), platt);
}

#[test]
fn logits_that_are_none() {
    assert_eq!(BiasedTemperature::fit(&[], 3, &[]), Err(EvalError::NoSamples));
    assert_eq!(
        BiasedTemperature::fit(&[1.0], 1, &[0]),
        Err(EvalError::TooFewClasses { needed: 2, found: 1 })
    );
    assert!(matches!(
        BiasedTemperature::fit(&[1.0; 3], 2, &[0]),
        Err(EvalError::Length { what: "logits", .. })
    ));
    assert!(matches!(BiasedTemperature::fit(&[1.0; 2], 2, &[2]), Err(EvalError::ClassOutOfRange { .. })));
    assert!(matches!(BiasedTemperature::fit(&[1.0, f32::NAN], 2, &[0]), Err(EvalError::NotFinite { .. })));
    assert_eq!(Platt::fit(&[], &[]), Err(EvalError::NoSamples));
    assert!(matches!(Platt::fit(&[1.0], &[true, false]), Err(EvalError::Length { .. })));
    assert!(matches!(Platt::fit(&[f32::INFINITY], &[true]), Err(EvalError::NotFinite { .. })));
}

#[test]
fn what_was_too_sure_and_leaning_is_found_out() {
    // Classes drawn from the softmax of a third of the logits and biases, of 4,000 samples.
    const BIASES: [f64; 4] = [0.6, -0.2, 0.0, -0.4];
    let mut coins = Coins(21);
    let (mut logits, mut truth) = (Vec::new(), Vec::new());
    for _ in 0..4000 {
        let row: Vec<f64> = (0..4).map(|_| 12.0 * (coins.next() - 0.5)).collect();
        let chances =
            softmax(&row.iter().zip(BIASES).map(|(logit, bias)| logit / 3.0 + bias).collect::<Vec<_>>());
        let mut toss = coins.next();
        let drawn = chances.iter().position(|chance| {
            toss -= chance;
            toss < 0.0
        });
        truth.push(drawn.unwrap_or(3));
        logits.extend(row.iter().map(|&logit| logit as f32));
    }
    let found = BiasedTemperature::fit(&logits, 4, &truth).expect("the input is good");
    assert!((2.8..3.2).contains(&found.temperature()), "{found:?}");
    for (bias, drawn) in found.biases().iter().zip(BIASES) {
        assert!((bias - drawn).abs() < 0.15, "{found:?}");
    }
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
    fn no_other_scaling_is_better((classes, logits, truth) in rows(), moved in 0_usize..5) {
        let found = BiasedTemperature::fit(&logits, classes, &truth)?;
        let (temperature, biases) = (found.temperature(), found.biases());
        prop_assert!((0.001..=1000.0).contains(&temperature), "{found:?}");
        prop_assert!(biases.iter().sum::<f64>().abs() < 1e-9 && biases.iter().all(|bias| bias.is_finite()), "{found:?}");
        let all_right = logits.chunks_exact(classes).zip(&truth).all(|(row, &class)| {
            row.iter().all(|&logit| logit <= row[class])
        });
        let best = loss(&logits, classes, &truth, temperature, biases);
        if !all_right && best.is_finite() {
            let is_no_better = |other: f64| best <= other * (1.0 + 1e-9);
            for factor in [0.5, 0.9, 0.999, 1.001, 1.1, 2.0] {
                let other = (temperature * factor).clamp(0.001, 1000.0);
                prop_assert!(is_no_better(loss(&logits, classes, &truth, other, biases)), "{found:?}, {other}");
                let mut others = biases.to_vec();
                others[moved % classes] += factor - 0.95;
                prop_assert!(is_no_better(loss(&logits, classes, &truth, temperature, &others)), "{found:?}, {others:?}");
            }
        }
        let mut scaled = logits.clone();
        found.apply(&mut scaled);
        prop_assert!(scaled.iter().all(|logit| logit.is_finite()));
    }

    #[test]
    fn scaled_logits_scale_the_temperature((classes, logits, truth) in rows()) {
        let doubled: Vec<f32> = logits.iter().map(|logit| 2.0 * logit).collect();
        let fit = |logits: &[f32]| BiasedTemperature::fit(logits, classes, &truth);
        let (one, two) = (fit(&logits)?, fit(&doubled)?);
        let inside = |found: &BiasedTemperature| 0.00101 < found.temperature() && found.temperature() < 990.0;
        if inside(&one) && inside(&two) && one.temperature() != 1.0 {
            prop_assert!((two.temperature() / one.temperature() - 2.0).abs() < 1e-5, "{one:?} {two:?}");
            for (a, b) in one.biases().iter().zip(two.biases()) {
                prop_assert!((a - b).abs() < 1e-5, "{one:?} {two:?}");
            }
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

//! Novelty against crepes (`reference/cutting.py` made `reference/cutting.json`), by hand, and how often it gives false alarms.

mod coins;

use divvy_eval::{EvalError, Level, NoveltyScores};
use proptest::prelude::*;
use serde::Deserialize;

use coins::Coins;

#[derive(Deserialize)]
struct Reference {
    novelty: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    scores: Vec<f32>,
    new: Vec<f32>,
    p: Vec<f64>,
}

fn level(value: f64) -> Level {
    Level::new(value).expect("this is a level")
}

#[test]
fn p_values_agree_with_crepes() {
    let reference: Reference = serde_json::from_str(include_str!("reference/cutting.json"))
        .expect("cutting.json is as cutting.py writes it");
    assert!(reference.novelty.len() >= 2);
    for case in reference.novelty {
        let scores = NoveltyScores::new(case.scores).expect("the input is good");
        for (new, p) in case.new.iter().zip(&case.p) {
            assert!(
                (scores.p_value(*new) - p).abs() < 1e-12,
                "{new}: {}, expected {p}",
                scores.p_value(*new)
            );
            for rate in [0.05, 0.1, 0.25, 0.5] {
                if let Some(threshold) = scores.threshold(level(rate)) {
                    assert_eq!(threshold.is_novel(*new), *p <= rate + 1e-12, "{new} at {rate}");
                }
            }
        }
    }
}

#[test]
fn a_threshold_by_hand() {
    let scores = NoveltyScores::new((1..=19_u8).map(f32::from).collect()).expect("the input is good");
    // At 1 in 20 none of 19 may be as large, at 2 in 20 one.
    let threshold = |rate| scores.threshold(level(rate)).map(|threshold| threshold.threshold);
    assert_eq!((threshold(0.05), threshold(0.1), threshold(0.95)), (Some(19.0), Some(18.0), Some(1.0)));
    assert_eq!(threshold(0.049), None);
    let chosen = scores.threshold(level(0.1)).expect("there are enough samples");
    let report = chosen.on(&[17.0, 18.0, 19.0, 20.0]).expect("the input is good");
    assert_eq!((report.n, report.observed.value), (4, 0.5));
    let json = serde_json::to_value(report).expect("a report serialises");
    assert_eq!((&json["false_alarms"], &json["threshold"]), (&0.1.into(), &18.0.into()));
}

#[test]
fn scores_that_are_no_numbers() {
    assert_eq!(NoveltyScores::new(Vec::new()), Err(EvalError::NoSamples));
    assert!(matches!(NoveltyScores::new(vec![1.0, f32::NAN]), Err(EvalError::NotFinite { sample: 1, .. })));
    let scores = NoveltyScores::new(vec![1.0; 9]).expect("the input is good");
    let threshold = scores.threshold(level(0.1)).expect("there are enough samples");
    assert!(threshold.is_novel(f32::NAN) && threshold.is_novel(f32::INFINITY) && !threshold.is_novel(1.0));
    assert_eq!((scores.p_value(f32::NAN), scores.p_value(f32::INFINITY)), (0.1, 0.1));
    assert_eq!((scores.p_value(1.0), scores.p_value(f32::NEG_INFINITY)), (1.0, 1.0));
    assert_eq!(threshold.on(&[]), Err(EvalError::NoSamples));
    assert!(matches!(threshold.on(&[f32::NAN]), Err(EvalError::NotFinite { .. })));
}

#[test]
fn false_alarms_are_as_rare_as_asked_for() {
    let mut coins = Coins(61);
    // 0.1 of 29 + 1 are 3: the rate is met to the letter.
    let mut alarms = 0_u32;
    for _ in 0..2000 {
        let scores = NoveltyScores::new((0..29).map(|_| coins.next() as f32).collect()).expect("good input");
        let threshold = scores.threshold(level(0.1)).expect("there are enough samples");
        alarms += (0..20).map(|_| u32::from(threshold.is_novel(coins.next() as f32))).sum::<u32>();
    }
    let rate = f64::from(alarms) / 40_000.0;
    assert!((0.094..=0.106).contains(&rate), "{rate}");
}

proptest! {
    #[test]
    fn a_sample_is_novel_where_its_p_value_is_the_rate_or_less(
        scores in prop::collection::vec((0_u8..20).prop_map(f32::from), 1..60), new in 0_u8..22, rate in 0.001_f64..0.999,
    ) {
        let scores = NoveltyScores::new(scores)?;
        let p = scores.p_value(f32::from(new));
        match scores.threshold(level(rate)) {
            Some(threshold) => prop_assert_eq!(threshold.is_novel(f32::from(new)), p <= rate),
            None => prop_assert!(p > rate),
        }
    }
}

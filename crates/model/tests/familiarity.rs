//! How unlike pictures are, against scikit-learn (`reference/make.py` made `reference/familiarity.json`).

use std::collections::BTreeMap;

use divvy_model::{Familiarity, FamiliarityError};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    width: usize,
    groups: Vec<usize>,
    training: Vec<f32>,
    validation: Vec<f32>,
    asked: Vec<f32>,
    scores: Vec<f64>,
    p_values: Vec<f64>,
}

fn cases() -> BTreeMap<String, Case> {
    serde_json::from_str(include_str!("reference/familiarity.json"))
        .expect("the file is as make.py writes it")
}

impl Case {
    fn fit(&self) -> Familiarity {
        Familiarity::fit(&self.training, &self.groups, &self.validation, self.width)
            .expect("features that differ")
    }
}

#[test]
fn scores_and_p_values_are_those_of_scikit_learn() {
    for (name, case) in cases() {
        let known = case.fit();
        let scores = known.scores(&case.asked);
        assert_eq!(scores.len(), case.scores.len());
        for ((found, expected), p) in scores.iter().zip(&case.scores).zip(&case.p_values) {
            // Whitening and means are kept in single precision.
            assert!((found - expected).abs() <= 2e-5 * expected.max(1.0), "{name}: {found}, not {expected}");
            assert!((known.p_value(*found) - p).abs() < 1e-12, "{name}: {}, not {p}", known.p_value(*found));
        }
    }
}

#[test]
fn what_is_written_is_read_again_and_what_is_damaged_is_refused() {
    let known = cases()["one group"].fit();
    let text = serde_json::to_string(&known).unwrap();
    assert_eq!(serde_json::from_str::<Familiarity>(&text).unwrap(), known);
    let changed = |key: &str, value: serde_json::Value| {
        let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
        record[key] = value;
        serde_json::from_value::<Familiarity>(record).is_err()
    };
    assert!(!changed("reference", serde_json::json!([1.0, 2.0])));
    for (key, value) in [
        ("centre", serde_json::json!([])),
        ("centre", serde_json::json!([1.0, 2.0])),
        ("whitening", serde_json::json!([1.0])),
        ("means", serde_json::json!([1.0])),
        ("means", serde_json::json!([])),
        ("reference", serde_json::json!([2.0, 1.0])),
        ("reference", serde_json::json!([])),
        ("centre", serde_json::json!([1e300, 1.0, 1.0, 1.0])),
        ("reference", serde_json::json!(vec![1.0; 513])),
    ] {
        assert!(changed(key, value.clone()), "{key} as {value}");
    }
}

#[test]
fn what_cannot_be_learnt_from_is_refused() {
    let fit = Familiarity::fit;
    assert!(matches!(fit(&[1.0, 2.0, 3.0], &[0, 0], &[1.0, 2.0], 2), Err(FamiliarityError::Shape { .. })));
    assert!(matches!(fit(&[1.0, 2.0], &[0], &[1.0, 2.0], 2), Err(FamiliarityError::TooFew { .. })));
    assert!(matches!(fit(&[1.0, 2.0], &[0, 0], &[], 1), Err(FamiliarityError::TooFew { .. })));
    assert_eq!(fit(&[1.0, 1.0], &[0, 0], &[1.0], 1), Err(FamiliarityError::Degenerate));
    assert_eq!(fit(&[1.0, f32::NAN], &[0, 0], &[1.0], 1), Err(FamiliarityError::Degenerate));
    assert_eq!(fit(&[1.0, 2.0], &[0, 0], &[f32::INFINITY], 1), Err(FamiliarityError::Degenerate));
}

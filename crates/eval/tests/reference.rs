//! Every number of a report against scikit-learn and statsmodels (`reference/make.py` made `reference/values.json`).

use divvy_eval::{Answers, ExclusiveReport, Interval, MultiLabelReport};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Reference {
    exclusive: Vec<ExclusiveCase>,
    multi_label: Vec<MultiLabelCase>,
    wilson: Vec<WilsonCase>,
}

#[derive(Deserialize)]
struct ExclusiveCase {
    name: String,
    classes: Vec<String>,
    truth: Vec<usize>,
    #[serde(flatten)]
    answers: StoredAnswers,
    expected: Value,
}

/// One field is present, which tells the variants apart.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredAnswers {
    Probabilities { probabilities: Vec<f32> },
    PositiveProbabilities { positive_probabilities: Vec<f32>, threshold: f32 },
    Scores { scores: Vec<f32>, threshold: f32 },
    Decisions { decisions: Vec<usize> },
}

impl StoredAnswers {
    fn borrow(&self) -> Answers<'_> {
        match self {
            Self::Probabilities { probabilities } => Answers::Probabilities(probabilities),
            Self::PositiveProbabilities { positive_probabilities: probabilities, threshold } => {
                Answers::PositiveProbabilities { probabilities, threshold: *threshold }
            }
            Self::Scores { scores, threshold } => Answers::Scores { scores, threshold: *threshold },
            Self::Decisions { decisions } => Answers::Decisions(decisions),
        }
    }
}

#[derive(Deserialize)]
struct MultiLabelCase {
    name: String,
    labels: Vec<String>,
    truth: Vec<Vec<usize>>,
    probabilities: Vec<f32>,
    thresholds: Vec<f32>,
    expected: Value,
}

#[derive(Deserialize)]
struct WilsonCase {
    successes: usize,
    trials: usize,
    interval: [f64; 2],
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/values.json")).expect("values.json is as make.py writes it")
}

/// Same keys, same text, integers equal, other numbers equal to one part in a million of 1.
///
/// scikit-learn computes the log loss of float32 probabilities in float32, which leaves no more than that.
fn assert_agrees(ours: &Value, theirs: &Value, place: &str) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{place}");
            for (key, value) in a {
                assert_agrees(value, &b[key], &format!("{place}.{key}"));
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{place}");
            for (index, (x, y)) in a.iter().zip(b).enumerate() {
                assert_agrees(x, y, &format!("{place}[{index}]"));
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            let (x, y) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            assert!((x - y).abs() <= 1e-6 * y.abs().max(1.0), "{place}: {x}, expected {y}");
        }
        _ => assert_eq!(ours, theirs, "{place}"),
    }
}

#[test]
fn exclusive_reports_agree_with_scikit_learn() {
    let cases = reference().exclusive;
    assert!(cases.len() >= 10);
    for case in cases {
        let report = ExclusiveReport::new(&case.classes, &case.truth, case.answers.borrow())
            .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let ours = serde_json::to_value(&report).expect("a report serialises");
        assert_agrees(&ours, &case.expected, &case.name);
    }
}

#[test]
fn multi_label_reports_agree_with_scikit_learn() {
    let cases = reference().multi_label;
    assert!(cases.len() >= 3);
    for case in cases {
        let report = MultiLabelReport::new(&case.labels, &case.truth, &case.probabilities, &case.thresholds)
            .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let ours = serde_json::to_value(&report).expect("a report serialises");
        assert_agrees(&ours, &case.expected, &case.name);
    }
}

#[test]
fn wilson_intervals_agree_with_statsmodels() {
    for case in reference().wilson {
        let interval = Interval::wilson(case.successes, case.trials).expect("there are trials");
        for (ours, theirs) in [interval.low, interval.high].into_iter().zip(case.interval) {
            assert!((ours - theirs).abs() < 1e-12, "{}/{}: {ours}, {theirs}", case.successes, case.trials);
        }
    }
}

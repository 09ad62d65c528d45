//! Bad input is refused with a message that says what was found; what is undefined is null; a report reads well.

use divvy_eval::{
    Answers, ConfusionMatrix, EvalError, ExclusiveReport, Interval, MultiLabelReport, Ranking, Report,
};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn pair() -> Vec<String> {
    names(&["healthy", "spotted"])
}

fn refusal(classes: &[String], truth: &[usize], answers: Answers<'_>) -> EvalError {
    ExclusiveReport::new(classes, truth, answers).expect_err("this input is bad")
}

#[test]
fn no_samples() {
    for answers in [
        Answers::Probabilities(&[]),
        Answers::PositiveProbabilities { probabilities: &[], threshold: 0.5 },
        Answers::Scores { scores: &[], threshold: 0.5 },
        Answers::Decisions(&[]),
    ] {
        assert_eq!(refusal(&pair(), &[], answers), EvalError::NoSamples);
    }
    let none: [Vec<usize>; 0] = [];
    assert_eq!(MultiLabelReport::new(&pair(), &none, &[], &[0.5, 0.5]), Err(EvalError::NoSamples));
}

#[test]
fn too_few_classes() {
    let error = refusal(&names(&["only"]), &[0], Answers::Decisions(&[0]));
    assert_eq!(error, EvalError::TooFewClasses { needed: 2, found: 1 });
    let error = MultiLabelReport::new(&[], &[[]], &[], &[]).expect_err("no labels");
    assert_eq!(error, EvalError::TooFewClasses { needed: 1, found: 0 });
    assert_eq!(ConfusionMatrix::new(0, &[], &[]), Err(EvalError::TooFewClasses { needed: 1, found: 0 }));
}

#[test]
fn lengths_that_do_not_fit() {
    let error = refusal(&pair(), &[0, 1], Answers::Probabilities(&[0.5, 0.5, 1.0]));
    assert_eq!(error.to_string(), "found 3 probabilities, expected 4");
    let error = refusal(&pair(), &[0, 1], Answers::Scores { scores: &[0.5], threshold: 0.5 });
    assert_eq!(error.to_string(), "found 1 scores, expected 2");
    let error = refusal(&pair(), &[0, 1], Answers::Decisions(&[0]));
    assert_eq!(error.to_string(), "found 1 decisions, expected 2");
    let error =
        MultiLabelReport::new(&pair(), &[[0]], &[0.5, 0.5], &[0.5]).expect_err("one threshold of two");
    assert_eq!(error.to_string(), "found 1 thresholds, expected 2");
    assert!(matches!(Ranking::new(&[true], &[]), Err(EvalError::Length { .. })));
}

#[test]
fn indices_out_of_range() {
    let error = refusal(&pair(), &[0, 2], Answers::Decisions(&[0, 1]));
    assert_eq!(error.to_string(), "sample 1 has label 2, but the classes are numbered 0 to 1");
    let error = refusal(&pair(), &[0, 1], Answers::Decisions(&[7, 1]));
    assert_eq!(error.to_string(), "sample 0 has decision 7, but the classes are numbered 0 to 1");
    let error =
        MultiLabelReport::new(&pair(), &[[2]], &[0.5, 0.5], &[0.5, 0.5]).expect_err("two labels only");
    assert_eq!(error.to_string(), "sample 0 has label 2, but the classes are numbered 0 to 1");
}

#[test]
fn numbers_that_are_none() {
    let error = refusal(&pair(), &[0, 1], Answers::Probabilities(&[0.5, 0.5, f32::NAN, 1.0]));
    assert!(matches!(error, EvalError::NotFinite { sample: 1, .. }), "{error}");
    let error = refusal(&pair(), &[0, 1], Answers::Scores { scores: &[0.0, f32::INFINITY], threshold: 0.5 });
    assert_eq!(error, EvalError::NotFinite { sample: 1, value: f32::INFINITY });
    let error = refusal(&pair(), &[0], Answers::Scores { scores: &[0.0], threshold: f32::NAN });
    assert!(matches!(error, EvalError::BadThreshold { class: 1, .. }), "{error}");
    assert!(matches!(Ranking::new(&[true], &[f32::NAN]), Err(EvalError::NotFinite { sample: 0, .. })));
}

#[test]
fn logits_and_sigmoids_passed_off_as_probabilities() {
    let error = refusal(&pair(), &[0, 1], Answers::Probabilities(&[0.5, 0.5, 2.5, -1.5]));
    assert_eq!(error, EvalError::NotAProbability { sample: 1, class: 0, value: 2.5 });
    let error = refusal(&pair(), &[0], Answers::Probabilities(&[0.9, 0.8]));
    assert!(matches!(error, EvalError::NotNormalised { sample: 0, .. }), "{error}");
    let three = names(&["a", "b", "c"]);
    let error = refusal(&three, &[0], Answers::Scores { scores: &[0.0], threshold: 0.5 });
    assert_eq!(error, EvalError::NotTwoClasses { found: 3 });
}

#[test]
fn an_interval_needs_trials() {
    assert_eq!(Interval::wilson(0, 0), None);
    assert_eq!(Interval::wilson(2, 1), None);
}

#[test]
fn what_is_undefined_is_null_and_not_available() {
    let answers = Answers::PositiveProbabilities { probabilities: &[0.1, 0.2, 0.3], threshold: 0.5 };
    let report = ExclusiveReport::new(&pair(), &[0, 0, 0], answers).expect("the input is good");
    let json = serde_json::to_value(&report).expect("a report serialises");
    assert!(json["roc_auc"].is_null() && json["average_precision"].is_null());
    let spotted = &json["per_class"][1];
    assert!(["precision", "recall", "f1"].iter().all(|key| spotted[key].is_null()), "{spotted}");
    assert_eq!(json["balanced_accuracy"], 1.0);

    let text = report.to_string();
    assert!(text.contains("ROC AUC               n/a  positive class spotted\n"), "{text}");
    assert!(text.contains("spotted        n/a     n/a     n/a        0\n"), "{text}");
}

#[test]
fn a_correlation_needs_two_classes_on_both_sides() {
    let mcc = |truth: &[usize], decided: &[usize]| {
        let matrix = ConfusionMatrix::new(3, truth, decided).expect("the input is good");
        matrix.mcc()
    };
    assert_eq!(mcc(&[0, 0, 0], &[0, 1, 2]), None);
    assert_eq!(mcc(&[0, 1, 2], &[1, 1, 1]), None);
    assert_eq!(mcc(&[], &[]), None);
    assert_eq!(mcc(&[0, 1, 2, 2], &[0, 1, 2, 2]), Some(1.0));
    assert_eq!(mcc(&[0, 1], &[1, 0]), Some(-1.0));
}

#[test]
fn macro_f1_leaves_out_what_neither_occurs_nor_was_predicted() {
    let report =
        ExclusiveReport::new(&names(&["a", "b", "c", "d"]), &[0, 0, 1], Answers::Decisions(&[0, 3, 1]))
            .expect("the input is good");
    // By hand: 2/3, 1, undefined, 0.
    assert_eq!(report.f1_macro, Some((2.0 / 3.0 + 1.0 + 0.0) / 3.0));
}

#[test]
fn a_score_at_the_threshold_decides_for_the_positive_class() {
    let scores = &[0.25, 0.5];
    for answers in [
        Answers::Scores { scores, threshold: 0.5 },
        Answers::PositiveProbabilities { probabilities: scores, threshold: 0.5 },
    ] {
        let report = ExclusiveReport::new(&pair(), &[0, 1], answers).expect("the input is good");
        assert_eq!(report.accuracy, 1.0);
    }
}

#[test]
fn metrics_of_two_classes_are_left_out_for_three() {
    let report = ExclusiveReport::new(&names(&["a", "b", "c"]), &[0, 1, 2], Answers::Decisions(&[0, 1, 1]))
        .expect("the input is good");
    let json = serde_json::to_value(Report::from(report)).expect("a report serialises");
    assert_eq!(json["task"], "multi-class");
    assert!(json.get("roc_auc").is_none() && json.get("positive_class").is_none());
    assert!(json["log_loss"].is_null());
}

#[test]
fn a_report_reads_as_a_table() {
    let probabilities = [0.75, 0.25, 0.75, 0.25, 0.25, 0.75, 0.75, 0.25];
    let report = ExclusiveReport::new(&pair(), &[0, 0, 1, 1], Answers::Probabilities(&probabilities))
        .expect("the input is good");
    // By hand: 3 of 4 right; AUC: of 4 pairs 2 won and 2 tied; AP: 1/2 · 1 + 1/2 · 2/4; loss: (3 ln 4/3 + ln 4) / 4.
    let expected = "\
binary, 2 classes, 4 samples

accuracy           0.7500  95% interval 0.3006 to 0.9544
majority baseline  0.5000
balanced accuracy  0.7500
MCC                0.5774  Matthews correlation
log loss           0.5623
ROC AUC            0.7500  positive class spotted
average precision  0.7500  positive class spotted

class    precision  recall      f1  support
healthy     0.6667  1.0000  0.8000        2
spotted     1.0000  0.5000  0.6667        2

confusion: a row a true class, a column a predicted one
         healthy  spotted
healthy        2        0
spotted        1        1
";
    assert_eq!(report.to_string(), expected);
}

#[test]
fn many_classes_list_the_commonest_mistakes() {
    let classes: Vec<String> = (0..20).map(|index| format!("kind {index}")).collect();
    let truth: Vec<usize> = (0..20).chain([1, 3, 3]).collect();
    let decided: Vec<usize> = (0..20).chain([2, 4, 4]).collect();
    let report =
        ExclusiveReport::new(&classes, &truth, Answers::Decisions(&decided)).expect("the input is good");
    let expected = "\
commonest mistakes
true class  taken for  samples
kind 3         kind 4        2
kind 1         kind 2        1
";
    assert!(report.to_string().ends_with(expected), "{report}");
}

#[test]
fn a_multi_label_report_reads_as_a_table() {
    let labels = names(&["red", "dress"]);
    let truth = [vec![0], vec![0, 1], vec![]];
    let probabilities = [0.75, 0.25, 0.75, 0.25, 0.25, 0.25];
    let report =
        MultiLabelReport::new(&labels, &truth, &probabilities, &[0.5, 0.5]).expect("the input is good");
    // By hand: "dress" is missed once; the third sample has no label, is given none and has no F1. No set of labels occurs twice.
    let expected = "\
multi-label, 2 labels, 3 samples

F1, mean of labels      0.5000  macro
F1, all decisions       0.8000  micro
F1, mean of samples     0.8333
mean average precision  0.6667
exact match             0.6667  95% interval 0.2077 to 0.9385
majority baseline       0.3333  of the exact match
balanced accuracy       0.7500  mean of labels
Hamming loss            0.1667
log loss                0.4708

label  precision  recall      f1      AP  support
red       1.0000  1.0000  1.0000  1.0000        2
dress        n/a  0.0000  0.0000  0.3333        1
";
    assert_eq!(Report::from(report).to_string(), expected);
}

#[test]
fn the_positive_class_can_be_the_first() {
    let classes = names(&["healthy", "spotted"]);
    let truth = [0, 0, 1, 1, 1];
    let answers =
        Answers::PositiveProbabilities { probabilities: &[0.1, 0.6, 0.7, 0.4, 0.9], threshold: 0.5 };
    let second = ExclusiveReport::new(&classes, &truth, answers).expect("the input is good");
    let first = second.clone().with_positive(0, &truth, answers).expect("the input is good");
    let (of_second, of_first) = (second.binary.clone().unwrap(), first.binary.clone().unwrap());
    assert_eq!((of_first.positive_class.as_str(), of_second.positive_class.as_str()), ("healthy", "spotted"));
    // Of six pairs of one each, all but 0.6 against 0.4 are in order, whichever of the two is looked for.
    assert_eq!((of_first.roc_auc, of_second.roc_auc), (Some(5.0 / 6.0), Some(5.0 / 6.0)));
    // By hand, from the surest on: healthy are 0.1 and 0.6 (ranks 1 and 3), spotted 0.9, 0.7 and 0.4 (ranks 1, 2 and 4).
    let close =
        |found: Option<f64>, wanted: f64| assert!((found.unwrap() - wanted).abs() < 1e-12, "{found:?}");
    close(of_first.average_precision, f64::midpoint(1.0, 2.0 / 3.0));
    close(of_second.average_precision, (1.0 + 1.0 + 3.0 / 4.0) / 3.0);
    assert_eq!(ExclusiveReport { binary: first.binary.clone(), ..second }, first, "nothing else changes");
    let out_of_range = first.with_positive(2, &truth, answers);
    assert!(matches!(out_of_range, Err(EvalError::ClassOutOfRange { index: 2, .. })));
}

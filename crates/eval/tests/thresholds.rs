//! Thresholds against scikit-learn (`reference/thresholds.py` made `reference/thresholds.json`), by hand, and how often their
//! intervals cover the truth.

mod coins;

use divvy_eval::{Aim, AimError, Cost, CutScores, Estimate, EvalError, ThresholdCurve};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use coins::Coins;

#[derive(Deserialize)]
struct Reference {
    choices: Vec<Case>,
    newcombe: Vec<NewcombeCase>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    truth: Vec<u8>,
    scores: Vec<f32>,
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    aim: String,
    reached: bool,
    counts: [usize; 4],
    accuracy: [f64; 3],
    precision: [f64; 3],
    recall: [f64; 3],
    specificity: [f64; 3],
    f1: [f64; 3],
    youden: [f64; 3],
    #[serde(rename = "cost_2_and_7.5")]
    cost: [f64; 3],
}

#[derive(Deserialize)]
struct NewcombeCase {
    counts: [usize; 4],
    interval: [f64; 2],
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/thresholds.json"))
        .expect("thresholds.json is as thresholds.py writes it")
}

fn assert_agrees(ours: Option<Estimate>, theirs: [f64; 3], place: &str) {
    let ours = ours.unwrap_or_else(|| panic!("{place}: undefined, expected {theirs:?}"));
    for (ours, theirs) in [ours.value, ours.ci95.low, ours.ci95.high].into_iter().zip(theirs) {
        assert!((ours - theirs).abs() < 1e-9, "{place}: {ours}, expected {theirs}");
    }
}

fn counts(scores: &CutScores) -> [usize; 4] {
    [scores.true_positives, scores.false_positives, scores.false_negatives, scores.true_negatives]
}

fn aim(text: &str) -> Aim {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn cost(value: f64) -> Cost {
    Cost::new(value).expect("this is a cost")
}

/// Samples of which so many are true positives, false positives, false negatives and true negatives at 0.5.
fn samples([tp, fp, fn_, tn]: [usize; 4]) -> (Vec<bool>, Vec<f32>) {
    let kinds = [(true, 1.0, tp), (false, 1.0, fp), (true, 0.0, fn_), (false, 0.0, tn)];
    kinds.into_iter().flat_map(|(truth, score, count)| vec![(truth, score); count]).unzip()
}

fn cut(counts: [usize; 4]) -> CutScores {
    let (truth, scores) = samples(counts);
    CutScores::at(0.5, &truth, &scores).expect("the input is good")
}

#[test]
fn choices_agree_with_scikit_learn() {
    let cases = reference().choices;
    assert!(cases.len() >= 5);
    for case in cases {
        let truth: Vec<bool> = case.truth.iter().map(|&truth| truth == 1).collect();
        let curve = ThresholdCurve::new(&truth, &case.scores).expect("the input is good");
        for expected in case.choices {
            let place = format!("{}, {}", case.name, expected.aim);
            let choice = curve.choose(aim(&expected.aim)).expect("both classes occur");
            assert_eq!((choice.aim.to_string(), choice.reached), (expected.aim, expected.reached), "{place}");
            let scores = choice.chosen_on.scores;
            assert_eq!(counts(&scores), expected.counts, "{place}");
            assert_agrees(scores.accuracy, expected.accuracy, &place);
            assert_agrees(scores.precision, expected.precision, &place);
            assert_agrees(scores.recall, expected.recall, &place);
            assert_agrees(scores.specificity, expected.specificity, &place);
            assert_agrees(scores.f1, expected.f1, &place);
            assert_agrees(scores.youden, expected.youden, &place);
            assert_agrees(scores.mean_cost(cost(2.0), cost(7.5)), expected.cost, &place);
            // The threshold itself does what the choice says of it.
            let again = choice.on(&truth, &case.scores).expect("the input is good");
            assert_eq!(again, choice.chosen_on, "{place}");
        }
    }
}

#[test]
fn differences_of_shares_agree_with_statsmodels() {
    for NewcombeCase { counts: [a, m, b, n], interval: [low, high] } in reference().newcombe {
        let difference = a as f64 / m as f64 - b as f64 / n as f64;
        let place = format!("{a}/{m} - {b}/{n}");
        assert_agrees(cut([a, b, m - a, n - b]).youden, [difference, low, high], &place);
    }
}

#[test]
fn classes_that_are_apart_are_parted_half_way() {
    let truth = [true, true, false, false];
    let curve = ThresholdCurve::new(&truth, &[0.875, 0.75, 0.25, 0.125]).expect("the input is good");
    for text in ["f1", "youden", "cost", "precision=0.9", "recall=0.95"] {
        let choice = curve.choose(aim(text)).expect("both classes occur");
        assert_eq!((choice.threshold, choice.reached), (0.5, true), "{text}");
    }
}

#[test]
fn costs_move_the_threshold() {
    // From the top: +, +, -, +, -, -.
    let truth = [true, true, false, true, false, false];
    let curve = ThresholdCurve::new(&truth, &[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]).expect("the input is good");
    let choose = |false_positive, false_negative| {
        let aim = Aim::Cost { false_positive: cost(false_positive), false_negative: cost(false_negative) };
        curve.choose(aim).expect("there are samples")
    };
    // To miss one costs 2, to take one too many 1; then the other way round.
    let (eager, wary) = (choose(1.0, 2.0), choose(2.0, 1.0));
    assert_eq!(counts(&eager.chosen_on.scores), [3, 1, 0, 2]);
    assert_eq!(counts(&wary.chosen_on.scores), [2, 0, 1, 3]);
    assert_eq!(eager.chosen_on.sought.map(|cost| cost.value), Some(1.0 / 6.0));
    // Nothing is positive where false alarms alone cost, everything where none does.
    assert_eq!(counts(&choose(1.0, 0.0).chosen_on.scores), [0, 0, 3, 3]);
    assert_eq!(counts(&choose(0.0, 1.0).chosen_on.scores)[0], 3);
}

#[test]
fn an_aim_out_of_reach_gets_the_best_that_can_be_had() {
    let truth = [false, true, true, false];
    let curve = ThresholdCurve::new(&truth, &[0.9, 0.8, 0.7, 0.1]).expect("the input is good");
    let choice = curve.choose(aim("precision=0.9")).expect("both classes occur");
    assert!(!choice.reached);
    assert_eq!(choice.chosen_on.sought.map(|precision| precision.value), Some(2.0 / 3.0));
    let json = serde_json::to_value(&choice).expect("a choice serialises");
    assert_eq!(json["aim"], json!({ "precision": 0.9 }));
    assert_eq!(json["chosen_on"]["true_positives"], 2);
    assert!(json["chosen_on"]["precision"]["ci95"][0].is_number());
}

#[test]
fn a_choice_is_judged_on_other_samples() {
    let curve = ThresholdCurve::new(&[true, false], &[0.75, 0.25]).expect("the input is good");
    let choice = curve.choose(aim("recall=0.9")).expect("both classes occur");
    let judged = choice.on(&[true, true, false], &[0.5, 0.4, 0.6]).expect("the input is good");
    assert_eq!(counts(&judged.scores), [1, 1, 1, 0]);
    assert_eq!(judged.sought.map(|recall| recall.value), Some(0.5));
    // Without positive samples there is no recall, and no error either.
    assert_eq!(choice.on(&[false], &[0.5]).expect("the input is good").sought, None);
    assert_eq!(choice.on(&[], &[]), Err(EvalError::NoSamples));
    assert!(matches!(choice.on(&[true], &[f32::NAN]), Err(EvalError::NotFinite { .. })));
}

#[test]
fn samples_of_one_class_tell_nothing() {
    let negatives = ThresholdCurve::new(&[false, false], &[0.1, 0.9]).expect("the input is good");
    for text in ["precision=0.5", "recall=0.5", "f1", "youden"] {
        assert_eq!(negatives.choose(aim(text)), None, "{text}");
    }
    let positives = ThresholdCurve::new(&[true, true], &[0.1, 0.9]).expect("the input is good");
    assert_eq!(positives.choose(aim("youden")), None);
    assert!(positives.choose(aim("f1")).is_some_and(|choice| choice.threshold <= 0.1));
    assert_eq!(ThresholdCurve::new(&[], &[]).map(|_| ()), Err(EvalError::NoSamples));
    assert!(matches!(ThresholdCurve::new(&[true], &[]), Err(EvalError::Length { .. })));
}

#[test]
fn aims_as_they_are_typed() {
    for text in ["cost", "precision=0.9", "recall=0.95", "f1", "youden"] {
        assert_eq!(aim(text).to_string(), text);
    }
    assert_eq!(aim(" recall = 0.5 "), aim("recall=0.5"));
    for text in ["", "f2", "f1=1", "cost=5", "F1", "youden=", "=0.9", "precision:0.9"] {
        assert!(matches!(text.parse::<Aim>(), Err(AimError::Unknown { .. })), "{text}");
    }
    for text in
        ["precision", "precision=", "recall=1", "recall=0", "recall=95%", "precision=NaN", "recall=-1"]
    {
        assert!(matches!(text.parse::<Aim>(), Err(AimError::Level { .. })), "{text}");
    }
    assert_eq!(
        "recall=95".parse::<Aim>().expect_err("95 is no share").to_string(),
        "the aim `recall` asks for a share: `95` is no share that can be held to; give a number between 0 and 1, such as 0.95"
    );
}

#[test]
fn a_curve_for_drawing_is_thin_and_has_both_ends() {
    let scores: Vec<f32> = (0..1000_u16).map(|sample| f32::from(sample) / 1000.0).collect();
    let truth: Vec<bool> = (0..1000).map(|sample| sample > 600).collect();
    let curve = ThresholdCurve::new(&truth, &scores).expect("the input is good");
    let points = curve.points(50);
    assert_eq!(points.len(), 50);
    assert_eq!((points[0].recall, points[0].precision), (Some(0.0), None));
    assert_eq!((points[49].recall, points[49].specificity), (Some(1.0), Some(0.0)));
    assert!(points.windows(2).all(|pair| pair[0].threshold > pair[1].threshold));
    assert_eq!(curve.points(usize::MAX).len(), 1001);
    assert_eq!((curve.points(0).len(), curve.points(1).len()), (0, 1));
}

/// The share of 2,000 truths that lie in the interval of `estimate`, where a sample is a true positive, a false positive and a false
/// negative with chances drawn anew each time.
fn coverage(
    seed: u64,
    truth: impl Fn([f64; 3]) -> f64,
    estimate: impl Fn(CutScores) -> Option<Estimate>,
) -> f64 {
    let mut coins = Coins(seed);
    let covered = (0..2000)
        .filter(|_| {
            let (positive, recall) = (0.2 + 0.6 * coins.next(), 0.5 + 0.45 * coins.next());
            let alarms = 0.02 + 0.3 * coins.next();
            let chances = [positive * recall, (1.0 - positive) * alarms, positive * (1.0 - recall)];
            let mut counts = [0; 4];
            for _ in 0..60 + (coins.next() * 200.0) as usize {
                let toss = coins.next();
                let [tp, fp, fn_] = chances;
                let kind = [tp, tp + fp, tp + fp + fn_].iter().filter(|&&end| toss >= end).count();
                counts[kind] += 1;
            }
            let truth = truth(chances);
            estimate(cut(counts)).is_some_and(|found| found.ci95.low <= truth && truth <= found.ci95.high)
        })
        .count();
    covered as f64 / 2000.0
}

#[test]
fn intervals_cover_the_truth_as_often_as_they_say() {
    let shares = [
        ("precision", coverage(31, |[tp, fp, _]| tp / (tp + fp), |cut| cut.precision)),
        ("f1", coverage(32, |[tp, fp, fn_]| 2.0 * tp / (2.0 * tp + fp + fn_), |cut| cut.f1)),
        ("youden", coverage(33, |[tp, fp, fn_]| tp / (tp + fn_) - fp / (1.0 - tp - fn_), |cut| cut.youden)),
        ("cost", coverage(34, |[_, fp, fn_]| fp + 5.0 * fn_, |cut| cut.mean_cost(Cost::ONE, cost(5.0)))),
        ("mistakes", coverage(35, |[_, fp, fn_]| fp + fn_, |cut| cut.mean_cost(Cost::ONE, Cost::ONE))),
    ];
    for (name, share) in shares {
        assert!((0.93..=0.97).contains(&share), "{name}: covered {share} of the truths");
    }
}

#[test]
fn equal_costs_have_the_interval_of_the_share_of_mistakes() {
    let scores = cut([50, 3, 7, 40]);
    let mistakes = Estimate::of_share(10, 100).expect("there are samples");
    assert_eq!(scores.mean_cost(Cost::ONE, Cost::ONE), Some(mistakes));
}

#[test]
fn the_largest_score_has_no_threshold_above_it() {
    let curve = ThresholdCurve::new(&[false, true], &[f32::MAX, f32::MIN]).expect("the input is good");
    assert!(curve.points(9).iter().all(|point| point.threshold.is_finite()));
    assert!(curve.choose(aim("f1")).is_some());
}

proptest! {
    #[test]
    fn no_threshold_does_better(
        samples in prop::collection::vec((any::<bool>(), 0_u8..12), 1..40),
        false_positive in 0_u8..5, false_negative in 0_u8..5,
    ) {
        let (truth, scores): (Vec<bool>, Vec<f32>) =
            samples.into_iter().map(|(truth, score)| (truth, f32::from(score) / 11.0)).unzip();
        let costs = [cost(false_positive.into()), cost(false_negative.into())];
        let aim = Aim::Cost { false_positive: costs[0], false_negative: costs[1] };
        let choice = ThresholdCurve::new(&truth, &scores)?.choose(aim).expect("there are samples");
        let found = choice.chosen_on.sought.expect("there are samples").value;
        for step in 0_u8..=24 {
            let other = CutScores::at(f32::from(step) / 22.0, &truth, &scores)?.mean_cost(costs[0], costs[1]);
            prop_assert!(found <= other.expect("there are samples").value + 1e-12);
        }
        for scores in [CutScores::at(choice.threshold, &truth, &scores)?, choice.chosen_on.scores] {
            for found in [scores.accuracy, scores.precision, scores.recall, scores.f1].into_iter().flatten() {
                prop_assert!(0.0 <= found.ci95.low && found.ci95.low <= found.value);
                prop_assert!(found.value <= found.ci95.high && found.ci95.high <= 1.0);
            }
        }
    }
}

//! Costs of mistakes: how they are typed, what is decided by them, and how sure what they save is, by definition (`reference/thresholds.py`
//! made `reference/thresholds.json`) and by simulation.

mod coins;

use divvy_eval::{Aim, Cost, CostError, CostMatrix, CostReport, EvalError, Interval};
use proptest::prelude::*;
use serde::Deserialize;

use coins::Coins;

#[derive(Deserialize)]
struct Reference {
    saved: Vec<SavedCase>,
}

#[derive(Deserialize)]
struct SavedCase {
    cost: f64,
    gains: usize,
    losses: usize,
    n: usize,
    saved: [f64; 3],
}

fn names<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

fn parse(classes: &[String], stated: &[&str]) -> CostMatrix {
    CostMatrix::parse(classes, stated).unwrap_or_else(|error| panic!("{stated:?}: {error}"))
}

fn refusal(classes: &[String], stated: &[&str]) -> CostError {
    CostMatrix::parse(classes, stated).expect_err("these are no costs")
}

#[test]
fn costs_as_they_are_typed() {
    let classes = names(["healthy", "spotted", "dead leaf"]);
    let costs =
        parse(&classes, &["spotted->healthy=5", " dead leaf -> spotted = 2.5 ", "healthy->spotted=0"]);
    let all: Vec<f64> = (0..9).map(|pair| costs.cost(pair / 3, pair % 3)).collect();
    assert_eq!(all, [0.0, 0.0, 1.0, 5.0, 0.0, 1.0, 1.0, 2.5, 0.0]);
    // Names with arrows and equals signs in them.
    let odd = names(["a", "a->b", "c=d"]);
    assert_eq!(parse(&odd, &["a->b->a=3"]).cost(1, 0), 3.0);
    assert_eq!(parse(&odd, &["c=d->a->b=4"]).cost(2, 1), 4.0);
}

#[test]
fn costs_that_are_none() {
    let classes = names(["healthy", "spotted"]);
    for text in ["", "spotted", "spotted->healthy", "spotted=5", "spotted>healthy=5"] {
        assert!(matches!(refusal(&classes, &[text]), CostError::Form { .. }), "{text}");
    }
    for cost in ["", "-1", "NaN", "inf", "five", "2e9", "5,5"] {
        let text = format!("spotted->healthy={cost}");
        assert!(matches!(refusal(&classes, &[&text]), CostError::Cost { .. }), "{text}");
    }
    for text in ["spoted->healthy=5", "->healthy=5", "spotted->=5", "healthy->spotted->healthy=5"] {
        assert!(matches!(refusal(&classes, &[text]), CostError::UnknownGroup { .. }), "{text}");
    }
    assert_eq!(
        refusal(&classes, &["spoted->healthy=5"]).to_string(),
        "`spoted->healthy=5` names a group that there is not; the groups are healthy, spotted"
    );
    assert!(matches!(refusal(&classes, &["healthy->healthy=1"]), CostError::NoMistake { .. }));
    assert!(matches!(
        refusal(&classes, &["spotted->healthy=5", "spotted -> healthy=5"]),
        CostError::Twice { .. }
    ));
    let odd = names(["a", "a->b", "b->c", "c"]);
    assert!(matches!(refusal(&odd, &["a->b->c=1"]), CostError::Ambiguous { .. }));
    let many: Vec<String> = (0..1000).map(|group| format!("g{group}")).collect();
    let told = refusal(&many, &["x->y=1"]).to_string();
    assert!(told.ends_with("g19 and 980 more"), "{told}");
}

#[test]
fn two_classes_make_the_aim_of_a_threshold() {
    let costs = parse(&names(["healthy", "spotted"]), &["spotted->healthy=5"]);
    let cost = |value| Cost::new(value).expect("this is a cost");
    assert_eq!(costs.aim(1), Some(Aim::Cost { false_positive: Cost::ONE, false_negative: cost(5.0) }));
    assert_eq!(costs.aim(0), Some(Aim::Cost { false_positive: cost(5.0), false_negative: Cost::ONE }));
    assert_eq!(costs.aim(2), None);
    assert_eq!(parse(&names(["a", "b", "c"]), &[]).aim(1), None);
}

#[test]
fn decisions_by_hand() {
    let costs = parse(&names(["a", "b", "c"]), &["a->b=10", "c->a=0.5"]);
    // Expected: a: 0.2 + 0.5 · 0.3, b: 10 · 0.5 + 0.3, c: 0.5 + 0.2.
    assert_eq!(costs.decide(&[0.5, 0.2, 0.3]), 0);
    // a: 0.6 + 0.5 · 0.2, b: 10 · 0.2 + 0.2, c: 0.2 + 0.6.
    assert_eq!(costs.decide(&[0.2, 0.6, 0.2]), 0);
    // Equal costs: the likeliest.
    let free = parse(&names(["a", "b"]), &["a->b=0", "b->a=0"]);
    assert_eq!((free.decide(&[0.25, 0.75]), free.decide(&[0.5, 0.5])), (1, 0));
}

#[test]
fn a_report_by_hand() {
    let costs = parse(&names(["healthy", "spotted"]), &["spotted->healthy=5"]);
    let truth = [0, 0, 1, 1];
    // Decided for spotted from 1/6 on: the second, third and fourth.
    let rows = [0.9, 0.1, 0.7, 0.3, 0.75, 0.25, 0.1, 0.9];
    let report = costs.report(&truth, &rows).expect("the input is good");
    assert_eq!((report.n, report.changed, report.accuracy.value), (4, 2, 0.75));
    assert_eq!((report.mean_cost.value, report.likeliest_mean_cost.value), (0.25, 1.25));
    assert_eq!(report.saved.map(|saved| saved.value), Some(1.0));
    assert!(serde_json::to_value(report).expect("a report serialises")["saved"]["ci95"][1].is_number());

    // Nothing went wrong, which does not mean that nothing ever will; nothing is decided otherwise.
    let report = costs.report(&[0, 1], &[1.0, 0.0, 0.0, 1.0]).expect("the input is good");
    assert_eq!((report.mean_cost.value, report.mean_cost.ci95.low), (0.0, 0.0));
    assert!(report.mean_cost.ci95.high > 1.0, "{report:?}");
    assert_eq!((report.changed, report.saved), (0, None));

    assert_eq!(costs.report(&[], &[]), Err(EvalError::NoSamples));
    assert!(matches!(costs.report(&[2], &[0.5, 0.5]), Err(EvalError::ClassOutOfRange { .. })));
    assert!(matches!(costs.report(&[0], &[0.5]), Err(EvalError::Length { .. })));
}

#[test]
fn what_is_saved_has_the_interval_of_its_definition() {
    let reference: Reference = serde_json::from_str(include_str!("reference/thresholds.json"))
        .expect("thresholds.json is as thresholds.py writes it");
    assert!(reference.saved.len() >= 4);
    for case in reference.saved {
        let costs = parse(&names(["a", "b"]), &[&format!("b->a={}", case.cost)]);
        // Decided for b by its cost, though a is likelier; the rest is sure to be a.
        let doubtful = case.gains + case.losses;
        let truth: Vec<usize> = (0..case.n).map(|sample| usize::from(sample < case.gains)).collect();
        let rows: Vec<f32> =
            (0..case.n).flat_map(|sample| if sample < doubtful { [0.6, 0.4] } else { [1.0, 0.0] }).collect();
        let report = costs.report(&truth, &rows).expect("the input is good");
        assert_eq!(report.changed, doubtful);
        let saved = report.saved.expect("some are decided otherwise");
        for (ours, theirs) in [saved.value, saved.ci95.low, saved.ci95.high].into_iter().zip(case.saved) {
            assert!((ours - theirs).abs() < 1e-9, "{saved:?}, expected {:?}", case.saved);
        }
    }
}

#[test]
fn intervals_of_costs_cover_the_truth_as_often_as_they_say() {
    let classes = names(["a", "b", "c"]);
    let costs = parse(&classes, &["b->a=6", "c->a=3"]);
    let kinds = [[0.9_f32, 0.06, 0.04], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.1, 0.7]];
    // What a sample of each kind costs on average, and would if its likeliest class were decided for.
    let decided = kinds.map(|row| costs.decide(&row));
    let expected = |row: &[f32; 3], decided: usize| -> f64 {
        (0..3).map(|truth| f64::from(row[truth]) * costs.cost(truth, decided)).sum()
    };
    let mean_cost: f64 = kinds.iter().zip(decided).map(|(row, decided)| expected(row, decided) / 4.0).sum();
    let likeliest: f64 = kinds.iter().zip([0, 0, 1, 2]).map(|(row, class)| expected(row, class) / 4.0).sum();
    assert!(likeliest > mean_cost + 0.1);
    let mut coins = Coins(41);
    let mut covered = [0_u32; 3];
    for _ in 0..2000 {
        let n = 80 + (coins.next() * 200.0) as usize;
        let mut rows = Vec::new();
        let mut truth = Vec::new();
        for _ in 0..n {
            let row = kinds[(coins.next() * 4.0) as usize];
            let toss = coins.next();
            rows.extend(row);
            truth.push(
                usize::from(toss >= row[0].into())
                    + usize::from(toss >= f64::from(row[0]) + f64::from(row[1])),
            );
        }
        let report: CostReport = costs.report(&truth, &rows).expect("the input is good");
        let saved = report.saved.expect("some are decided otherwise");
        let pairs = [
            (report.mean_cost, mean_cost),
            (report.likeliest_mean_cost, likeliest),
            (saved, likeliest - mean_cost),
        ];
        for (covered, (found, truth)) in covered.iter_mut().zip(pairs) {
            let Interval { low, high } = found.ci95;
            *covered += u32::from(low <= truth && truth <= high);
        }
    }
    for share in covered.map(|count| f64::from(count) / 2000.0) {
        assert!((0.93..=0.97).contains(&share), "covered {share} of the truths: {covered:?}");
    }
}

proptest! {
    #[test]
    fn without_costs_the_likeliest_class_is_decided_for(weights in prop::collection::vec(1_u8..=255, 2..9)) {
        let sum: f32 = weights.iter().map(|&weight| f32::from(weight)).sum();
        let row: Vec<f32> = weights.iter().map(|&weight| f32::from(weight) / sum).collect();
        let classes: Vec<String> = (0..row.len()).map(|class| class.to_string()).collect();
        let report = parse(&classes, &[]).report(&[0], &row)?;
        prop_assert_eq!(report.changed, 0);
        // Spelt out or not, costs of 1 are the same.
        let one = parse(&classes, &["0->1=1", "1->0=1"]);
        prop_assert_eq!(one.decide(&row), parse(&classes, &[]).decide(&row));
        let largest = row.iter().copied().fold(0.0, f32::max);
        prop_assert_eq!(Some(one.decide(&row)), row.iter().position(|&p| p == largest));
    }

    #[test]
    fn no_decision_is_expected_to_cost_less(
        weights in prop::collection::vec(1_u8..=255, 3), costs in prop::collection::vec(0_u8..20, 6),
    ) {
        let classes = names(["x", "y", "z"]);
        let pairs = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];
        let stated: Vec<String> =
            pairs.iter().zip(&costs).map(|((t, d), cost)| format!("{}->{}={cost}", classes[*t], classes[*d])).collect();
        let costs = CostMatrix::parse(&classes, &stated)?;
        let sum: f32 = weights.iter().map(|&weight| f32::from(weight)).sum();
        let row: Vec<f32> = weights.iter().map(|&weight| f32::from(weight) / sum).collect();
        let expected = |decided: usize| -> f64 {
            (0..3).map(|truth| f64::from(row[truth]) * costs.cost(truth, decided)).sum()
        };
        let found = expected(costs.decide(&row));
        prop_assert!((0..3).all(|decided| found <= expected(decided) + 1e-12));
    }

    #[test]
    fn no_text_panics(text in ".{0,40}", classes in prop::collection::vec("[a>= -]{0,6}", 0..4)) {
        let _ = CostMatrix::parse(&classes, &[text.as_str()]);
        let _ = text.parse::<Aim>();
        let _ = CostMatrix::parse(&classes, &[] as &[&str]).map(|costs| {
            costs.report(&[0], &[1.0]).is_ok() || costs.decisions(&[]).is_empty()
        });
    }
}

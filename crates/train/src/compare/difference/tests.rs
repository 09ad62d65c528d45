use divvy_eval::Estimate;

use super::super::crew::AtOnce;
use super::super::standing::{Comparison, Standing};
use super::*;

/// One training after the other.
const ALONE: AtOnce = AtOnce { trainings: 1, threads: 2 };

/// A training whose answers to ten pictures are right where `right` has a 1.
fn training(seed: u64, right: &str) -> Measured {
    let right: Vec<bool> = right.chars().map(|c| c == '1').collect();
    let score = right.iter().filter(|&&right| right).count() as f64 / right.len() as f64;
    let losses: Vec<f64> = right.iter().map(|&right| if right { 0.25 } else { 1.25 }).collect();
    let log_loss = losses.iter().sum::<f64>() / losses.len() as f64;
    let calibration = Estimate { value: 0.1 + score / 10.0, ci95: Interval { low: 0.05, high: 0.3 } };
    Measured {
        figures: RunFigures {
            seed,
            score,
            log_loss: Some(log_loss),
            calibration_error: Some(calibration.value),
            seconds_per_epoch: 2.0 + score,
            reused: false,
        },
        metric: Metric::Accuracy,
        parameters: 7,
        samples: (0..right.len()).collect(),
        unreadable: Vec::new(),
        right,
        losses: Some(losses),
        calibration: Some(calibration),
    }
}

fn contender(name: &str, answers: &[&str]) -> (String, Vec<Measured>) {
    (name.to_owned(), (0..).zip(answers).map(|(seed, right)| training(seed, right)).collect())
}

fn compared(baseline: &[&str], other: &[&str]) -> Comparison {
    Comparison::new("photos".as_ref(), &[contender("a", baseline), contender("b", other)], ALONE)
}

/// As of trainings on pictures with several labels.
fn of_labels(mut contender: (String, Vec<Measured>)) -> (String, Vec<Measured>) {
    for run in &mut contender.1 {
        run.metric = Metric::MacroF1;
        run.calibration = None;
        run.figures.calibration_error = None;
    }
    contender
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 5e-5
}

#[test]
fn holm_stops_at_the_first_that_fails() {
    // By hand: of three, 0.05 / 3 = 0.0167, 0.05 / 2 = 0.025, 0.05 / 1; of two, 0.025 and 0.05.
    let template =
        compared(&["1100000000", "1100000000"], &["1110000000", "1100000000"]).differences.remove(0);
    for (p, found) in [
        (vec![Some(0.05)], vec![true]),
        (vec![Some(0.0501)], vec![false]),
        (vec![Some(0.01), Some(0.04), Some(0.03)], vec![true, false, false]),
        (vec![Some(0.04), Some(0.02), Some(0.01)], vec![true, true, true]),
        (vec![Some(0.02), Some(0.02), Some(0.02)], vec![false, false, false]),
        (vec![Some(0.06), Some(0.001), Some(0.02)], vec![false, true, true]),
        // What was not tested is a comparison all the same: 0.03 would be found alone, but not as one of two.
        (vec![None, Some(0.03)], vec![false, false]),
        (vec![None, Some(0.02)], vec![false, true]),
        (vec![None, None], vec![false, false]),
    ] {
        let mut differences: Vec<Difference> =
            p.iter().map(|&p| Difference { p, ..template.clone() }).collect();
        mark_found(&mut differences);
        let marked: Vec<bool> = differences.iter().map(|difference| difference.found).collect();
        assert_eq!(marked, found, "{p:?}");
    }
}

#[test]
fn several_seeds_are_tested_by_their_scatter() {
    let worse = ["1000000000", "1100000000", "1000000000"];
    let better = ["1111111000", "1111111110", "1111111100"];
    let comparison = compared(&worse, &better);
    let Difference { score, p, found, mcnemar, log_loss, calibration_error, seconds_per_epoch, .. } =
        &comparison.differences[0];
    // Differences 0.6, 0.7, 0.7: mean 2/3, standard error 1/30, t = 20 with 2 degrees of freedom, whose two-sided p is
    // 1 - t / sqrt(t^2 + 2) = 0.0024907; the interval reaches 4.302653 standard errors.
    assert!(close(score.mean, 2.0 / 3.0) && close(p.unwrap(), 0.002_491), "{score:?} {p:?}");
    let ci = score.ci95.unwrap();
    assert!(close(ci.low, 0.5232) && close(ci.high, 0.8101), "{ci:?}");
    assert!(found);
    // A right answer costs one nat less here; calibration errors were made a tenth of the score, times as much as it.
    assert!(close(log_loss.unwrap().mean, -2.0 / 3.0) && close(log_loss.unwrap().ci95.unwrap().low, -0.8101));
    assert!(close(calibration_error.unwrap().mean, 1.0 / 15.0));
    assert!(close(calibration_error.unwrap().ci95.unwrap().high, 0.0810));
    assert!(close(seconds_per_epoch.mean, 2.0 / 3.0) && close(seconds_per_epoch.ci95.unwrap().low, 0.5232));
    // Only one of them is right in 6, 7 and 7 pictures, always the other: 2 / 2^6 = 0.03125 and 2 / 2^7.
    let counts: Vec<_> =
        mcnemar.iter().map(|seed| (seed.seed, seed.only_baseline, seed.only_other)).collect();
    assert_eq!(counts, [(0, 0, 6), (1, 0, 7), (2, 0, 7)]);
    assert!(close(mcnemar[0].p, 0.03125) && close(mcnemar[1].p, 0.015_625));
    assert_eq!(
        comparison.sentences(),
        ["b does better than a: accuracy differs by 0.6667 (95 % interval +0.5232 to +0.8101, p = 0.0025)"]
    );
    // The other way round the same is said of the first.
    assert_eq!(
        compared(&better, &worse).sentences(),
        ["a does better than b: accuracy differs by 0.6667 (95 % interval +0.5232 to +0.8101, p = 0.0025)"]
    );
}

#[test]
fn what_scatters_around_nothing_is_not_found() {
    // Differences 0.1, -0.1, 0.1: mean 1/30, standard error 1/15, t = 0.5, p = 1 - 0.5 / sqrt(2.25) = 2/3.
    let comparison =
        compared(&["1100000000", "1110000000", "1100000000"], &["1110000000", "1100000000", "1110000000"]);
    assert_eq!(
        comparison.sentences(),
        [
            "no difference was found between a and b: accuracy differs by +0.0333 (95 % interval -0.2535 to +0.3202, p = 0.6667)"
        ]
    );
}

#[test]
fn what_is_the_same_in_every_training_is_not_found_but_told() {
    // One picture better with each of two seeds.
    let one_better = compared(&["1100000000", "1110000000"], &["1110000000", "1111000000"]);
    let difference = &one_better.differences[0];
    assert_eq!((difference.p, difference.found, difference.score.ci95), (None, false, None));
    assert_eq!(
        one_better.sentences(),
        [
            "there is no test of a difference between a and b: accuracy differs by +0.1000 in each of 2 trainings, and what does not \
          scatter cannot be tested with so few seeds (McNemar's test on the pictures: p = 1.0000)"
        ]
    );
    // Five better with each, of five pictures, and of six and one the other way: 2 / 2^5, and 2 * (1 + 7) / 2^7.
    let five = compared(&["1000000000", "0000000001"], &["1111110000", "1111110000"]);
    assert!(!five.differences[0].found);
    assert!(five.sentences()[0].ends_with("p = 0.0625 to 0.1250)"), "{:?}", five.sentences());

    let same = compared(&["1100000000", "1110000000"], &["1100000000", "1110000000"]);
    assert_eq!(
        same.sentences(),
        [
            "no difference was found between a and b: accuracy is the same in each of 2 trainings (McNemar's test on the \
          pictures: p = 1.0000)"
        ]
    );
}

#[test]
fn one_seed_is_tested_on_the_pictures() {
    let comparison = compared(&["1000000000"], &["1111111110"]);
    let difference = &comparison.differences[0];
    // 0 against 8: p = 2 / 2^8. Tango's interval was worked out from its score equation by bisection, apart from this program.
    assert!(close(difference.p.unwrap(), 0.007_812_5) && difference.found);
    assert_eq!(
        comparison.sentences(),
        ["b does better than a: accuracy differs by 0.8000 (95 % interval +0.3004 to +0.9433, p = 0.0078)"]
    );
    // Losses differ by 1 nat in eight of ten pictures: mean -0.8, s^2 = 10 * 0.16 / 9, standard error 2/15, and 2.262157
    // standard errors either way.
    let log_loss = difference.log_loss.unwrap();
    let ci = log_loss.ci95.unwrap();
    assert!(close(log_loss.mean, -0.8) && close(ci.low, -1.1016) && close(ci.high, -0.4984), "{log_loss:?}");
    assert!(difference.calibration_error.unwrap().ci95.is_none());
    assert!(difference.seconds_per_epoch.ci95.is_none() && close(difference.seconds_per_epoch.mean, 0.8));

    // Of each: Wilson's interval of 9 of 10 as published, Student's of the losses, and the calibration's own.
    let Standing { score, log_loss, calibration_error, .. } = &comparison.contenders[1];
    assert!(close(score.ci95.unwrap().low, 0.5958) && close(score.ci95.unwrap().high, 0.9821), "{score:?}");
    // Nine losses of 0.25 and one of 1.25: mean 0.35, standard error 0.1, and 2.262157 of them; never below 0.
    let ci = log_loss.unwrap().ci95.unwrap();
    assert!(close(ci.low, 0.1238) && close(ci.high, 0.5762), "{ci:?}");
    assert_eq!(calibration_error.unwrap().ci95, Some(Interval { low: 0.05, high: 0.3 }));
}

#[test]
fn macro_f1_of_one_seed_is_not_tested() {
    let (a, b) = (contender("a", &["1000000000"]), contender("b", &["1111111110"]));
    let one = Comparison::new("photos".as_ref(), &[of_labels(a), of_labels(b)], ALONE);
    let difference = &one.differences[0];
    assert_eq!((difference.p, difference.found, difference.score.ci95), (None, false, None));
    assert!(one.contenders[0].score.ci95.is_none());
    assert_eq!(
        one.sentences(),
        [
            "there is no test of a difference between a and b: macro F1 differs by +0.8000, which one training of each cannot test; give \
          several seeds (McNemar's test of exact matches on the pictures: p = 0.0078)"
        ]
    );
    // With several seeds it is tested as accuracy is.
    let worse = contender("a", &["1000000000", "1100000000", "1000000000"]);
    let better = contender("b", &["1111111000", "1111111110", "1111111100"]);
    let several = Comparison::new("photos".as_ref(), &[of_labels(worse), of_labels(better)], ALONE);
    assert_eq!(
        several.sentences(),
        ["b does better than a: macro F1 differs by 0.6667 (95 % interval +0.5232 to +0.8101, p = 0.0025)"]
    );
}

#[test]
fn heads_without_probabilities_have_no_log_loss_to_compare() {
    let (a, mut b) = (contender("a", &["1000000000"]), contender("b", &["1111111110"]));
    b.1[0].losses = None;
    b.1[0].calibration = None;
    (b.1[0].figures.log_loss, b.1[0].figures.calibration_error) = (None, None);
    let difference = difference(&a, &b);
    assert_eq!((difference.log_loss, difference.calibration_error), (None, None));
}

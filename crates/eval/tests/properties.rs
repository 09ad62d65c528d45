//! What holds for all labels and scores.

mod coins;

use divvy_eval::{Answers, ConfusionMatrix, ExclusiveReport, Interval, MultiLabelReport, Ranking};
use proptest::prelude::*;

use coins::Coins;

const TOLERANCE: f64 = 1e-9;

fn names(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("class {index}")).collect()
}

/// Weights to rows that sum to one.
fn normalise(weights: &[f32], classes: usize) -> Vec<f32> {
    let share = |row: &[f32]| {
        let sum: f32 = row.iter().sum();
        row.iter().map(|weight| weight / sum).collect::<Vec<_>>()
    };
    weights.chunks_exact(classes).flat_map(share).collect()
}

/// The number of classes, true classes and rows of probabilities.
fn exclusive_answers() -> impl Strategy<Value = (usize, Vec<usize>, Vec<f32>)> {
    (2_usize..6, 1_usize..40).prop_flat_map(|(classes, samples)| {
        let truth = prop::collection::vec(0..classes, samples);
        let weights = prop::collection::vec(0.001_f32..1.0, samples * classes);
        (Just(classes), truth, weights.prop_map(move |weights| normalise(&weights, classes)))
    })
}

/// Which samples are positive, and scores of few distinct values, so that many are equal.
fn coarse_scores() -> impl Strategy<Value = (Vec<bool>, Vec<f32>)> {
    (1_usize..60).prop_flat_map(|samples| {
        let scores = prop::collection::vec((-6_i8..6).prop_map(|step| f32::from(step) / 4.0), samples);
        (prop::collection::vec(any::<bool>(), samples), scores)
    })
}

/// The chance that a positive sample scores above a negative one, by comparing each with each.
fn auc_by_pairs(truth: &[bool], scores: &[f32]) -> Option<f64> {
    let of = |kind: bool| truth.iter().zip(scores).filter(move |(t, _)| **t == kind).map(|(_, score)| *score);
    let outcomes: Vec<f64> = of(true)
        .flat_map(|p| {
            of(false).map(move |n| {
                if p > n {
                    1.0
                } else if p == n {
                    0.5
                } else {
                    0.0
                }
            })
        })
        .collect();
    (!outcomes.is_empty()).then(|| outcomes.iter().sum::<f64>() / outcomes.len() as f64)
}

/// Whether a number between 0 and 1 lies in its interval, and that there as well, or there is neither.
fn is_in(value: Option<f64>, interval: Option<Interval>) -> bool {
    match (value, interval) {
        (Some(value), Some(Interval { low, high })) => {
            -TOLERANCE <= low
                && low <= value + TOLERANCE
                && value <= high + TOLERANCE
                && high <= 1.0 + TOLERANCE
        }
        (None, None) => true,
        _ => false,
    }
}

fn assert_close(a: Option<f64>, b: Option<f64>) {
    match (a, b) {
        (Some(x), Some(y)) => assert!((x - y).abs() < TOLERANCE, "{x} and {y}"),
        _ => assert_eq!(a, b),
    }
}

proptest! {
    #[test]
    fn auc_is_the_share_of_pairs_in_order((truth, scores) in coarse_scores()) {
        assert_close(Ranking::new(&truth, &scores)?.roc_auc(), auc_by_pairs(&truth, &scores));
    }

    #[test]
    fn only_the_order_of_scores_matters((truth, scores) in coarse_scores()) {
        let grown: Vec<f32> = scores.iter().map(|score| score.exp() * 3.0 - 7.0).collect();
        let (a, b) = (Ranking::new(&truth, &scores)?, Ranking::new(&truth, &grown)?);
        prop_assert_eq!(a.roc_auc(), b.roc_auc());
        prop_assert_eq!(a.average_precision(), b.average_precision());
    }

    #[test]
    fn reversed_scores_mirror_the_auc((truth, scores) in coarse_scores()) {
        let reversed: Vec<f32> = scores.iter().map(|score| -score).collect();
        let mirrored = Ranking::new(&truth, &reversed)?.roc_auc().map(|auc| 1.0 - auc);
        assert_close(Ranking::new(&truth, &scores)?.roc_auc(), mirrored);
    }

    #[test]
    fn parts_of_an_exclusive_report_agree((classes, truth, rows) in exclusive_answers()) {
        let report = ExclusiveReport::new(&names(classes), &truth, Answers::Probabilities(&rows))?;
        let n = report.n as f64;
        prop_assert_eq!(report.n, truth.len());
        prop_assert_eq!(report.confusion_matrix.total(), report.n);
        prop_assert_eq!(report.per_class.iter().map(|class| class.support).sum::<usize>(), report.n);
        let Interval { low, high } = report.accuracy_ci95;
        prop_assert!(0.0 <= low && low <= report.accuracy && report.accuracy <= high && high <= 1.0);
        let has_each_in_its_interval = |pairs: &[(Option<f64>, Option<Interval>)]| {
            pairs.iter().all(|&(value, interval)| is_in(value, interval))
        };
        let mut pairs = vec![
            (Some(report.balanced_accuracy), Some(report.balanced_accuracy_ci95)),
            (report.mcc.map(|mcc| f64::midpoint(mcc, 1.0)), report.mcc_ci95.map(|Interval { low, high }| {
                Interval { low: f64::midpoint(low, 1.0), high: f64::midpoint(high, 1.0) }
            })),
            (report.f1_macro, report.f1_macro_ci95),
        ];
        pairs.extend(report.binary.iter().map(|binary| (binary.roc_auc, binary.roc_auc_ci95)));
        pairs.extend(report.per_class.iter().map(|class| (class.f1, class.f1_ci95)));
        pairs.extend(report.per_class.iter().map(|class| (class.precision, class.precision_ci95)));
        pairs.extend(report.per_class.iter().map(|class| (class.recall, class.recall_ci95)));
        prop_assert!(has_each_in_its_interval(&pairs), "{:?}", report);
        let loss_ci95 = report.log_loss_ci95.expect("there are probabilities");
        prop_assert!(report.log_loss.is_some_and(|loss| loss_ci95.low <= loss && loss <= loss_ci95.high));
        let weighted_recall: f64 =
            report.per_class.iter().map(|class| class.recall.unwrap_or(0.0) * class.support as f64 / n).sum();
        prop_assert!((weighted_recall - report.accuracy).abs() < TOLERANCE);
        let mistakes: usize = report.confusion_matrix.mistakes().iter().map(|(_, _, count)| count).sum();
        prop_assert_eq!(report.confusion_matrix.correct() + mistakes, report.n);
        prop_assert!(report.log_loss.is_some_and(|loss| loss.is_finite() && loss > 0.0));
    }

    #[test]
    fn decisions_alone_give_the_same_counts((classes, truth, rows) in exclusive_answers()) {
        let names = names(classes);
        let scored = ExclusiveReport::new(&names, &truth, Answers::Probabilities(&rows))?;
        let largest = |row: &[f32]| (0..classes).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0);
        let decided: Vec<usize> = rows.chunks_exact(classes).map(largest).collect();
        let report = ExclusiveReport::new(&names, &truth, Answers::Decisions(&decided))?;
        prop_assert_eq!(report.confusion_matrix, scored.confusion_matrix);
        prop_assert_eq!((report.log_loss, report.binary), (None, None));
    }

    #[test]
    fn a_softmax_pair_and_its_sigmoid_give_one_report((truth, p) in coarse_probabilities()) {
        let names = names(2);
        let pairs: Vec<f32> = p.iter().flat_map(|&p| [1.0 - p, p]).collect();
        // Just above one half: a tie goes to the first of two units, and to the positive side of a threshold.
        let threshold = 0.500_000_06;
        let pair = ExclusiveReport::new(&names, &truth, Answers::Probabilities(&pairs))?;
        let answers = Answers::PositiveProbabilities { probabilities: &p, threshold };
        let single = ExclusiveReport::new(&names, &truth, answers)?;
        assert_close(pair.log_loss, single.log_loss);
        prop_assert_eq!(pair.confusion_matrix, single.confusion_matrix);
        prop_assert_eq!(pair.binary, single.binary);
    }

    #[test]
    fn one_label_a_sample_makes_micro_f1_the_accuracy((classes, truth, rows) in exclusive_answers()) {
        let names = names(classes);
        let accuracy = ExclusiveReport::new(&names, &truth, Answers::Probabilities(&rows))?.accuracy;
        let largest: Vec<f32> = rows.chunks_exact(classes).flat_map(one_hot_of_largest).collect();
        let labels: Vec<[usize; 1]> = truth.iter().map(|&class| [class]).collect();
        let report = MultiLabelReport::new(&names, &labels, &largest, &vec![0.5; classes])?;
        assert_close(report.f1_micro, Some(accuracy));
        assert_close(report.f1_samples, Some(accuracy));
        assert_close(Some(report.exact_match), Some(accuracy));
        let pairs = [
            (Some(report.balanced_accuracy), Some(report.balanced_accuracy_ci95)),
            (report.f1_macro, report.f1_macro_ci95),
            (report.f1_micro, report.f1_micro_ci95),
            (report.f1_samples, report.f1_samples_ci95),
            (Some(report.hamming_loss), Some(report.hamming_loss_ci95)),
            (report.mean_average_precision, report.mean_average_precision_ci95),
        ];
        prop_assert!(pairs.iter().all(|&(value, interval)| is_in(value, interval)), "{:?}", report);
    }

    #[test]
    fn nothing_handed_in_panics_or_writes_nan(
        truth in prop::collection::vec(0_usize..4, 0..8),
        values in prop::collection::vec(prop_oneof![any::<f32>(), 0.0_f32..1.0, Just(0.0), Just(1.0)], 0..24),
        threshold in any::<f32>(),
        classes in 0_usize..4,
    ) {
        let names = names(classes);
        let decisions: Vec<usize> = values.iter().map(|value| *value as usize).collect();
        let candidates = [
            Answers::Probabilities(&values),
            Answers::PositiveProbabilities { probabilities: &values, threshold },
            Answers::Scores { scores: &values, threshold },
            Answers::Decisions(&decisions),
        ];
        for answers in candidates {
            if let Ok(report) = ExclusiveReport::new(&names, &truth, answers) {
                prop_assert!(report.accuracy.is_finite() && report.balanced_accuracy.is_finite());
                prop_assert!(!report.to_string().contains("NaN"));
            }
        }
        let labels: Vec<Vec<usize>> = truth.iter().map(|&label| vec![label; label]).collect();
        if let Ok(report) = MultiLabelReport::new(&names, &labels, &values, &vec![threshold; classes]) {
            prop_assert!(report.log_loss.is_finite());
            prop_assert!(!report.to_string().contains("NaN"));
        }
    }

    #[test]
    fn a_matrix_read_by_columns_swaps_misses_and_false_alarms(
        pairs in prop::collection::vec((0_usize..5, 0_usize..5), 1..80),
    ) {
        let (truth, predicted): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let forward = ConfusionMatrix::new(5, &truth, &predicted)?.tallies();
        let backward = ConfusionMatrix::new(5, &predicted, &truth)?.tallies();
        for (a, b) in forward.into_iter().zip(backward) {
            prop_assert_eq!(a.precision(), b.recall());
            prop_assert_eq!(a.f1(), b.f1());
        }
    }
}

/// Which class each sample of two has, and probabilities of the second in sixteenths, whose complements are exact.
fn coarse_probabilities() -> impl Strategy<Value = (Vec<usize>, Vec<f32>)> {
    coarse_scores().prop_map(|(truth, scores)| {
        let truth = truth.into_iter().map(usize::from).collect();
        (truth, scores.into_iter().map(|score| (score + 2.0) / 4.0).collect())
    })
}

fn one_hot_of_largest(row: &[f32]) -> Vec<f32> {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let first = row.iter().position(|&value| value == largest);
    (0..row.len()).map(|index| if Some(index) == first { 1.0 } else { 0.0 }).collect()
}

#[test]
fn wilson_intervals_cover_the_truth_as_often_as_they_say() {
    let mut coins = Coins(7);
    let truths = 4000;
    let covered = (0..truths)
        .filter(|_| {
            let accuracy = 0.02 + 0.96 * coins.next();
            let trials = 20 + (coins.next() * 400.0) as usize;
            let successes = (0..trials).filter(|_| coins.next() < accuracy).count();
            Interval::wilson(successes, trials).is_some_and(|i| i.low <= accuracy && accuracy <= i.high)
        })
        .count();
    let share = f64::from(u32::try_from(covered).expect("few truths")) / f64::from(truths);
    assert!((0.93..=0.97).contains(&share), "covered {share} of the truths");
}

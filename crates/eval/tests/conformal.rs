//! Prediction sets against MAPIE (`reference/cutting.py` made `reference/cutting.json`), by hand, and how often they hold the truth.

mod coins;

use divvy_eval::{ConformalSets, EvalError, Level, SetReport};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use coins::Coins;

#[derive(Deserialize)]
struct Reference {
    sets: Vec<SetsCase>,
    labels: Vec<LabelsCase>,
}

#[derive(Deserialize)]
struct SetsCase {
    classes: usize,
    coverage: f64,
    truth: Vec<usize>,
    probabilities: Vec<f32>,
    other_truth: Vec<usize>,
    other_probabilities: Vec<f32>,
    sets: Vec<Vec<u8>>,
}

#[derive(Deserialize)]
struct LabelsCase {
    labels: usize,
    coverage: f64,
    truth: Vec<Vec<usize>>,
    probabilities: Vec<f32>,
    other_probabilities: Vec<f32>,
    sets: Vec<Vec<u8>>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/cutting.json"))
        .expect("cutting.json is as cutting.py writes it")
}

fn level(value: f64) -> Level {
    Level::new(value).expect("this is a level")
}

fn assert_sets(ours: ConformalSets, rows: &[f32], theirs: &[Vec<u8>], place: &str) {
    for (sample, (row, theirs)) in rows.chunks_exact(theirs[0].len()).zip(theirs).enumerate() {
        let mut set = ours.of(row);
        assert!(set.windows(2).all(|pair| row[pair[0]] >= row[pair[1]]), "{place}: {set:?} of {row:?}");
        set.sort_unstable();
        let theirs: Vec<usize> = (0..theirs.len()).filter(|&class| theirs[class] == 1).collect();
        assert_eq!(set, theirs, "{place}, sample {sample}");
    }
}

#[test]
fn sets_agree_with_mapie() {
    for case in reference().sets {
        let place = format!("{} classes at {}", case.classes, case.coverage);
        let sets =
            ConformalSets::exclusive(case.classes, &case.truth, &case.probabilities, level(case.coverage))
                .unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_sets(sets, &case.other_probabilities, &case.sets, &place);
        let report = sets
            .on_exclusive(case.classes, &case.other_truth, &case.other_probabilities)
            .unwrap_or_else(|error| panic!("{place}: {error}"));
        let size = |set: &Vec<u8>| set.iter().map(|&member| usize::from(member)).sum::<usize>();
        let n = case.sets.len() as f64;
        let held = case.sets.iter().zip(&case.other_truth).filter(|(set, truth)| set[**truth] == 1).count();
        assert_eq!(report.complete.value, held as f64 / n, "{place}");
        let observed = report.observed.expect("every sample has a class");
        for (ours, theirs) in [
            (observed.value, report.complete.value),
            (observed.ci95.low, report.complete.ci95.low),
            (observed.ci95.high, report.complete.ci95.high),
        ] {
            assert!((ours - theirs).abs() < 1e-12, "{place}: {ours}, {theirs}");
        }
        assert_eq!(report.mean_size, case.sets.iter().map(size).sum::<usize>() as f64 / n, "{place}");
        for (share, wanted) in [(report.empty, 0), (report.single, 1)] {
            assert_eq!(
                share,
                case.sets.iter().filter(|set| size(set) == wanted).count() as f64 / n,
                "{place}"
            );
        }
    }
}

#[test]
fn sets_of_labels_agree_with_mapie() {
    for case in reference().labels {
        let place = format!("{} labels at {}", case.labels, case.coverage);
        let sets =
            ConformalSets::multi_label(case.labels, &case.truth, &case.probabilities, level(case.coverage))
                .unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_sets(sets, &case.other_probabilities, &case.sets, &place);
    }
}

#[test]
fn too_few_samples_put_every_class_into_the_set() {
    // 0.95 of 19 + 1 are 19, which 19 samples can show and 18 cannot.
    let rows: Vec<f32> = [0.75, 0.25].repeat(19);
    let enough = ConformalSets::exclusive(2, &[0; 19], &rows, level(0.95)).expect("the input is good");
    assert_eq!((enough.threshold, enough.set_on), (0.75, 19));
    let too_few = ConformalSets::exclusive(2, &[0; 18], &rows[..36], level(0.95)).expect("the input is good");
    assert_eq!((too_few.threshold, too_few.of(&[1.0, 0.0])), (0.0, vec![0, 1]));
}

#[test]
fn a_report_by_hand() {
    let sets = ConformalSets { coverage: level(0.9), threshold: 0.375, set_on: 100 };
    let rows = [0.5, 0.5, 0.0, 0.75, 0.125, 0.125, 0.25, 0.375, 0.375, 0.375, 0.3125, 0.3125];
    let report = sets.on_exclusive(3, &[0, 1, 2, 1], &rows).expect("the input is good");
    assert_eq!(report.sizes, [0, 2, 2, 0]);
    assert_eq!((report.complete.value, report.mean_size, report.empty, report.single), (0.5, 1.5, 0.0, 0.5));
    let per_class: Vec<_> =
        report.per_class.iter().map(|class| class.map(|observed| observed.value)).collect();
    assert_eq!(per_class, [Some(1.0), Some(0.0), Some(1.0)]);
    let json = serde_json::to_value(&report).expect("a report serialises");
    assert_eq!((&json["coverage"], &json["threshold"]), (&json!(0.9), &json!(0.375)));

    // Two of three labels are held in the first, none is missing in the second, the last has none.
    let given: [&[usize]; 3] = [&[0, 1, 2], &[0], &[]];
    let rows = [0.5, 0.5, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0];
    let report = sets.on_multi_label(3, &given, &rows).expect("the input is good");
    let observed = report.observed.expect("two samples have a label");
    assert_eq!((report.complete.value, observed.value), (2.0 / 3.0, 1.0 - 1.0 / 6.0));
    assert!(observed.ci95.low < 0.7 && observed.ci95.high > 0.95, "{observed:?}");
    assert_eq!(report.empty, 1.0 / 3.0);
}

#[test]
fn what_sets_cannot_be_made_of() {
    let at = level(0.9);
    let exclusive = |classes, truth: &[usize], rows: &[f32]| {
        ConformalSets::exclusive(classes, truth, rows, at).expect_err("this input is bad")
    };
    assert_eq!(exclusive(2, &[], &[]), EvalError::NoSamples);
    assert_eq!(exclusive(0, &[], &[]), EvalError::TooFewClasses { needed: 2, found: 0 });
    assert!(matches!(exclusive(2, &[2], &[0.5, 0.5]), EvalError::ClassOutOfRange { .. }));
    assert!(matches!(exclusive(2, &[0], &[0.9, 0.9]), EvalError::NotNormalised { .. }));
    let none: &[usize] = &[];
    assert_eq!(ConformalSets::multi_label(1, &[none], &[0.5], at), Err(EvalError::NoSamples));
    assert_eq!(
        ConformalSets::multi_label(0, &[none], &[], at),
        Err(EvalError::TooFewClasses { needed: 1, found: 0 })
    );
    let sets = ConformalSets { coverage: at, threshold: 0.5, set_on: 1 };
    assert_eq!(sets.on_multi_label(1, &[] as &[&[usize]], &[]), Err(EvalError::NoSamples));
    for value in [0.0, 1.0, -0.5, 95.0, f64::NAN, f64::INFINITY] {
        assert!(Level::new(value).is_err(), "{value}");
        assert!(value.to_string().parse::<Level>().is_err(), "{value}");
    }
    assert_eq!(" 0.95 ".parse::<Level>().map(Level::get), Ok(0.95));
    assert!(serde_json::from_str::<Level>("1.5").is_err());
}

/// A network that is wrong about how sure it is, on classes that overlap: true classes and rows.
fn overlapping(coins: &mut Coins, samples: usize, classes: usize) -> (Vec<usize>, Vec<f32>) {
    let mut rows = Vec::new();
    let mut truth = Vec::new();
    for _ in 0..samples {
        let class = (coins.next() * classes as f64) as usize;
        let logit = |other: usize| if other == class { 2.0 } else { 0.0 } + 3.0 * (coins.next() - 0.5);
        let powers: Vec<f64> = (0..classes).map(logit).map(|logit| (2.5 * logit).exp()).collect();
        let sum: f64 = powers.iter().sum();
        rows.extend(powers.iter().map(|power| (power / sum) as f32));
        truth.push(class);
    }
    (truth, rows)
}

/// The mean of what is observed of each of 1,500 thresholds, set on as many samples and tried on 50 others.
fn mean_observed(
    seed: u64,
    samples: usize,
    coverage: f64,
    observe: impl Fn((Vec<usize>, Vec<f32>), (Vec<usize>, Vec<f32>), Level) -> SetReport,
) -> f64 {
    let mut coins = Coins(seed);
    let observed: f64 = (0..1500)
        .map(|_| {
            let (set_on, tried_on) = (overlapping(&mut coins, samples, 4), overlapping(&mut coins, 50, 4));
            observe(set_on, tried_on, level(coverage)).observed.expect("every sample has a label").value
        })
        .sum();
    observed / 1500.0
}

#[test]
fn sets_hold_the_true_class_as_often_as_asked_for() {
    for (seed, samples, coverage) in [(51, 19, 0.9), (52, 39, 0.95), (53, 57, 0.8)] {
        let observed =
            mean_observed(seed, samples, coverage, |(truth, rows), (other_truth, other_rows), coverage| {
                let sets = ConformalSets::exclusive(4, &truth, &rows, coverage).expect("the input is good");
                sets.on_exclusive(4, &other_truth, &other_rows).expect("the input is good")
            });
        // No more than 1/(n + 1) above; four standard errors of 75,000 answers below and above.
        let error = 4.0 * (coverage * (1.0 - coverage) / 75_000.0_f64).sqrt() * 2.0;
        let most = coverage + 1.0 / (samples as f64 + 1.0);
        assert!(
            (coverage - error..=most + error).contains(&observed),
            "{observed} of {coverage} on {samples} samples"
        );
    }
}

#[test]
fn sets_hold_the_share_of_labels_that_was_asked_for() {
    // Two samples of one class each are one of two labels, or of one where they are the same.
    let joined = |(truth, rows): (Vec<usize>, Vec<f32>)| {
        let labels: Vec<Vec<usize>> = truth.chunks_exact(2).map(<[usize]>::to_vec).collect();
        let rows: Vec<f32> = rows
            .chunks_exact(8)
            .flat_map(|pair| (0..4).map(|label| pair[label].max(pair[label + 4])))
            .collect();
        (labels, rows)
    };
    let observed = mean_observed(54, 60, 0.9, |set_on, tried_on, coverage| {
        let ((labels, rows), (other_labels, other_rows)) = (joined(set_on), joined(tried_on));
        let sets = ConformalSets::multi_label(4, &labels, &rows, coverage).expect("the input is good");
        sets.on_multi_label(4, &other_labels, &other_rows).expect("the input is good")
    });
    assert!((0.895..=0.94).contains(&observed), "{observed}");
}

#[test]
fn intervals_of_shares_of_labels_cover_the_truth_as_often_as_they_say() {
    let sets = ConformalSets { coverage: level(0.9), threshold: 0.5, set_on: 100 };
    // With these chances a set holds all of two labels, one of them, two of three, and none.
    let kinds: [(f64, &[usize], [f32; 3]); 4] = [
        (0.7, &[0, 1], [1.0, 1.0, 0.0]),
        (0.15, &[0, 1], [0.0, 1.0, 0.0]),
        (0.1, &[0, 1, 2], [1.0, 1.0, 0.0]),
        (0.05, &[0, 1], [0.0, 0.0, 1.0]),
    ];
    let truth = 0.7 + 0.15 / 2.0 + 0.1 * 2.0 / 3.0;
    let mut coins = Coins(55);
    let covered = (0..2000)
        .filter(|_| {
            let (mut labels, mut rows) = (Vec::new(), Vec::new());
            for _ in 0..60 + (coins.next() * 200.0) as usize {
                let mut toss = coins.next();
                let reached = |(chance, ..): &&(f64, &[usize], [f32; 3])| {
                    toss -= chance;
                    toss < 0.0
                };
                let (_, own, row) = kinds.iter().find(reached).unwrap_or(&kinds[0]);
                labels.push(*own);
                rows.extend(row);
            }
            let report = sets.on_multi_label(3, &labels, &rows).expect("the input is good");
            let ci95 = report.observed.expect("every sample has a label").ci95;
            ci95.low <= truth && truth <= ci95.high
        })
        .count();
    assert!((1860..=1940).contains(&covered), "covered {covered} of 2000");
}

proptest! {
    #[test]
    fn more_coverage_makes_no_set_smaller(
        samples in prop::collection::vec((0_usize..3, 1_u8..20, 1_u8..20, 1_u8..20), 1..60),
        (low, high) in (0.01_f64..0.99, 0.01_f64..0.99),
    ) {
        let truth: Vec<usize> = samples.iter().map(|sample| sample.0).collect();
        let rows: Vec<f32> = samples
            .iter()
            .flat_map(|&(_, a, b, c)| {
                let sum = f32::from(a) + f32::from(b) + f32::from(c);
                [a, b, c].map(|weight| f32::from(weight) / sum)
            })
            .collect();
        let sets = |coverage| ConformalSets::exclusive(3, &truth, &rows, level(coverage));
        let (narrow, wide) = (sets(low.min(high))?, sets(low.max(high))?);
        prop_assert!(wide.threshold <= narrow.threshold);
        // On the samples themselves the coverage is what was asked for, and more to make up for their number.
        let report = wide.on_exclusive(3, &truth, &rows)?;
        prop_assert!(report.complete.value >= wide.coverage.get() - 1e-12);
        prop_assert_eq!(report.sizes.iter().sum::<usize>(), truth.len());
    }
}

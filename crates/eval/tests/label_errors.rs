//! Confident learning against cleanlab (`reference/label_errors.py` made `reference/label_errors.json`), by hand, and on labels
//! that were flipped on purpose.

mod coins;

use divvy_eval::{EvalError, LabelErrors, MultiLabelErrors};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use coins::Coins;

#[derive(Deserialize)]
struct Reference {
    exclusive: Vec<ExclusiveCase>,
    multi_label: MultiLabelCase,
}

#[derive(Deserialize)]
struct ExclusiveCase {
    name: String,
    classes: usize,
    given: Vec<usize>,
    probabilities: Vec<f32>,
    #[serde(flatten)]
    expected: Evidence,
}

#[derive(Deserialize)]
struct MultiLabelCase {
    labels: usize,
    given: Vec<Vec<usize>>,
    probabilities: Vec<f32>,
    per_label: Vec<Evidence>,
}

#[derive(Deserialize)]
struct Evidence {
    thresholds: Vec<Option<f64>>,
    joint: Vec<Vec<usize>>,
    estimated: f64,
    suspects: Vec<usize>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/label_errors.json"))
        .expect("label_errors.json is as label_errors.py writes it")
}

impl Evidence {
    fn assert_agrees<'a>(
        &self,
        thresholds: &[Option<f64>],
        joint: impl Iterator<Item = &'a [usize]>,
        estimated: f64,
        place: &str,
    ) {
        assert_eq!(thresholds.len(), self.thresholds.len(), "{place}");
        for (ours, theirs) in thresholds.iter().zip(&self.thresholds) {
            match (ours, theirs) {
                (Some(ours), Some(theirs)) => {
                    assert!((ours - theirs).abs() < 1e-6, "{place}: {ours}, {theirs}");
                }
                _ => assert_eq!(ours, theirs, "{place}"),
            }
        }
        let mut ours: Vec<Vec<usize>> = joint.map(<[usize]>::to_vec).collect();
        for (class, row) in ours.iter_mut().enumerate() {
            // cleanlab takes at least one sample of each class to be right, which we do when we estimate.
            row[class] = row[class].max(1);
        }
        assert_eq!(ours, self.joint, "{place}");
        assert!((estimated - self.estimated).abs() < 1e-9, "{place}: {estimated}, {}", self.estimated);
    }
}

#[test]
fn exclusive_labels_agree_with_cleanlab() {
    let cases = reference().exclusive;
    assert!(cases.len() >= 5);
    for case in cases {
        let ours = LabelErrors::new(case.classes, &case.given, &case.probabilities)
            .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        case.expected.assert_agrees(&ours.thresholds, ours.joint.rows(), ours.estimated, &case.name);
        let mut suspects: Vec<usize> =
            ours.ranking.iter().filter(|doubt| doubt.suspected).map(|doubt| doubt.sample).collect();
        suspects.sort_unstable();
        assert_eq!(suspects, case.expected.suspects, "{}", case.name);
        assert_eq!(ours.suspected, suspects.len(), "{}", case.name);
    }
}

#[test]
fn labels_of_any_number_agree_with_cleanlab() {
    let case = reference().multi_label;
    let ours =
        MultiLabelErrors::new(case.labels, &case.given, &case.probabilities).expect("the input is good");
    for (label, expected) in case.per_label.iter().enumerate() {
        let place = format!("label {label}");
        let evidence = &ours.per_label[label];
        expected.assert_agrees(&evidence.thresholds, evidence.joint.rows(), evidence.estimated, &place);
        let mut suspects: Vec<usize> = ours
            .ranking
            .iter()
            .filter(|doubt| doubt.suspected.contains(&label))
            .map(|doubt| doubt.sample)
            .collect();
        suspects.sort_unstable();
        assert_eq!(suspects, expected.suspects, "{place}");
        assert_eq!(evidence.suspected, suspects.len(), "{place}");
    }
}

/// Samples of `classes` classes, as a softmax sees them, of whose labels every twentieth is another one: the share of these that is
/// among as many of the ranking's first.
fn share_of_flips_found(classes: usize, clarity: f64, seed: u64) -> f64 {
    const SAMPLES: usize = 4000;
    let mut coins = Coins(seed);
    let normal = |coins: &mut Coins| {
        (-2.0 * (1.0 - coins.next()).ln()).sqrt() * (std::f64::consts::TAU * coins.next()).cos()
    };
    let mut given = Vec::new();
    let mut probabilities = Vec::new();
    for sample in 0..SAMPLES {
        let truth = sample % classes;
        // The likelihood of a normal distribution about each class's own place: these probabilities are the true ones.
        let powers: Vec<f64> = (0..classes)
            .map(|class| {
                let mean = if class == truth { clarity } else { 0.0 };
                (clarity * (mean + normal(&mut coins))).exp()
            })
            .collect();
        let sum: f64 = powers.iter().sum();
        probabilities.extend(powers.iter().map(|power| (power / sum) as f32));
        given.push(if sample % 20 == 7 {
            (truth + 1 + sample / 20 % (classes - 1)) % classes
        } else {
            truth
        });
    }
    let errors = LabelErrors::new(classes, &given, &probabilities).expect("the input is good");
    let found = errors.ranking[..SAMPLES / 20].iter().filter(|doubt| doubt.sample % 20 == 7).count();
    found as f64 / (SAMPLES / 20) as f64
}

#[test]
fn flipped_labels_come_first() {
    // Classes that can be told apart in 96, and in 78 of 100 cases: half of all flips, or more, where chance finds a twentieth.
    let (clear, murky) = (share_of_flips_found(10, 3.0, 21), share_of_flips_found(2, 1.1, 22));
    assert!(clear > 0.85, "{clear}");
    assert!(murky > 0.35, "{murky}");
}

#[test]
fn a_network_is_taken_at_its_word_only_where_it_is_as_sure_as_usual() {
    // Class 1 is mostly given 0.5 and so is reached by 0.55; class 0 is mostly given 0.9, which 0.6 is below.
    let given = [0, 0, 0, 1, 1, 0, 1];
    let of_second = [0.1_f32, 0.1, 0.1, 0.5, 0.5, 0.75, 0.375];
    let rows: Vec<f32> = of_second.iter().flat_map(|p| [1.0 - p, *p]).collect();
    let errors = LabelErrors::new(2, &given, &rows).expect("the input is good");
    // The means of 0.9, 0.9, 0.9, 0.25, and of 0.5, 0.5, 0.375.
    let expected = [2.95 / 4.0, 1.375 / 3.0];
    for (ours, expected) in errors.thresholds.iter().zip(expected) {
        assert!(ours.is_some_and(|threshold| (threshold - expected).abs() < 1e-7), "{ours:?}");
    }
    // The last sample, 0.625 to 0.375, reaches neither and is in no cell.
    let json = serde_json::to_value(&errors).expect("errors serialise");
    assert_eq!(json["joint"], json!([[3, 1], [0, 2]]));
    assert_eq!((errors.suspected, errors.ranking[0].sample), (1, 5));
    // Its label is contradicted all the same, so it comes next.
    assert_eq!((errors.ranking[1].sample, errors.ranking[1].suspected), (6, false));
    assert!((errors.estimated - 1.0).abs() < 1e-12);
}

#[test]
fn a_label_that_is_likeliest_is_not_suspected_and_one_sample_of_each_is_taken_to_be_right() {
    // The thresholds are 0.65 and 0.2: the first sample reaches that of the other class alone, both of the second that of the first.
    let rows = [0.6, 0.4, 0.7, 0.3, 0.7, 0.3, 0.9, 0.1];
    let errors = LabelErrors::new(2, &[0, 0, 1, 1], &rows).expect("the input is good");
    assert_eq!(serde_json::to_value(&errors.joint).expect("a joint serialises"), json!([[1, 1], [2, 0]]));
    let suspects: Vec<usize> =
        errors.ranking.iter().filter(|doubt| doubt.suspected).map(|doubt| doubt.sample).collect();
    assert_eq!(suspects, [3, 2]);
    // One of two, and two of three, scaled to two samples each.
    assert!((errors.estimated - (1.0 + 4.0 / 3.0)).abs() < 1e-12, "{}", errors.estimated);
}

#[test]
fn classes_with_no_sample_or_one() {
    let rows = [0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.05, 0.05, 0.9];
    let errors = LabelErrors::new(3, &[0, 0, 1], &rows).expect("the input is good");
    assert_eq!(errors.thresholds[2], None);
    assert!(errors.ranking.iter().all(|doubt| doubt.given != 2));
    assert_eq!(serde_json::to_value(&errors.joint).expect("a joint serialises")[2], json!([0, 0, 0]));
    let alone = LabelErrors::new(2, &[1], &[0.75, 0.25]).expect("the input is good");
    assert_eq!((alone.suspected, alone.thresholds[1]), (0, Some(0.25)));
}

#[test]
fn a_probability_of_nothing_ranks_first() {
    let rows = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.001, 0.999];
    let errors = LabelErrors::new(2, &[0, 1, 0, 0], &rows).expect("the input is good");
    assert_eq!(errors.ranking.iter().map(|doubt| doubt.sample).collect::<Vec<_>>(), [2, 3, 0, 1]);
}

#[test]
fn a_sample_is_ranked_by_its_most_doubtful_label() {
    let rows = [0.9, 0.1, 0.9, 0.02, 0.05, 0.9];
    let given: [&[usize]; 3] = [&[0], &[0, 1], &[1]];
    let errors = MultiLabelErrors::new(2, &given, &rows).expect("the input is good");
    let first = &errors.ranking[0];
    assert_eq!((first.sample, first.label, first.given), (1, 1, true));
    assert!((first.probability - 0.02).abs() < 1e-7);
    assert_eq!(errors.ranking.len(), 3);
}

#[test]
fn what_cannot_be_held_against_labels_is_refused() {
    assert_eq!(LabelErrors::new(1, &[0], &[1.0]), Err(EvalError::TooFewClasses { needed: 2, found: 1 }));
    assert_eq!(LabelErrors::new(2, &[], &[]), Err(EvalError::NoSamples));
    assert!(matches!(LabelErrors::new(2, &[2], &[0.5, 0.5]), Err(EvalError::ClassOutOfRange { .. })));
    assert!(matches!(LabelErrors::new(2, &[0], &[0.9, 0.9]), Err(EvalError::NotNormalised { .. })));
    assert!(matches!(LabelErrors::new(2, &[0], &[0.5]), Err(EvalError::Length { .. })));
    let none: [[usize; 0]; 0] = [];
    assert_eq!(MultiLabelErrors::new(2, &none, &[]), Err(EvalError::NoSamples));
    assert_eq!(MultiLabelErrors::new(0, &none, &[]), Err(EvalError::TooFewClasses { needed: 1, found: 0 }));
    assert!(matches!(MultiLabelErrors::new(2, &[[2]], &[0.5, 0.5]), Err(EvalError::ClassOutOfRange { .. })));
}

proptest! {
    #[test]
    fn every_sample_is_ranked_once_and_two_classes_are_one_label(
        samples in prop::collection::vec((any::<bool>(), 0_u8..=16), 1..40),
    ) {
        // Sixteenths, whose complements are exact.
        let given: Vec<usize> = samples.iter().map(|(given, _)| usize::from(*given)).collect();
        let of_second: Vec<f32> = samples.iter().map(|(_, p)| f32::from(*p) / 16.0).collect();
        let rows: Vec<f32> = of_second.iter().flat_map(|p| [1.0 - p, *p]).collect();
        let exclusive = LabelErrors::new(2, &given, &rows)?;
        let mut ranked: Vec<usize> = exclusive.ranking.iter().map(|doubt| doubt.sample).collect();
        let sets: Vec<Vec<usize>> = given.iter().map(|&class| vec![0; class]).collect();
        let label = MultiLabelErrors::new(1, &sets, &of_second)?;
        prop_assert_eq!(&ranked, &label.ranking.iter().map(|doubt| doubt.sample).collect::<Vec<_>>());
        prop_assert_eq!(exclusive.suspected, label.suspected);
        prop_assert_eq!(&exclusive.joint, &label.per_label[0].joint);
        ranked.sort_unstable();
        prop_assert_eq!(ranked, (0..given.len()).collect::<Vec<_>>());
        prop_assert!((0.0..=given.len() as f64).contains(&exclusive.estimated));
    }
}

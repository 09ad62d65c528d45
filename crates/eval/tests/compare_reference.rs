//! What comparisons are made of against scipy, statsmodels, netcal, torchmetrics and scikit-learn (`reference/compare.py` made
//! `reference/compare.json`), and against published examples.

use divvy_eval::{Answers, Binning, Calibration, Interval, McNemar, MeanInterval, PairedT, Reliability};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    mcnemar: Vec<McNemarCase>,
    /// At 1 to 200 degrees of freedom.
    critical_95: Vec<f64>,
    mean: Vec<MeanCase>,
    paired: Vec<PairedCase>,
    calibration: Vec<CalibrationCase>,
}

#[derive(Deserialize)]
struct McNemarCase {
    only_a_right: usize,
    only_b_right: usize,
    samples: usize,
    exact_p: f64,
    mid_p: f64,
    difference: f64,
    interval: [f64; 2],
}

#[derive(Deserialize)]
struct MeanCase {
    values: Vec<f64>,
    mean: f64,
    standard_error: f64,
    interval: [f64; 2],
}

#[derive(Deserialize)]
struct PairedCase {
    first: Vec<f64>,
    second: Vec<f64>,
    p: f64,
}

#[derive(Deserialize)]
struct CalibrationCase {
    name: String,
    classes: usize,
    truth: Vec<usize>,
    probabilities: Vec<f32>,
    equal_width: f64,
    equal_mass: f64,
    brier: f64,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/compare.json"))
        .expect("compare.json is as compare.py writes it")
}

/// Equal to `tolerance` of the expected value, however small that is.
fn assert_near(ours: f64, theirs: f64, tolerance: f64, place: &str) {
    assert!((ours - theirs).abs() <= tolerance * theirs.abs(), "{place}: {ours}, expected {theirs}");
}

/// Equal to `tolerance`.
fn assert_ends(ours: Interval, theirs: [f64; 2], tolerance: f64, place: &str) {
    for (end, expected) in [ours.low, ours.high].into_iter().zip(theirs) {
        assert!((end - expected).abs() <= tolerance, "{place}: {end}, expected {expected}");
    }
}

#[test]
fn mcnemar_agrees_with_statsmodels_and_scipy() {
    for case in reference().mcnemar {
        let test = McNemar::new(case.only_a_right, case.only_b_right);
        let place = format!("{test:?}");
        assert_near(test.exact_p(), case.exact_p, 1e-11, &place);
        assert_near(test.mid_p(), case.mid_p, 1e-11, &place);
        let difference = test.difference(case.samples).expect("there are samples");
        assert_eq!(difference.value, case.difference, "{place}");
        assert_ends(difference.ci95, case.interval, 1e-11, &place);
    }
}

/// The examples of Fagerland, Lydersen and Laake (2013, 2014): airway reactivity before and after a transplantation (Bentur
/// et al. 2009), and response before and after a therapy (Cavo et al. 2012).
#[test]
fn mcnemar_agrees_with_published_examples() {
    for (only_a, only_b, samples, exact_p, mid_p, interval) in
        [(1, 7, 21, 0.0703, 0.0391, [-0.517, -0.026]), (6, 16, 161, 0.0525, 0.0347, [-0.124, -0.005])]
    {
        let test = McNemar::new(only_a, only_b);
        assert!((test.exact_p() - exact_p).abs() < 5e-5, "{}", test.exact_p());
        assert!((test.mid_p() - mid_p).abs() < 5e-5, "{}", test.mid_p());
        let difference = test.difference(samples).expect("there are samples");
        assert_ends(difference.ci95, interval, 5e-4, "published");
    }
}

#[test]
fn quantiles_of_students_distribution_agree_with_scipy() {
    let critical = reference().critical_95;
    assert_eq!(critical.len(), 200);
    for (index, expected) in critical.into_iter().enumerate() {
        let df = index + 1;
        // Any values will do: half the interval's width is the quantile times the standard error.
        let values: Vec<f64> = (0..=df).map(|value| value as f64 - df as f64 / 2.0).collect();
        let mean = MeanInterval::of(&values).expect("two values or more");
        let width = mean.ci95.high - mean.ci95.low;
        assert_near(width / 2.0 / mean.standard_error, expected, 1e-12, &format!("{df} degrees of freedom"));
    }
}

#[test]
fn mean_intervals_agree_with_scipy() {
    for case in reference().mean {
        let ours = MeanInterval::of(&case.values).expect("two values or more");
        assert_eq!(ours.n, case.values.len());
        assert_near(ours.mean, case.mean, 1e-14, "mean");
        assert_near(ours.standard_error, case.standard_error, 1e-9, "standard error");
        assert_ends(ours.ci95, case.interval, 1e-9, "interval");
    }
}

#[test]
fn paired_t_tests_agree_with_scipy() {
    for case in reference().paired {
        let pairs: Vec<_> = case.first.iter().copied().zip(case.second.iter().copied()).collect();
        let ours = PairedT::of(&pairs).expect("two pairs or more");
        assert_near(ours.p.expect("the differences scatter"), case.p, 1e-9, "p");
    }
}

#[test]
fn calibration_agrees_with_netcal_torchmetrics_and_scikit_learn() {
    for case in reference().calibration {
        let answers = Answers::Probabilities(&case.probabilities);
        let calibration = Calibration::of(case.classes, &case.truth, answers)
            .unwrap_or_else(|error| panic!("{}: {error}", case.name))
            .expect("there are probabilities");
        let error = |binning| calibration.error(binning).expect("there are bins").value;
        assert_near(error(Binning::EqualWidth(15)), case.equal_width, 1e-9, &case.name);
        assert_near(error(Binning::EqualMass(15)), case.equal_mass, 1e-9, &case.name);
        let reliability = Reliability::of(case.classes, &case.truth, answers, Binning::default())
            .unwrap_or_else(|error| panic!("{}: {error}", case.name))
            .expect("there are probabilities");
        assert_near(reliability.brier, case.brier, 1e-9, &case.name);
    }
}

//! What comparisons are made of, by hand: what is undefined is `None`, bad input is refused, bins and ties fall as said.

use divvy_eval::{
    Answers, Binning, Calibration, Estimate, EvalError, ExclusiveReport, Interval, McNemar, MeanInterval,
    PairedT, Reliability,
};

/// The square of the 97.5% point of the normal distribution.
const Z2: f64 = 3.841_458_820_694_124;

fn assert_close(ours: f64, expected: f64) {
    assert!((ours - expected).abs() < 1e-12, "{ours}, expected {expected}");
}

fn error(confidences: &[f32], came_true: &[bool], binning: Binning) -> Estimate {
    let calibration = Calibration::new(confidences, came_true).expect("the input is good");
    calibration.error(binning).expect("there are bins")
}

#[test]
fn classifiers_that_never_differ() {
    let test = McNemar::new(0, 0);
    assert_eq!((test.exact_p(), test.mid_p()), (1.0, 1.0));
    let difference = test.difference(100).expect("there are samples");
    assert_eq!(difference.value, 0.0);
    // By hand: without discordant pairs the statistic is n d² / (d - d²).
    assert_close(difference.ci95.high, Z2 / (100.0 + Z2));
    assert_eq!(difference.ci95.low, -difference.ci95.high);
}

#[test]
fn a_difference_needs_the_samples_it_was_counted_on() {
    assert_eq!(McNemar::new(0, 0).difference(0), None);
    assert_eq!(McNemar::new(2, 3).difference(4), None);
    assert!(McNemar::new(2, 3).difference(5).is_some());
    assert_eq!(McNemar::new(usize::MAX, 1).difference(usize::MAX), None);
}

#[test]
fn counts_of_any_size_end_in_a_probability() {
    let counts = [0, 1, 7, 1_000_000, 4_000_000_000, usize::MAX - 1, usize::MAX];
    for a in counts {
        for b in counts {
            let test = McNemar::new(a, b);
            let (exact, mid) = (test.exact_p(), test.mid_p());
            assert!((0.0..=1.0).contains(&exact) && (0.0..=1.0).contains(&mid), "{test:?}: {exact}, {mid}");
        }
    }
}

#[test]
fn many_fair_coins_are_nearly_normal() {
    // 31 622 more heads than tails of 10⁹ are 31622 / √10⁹ standard deviations: 2 (1 - Φ(0.999975)) = 0.3173224.
    let p = McNemar::new(500_015_811, 499_984_189).mid_p();
    assert!((p - 0.317_322_4).abs() < 1e-7, "{p}");
}

#[test]
fn a_mean_needs_two_finite_values() {
    assert_eq!(MeanInterval::of(&[]), None);
    assert_eq!(MeanInterval::of(&[0.5]), None);
    assert_eq!(MeanInterval::of(&[0.5, f64::NAN]), None);
    assert_eq!(MeanInterval::of(&[0.5, f64::INFINITY]), None);
    assert_eq!(MeanInterval::of(&[f64::MAX, f64::MAX]), None);
    assert_eq!(MeanInterval::of(&[f64::MAX, -f64::MAX]), None);
    assert_eq!(PairedT::of(&[(0.5, 0.25)]), None);
    assert_eq!(PairedT::of(&[(0.5, 0.25), (0.5, f64::NAN)]), None);
}

#[test]
fn a_mean_by_hand() {
    let mean = MeanInterval::of(&[1.0, 2.0, 3.0]).expect("three values");
    assert_eq!((mean.n, mean.mean), (3, 2.0));
    assert_close(mean.standard_error, (1.0_f64 / 3.0).sqrt());
    // 4.3027 is the 97.5% point at two degrees of freedom, as printed in tables.
    assert!((mean.ci95.high - 2.0 - 4.3027 * mean.standard_error).abs() < 1e-4, "{mean:?}");
    let json = serde_json::to_value(mean).expect("a mean serialises");
    assert_eq!(json["ci95"][1], mean.ci95.high);
}

#[test]
fn equal_values_have_an_interval_of_no_width() {
    let mean = MeanInterval::of(&[0.75; 5]).expect("five values");
    assert_eq!((mean.mean, mean.ci95), (0.75, Interval { low: 0.75, high: 0.75 }));
}

#[test]
fn differences_that_do_not_scatter_have_no_p_value() {
    assert_eq!(PairedT::of(&[(0.5, 0.5), (0.25, 0.25)]).map(|test| test.p), Some(None));
    // 0.9 - 0.8 and 0.7 - 0.6 differ in their last bits alone, which would make p = 5e-16.
    let rounded = PairedT::of(&[(0.9, 0.8), (0.7, 0.6), (0.4, 0.3)]).expect("three pairs");
    assert!(rounded.difference.standard_error > 0.0);
    assert_eq!(rounded.p, None);
    assert!(PairedT::of(&[(0.9, 0.8), (0.7, 0.6), (0.4, 0.300_001)]).is_some_and(|test| test.p.is_some()));
}

#[test]
fn bins_of_equal_mass_keep_ties_together() {
    // A cut after two samples would part equal ones, and their order would decide about the error.
    let confidences = [0.25, 0.25, 0.25, 0.75];
    for came_true in [[true, false, false, true], [false, true, false, true], [false, false, true, true]] {
        // Bins {0.25 × 3: one came true} and {0.75: came true}: (0.25 + 0.25) / 4.
        assert_close(error(&confidences, &came_true, Binning::EqualMass(2)).value, 0.125);
    }
    // All equal: one bin, whatever their number.
    assert_close(error(&[0.5; 4], &[true, true, true, false], Binning::default()).value, 0.25);
}

#[test]
fn bins_of_equal_mass_are_as_even_as_can_be() {
    // Three bins of five samples hold two, one and two: what came true would make another sum if they did not.
    let confidences = [0.125, 0.25, 0.375, 0.5, 0.625];
    let came_true = [true, false, true, false, false];
    // |0.375 - 1| + |0.375 - 1| + |1.125 - 0|.
    assert_close(error(&confidences, &came_true, Binning::EqualMass(3)).value, 2.375 / 5.0);
    // More bins than samples: one for each.
    let alone = (0.875 + 0.25 + 0.625 + 0.5 + 0.625) / 5.0;
    assert_close(error(&confidences, &came_true, Binning::EqualMass(5)).value, alone);
    assert_close(error(&confidences, &came_true, Binning::EqualMass(usize::MAX)).value, alone);
    assert_close(error(&confidences, &came_true, Binning::EqualWidth(usize::MAX)).value, alone);
}

#[test]
fn the_bins_of_a_diagram_by_hand() {
    let calibration =
        Calibration::new(&[0.75, 0.25, 0.5, 1.0], &[true, false, true, true]).expect("the input is good");
    let bins = calibration.bins(Binning::EqualMass(2)).expect("there are bins");
    let found: Vec<_> = bins.iter().map(|bin| (bin.samples, bin.confidence, bin.came_true)).collect();
    assert_eq!(found, [(2, 0.375, 0.5), (2, 0.875, 1.0)]);
    assert_eq!(Some(bins[0].came_true_ci95), Interval::wilson(1, 2));
    assert_eq!(calibration.bins(Binning::EqualWidth(0)), None);
    let json = serde_json::to_value(bins[1]).expect("a bin serialises");
    assert_eq!((&json["samples"], &json["came_true_ci95"][1]), (&2.into(), &1.0.into()));
}

#[test]
fn confidence_is_that_in_what_was_decided() {
    let error = |answers| {
        let calibration = Calibration::of_decisions(2, &[0, 1, 1], answers).expect("the input is good");
        calibration.and_then(|calibration| calibration.error(Binning::EqualMass(1))).map(|error| error.value)
    };
    // 0.75, 0.75 and 0.875 are stated; the last is wrong.
    let expected = Some((2.375 - 2.0) / 3.0);
    assert_eq!(error(Answers::Probabilities(&[0.75, 0.25, 0.25, 0.75, 0.875, 0.125])), expected);
    let alone = &[0.25, 0.75, 0.125];
    assert_eq!(error(Answers::PositiveProbabilities { probabilities: alone, threshold: 0.5 }), expected);
    // A threshold that is never reached decides for the first, however unlikely: 0.75 + 0.25 + 0.875, one right.
    let never = Answers::PositiveProbabilities { probabilities: alone, threshold: 0.9 };
    assert_eq!(error(never), Some((1.875 - 1.0) / 3.0));
    assert_eq!(error(Answers::Decisions(&[0, 1, 1])), None);
}

#[test]
fn what_probabilities_cost_by_hand() {
    let answers = Answers::Probabilities(&[0.75, 0.25, 0.5, 0.5]);
    let found = Reliability::of(2, &[0, 1], answers, Binning::EqualMass(1)).expect("the input is good");
    let found = found.expect("there are probabilities");
    assert_close(found.log_loss, f64::midpoint((4.0_f64 / 3.0).ln(), 2.0_f64.ln()));
    assert_close(found.brier, f64::midpoint(2.0 / 16.0, 2.0 / 4.0));
    // The second was decided for the first: 1.25 stated, one right.
    assert_close(found.calibration_error, 0.125);
    assert_eq!(found.bins.len(), 1);
    let alone = Answers::PositiveProbabilities { probabilities: &[0.25, 0.5], threshold: 0.6 };
    let same = Reliability::of(2, &[0, 1], alone, Binning::EqualMass(1)).expect("the input is good");
    assert_eq!(same, Some(found));
    // Of a label its own error alone, and its probability rather than the larger of the two.
    let label = Reliability::of_label(&[false, true], &[0.25, 0.5], Binning::EqualMass(1));
    let label = label.expect("the input is good").expect("there is a bin");
    assert_close(label.brier, f64::midpoint(1.0 / 16.0, 1.0 / 4.0));
    assert_eq!((label.bins[0].confidence, label.bins[0].came_true), (0.375, 0.5));

    let scores = Answers::Scores { scores: &[0.5], threshold: 0.5 };
    assert_eq!(Reliability::of(2, &[0], scores, Binning::default()), Ok(None));
    assert_eq!(Reliability::of(2, &[0, 1], answers, Binning::EqualMass(0)), Ok(None));
    assert_eq!(
        Reliability::of(2, &[], Answers::Probabilities(&[]), Binning::default()),
        Err(EvalError::NoSamples)
    );
    assert!(matches!(
        Reliability::of_label(&[true], &[f32::NAN], Binning::default()),
        Err(EvalError::NotFinite { .. })
    ));
    // One sample, certain and right: still not beyond doubt.
    let sure = Reliability::of_label(&[true], &[1.0], Binning::default()).expect("the input is good");
    assert!(sure.is_some_and(|sure| sure.brier == 0.0 && sure.brier_ci95.high > 0.5));
}

#[test]
fn losses_that_are_all_equal_have_the_interval_of_a_share() {
    // One half of two is the largest squared error of a row: 1 of 4 trials, times 2.
    let answers = Answers::Probabilities(&[0.5; 8]);
    let found = Reliability::of(2, &[0, 1, 0, 1], answers, Binning::EqualMass(1)).expect("the input is good");
    let ci95 = found.expect("there are probabilities").brier_ci95;
    let quarter = Interval::wilson(1, 4).expect("there are trials");
    assert_close(ci95.low, 2.0 * quarter.low);
    assert_close(ci95.high, 2.0 * quarter.high);
}

#[test]
fn bins_of_equal_width_are_closed_below_and_the_last_above() {
    // Bins [0, 0.5) and [0.5, 1]: |0.25 - 0| + |0.5 + 1 - 1|.
    let found = error(&[0.25, 0.5, 1.0], &[false, true, false], Binning::EqualWidth(2));
    assert_close(found.value, 0.75 / 3.0);
}

/// The calibration error of 100 samples of one confidence, of which so many came true.
fn of_a_hundred(confidence: f32, came_true: usize) -> Estimate {
    let came_true: Vec<bool> = (0..100).map(|sample| sample < came_true).collect();
    error(&[confidence; 100], &came_true, Binning::default())
}

#[test]
fn the_interval_of_one_clear_bin_is_that_of_its_share() {
    // Mid-p intervals, where scipy's binom.sf + binom.pmf / 2 is 0.025 and 0.975.
    let shares = [
        (0.5, 90, [0.829_01, 0.948_08]),
        (0.5, 75, [0.658_27, 0.827_43]),
        (0.5, 10, [0.051_92, 0.170_99]),
        (0.75, 45, [0.354_6, 0.548_25]),
        (0.75, 95, [0.892_68, 0.981_45]),
        (0.25, 55, [0.451_75, 0.645_4]),
        (0.25, 5, [0.018_55, 0.107_32]),
    ];
    for (confidence, came_true, share) in shares {
        let Estimate { value, ci95 } = of_a_hundred(confidence, came_true);
        let confidence = f64::from(confidence);
        assert_close(value, (confidence - came_true as f64 / 100.0).abs());
        let mut expected = share.map(|end: f64| (confidence - end).abs());
        expected.sort_by(f64::total_cmp);
        for (ours, expected) in [ci95.low, ci95.high].into_iter().zip(expected) {
            assert!((ours - expected).abs() < 0.002, "{came_true}: {ci95:?}, expected {expected}");
        }
    }
}

#[test]
fn no_error_is_left_out_where_a_binomial_test_does_not_find_one() {
    // 59 and 61 of 100 fair coins have p-values of 0.089 and 0.035 (scipy.stats.binomtest).
    for (came_true, is_found) in [(50, false), (59, false), (41, false), (61, true), (39, true)] {
        let ci95 = of_a_hundred(0.5, came_true).ci95;
        assert_eq!(ci95.low > 0.0, is_found, "{came_true}: {ci95:?}");
    }
}

#[test]
fn always_right_is_not_right_with_certainty() {
    // Were 1 - 0.05^(1/40) wrong, all 40 would be right in 5 of 100 cases.
    let Estimate { value, ci95 } = error(&[1.0; 40], &[true; 40], Binning::default());
    assert_eq!((value, ci95.low), (0.0, 0.0));
    assert!((ci95.high - (1.0 - 0.05_f64.powf(1.0 / 40.0))).abs() < 0.01, "{ci95:?}");
    // And stated with almost certainty, in many bins.
    let confidences: Vec<f32> = (0..600_u16).map(|sample| 1.0 - 1e-6 * f32::from(sample)).collect();
    let ci95 = error(&confidences, &[true; 600], Binning::default()).ci95;
    assert!(ci95.low == 0.0 && (0.003..0.008).contains(&ci95.high), "{ci95:?}");
}

#[test]
fn confidences_that_are_none() {
    let refusal = |confidences: &[f32], came_true: &[bool]| {
        Calibration::new(confidences, came_true).expect_err("this input is bad")
    };
    assert_eq!(refusal(&[], &[]), EvalError::NoSamples);
    assert!(matches!(refusal(&[0.5], &[true, false]), EvalError::Length { .. }));
    assert!(matches!(refusal(&[f32::NAN], &[true]), EvalError::NotFinite { .. }));
    assert!(matches!(refusal(&[1.5], &[true]), EvalError::NotAProbability { .. }));
    let calibration = Calibration::new(&[0.5], &[true]).expect("the input is good");
    assert_eq!(calibration.error(Binning::EqualMass(0)), None);
    assert_eq!(calibration.error(Binning::EqualWidth(0)), None);
}

#[test]
fn two_classes_are_one_probability_and_more_are_their_largest() {
    let of = |classes, truth: &[usize], answers| {
        let calibration = Calibration::of(classes, truth, answers).expect("the input is good");
        calibration.and_then(|calibration| calibration.error(Binning::EqualMass(1)))
    };
    let pairs = Answers::Probabilities(&[0.75, 0.25, 0.5, 0.5, 0.875, 0.125]);
    let single = Answers::PositiveProbabilities { probabilities: &[0.25, 0.5, 0.125], threshold: 0.5 };
    // 0.875 are stated and two came true.
    let expected = Some(1.125 / 3.0);
    assert_eq!(of(2, &[0, 1, 1], pairs).map(|error| error.value), expected);
    assert_eq!(of(2, &[0, 1, 1], single), of(2, &[0, 1, 1], pairs));
    // 0.5 + 0.75 are stated, and the second is wrong.
    let rows = Answers::Probabilities(&[0.25, 0.25, 0.5, 0.75, 0.125, 0.125]);
    assert_eq!(of(3, &[2, 1], rows).map(|error| error.value), Some(0.125));

    assert_eq!(of(2, &[0], Answers::Scores { scores: &[0.5], threshold: 0.5 }), None);
    assert_eq!(of(2, &[0], Answers::Decisions(&[0])), None);
    let error = Calibration::of(2, &[2], single).expect_err("there are two classes");
    assert!(matches!(error, EvalError::ClassOutOfRange { .. }), "{error}");
}

#[test]
fn the_losses_of_samples_make_the_log_loss() {
    let answers = Answers::Probabilities(&[0.5, 0.5, 0.75, 0.25, 0.0, 1.0]);
    let losses = answers.losses(2, &[0, 1, 0]).expect("the input is good").expect("there are probabilities");
    assert_close(losses[0], 2.0_f64.ln());
    assert_close(losses[1], 4.0_f64.ln());
    // Certain and wrong: clipped.
    assert_close(losses[2], -f64::from(f32::EPSILON).ln());
    let names = ["no".to_owned(), "yes".to_owned()];
    let report = ExclusiveReport::new(&names, &[0, 1, 0], answers).expect("the input is good");
    assert_eq!(report.log_loss, MeanInterval::of(&losses).map(|mean| mean.mean));

    assert_eq!(
        answers.losses(2, &[0, 1]).map_err(|error| error.to_string()),
        Err("found 6 probabilities, expected 4".into())
    );
    assert_eq!(answers.losses(1, &[0]), Err(EvalError::TooFewClasses { needed: 2, found: 1 }));
    assert_eq!(Answers::Decisions(&[0]).losses(2, &[0]), Ok(None));
    let error = Answers::Decisions(&[2]).losses(2, &[0]).expect_err("there are two classes");
    assert!(matches!(error, EvalError::ClassOutOfRange { what: "decision", .. }), "{error}");
    assert_eq!(Answers::Scores { scores: &[0.5], threshold: 0.5 }.losses(2, &[0]), Ok(None));
}

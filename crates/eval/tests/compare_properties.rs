//! What holds for all comparisons, and how often intervals cover what they should.

mod coins;

use divvy_eval::{Binning, Calibration, Estimate, Interval, McNemar, MeanInterval, PairedT};
use proptest::prelude::*;

use coins::Coins;

fn holds(interval: Interval, value: f64) -> bool {
    interval.low <= value && value <= interval.high
}

/// The chances of 0 to n heads of n fair coins, by Pascal's triangle.
fn coin_chances(n: usize) -> Vec<f64> {
    let mut chances = vec![1.0];
    for _ in 0..n {
        let shares = |side: usize| chances.get(side).copied().unwrap_or(0.0) / 2.0;
        chances = (0..=chances.len()).map(|k| k.checked_sub(1).map_or(0.0, shares) + shares(k)).collect();
    }
    chances
}

/// Confidences in eighths, so that many are equal, and what came true.
fn confidences() -> impl Strategy<Value = (Vec<f32>, Vec<bool>)> {
    (1_usize..80).prop_flat_map(|n| {
        let confidences = prop::collection::vec((0_u8..=8).prop_map(|step| f32::from(step) / 8.0), n);
        (confidences, prop::collection::vec(any::<bool>(), n))
    })
}

fn any_binning() -> impl Strategy<Value = Binning> {
    prop_oneof![
        (1_usize..100).prop_map(Binning::EqualMass),
        (1_usize..100).prop_map(Binning::EqualWidth),
        Just(Binning::default()),
    ]
}

proptest! {
    #[test]
    fn p_values_are_the_sums_of_chances(a in 0_usize..60, b in 0_usize..60) {
        let test = McNemar::new(a, b);
        let chances = coin_chances(a + b);
        let uneven = |heads: usize| (2 * heads).abs_diff(a + b);
        let sum = |keep: &dyn Fn(usize) -> bool| -> f64 {
            chances.iter().enumerate().filter(|(heads, _)| keep(uneven(*heads))).map(|(_, chance)| chance).sum()
        };
        let (farther, seen) = (sum(&|other| other > a.abs_diff(b)), sum(&|other| other == a.abs_diff(b)));
        prop_assert!((test.exact_p() - farther - seen).abs() < 1e-13);
        if a + b > 0 {
            prop_assert!((test.mid_p() - farther - seen / 2.0).abs() < 1e-13);
        }
    }

    #[test]
    fn exchanging_the_classifiers_mirrors_the_test(a in 0_usize..5000, b in 0_usize..5000, agree in 0_usize..5000) {
        let (test, exchanged) = (McNemar::new(a, b), McNemar::new(b, a));
        prop_assert_eq!(test.exact_p(), exchanged.exact_p());
        prop_assert_eq!(test.mid_p(), exchanged.mid_p());
        prop_assert!(0.0 <= test.mid_p() && test.mid_p() <= test.exact_p() && test.exact_p() <= 1.0);
        if let (Some(ours), Some(theirs)) = (test.difference(a + b + agree), exchanged.difference(a + b + agree)) {
            prop_assert_eq!(ours.value, -theirs.value);
            prop_assert_eq!((ours.ci95.low, ours.ci95.high), (-theirs.ci95.high, -theirs.ci95.low));
            prop_assert!(-1.0 <= ours.ci95.low && ours.ci95.high <= 1.0);
            prop_assert!(holds(ours.ci95, ours.value));
        }
    }

    #[test]
    fn the_interval_leaves_out_zero_where_mcnemars_statistic_is_significant(
        a in 0_usize..500, b in 0_usize..500, agree in 0_usize..500,
    ) {
        prop_assume!(a + b > 0);
        let difference = McNemar::new(a, b).difference(a + b + agree).expect("there are samples");
        let statistic = a.abs_diff(b).pow(2) as f64 / (a + b) as f64;
        prop_assert_eq!(!holds(difference.ci95, 0.0), statistic > 3.841_458_820_694_124);
    }

    #[test]
    fn a_mean_lies_in_its_interval_and_moves_with_the_values(
        values in prop::collection::vec(-10.0_f64..10.0, 2..30), shift in -5.0_f64..5.0, scale in 0.1_f64..5.0,
    ) {
        let mean = MeanInterval::of(&values).expect("two values or more");
        prop_assert!(holds(mean.ci95, mean.mean));
        let moved: Vec<f64> = values.iter().map(|value| value * scale + shift).collect();
        let moved = MeanInterval::of(&moved).expect("two values or more");
        prop_assert!((moved.ci95.low - (mean.ci95.low * scale + shift)).abs() < 1e-9);
        prop_assert!((moved.ci95.high - (mean.ci95.high * scale + shift)).abs() < 1e-9);
    }

    #[test]
    fn exchanging_pairs_mirrors_the_t_test(
        pairs in prop::collection::vec((0.0_f64..1.0, 0.0_f64..1.0), 2..30),
    ) {
        let exchanged: Vec<(f64, f64)> = pairs.iter().map(|&(a, b)| (b, a)).collect();
        let (ours, theirs) = (PairedT::of(&pairs).expect("pairs"), PairedT::of(&exchanged).expect("pairs"));
        prop_assert_eq!(ours.difference.mean, -theirs.difference.mean);
        prop_assert_eq!(ours.p, theirs.p);
        if let Some(p) = ours.p {
            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert_eq!(holds(ours.difference.ci95, 0.0), p >= 0.05);
        }
    }

    #[test]
    fn two_pairs_are_tested_by_cauchys_distribution(positive in any::<bool>(), exponent in -40_i32..40) {
        // Exact numbers, so that t is what it is meant to be: differences m - 1 and m + 1 have t = m.
        let mean = 2.0_f64.powi(exponent) * if positive { 1.0 } else { -1.0 };
        let test = PairedT::of(&[(mean - 1.0, 0.0), (mean + 1.0, 0.0)]).expect("two pairs");
        let p = std::f64::consts::FRAC_2_PI * mean.abs().recip().atan();
        prop_assert!((test.p.expect("they scatter") - p).abs() <= 1e-13 * p);
    }

    #[test]
    fn a_calibration_error_lies_in_its_interval((confidences, came_true) in confidences(), binning in any_binning()) {
        let calibration = Calibration::new(&confidences, &came_true)?;
        let Estimate { value, ci95 } = calibration.error(binning).expect("there are bins");
        prop_assert!(0.0 <= ci95.low && ci95.high <= 1.0 && holds(ci95, value), "{ci95:?} and {value}");
        // Bins that are joined may cancel, never add.
        let whole = calibration.error(Binning::EqualMass(1)).expect("there is a bin").value;
        let gap = confidences.iter().zip(&came_true).map(|(&p, &c)| f64::from(p) - f64::from(u8::from(c)));
        prop_assert!((whole - gap.sum::<f64>().abs() / confidences.len() as f64).abs() < 1e-12);
        prop_assert!(whole <= value + 1e-12);
    }

    #[test]
    fn the_order_of_samples_does_not_matter((confidences, came_true) in confidences(), binning in any_binning()) {
        let reversed: (Vec<f32>, Vec<bool>) = confidences.iter().copied().zip(came_true.iter().copied()).rev().unzip();
        let forward = Calibration::new(&confidences, &came_true)?.error(binning);
        let backward = Calibration::new(&reversed.0, &reversed.1)?.error(binning);
        // Sums of eighths are exact.
        prop_assert_eq!(forward, backward);
    }
}

/// The share of `draws` that are covered.
fn coverage(draws: u32, mut covers: impl FnMut() -> bool) -> f64 {
    let covered = (0..draws).filter(|_| covers()).count();
    covered as f64 / f64::from(draws)
}

/// Normal, by Box and Muller.
fn normal(coins: &mut Coins) -> f64 {
    let radius = (-2.0 * (1.0 - coins.next()).ln()).sqrt();
    radius * (std::f64::consts::TAU * coins.next()).cos()
}

#[test]
fn intervals_of_paired_differences_cover_the_truth_as_often_as_they_say() {
    let mut coins = Coins(11);
    let share = coverage(4000, || {
        // Two classifiers that mostly agree, as ones trained on the same pictures do.
        let (only_a, only_b) = (0.02 + 0.2 * coins.next(), 0.02 + 0.2 * coins.next());
        let samples = 50 + (coins.next() * 400.0) as usize;
        let (mut a, mut b) = (0, 0);
        for _ in 0..samples {
            let toss = coins.next();
            a += usize::from(toss < only_a);
            b += usize::from((only_a..only_a + only_b).contains(&toss));
        }
        McNemar::new(a, b).difference(samples).is_some_and(|found| holds(found.ci95, only_a - only_b))
    });
    assert!((0.93..=0.97).contains(&share), "covered {share} of the truths");
}

#[test]
fn t_intervals_cover_the_truth_as_often_as_they_say() {
    let mut coins = Coins(12);
    let share = coverage(4000, || {
        let n = 2 + (coins.next() * 6.0) as usize;
        let values: Vec<f64> = (0..n).map(|_| 0.9 + 0.01 * normal(&mut coins)).collect();
        MeanInterval::of(&values).is_some_and(|mean| holds(mean.ci95, 0.9))
    });
    assert!((0.94..=0.96).contains(&share), "covered {share} of the truths");
}

#[test]
fn intervals_of_log_losses_cover_the_truth_nearly_as_often_as_they_say() {
    let mut coins = Coins(13);
    // The mean of -ln u for a uniform u is 1.
    let share = coverage(2000, || {
        let losses: Vec<f64> = (0..300).map(|_| -(1.0 - coins.next()).ln()).collect();
        MeanInterval::of(&losses).is_some_and(|mean| holds(mean.ci95, 1.0))
    });
    assert!((0.93..=0.97).contains(&share), "covered {share} of the truths");
}

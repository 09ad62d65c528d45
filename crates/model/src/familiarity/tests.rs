use super::*;

#[test]
fn of_many_scores_some_are_kept_and_no_p_value_is_smaller_for_it() {
    let all: Vec<f64> = (0..3000).map(|number| f64::from(number * 7919 % 3000)).collect();
    let reference = quantiles(all.clone());
    assert_eq!(reference.len(), Familiarity::MOST_KEPT);
    assert!(reference.is_sorted());
    let means = vec![0.0];
    let whitening = LowerTriangle::new(1, vec![1.0]).unwrap();
    let kept = Familiarity { centre: vec![0.0], whitening, means, reference };
    for score in -1..3001 {
        let score = f64::from(score) + 0.5;
        let exact = (all.iter().filter(|&&other| other >= score).count() + 1) as f64 / 3001.0;
        let found = kept.p_value(score);
        assert!(exact <= found && found < exact + 2.0 / 513.0, "{score}: {found} for {exact}");
    }
    assert_eq!(quantiles(vec![3.0, 1.0, 2.0]), [1.0, 2.0, 3.0]);
}

#[test]
fn several_models_agree_by_majority() {
    let joint = |p_values: &[f64]| Familiarity::joint_p_value(p_values);
    assert_eq!(joint(&[]), None);
    assert_eq!(joint(&[0.02]), Some(0.02));
    // Both, two of three, three of four, three of five.
    assert_eq!(joint(&[0.5, 0.01]), Some(0.5));
    assert_eq!(joint(&[0.5, 0.02, 0.04]), Some(0.04 * 3.0 / 2.0));
    assert_eq!(joint(&[0.03, 0.5, 0.02, 0.06]), Some(0.06 * 4.0 / 3.0));
    assert_eq!(joint(&[0.9, 0.03, 0.9, 0.02, 0.01]), Some(0.03 * 5.0 / 3.0));
    assert_eq!(joint(&[0.9, 0.8, 0.7]), Some(1.0));
}

/// Two of three models flag each of the same hundredth of all pictures, in turn, so that each flags as many as it may: no dependence gives more false
/// alarms.
#[test]
fn no_dependence_gives_more_false_alarms_than_are_allowed() {
    let (pictures, allowed) = (30_000, 300);
    let each = allowed * 2 / 3;
    let mut p_values = vec![[0.0; 3]; pictures];
    for model in 0..3 {
        // Uniform for each model: every rank once.
        let (mut low, mut high) = (1..=each, each + 1..=pictures);
        for (picture, of_picture) in p_values.iter_mut().enumerate() {
            let flags = picture < allowed && picture % 3 != model;
            let rank = if flags { low.next() } else { high.next() };
            of_picture[model] = rank.expect("a rank for each") as f64 / pictures as f64;
        }
    }
    let level = allowed as f64 / pictures as f64;
    let flagged = |limit: f64| {
        p_values
            .iter()
            .filter(|p| Familiarity::joint_p_value(*p).is_some_and(|p| p <= limit * (1.0 + 1e-12)))
            .count()
    };
    assert_eq!(flagged(level), allowed);
    for allowed in [0.05, 0.2, 0.5] {
        assert!(flagged(allowed) as f64 <= allowed * pictures as f64, "{allowed}: {}", flagged(allowed));
    }
}

#[test]
fn what_is_no_number_is_the_least_likely() {
    let known = Familiarity::fit(&[0.0, 1.0, 2.0], &[0, 0, 0], &[0.5, 1.0, 1.5], 1).unwrap();
    assert_eq!(known.p_value(f64::NAN), 0.25);
    assert_eq!(known.p_value(f64::INFINITY), 0.25);
    assert_eq!(known.p_value(0.0), 1.0);
}

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
fn what_is_no_number_is_the_least_likely() {
    let known = Familiarity::fit(&[0.0, 1.0, 2.0], &[0, 0, 0], &[0.5, 1.0, 1.5], 1).unwrap();
    assert_eq!(known.p_value(f64::NAN), 0.25);
    assert_eq!(known.p_value(f64::INFINITY), 0.25);
    assert_eq!(known.p_value(0.0), 1.0);
}

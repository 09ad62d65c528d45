//! What is chosen on some pictures and measured on others.

use divvy_eval::{Aim, Level};
use divvy_model::Calibration;
use divvy_train::{Measured, ReportConfig};

use super::support::{answered, area, listed, mean, report, run_with_test, surprise};
use crate::common::setting;

#[test]
fn what_is_chosen_on_validation_pictures_is_measured_on_test_pictures() {
    let (folder, config) = setting(1);
    let run = run_with_test(folder.path(), &config, 5);
    let data = folder.path().join("parts");
    let report =
        report(&ReportConfig { costs: vec!["upper->lower=4".to_owned()], ..ReportConfig::new(&run) });
    assert_eq!((report.measured_on.part, report.measured_on.n), (Measured::Test, 48));
    let cut = report.where_to_cut.unwrap();
    let validation = listed(&run, &data, "validation");
    assert_eq!((cut.chosen_on, cut.n, cut.flatters), (Measured::Validation, validation.len(), false));

    let test = answered(&run, &data, "test");
    let (groups, upper) = (&test.labels, test.probabilities(1));
    let [threshold] = cut.thresholds.as_slice() else { panic!("{:?}", cut.thresholds) };
    assert_eq!(threshold.group, "upper");
    let taken = |wanted: &str| {
        (0..groups.len()).filter(|&i| upper[i] >= threshold.choice.threshold && groups[i] == wanted).count()
    };
    let scores = threshold.measured.scores;
    assert_eq!((scores.true_positives, scores.false_positives), (taken("upper"), taken("lower")));

    // An upper one taken for lower costs 4: it is called upper from a probability of 1 in 5 on.
    let costs = cut.costs.unwrap();
    let cost = |(p, group): (&f32, &String)| match (group.as_str(), *p > 0.2) {
        ("upper", false) => 4.0,
        ("lower", true) => 1.0,
        _ => 0.0,
    };
    let expected = mean(upper.iter().zip(groups).map(cost));
    assert!((costs.mean_cost.value - expected).abs() < 1e-9, "{costs:?}, {expected}");

    // Before, logits were without the biases, and as many times larger as the temperature says that they were divided by.
    let calibrated = report.how_sure.unwrap().calibrated.unwrap();
    let Calibration::Temperature { temperature, biases } = calibrated.by else {
        panic!("{:?}", calibrated.by)
    };
    let bias_of_upper = biases[1] - biases[0];
    let loss = |(p, group): (&f32, &String)| {
        let logit = ((f64::from(*p) / (1.0 - f64::from(*p))).ln() - bias_of_upper) * temperature;
        let of_upper = 1.0 / (1.0 + (-logit).exp());
        surprise(if group == "upper" { of_upper } else { 1.0 - of_upper })
    };
    let expected = mean(upper.iter().zip(groups).map(loss));
    let before = calibrated.before.log_loss;
    assert!((before - expected).abs() < 1e-4 * (1.0 + expected), "{before}, {expected}");
    assert_eq!(calibrated.fitted_on, validation.len());

    // Counted by the pictures' own familiarity.
    let familiar = report.how_familiar.unwrap();
    let known: Vec<f64> = test.predictions.iter().map(|p| p.familiarity.unwrap()).collect();
    assert_eq!(familiar.n, groups.len());
    for alarms in familiar.alarms {
        assert_eq!(alarms.flagged, known.iter().filter(|&&p| p <= alarms.asked).count(), "{alarms:?}");
    }

    let [curve] = report.how_good.curves.as_slice() else { panic!("one of two groups") };
    let is_upper: Vec<bool> = groups.iter().map(|group| group == "upper").collect();
    assert!((curve.roc_auc.unwrap() - area(&is_upper, &upper)).abs() < 1e-9 && curve.roc.is_some());

    let sets = cut.sets.unwrap();
    let holds = |(p, group): (&f32, &String)| {
        let of_truth = if group == "upper" { *p } else { 1.0 - *p };
        of_truth >= sets.sets.threshold
    };
    let held = upper.iter().zip(groups).filter(|pair| holds(*pair)).count();
    assert!((sets.observed.unwrap().value - held as f64 / 48.0).abs() < 1e-9);
    let last = cut.abstaining.unwrap().curve.last().copied().unwrap();
    assert!(
        (last.coverage - 1.0).abs() < 1e-12
            && (last.accuracy - report.how_good.accuracy().0.value).abs() < 1e-12
    );
}

/// What is chosen follows from the validation pictures alone, whatever is measured on; here other pictures with a test part of their own.
#[test]
fn what_is_chosen_follows_from_the_validation_pictures_alone() {
    let (folder, config) = setting(1);
    let run = run_with_test(folder.path(), &config, 9);
    let data = folder.path().join("parts");
    let level = |share: f64| Level::new(share).unwrap();
    let report = report(&ReportConfig {
        data: Some(data.clone()),
        positive: Some("lower".to_owned()),
        coverage: level(0.7),
        accuracy: level(0.5),
        ..ReportConfig::new(&run)
    });
    assert_eq!((report.measured_on.part, report.measured_on.n), (Measured::Test, 48));
    let cut = report.where_to_cut.unwrap();
    assert_eq!((cut.chosen_on, cut.flatters), (Measured::Validation, false));
    let (validation, test) = (answered(&run, &data, "validation"), answered(&run, &data, "test"));
    let is_lower = |labels: &[String]| -> Vec<bool> { labels.iter().map(|group| group == "lower").collect() };

    // The positive group is the one that was named, whose threshold has the largest F1, or index of Youden, of all.
    assert_eq!(report.how_good.curves[0].group, "lower");
    let (lower, truth) = (validation.probabilities(0), is_lower(&validation.labels));
    let counted = |least: f32, truth: &[bool], lower: &[f32]| {
        let taken = |wanted: bool| {
            truth.iter().zip(lower).filter(|(truth, p)| **truth == wanted && **p >= least).count()
        };
        (taken(true), taken(false))
    };
    let all = (truth.iter().filter(|t| **t).count(), truth.iter().filter(|t| !**t).count());
    let f1 = |(right, wrong): (usize, usize)| 2.0 * right as f64 / (right + wrong + all.0) as f64;
    let youden = |(right, wrong): (usize, usize)| right as f64 / all.0 as f64 - wrong as f64 / all.1 as f64;
    let [by_f1, by_youden] = cut.thresholds.as_slice() else { panic!("{:?}", cut.thresholds) };
    assert_eq!((by_f1.choice.aim, by_youden.choice.aim), (Aim::F1, Aim::Youden));
    let values: [&dyn Fn((usize, usize)) -> f64; 2] = [&f1, &youden];
    for (threshold, value) in [by_f1, by_youden].into_iter().zip(values) {
        let (least, chosen_on) = (threshold.choice.threshold, threshold.choice.chosen_on.scores);
        let reached = counted(least, &truth, &lower);
        assert_eq!((chosen_on.true_positives, chosen_on.false_positives), reached, "{threshold:?}");
        let best = lower.iter().map(|&p| value(counted(p, &truth, &lower))).fold(0.0, f64::max);
        assert!((value(reached) - best).abs() < 1e-12, "{threshold:?}, {best}");
        let measured = threshold.measured.scores;
        let expected = counted(least, &is_lower(&test.labels), &test.probabilities(0));
        assert_eq!((measured.true_positives, measured.false_positives), expected, "{threshold:?}");
        assert_eq!(threshold.group, "lower");
    }

    // Of n pictures, the true group of so many of n + 1 as were asked for reaches the threshold.
    let sets = cut.sets.unwrap().sets;
    let mut of_truth: Vec<f32> =
        lower.iter().zip(&truth).map(|(&p, &is_lower)| if is_lower { p } else { 1.0 - p }).collect();
    of_truth.sort_by(|a, b| b.total_cmp(a));
    let needed = (0.7 * (of_truth.len() as f64 + 1.0)).ceil() as usize;
    assert_eq!(sets.set_on, validation.labels.len());
    assert!((sets.threshold - of_truth[needed - 1]).abs() < 1e-6, "{sets:?}, {of_truth:?}");

    // Answers that are all right on so many pictures are shown to be right half the time.
    let abstaining = cut.abstaining.unwrap();
    let sure = abstaining.sure_enough.expect("the groups are told apart");
    assert_eq!((sure.chosen_on.n, sure.accuracy), (validation.labels.len(), level(0.5)));
    let measured = abstaining.measured.unwrap();
    let answers = test.predictions.iter().filter(|p| p.confidence().unwrap() >= sure.confidence);
    assert_eq!((measured.n, measured.answered), (48, answers.count()));
}

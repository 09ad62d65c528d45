use super::*;
use crate::balance::Balance;
use crate::event::Score;
use divvy_nn::{Metric, Precision, Task};
use std::f64::consts::LN_2;

/// A training of `classes` classes whose head is `head`, 100 steps an epoch.
fn started(head: HeadKind, classes: usize) -> Event {
    started_with(head, classes, 100)
}

/// The same with targets of which a share is spread over all answers.
fn smoothed(head: HeadKind, classes: usize, share: f64) -> Event {
    let mut started = started(head, classes);
    if let Event::Started { label_smoothing, .. } = &mut started {
        *label_smoothing = share;
    }
    started
}

fn started_with(head: HeadKind, classes: usize, steps_per_epoch: usize) -> Event {
    Event::Started {
        divvy: String::new(),
        data: "photos".into(),
        run: "run".into(),
        classes: (0..classes).map(|class| class.to_string()).collect(),
        task: Task::infer(classes, true),
        head,
        units: classes,
        architecture: "classic".to_owned(),
        parameters: 1,
        input: [8, 8, 3],
        training_images: 3200,
        validation_images: 100,
        test_images: 0,
        epochs: None,
        minutes: None,
        steps_per_epoch,
        precision: Precision::F32,
        balance: Balance::None,
        label_smoothing: 0.0,
    }
}

fn epoch(epoch: u32, training_loss: f64, answers: Answers) -> Event {
    // A validation loss that falls shows nothing.
    epoch_of(epoch, training_loss, training_loss.abs() / f64::from(epoch), 0.1, answers)
}

fn epoch_of(epoch: u32, training_loss: f64, validation_loss: f64, rate: f64, answers: Answers) -> Event {
    Event::Epoch {
        epoch,
        epochs: None,
        training_loss,
        validation: Score { loss: validation_loss, metric: Metric::Accuracy, value: 0.5 },
        answers: Some(answers),
        best: false,
        rate,
        images_per_second: 1.0,
        waited: 0.0,
        seconds: 1.0,
        peak_memory: None,
    }
}

fn answers(wanted: [usize; 2], given: [usize; 2], right: [usize; 2]) -> Answers {
    Answers { wanted: wanted.to_vec(), given: given.to_vec(), right: right.to_vec() }
}

/// Answers that show nothing unusual.
fn good() -> Answers {
    answers([50, 50], [49, 51], [47, 48])
}

/// The findings of five epochs with these losses and answers.
fn findings(start: &Event, losses: [f64; 5], answers: &Answers) -> Vec<Diagnostic> {
    let mut watch = Watch::new();
    let mut found = watch.on(start);
    for (number, loss) in (1..).zip(losses) {
        found.extend(watch.on(&epoch(number, loss, answers.clone())));
    }
    found
}

fn ids(findings: &[Diagnostic]) -> Vec<&str> {
    findings.iter().map(Diagnostic::id).collect()
}

#[test]
fn a_cross_entropy_below_zero_is_an_error_at_once() {
    for head in [HeadKind::Sigmoid, HeadKind::Softmax] {
        let found = findings(&started(head, 2), [0.4, -0.1, -3.0, -9.0, -36.4], &good());
        assert_eq!(ids(&found), ["L10"], "told once");
        assert!(found[0].is_error() && found[0].place.what == "epoch 2", "{}", found[0]);
    }
    // Zero is a loss of a network that is certain and right; a squared error says nothing of labels.
    assert_eq!(ids(&findings(&started(HeadKind::Softmax, 2), [0.4, 0.1, 0.0, 0.0, 0.0], &good())), [""; 0]);
    let mut watch = Watch::new();
    watch.on(&started(HeadKind::Linear, 2));
    assert_eq!(watch.on(&epoch(1, -1.0, good())), []);
}

#[test]
fn a_loss_that_rests_where_nothing_is_learnt_is_told_with_the_cause() {
    let entropy = -(0.9 * f64::ln(0.9) + 0.1 * f64::ln(0.1));
    let imbalanced = answers([90, 10], [80, 20], [79, 9]);
    for (head, classes, floor, answers, cause) in [
        (HeadKind::Sigmoid, 2, LN_2, good(), "-ln(1/2)"),
        (HeadKind::Softmax, 2, LN_2, good(), "-ln(1/2)"),
        (HeadKind::Softmax, 10, f64::ln(10.0), good(), "-ln(1/10)"),
        (HeadKind::Softmax, 2, entropy, imbalanced, "its share of the pictures"),
    ] {
        let rests = [floor * 1.3, floor * 1.001, floor, floor * 0.999, floor];
        let found = findings(&started(head, classes), rests, &answers);
        assert_eq!(ids(&found), ["L11"], "{head} of {classes} at {floor}");
        assert!(found[0].why.contains(cause), "{}", found[0]);
        let passes = [floor * 1.3, floor, floor * 0.9, floor * 0.8, floor * 0.7];
        assert_eq!(ids(&findings(&started(head, classes), passes, &answers)), [""; 0]);
        let comes_back = [floor, floor, floor * 0.8, floor, floor];
        assert_eq!(ids(&findings(&started(head, classes), comes_back, &answers)), [""; 0]);
    }
    // A tenth of each target spread over both classes: 90 and 10 of a hundred become 86 and 14.
    let entropy = -(0.86 * f64::ln(0.86) + 0.14 * f64::ln(0.14));
    for head in [HeadKind::Sigmoid, HeadKind::Softmax] {
        let found = findings(&smoothed(head, 2, 0.1), [entropy; 5], &answers([90, 10], [80, 20], [79, 9]));
        assert_eq!(ids(&found), ["L11"], "{head}, smoothed");
    }
    // What a softmax of a softmax rests at is an ordinary loss here, where there is none.
    assert_eq!(ids(&findings(&started(HeadKind::Softmax, 2), [0.3133; 5], &good())), [""; 0]);
    assert_eq!(ids(&findings(&started(HeadKind::Linear, 2), [LN_2; 5], &good())), [""; 0]);
}

#[test]
fn answers_at_the_prior_are_told_and_better_ones_are_not() {
    let losses = [0.6, 0.5, 0.45, 0.42, 0.41];
    let start = started(HeadKind::Softmax, 2);
    for (answers, wanted) in [
        // One class only, be it the commonest or not.
        (answers([90, 10], [100, 0], [90, 0]), vec!["M05"]),
        (answers([50, 50], [0, 100], [0, 50]), vec!["M05"]),
        // As many right as the commonest class has, and the rare one found no more often than by chance.
        (answers([90, 10], [95, 5], [86, 1]), vec!["M05"]),
        (answers([50, 50], [40, 60], [21, 31]), vec!["M05"]),
        // As many right, but the rare class is found; all right; clearly more; few pictures, most of them right.
        (answers([90, 10], [83, 17], [82, 9]), vec![]),
        (answers([99, 1], [99, 1], [99, 1]), vec![]),
        (answers([500, 500], [600, 400], [400, 300]), vec![]),
        (answers([6, 6], [5, 7], [4, 5]), vec![]),
        // There is but one class: nothing can be told from it.
        (answers([100, 0], [100, 0], [100, 0]), vec![]),
    ] {
        assert_eq!(ids(&findings(&start, losses, &answers)), wanted, "{answers:?}");
    }
}

#[test]
fn the_first_steps_need_not_show_anything() {
    let start = started_with(HeadKind::Softmax, 2, 2);
    assert_eq!(ids(&findings(&start, [LN_2; 5], &answers([5, 5], [10, 0], [5, 0]))), [""; 0]);
}

/// The findings of epochs with these losses (training, validation) and rates.
fn course(head: HeadKind, epochs: &[(f64, f64, f64)], answers: &Answers) -> Vec<Diagnostic> {
    let mut watch = Watch::new();
    let mut found = watch.on(&started(head, 2));
    for (number, &(training, validation, rate)) in (1..).zip(epochs) {
        found.extend(watch.on(&epoch_of(number, training, validation, rate, answers.clone())));
    }
    found
}

/// Epochs at one rate.
fn at_one_rate(losses: &[(f64, f64)]) -> Vec<(f64, f64, f64)> {
    losses.iter().map(|&(training, validation)| (training, validation, 0.1)).collect()
}

#[test]
fn a_validation_loss_that_rises_while_the_training_loss_falls_is_told_once() {
    // The page's example, and how it goes on.
    let losses = [
        (0.42, 0.40),
        (0.30, 0.31),
        (0.22, 0.29),
        (0.15, 0.33),
        (0.09, 0.36),
        (0.05, 0.41),
        (0.04, 0.43),
        (0.03, 0.45),
    ];
    let found = course(HeadKind::Softmax, &at_one_rate(&losses), &good());
    assert_eq!(ids(&found), ["T07"]);
    assert_eq!(found[0].place.what, "epoch 7", "the fourth that lies a tenth above");
    for part in ["from 0.2900 in epoch 3 to 0.4300", "from 0.2200 to 0.0400"] {
        assert!(found[0].what.contains(part), "{}", found[0]);
    }
    assert_eq!(ids(&course(HeadKind::Linear, &at_one_rate(&losses), &good())), ["T07"]);
}

#[test]
fn a_rise_that_is_short_small_or_of_both_losses_is_no_overfitting() {
    let near_misses: [&[(f64, f64)]; 4] = [
        // It comes back in time.
        &[(0.3, 0.30), (0.2, 0.40), (0.15, 0.40), (0.1, 0.40), (0.09, 0.31), (0.08, 0.40), (0.07, 0.40)],
        // Less than a tenth.
        &[(0.3, 0.30), (0.2, 0.32), (0.15, 0.32), (0.1, 0.32), (0.09, 0.32), (0.08, 0.32), (0.07, 0.32)],
        // The training loss has risen as well: the steps are too long.
        &[(0.3, 0.30), (0.4, 0.40), (0.41, 0.50), (0.42, 0.60), (0.43, 0.70), (0.44, 0.80)],
        // Ten times the lowest, and yet nothing.
        &[(3e-3, 1e-3), (2e-3, 1e-2), (1e-3, 1e-2), (9e-4, 1e-2), (8e-4, 1e-2), (7e-4, 1e-2)],
    ];
    for losses in near_misses {
        assert_eq!(ids(&course(HeadKind::Softmax, &at_one_rate(losses), &good())), [""; 0], "{losses:?}");
    }
}

#[test]
fn losses_that_stand_still_are_told_unless_the_rate_means_them_to() {
    let falls: Vec<_> = (0..4).map(|n| (0.5 - 0.02 * f64::from(n), 0.5, 0.1)).collect();
    let stands = |rate: f64| [falls.clone(), vec![(0.44, 0.5, rate); 8]].concat();
    let found = course(HeadKind::Softmax, &stands(0.1), &good());
    assert_eq!((ids(&found), found[0].place.what.as_str()), (vec!["T08"], "epoch 12"));
    assert!(found[0].what.contains("for 8 epochs"), "{}", found[0]);

    assert_eq!(ids(&course(HeadKind::Softmax, &stands(0.0099), &good())), [""; 0], "the schedule ends");
    assert_eq!(ids(&course(HeadKind::Softmax, &stands(0.1)[..11], &good())), [""; 0], "seven epochs");
    let all_right = answers([50, 50], [50, 50], [50, 50]);
    assert_eq!(
        ids(&course(HeadKind::Softmax, &stands(0.1), &all_right)),
        [""; 0],
        "nothing is left to learn"
    );
    // Two per cent an epoch, of either loss.
    let slow: Vec<_> = (0..20).map(|n| (0.5, 0.5 * f64::powi(0.98, n), 0.1)).collect();
    assert_eq!(ids(&course(HeadKind::Softmax, &slow, &good())), [""; 0]);
    // A reason that has a number of its own is told instead.
    let floor = vec![(LN_2, LN_2, 0.1); 20];
    assert_eq!(ids(&course(HeadKind::Softmax, &floor, &good())), ["L11"]);
    let one_class = answers([90, 10], [100, 0], [90, 0]);
    assert_eq!(ids(&course(HeadKind::Softmax, &stands(0.1), &one_class)), ["M05"]);
}

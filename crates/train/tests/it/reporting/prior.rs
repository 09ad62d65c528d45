//! What a model is worth in the shares that were stated.

use divvy_train::{ReportConfig, StatedPrior, TrainConfig};

use super::support::{report, run_with_test, trained};
use crate::common::setting;

/// The same training without stated shares is the same model before they were put in.
#[test]
fn stated_shares_are_told_apart_from_what_was_learnt() {
    let (folder, config) = setting(1);
    let plain = run_with_test(folder.path(), &config, 5);
    let run = folder.path().join("stated");
    let prior = StatedPrior::new([("upper".to_owned(), 0.1)]).unwrap();
    trained(&TrainConfig { prior, data: folder.path().join("parts"), ..config }, &run);
    let [before, after] = [plain, run].map(|run| report(&ReportConfig::new(run)));
    assert!(before.prior.is_none());
    let prior = after.prior.unwrap();
    let shares: Vec<(f64, f64)> =
        prior.shares.iter().map(|share| (share.stated, share.learnt_from)).collect();
    assert_eq!(shares, [(0.9, 0.5), (0.1, 0.5)]);

    let recall = |group: usize| after.how_good.groups[group].recall.unwrap().value;
    assert!((prior.accuracy.unwrap().value - (0.9 * recall(0) + 0.1 * recall(1))).abs() < 1e-12);

    let (kept, learnt) = (before.how_sure.unwrap(), prior.before.unwrap());
    let pairs = [
        (learnt.log_loss, kept.reliability.log_loss),
        (learnt.brier, kept.reliability.brier),
        (learnt.calibration_error, kept.reliability.calibration_error),
    ];
    assert!(pairs.iter().all(|(a, b)| (a - b).abs() < 1e-3 * (1.0 + b)), "{pairs:?}");
    let sure = after.how_sure.unwrap();
    assert!((sure.reliability.log_loss - kept.reliability.log_loss).abs() > 0.01, "{sure:?}");
    let [a, b] = [kept, sure].map(|sure| sure.calibrated.unwrap().before.log_loss);
    assert!((a - b).abs() < 1e-3 * (1.0 + a), "{a}, {b}");
    let thousandths = |share: f64| (1000.0 * share).round();
    let accuracy = prior.accuracy.unwrap();
    let [value, low, high] = [accuracy.value, accuracy.ci95.low, accuracy.ci95.high].map(thousandths);
    let told = format!("(`upper`: 10.0 %), about {value} ({low} to {high}) of 1,000");
    assert!(after.summary[0].contains(&told), "{told}: {:?}", after.summary);
}

//! How often intervals cover the truth, where the truth is known: 2,000 samples each.

mod coins;

use divvy_eval::{
    Answers, BandPoint, Binning, Bootstrap, Calibration, Curve, ExclusiveReport, Interval, MultiLabelReport,
    Ranking, Reliability,
};

use coins::Coins;

const DRAWS: u32 = 2000;

/// Fails unless `covers` holds 93 to 97 times in 100.
fn assert_covers(what: &str, covers: impl FnMut() -> bool) {
    let share = coverage(covers);
    assert!((0.93..=0.97).contains(&share), "{what}: covered {share} of the truths");
}

fn coverage(mut covers: impl FnMut() -> bool) -> f64 {
    (0..DRAWS).filter(|_| covers()).count() as f64 / f64::from(DRAWS)
}

fn holds(interval: Option<Interval>, value: f64) -> bool {
    interval.is_some_and(|interval| interval.low <= value && value <= interval.high)
}

fn between(coins: &mut Coins, low: f64, high: f64) -> f64 {
    low + (high - low) * coins.next()
}

/// Scores of negative samples are uniform, those of positive ones the root of degree `skill` of such: more than one lets them lie higher.
struct Ranked {
    skill: f64,
    prevalence: f64,
    samples: usize,
}

impl Ranked {
    fn any(coins: &mut Coins) -> Self {
        Self {
            skill: between(coins, 0.0, 4.0).exp(),
            prevalence: between(coins, 0.1, 0.6),
            samples: between(coins, 100.0, 500.0) as usize,
        }
    }

    fn draw(&self, coins: &mut Coins) -> Ranking {
        let truth: Vec<bool> = (0..self.samples).map(|_| coins.next() < self.prevalence).collect();
        let score = |&positive: &bool| {
            let u = coins.next();
            (if positive { u.powf(self.skill.recip()) } else { u }) as f32
        };
        let scores: Vec<f32> = truth.iter().map(score).collect();
        Ranking::new(&truth, &scores).expect("the input is good")
    }

    /// The mean of the root.
    fn roc_auc(&self) -> f64 {
        self.skill / (1.0 + self.skill)
    }

    fn precision(&self, recall: f64) -> f64 {
        let false_alarms = 1.0 - (1.0 - recall).powf(self.skill.recip());
        let (right, wrong) = (self.prevalence * recall, (1.0 - self.prevalence) * false_alarms);
        right / (right + wrong)
    }

    fn average_precision(&self) -> f64 {
        let parts = 2000;
        (0..parts).map(|part| self.precision((f64::from(part) + 0.5) / f64::from(parts))).sum::<f64>()
            / f64::from(parts)
    }
}

#[test]
fn intervals_of_areas_under_roc_curves() {
    let mut coins = Coins(31);
    assert_covers("ROC AUC", || {
        let ranked = Ranked::any(&mut coins);
        holds(ranked.draw(&mut coins).roc_auc_interval(), ranked.roc_auc())
    });
}

#[test]
fn intervals_of_average_precisions() {
    let mut coins = Coins(32);
    assert_covers("average precision", || {
        let ranked = Ranked::any(&mut coins);
        holds(ranked.draw(&mut coins).average_precision_interval(), ranked.average_precision())
    });
}

/// Whether a band covers a line at one of its places, drawn by lot.
fn covers_at_a_place(coins: &mut Coins, curve: Option<Curve>, height: impl Fn(f64) -> f64) -> bool {
    let band = curve.expect("both kinds occur").band;
    let BandPoint { x, low, high } = band[between(coins, 0.0, band.len() as f64) as usize];
    (low..=high).contains(&height(x))
}

#[test]
fn bands_of_roc_curves() {
    let mut coins = Coins(40);
    assert_covers("band of ROC curves", || {
        let ranked = Ranked::any(&mut coins);
        let curve = ranked.draw(&mut coins).roc_curve(Bootstrap { resamples: 300, seed: 1 });
        covers_at_a_place(&mut coins, curve, |x| 1.0 - (1.0 - x).powf(ranked.skill))
    });
}

#[test]
fn bands_of_precision_recall_curves() {
    let mut coins = Coins(41);
    assert_covers("band of precision-recall curves", || {
        let ranked = Ranked::any(&mut coins);
        let curve = ranked.draw(&mut coins).precision_recall_curve(Bootstrap { resamples: 300, seed: 1 });
        covers_at_a_place(&mut coins, curve, |x| ranked.precision(x))
    });
}

/// Chances of each true class and answer.
struct Confused {
    classes: usize,
    cells: Vec<f64>,
}

impl Confused {
    fn any(coins: &mut Coins) -> Self {
        let classes = between(coins, 2.0, 6.0) as usize;
        let weights = |coins: &mut Coins, least: f64| {
            let weights: Vec<f64> = (0..classes).map(|_| between(coins, least, 1.0)).collect();
            let total: f64 = weights.iter().sum();
            weights.into_iter().map(move |weight| weight / total).collect::<Vec<_>>()
        };
        let shares = weights(coins, 0.2);
        let mut cells = Vec::new();
        for (class, share) in shares.iter().enumerate() {
            let recall = between(coins, 0.5, 0.98);
            let spread = weights(coins, 0.0);
            let elsewhere = 1.0 - spread[class];
            cells.extend((0..classes).map(|answer| {
                share * if answer == class { recall } else { (1.0 - recall) * spread[answer] / elsewhere }
            }));
        }
        Self { classes, cells }
    }

    fn draw(&self, coins: &mut Coins, samples: usize) -> ExclusiveReport {
        let mut truth = Vec::new();
        let mut decided = Vec::new();
        for _ in 0..samples {
            let mut toss = coins.next();
            let cell = self.cells.iter().position(|chance| {
                toss -= chance;
                toss < 0.0
            });
            let cell = cell.unwrap_or(0);
            truth.push(cell / self.classes);
            decided.push(cell % self.classes);
        }
        let names: Vec<String> = (0..self.classes).map(|class| class.to_string()).collect();
        ExclusiveReport::new(&names, &truth, Answers::Decisions(&decided)).expect("the input is good")
    }

    fn wanted(&self, class: usize) -> f64 {
        self.cells[class * self.classes..][..self.classes].iter().sum()
    }

    fn given(&self, class: usize) -> f64 {
        self.cells.iter().skip(class).step_by(self.classes).sum()
    }

    fn hit(&self, class: usize) -> f64 {
        self.cells[class * (self.classes + 1)]
    }

    fn f1(&self, class: usize) -> f64 {
        2.0 * self.hit(class) / (self.wanted(class) + self.given(class))
    }

    fn mean(&self, of: impl Fn(usize) -> f64) -> f64 {
        (0..self.classes).map(of).sum::<f64>() / self.classes as f64
    }

    fn mcc(&self) -> f64 {
        let sum = |of: &dyn Fn(usize) -> f64| (0..self.classes).map(of).sum::<f64>();
        let chance = sum(&|class| self.wanted(class) * self.given(class));
        let others = (1.0 - sum(&|class| self.wanted(class).powi(2)))
            * (1.0 - sum(&|class| self.given(class).powi(2)));
        (sum(&|class| self.hit(class)) - chance) / others.sqrt()
    }
}

/// Covers with what `pick` takes of a report what it takes of the chances.
fn assert_report_covers(
    what: &str,
    seed: u64,
    of_report: impl Fn(&ExclusiveReport) -> Option<Interval>,
    of_truth: impl Fn(&Confused) -> f64,
) {
    let mut coins = Coins(seed);
    assert_covers(what, || {
        let truth = Confused::any(&mut coins);
        let samples = between(&mut coins, 60.0, 500.0) as usize;
        let report = truth.draw(&mut coins, samples);
        holds(of_report(&report), of_truth(&truth))
    });
}

/// Shares of classes of which each is half as frequent as the one before.
fn falling(classes: usize) -> Vec<f64> {
    let weights = std::iter::successors(Some(1.0), |weight| Some(weight / 2.0)).take(classes);
    let total: f64 = weights.clone().sum();
    weights.map(|weight| weight / total).collect()
}

#[test]
fn intervals_of_what_a_confusion_matrix_tells() {
    assert_report_covers(
        "balanced accuracy",
        33,
        |r| Some(r.balanced_accuracy_ci95),
        |truth| truth.mean(|class| truth.hit(class) / truth.wanted(class)),
    );
    assert_report_covers(
        "accuracy in other shares",
        39,
        |r| r.confusion_matrix.accuracy_at(&falling(r.classes.len())).map(|estimate| estimate.ci95),
        |truth| {
            let shares = falling(truth.classes);
            (0..truth.classes).map(|class| shares[class] * truth.hit(class) / truth.wanted(class)).sum()
        },
    );
    assert_report_covers("correlation", 34, |r| r.mcc_ci95, Confused::mcc);
    assert_report_covers("macro F1", 35, |r| r.f1_macro_ci95, |truth| truth.mean(|class| truth.f1(class)));
    assert_report_covers(
        "precision",
        36,
        |r| r.per_class[0].precision_ci95,
        |truth| truth.hit(0) / truth.given(0),
    );
    assert_report_covers(
        "recall",
        37,
        |r| r.per_class[0].recall_ci95,
        |truth| truth.hit(0) / truth.wanted(0),
    );
    assert_report_covers("F1", 38, |r| r.per_class[0].f1_ci95, |truth| truth.f1(0));
}

#[test]
fn intervals_of_losses() {
    // Confidences from one half to one, more often high than low, and a little too high.
    let chance = |stated: f64| stated - 0.1 * (stated - 0.5);
    let stated = |u: f64| 1.0 - 0.5 * u.powi(3);
    let parts = 100_000;
    let mean = |of: &dyn Fn(f64) -> f64| -> f64 {
        (0..parts).map(|part| of(stated((f64::from(part) + 0.5) / f64::from(parts)))).sum::<f64>()
            / f64::from(parts)
    };
    let log_loss = mean(&|q| -chance(q) * q.ln() - (1.0 - chance(q)) * (1.0 - q).max(1.2e-7).ln());
    let brier = mean(&|q| 2.0 * (chance(q) * (1.0 - q).powi(2) + (1.0 - chance(q)) * q * q));
    let mut coins = Coins(39);
    let mut draw = || {
        let samples = between(&mut coins, 100.0, 1000.0) as usize;
        let stated: Vec<f64> = (0..samples).map(|_| stated(coins.next())).collect();
        let rows: Vec<f32> = stated.iter().flat_map(|&q| [q as f32, 1.0 - q as f32]).collect();
        let truth: Vec<usize> = stated.iter().map(|&q| usize::from(coins.next() >= chance(q))).collect();
        Reliability::of(2, &truth, Answers::Probabilities(&rows), Binning::default())
            .expect("the input is good")
            .expect("there are probabilities")
    };
    assert_covers("log loss", || holds(Some(draw().log_loss_ci95), log_loss));
    assert_covers("Brier score", || holds(Some(draw().brier_ci95), brier));
}

/// Normal, by Box and Muller.
fn normal(coins: &mut Coins) -> f64 {
    let radius = (-2.0 * (1.0 - coins.next()).ln()).sqrt();
    radius * (std::f64::consts::TAU * coins.next()).cos()
}

/// A label's share of the samples, roughly, and how well it is told.
type Label = (f64, f64);

/// Labels that come together and are mistaken together.
fn several_labels(coins: &mut Coins, labels: &[Label], samples: usize) -> MultiLabelReport {
    let mut truth = Vec::new();
    let mut probabilities = Vec::new();
    for _ in 0..samples {
        let (together, hard) = (coins.next(), normal(coins));
        let own: Vec<usize> = (0..labels.len())
            .filter(|&label| 0.5 * together + 0.5 * coins.next() < labels[label].0)
            .collect();
        for (label, (_, skill)) in labels.iter().enumerate() {
            let side = if own.contains(&label) { *skill } else { -skill };
            let logit = side + 0.8 * hard + normal(coins);
            probabilities.push((1.0 / (1.0 + (-logit).exp())) as f32);
        }
        truth.push(own);
    }
    let names: Vec<String> = (0..labels.len()).map(|label| label.to_string()).collect();
    MultiLabelReport::new(&names, &truth, &probabilities, &vec![0.5; labels.len()])
        .expect("the input is good")
}

/// A number of a report and its interval.
type Pick = fn(&MultiLabelReport) -> (Option<f64>, Option<Interval>);

/// Covers with the intervals of small samples what is found on one so large that what is left of chance is small beside theirs.
fn assert_labels_cover(what: &str, seed: u64, labels: &[Label], samples: (f64, f64), picks: &[(&str, Pick)]) {
    let mut coins = Coins(seed);
    let truth = several_labels(&mut coins, labels, 400_000);
    let reports: Vec<MultiLabelReport> = (0..DRAWS)
        .map(|_| {
            let samples = between(&mut coins, samples.0, samples.1) as usize;
            several_labels(&mut coins, labels, samples)
        })
        .collect();
    for (number, pick) in picks {
        let value = pick(&truth).0.expect("all labels occur");
        let mut reports = reports.iter();
        assert_covers(&format!("{number} of {what}"), || {
            reports.next().is_some_and(|report| holds(pick(report).1, value))
        });
    }
}

const MEAN_AVERAGE_PRECISION: (&str, Pick) =
    ("mean average precision", |r| (r.mean_average_precision, r.mean_average_precision_ci95));

#[test]
fn intervals_of_several_labels() {
    // The last is rare: of 100 samples it has four.
    let labels = [(0.5, 1.2), (0.3, 1.8), (0.15, 1.5)];
    let picks: [(&str, Pick); 7] = [
        ("balanced accuracy", |r| (Some(r.balanced_accuracy), Some(r.balanced_accuracy_ci95))),
        ("macro F1", |r| (r.f1_macro, r.f1_macro_ci95)),
        ("micro F1", |r| (r.f1_micro, r.f1_micro_ci95)),
        ("samples F1", |r| (r.f1_samples, r.f1_samples_ci95)),
        ("Hamming loss", |r| (Some(r.hamming_loss), Some(r.hamming_loss_ci95))),
        ("log loss", |r| (Some(r.log_loss), Some(r.log_loss_ci95))),
        MEAN_AVERAGE_PRECISION,
    ];
    assert_labels_cover("three labels", 42, &labels, (100.0, 400.0), &picks);
}

#[test]
fn intervals_of_mean_average_precisions() {
    let picks = [MEAN_AVERAGE_PRECISION];
    // What each of many labels flatters is not small beside how much their mean varies.
    let many: Vec<Label> =
        (0..12).map(|label| (0.2 + 0.03 * f64::from(label), 0.8 + 0.1 * f64::from(label))).collect();
    assert_labels_cover("many labels", 43, &many, (200.0, 600.0), &picks);
    // Nearly all samples are in order.
    assert_labels_cover("good answers", 44, &[(0.5, 2.2), (0.45, 2.5), (0.3, 2.4)], (100.0, 500.0), &picks);
    assert_labels_cover("bad answers", 45, &[(0.5, 0.2), (0.4, 0.5), (0.3, 0.3)], (100.0, 500.0), &picks);
}

/// Covers the calibration error of a classifier whose stated `p` comes true with the chance `chance(p)`, and tells how often 0 is
/// left out.
fn assert_calibration_covers(what: &str, seed: u64, chance: impl Fn(f64) -> f64) -> f64 {
    let mut coins = Coins(seed);
    let mut found = 0;
    assert_covers(&format!("calibration error, {what}"), || {
        let samples = 200.0 * between(&mut coins, 0.0, 25_f64.ln()).exp();
        // More often sure than not, as classifiers are.
        let mut stated: Vec<f32> =
            (0..samples as usize).map(|_| (1.0 - coins.next().powi(3)) as f32).collect();
        stated.sort_by(f32::total_cmp);
        let came_true: Vec<bool> = stated.iter().map(|&p| coins.next() < chance(f64::from(p))).collect();
        // Without ties a sample's place tells its bin.
        let mut gaps = [0.0; 15];
        for (place, &p) in stated.iter().enumerate() {
            gaps[15 * (2 * place + 1) / (2 * stated.len())] += f64::from(p) - chance(f64::from(p));
        }
        let error = gaps.iter().map(|gap: &f64| gap.abs()).sum::<f64>() / stated.len() as f64;
        let calibration = Calibration::new(&stated, &came_true).expect("the input is good");
        let ci95 = calibration.error(Binning::default()).expect("there are bins").ci95;
        found += u32::from(ci95.low > 0.0);
        holds(Some(ci95), error)
    });
    f64::from(found) / f64::from(DRAWS)
}

/// The chance of what is stated with logits that are so many times as large as they should be.
fn sharpened(times: f64) -> impl Fn(f64) -> f64 {
    move |p| 1.0 / (1.0 + ((1.0 - p) / p).powf(times.recip()))
}

#[test]
fn intervals_of_calibration_errors() {
    // An error of exactly 0 is covered where 0 is not left out.
    assert_calibration_covers("calibrated", 50, |p| p);
    assert_calibration_covers("a little too sure", 51, |p| p - 0.05 * p * p);
    assert_calibration_covers("too sure", 52, sharpened(1.25));
    assert_calibration_covers("much too sure", 53, sharpened(2.0));
    assert_calibration_covers("not sure enough", 54, sharpened(0.8));
    assert_calibration_covers("wrong in one place", 55, |p| if 0.6 < p && p < 0.8 { p - 0.12 } else { p });
    let found = assert_calibration_covers("twice as sure as it may be", 56, |p| 0.5 * p);
    assert_eq!(found, 1.0);
}

//! Curves against naive counts at their thresholds, their bands, and where there is nothing to draw.

mod coins;

use divvy_eval::{Bootstrap, Curve, CurvePoint, Ranking};
use proptest::prelude::*;

use coins::Coins;

const FEW: Bootstrap = Bootstrap { resamples: 50, seed: 3 };

/// Samples of which positive ones tend to have higher scores, in so many steps.
fn draw(samples: usize, steps: f64, seed: u64) -> (Vec<bool>, Vec<f32>) {
    let mut coins = Coins(seed);
    let truth: Vec<bool> = (0..samples).map(|_| coins.next() < 0.3).collect();
    let score = |&positive: &bool| {
        let u = coins.next();
        ((if positive { u.sqrt() } else { u * u }) * steps).floor() as f32
    };
    let scores = truth.iter().map(score).collect();
    (truth, scores)
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

/// How many samples of a kind have a score of at least the threshold.
fn taken(truth: &[bool], scores: &[f32], kind: bool, threshold: Option<f32>) -> usize {
    let is_taken = |score: f32| threshold.is_some_and(|threshold| score >= threshold);
    truth.iter().zip(scores).filter(|(t, score)| **t == kind && is_taken(**score)).count()
}

fn roc_point(truth: &[bool], scores: &[f32], threshold: Option<f32>) -> CurvePoint {
    let rate = |kind: bool| {
        share(taken(truth, scores, kind, threshold), truth.iter().filter(|t| **t == kind).count())
    };
    CurvePoint { x: rate(false), y: rate(true), threshold }
}

fn recall_point(truth: &[bool], scores: &[f32], threshold: Option<f32>) -> CurvePoint {
    let right = taken(truth, scores, true, threshold);
    let all = right + taken(truth, scores, false, threshold);
    CurvePoint { x: share(right, truth.iter().filter(|t| **t).count()), y: share(right, all), threshold }
}

fn distance(a: &CurvePoint, b: &CurvePoint) -> f64 {
    (a.x - b.x).abs().max((a.y - b.y).abs())
}

/// Fails unless the points are those at their thresholds, and every point that is left out is near one that is kept.
fn assert_is_drawn(curve: &Curve, all: &[CurvePoint], at: impl Fn(Option<f32>) -> CurvePoint) {
    for point in &curve.points {
        assert_eq!(*point, at(point.threshold));
    }
    assert_eq!(curve.points.last(), all.last());
    for point in all {
        let nearest = curve.points.iter().map(|kept| distance(kept, point)).fold(f64::INFINITY, f64::min);
        assert!(nearest < 0.01, "{point:?} is {nearest} from the curve");
    }
}

#[test]
fn points_are_what_is_counted_at_their_thresholds() {
    for (samples, steps) in [(1, 5.0), (60, 1e6), (60, 8.0), (4000, 1e6), (4000, 50.0)] {
        let (mut truth, scores) = draw(samples, steps, 5);
        truth[0] = true;
        let ranking = Ranking::new(&truth, &scores).expect("the input is good");
        let mut thresholds: Vec<f32> = scores.clone();
        thresholds.sort_by(|a, b| b.total_cmp(a));
        thresholds.dedup();

        let curve = ranking.precision_recall_curve(FEW).expect("there is a positive sample");
        let at = |threshold| recall_point(&truth, &scores, threshold);
        let all: Vec<CurvePoint> = thresholds.iter().map(|&threshold| at(Some(threshold))).collect();
        // Without another positive sample the precision only falls; the curve joins the best of each recall.
        let best: Vec<CurvePoint> = all
            .iter()
            .enumerate()
            .filter(|&(index, point)| index == 0 || all[index - 1].x < point.x)
            .map(|(_, point)| *point)
            .filter(|point| point.x > 0.0)
            .collect();
        assert_is_drawn(&curve, &best, at);

        if samples > 1 {
            let curve = ranking.roc_curve(FEW).expect("both kinds occur");
            let at = |threshold| roc_point(&truth, &scores, threshold);
            let all: Vec<CurvePoint> = std::iter::once(None)
                .chain(thresholds.iter().map(|&threshold| Some(threshold)))
                .map(at)
                .collect();
            assert_is_drawn(&curve, &all, at);
            assert!(curve.points.len() <= 205, "{} points", curve.points.len());
            let area: f64 = curve
                .points
                .windows(2)
                .map(|pair| (pair[1].x - pair[0].x) * f64::midpoint(pair[0].y, pair[1].y))
                .sum();
            let auc = ranking.roc_auc().expect("both kinds occur");
            assert!((area - auc).abs() < 0.005, "{area}, {auc}");
        }
    }
}

#[test]
fn nothing_to_draw() {
    let ranking = |truth: &[bool]| Ranking::new(truth, &vec![0.5; truth.len()]).expect("the input is good");
    assert_eq!(ranking(&[]).roc_curve(FEW), None);
    assert_eq!(ranking(&[]).precision_recall_curve(FEW), None);
    assert_eq!(ranking(&[true, true]).roc_curve(FEW), None);
    assert_eq!(ranking(&[false]).precision_recall_curve(FEW), None);
    let all = ranking(&[true; 3]).precision_recall_curve(FEW).expect("there are positive samples");
    assert_eq!(all.points, [CurvePoint { x: 1.0, y: 1.0, threshold: Some(0.5) }]);
    let none_drawn = ranking(&[true, false]).roc_curve(Bootstrap { resamples: 0, seed: 0 });
    assert_eq!(none_drawn.expect("both kinds occur").band, []);
}

#[test]
fn samples_that_are_all_right_leave_room_for_mistakes() {
    let truth: Vec<bool> = (0..60).map(|sample| sample < 30).collect();
    let scores: Vec<f32> = (0..60_u8).map(|sample| -f32::from(sample)).collect();
    let ranking = Ranking::new(&truth, &scores).expect("the input is good");
    let curve = ranking.roc_curve(FEW).expect("both kinds occur");
    // By Wilson, 30 of 30 are at least 1 - z² / (30 + z²).
    let least = 30.0 / (30.0 + 3.841_458_820_694_124);
    let (first, last) = (curve.band[0], curve.band[curve.band.len() - 1]);
    assert!((last.low - least).abs() < 1e-12 && last.high == 1.0, "{last:?}");
    assert!(first.low <= least, "{first:?}");
    let precision = ranking.precision_recall_curve(FEW).expect("there are positive samples");
    assert!(precision.band.iter().all(|point| point.low < 1.0 && point.high == 1.0));
    assert!(ranking.roc_auc_interval().is_some_and(|interval| interval.low < 1.0 && interval.high == 1.0));
    assert!(ranking.average_precision_interval().is_some_and(|interval| interval.low < 1.0));
}

#[test]
fn the_same_seed_draws_the_same_band() {
    let (truth, scores) = draw(200, 1e6, 6);
    let ranking = Ranking::new(&truth, &scores).expect("the input is good");
    let other = Bootstrap { seed: 4, ..FEW };
    assert_eq!(ranking.roc_curve(FEW), ranking.roc_curve(FEW));
    assert_ne!(ranking.roc_curve(FEW), ranking.roc_curve(other));
    assert_eq!(ranking.precision_recall_curve(FEW), ranking.precision_recall_curve(FEW));
    let json = serde_json::to_value(ranking.roc_curve(FEW)).expect("a curve serialises");
    assert!(json["points"][0]["threshold"].is_null() && json["band"][0]["low"].is_number());
}

proptest! {
    #[test]
    fn curves_and_bands_stay_in_the_square(
        samples in prop::collection::vec((any::<bool>(), -4_i8..4), 1..60), resamples in 1_usize..20, seed in any::<u64>(),
    ) {
        let (truth, scores): (Vec<bool>, Vec<f32>) =
            samples.into_iter().map(|(positive, step)| (positive, f32::from(step))).unzip();
        let ranking = Ranking::new(&truth, &scores)?;
        let bootstrap = Bootstrap { resamples, seed };
        for curve in [ranking.roc_curve(bootstrap), ranking.precision_recall_curve(bootstrap)].into_iter().flatten() {
            let inside = |value: f64| (-1e-12..=1.0 + 1e-12).contains(&value);
            prop_assert!(curve.points.iter().all(|point| inside(point.x) && inside(point.y)));
            prop_assert!(curve.points.windows(2).all(|pair| pair[0].x <= pair[1].x));
            prop_assert!(curve.band.iter().all(|p| inside(p.x) && inside(p.low) && p.low <= p.high && inside(p.high)), "{curve:?}");
        }
        for (value, interval) in [
            (ranking.roc_auc(), ranking.roc_auc_interval()),
            (ranking.average_precision(), ranking.average_precision_interval()),
        ] {
            prop_assert_eq!(value.is_some(), interval.is_some());
            if let (Some(value), Some(interval)) = (value, interval) {
                prop_assert!(inside_of(interval.low, value, interval.high), "{value} {interval:?}");
            }
        }
    }
}

fn inside_of(low: f64, value: f64, high: f64) -> bool {
    -1e-12 <= low && low <= value + 1e-12 && value <= high + 1e-12 && high <= 1.0 + 1e-12
}

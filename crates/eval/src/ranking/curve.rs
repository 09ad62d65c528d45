//! The curves that a threshold draws as it falls, with bands.

use serde::Serialize;

use super::{Ranking, Step};
use crate::{Bootstrap, Interval};

/// How far a point that is left out may lie from one that is kept, in both directions: less than a screen shows.
const FINENESS: f64 = 0.01;
/// How many parts the band's axis has.
const PARTS: u32 = 100;

/// A curve in the unit square, and where it may run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// The curve, in the order of falling thresholds. Points that would not be told apart are left out; about 200 stay at most.
    pub points: Vec<CurvePoint>,
    /// For places along the axis the 95% interval of the curve's height there; none beyond the outermost samples.
    pub band: Vec<BandPoint>,
}

/// What taking all samples from a threshold on comes to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Of a ROC curve the false positive rate, of a precision-recall curve the recall.
    pub x: f64,
    /// Of a ROC curve the true positive rate, of a precision-recall curve the precision.
    pub y: f64,
    /// The threshold; `None` where nothing is taken.
    pub threshold: Option<f32>,
}

/// The interval of a curve's height at one place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BandPoint {
    /// The place.
    pub x: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Ranking {
    /// The ROC curve; `None` unless both kinds occur.
    ///
    /// The band is pointwise, by how much the true positive rate scatters among samples drawn anew, as many of each kind as there are.
    /// Samples drawn from what is all right are all right; there it is that rate's Wilson interval.
    pub fn roc_curve(&self, bootstrap: Bootstrap) -> Option<Curve> {
        let kind = |wanted: bool| -> Vec<usize> {
            self.places
                .iter()
                .zip(&self.truth)
                .filter(|(_, t)| **t == wanted)
                .map(|(place, _)| *place)
                .collect()
        };
        let (positives, negatives) = (kind(true), kind(false));
        if positives.is_empty() || negatives.is_empty() {
            return None;
        }
        let (p, n) = (positives.len() as f64, negatives.len() as f64);
        let mut vertices = vec![CurvePoint { x: 0.0, y: 0.0, threshold: None }];
        vertices.extend(self.taken().map(|(step, found, wrong)| CurvePoint {
            x: wrong as f64 / n,
            y: found as f64 / p,
            threshold: Some(step.score),
        }));

        // Finer where few negatives are taken, which is where classifiers are used.
        let grid = grid(negatives.len(), |part| part * part);
        let mut urn = bootstrap.urn();
        let heights = (0..bootstrap.resamples).map(|_| {
            let mut steps = vec![(0, 0); self.steps.len()];
            urn.draw(positives.len()).for_each(|sample| steps[positives[sample]].0 += 1);
            urn.draw(negatives.len()).for_each(|sample| steps[negatives[sample]].1 += 1);
            true_positive_rates(&steps, &grid)
        });
        let trials = |_: f64, _: f64| p;
        let seen = true_positive_rates(&self.counts(), &grid);
        Some(Curve { points: thinned(&vertices), band: band(&grid, &seen, heights, trials) })
    }

    /// The precision-recall curve; `None` without positive samples.
    ///
    /// The band is pointwise, by how much the precision scatters among samples drawn anew; where it does not, it is the precision's
    /// Wilson interval.
    pub fn precision_recall_curve(&self, bootstrap: Bootstrap) -> Option<Curve> {
        if self.positives == 0 {
            return None;
        }
        let p = self.positives as f64;
        let vertices: Vec<CurvePoint> = self
            .taken()
            .filter(|(step, ..)| step.positives > 0)
            .map(|(step, found, wrong)| CurvePoint {
                x: found as f64 / p,
                y: found as f64 / (found + wrong) as f64,
                threshold: Some(step.score),
            })
            .collect();

        let grid = grid(self.positives, |part| part);
        let mut urn = bootstrap.urn();
        let heights = (0..bootstrap.resamples).filter_map(|_| {
            let mut steps = vec![(0, 0); self.steps.len()];
            for sample in urn.draw(self.places.len()) {
                let step = &mut steps[self.places[sample]];
                if self.truth[sample] { step.0 += 1 } else { step.1 += 1 }
            }
            steps.iter().any(|step| step.0 > 0).then(|| precisions(&steps, &grid))
        });
        let trials = |recall: f64, precision: f64| p * recall / precision;
        let seen = precisions(&self.counts(), &grid);
        Some(Curve { points: thinned(&vertices), band: band(&grid, &seen, heights, trials) })
    }

    /// Each step, with how many positive and negative samples are taken once it is.
    fn taken(&self) -> impl Iterator<Item = (&Step, usize, usize)> {
        self.steps.iter().scan((0, 0), |(found, wrong), step| {
            *found += step.positives;
            *wrong += step.negatives;
            Some((step, *found, *wrong))
        })
    }

    fn counts(&self) -> Vec<(usize, usize)> {
        self.steps.iter().map(|step| (step.positives, step.negatives)).collect()
    }
}

/// Places between those where the first and the last of `samples` samples are expected.
fn grid(samples: usize, place: impl Fn(f64) -> f64) -> Vec<f64> {
    let outermost = 1.0 / (samples as f64 + 1.0);
    let places = (1..PARTS).map(|part| place(f64::from(part) / f64::from(PARTS)));
    places.filter(|place| (outermost..=1.0 - outermost).contains(place)).collect()
}

/// The true positive rate at each false positive rate of a grid, of steps of positive and negative samples.
///
/// The `j`-th of `n` negative samples has, on average, `j / (n + 1)` of all negatives at or above it.
fn true_positive_rates(steps: &[(usize, usize)], grid: &[f64]) -> Vec<f64> {
    let positives: usize = steps.iter().map(|step| step.0).sum();
    let negatives: usize = steps.iter().map(|step| step.1).sum();
    let (p, n) = (positives as f64, negatives as f64 + 1.0);
    let mut line = Line::on(grid);
    line.to((0.0, 0.0));
    let (mut found, mut wrong) = (0.0, 0.0);
    for &(positives, negatives) in steps {
        let (with, against) = (positives as f64, negatives as f64);
        if negatives > 0 {
            // Of samples that are tied, half of the one kind come before the middle one of the other.
            line.to(((wrong + 1.0) / n, (found + with * 0.5 / against) / p));
            line.to(((wrong + against) / n, (found + with * (against - 0.5) / against) / p));
        }
        found += with;
        wrong += against;
    }
    line.to((1.0, 1.0));
    line.heights()
}

/// The precision at each recall of a grid, of steps of positive and negative samples; there are positive ones.
///
/// The `k`-th of `p` positive samples has, on average, `k / (p + 1)` of all positives at or above it.
fn precisions(steps: &[(usize, usize)], grid: &[f64]) -> Vec<f64> {
    let positives: usize = steps.iter().map(|step| step.0).sum();
    let p = positives as f64 + 1.0;
    let mut line = Line::on(grid);
    let (mut found, mut wrong) = (0, 0);
    for &(positives, negatives) in steps {
        found += positives;
        wrong += negatives;
        if positives > 0 {
            line.to((found as f64 / p, found as f64 / (found + wrong) as f64));
        }
    }
    line.heights()
}

/// A line that is drawn from point to point, and how high it passes the places of a grid. Before its first point and after its last
/// it is level.
struct Line<'a> {
    grid: &'a [f64],
    from: Option<(f64, f64)>,
    heights: Vec<f64>,
}

impl<'a> Line<'a> {
    fn on(grid: &'a [f64]) -> Self {
        Self { grid, from: None, heights: Vec::with_capacity(grid.len()) }
    }

    fn to(&mut self, to: (f64, f64)) {
        let from = self.from.unwrap_or((0.0, to.1));
        while let Some(&x) = self.grid.get(self.heights.len()).filter(|&&x| x <= to.0) {
            let share = if to.0 > from.0 { (x - from.0) / (to.0 - from.0) } else { 1.0 };
            self.heights.push(from.1 + share * (to.1 - from.1));
        }
        self.from = Some(to);
    }

    fn heights(mut self) -> Vec<f64> {
        let last = self.from.map_or(0.0, |from| from.1);
        self.heights.resize(self.grid.len(), last);
        self.heights
    }
}

/// The intervals of the heights that were seen at the places of a grid, by how much the heights of samples drawn anew scatter there; of
/// a share of `trials` of the place and the height where they do not.
fn band(
    grid: &[f64],
    seen: &[f64],
    heights: impl Iterator<Item = Vec<f64>>,
    trials: impl Fn(f64, f64) -> f64,
) -> Vec<BandPoint> {
    let mut scatters = vec![Scatter::default(); grid.len()];
    for line in heights {
        for (scatter, height) in scatters.iter_mut().zip(line) {
            scatter.add(height);
        }
    }
    let point = |((&x, &height), scatter): ((&f64, &f64), Scatter)| {
        let Interval { low, high } = Interval::of_share(height, scatter.deviation()?, trials(x, height));
        Some(BandPoint { x, low, high })
    };
    grid.iter().zip(seen).zip(scatters).filter_map(point).collect()
}

/// How much numbers scatter that come one by one (Welford 1962, *Technometrics* 4:419).
#[derive(Clone, Copy, Default)]
struct Scatter {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Scatter {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let from_old = value - self.mean;
        self.mean += from_old / self.count;
        self.squares += from_old * (value - self.mean);
    }

    /// The standard deviation of two or more.
    fn deviation(self) -> Option<f64> {
        (self.count > 1.0).then(|| (self.squares / (self.count - 1.0)).sqrt())
    }
}

/// The points without those that lie near the one that was last kept, as does the one after them.
fn thinned(points: &[CurvePoint]) -> Vec<CurvePoint> {
    let mut kept: Vec<CurvePoint> = Vec::new();
    for (index, point) in points.iter().enumerate() {
        let is_near = |point: &CurvePoint, last: &CurvePoint| {
            (point.x - last.x).abs() < FINENESS && (point.y - last.y).abs() < FINENESS
        };
        let can_go = match (points.get(index + 1), kept.last()) {
            (Some(next), Some(last)) => is_near(point, last) && is_near(next, last),
            _ => false,
        };
        if !can_go {
            kept.push(*point);
        }
    }
    kept
}

//! How far a calibration error may be from the truth.
//!
//! A gap between what was stated of a bin and what came true is part of the error whatever its sign, so that chance does not cancel
//! out but adds up. The interval holds the errors under which the one that was seen is no surprise. Each is tried with the true gaps that
//! explain best what was seen of all that make it (the hybrid resampling of Chuang and Lai 2000, *Statistica Sinica* 10:1,
//! with moments in place of random numbers).

use super::Bin;
use crate::Interval;
use crate::interval::Z_95;

/// The 95% point of the standard normal distribution.
const Z_90: f64 = 1.644_853_626_951_472_2;

/// The 95% interval of the sum over `bins` of how far what was stated lies from what would come true.
pub(super) fn of_gaps(bins: &[Bin]) -> Interval {
    let suspects = Suspects::new(bins);
    let seen: f64 = bins.iter().map(|bin| bin.gap().abs()).sum();
    let by_chance = suspects.sum_seen(suspects.none());
    let may_be_less = |pull| {
        let sum = suspects.sum_seen(pull);
        sum.quantile(sum.highest_deviate(&by_chance)) >= seen
    };
    let may_be_more = |pull| suspects.sum_seen(pull).quantile(-Z_95) <= seen;
    let low = suspects.true_sum(last_that(suspects.none(), may_be_less));
    let high = suspects.true_sum(last_that(suspects.all(), may_be_more));
    Interval { low: low.min(seen), high: high.max(seen) }
}

/// How far from 0 towards `end` a condition holds, if it does at 0; 0 if not.
fn last_that(end: f64, holds: impl Fn(f64) -> bool) -> f64 {
    /// The interval's ends are exact to as many bits.
    const HALVINGS: usize = 40;
    if holds(end) {
        return end;
    }
    let (mut inside, mut outside) = (0.0, end);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(inside, outside);
        if holds(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    inside
}

/// The true gaps that are tried, one set for each `pull`.
///
/// Of all gaps whose sizes have one sum, the likeliest are, for normal errors, those seen with each size less the pull times the gap's
/// variance, down to none. A pull below zero makes them larger than seen.
struct Suspects(Vec<Suspect>);

/// One bin's true gap, as it may be.
struct Suspect {
    samples: usize,
    stated: f64,
    /// The size of the gap seen, and about how much it varies.
    seen: f64,
    variance: f64,
    /// Whether fewer come true than stated, and how many fewer, or more, can.
    fewer: bool,
    most: f64,
}

impl Suspects {
    fn new(bins: &[Bin]) -> Self {
        Self(bins.iter().map(Suspect::new).collect())
    }

    /// The pull under which there is no gap.
    fn none(&self) -> f64 {
        self.0.iter().map(|bin| bin.seen / bin.variance).fold(0.0, f64::max)
    }

    /// The pull under which all gaps are as large as they can be.
    fn all(&self) -> f64 {
        -self.0.iter().map(|bin| bin.most / bin.variance).fold(0.0, f64::max)
    }

    /// The sum of the true gaps' sizes.
    fn true_sum(&self, pull: f64) -> f64 {
        self.0.iter().map(|bin| bin.gap(pull)).sum()
    }

    /// The distribution of the sum of the sizes that would be seen.
    fn sum_seen(&self, pull: f64) -> Moments {
        self.0.iter().map(|bin| bin.size_seen(pull)).fold(Moments::default(), Moments::plus)
    }
}

impl Suspect {
    fn new(bin: &Bin) -> Self {
        let (samples, came_true, gap) = (bin.samples as f64, bin.came_true as f64, bin.gap());
        // Half way between what was stated and what was seen. With half a success and half a failure more (Jeffreys' prior), for a bin
        // that is always right is not right with certainty.
        let share = (f64::midpoint(bin.stated, came_true) + 0.5) / (samples + 1.0);
        let room = |fewer: bool| if fewer { bin.stated } else { samples - bin.stated };
        // Where no room for one sample more is left on the side that was seen, the truth may be on the other as well.
        let is_open = gap != 0.0 && room(gap > 0.0) >= 1.0;
        let fewer = if is_open { gap > 0.0 } else { room(true) >= room(false) };
        Self {
            samples: bin.samples,
            stated: bin.stated,
            seen: gap.abs(),
            variance: samples * share * (1.0 - share),
            fewer,
            most: room(fewer),
        }
    }

    /// The size of the true gap.
    fn gap(&self, pull: f64) -> f64 {
        ((self.seen / self.variance - pull) * self.variance).clamp(0.0, self.most.max(0.0))
    }

    /// The distribution of the size that would be seen, of a binomial number that comes true: by its weights, from the likeliest number on
    /// to both sides until no more can be felt.
    fn size_seen(&self, pull: f64) -> Moments {
        const LEAST: f64 = 1e-16;
        let gap = self.gap(pull);
        let samples = self.samples as f64;
        let expected = if self.fewer { self.stated - gap } else { self.stated + gap };
        let chance = (expected / samples).clamp(0.0, 1.0);
        let odds = chance / (1.0 - chance);
        let likeliest = ((samples + 1.0) * chance).floor().min(samples);
        // Sums around what is nearly the mean keep their digits.
        let centre = (self.stated - expected).abs();
        let mut sums = [0.0; 4];
        let mut add = |number: f64, weight: f64| {
            let deviation = (self.stated - number).abs() - centre;
            let mut term = weight;
            for sum in &mut sums {
                *sum += term;
                term *= deviation;
            }
        };
        add(likeliest, 1.0);
        let (mut number, mut weight) = (likeliest, 1.0);
        while number < samples && weight > LEAST {
            number += 1.0;
            weight *= odds * (samples - number + 1.0) / number;
            add(number, weight);
        }
        (number, weight) = (likeliest, 1.0);
        while number > 0.0 && weight > LEAST {
            weight *= number / (odds * (samples - number + 1.0));
            number -= 1.0;
            add(number, weight);
        }
        let [first, second, third] = [sums[1], sums[2], sums[3]].map(|sum| sum / sums[0]);
        Moments {
            mean: centre + first,
            variance: second - first * first,
            third: third - 3.0 * first * second + 2.0 * first.powi(3),
        }
    }
}

/// Mean, variance and third central moment of a random number, all of which add up over independent ones.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    mean: f64,
    variance: f64,
    third: f64,
}

impl Moments {
    fn plus(self, other: Self) -> Self {
        Self {
            mean: self.mean + other.mean,
            variance: self.variance + other.variance,
            third: self.third + other.third,
        }
    }

    /// The quantile at a deviate of the normal distribution, as if the number were of a shifted gamma distribution (by the cube root
    /// of Wilson and Hilferty 1931, *PNAS* 17:684).
    fn quantile(&self, deviate: f64) -> f64 {
        let deviation = self.variance.max(0.0).sqrt();
        let skewness = self.third / deviation.powi(3);
        // Without variance nothing else can be, and without skewness the distribution is normal.
        let scaled = if skewness.abs() > 1e-6 && skewness.is_finite() {
            let root = 1.0 + skewness * deviate / 6.0 - skewness * skewness / 36.0;
            2.0 / skewness * (root.max(0.0).powi(3) - 1.0)
        } else {
            deviate
        };
        self.mean + deviation * scaled
    }

    /// The deviate above which what is seen is a surprise. No sum is less than that of no gaps, so that where this one can hardly be told from
    /// that `by_chance` all surprises are on this side: 5 of 100 instead of 2.5 (the unified intervals of Feldman and Cousins
    /// 1998, *Physical Review D* 57:3873).
    fn highest_deviate(&self, by_chance: &Self) -> f64 {
        let apart = (self.mean - by_chance.mean).powi(2) / self.variance.max(f64::MIN_POSITIVE);
        Z_95 - (Z_95 - Z_90) * (-apart / 2.0).exp()
    }
}

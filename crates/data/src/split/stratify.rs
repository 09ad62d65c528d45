//! Dividing samples so that both sides see each class.

use crate::rng::{Purpose, keyed};
use rand::seq::SliceRandom;
use std::collections::HashSet;

/// The most samples drawn for validation. On 5,000 an accuracy of 90% is known to within 0.8 points (95% interval); four times as
/// many would halve that, which no choice of an epoch needs, and would be missing from training.
const MOST_VALIDATION: usize = 5000;

/// The most rounds in which units are moved to bring classes nearer to their shares. A few suffice; each must gain, so there is an end anyhow.
const ROUNDS: usize = 10;

/// What one side is to get, and how much of it is still wanted: below zero where it has too many.
pub(super) struct Side {
    share: Vec<f64>,
    share_in_all: f64,
    wanted: Vec<f64>,
    wanted_in_all: f64,
}

impl Side {
    pub(super) fn new(share: Vec<f64>, share_in_all: f64) -> Self {
        Self { wanted: share.clone(), wanted_in_all: share_in_all, share, share_in_all }
    }

    /// How much a sample is wanted: the part of its labels' shares that is still open, where a label weighs more the fewer
    /// samples are left that carry it; then the part of all samples that is still open.
    pub(super) fn want(&self, classes: &[usize], left: &[usize]) -> (f64, f64) {
        let open = |class: usize| self.wanted[class] / self.share[class].max(1.0) / left[class] as f64;
        let labels = classes.iter().map(|&class| open(class)).sum();
        (labels, self.wanted_in_all / self.share_in_all.max(1.0))
    }

    pub(super) fn take(&mut self, classes: &[usize]) {
        for &class in classes {
            self.wanted[class] -= 1.0;
        }
        self.wanted_in_all -= 1.0;
    }
}

/// What is drawn as one: a sample, or several that stay together.
pub(super) struct Unit {
    /// Its first sample, by which it is called.
    pub(super) first: usize,
    /// The classes of its samples.
    pub(super) classes: Vec<usize>,
}

/// Draws units for validation, `fraction` of each of so many classes, but no more than [`MOST_VALIDATION`] in all, of which each class
/// then has its share. `units` ascend.
///
/// Iterative stratification: the label with the fewest units left is dealt out first, because rare labels cannot be put
/// right later. Unlike in the paper a unit goes to the side that wants all of its labels most, not only the rarest; where
/// images carry many labels this halves the distance to the shares. With one class a unit it is the usual stratified
/// split, exact to one unit. What is still uneven is then [levelled](Drawn::level).
pub(super) fn draw(units: &[Unit], classes: usize, fraction: f64, seed: u64) -> HashSet<usize> {
    let mut left = vec![0; classes];
    units.iter().flat_map(|unit| &unit.classes).for_each(|&class| left[class] += 1);
    let share = |n: usize| validation_share(n, fraction, units.len());
    let held_out: Vec<usize> = left.iter().map(|&n| share(n)).collect();
    let rest: Vec<usize> = left.iter().zip(&held_out).map(|(n, held_out)| n - held_out).collect();
    let held_out_in_all = share(units.len());
    let side = |shares: &[usize], in_all: usize| {
        Side::new(shares.iter().map(|&n| n as f64).collect(), in_all as f64)
    };
    let mut validation = side(&held_out, held_out_in_all);
    let mut train = side(&rest, units.len() - held_out_in_all);

    let mut order: Vec<usize> = (0..units.len()).collect();
    order.shuffle(&mut keyed(Purpose::Split, seed, 0, 0));
    let mut by_class = vec![Vec::new(); classes];
    for &unit in &order {
        for &class in &units[unit].classes {
            by_class[class].push(unit);
        }
    }
    let mut dealt = vec![false; units.len()];
    let mut drawn = Drawn::none(units, left.clone(), held_out, held_out_in_all);
    let mut deal = |unit: usize, left: &mut [usize]| {
        if std::mem::replace(&mut dealt[unit], true) {
            return;
        }
        let classes = &units[unit].classes;
        let validates = validation.want(classes, left) > train.want(classes, left);
        if validates {
            drawn.turn(unit);
        }
        let side = if validates { &mut validation } else { &mut train };
        side.take(classes);
        for &class in classes {
            left[class] -= 1;
        }
    };
    while let Some(rarest) = (0..left.len()).filter(|&class| left[class] > 0).min_by_key(|&class| left[class])
    {
        for &unit in &by_class[rarest] {
            deal(unit, &mut left);
        }
    }
    for &unit in &order {
        deal(unit, &mut left);
    }
    drawn.level(&order);
    drawn.firsts()
}

/// Which units validate, and how near each class is to its share of them. The last of the counts are those of all units.
struct Drawn<'a> {
    units: &'a [Unit],
    validates: Vec<bool>,
    /// Units that carry each class.
    sizes: Vec<usize>,
    /// How many of them are to validate.
    wanted: Vec<usize>,
    /// How many of them do.
    validating: Vec<usize>,
}

impl<'a> Drawn<'a> {
    /// No unit validates.
    fn none(units: &'a [Unit], mut sizes: Vec<usize>, mut wanted: Vec<usize>, wanted_in_all: usize) -> Self {
        sizes.push(units.len());
        wanted.push(wanted_in_all);
        Self { units, validates: vec![false; units.len()], validating: vec![0; sizes.len()], sizes, wanted }
    }

    /// The counts that a unit has a part in.
    fn counts(&self, unit: usize) -> impl Iterator<Item = usize> + use<'a> {
        let all = self.sizes.len() - 1;
        self.units[unit].classes.iter().copied().chain([all])
    }

    /// How many of a count validate once a unit of it has gone to the other side.
    fn turned(&self, unit: usize, count: usize) -> usize {
        if self.validates[unit] { self.validating[count] - 1 } else { self.validating[count] + 1 }
    }

    /// Has a unit go to the other side.
    fn turn(&mut self, unit: usize) {
        for count in self.counts(unit) {
            self.validating[count] = self.turned(unit, count);
        }
        self.validates[unit] = !self.validates[unit];
    }

    /// Whether the counts would lie nearer to what is wanted if a unit went to the other side: by the sum of their squared distances,
    /// each over how many there are, as in a chi-squared test. Nothing is gained by taking the last of a class from a side.
    fn gains_by(&self, unit: usize) -> bool {
        let distance = |validating: usize, count: usize| {
            let off = validating.abs_diff(self.wanted[count]) as f64;
            off * off / self.sizes[count] as f64
        };
        let growth = |count: usize| {
            distance(self.turned(unit, count), count) - distance(self.validating[count], count)
        };
        let empties = |count: usize| [0, self.sizes[count]].contains(&self.turned(unit, count));
        self.counts(unit).map(growth).sum::<f64>() < 0.0 && !self.counts(unit).any(empties)
    }

    /// Has units go to the other side as long as that brings the classes nearer to their shares; where each has its own, nothing
    /// is to be done. Dealing one by one cannot do so: which labels come together in what is still to be dealt, it does not see.
    fn level(&mut self, order: &[usize]) {
        let classes = self.sizes.len() - 1;
        if self.wanted[..classes] == self.validating[..classes] {
            return;
        }
        for _ in 0..ROUNDS {
            let before = self.validates.clone();
            for &unit in order {
                if self.gains_by(unit) {
                    self.turn(unit);
                }
            }
            if self.validates == before {
                return;
            }
        }
    }

    /// The first sample of each unit that validates.
    fn firsts(self) -> HashSet<usize> {
        let drawn = self.units.iter().zip(self.validates).filter(|(_, validates)| *validates);
        drawn.map(|(unit, _)| unit.first).collect()
    }
}

/// How many of `n` samples validate: the rounded share or, where that is less, their part of [`MOST_VALIDATION`] among `all`; but
/// one at least on either side, and of a single sample none.
fn validation_share(n: usize, fraction: f64, all: usize) -> usize {
    if n < 2 {
        return 0;
    }
    let wanted = (n as f64 * fraction).round() as usize;
    wanted.min(n * MOST_VALIDATION / all).clamp(1, n - 1)
}

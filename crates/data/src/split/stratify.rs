//! Dividing samples so that both sides see each class.

use crate::dataset::Dataset;
use crate::rng::{Purpose, keyed};
use rand::seq::SliceRandom;

/// How many more samples a side wants, of each class and in all. Below zero where it has too many.
struct Wanted {
    by_class: Vec<isize>,
    in_all: isize,
}

impl Wanted {
    fn take(&mut self, classes: &[usize]) {
        for &class in classes {
            self.by_class[class] -= 1;
        }
        self.in_all -= 1;
    }
}

/// Divides `pool` into training and validation samples, `fraction` of each class for validation.
///
/// Iterative stratification: the label with the fewest samples left is dealt out first, each of its samples to the side
/// that wants it more, because rare labels cannot be put right later. With one class a sample this is the usual
/// stratified split, exact to one sample.
pub(super) fn divide(
    dataset: &Dataset,
    pool: &[usize],
    fraction: f64,
    seed: u64,
) -> (Vec<usize>, Vec<usize>) {
    let mut order = pool.to_vec();
    order.shuffle(&mut keyed(Purpose::Split, seed, 0, 0));
    let labels = |sample: usize| dataset.samples()[sample].label.indices();

    let mut left = dataset.class_counts(pool);
    let mut by_class = vec![Vec::new(); left.len()];
    for &sample in &order {
        for &class in labels(sample) {
            by_class[class].push(sample);
        }
    }
    let held_out: Vec<isize> = left.iter().map(|&n| validation_share(n, fraction)).collect();
    let in_all = validation_share(pool.len(), fraction);
    let rest = left.iter().zip(&held_out).map(|(&n, held_out)| n.cast_signed() - held_out).collect();
    let mut train_wants = Wanted { by_class: rest, in_all: pool.len().cast_signed() - in_all };
    let mut validation_wants = Wanted { by_class: held_out, in_all };

    let mut dealt = vec![false; dataset.samples().len()];
    let (mut train, mut validation) = (Vec::new(), Vec::new());
    let mut deal = |sample: usize, class: Option<usize>, left: &mut [usize]| {
        if std::mem::replace(&mut dealt[sample], true) {
            return;
        }
        let want = |side: &Wanted| (class.map_or(0, |class| side.by_class[class]), side.in_all);
        let (side, wanted) = if want(&validation_wants) > want(&train_wants) {
            (&mut validation, &mut validation_wants)
        } else {
            (&mut train, &mut train_wants)
        };
        side.push(sample);
        wanted.take(labels(sample));
        for &class in labels(sample) {
            left[class] -= 1;
        }
    };
    while let Some(rarest) = (0..left.len()).filter(|&class| left[class] > 0).min_by_key(|&class| left[class])
    {
        for &sample in &by_class[rarest] {
            deal(sample, Some(rarest), &mut left);
        }
    }
    for &sample in &order {
        deal(sample, None, &mut left);
    }
    train.sort_unstable();
    validation.sort_unstable();
    (train, validation)
}

/// How many of `n` samples validate: the rounded share, but one at least on either side; of a single sample none.
fn validation_share(n: usize, fraction: f64) -> isize {
    let n = n.cast_signed();
    if n < 2 { 0 } else { ((n as f64 * fraction).round() as isize).clamp(1, n - 1) }
}

//! Fisher's exact test of two shares, one-sided.

use crate::binomial::exactly;

/// The chance that `n` samples drawn from `all`, of which `right_in_all` are right, have `right` right ones or fewer (Fisher 1935).
///
/// For `n <= all`, `right <= n` and `right <= right_in_all`.
pub(super) fn at_most(right: usize, n: usize, right_in_all: usize, all: usize) -> f64 {
    let wrong_in_all = all - right_in_all;
    let least = n.saturating_sub(wrong_in_all);
    let most = n.min(right_in_all);
    if right >= most {
        return 1.0;
    }
    let chance = |right| hypergeometric(right, n, right_in_all, all);
    // From a chance to that of one fewer, or one more. The tail is summed on the side where the chances become smaller.
    let is_below_mean = (right as f64) * (all as f64) <= n as f64 * right_in_all as f64;
    let tail = if is_below_mean {
        let fewer = |right: usize| {
            let (won, lost) = (right as f64, (n - right) as f64);
            won * (wrong_in_all as f64 - lost) / ((right_in_all as f64 - won + 1.0) * (lost + 1.0))
        };
        sum(chance(right), (least + 1..=right).rev().map(fewer))
    } else {
        let more = |right: usize| {
            let (won, lost) = (right as f64, (n - right) as f64);
            (right_in_all as f64 - won) * lost / ((won + 1.0) * (wrong_in_all as f64 - lost + 1.0))
        };
        1.0 - sum(chance(right + 1), (right + 1..most).map(more))
    };
    tail.clamp(0.0, 1.0)
}

/// The sum of the first chance and those that follow by ratios, which become smaller.
fn sum(first: f64, ratios: impl Iterator<Item = f64>) -> f64 {
    let (mut chance, mut sum) = (first, first);
    for ratio in ratios {
        chance *= ratio;
        let next = sum + chance;
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

/// The chance of exactly so many right ones, as a product of binomial chances (Loader 2000): for a share right that is neither 0 nor 1.
fn hypergeometric(right: usize, n: usize, right_in_all: usize, all: usize) -> f64 {
    let share = right_in_all as f64 / all as f64;
    exactly(right, n, share) * exactly(right_in_all - right, all - n, share)
        / exactly(right_in_all, all, share)
}

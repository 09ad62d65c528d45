//! Intervals for sums of weighted shares, from the Wilson intervals of the shares.
//!
//! The method of variance estimates recovery (Zou and Donner 2008, *Statistics in Medicine* 27:1693): how far the end of a share's
//! interval lies from the share stands for its standard deviation on that side. So a sum's interval is not centred either, and
//! has a width even where every share is 0 or 1.

use crate::{Estimate, Interval};

/// How far a weight carries the share's lower end below what the share adds to a sum, where the weight is negative its upper.
fn below(weight: f64, share: Estimate) -> f64 {
    let end = if weight < 0.0 { share.ci95.high } else { share.ci95.low };
    weight * (share.value - end)
}

fn above(weight: f64, share: Estimate) -> f64 {
    below(-weight, share)
}

/// The first share less the second, of two independent groups: Newcombe's interval (1998, *Statistics in Medicine* 17:873, method
/// 10). `None` where a group is empty or smaller than its successes.
pub(crate) fn difference(first: (usize, usize), second: (usize, usize)) -> Option<Estimate> {
    let (a, b) = (Estimate::of_share(first.0, first.1)?, Estimate::of_share(second.0, second.1)?);
    let value = a.value - b.value;
    let low = value - below(1.0, a).hypot(below(-1.0, b));
    let high = value + above(1.0, a).hypot(above(-1.0, b));
    Some(Estimate { value, ci95: Interval { low, high } })
}

/// The sum of independent shares, each with its weight.
pub(crate) fn weighted_sum(shares: &[(f64, Estimate)]) -> Estimate {
    let value: f64 = shares.iter().map(|(weight, share)| weight * share.value).sum();
    let room = |distance: fn(f64, Estimate) -> f64| {
        shares.iter().map(|(weight, share)| distance(*weight, *share).powi(2)).sum::<f64>().sqrt()
    };
    Estimate { value, ci95: Interval { low: value - room(below), high: value + room(above) } }
}

/// The mean over `n` samples of a quantity that takes few values: `values` are pairs of a value and how many samples have it. Values
/// that no sample has but one could have had belong to them; the number 0 need not be there. `None` without samples.
///
/// The shares of the values are those of one multinomial draw, whose correlations are taken into account.
pub(crate) fn mean_of_few_values(
    values: impl IntoIterator<Item = (f64, usize)>,
    n: usize,
) -> Option<Estimate> {
    if n == 0 {
        return None;
    }
    let mut values: Vec<(f64, usize)> = values.into_iter().filter(|&(value, _)| value != 0.0).collect();
    values.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let shares = values
        .chunk_by(|(a, _), (b, _)| a == b)
        .map(|equal| Some((equal[0].0, Estimate::of_share(equal.iter().map(|(_, count)| count).sum(), n)?)))
        .collect::<Option<Vec<_>>>()?;
    let value = shares.iter().map(|(weight, share)| weight * share.value).sum();
    let low = value - spread(&shares, below);
    let high = value + spread(&shares, above);
    Some(Estimate { value, ci95: Interval { low, high } })
}

/// The root of `Σᵢⱼ rᵢⱼ dᵢ dⱼ` over weighted shares and their distances `d`, with `rᵢⱼ = -√(pᵢpⱼ / (1-pᵢ)(1-pⱼ))` for two shares of
/// one draw, whose sign turns where one of the two weights is negative.
fn spread(shares: &[(f64, Estimate)], distance: impl Fn(f64, Estimate) -> f64) -> f64 {
    // With oᵢ = √(pᵢ / (1-pᵢ)) the sum over i ≠ j is that over all pairs less the squares. A share of 1 leaves 0 for all others.
    let (mut squares, mut sum, mut own) = (0.0, 0.0, 0.0);
    for &(weight, share) in shares {
        let distance = distance(weight, share);
        squares += distance * distance;
        if share.value < 1.0 {
            let scaled = (share.value / (1.0 - share.value)).sqrt() * distance * weight.signum();
            sum += scaled;
            own += scaled * scaled;
        }
    }
    (squares - (sum * sum - own)).max(0.0).sqrt()
}

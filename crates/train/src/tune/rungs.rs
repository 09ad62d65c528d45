//! How many candidates are tried for how long: successive halving (K. Jamieson and A. Talwalkar, "Non-stochastic Best Arm Identification and
//! Hyperparameter Optimization", AISTATS 2016, <https://arxiv.org/abs/1502.07943>).

use serde::{Deserialize, Serialize};

/// Of the candidates of a rung one in so many goes on, and is trained so many times longer.
pub(super) const ETA: usize = 3;

/// Candidates that are trained for the same time, each from its first step.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Rung {
    /// How many there are.
    pub candidates: usize,
    /// The time of each training, in seconds.
    pub seconds: f64,
}

/// The rungs that fill `seconds`: of at most `most` candidates as many as can be trained for `least` seconds each in the first rung, but two at the
/// least, however short that is.
pub(super) fn plan(seconds: f64, least: f64, most: usize) -> Vec<Rung> {
    let fits = |candidates: &usize| cost(*candidates) * least <= seconds;
    let candidates = (2..=most).rev().find(fits).unwrap_or(2);
    let first = seconds / cost(candidates);
    let times = std::iter::successors(Some(first), |time| Some(time * ETA as f64));
    sizes(candidates)
        .into_iter()
        .zip(times)
        .map(|(candidates, seconds)| Rung { candidates, seconds })
        .collect()
}

/// The candidates of each rung: one in [`ETA`] of those before, until one is left.
fn sizes(candidates: usize) -> Vec<usize> {
    let fewer = |before: &usize| (*before > 1).then(|| (before / ETA).max(1));
    std::iter::successors(Some(candidates), fewer).collect()
}

/// The time of all rungs, in trainings of the first.
fn cost(candidates: usize) -> f64 {
    let longer = std::iter::successors(Some(1.0), |time| Some(time * ETA as f64));
    sizes(candidates).into_iter().zip(longer).map(|(candidates, time)| candidates as f64 * time).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rung_has_a_third_of_the_candidates_until_one_is_left() {
        assert_eq!(sizes(27), [27, 9, 3, 1]);
        assert_eq!(sizes(17), [17, 5, 1]);
        assert_eq!(sizes(2), [2, 1]);
        assert_eq!(cost(9), 27.0);
        assert_eq!(cost(17), 17.0 + 5.0 * 3.0 + 9.0);
    }

    #[test]
    fn rungs_take_the_time_there_is_and_no_more() {
        for seconds in [1.0, 59.0, 3600.0, 1e6] {
            for least in [0.0, 0.5, 20.0, 1e4] {
                for most in [2, 7, 50] {
                    let rungs = plan(seconds, least, most);
                    let taken: f64 = rungs.iter().map(|rung| rung.candidates as f64 * rung.seconds).sum();
                    assert!((taken - seconds).abs() < 1e-9 * seconds, "{rungs:?}");
                    assert!((2..=most).contains(&rungs[0].candidates), "{rungs:?}");
                    assert!(
                        rungs[0].candidates == 2 || rungs[0].seconds >= least * (1.0 - 1e-12),
                        "{rungs:?}"
                    );
                    assert_eq!(rungs.last().unwrap().candidates, 1);
                    for pair in rungs.windows(2) {
                        assert!((pair[1].seconds / pair[0].seconds - 3.0).abs() < 1e-9);
                    }
                }
            }
        }
    }

    #[test]
    fn more_time_tries_more() {
        let tried = |minutes: f64| plan(minutes * 60.0, 85.0, 50)[0].candidates;
        assert_eq!([tried(5.0), tried(10.0), tried(60.0)], [2, 4, 17]);
        assert_eq!(plan(1e9, 1.0, 50)[0].candidates, 50);
    }
}

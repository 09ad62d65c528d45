//! A tree of questions.

use super::feature::{Feature, Row};
use crate::check::count;
use crate::survey::Facts;

/// A tree of questions.
pub(super) enum Tree<'a> {
    Answer { class: usize, right: usize, of: usize },
    Question { feature: Feature<'a>, threshold: f64, at_most: Box<Self>, above: Box<Self> },
}

impl<'a> Tree<'a> {
    pub(super) fn answer(&self, facts: &Facts) -> usize {
        match self {
            Self::Answer { class, .. } => *class,
            Self::Question { feature, threshold, at_most, above } => {
                if feature.value(facts) > *threshold {
                    above.answer(facts)
                } else {
                    at_most.answer(facts)
                }
            }
        }
    }

    /// What is asked, as often as it is.
    pub(super) fn features(&self) -> Vec<Feature<'a>> {
        match self {
            Self::Answer { .. } => Vec::new(),
            Self::Question { feature, at_most, above, .. } => {
                [vec![*feature], at_most.features(), above.features()].concat()
            }
        }
    }

    /// A line for each answer, those to the most pictures first: `JPEG: 18 of 20 files are well`.
    pub(super) fn described(&self, answers: &[String], thing: &str) -> Vec<String> {
        let mut lines = Vec::new();
        self.describe(answers, thing, &mut Vec::new(), &mut lines);
        lines.sort_by_key(|(of, _)| std::cmp::Reverse(*of));
        lines.into_iter().map(|(_, line)| line).collect()
    }

    fn describe(
        &self,
        answers: &[String],
        thing: &str,
        path: &mut Vec<String>,
        lines: &mut Vec<(usize, String)>,
    ) {
        match self {
            Self::Answer { class, right, of } => {
                let line =
                    format!("{}: {right} of {} are {}", path.join(", "), count(*of, thing), answers[*class]);
                lines.push((*of, line));
            }
            Self::Question { feature, threshold, at_most, above } => {
                for (tree, is_above) in [(above, true), (at_most, false)] {
                    path.push(feature.side(*threshold, is_above));
                    tree.describe(answers, thing, path, lines);
                    path.pop();
                }
            }
        }
    }

    /// The tree of a question; where both sides would be answered alike, that answer.
    fn of_question(feature: Feature<'a>, threshold: f64, at_most: Self, above: Self) -> Self {
        match (&at_most, &above) {
            (
                Self::Answer { class, right, of },
                Self::Answer { class: same, right: more_right, of: of_more },
            ) if class == same => Self::Answer { class: *class, right: right + more_right, of: of + of_more },
            _ => Self::Question { feature, threshold, at_most: Box::new(at_most), above: Box::new(above) },
        }
    }
}

/// How many pictures of each class there are.
pub(super) fn tally<'a, 'b: 'a>(rows: impl IntoIterator<Item = &'a Row<'b>>, classes: usize) -> Vec<usize> {
    let mut counts = vec![0; classes];
    for row in rows {
        counts[row.class] += 1;
    }
    counts
}

/// A fall of the entropy by less than this is rounding.
const ROUNDING: f64 = 1e-6;

/// Grows trees by the largest fall of the entropy (Quinlan 1986, *Machine Learning* 1:81). The Gini impurity would not do: it falls as much
/// where one of ten classes is told from nine as where five are told from five, and a tree of few questions needs the latter.
pub(super) struct Grower<'a> {
    pub(super) features: Vec<Feature<'a>>,
    pub(super) classes: usize,
}

impl<'a> Grower<'a> {
    /// A tree in which at most `depth` questions follow each other.
    pub(super) fn grow(&self, rows: &[&Row<'_>], depth: usize) -> Tree<'a> {
        match (depth > 0).then(|| self.best_question(rows)).flatten() {
            None => {
                let counts = tally(rows.iter().copied(), self.classes);
                let right = counts.iter().copied().max().unwrap_or(0);
                let class = counts.iter().position(|&n| n == right).unwrap_or(0);
                Tree::Answer { class, right, of: rows.len() }
            }
            Some((feature, threshold)) => {
                let (above, at_most): (Vec<&Row<'_>>, Vec<&Row<'_>>) =
                    rows.iter().partition(|row| feature.value(row.facts) > threshold);
                let [at_most, above] = [at_most, above].map(|side| self.grow(&side, depth - 1));
                Tree::of_question(feature, threshold, at_most, above)
            }
        }
    }

    /// The question that tells most, if any tells anything.
    fn best_question(&self, rows: &[&Row<'_>]) -> Option<(Feature<'a>, f64)> {
        let whole = tally(rows.iter().copied(), self.classes);
        // A side of n pictures with n_k of each class has an entropy of n ln n - sum_k n_k ln n_k, all its pictures together.
        let x_ln_x: Vec<f64> =
            (0..=rows.len()).map(|n| if n == 0 { 0.0 } else { n as f64 * (n as f64).ln() }).collect();
        let sum = |counts: &[usize]| counts.iter().map(|&n| x_ln_x[n]).sum::<f64>();
        let mut best = (x_ln_x[rows.len()] - sum(&whole) - ROUNDING, None);
        for &feature in &self.features {
            let mut values: Vec<(f64, usize)> =
                rows.iter().map(|row| (feature.value(row.facts), row.class)).collect();
            values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
            let (mut below, mut above) = (vec![0; self.classes], whole.clone());
            let mut sums = sum(&whole);
            for (i, pair) in values.windows(2).enumerate() {
                let class = pair[0].1;
                sums += x_ln_x[below[class] + 1] - x_ln_x[below[class]];
                sums += x_ln_x[above[class] - 1] - x_ln_x[above[class]];
                below[class] += 1;
                above[class] -= 1;
                let entropy = x_ln_x[i + 1] + x_ln_x[rows.len() - i - 1] - sums;
                if pair[0].0 < pair[1].0 && entropy < best.0 {
                    best = (entropy - ROUNDING, Some((feature, f64::midpoint(pair[0].0, pair[1].0))));
                }
            }
        }
        best.1
    }
}

//! Which labels are contradicted by networks that were not trained on the pictures.

use divvy_eval::{EvalError, LabelDoubt, LabelErrors, MultiLabelDoubt, MultiLabelErrors};
use divvy_nn::Task;

/// How far the labels of pictures are contradicted by networks that were not trained on them (confident learning: Northcutt, Jiang and Chuang 2021).
///
/// Whatever is said of wrong labels is made of this: a section of a report, and the corrections of a run.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct LabelDoubts {
    /// How many labels are wrong, by estimate: a measure of what labels and networks disagree about, no census.
    pub(crate) estimated: f64,
    /// All pictures, the one whose label is contradicted most first.
    pub(crate) ranking: Vec<Doubt>,
}

/// What speaks against the label of a picture, or against the most doubtful of its labels.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Doubt {
    /// The picture, counted from 0 in the order in which they were given.
    pub(crate) picture: usize,
    /// The group that it is labelled with, or the label that is most doubtful.
    pub(crate) label: usize,
    /// Whether it has that label; always so of groups.
    pub(crate) given: bool,
    /// The probability of the label.
    pub(crate) probability: f64,
    /// Of groups the likeliest other one, and its probability.
    pub(crate) likely: Option<(usize, f64)>,
    /// What the picture more likely is: the likeliest other group; of labels those given, but for the suspected ones, or where none is for the most doubtful one.
    /// Ascending.
    pub(crate) suggested: Vec<usize>,
    /// Whether the picture is suspected to be labelled wrongly.
    pub(crate) suspected: bool,
}

impl LabelDoubts {
    /// Holds the labels of each picture, `given` as ascending indices below `classes`, against `rows`, the probabilities of all classes for each. Where groups
    /// exclude each other, a picture has one.
    ///
    /// # Errors
    /// No pictures, and rows that are no probabilities.
    pub(crate) fn of(
        task: Task,
        classes: usize,
        given: &[&[usize]],
        rows: &[f32],
    ) -> Result<Self, EvalError> {
        if task == Task::MultiLabel {
            let errors = MultiLabelErrors::new(classes, given, rows)?;
            return Ok(Self {
                estimated: errors.per_label.iter().map(|label| label.estimated).sum(),
                ranking: errors.ranking.iter().map(|doubt| Doubt::of_label(doubt, given)).collect(),
            });
        }
        let groups: Vec<usize> = given.iter().map(|labels| labels[0]).collect();
        let errors = LabelErrors::new(classes, &groups, rows)?;
        Ok(Self {
            estimated: errors.estimated,
            ranking: errors.ranking.iter().map(Doubt::of_group).collect(),
        })
    }

    /// Those whose label is suspected to be wrong, the most contradicted first.
    pub(crate) fn suspected(&self) -> impl Iterator<Item = &Doubt> {
        self.ranking.iter().filter(|doubt| doubt.suspected)
    }
}

impl Doubt {
    fn of_group(doubt: &LabelDoubt) -> Self {
        Self {
            picture: doubt.sample,
            label: doubt.given,
            given: true,
            probability: doubt.given_probability,
            likely: Some((doubt.other, doubt.other_probability)),
            suggested: vec![doubt.other],
            suspected: doubt.suspected,
        }
    }

    fn of_label(doubt: &MultiLabelDoubt, given: &[&[usize]]) -> Self {
        let doubtful = match doubt.suspected.as_slice() {
            [] => std::slice::from_ref(&doubt.label),
            suspected => suspected,
        };
        let given = given[doubt.sample];
        let kept = given.iter().filter(|label| !doubtful.contains(label));
        let added = doubtful.iter().filter(|label| !given.contains(label));
        let mut suggested: Vec<usize> = kept.chain(added).copied().collect();
        suggested.sort_unstable();
        Self {
            picture: doubt.sample,
            label: doubt.label,
            given: doubt.given,
            probability: doubt.probability,
            likely: None,
            suggested,
            suspected: !doubt.suspected.is_empty(),
        }
    }

    /// The probability that the label is rightly given, or rightly not given.
    pub(crate) fn probability_as_labelled(&self) -> f64 {
        if self.given { self.probability } else { 1.0 - self.probability }
    }

    /// The probability of what contradicts it most.
    pub(crate) fn probability_of_other(&self) -> f64 {
        self.likely.map_or_else(|| 1.0 - self.probability_as_labelled(), |(_, probability)| probability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-6, "{found}, {wanted}");
    }

    /// Three groups; the last picture of the first is surely of the third.
    #[test]
    fn groups_are_doubted_by_the_likeliest_other() {
        let rows = [
            [0.8, 0.1, 0.1],
            [0.7, 0.2, 0.1],
            [0.1, 0.8, 0.1],
            [0.2, 0.6, 0.2],
            [0.1, 0.2, 0.7],
            [0.1, 0.1, 0.8],
            [0.05, 0.1, 0.85],
        ];
        let given: [&[usize]; 7] = [&[0], &[0], &[1], &[1], &[2], &[2], &[0]];
        let doubts = LabelDoubts::of(Task::MultiClass, 3, &given, rows.as_flattened()).unwrap();
        let first = &doubts.ranking[0];
        assert_eq!((first.picture, first.label, first.given), (6, 0, true));
        assert_eq!((first.suggested.as_slice(), first.suspected), (&[2][..], true));
        near(first.probability_as_labelled(), 0.05);
        near(first.probability_of_other(), 0.85);
        assert_eq!(doubts.suspected().count(), 1);
        // Of three pictures called 0, one was counted as another, and of the others none: 3 * 1 / 3.
        near(doubts.estimated, 1.0);
    }

    /// Two labels: one picture surely lacks both of its own, another is without one that it surely has; the rest are as they are called.
    #[test]
    fn labels_are_taken_away_and_given_where_they_are_doubted() {
        let rows = [[0.9, 0.9], [0.8, 0.9], [0.1, 0.1], [0.2, 0.1], [0.05, 0.04], [0.85, 0.97]];
        let given: [&[usize]; 6] = [&[0, 1], &[0, 1], &[], &[], &[0, 1], &[0]];
        let doubts = LabelDoubts::of(Task::MultiLabel, 2, &given, rows.as_flattened()).unwrap();
        let of = |picture: usize| doubts.ranking.iter().find(|doubt| doubt.picture == picture).unwrap();
        let (none, more, right) = (of(4), of(5), of(1));
        assert_eq!((none.label, none.given, none.suspected), (1, true, true));
        assert!(none.suggested.is_empty());
        near(none.probability_as_labelled(), 0.04);
        near(none.probability_of_other(), 0.96);
        assert_eq!((more.label, more.given, more.suspected), (1, false, true));
        assert_eq!(more.suggested, [0, 1]);
        near(more.probability_as_labelled(), 0.03);
        near(more.probability_of_other(), 0.97);
        // Of what is not suspected, the most doubtful label is what might be wrong.
        assert_eq!((right.label, right.suspected), (0, false));
        assert_eq!(right.suggested, [1]);
        near(right.probability_of_other(), 0.2);
        assert_eq!(doubts.suspected().map(|doubt| doubt.picture).collect::<Vec<_>>(), [5, 4]);
    }
}

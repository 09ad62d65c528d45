//! Whether pictures tell their class without a look at what they show.

mod feature;
mod tree;
mod trial;

use super::copies::Copies;
use super::finding::Finding;
use super::{percent, place};
use crate::dataset::{Dataset, LabelKind};
use crate::decode::group_digits;
use crate::rng::{Purpose, keyed};
use crate::survey::Survey;
use crate::together::Together;
use divvy_rules::{Diagnostic, Rule, Severity};
use feature::{Feature, Row};
use rand::seq::index;
use std::collections::BTreeSet;
use trial::Trial;

/// With fewer pictures, chance alone finds rules.
const FEWEST: usize = 40;
/// How many pictures are looked at, of larger sets a random selection: more move no share by a hundredth.
const MOST: usize = 20_000;
/// The same where something is asked of each of many labels.
const MOST_PER_LABEL: usize = 2_000;
/// What of the answers that the most frequent class leaves wrong the rule must get right, with what chance may do already taken off...
const ACCUSES: f64 = 0.2;
/// ...and where it rests on what may as well be shown.
const HINTS: f64 = 0.5;

/// What to do about files that tell.
const IN_THE_SAME_WAY: &str =
    "collect all groups in the same way; until then save all pictures anew in one format and shape";
/// What to do where what is shown may be the reason.
const SEE_WHICH: &str = "see whether the groups differ in this by nature, as meadows are green and plain things take fewer bytes: then allow T06; if light, camera or saving differ instead, collect all groups in the same way";

/// [`T06`](Rule::T06): a tree of a few questions tells the class, on pictures that took no part in choosing the questions. `copies` are
/// those of the survey; they and the pictures of one series are never on both sides.
///
/// It is a warning where the questions are about the files: their type, width, height, shape, camera and orientation; and a note where it
/// takes the size in bytes or the mean colour as well, since what is shown decides these, too. Of labels that do not exclude each other the
/// one that is told best is named, and by the files alone.
pub fn shortcut(survey: &Survey, copies: &Copies) -> Option<Finding> {
    let dataset = survey.dataset();
    let groups = Groups::of(survey, copies);
    let told_by_files = best(questions(dataset), |question| {
        let rows = groups.rows(survey, question);
        let trial = Trial::of(&rows, Feature::of_files(&rows), question.answers.len(), FEWEST)?;
        (trial.gain() >= ACCUSES).then_some(trial)
    });
    if let Some(told) = told_by_files {
        let so =
            "a network can find the traces of it in the pixels, and be right for a reason that will not hold";
        return Some(told.finding(dataset, so).fix(IN_THE_SAME_WAY).into());
    }
    if dataset.label_kind() != LabelKind::Classes {
        return None;
    }
    let told_by_all = best(questions(dataset), |question| {
        let rows = groups.rows(survey, question);
        let features = [Feature::of_files(&rows), Feature::of_content(&rows)].concat();
        let trial = Trial::of(&rows, features, question.answers.len(), FEWEST)?;
        (trial.gain() >= HINTS).then_some(trial)
    });
    let so = "a network that is right as often may have looked at nothing else";
    told_by_all.map(|told| told.finding(dataset, so).severity(Severity::Note).fix(SEE_WHICH).into())
}

/// What is to be told of each picture.
struct Question {
    /// What it is, in words.
    about: String,
    /// The answers in words, by their numbers.
    answers: Vec<String>,
    /// The label that is asked for; none where classes exclude each other.
    label: Option<usize>,
}

/// The class, or each label in turn.
fn questions(dataset: &Dataset) -> Vec<Question> {
    let named = |class: &String| format!("`{class}`");
    if dataset.label_kind() == LabelKind::Classes {
        let answers = dataset.classes().iter().map(named).collect();
        return vec![Question { about: "the group".to_owned(), answers, label: None }];
    }
    let of_label = |(label, class): (usize, &String)| Question {
        about: format!("whether `{class}` is a label"),
        answers: vec![format!("not `{class}`"), named(class)],
        label: Some(label),
    };
    dataset.classes().iter().enumerate().map(of_label).collect()
}

/// Which pictures are looked at, and which of them belong together.
struct Groups {
    /// Positions among the survey's facts, ascending.
    chosen: Vec<usize>,
    /// The first sample of each sample's group.
    first: Vec<usize>,
}

impl Groups {
    fn of(survey: &Survey, copies: &Copies) -> Self {
        let dataset = survey.dataset();
        let (all, labels) = (survey.facts().len(), dataset.label_kind() == LabelKind::MultiLabel);
        let most = if labels { MOST_PER_LABEL } else { MOST };
        let mut chosen: Vec<usize> = (0..all).collect();
        if all > most {
            chosen = index::sample(&mut keyed(Purpose::Shortcut, 0, 0, 0), all, most).into_vec();
            chosen.sort_unstable();
        }
        let mut together = Together::of_samples(dataset, &copies.together());
        Self { chosen, first: (0..dataset.samples().len()).map(|sample| together.first(sample)).collect() }
    }

    /// The pictures, with the number of the right answer to a question.
    fn rows<'a>(&self, survey: &'a Survey, question: &Question) -> Vec<Row<'a>> {
        let row = |&at: &usize| {
            let facts = &survey.facts()[at];
            let labels = survey.dataset().samples()[facts.sample].label.indices();
            let class = match question.label {
                Some(label) => usize::from(labels.contains(&label)),
                None => labels[0],
            };
            Row { facts, class, group: self.first[facts.sample] }
        };
        self.chosen.iter().map(row).collect()
    }
}

/// A question that can be answered without a look at what is shown.
struct Told<'a> {
    question: Question,
    trial: Trial<'a>,
    /// How many other questions can.
    others: usize,
}

/// Of the questions with a trial the one with the largest gain.
fn best<'a>(questions: Vec<Question>, trial: impl Fn(&Question) -> Option<Trial<'a>>) -> Option<Told<'a>> {
    let tried = questions.into_iter().filter_map(|question| Some((trial(&question)?, question)));
    let tried: Vec<(Trial<'_>, Question)> = tried.collect();
    let others = tried.len().saturating_sub(1);
    let best = tried.into_iter().max_by(|(a, _), (b, _)| a.gain().total_cmp(&b.gain()))?;
    Some(Told { question: best.1, trial: best.0, others })
}

impl Told<'_> {
    /// What is told of it and of what follows, but for what to do.
    fn finding(&self, dataset: &Dataset, so: &str) -> Diagnostic {
        let Self { question, trial, others } = self;
        let thing = if dataset.array_shape().is_some() { "picture" } else { "file" };
        let topics: BTreeSet<&str> = trial.tree.features().iter().map(|feature| feature.topic()).collect();
        let told_by = match topics.into_iter().collect::<Vec<_>>()[..] {
            [ref first @ .., last] if !first.is_empty() => {
                format!("{} and {last} alone tell", first.join(", "))
            }
            ref one => format!("{} alone tells", one.concat()),
        };
        let what = format!("{told_by} {} of {} of the {thing}s", question.about, percent(trial.share()));
        let (low, high) = trial.interval();
        let digits = |n: usize| group_digits(n as u64);
        let counted = if trial.worth < trial.of {
            format!(", counted as {}, for copies and series stand for one", digits(trial.worth))
        } else {
            String::new()
        };
        let others = match others {
            0 => String::new(),
            1 => "; another label can be told so as well".to_owned(),
            n => format!("; {n} other labels can be told so as well"),
        };
        Diagnostic::new(Rule::T06, what)
            .at(place(dataset))
            .because(format!(
                "that is {} of {} {thing}s that took no part in finding the rule (95 % interval {low:.2} to {high:.2}{counted}), where the most frequent answer is {:.2}: {so}{others}",
                digits(trial.right), digits(trial.of), trial.majority,
            ))
            .evidence(trial.tree.described(&question.answers, thing))
    }
}

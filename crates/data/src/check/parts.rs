//! What the parts of a split can and cannot tell.

use super::{count, place, wilson};
use crate::dataset::{Dataset, LabelKind, Part};
use crate::split::Split;
use divvy_rules::{Diagnostic, Rule, Severity};

/// What the sizes of a split's parts tell.
///
/// - [`Y05`](Rule::Y05): an error where training cannot learn a class, or where validation or test hold a single class; a
///   warning where they lack some.
/// - [`V06`](Rule::V06), a warning: so few validation pictures that an accuracy near 0.9 is not known to 5 points.
///
/// # Panics
/// If the split is not one of this dataset.
pub fn split(dataset: &Dataset, split: &Split) -> Vec<Diagnostic> {
    let counts = Counts::of(dataset, split);
    let held_out = [Part::Validation, Part::Test];
    let mut findings: Vec<Diagnostic> = training(dataset, &counts).into_iter().collect();
    findings.extend(held_out.into_iter().filter_map(|part| judging(dataset, &counts, part)));
    findings.extend(too_small(dataset, split.validation.len()));
    findings
}

/// How many pictures of each class each part has.
struct Counts {
    train: Vec<usize>,
    validation: Vec<usize>,
    test: Vec<usize>,
}

impl Counts {
    fn of(dataset: &Dataset, split: &Split) -> Self {
        let [train, validation, test] =
            [&split.train, &split.validation, &split.test].map(|samples| dataset.class_counts(samples));
        Self { train, validation, test }
    }

    fn of_part(&self, part: Part) -> &[usize] {
        match part {
            Part::Train => &self.train,
            Part::Validation => &self.validation,
            Part::Test => &self.test,
        }
    }

    fn in_all(&self, class: usize) -> usize {
        self.train[class] + self.validation[class] + self.test[class]
    }
}

/// The classes that a part has a picture of, and those that only others have.
fn present_and_missing(counts: &Counts, part: Part) -> (Vec<usize>, Vec<usize>) {
    let of_part = counts.of_part(part);
    let known = (0..of_part.len()).filter(|&class| counts.in_all(class) > 0);
    known.partition(|&class| of_part[class] > 0)
}

fn finding(dataset: &Dataset, what: String, counts: &Counts, missing: &[usize]) -> Diagnostic {
    let evidence = missing.iter().map(|&class| {
        let (train, validation, test) = (counts.train[class], counts.validation[class], counts.test[class]);
        format!("{}: train {train}, validation {validation}, test {test}", dataset.classes()[class])
    });
    Diagnostic::new(Rule::Y05, what).at(place(dataset)).evidence(evidence)
}

fn training(dataset: &Dataset, counts: &Counts) -> Option<Diagnostic> {
    let (present, missing) = present_and_missing(counts, Part::Train);
    let exclusive = dataset.label_kind() == LabelKind::Classes;
    if let ([only], true) = (&present[..], exclusive) {
        let group = &dataset.classes()[*only];
        return Some(
            finding(dataset, format!("the training part holds pictures of `{group}` only"), counts, &missing)
                .severity(Severity::Error)
                .because("no picture says what the other groups look like: the answer is always the same")
                .fix("put pictures of each group into the training part, or remove the parts and let divvy draw them"),
        );
    }
    if missing.is_empty() {
        return None;
    }
    let n = count(missing.len(), if exclusive { "group" } else { "label" });
    Some(
        finding(dataset, format!("the training part has no picture of {n}"), counts, &missing)
            .severity(Severity::Error)
            .because("no label asks for them in training, so they are never the answer and all their pictures are counted wrong")
            .fix("put pictures of each into the training part, or remove the parts and let divvy draw them"),
    )
}

fn judging(dataset: &Dataset, counts: &Counts, part: Part) -> Option<Diagnostic> {
    let (present, missing) = present_and_missing(counts, part);
    let exclusive = dataset.label_kind() == LabelKind::Classes;
    if present.is_empty() || missing.is_empty() {
        return None;
    }
    if let ([only], true) = (&present[..], exclusive) {
        let group = &dataset.classes()[*only];
        return Some(
            finding(dataset, format!("the {part} part holds pictures of `{group}` only"), counts, &missing)
                .severity(Severity::Error)
                .because(format!(
                    "answering `{group}` always gives an accuracy of 1 there, and any other group always 0, whatever the network is worth"
                ))
                .fix(format!("put pictures of each group into the {part} part{}", drawn_instead(part))),
        );
    }
    let n = count(missing.len(), if exclusive { "group" } else { "label" });
    Some(
        finding(dataset, format!("the {part} part has no picture of {n}"), counts, &missing)
            .because("what is reported says nothing about them: their recall is a share of no pictures")
            .fix(format!("put pictures of each into the {part} part{}", drawn_instead(part))),
    )
}

/// The validation part need not be brought along.
fn drawn_instead(part: Part) -> &'static str {
    if part == Part::Validation { ", or remove that part and let divvy draw it from each group" } else { "" }
}

/// The accuracy for which the interval is worked out; nearer to 0.5 it is wider.
const SUPPOSED: f64 = 0.9;
/// Half the width that an interval may have.
const WIDEST: f64 = 0.05;
/// With fewer pictures, an interval reaches 10 points either way.
const VERY_FEW: usize = 35;

fn too_small(dataset: &Dataset, n: usize) -> Option<Diagnostic> {
    if n == 0 {
        return None;
    }
    let (low, high) = wilson::interval(SUPPOSED, n);
    if high - low <= 2.0 * WIDEST {
        return None;
    }
    let (what, so) = if n < VERY_FEW {
        let step = 100.0 / n as f64;
        (
            "far too few pictures to validate on",
            format!(
                "one picture more or less moves it by {step:.1} points, and the best epoch is picked by luck"
            ),
        )
    } else {
        ("few pictures to validate on", "a difference of a few points is chance".to_owned())
    };
    Some(
        Diagnostic::new(Rule::V06, format!("{what}: {n}"))
            .at(place(dataset))
            .because(format!(
                "an accuracy of 0.90 counted on {n} means anything from {low:.2} to {high:.2} (95 % interval); {so}"
            ))
            .fix("collect more pictures; until then train with several seeds and compare means"),
    )
}

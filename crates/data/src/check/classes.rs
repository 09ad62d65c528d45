//! What the names of the classes tell.

use super::place;
use crate::augment::words;
use crate::dataset::{Dataset, LabelKind};
use crate::natural::natural_cmp;
use divvy_rules::{Diagnostic, Rule};

/// How many names of a long list are shown.
const SHOWN: usize = 12;

/// [`Rule::Y04`]: names that tools which sort by bytes put in another order.
pub(super) fn order(dataset: &Dataset) -> Option<Diagnostic> {
    let mut natural: Vec<&str> = dataset.classes().iter().map(String::as_str).collect();
    natural.sort_by(|a, b| natural_cmp(a, b));
    let mut bytes = natural.clone();
    bytes.sort_unstable();
    let moved = natural.iter().zip(&bytes).filter(|(a, b)| a != b).count();
    if moved == 0 {
        return None;
    }
    let (n, kind) = (natural.len(), dataset.label_kind());
    let kind = if kind == LabelKind::Classes { "groups" } else { "labels" };
    Some(
        Diagnostic::new(Rule::Y04, format!("{moved} of {n} {kind} have another number in other tools"))
            .at(place(dataset))
            .because(format!(
                "divvy orders them {}, Keras and torchvision {}; read by position, the outputs of one would get the names of the other",
                list(&natural),
                list(&bytes)
            ))
            .fix("nothing in divvy, where outputs are bound by name; elsewhere, use the names in the model file"),
    )
}

fn list(names: &[&str]) -> String {
    let more = if names.len() > SHOWN { ", ..." } else { "" };
    format!("{}{more}", names[..names.len().min(SHOWN)].join(", "))
}

/// [`Rule::Y06`]: of two classes the second is the positive one, and its name says that something is not there.
pub(super) fn positive(dataset: &Dataset) -> Option<Diagnostic> {
    let ([first, second], LabelKind::Classes) = (dataset.classes(), dataset.label_kind()) else {
        return None;
    };
    if says_absence(first) || !says_absence(second) {
        return None;
    }
    let quote =
        if first.contains(|c: char| !c.is_alphanumeric() && c != '_' && c != '-') { "\"" } else { "" };
    Some(
        Diagnostic::new(Rule::Y06, format!("`{second}` is the positive group"))
            .at(place(dataset))
            .because(format!(
                "of two groups the second by name is the positive one: precision and recall of `{second}` will be reported, and those that find no `{first}` still look well"
            ))
            .fix(format!("--positive {quote}{first}{quote}")),
    )
}

/// Words that say by themselves that something is not there, or that all is well.
const ABSENCE: [&str; 14] = [
    "negative",
    "neg",
    "normal",
    "healthy",
    "background",
    "none",
    "off",
    "false",
    "absent",
    "intact",
    "benign",
    "uninfected",
    "clean",
    "empty",
];
/// Words that turn what comes after them into its opposite.
const NEGATION: [&str; 4] = ["no", "not", "non", "without"];

/// True for `no_fire`, `NotHotdog`, `healthy` and `0`; false for `not_normal`, which says it twice.
fn says_absence(name: &str) -> bool {
    let words: Vec<String> = words(name).filter(|word| !word.is_empty()).collect();
    let last = words.last().map(String::as_str);
    let negations = words.iter().filter(|word| NEGATION.contains(&word.as_str())).count();
    // `off` and `false` are often part of something else: off-road, false alarm.
    let absent = words.iter().any(|word| match word.as_str() {
        "off" | "false" => last == Some(word),
        word => ABSENCE.contains(&word),
    });
    name.trim() == "0" || (negations + usize::from(absent)) % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_is_said_in_many_ways() {
        for name in [
            "no",
            "no_fire",
            "NotHotdog",
            "non-smoker",
            "healthy",
            "Normal",
            "0",
            "light_off",
            "without glasses",
            "normal2",
        ] {
            assert!(says_absence(name), "{name}");
        }
        for name in [
            "not normal",
            "abnormal",
            "nose",
            "notebook",
            "off-road",
            "false alarm",
            "1",
            "00",
            "cats",
            "nonsense",
            "",
        ] {
            assert!(!says_absence(name), "{name}");
        }
    }
}

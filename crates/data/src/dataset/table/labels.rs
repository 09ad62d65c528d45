//! Labels in one column of a CSV: names, and the other ways in which people write two groups.

use super::{LabelSeparator, Row};
use crate::dataset::LabelKind;
use crate::dataset::classes::Classes;
use divvy_rules::{Diagnostic, Place, Rule};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The labels of all rows, read.
pub(super) struct Labelled {
    /// The names of each row.
    pub(super) labels: Vec<Vec<String>>,
    pub(super) kind: LabelKind,
    pub(super) classes: Classes,
    /// How what was not a name was read.
    pub(super) conversions: Vec<String>,
}

impl Labelled {
    /// Labels that stand in one column.
    ///
    /// # Errors
    /// A finding of [`Rule::Y02`] where they are no names, or are written in two ways.
    pub(super) fn by_name(
        list: &Path,
        rows: &[Row],
        separator: LabelSeparator,
    ) -> Result<Self, Box<Diagnostic>> {
        let mut labels: Vec<Vec<String>> = rows.iter().map(|row| separator.split(&row.labels[0])).collect();
        refuse_what_is_no_name(list, rows, &labels)?;
        refuse_vectors(list, rows, &labels)?;
        let exclusive = labels.iter().all(|labels| labels.len() <= 1);
        let kind = if exclusive { LabelKind::Classes } else { LabelKind::MultiLabel };
        refuse_amounts(list, rows, &labels)?;
        let spelling = if exclusive { Spelling::of(list, rows, &labels)? } else { Spelling::default() };
        for label in labels.iter_mut().flatten() {
            if let Some(name) = spelling.names.get(label.as_str()) {
                name.clone_into(label);
            }
        }
        let classes = Classes::new(labels.iter().flatten().cloned().collect());
        Ok(Self { labels, kind, classes, conversions: spelling.sentence.into_iter().collect() })
    }
}

/// Two ways to say no and yes that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pair {
    ZeroOne,
    FalseTrue,
    NoYes,
}

impl Pair {
    /// The names of the two groups, the positive one last.
    fn names(self) -> [&'static str; 2] {
        match self {
            Self::ZeroOne => ["0", "1"],
            Self::FalseTrue => ["false", "true"],
            Self::NoYes => ["no", "yes"],
        }
    }
}

/// What a word for no or yes says, and of which pair it is, whatever the case.
fn truth_word(word: &str) -> Option<(Pair, bool)> {
    match word.to_lowercase().as_str() {
        "true" | "t" => Some((Pair::FalseTrue, true)),
        "false" | "f" => Some((Pair::FalseTrue, false)),
        "yes" | "y" => Some((Pair::NoYes, true)),
        "no" | "n" => Some((Pair::NoYes, false)),
        number => match whole_number(number)?.as_str() {
            "0" => Some((Pair::ZeroOne, false)),
            "1" => Some((Pair::ZeroOne, true)),
            _ => None,
        },
    }
}

/// What a cell of 0 and 1 says.
pub(super) fn truth(cell: &str) -> Option<bool> {
    truth_word(cell).map(|(_, truth)| truth)
}

/// True for what is written as a number: a decimal one, or one with an exponent as programs write it, `1.5e-07`.
fn is_number(text: &str) -> bool {
    let exponent = text.split_once(['e', 'E']).and_then(|(number, exponent)| {
        let digits = exponent.strip_prefix(['+', '-'])?;
        (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(number)
    });
    is_decimal(exponent.unwrap_or(text))
}

/// True for what is written as a decimal number: digits, perhaps with a sign and a point.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    all_digits(before) && all_digits(after) && !(before.is_empty() && after.is_empty())
}

/// A cell as a message shows it: no longer than a line.
pub(super) fn shown(cell: &str) -> String {
    const LONGEST: usize = 40;
    match cell.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}...", &cell[..at]),
        None => cell.to_owned(),
    }
}

/// A whole number as it is written without plus and without zeros behind a point: `1` for `1`, `+1` and `1.0`.
pub(super) fn whole_number(text: &str) -> Option<String> {
    if !is_decimal(text) {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    let (before, after) = text.split_once('.').unwrap_or((text, ""));
    let zeros = after.bytes().all(|b| b == b'0');
    match before {
        "" | "-" => None,
        "-0" if zeros => Some("0".to_owned()),
        whole => zeros.then(|| whole.to_owned()),
    }
}

/// The name that each way of writing a label stands for, where it is not the name itself.
#[derive(Default)]
struct Spelling {
    names: BTreeMap<String, String>,
    sentence: Option<String>,
}

impl Spelling {
    /// The spelling of labels of which each row has one at most.
    fn of(list: &Path, rows: &[Row], labels: &[Vec<String>]) -> Result<Self, Box<Diagnostic>> {
        let in_rows =
            rows.iter().zip(labels).filter_map(|(row, labels)| Some((row, labels.first()?.as_str())));
        let found: BTreeSet<&str> = labels.iter().flatten().map(String::as_str).collect();
        let place = |row: &Row| Place::line_of(list, row.line as usize);
        let words: Option<Vec<(&str, Pair, bool)>> =
            found.iter().map(|&label| truth_word(label).map(|(pair, truth)| (label, pair, truth))).collect();
        if let Some(words) = words {
            let pair = |label: &str| truth_word(label).map(|(pair, _)| pair);
            let mut in_rows = in_rows;
            if let Some((_, first)) = in_rows.next()
                && let Some((row, other)) = in_rows.find(|(_, label)| pair(label) != pair(first))
            {
                return Err(Box::new(two_kinds(first, other).at(place(row))));
            }
            return Ok(Self::of_truth(&words));
        }
        let whole: Option<Vec<(&str, String)>> =
            found.iter().map(|&label| whole_number(label).map(|name| (label, name))).collect();
        Ok(whole.map_or_else(Self::default, |numbers| Self::of_numbers(&numbers)))
    }

    fn of_truth(words: &[(&str, Pair, bool)]) -> Self {
        let both = words.iter().any(|word| word.2) && words.iter().any(|word| !word.2);
        let letters = |word: &str| word.len() == 1 && word.bytes().all(|b| b.is_ascii_alphabetic());
        let Some(&(_, pair, _)) = words.first() else { return Self::default() };
        // One letter alone may as well be the letter.
        if !both && words.iter().all(|word| letters(word.0)) {
            return Self::default();
        }
        let [no, yes] = pair.names();
        let name = |truth: bool| (if truth { yes } else { no }).to_owned();
        let names = words.iter().map(|&(word, _, truth)| (word.to_owned(), name(truth))).collect();
        let sentence = match pair {
            Pair::ZeroOne => {
                "labels 0 and 1 were read as the names of two groups, `0` and the positive one `1`".to_owned()
            }
            _ => format!("labels {no} and {yes} were read in any case as `{no}` and `{yes}`"),
        };
        Self { names, sentence: Some(sentence) }
    }

    fn of_numbers(numbers: &[(&str, String)]) -> Self {
        let names: BTreeMap<String, String> =
            numbers.iter().map(|(label, name)| ((*label).to_owned(), name.clone())).collect();
        let kinds: BTreeSet<&str> = names.values().map(String::as_str).collect();
        let sentence = match kinds.into_iter().collect::<Vec<_>>()[..] {
            [no @ ("-1" | "1"), yes @ ("1" | "2")] => Some(format!(
                "labels {no} and {yes} were read as the names of two groups, `{no}` and the positive one `{yes}`; outputs are numbered from 0"
            )),
            _ => names.iter().find(|(label, name)| label != name).map(|(label, name)| {
                format!(
                    "labels that are whole numbers were read without a point or plus: {label} as `{name}`"
                )
            }),
        };
        Self { names, sentence }
    }
}

/// Refuses labels among which are amounts.
fn refuse_amounts(list: &Path, rows: &[Row], labels: &[Vec<String>]) -> Result<(), Box<Diagnostic>> {
    let is_amount = |label: &&String| is_number(label) && whole_number(label).is_none();
    let found = rows.iter().zip(labels).find_map(|(row, labels)| Some((row, labels.iter().find(is_amount)?)));
    let Some((row, amount)) = found else { return Ok(()) };
    let all: BTreeSet<&str> = labels.iter().flatten().map(String::as_str).collect();
    Err(Box::new(amounts(&all, amount).at(Place::line_of(list, row.line as usize))))
}

/// The finding for labels among which are amounts.
fn amounts(found: &BTreeSet<&str>, amount: &str) -> Diagnostic {
    let name = found.iter().find(|label| !is_number(label));
    let what = match name {
        Some(name) => {
            format!("the labels are names such as `{}` and amounts such as {}", shown(name), shown(amount))
        }
        None => format!("the labels are amounts such as {}", shown(amount)),
    };
    Diagnostic::new(Rule::Y02, what)
        .because(
            "groups are told apart by name: an amount is near to or far from others, and two that differ a little are not two groups",
        )
        .fix("write the name of a group in each row, say `low` for all amounts below 0.5 and `high` for the others")
}

/// The finding for words for no and yes that do not belong together.
fn two_kinds(first: &str, other: &str) -> Diagnostic {
    Diagnostic::new(Rule::Y02, format!("the labels {first} and {other} are written in two ways"))
        .because("read as names they would be groups of their own, though both seem to say no or yes")
        .fix("write all labels in one way: 0 and 1, false and true, or no and yes")
}

/// Refuses labels that programs write and people do not mean: signs for none, and lists as Python prints them.
fn refuse_what_is_no_name(list: &Path, rows: &[Row], labels: &[Vec<String>]) -> Result<(), Box<Diagnostic>> {
    let is_sign_for_none = |label: &String| {
        let sign = label.trim_matches(['<', '>', '#']).to_lowercase();
        ["nan", "null", "nat", "n/a", "inf", "-inf"].contains(&sign.as_str()) || label == "<NA>"
    };
    let is_of_a_list = |label: &String| {
        let bracket = |c: char| matches!(c, '[' | ']' | '(' | ')' | '{' | '}');
        label.starts_with(bracket) && label.trim_start_matches(bracket).starts_with(['\'', '"'])
            || label.ends_with(bracket) && label.trim_end_matches(bracket).ends_with(['\'', '"'])
    };
    for (row, labels) in rows.iter().zip(labels) {
        let found = if let Some(sign) = labels.iter().find(|label| is_sign_for_none(label)) {
            Diagnostic::new(Rule::Y02, format!("the label `{}` is how programs write that there is none", shown(sign)))
                .because("read as a name it would be a group of its own, of pictures that have nothing in common")
                .fix("write the name of a group; leave the cell empty where the picture has no label, or remove the line")
        } else if labels.iter().any(is_of_a_list) {
            Diagnostic::new(
                Rule::Y02,
                format!("the labels are a list as Python prints it, `{}`", shown(&row.labels[0])),
            )
            .because("read as names, brackets and quotation marks would belong to them")
            .fix("write the names alone, separated by |; with pandas by `frame[column].str.join(\"|\")`")
        } else {
            continue;
        };
        return Err(Box::new(found.at(Place::line_of(list, row.line as usize))));
    }
    Ok(())
}

/// Refuses cells that are rows of 0 and 1 themselves: which group each 0 and 1 stands for is written nowhere.
fn refuse_vectors(list: &Path, rows: &[Row], labels: &[Vec<String>]) -> Result<(), Box<Diagnostic>> {
    let Some(first) = labels.first().filter(|first| first.len() >= 2) else { return Ok(()) };
    let is_bit = |label: &String| {
        let bare = label.trim_matches(['[', ']', '(', ')']).trim();
        whole_number(bare).is_some_and(|number| number == "0" || number == "1")
    };
    if !labels.iter().all(|labels| labels.len() == first.len() && labels.iter().all(is_bit)) {
        return Ok(());
    }
    let (n, cell) = (first.len(), shown(&rows[0].labels[0]));
    Err(Box::new(
        Diagnostic::new(Rule::Y02, format!("the labels are rows of 0 and 1 such as `{cell}`, in one column"))
            .at(Place::line_of(list, rows[0].line as usize))
            .because(format!("which group each of the {n} numbers stands for is not said"))
            .fix(format!("make {n} columns of them, each with the name of its group in the first line")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_from_names() {
        for (text, whole) in [
            ("1", Some("1")),
            ("1.0", Some("1")),
            ("1.", Some("1")),
            ("+1", Some("1")),
            ("-1.00", Some("-1")),
            ("-0", Some("0")),
            ("007", Some("007")),
            ("0.37", None),
            (".5", None),
            ("1e5", None),
            ("nan", None),
            ("inf", None),
            ("v1", None),
            ("", None),
            (".", None),
            ("-", None),
        ] {
            assert_eq!(whole_number(text).as_deref(), whole, "{text}");
        }
        assert!(is_number("0.37") && is_number(".5") && is_number("-3.25"));
        assert!(!is_number("1.2.3") && !is_number("3d") && !is_number(".") && !is_number("+"));
    }
}

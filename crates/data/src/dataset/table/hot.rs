//! A column of 0 and 1 for each group: one-hot where each row has one 1, multi-hot otherwise.

use super::Row;
use super::labels::{Labelled, shown, truth, whole_number};
use crate::dataset::LabelKind;
use crate::dataset::classes::Classes;
use csv::StringRecord;
use divvy_rules::{Diagnostic, Place, Rule};
use std::collections::BTreeSet;
use std::path::Path;

/// Columns whose header is a group and whose cells say whether a picture is in it.
pub(super) struct Columns(Vec<Column>);

struct Column {
    index: usize,
    group: String,
}

impl Columns {
    /// Takes `columns` as groups where at least one of them is mostly 0 and 1. Without a name, as pandas writes its
    /// row numbers, a column cannot be a group and is left out.
    ///
    /// # Errors
    /// What to do about two columns of one name.
    pub(super) fn find(
        header: &StringRecord,
        records: &[StringRecord],
        columns: impl Iterator<Item = usize>,
    ) -> Result<Option<Self>, String> {
        let named = columns.filter(|&column| !header[column].is_empty());
        let columns: Vec<Column> =
            named.map(|index| Column { index, group: header[index].to_owned() }).collect();
        let is_mostly_hot = |column: &Column| {
            let hot =
                records.iter().filter_map(|record| record.get(column.index)).filter(|cell| is_hot(cell));
            hot.count() * 2 > records.len()
        };
        if !columns.iter().any(is_mostly_hot) {
            return Ok(None);
        }
        // It would separate labels in the list of a split.
        if let Some(Column { group, .. }) = columns.iter().find(|column| column.group.contains('|')) {
            return Err(format!("the column {group} has a | in its name; rename it"));
        }
        let mut names = BTreeSet::new();
        match columns.iter().find(|column| !names.insert(&column.group)) {
            Some(Column { group, .. }) => Err(format!("two columns are called {group}; rename one of them")),
            None => Ok(Some(Self(columns))),
        }
    }

    /// Where the columns are.
    pub(super) fn indices(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(|column| column.index)
    }

    /// Reads the cells of all rows.
    ///
    /// # Errors
    /// A finding of [`Rule::Y01`] for a cell that is neither 0 nor 1.
    pub(super) fn read(&self, list: &Path, rows: &[Row]) -> Result<Labelled, Box<Diagnostic>> {
        let signed = Signed::of(rows);
        let mut bits = Vec::with_capacity(rows.len());
        for row in rows {
            let cells = row.labels.iter().zip(&self.0);
            let read = cells.map(|(cell, column)| {
                signed.read(cell).ok_or_else(|| Box::new(out_of_range(list, row.line, column, cell)))
            });
            bits.push(read.collect::<Result<Vec<bool>, _>>()?);
        }
        let mut labelled = match &self.0[..] {
            [column] => one_group(&column.group, &bits),
            columns => many_groups(columns, &bits),
        };
        if signed == Signed::MinusOneToOne {
            labelled.conversions.push("in columns of -1 and 1, -1 was read as 0".to_owned());
        }
        Ok(labelled)
    }
}

/// How no and yes are written in all columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signed {
    ZeroToOne,
    MinusOneToOne,
}

impl Signed {
    fn of(rows: &[Row]) -> Self {
        let mut cells = rows.iter().flat_map(|row| &row.labels).map(|cell| whole_number(cell));
        let minus = |cell: &Option<String>| matches!(cell.as_deref(), Some("-1"));
        let plus_or_minus = |cell: Option<String>| matches!(cell.as_deref(), Some("-1" | "1"));
        let any_minus = cells.clone().any(|cell| minus(&cell));
        // Beside 0, -1 means something else: unknown, as a rule.
        if any_minus && cells.all(plus_or_minus) { Self::MinusOneToOne } else { Self::ZeroToOne }
    }

    fn read(self, cell: &str) -> Option<bool> {
        match self {
            Self::ZeroToOne => truth(cell),
            Self::MinusOneToOne => whole_number(cell).map(|number| number == "1"),
        }
    }
}

fn is_hot(cell: &str) -> bool {
    truth(cell).is_some() || whole_number(cell).is_some_and(|number| number == "-1")
}

fn out_of_range(list: &Path, line: u64, column: &Column, cell: &str) -> Diagnostic {
    let group = &column.group;
    let found = if cell.is_empty() { "an empty cell".to_owned() } else { format!("`{}`", shown(cell)) };
    Diagnostic::new(
        Rule::Y01,
        format!("{found} in the column {group}, where 0 and 1 say whether a picture is in it"),
    )
    .at(Place::line_of(list, line as usize))
    .because(
        "a picture is in a group or not; another number is no probability, and its loss has no lower limit",
    )
    .fix(format!("write 0 or 1; remove the column {group} if it is no group, or the line if nobody knows"))
}

/// A single column: the group and what is not in it, which comes first so that the group is the positive one.
fn one_group(group: &str, bits: &[Vec<bool>]) -> Labelled {
    let names = [format!("not {group}"), group.to_owned()];
    let labels = bits.iter().map(|row| vec![names[usize::from(row[0])].clone()]).collect();
    let conversion = format!(
        "the column {group} of 0 and 1 makes two groups, `{}` and the positive one `{}`",
        names[0], names[1]
    );
    let classes = Classes::in_order(names.into());
    Labelled { labels, kind: LabelKind::Classes, classes, conversions: vec![conversion] }
}

/// The names of the columns, or of the first of many.
fn listed(groups: &[&str]) -> String {
    const LISTED: usize = 10;
    let first = groups[..groups.len().min(LISTED)].join(", ");
    match groups.len().saturating_sub(LISTED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn many_groups(columns: &[Column], bits: &[Vec<bool>]) -> Labelled {
    let groups: Vec<&str> = columns.iter().map(|column| column.group.as_str()).collect();
    let chosen = |row: &Vec<bool>| {
        let chosen = groups.iter().zip(row).filter(|(_, bit)| **bit);
        chosen.map(|(group, _)| (*group).to_owned()).collect::<Vec<_>>()
    };
    let labels: Vec<Vec<String>> = bits.iter().map(chosen).collect();
    let names = listed(&groups);
    let (kind, conversion) = if labels.iter().all(|labels| labels.len() == 1) {
        let sentence = format!("columns {names} are one-hot: each picture has the group whose column is 1");
        (LabelKind::Classes, sentence)
    } else {
        let sentence =
            format!("columns {names} are multi-hot: each picture has all labels whose column is 1");
        (LabelKind::MultiLabel, sentence)
    };
    let classes = Classes::new(groups.iter().map(|group| (*group).to_owned()).collect());
    Labelled { labels, kind, classes, conversions: vec![conversion] }
}

//! How a CSV is to be read where looking does not tell.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What is stated of a CSV. What is not is found by looking.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableOptions {
    /// The column with the files' paths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_column: Option<Column>,
    /// The column with the labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_column: Option<Column>,
    /// What separates the labels in a cell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_separator: Option<LabelSeparator>,
    /// Whether the first line is a row like the others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_header: bool,
}

impl TableOptions {
    /// True where nothing is stated.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A column of a CSV.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Column {
    /// By its name in the first line.
    Named(String),
    /// By its number, from 1.
    Number(usize),
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

impl From<String> for Column {
    /// A whole number above 0 is a number, anything else a name.
    fn from(text: String) -> Self {
        match text.parse() {
            Ok(number) if number > 0 => Self::Number(number),
            _ => Self::Named(text),
        }
    }
}

impl From<Column> for String {
    fn from(column: Column) -> Self {
        column.to_string()
    }
}

impl FromStr for Column {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.to_owned().into())
    }
}

/// What separates the labels in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelSeparator {
    /// White space.
    Space,
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// `|`
    Pipe,
    /// Nothing: a cell is one label.
    None,
}

impl LabelSeparator {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Space, Self::Comma, Self::Semicolon, Self::Pipe, Self::None];

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Space => "space",
            Self::Comma => "comma",
            Self::Semicolon => "semicolon",
            Self::Pipe => "pipe",
            Self::None => "none",
        }
    }

    /// The labels in a cell.
    pub(super) fn split(self, cell: &str) -> Vec<String> {
        let parts: Vec<&str> = match self {
            Self::Space => cell.split_whitespace().collect(),
            Self::Comma => cell.split(',').collect(),
            Self::Semicolon => cell.split(';').collect(),
            Self::Pipe => cell.split('|').collect(),
            Self::None => vec![cell],
        };
        parts.into_iter().map(str::trim).filter(|label| !label.is_empty()).map(str::to_owned).collect()
    }

    /// The one that is used in `cells`: of those that occur, the first of `|`, `;` and `,`; else white space, where it separates.
    pub(super) fn of<'a>(cells: &(impl Iterator<Item = &'a str> + Clone), spaces_separate: bool) -> Self {
        let occurs = |c: char| cells.clone().any(|cell| cell.contains(c));
        match [('|', Self::Pipe), (';', Self::Semicolon), (',', Self::Comma)]
            .into_iter()
            .find(|(c, _)| occurs(*c))
        {
            Some((_, separator)) => separator,
            None if spaces_separate => Self::Space,
            None => Self::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_told_by_number_or_name() {
        for (text, column) in [
            ("2", Column::Number(2)),
            ("0", Column::Named("0".into())),
            ("breed", Column::Named("breed".into())),
            ("2nd", Column::Named("2nd".into())),
        ] {
            assert_eq!(text.parse::<Column>().unwrap(), column);
            assert_eq!(String::from(column), text);
        }
    }
}

//! Which column of a CSV holds what: as stated, by the names in the first line, or by what the cells look like.

use super::hot;
use super::options::{Column, TableOptions};
use crate::dataset::Part;
use crate::files;
use csv::StringRecord;
use std::path::Path;

/// Header names of the column with the file's path.
const FILE_COLUMNS: [&str; 10] = [
    "file",
    "filename",
    "file_name",
    "path",
    "filepath",
    "file_path",
    "image",
    "image_path",
    "image_name",
    "img",
];
/// Header names of the column with the labels, where a space separates labels.
const PLURAL_LABEL_COLUMNS: [&str; 5] = ["labels", "tags", "classes", "categories", "groups"];
/// Header names of the column with the label, where a space belongs to the label.
const SINGULAR_LABEL_COLUMNS: [&str; 5] = ["label", "tag", "class", "category", "group"];
/// Header names of the column that says which part a row belongs to.
const PART_COLUMNS: [&str; 4] = ["part", "split", "set", "subset"];

/// Which column holds what.
pub(super) struct Columns {
    pub(super) has_header: bool,
    pub(super) file: usize,
    pub(super) part: Option<usize>,
    /// The column that tells which rows belong together, where one has the name that was given.
    pub(super) series: Option<usize>,
    pub(super) labels: LabelColumns,
    /// What was taken for a column though nothing said so.
    pub(super) guessed: Option<String>,
}

/// Where the labels are.
pub(super) enum LabelColumns {
    /// In one column, by name.
    Named {
        column: usize,
        /// Whether a space separates labels.
        spaces_separate: bool,
    },
    /// In a column for each group, as 0 and 1.
    Hot(hot::Columns),
}

impl Columns {
    /// Decides. The first of `records` is the header, where there is one; a column of it called `series` tells what belongs together.
    /// The fault says what was found and what to do.
    pub(super) fn find(
        records: &[StringRecord],
        options: &TableOptions,
        series: Option<&str>,
    ) -> Result<Self, String> {
        let Some(first) = records.first() else { return Err("it has no rows".to_owned()) };
        let names_columns = [&options.file_column, &options.label_column]
            .into_iter()
            .any(|column| matches!(column, Some(Column::Named(_))));
        let has_header = !options.no_header && (names_columns || !first.iter().any(is_image_name));
        let look = Look {
            header: has_header.then_some(first),
            records: &records[usize::from(has_header)..],
            options,
        };
        look.columns(series)
    }
}

/// What there is to decide on.
struct Look<'a> {
    header: Option<&'a StringRecord>,
    records: &'a [StringRecord],
    options: &'a TableOptions,
}

impl Look<'_> {
    fn columns(&self, series: Option<&str>) -> Result<Columns, String> {
        let part = self.position(&PART_COLUMNS);
        let file = self.file()?;
        let series = self
            .header
            .zip(series)
            .and_then(|(header, series)| header.iter().position(|cell| cell == series));
        let (labels, guessed) = self.labels([Some(file), part, series])?;
        Ok(Columns { has_header: self.header.is_some(), file, part, series, labels, guessed })
    }

    fn width(&self) -> usize {
        self.header.or(self.records.first()).map_or(0, StringRecord::len)
    }

    fn file(&self) -> Result<usize, String> {
        if let Some(column) = &self.options.file_column {
            return self.stated(column);
        }
        if let Some(column) = self.position(&FILE_COLUMNS) {
            return Ok(column);
        }
        let looks_like_files = |column: &usize| {
            let images = self.records.iter().filter(|record| record.get(*column).is_some_and(is_image_name));
            images.count() * 2 > self.records.len()
        };
        match (0..self.width()).filter(looks_like_files).collect::<Vec<_>>()[..] {
            [column] => Ok(column),
            _ => Err(self.unclear("file", "--file-column")),
        }
    }

    /// The labels, which are in none of the columns `taken` unless that is said.
    fn labels(&self, taken: [Option<usize>; 3]) -> Result<(LabelColumns, Option<String>), String> {
        if let Some(column) = &self.options.label_column {
            let column = self.stated(column)?;
            // A space in a class's name is more frequent than labels separated by one.
            return Ok((LabelColumns::Named { column, spaces_separate: self.is_plural(column) }, None));
        }
        self.check_one_label_column()?;
        let plural = self.position(&PLURAL_LABEL_COLUMNS);
        if let Some(column) = plural.or_else(|| self.position(&SINGULAR_LABEL_COLUMNS)) {
            return Ok((LabelColumns::Named { column, spaces_separate: plural.is_some() }, None));
        }
        let others = (0..self.width()).filter(|&column| !taken.contains(&Some(column)));
        if let Some(header) = self.header
            && let Some(hot) = hot::Columns::find(header, self.records, others.clone())?
        {
            return Ok((LabelColumns::Hot(hot), None));
        }
        match (others.collect::<Vec<_>>()[..].as_ref(), self.header) {
            (&[column], None) => Ok((LabelColumns::Named { column, spaces_separate: true }, None)),
            (&[column], Some(header)) if !header[column].is_empty() => {
                let guessed = format!("the column {} was read as the label", &header[column]);
                Ok((LabelColumns::Named { column, spaces_separate: false }, Some(guessed)))
            }
            _ => Err(self.unclear("labels", "--label-column")),
        }
    }

    /// A column that was named or numbered.
    fn stated(&self, column: &Column) -> Result<usize, String> {
        let found = match column {
            Column::Number(number) => (*number <= self.width()).then(|| number - 1),
            Column::Named(name) => {
                self.header.and_then(|header| header.iter().position(|cell| cell.eq_ignore_ascii_case(name)))
            }
        };
        found.ok_or_else(|| format!("there is no column {column}; {}", self.listed()))
    }

    fn unclear(&self, what: &str, flag: &str) -> String {
        format!(
            "it is unclear which column holds the {what}; name the columns file,labels in the first line, or give {flag}; {}",
            self.listed()
        )
    }

    /// The columns there are.
    fn listed(&self) -> String {
        match self.header {
            Some(header) => format!("the columns are {}", header.iter().collect::<Vec<_>>().join(",")),
            None => format!("there are {} columns and no header", self.width()),
        }
    }

    /// Of two columns that could hold the labels neither is better than the other.
    fn check_one_label_column(&self) -> Result<(), String> {
        let names = PLURAL_LABEL_COLUMNS.iter().chain(&SINGULAR_LABEL_COLUMNS);
        let mut found: Vec<usize> = names.filter_map(|name| self.position(&[name])).collect();
        found.sort_unstable();
        match (&found[..], self.header) {
            (&[first, second, ..], Some(header)) => {
                let (first, second) = (&header[first], &header[second]);
                Err(format!(
                    "the columns {first} and {second} could both hold the labels; keep one of them, or give --label-column"
                ))
            }
            _ => Ok(()),
        }
    }

    fn is_plural(&self, column: usize) -> bool {
        self.header.is_some_and(|header| PLURAL_LABEL_COLUMNS.contains(&normal(&header[column]).as_str()))
    }

    /// The first column with one of these names.
    fn position(&self, names: &[&str]) -> Option<usize> {
        self.header?.iter().position(|cell| names.contains(&normal(cell).as_str()))
    }
}

/// The part that a cell names; `None` for an empty one.
pub(super) fn part(cell: &str) -> Result<Option<Part>, String> {
    match cell {
        "" => Ok(None),
        name => Part::from_name(name)
            .map(Some)
            .ok_or_else(|| format!("{name} is no part; write train, validation or test")),
    }
}

fn normal(name: &str) -> String {
    name.to_lowercase().replace([' ', '-'], "_")
}

fn is_image_name(cell: &str) -> bool {
    files::image_extension(Path::new(cell)).is_some()
}

//! A CSV with a file and its labels in each row.

use super::hot;
use super::labels::{Labelled, Separator};
use super::{Dataset, LabelKind, Layout, Part, Sample, Source};
use crate::decode::Limits;
use crate::error::{DataError, Skipped, examples, too_many_bad};
use crate::files;
use csv::StringRecord;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

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
struct Columns {
    file: usize,
    part: Option<usize>,
    labels: LabelColumns,
}

/// Where the labels are.
enum LabelColumns {
    /// In one column, by name.
    Named {
        column: usize,
        /// Whether a space separates labels.
        spaces_separate: bool,
    },
    /// In a column for each group, as 0 and 1.
    Hot(hot::Columns),
}

/// A row as it stands.
pub(super) struct Row {
    /// Its line in the file, from 1.
    pub(super) line: u64,
    file: String,
    part: Option<Part>,
    /// The cells of the columns with labels.
    pub(super) labels: Vec<String>,
}

/// Opens a CSV. `root` is what the user gave: the CSV or its folder.
pub(super) fn open(root: &Path, list: &Path, limits: &Limits) -> Result<Dataset, DataError> {
    let text = read_text(list, limits)?;
    let table = Table { list };
    let (columns, rows) = table.rows(&text)?;
    if rows.is_empty() {
        return Err(table.no_rows());
    }
    let Labelled { labels, kind, classes, conversions } = match &columns.labels {
        LabelColumns::Named { spaces_separate, .. } => {
            Labelled::by_name(list, &rows, &Separator::of(&rows, *spaces_separate))?
        }
        LabelColumns::Hot(columns) => columns.read(list, &rows)?,
    };
    let exclusive = kind == LabelKind::Classes;

    let base = list.parent().unwrap_or(Path::new(""));
    let mut samples = Vec::new();
    let mut skipped = Vec::new();
    let mut first_seen: HashMap<PathBuf, (u64, Vec<String>)> = HashMap::new();
    for (row, mut labels) in rows.iter().zip(labels) {
        labels.sort_unstable();
        let path = base.join(&row.file);
        if let Some(reason) = table.reason_to_skip(&path, exclusive && labels.is_empty(), row.line) {
            skipped.push(Skipped { path, reason });
            continue;
        }
        if let Some((line, earlier)) = first_seen.get(&path) {
            if *earlier != labels {
                let fault = format!(
                    "{} is listed with other labels in line {line}; keep one of the lines, with all its labels",
                    row.file
                );
                return Err(table.fault(row.line, fault));
            }
            skipped
                .push(Skipped { path, reason: format!("is listed twice (lines {line} and {})", row.line) });
            continue;
        }
        let label = classes.label(kind, &labels);
        first_seen.insert(path.clone(), (row.line, labels));
        samples.push(Sample { source: Source::File(path), label, part: row.part });
    }
    if too_many_bad(skipped.len(), rows.len()) {
        return Err(DataError::TooManyUnreadable {
            path: list.to_owned(),
            bad: skipped.len(),
            total: rows.len(),
            examples: examples(&skipped),
        });
    }
    Ok(Dataset {
        root: root.to_owned(),
        base: base.to_owned(),
        layout: Layout::Table,
        label_kind: kind,
        classes: classes.into_names(),
        samples,
        arrays: Vec::new(),
        skipped,
        other_files: BTreeMap::new(),
        conversions,
    })
}

fn read_text(list: &Path, limits: &Limits) -> Result<String, DataError> {
    let bytes = files::read_limited(list, limits.max_file_bytes)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = String::from_utf8_lossy(valid).matches('\n').count() + 1;
        let fault = "it is not valid UTF-8; save the file as UTF-8".to_owned();
        DataError::Table { path: list.to_owned(), line: line as u64, fault }
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The CSV being read, for its complaints.
struct Table<'a> {
    list: &'a Path,
}

impl Table<'_> {
    fn fault(&self, line: u64, fault: impl Into<String>) -> DataError {
        DataError::Table { path: self.list.to_owned(), line, fault: fault.into() }
    }

    fn no_rows(&self) -> DataError {
        self.fault(0, "it has no rows; write one for each image, with the columns file,labels")
    }

    /// The columns, and all rows.
    fn rows(&self, text: &str) -> Result<(Columns, Vec<Row>), DataError> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .delimiter(delimiter(text))
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let records = reader.records().map(|record| record.map_err(|error| self.csv_fault(&error)));
        let mut records = records.collect::<Result<Vec<_>, _>>()?;
        let Some(first) = records.first().cloned() else {
            return Err(self.no_rows());
        };
        self.check_one_label_column(&first)?;
        let columns = match columns_by_name(&first) {
            Some(columns) => columns,
            None if begins_with_image(&first) && first.len() == 2 => {
                let rows = records.iter().map(|record| self.row(record, &HEADLESS));
                return Ok((HEADLESS, rows.collect::<Result<_, _>>()?));
            }
            None => self.hot_columns(&first, &records[1..])?,
        };
        records.remove(0);
        let rows = records.iter().map(|record| self.row(record, &columns)).collect::<Result<_, _>>()?;
        Ok((columns, rows))
    }

    /// The columns by a header that names a group in each but the file's and the part's.
    fn hot_columns(&self, header: &StringRecord, records: &[StringRecord]) -> Result<Columns, DataError> {
        let file = position(header, &FILE_COLUMNS);
        let part = position(header, &PART_COLUMNS);
        let others = (0..header.len()).filter(|&column| Some(column) != file && Some(column) != part);
        let hot = hot::Columns::find(header, records, others).map_err(|fault| self.fault(1, fault))?;
        if let (Some(file), Some(hot)) = (file, hot) {
            return Ok(Columns { file, part, labels: LabelColumns::Hot(hot) });
        }
        let header: Vec<&str> = header.iter().collect();
        let found = header.join(",");
        Err(self.fault(1, format!("the columns are {found}; name the columns file,labels in the first line")))
    }

    fn row(&self, record: &StringRecord, columns: &Columns) -> Result<Row, DataError> {
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |column: usize| record.get(column).unwrap_or_default();
        let file = cell(columns.file);
        if file.is_empty() {
            return Err(self.fault(line, "the file's name is missing; fill it in or remove the line"));
        }
        let part = match columns.part.map(cell) {
            None | Some("") => None,
            Some(name) => Some(Part::from_name(name).ok_or_else(|| {
                self.fault(line, format!("{name} is no part; write train, validation or test"))
            })?),
        };
        let labels = match &columns.labels {
            LabelColumns::Named { column, .. } => vec![cell(*column).to_owned()],
            LabelColumns::Hot(hot) => hot.indices().map(|column| cell(column).to_owned()).collect(),
        };
        Ok(Row { line, file: file.to_owned(), part, labels })
    }

    /// Of two columns that could hold the labels neither is better than the other.
    fn check_one_label_column(&self, header: &StringRecord) -> Result<(), DataError> {
        let names = PLURAL_LABEL_COLUMNS.iter().chain(&SINGULAR_LABEL_COLUMNS);
        let mut found: Vec<usize> = names.filter_map(|name| position(header, &[name])).collect();
        found.sort_unstable();
        match found[..] {
            [first, second, ..] => {
                let (first, second) = (&header[first], &header[second]);
                Err(self.fault(
                    1,
                    format!("the columns {first} and {second} could both hold the labels; keep one of them"),
                ))
            }
            _ => Ok(()),
        }
    }

    fn csv_fault(&self, error: &csv::Error) -> DataError {
        let line = error.position().map_or(0, csv::Position::line);
        match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => self.fault(
                line,
                format!("it has {len} cells where the first line has {expected_len}; put labels that contain the separator in \"quotes\""),
            ),
            _ => self.fault(line, format!("it cannot be read as CSV ({error})")),
        }
    }

    fn reason_to_skip(&self, path: &Path, has_no_label: bool, line: u64) -> Option<String> {
        let list = self.list.file_name().unwrap_or_default().to_string_lossy();
        if has_no_label {
            Some(format!("has no label ({list}, line {line})"))
        } else if !fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
            Some(format!("is not there ({list}, line {line})"))
        } else {
            None
        }
    }
}

/// The columns of a file without a header.
const HEADLESS: Columns =
    Columns { file: 0, part: None, labels: LabelColumns::Named { column: 1, spaces_separate: true } };

/// Whether a row that should be the header begins with an image's name.
fn begins_with_image(first: &StringRecord) -> bool {
    first.get(0).is_some_and(|cell| files::image_extension(Path::new(cell)).is_some())
}

/// The columns by a header that names one with labels.
fn columns_by_name(header: &StringRecord) -> Option<Columns> {
    let file = position(header, &FILE_COLUMNS)?;
    let plural = position(header, &PLURAL_LABEL_COLUMNS);
    let column = plural.or_else(|| position(header, &SINGULAR_LABEL_COLUMNS))?;
    let labels = LabelColumns::Named { column, spaces_separate: plural.is_some() };
    Some(Columns { file, part: position(header, &PART_COLUMNS), labels })
}

/// The first column with one of these names.
fn position(header: &StringRecord, names: &[&str]) -> Option<usize> {
    header.iter().position(|cell| names.contains(&cell.to_lowercase().replace([' ', '-'], "_").as_str()))
}

/// What separates columns: the one of comma, semicolon and tab that is most frequent in the first line.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |delimiter: u8| first.bytes().filter(|&b| b == delimiter).count();
    // Of equals, `max_by_key` takes the last: the comma.
    [b'\t', b';', b','].into_iter().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',')
}

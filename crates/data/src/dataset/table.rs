//! A CSV with a file and its labels in each row.

use super::classes::Classes;
use super::{Dataset, LabelKind, Layout, Part, Sample, Source};
use crate::decode::Limits;
use crate::error::{DataError, Skipped, examples, too_many_bad};
use crate::files;
use csv::StringRecord;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::Read;
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
    labels: usize,
    part: Option<usize>,
    /// Whether a space separates labels.
    spaces_separate: bool,
}

/// A row as it stands.
struct Row {
    line: u64,
    file: String,
    labels: String,
    part: Option<Part>,
}

/// Opens a CSV. `root` is what the user gave: the CSV or its folder.
pub(super) fn open(root: &Path, list: &Path, limits: &Limits) -> Result<Dataset, DataError> {
    let text = read_text(list, limits)?;
    let table = Table { list };
    let (rows, spaces_separate) = table.rows(&text)?;
    if rows.is_empty() {
        return Err(table.fault(0, "it has no rows; write one for each image, with the columns file,labels"));
    }
    let separator = Separator::of(&rows, spaces_separate);
    let labels: Vec<Vec<String>> = rows.iter().map(|row| separator.split(&row.labels)).collect();
    let exclusive = labels.iter().all(|labels| labels.len() <= 1);
    let kind = if exclusive { LabelKind::Classes } else { LabelKind::MultiLabel };
    let classes = Classes::new(labels.iter().flatten().cloned().collect::<BTreeSet<_>>());

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
    })
}

fn read_text(list: &Path, limits: &Limits) -> Result<String, DataError> {
    let failed = |source| DataError::Read { path: list.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(list).map_err(failed)?;
    file.take(limits.max_file_bytes + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limits.max_file_bytes {
        let fault = format!("it has more than {} bytes; divide it", limits.max_file_bytes);
        return Err(DataError::Table { path: list.to_owned(), line: 0, fault });
    }
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

    /// All rows, and whether a space separates labels.
    fn rows(&self, text: &str) -> Result<(Vec<Row>, bool), DataError> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .delimiter(delimiter(text))
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut records = reader.records().map(|record| record.map_err(|error| self.csv_fault(&error)));
        let Some(first) = records.next().transpose()? else {
            return Ok((Vec::new(), false));
        };
        let (columns, is_header) = self.columns(&first)?;
        let first = (!is_header).then_some(Ok(first));
        let rows = first.into_iter().chain(records).map(|record| self.row(&record?, &columns));
        Ok((rows.collect::<Result<_, _>>()?, columns.spaces_separate))
    }

    /// The columns by the header, or the first two where the first row is no header but begins with an image's name.
    fn columns(&self, first: &StringRecord) -> Result<(Columns, bool), DataError> {
        let position = |names: &[&str]| {
            first
                .iter()
                .position(|cell| names.contains(&cell.to_lowercase().replace([' ', '-'], "_").as_str()))
        };
        let plural = position(&PLURAL_LABEL_COLUMNS);
        let labels = plural.or_else(|| position(&SINGULAR_LABEL_COLUMNS));
        if let (Some(file), Some(labels)) = (position(&FILE_COLUMNS), labels) {
            let part = position(&PART_COLUMNS);
            return Ok((Columns { file, labels, part, spaces_separate: plural.is_some() }, true));
        }
        let begins_with_image =
            first.get(0).is_some_and(|cell| files::image_extension(Path::new(cell)).is_some());
        if begins_with_image && first.len() == 2 {
            return Ok((Columns { file: 0, labels: 1, part: None, spaces_separate: true }, false));
        }
        let header: Vec<&str> = first.iter().collect();
        Err(self.fault(
            1,
            format!("the columns are {}; name the columns file,labels in the first line", header.join(",")),
        ))
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
        Ok(Row { line, file: file.to_owned(), labels: cell(columns.labels).to_owned(), part })
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

/// What separates columns: the one of comma, semicolon and tab that is most frequent in the first line.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |delimiter: u8| first.bytes().filter(|&b| b == delimiter).count();
    // Of equals, `max_by_key` takes the last: the comma.
    [b'\t', b';', b','].into_iter().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',')
}

/// What separates the labels in a cell, the same in all rows.
enum Separator {
    Char(char),
    WhiteSpace,
    Nothing,
}

impl Separator {
    fn of(rows: &[Row], spaces_separate: bool) -> Self {
        let occurs = |c: &char| rows.iter().any(|row| row.labels.contains(*c));
        match ['|', ';', ','].into_iter().find(occurs) {
            Some(c) => Self::Char(c),
            None if spaces_separate => Self::WhiteSpace,
            None => Self::Nothing,
        }
    }

    fn split(&self, cell: &str) -> Vec<String> {
        let parts: Vec<&str> = match self {
            Self::Char(c) => cell.split(*c).collect(),
            Self::WhiteSpace => cell.split_whitespace().collect(),
            Self::Nothing => vec![cell],
        };
        parts.into_iter().map(str::trim).filter(|label| !label.is_empty()).map(str::to_owned).collect()
    }
}

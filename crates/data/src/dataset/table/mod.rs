//! A CSV with a file and its labels in each row.

mod columns;
mod hot;
mod labels;
mod options;

pub use options::{Column, LabelSeparator, TableOptions};

use super::{Dataset, LabelKind, Layout, Location, OpenOptions, Part, Sample, Source};
use crate::decode::Limits;
use crate::error::{DataError, Skipped, examples, too_many_bad};
use crate::files::{self, Files};
use columns::{Columns, LabelColumns};
use csv::StringRecord;
use labels::Labelled;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A row as it stands.
struct Row {
    /// Its line in the file, from 1.
    line: u64,
    file: String,
    part: Option<Part>,
    /// The cells of the columns with labels.
    labels: Vec<String>,
    /// The cell that tells the series, where a column does.
    series: String,
}

/// True for what is called a list of files and labels.
pub(super) fn is_list(path: &Path) -> bool {
    matches!(files::extension(path).as_str(), "csv" | "tsv")
}

/// Opens a CSV at `list`, which is what the user gave or lies in that folder.
pub(super) fn open(location: &Location, list: &Path, options: &OpenOptions) -> Result<Dataset, DataError> {
    let table = Table { list, files: &location.files };
    if options.labels_from_name {
        return Err(DataError::Idle {
            path: list.to_owned(),
            option: "--labels-from-name",
            meant: "folders of groups",
            found: Layout::Table.described(),
        });
    }
    let text = table.read_text(&location.limits)?;
    let (columns, rows) = table.rows(&text, options)?;
    if rows.is_empty() {
        return Err(table.no_rows());
    }
    let Labelled { labels, kind, classes, mut conversions } = match &columns.labels {
        LabelColumns::Named { spaces_separate, .. } => {
            let cells = rows.iter().flat_map(|row| &row.labels).map(String::as_str);
            let stated = options.table.label_separator;
            let separator = stated.unwrap_or_else(|| LabelSeparator::of(&cells, *spaces_separate));
            Labelled::by_name(list, &rows, separator)?
        }
        LabelColumns::Hot(columns) => columns.read(list, &rows)?,
    };
    conversions.extend(columns.guessed);
    let exclusive = kind == LabelKind::Classes;

    let base = list.parent().unwrap_or(Path::new(""));
    let mut samples = Vec::new();
    let mut series = Vec::new();
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
        series.push(row.series.clone());
    }
    if too_many_bad(skipped.len(), rows.len()) {
        return Err(DataError::TooManyUnreadable {
            path: list.to_owned(),
            bad: skipped.len(),
            total: rows.len(),
            examples: examples(&skipped),
        });
    }
    let dataset = Dataset {
        base: base.to_owned(),
        skipped,
        conversions,
        ..Dataset::new(location, Layout::Table, kind, classes, samples)
    };
    match (&options.group_by, columns.series) {
        (Some(column), Some(_)) => dataset.with_series_by_column(column, series),
        _ => Ok(dataset),
    }
}

/// The CSV being read, for its complaints.
struct Table<'a> {
    list: &'a Path,
    files: &'a Files,
}

impl Table<'_> {
    fn fault(&self, line: u64, fault: impl Into<String>) -> DataError {
        DataError::Table { path: self.list.to_owned(), line, fault: fault.into() }
    }

    fn no_rows(&self) -> DataError {
        self.fault(0, "it has no rows; write one for each image, with the columns file,labels")
    }

    fn read_text(&self, limits: &Limits) -> Result<String, DataError> {
        let bytes = self.files.read(self.list, limits.max_file_bytes).map_err(|error| error.of(self.list))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = String::from_utf8_lossy(valid).matches('\n').count() + 1;
            self.fault(line as u64, "it is not valid UTF-8; save the file as UTF-8")
        })?;
        Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
    }

    /// The columns, and all rows.
    fn rows(&self, text: &str, options: &OpenOptions) -> Result<(Columns, Vec<Row>), DataError> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .delimiter(delimiter(text))
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let records = reader.records().map(|record| record.map_err(|error| self.csv_fault(&error)));
        let records = records.collect::<Result<Vec<_>, _>>()?;
        if records.is_empty() {
            return Err(self.no_rows());
        }
        let columns = Columns::find(&records, &options.table, options.group_by.as_deref())
            .map_err(|fault| self.fault(1, fault))?;
        let rows = records.iter().skip(usize::from(columns.has_header));
        let rows = rows.map(|record| self.row(record, &columns)).collect::<Result<_, _>>()?;
        Ok((columns, rows))
    }

    fn row(&self, record: &StringRecord, columns: &Columns) -> Result<Row, DataError> {
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |column: usize| record.get(column).unwrap_or_default();
        let file = cell(columns.file);
        if file.is_empty() {
            return Err(self.fault(line, "the file's name is missing; fill it in or remove the line"));
        }
        let part = columns::part(columns.part.map_or("", cell)).map_err(|fault| self.fault(line, fault))?;
        let labels = match &columns.labels {
            LabelColumns::Named { column, .. } => vec![cell(*column).to_owned()],
            LabelColumns::Hot(hot) => hot.indices().map(|column| cell(column).to_owned()).collect(),
        };
        let series = columns.series.map_or("", cell).to_owned();
        Ok(Row { line, file: file.to_owned(), part, labels, series })
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
        } else if !self.files.is_file(path) {
            Some(format!("is not there ({list}, line {line})"))
        } else {
            None
        }
    }
}

/// What separates columns: the one of comma, semicolon and tab that is most frequent in the first line.
pub(super) fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |delimiter: u8| first.bytes().filter(|&b| b == delimiter).count();
    // Of equals, `max_by_key` takes the last: the comma.
    [b'\t', b';', b','].into_iter().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',')
}

//! Labels that somebody has put right, in a CSV beside the data, which stays as it is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use csv::ByteRecord;

use super::{Dataset, Label, LabelKind, table};
use crate::error::{DataError, nearest};
use crate::files::{read_limited, write_atomically};

/// Between the labels of a sample that carries several, in lists that are written. Labels never contain it, because it would have separated them when the dataset
/// was read.
pub const LABEL_SEPARATOR: &str = "|";
/// The columns that are read; others are there for people.
const READ: [&str; 3] = ["path", "given", "corrected"];

/// Labels that take the place of those that the data gives.
///
/// A CSV with the columns `path` (as in lists: relative to the data), `given` (what the data says) and `corrected` (what holds instead); of samples
/// that carry several labels both are joined by `|`. Other columns are passed over. A sample that has no line keeps its label, and so does one whose
/// line says the same twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corrections {
    path: PathBuf,
    /// Each with its line, from 1.
    lines: Vec<(u64, Correction)>,
}

/// A line of [`Corrections`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// What the sample is called in lists, byte for byte.
    pub name: Vec<u8>,
    /// What the data says.
    pub given: String,
    /// What holds instead.
    pub corrected: String,
}

impl Corrections {
    /// Reads a CSV, whose columns may be separated by comma, semicolon or tab.
    ///
    /// # Errors
    /// [`DataError::Read`], and [`DataError::Table`] with the line for what is no such CSV, and for a picture that is named twice.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        /// A line for each of many millions of pictures.
        const MOST: u64 = 1 << 30;
        let bytes = read_limited(path, MOST)?;
        // Spreadsheets begin what they save as UTF-8 with these.
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
        let first = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let delimiter = table::delimiter(&String::from_utf8_lossy(first));
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(bytes);
        let mut corrections = Self { path: path.to_owned(), lines: Vec::new() };
        let header = reader.byte_headers().map_err(|error| corrections.broken(&error))?.clone();
        let columns = corrections.columns(&header)?;
        let mut lines: HashMap<Vec<u8>, u64> = HashMap::new();
        for record in reader.byte_records() {
            let record = record.map_err(|error| corrections.broken(&error))?;
            let line = record.position().map_or(0, csv::Position::line);
            let correction = corrections.correction(&record, columns, line)?;
            if let Some(before) = lines.insert(correction.name.clone(), line) {
                let name = String::from_utf8_lossy(&correction.name);
                let told = format!("{name} is named in line {before} already; delete one of the two");
                return Err(corrections.fault(line, told));
            }
            corrections.lines.push((line, correction));
        }
        Ok(corrections)
    }

    /// Writes a CSV that [`Self::read`] reads: corrections, each with what stands behind it for people, in columns that `more` names.
    ///
    /// # Errors
    /// [`DataError::Write`]; a file that stood there is then unchanged.
    pub fn write(path: &Path, more: &[&str], lines: &[(Correction, Vec<String>)]) -> Result<(), DataError> {
        write_atomically(path, |file| {
            let mut writer = csv::Writer::from_writer(file);
            writer.write_record(READ.iter().chain(more))?;
            for (Correction { name, given, corrected }, behind) in lines {
                let read = [name.as_slice(), given.as_bytes(), corrected.as_bytes()];
                writer.write_record(read.into_iter().chain(behind.iter().map(String::as_bytes)))?;
            }
            writer.flush()
        })
    }

    /// The corrections, in the order of their lines.
    pub fn iter(&self) -> impl Iterator<Item = &Correction> {
        self.lines.iter().map(|(_, correction)| correction)
    }

    /// Where the columns stand that are read.
    fn columns(&self, header: &ByteRecord) -> Result<[usize; 3], DataError> {
        let mut columns = [0; 3];
        for (column, name) in columns.iter_mut().zip(READ) {
            *column = header.iter().position(|cell| cell == name.as_bytes()).ok_or_else(|| {
                let wanted = READ.join(", ");
                let told = format!("there is no column `{name}`; give a CSV with the columns {wanted}, as `divvy relabel` writes it");
                self.fault(1, told)
            })?;
        }
        Ok(columns)
    }

    fn correction(
        &self,
        record: &ByteRecord,
        columns: [usize; 3],
        line: u64,
    ) -> Result<Correction, DataError> {
        let [name, given, corrected] = columns.map(|column| record[column].to_vec());
        let text = |cell: Vec<u8>| {
            String::from_utf8(cell).map_err(|error| {
                let found = String::from_utf8_lossy(error.as_bytes());
                self.fault(line, format!("the label {found} is not valid UTF-8; save the file as UTF-8"))
            })
        };
        Ok(Correction { name, given: text(given)?, corrected: text(corrected)? })
    }

    fn broken(&self, error: &csv::Error) -> DataError {
        let line = error.position().map_or(1, csv::Position::line);
        self.fault(line, format!("it cannot be read as CSV ({error}); write it anew"))
    }

    fn fault(&self, line: u64, fault: String) -> DataError {
        DataError::Table { path: self.path.clone(), line, fault }
    }
}

impl Dataset {
    /// The same samples with labels put right.
    ///
    /// # Errors
    /// [`DataError::Table`] with the line for a picture that is not there, a given label that is not (or no longer) the picture's, and a corrected one that
    /// no picture of the data has.
    pub fn with_corrections(mut self, corrections: &Corrections) -> Result<Self, DataError> {
        let places: HashMap<Vec<u8>, usize> = (0..self.samples.len())
            .map(|sample| (self.sample_name(sample).as_encoded_bytes().to_vec(), sample))
            .collect();
        let mut changed = 0;
        for (line, correction) in &corrections.lines {
            let fault = |fault: String| corrections.fault(*line, fault);
            let name = String::from_utf8_lossy(&correction.name);
            let Some(&sample) = places.get(&correction.name) else {
                let root = self.root.display();
                return Err(fault(format!(
                    "{name} is not (or no longer) an image of {root}; restore it, or delete the line"
                )));
            };
            let now = &self.samples[sample].label;
            if self.label(&correction.given).as_ref() != Ok(now) {
                let now = self.label_text(now.indices());
                let (given, now) = (said(&correction.given), said(&now));
                return Err(fault(format!(
                    "{name} is given as {given} but is {now}; delete the line, or write what it is"
                )));
            }
            let label = self.label(&correction.corrected).map_err(fault)?;
            if label != *now {
                self.samples[sample].label = label;
                changed += 1;
            }
        }
        let path = corrections.path.display();
        self.conversions.push(match changed {
            1 => format!("the label of 1 picture was put right as {path} says"),
            n => format!("the labels of {n} pictures were put right as {path} says"),
        });
        Ok(self)
    }

    /// The label that a cell holds, or what is wrong with it.
    fn label(&self, cell: &str) -> Result<Label, String> {
        let class = |name: &str| {
            let found = self.classes.iter().position(|known| known == name);
            found.ok_or_else(|| {
                let hint = nearest(name, &self.classes).map(|known| format!("; did you mean {known}?"));
                let (known, hint) = (self.classes.join(", "), hint.unwrap_or_default());
                format!("{} is not one of {known}{hint}", said(name))
            })
        };
        match self.label_kind {
            LabelKind::Classes if cell.is_empty() => {
                Err("no group is named; write one, or delete the line, and the picture keeps its own"
                    .to_owned())
            }
            LabelKind::Classes => class(cell).map(Label::Class),
            LabelKind::MultiLabel => {
                let names = cell.split(LABEL_SEPARATOR).filter(|name| !name.is_empty());
                let mut labels = names.map(class).collect::<Result<Vec<_>, _>>()?;
                labels.sort_unstable();
                labels.dedup();
                Ok(Label::Labels(labels))
            }
        }
    }

    /// Classes by name, as a cell of a list holds a label: joined by [`LABEL_SEPARATOR`].
    ///
    /// # Panics
    /// If an index is out of range.
    pub fn label_text(&self, classes: &[usize]) -> String {
        let names: Vec<&str> = classes.iter().map(|&class| self.classes[class].as_str()).collect();
        names.join(LABEL_SEPARATOR)
    }
}

/// A cell as it is named in a sentence.
fn said(cell: &str) -> &str {
    if cell.is_empty() { "nothing" } else { cell }
}

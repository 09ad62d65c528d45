//! A split as a CSV: part, labels, path.

use super::Split;
use crate::dataset::{Dataset, Part};
use crate::error::DataError;
use crate::files::{read_limited, write_atomically};
use csv::ByteRecord;
use std::collections::HashMap;
use std::path::Path;

/// The first line. `path` is relative to the dataset's root, so that the list holds when the folder moves.
const HEADER: [&str; 3] = ["part", "labels", "path"];

impl Split {
    /// Writes the split as a CSV with the columns part, labels and path. Names that are not UTF-8 are written as the bytes
    /// they are.
    ///
    /// # Errors
    /// [`DataError::Write`]; a file that stood there is then unchanged.
    ///
    /// # Panics
    /// If the split is not one of this dataset.
    pub fn write_csv(&self, path: &Path, dataset: &Dataset) -> Result<(), DataError> {
        write_atomically(path, |file| {
            let mut writer = csv::Writer::from_writer(file);
            writer.write_record(HEADER)?;
            for (part, samples) in self.parts() {
                for &sample in samples {
                    let name = dataset.sample_name(sample);
                    let label = dataset.label_text(dataset.samples()[sample].label.indices());
                    writer.write_record([
                        part.name().as_bytes(),
                        label.as_bytes(),
                        name.as_encoded_bytes(),
                    ])?;
                }
            }
            writer.flush()
        })
    }

    /// Reads a split written by [`Self::write_csv`] for the same dataset. Samples of the dataset that the list does not name,
    /// say files added since, are in no part.
    ///
    /// # Errors
    /// [`DataError::Read`], and [`DataError::Table`] for a line that does not fit the dataset.
    pub fn read_csv(path: &Path, dataset: &Dataset) -> Result<Self, DataError> {
        /// A line for each of many millions of pictures.
        const MOST: u64 = 1 << 30;
        let bytes = read_limited(path, MOST)?;
        let fault = |line, fault: String| DataError::Table { path: path.to_owned(), line, fault };
        let mut unlisted: HashMap<Vec<u8>, usize> = (0..dataset.samples().len())
            .map(|sample| (dataset.sample_name(sample).as_encoded_bytes().to_vec(), sample))
            .collect();
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let header =
            reader.byte_headers().map_err(|error| fault(1, format!("it cannot be read as CSV ({error})")))?;
        if header != &ByteRecord::from(HEADER.as_slice()) {
            return Err(fault(
                1,
                format!(
                    "a split begins with the line {}; give the file that training wrote",
                    HEADER.join(",")
                ),
            ));
        }
        let mut split = Self::default();
        for record in reader.byte_records() {
            let record = record.map_err(|error| {
                fault(
                    error.position().map_or(0, csv::Position::line),
                    format!("it cannot be read as CSV ({error})"),
                )
            })?;
            let line = record.position().map_or(0, csv::Position::line);
            let text = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
            let part = Part::ALL.into_iter().find(|part| part.name().as_bytes() == &record[0]);
            let part = part.ok_or_else(|| {
                fault(line, format!("{} is no part; write train, validation or test", text(&record[0])))
            })?;
            let sample = unlisted.remove(&record[2]).ok_or_else(|| {
                let (name, root) = (text(&record[2]), dataset.root().display());
                fault(line, format!("{name} is not (or no longer) an image of {root}, or is listed twice; restore it, or split anew"))
            })?;
            let label = dataset.label_text(dataset.samples()[sample].label.indices());
            if label.as_bytes() != &record[1] {
                let (name, listed) = (text(&record[2]), text(&record[1]));
                return Err(fault(
                    line,
                    format!("{name} is listed as {listed} but is now {label}; put it back, or split anew"),
                ));
            }
            split.samples_mut(part).push(sample);
        }
        for part in Part::ALL {
            split.samples_mut(part).sort_unstable();
        }
        Ok(split)
    }

    fn parts(&self) -> [(Part, &[usize]); 3] {
        [(Part::Train, &self.train), (Part::Validation, &self.validation), (Part::Test, &self.test)]
    }

    fn samples_mut(&mut self, part: Part) -> &mut Vec<usize> {
        match part {
            Part::Train => &mut self.train,
            Part::Validation => &mut self.validation,
            Part::Test => &mut self.test,
        }
    }
}

//! What folds say of the pictures that each has not seen, as a table in a file.

use std::path::Path;

use csv::ByteRecord;
use divvy_data::{Dataset, Fold, LABEL_SEPARATOR, read_limited, write_atomically};
use divvy_model::Prediction;

use super::Done;
use crate::error::TrainError;
use crate::evaluate::Classified;
use crate::run::RunFolder;

/// The columns before those of the groups.
const COLUMNS: [&str; 5] = ["path", "fold", "truth", "label", "probability"];

/// What folds say of the pictures that each has not seen: a run's predictions.csv.
pub(crate) struct Predictions {
    pub(crate) classes: Vec<String>,
    pub(crate) pictures: Vec<Predicted>,
}

/// What a network says of a picture that it was not trained on.
pub(crate) struct Predicted {
    /// What the picture is called in lists, byte for byte.
    pub(crate) name: Vec<u8>,
    /// Its label, or its labels: ascending indices.
    pub(crate) truth: Vec<usize>,
    /// A probability for each class.
    pub(crate) probabilities: Vec<f32>,
}

impl Predictions {
    /// Reads the predictions.csv of a run whose networks answer with probabilities, and whose groups exclude each other or do not.
    ///
    /// # Errors
    /// [`TrainError::Data`] where it cannot be read, [`TrainError::Figures`] where it is not what was written.
    pub(crate) fn read(run: &RunFolder, exclusive: bool) -> Result<Self, TrainError> {
        /// A line for each of many millions of pictures.
        const MOST: u64 = 1 << 30;
        let path = run.predictions();
        let bytes = read_limited(&path, MOST)?;
        let fault = |line: u64, fault: String| TrainError::Figures {
            path: path.clone(),
            fault: format!("line {line}: {fault}"),
        };
        let broken = |error: csv::Error| {
            let line = error.position().map_or(1, csv::Position::line);
            fault(line, format!("it cannot be read as CSV ({error})"))
        };
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let header = reader.headers().map_err(broken)?;
        if !header.iter().take(COLUMNS.len()).eq(COLUMNS) {
            return Err(fault(1, format!("the columns do not begin with {}", COLUMNS.join(","))));
        }
        let classes: Vec<String> = header.iter().skip(COLUMNS.len()).map(str::to_owned).collect();
        let mut pictures = Vec::new();
        for record in reader.byte_records() {
            let record = record.map_err(broken)?;
            let line = record.position().map_or(0, csv::Position::line);
            let picture = Predicted::of(&record, &classes, exclusive);
            pictures.push(picture.map_err(|told| fault(line, told))?);
        }
        Ok(Self { classes, pictures })
    }
}

impl Predicted {
    /// What a line says, or what is wrong with it.
    fn of(record: &ByteRecord, classes: &[String], exclusive: bool) -> Result<Self, String> {
        let text = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
        let class = |name: &str| {
            let found = classes.iter().position(|class| class == name);
            found.ok_or_else(|| format!("`{name}` is none of the groups"))
        };
        let truth = text(&record[2]);
        let truth: Result<Vec<usize>, String> = if exclusive {
            class(&truth).map(|class| vec![class])
        } else {
            truth.split(LABEL_SEPARATOR).filter(|name| !name.is_empty()).map(class).collect()
        };
        let probability = |cell: &[u8]| {
            let found = text(cell).parse().ok().filter(|p| (0.0..=1.0).contains(p));
            found.ok_or_else(|| format!("`{}` is no probability", text(cell)))
        };
        let probabilities = record.iter().skip(COLUMNS.len()).map(probability).collect::<Result<_, _>>()?;
        Ok(Self { name: record[0].to_vec(), truth: truth?, probabilities })
    }
}

/// Writes what all folds say: a line for each picture, in the order of the data, which docs/folds.md describes.
pub(super) fn write(path: &Path, dataset: &Dataset, done: &[Done]) -> Result<(), TrainError> {
    let mut lines: Vec<(usize, Fold, &Prediction)> = done.iter().flat_map(lines_of).collect();
    lines.sort_unstable_by_key(|&(sample, ..)| sample);
    let has_probabilities = done.iter().all(|done| done.answered.head.has_probabilities());
    Ok(write_atomically(path, |file| {
        let mut writer = csv::Writer::from_writer(file);
        let classes = dataset.classes().iter().map(String::as_str);
        let first = COLUMNS.into_iter();
        if has_probabilities {
            writer.write_record(first.chain(classes))?;
        } else {
            writer.write_record(first.chain(["score"]))?;
        }
        for (sample, fold, prediction) in lines {
            writer.write_field(dataset.sample_name(sample).as_encoded_bytes())?;
            writer.write_field(fold.number().to_string())?;
            writer.write_field(dataset.label_text(dataset.samples()[sample].label.indices()))?;
            writer.write_field(dataset.label_text(&prediction.chosen))?;
            writer.write_field(prediction.confidence().map(|sure| sure.to_string()).unwrap_or_default())?;
            for answer in prediction.probabilities.iter().flatten().chain(&prediction.score) {
                writer.write_field(answer.to_string())?;
            }
            writer.write_record(None::<&[u8]>)?;
        }
        writer.flush()
    })?)
}

/// The pictures that a fold was asked about, with what it said.
fn lines_of(done: &Done) -> impl Iterator<Item = (usize, Fold, &Prediction)> {
    let Classified { samples, predictions, .. } = &done.answered.classified;
    samples.iter().zip(predictions).map(|(&sample, prediction)| (sample, done.fold, prediction))
}

//! `divvy predict`: says which group pictures belong to.

use std::path::{Path, PathBuf};

use anyhow::Result;
use divvy::data::{LABEL_SEPARATOR, find_images};
use divvy::model::{Classifier, Prediction};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Interrupted, UNFAMILIAR, go_on, labels};
use crate::Status;
use crate::args::PredictArgs;
use crate::terminal::Terminal;

/// How predictions are printed.
#[derive(Clone, Copy)]
enum Format {
    Text,
    Json,
    Csv,
}

/// Classifies pictures and prints a line for each, in order.
pub(crate) fn run(args: &PredictArgs, terminal: &mut Terminal) -> Result<Status> {
    let format = match (args.json, args.csv) {
        (true, _) => Format::Json,
        (_, true) => Format::Csv,
        _ => Format::Text,
    };
    let mut classifier = super::classifier(&args.run, args.precision.device(&args.compute)?)?;
    args.precision.tell(matches!(format, Format::Text), terminal);
    let (paths, skipped) = gather(&args.paths)?;
    let writer = Writer { format, classes: classifier.classes().to_vec() };
    if let Format::Csv = format {
        terminal.print(writer.csv_header(&classifier)?);
    }
    let total = paths.len();
    let (mut done, mut unreadable) = (0, 0);
    terminal.start("classifying");
    let answered = classifier.classify_files(paths, |path, prediction| -> Result<()> {
        go_on()?;
        match prediction {
            Ok(prediction) => terminal.print(writer.line(&path, &prediction)?),
            Err(error) => {
                unreadable += 1;
                Terminal::warn(error);
            }
        }
        done += 1;
        terminal.progress().count(done, total);
        // A reader that has gone, as after `| head`, has seen enough.
        if terminal.is_closed() { Err(Interrupted.into()) } else { Ok(()) }
    });
    terminal.stop();
    if !terminal.is_closed() {
        answered?;
    }
    Ok(Status::partial_if(unreadable + skipped > 0))
}

/// The pictures under all paths, and how many folders and links in them could not be read. Every path is looked at before
/// anything is classified.
fn gather(paths: &[PathBuf]) -> Result<(Vec<PathBuf>, usize)> {
    let (mut images, mut skipped) = (Vec::new(), 0);
    for path in paths {
        let listing = find_images(path)?;
        for one in &listing.skipped {
            Terminal::warn(one);
        }
        skipped += listing.skipped.len();
        images.extend(listing.images);
    }
    Ok((images, skipped))
}

/// A prediction as a program reads it.
#[derive(Serialize)]
struct Printed<'a> {
    path: String,
    /// The group; of several labels all, with `|` between.
    label: String,
    /// Of labels that do not exclude each other, those that the picture carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<&'a str>>,
    /// How sure the model is; null where its head gives numbers that are no probabilities.
    probability: Option<f32>,
    /// By the name of group or label.
    probabilities: Option<Map<String, Value>>,
    /// The number of a head without probabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    /// How often a picture like the training pictures looks at least as unlike them; absent where the model does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    familiarity: Option<f64>,
}

struct Writer {
    format: Format,
    classes: Vec<String>,
}

impl Writer {
    fn line(&self, path: &Path, prediction: &Prediction) -> Result<String> {
        match self.format {
            Format::Text => Ok(self.text(path, prediction)),
            Format::Json => Ok(serde_json::to_string(&self.printed(path, prediction))?),
            Format::Csv => self.csv(path, prediction),
        }
    }

    fn text(&self, path: &Path, prediction: &Prediction) -> String {
        let sure = match (prediction.confidence(), prediction.score) {
            (Some(probability), _) => format!("  {probability:.4}"),
            (None, Some(score)) => format!("  score {score:.4}"),
            (None, None) => String::new(),
        };
        let labels = labels(&self.classes, prediction);
        let label = if labels.is_empty() { "(none)".to_owned() } else { labels.join(LABEL_SEPARATOR) };
        let unlike = if prediction.is_unfamiliar(UNFAMILIAR) { "  unlike the training pictures" } else { "" };
        format!("{}  {label}{sure}{unlike}", path.display())
    }

    fn printed(&self, path: &Path, prediction: &Prediction) -> Printed<'_> {
        let labels = labels(&self.classes, prediction);
        let by_name = |probabilities: &Vec<f32>| {
            let values = probabilities.iter().map(|&p| Value::from(shortest(p)));
            self.classes.iter().cloned().zip(values).collect()
        };
        Printed {
            path: path.display().to_string(),
            label: labels.join(LABEL_SEPARATOR),
            labels: (!prediction.exclusive).then_some(labels),
            probability: prediction.confidence(),
            probabilities: prediction.probabilities.as_ref().map(by_name),
            score: prediction.score,
            familiarity: prediction.familiarity,
        }
    }

    fn csv_header(&self, classifier: &Classifier) -> Result<String> {
        let mut fields = vec!["path", "label", "probability"];
        if classifier.head().has_probabilities() {
            fields.extend(self.classes.iter().map(String::as_str));
        } else {
            fields.push("score");
        }
        fields.push("familiarity");
        csv_line(&fields)
    }

    fn csv(&self, path: &Path, prediction: &Prediction) -> Result<String> {
        let number = |number: Option<f32>| number.map(|number| number.to_string()).unwrap_or_default();
        let label = labels(&self.classes, prediction).join(LABEL_SEPARATOR);
        let mut fields = vec![path.display().to_string(), label, number(prediction.confidence())];
        match &prediction.probabilities {
            Some(probabilities) => fields.extend(probabilities.iter().map(f32::to_string)),
            None => fields.push(number(prediction.score)),
        }
        fields.push(prediction.familiarity.map(|familiarity| familiarity.to_string()).unwrap_or_default());
        csv_line(&fields)
    }
}

/// The double that prints with as few digits as the single.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

fn csv_line(fields: &[impl AsRef<[u8]>]) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(fields)?;
    let line = String::from_utf8(writer.into_inner().map_err(csv::IntoInnerError::into_error)?)?;
    Ok(line.trim_end_matches('\n').to_owned())
}

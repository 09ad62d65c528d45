//! `divvy convert`: the same model with the other last layer for two groups.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use divvy::model::{Classifier, MODEL_FILE, Model};
use divvy::nn::{Head, HeadKind, Precision};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::Status;
use crate::args::{ComputeArgs, ConvertArgs};
use crate::failure::Failure;
use crate::terminal::{Terminal, quoted};

/// Random pictures on which both models are asked.
const PICTURES: usize = 32;

/// The largest difference in probability that rounding is believed to have made.
const ROUNDING: f32 = 1e-4;

/// [`Done`] as a program reads it.
#[derive(Serialize)]
struct Printed {
    model: String,
    from: String,
    to: String,
    /// Random pictures on which both were asked.
    pictures: usize,
    largest_difference: f32,
    written: bool,
}

/// Converts, compares, writes, and says so.
pub(crate) fn run(args: &ConvertArgs, terminal: &mut Terminal) -> Result<Status> {
    let file = if args.run.is_dir() { args.run.join(MODEL_FILE) } else { args.run.clone() };
    let model = Model::open(&args.run)?;
    let refused = |reason: String| Failure::new(format!("{}: {reason}", file.display()));
    let converted = model.with_head(args.head).map_err(|reason| refused(reason.to_string()))?;
    let out = args.out.clone().unwrap_or_else(|| beside(&file, args.head));
    let written = is_free(&out, &converted.to_bytes())?;
    let (from, to) = (*model.network().head(), *converted.network().head());
    let largest_difference = largest_difference(model, converted.clone(), &args.compute)?;
    // NaN, which damaged weights make, is not within anything.
    let is_rounding = largest_difference <= ROUNDING;
    if !is_rounding {
        let reason = format!(
            "as {to} its probabilities on random pictures differ by {largest_difference:.1e}, more than rounding should make; \
             nothing was written"
        );
        let help = "the weights are very large or damaged: see what `divvy evaluate` makes of the model, and train it again";
        return Err(refused(reason).help(help).into());
    }
    if written {
        converted.save(&out)?;
    }
    let done = Done { from, to, largest_difference, written };
    if args.json {
        done.print_json(&out, terminal)?;
    } else {
        done.print(&file, &out, terminal);
    }
    Ok(Status::Done)
}

/// What was done.
struct Done {
    from: Head,
    to: Head,
    largest_difference: f32,
    /// False where the file was there already, byte for byte.
    written: bool,
}

impl Done {
    fn print(&self, file: &Path, out: &Path, terminal: &mut Terminal) {
        let Self { from, to, largest_difference, written } = self;
        let verb = if *written { "is now" } else { "was already" };
        terminal.print(format_args!("{from} of {} {verb} {to} in {}", file.display(), out.display()));
        terminal.print(format_args!(
            "the same probabilities: on {PICTURES} random pictures they differ by {largest_difference:.1e} at most"
        ));
        if from.task() != to.task() {
            terminal.tell(format_args!("its task is called {} now, as it has two groups", to.task()));
        }
    }

    fn print_json(&self, out: &Path, terminal: &mut Terminal) -> Result<()> {
        terminal.print(serde_json::to_string(&Printed {
            model: out.display().to_string(),
            from: self.from.to_string(),
            to: self.to.to_string(),
            pictures: PICTURES,
            largest_difference: self.largest_difference,
            written: self.written,
        })?);
        Ok(())
    }
}

/// `model.sigmoid.divvy` beside `model.divvy`, and `model.softmax.divvy` beside that.
fn beside(file: &Path, kind: HeadKind) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let former = HeadKind::ALL.iter().find_map(|kind| stem.strip_suffix(&format!(".{kind}")));
    file.with_file_name(format!("{}.{kind}.divvy", former.unwrap_or(&stem)))
}

/// Whether nothing is at `path`. A file with just this content may be there; anything else is not to be written over.
pub(super) fn is_free(path: &Path, content: &[u8]) -> Result<bool, Failure> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(true) };
    // The length is looked at first, so that no pipe or device is read.
    let is_same = found.is_file()
        && found.len() == content.len() as u64
        && fs::read(path).is_ok_and(|there| there == content);
    if is_same {
        return Ok(false);
    }
    let what = if found.is_dir() { "this is a folder" } else { "there is another file of that name" };
    Err(Failure::new(format!("{}: {what}, and it stays as it is", path.display())).help(format!(
        "give the new model a name that is free: --out {}",
        quoted(&path.with_extension("new.divvy"))
    )))
}

/// The largest difference in the probability of a group that two models see in random pictures; NaN where one of them sees no
/// number.
fn largest_difference(model: Model, other: Model, compute: &ComputeArgs) -> Result<f32> {
    let len = model.preprocess().image_len();
    let (mut ours, mut theirs) = (
        Classifier::new(model, compute.device(Precision::F32)?)?,
        Classifier::new(other, compute.device(Precision::F32)?)?,
    );
    let mut chance = ChaCha8Rng::seed_from_u64(0);
    let mut largest = 0.0;
    // One by one, so that large pictures need no more memory than they need to be classified.
    for _ in 0..PICTURES {
        // Prepared pictures have values of about this size.
        let picture: Vec<f32> = (0..len).map(|_| chance.random::<f32>() * 4.0 - 2.0).collect();
        let [a, b] = [&mut ours, &mut theirs].map(|asked| probabilities(asked, &picture));
        let differences = a.iter().zip(&b).map(|(a, b)| (a - b).abs());
        // Unlike `f32::max`, the total order does not pass over NaN.
        largest = differences.chain([largest]).max_by(f32::total_cmp).unwrap_or(f32::NAN);
    }
    Ok(largest)
}

/// What a model says of one prepared picture.
fn probabilities(classifier: &mut Classifier, picture: &[f32]) -> Vec<f32> {
    let predictions = classifier.classify(picture);
    predictions.into_iter().filter_map(|prediction| prediction.probabilities).flatten().collect()
}

//! Rules that are decided on labels and pictures.
//!
//! Each function looks at one thing that is known at its time: names when a [`Dataset`] is open, parts when a
//! [`Split`](crate::Split) is drawn, copies, files and pictures after a [`Survey`](crate::Survey). They give findings and change
//! nothing.

mod augment;
mod classes;
mod copies;
mod files;
mod finding;
mod parts;
mod quality;
mod series;
mod shortcut;
mod types;
mod wilson;

pub use augment::augment;
pub use copies::{Copies, CopyGroup, NearCopy, copies};
pub use files::files;
pub use finding::{Finding, Suspect};
pub use parts::split;
pub use quality::quality;
pub use series::series_in;
pub use shortcut::shortcut;
pub use types::types;

use crate::dataset::Dataset;
use divvy_rules::{Diagnostic, Place};

/// What the names of classes and files tell.
///
/// - [`Y04`](divvy_rules::Rule::Y04), a note: other tools order these class names differently.
/// - [`Y06`](divvy_rules::Rule::Y06), a note: of two classes the positive one is the one whose name says that something is not there.
/// - [`P05`](divvy_rules::Rule::P05), a note: pictures of these classes are not mirrored unless one asks for it; see [`augment`].
/// - [`V03`](divvy_rules::Rule::V03), a warning: file names tell that pictures of one series stand in two parts, or
///   would after a random split.
pub fn names(dataset: &Dataset) -> Vec<Diagnostic> {
    let findings = [
        classes::order(dataset),
        classes::positive(dataset),
        augment::note(dataset),
        series::series(dataset),
    ];
    findings.into_iter().flatten().collect()
}

/// The dataset as the place of a finding.
fn place(dataset: &Dataset) -> Place {
    Place::file(dataset.root())
}

/// What a sample is called in evidence.
fn name(dataset: &Dataset, sample: usize) -> String {
    dataset.sample_name(sample).to_string_lossy().into_owned()
}

/// A share as people read it: `12.5 %`, `3 %`.
fn percent(share: f64) -> String {
    let tenths = (share * 1000.0).round() / 10.0;
    format!("{tenths} %")
}

/// `n` things, with the thing's name in the number that fits.
fn count(n: usize, thing: &str) -> String {
    let plural = if n == 1 || thing.ends_with('s') { "" } else { "s" };
    format!("{} {thing}{plural}", crate::decode::group_digits(n as u64))
}

//! Labels as the head's targets.

use divvy_data::Label;
use divvy_nn::{Diagnostic, Head, Target};

/// Writes the targets of `labels`, `[labels, units]`, as the head encodes them: a column of 0 and 1, a one-hot row, a multi-hot
/// row, or a number.
///
/// # Errors
/// The diagnostic of the first label that the head cannot be trained on: a class out of range, or several classes where they
/// exclude each other.
pub fn encode<'a>(
    head: &Head,
    labels: impl ExactSizeIterator<Item = &'a Label>,
    targets: &mut Vec<f32>,
) -> Result<(), Diagnostic> {
    targets.clear();
    targets.resize(labels.len() * head.units(), 0.0);
    for (label, row) in labels.zip(targets.chunks_exact_mut(head.units())) {
        let target = match label {
            Label::Class(class) => Target::Index(*class),
            Label::Labels(labels) => Target::Labels(labels),
        };
        head.encode(&target, row)?;
    }
    Ok(())
}

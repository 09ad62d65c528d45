//! Random changes that turn a picture of one class into one of another.

use super::place;
use crate::augment::{Augment, mirror_hazard};
use crate::dataset::Dataset;
use divvy_rules::{Diagnostic, Rule, Severity};

/// [`P05`](Rule::P05): random mirroring was asked for although the names of the classes say that it changes them.
///
/// [`Augment::light_for`] leaves mirroring out by itself, so this is about an [`Augment`] that someone chose by hand.
pub fn augment(dataset: &Dataset, augment: &Augment) -> Option<Diagnostic> {
    if !augment.flip {
        return None;
    }
    let hazard = mirror_hazard(dataset)?;
    Some(
        Diagnostic::new(Rule::P05, "training pictures are mirrored at random")
            .at(place(dataset))
            .because(format!("{hazard}; half of them would carry a label that is not theirs"))
            .fix("leave the augmentation out, so that divvy chooses one that does not mirror"),
    )
}

/// The note that mirroring is left out.
pub(super) fn note(dataset: &Dataset) -> Option<Diagnostic> {
    let hazard = mirror_hazard(dataset)?;
    Some(
        Diagnostic::new(Rule::P05, "by default, pictures of these groups are not mirrored in training")
            .severity(Severity::Note)
            .at(place(dataset))
            .because(hazard)
            .fix("if mirrored pictures are still of their group, choose `--augment light`"),
    )
}

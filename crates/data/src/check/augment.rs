//! Random changes that turn a picture of one class into one of another.

use super::place;
use crate::augment::{Augment, mirror_hazard, upside_down_hazard};
use crate::dataset::Dataset;
use divvy_rules::{Diagnostic, Rule, Severity};

/// [`P05`](Rule::P05): random mirroring was asked for although the names of the classes say that it changes them.
///
/// [`AugmentChoice::settings`](crate::AugmentChoice::settings) leaves mirroring out by itself, so this is about settings that someone wrote down.
pub fn augment(dataset: &Dataset, augment: &Augment) -> Option<Diagnostic> {
    let sideways = mirror_hazard(dataset).filter(|_| augment.flip > 0.0);
    let (hazard, setting) = match sideways {
        Some(hazard) => (hazard, "flip"),
        None => (upside_down_hazard(dataset).filter(|_| augment.flip_vertical > 0.0)?, "flip_vertical"),
    };
    Some(
        Diagnostic::new(Rule::P05, "training pictures are mirrored at random")
            .at(place(dataset))
            .because(format!("{hazard}; those that are mirrored would carry a label that is not theirs"))
            .fix(format!("set {setting} = 0 in the settings of the augmentation, or leave it out there")),
    )
}

/// The note that mirroring is left out.
pub(super) fn note(dataset: &Dataset) -> Option<Diagnostic> {
    let hazard = mirror_hazard(dataset)?;
    Some(
        Diagnostic::new(Rule::P05, "pictures of these groups are not mirrored in training")
            .severity(Severity::Note)
            .at(place(dataset))
            .because(hazard)
            .fix("if mirrored pictures are still of their group, set flip = 0.5 in a file for `--augment`"),
    )
}

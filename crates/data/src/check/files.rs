//! What files tell of themselves.

use super::count;
use super::finding::{Finding, Suspect};
use crate::survey::{FileFacts, Survey};
use divvy_rules::{Diagnostic, Rule};
use std::collections::BTreeMap;

/// What the files tell.
///
/// - [`P08`](Rule::P08), an error: files that are no whole picture.
/// - [`P04`](Rule::P04), a note: files whose Exif data say how to turn them.
/// - [`P07`](Rule::P07), a note: files whose colours are of another kind than sRGB.
pub fn files(survey: &Survey) -> Vec<Finding> {
    [unreadable(survey), turned(survey), profiles(survey)].into_iter().flatten().collect()
}

fn unreadable(survey: &Survey) -> Option<Finding> {
    let dataset = survey.dataset();
    let suspects = survey
        .unreadable()
        .iter()
        .map(|bad| Suspect::alone(bad.sample, bad.error.fault.to_string()))
        .collect();
    let of = count(dataset.samples().len(), "picture");
    Finding::of_suspects(survey.dataset(), suspects, |n| {
        Diagnostic::new(Rule::P08, format!("{n} of {of} cannot be read"))
        .because("there is nothing to learn from or to judge by; training leaves them out, and the groups are smaller than they look")
        .fix("fetch them again, or set them aside: `divvy check DATA --move-to FOLDER`")
    })
}

fn turned(survey: &Survey) -> Option<Finding> {
    let is_turned = |(_, file): &(usize, &FileFacts)| file.header.orientation != 1;
    let suspects: Vec<Suspect> = survey
        .files()
        .filter(is_turned)
        .map(|(sample, file)| Suspect::alone(sample, format!("orientation {}", file.header.orientation)))
        .collect();
    let of = count(survey.files().count(), "picture");
    Finding::of_suspects(survey.dataset(), suspects, |n| {
        Diagnostic::new(Rule::P04, format!("{n} of {of} are stored turned or mirrored"))
        .because("their Exif data have an orientation other than 1, which divvy applies and Keras, torchvision and timm ignore")
        .fix("nothing in divvy; where the pictures are used elsewhere, save them upright")
    })
}

fn profiles(survey: &Survey) -> Option<Finding> {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut suspects = Vec::new();
    for (sample, file) in survey.files() {
        if let Some(profile) = &file.header.profile {
            *kinds.entry(profile).or_default() += 1;
            suspects.push(Suspect::alone(sample, profile));
        }
    }
    let mut kinds: Vec<(usize, &str)> = kinds.into_iter().map(|(kind, n)| (n, kind)).collect();
    kinds.sort_unstable_by(|a, b| b.cmp(a));
    let most: Vec<String> = kinds.iter().take(3).map(|(n, kind)| format!("{n} {kind}")).collect();
    let (of, most) = (count(survey.files().count(), "picture"), most.join(", "));
    Finding::of_suspects(survey.dataset(), suspects, |n| {
        Diagnostic::new(Rule::P07, format!("{n} of {of} have a colour profile other than sRGB ({most})"))
        .because("their numbers are taken as they are stored: where a profile goes with a group, the tint gives the group away")
        .fix("nothing where the profiles are spread over the groups; else convert the pictures to sRGB")
    })
}

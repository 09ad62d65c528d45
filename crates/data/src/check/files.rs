//! What files tell of themselves.

use super::finding::{Finding, Suspect};
use super::survey::{FileFacts, Survey};
use super::{count, name, place};
use divvy_rules::{Diagnostic, Rule};
use std::collections::BTreeMap;

/// What the files tell.
///
/// - [`P08`](Rule::P08), an error: files that are no whole picture.
/// - [`P04`](Rule::P04), a note: files whose Exif data say how to turn them.
/// - [`P07`](Rule::P07), a note: files whose colours are of another kind than sRGB.
pub fn files(survey: &Survey<'_>) -> Vec<Finding> {
    [unreadable(survey), turned(survey), profiles(survey)].into_iter().flatten().collect()
}

fn unreadable(survey: &Survey<'_>) -> Option<Finding> {
    let bad = survey.unreadable();
    if bad.is_empty() {
        return None;
    }
    let dataset = survey.dataset();
    let suspects = bad.iter().map(|bad| Suspect::alone(bad.sample, bad.error.fault.to_string())).collect();
    let (n, of) = (bad.len(), count(dataset.samples().len(), "picture"));
    let diagnostic = Diagnostic::new(Rule::P08, format!("{n} of {of} cannot be read"))
        .at(place(dataset))
        .because("there is nothing to learn from or to judge by; training leaves them out, and the groups are smaller than they look")
        .fix("fetch them again, or set them aside: `divvy check DATA --move-to FOLDER`");
    Some(Finding::of_suspects(diagnostic, suspects, |sample| name(dataset, sample)))
}

fn turned(survey: &Survey<'_>) -> Option<Finding> {
    let dataset = survey.dataset();
    let is_turned = |(_, file): &(usize, &FileFacts)| file.header.orientation != 1;
    let suspects: Vec<Suspect> = survey
        .files()
        .filter(is_turned)
        .map(|(sample, file)| Suspect::alone(sample, format!("orientation {}", file.header.orientation)))
        .collect();
    if suspects.is_empty() {
        return None;
    }
    let (n, of) = (suspects.len(), count(survey.files().count(), "picture"));
    let diagnostic = Diagnostic::new(Rule::P04, format!("{n} of {of} are stored turned or mirrored"))
        .at(place(dataset))
        .because("their Exif data have an orientation other than 1, which divvy applies and Keras, torchvision and timm ignore")
        .fix("nothing in divvy; where the pictures are used elsewhere, save them upright");
    Some(Finding::of_suspects(diagnostic, suspects, |sample| name(dataset, sample)))
}

fn profiles(survey: &Survey<'_>) -> Option<Finding> {
    let dataset = survey.dataset();
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
    if most.is_empty() {
        return None;
    }
    let (n, of) = (suspects.len(), count(survey.files().count(), "picture"));
    let what = format!("{n} of {of} have a colour profile other than sRGB ({})", most.join(", "));
    let diagnostic = Diagnostic::new(Rule::P07, what)
        .at(place(dataset))
        .because("their numbers are taken as they are stored: where a profile goes with a group, the tint gives the group away")
        .fix("nothing where the profiles are spread over the groups; else convert the pictures to sRGB");
    Some(Finding::of_suspects(diagnostic, suspects, |sample| name(dataset, sample)))
}

//! Files that are not what their names say.

use super::count;
use super::finding::{Finding, Suspect};
use crate::files;
use crate::survey::{FileFacts, Survey};
use divvy_rules::{Diagnostic, Rule};
use std::path::Path;

/// [`P06`](Rule::P06), a note: files whose names end like another format's than the one they hold.
pub fn types(survey: &Survey) -> Option<Finding> {
    let dataset = survey.dataset();
    let is_otherwise = |(sample, file): &(usize, &FileFacts)| {
        named(&dataset.sample_path(*sample)).is_some_and(|called| called != file.header.format)
    };
    let suspects = survey.files().filter(is_otherwise);
    let suspects = suspects.map(|(sample, file)| Suspect::alone(sample, file.header.format)).collect();
    let of = count(survey.files().count(), "picture");
    Finding::of_suspects(dataset, suspects, |n| {
        Diagnostic::new(Rule::P06, format!("{n} of {of} are not what their names say"))
            .because("a file is what it holds: divvy decodes it as that, other programs may refuse it or leave it out")
            .fix("nothing in divvy; rename the files where other programs are to read them")
    })
}

/// The format that a file's name claims.
fn named(path: &Path) -> Option<&'static str> {
    Some(match files::image_extension(path)? {
        "png" | "apng" => "PNG",
        "bmp" | "dib" => "BMP",
        "gif" => "GIF",
        "webp" => "WebP",
        "tif" | "tiff" => "TIFF",
        _ => "JPEG",
    })
}

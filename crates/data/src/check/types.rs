//! Files that are not what their names say.

use super::{count, name, place};
use crate::crew::Crew;
use crate::dataset::Dataset;
use crate::decode;
use crate::files;
use divvy_rules::{Diagnostic, Rule};
use std::path::Path;

/// [`P06`](Rule::P06), a note: files whose names end like another format's than the one they hold. The first bytes of every file
/// are read, by so many threads; files that cannot be are passed over, and loading tells of them.
pub fn types(dataset: &Dataset, threads: usize) -> Option<Diagnostic> {
    let otherwise = |sample: usize| {
        let called = named(&dataset.sample_path(sample))?;
        let found = decode::format_name(&dataset.head(sample)?)?;
        (found != called).then(|| format!("{}: {found}", name(dataset, sample)))
    };
    let crew = Crew { threads, ..Crew::default() };
    let looked = crew.map(dataset.samples().len(), otherwise).unwrap_or_default();
    let found: Vec<String> = looked.into_iter().flatten().collect();
    if found.is_empty() {
        return None;
    }
    let (n, of) = (found.len(), count(dataset.samples().len(), "picture"));
    let what = format!("{n} of {of} are not what their names say");
    Some(
        Diagnostic::new(Rule::P06, what)
            .at(place(dataset))
            .because("a file is what it holds: divvy decodes it as that, other programs may refuse it or leave it out")
            .fix("nothing in divvy; rename the files where other programs are to read them")
            .evidence(found),
    )
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

//! What the files tell before their pixels are looked at.

use super::{count, name, place, shortcut};
use crate::dataset::{Dataset, Source, Stored};
use crate::decode::{self, Header};
use crate::error::DataError;
use crate::store::StoreOptions;
use divvy_rules::{Diagnostic, Rule};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// What is known of a picture from its file.
pub(super) struct FileFacts {
    pub(super) sample: usize,
    /// Its size on disk.
    pub(super) bytes: usize,
    pub(super) header: Header,
}

/// Reads every file once, without decoding its pixels. Files that cannot be read are passed over: loading tells of them.
///
/// - [`P04`](Rule::P04), a note: files whose Exif data say how to turn them.
/// - [`P07`](Rule::P07), a note: files whose colours are of another kind than sRGB.
/// - [`T06`](Rule::T06), a warning: type and sizes of the files tell the class.
///
/// Of the options, threads, limits, progress and cancel are heeded.
///
/// # Errors
/// [`DataError::Interrupted`] when cancelled.
pub fn files(dataset: &Dataset, options: &StoreOptions<'_>) -> Result<Vec<Diagnostic>, DataError> {
    let facts = read(dataset, options)?;
    let found = [turned(dataset, &facts), profiles(dataset, &facts), shortcut::shortcut(dataset, &facts)];
    Ok(found.into_iter().flatten().collect())
}

/// Reads all files, in the order of the samples.
fn read(dataset: &Dataset, options: &StoreOptions<'_>) -> Result<Vec<FileFacts>, DataError> {
    let is_file = |sample: &usize| matches!(dataset.samples()[*sample].source, Source::File(_));
    let files: Vec<usize> = (0..dataset.samples().len()).filter(is_file).collect();
    let cancelled = || options.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed));
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let found = Mutex::new(Vec::with_capacity(files.len()));
    let work = || {
        while let Some(&sample) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            if cancelled() {
                return;
            }
            if let Ok(Stored::File(bytes)) = dataset.read(sample, &options.limits)
                && let Ok(header) = decode::header(&bytes, &options.limits)
            {
                let facts = FileFacts { sample, bytes: bytes.len(), header };
                found.lock().unwrap_or_else(PoisonError::into_inner).push(facts);
            }
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if let Some(progress) = options.progress {
                progress(done, files.len());
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..options.threads.clamp(1, files.len().max(1)) {
            scope.spawn(work);
        }
    });
    if cancelled() {
        return Err(DataError::Interrupted);
    }
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_unstable_by_key(|facts| facts.sample);
    Ok(found)
}

fn turned(dataset: &Dataset, facts: &[FileFacts]) -> Option<Diagnostic> {
    let turned: Vec<&FileFacts> = facts.iter().filter(|facts| facts.header.orientation != 1).collect();
    if turned.is_empty() {
        return None;
    }
    let evidence = turned
        .iter()
        .map(|facts| format!("{}: orientation {}", name(dataset, facts.sample), facts.header.orientation));
    let (n, of) = (turned.len(), count(facts.len(), "picture"));
    Some(
        Diagnostic::new(Rule::P04, format!("{n} of {of} are stored turned or mirrored"))
            .at(place(dataset))
            .because("their Exif data have an orientation other than 1, which divvy applies and Keras, torchvision and timm ignore")
            .fix("nothing in divvy; where the pictures are used elsewhere, save them upright")
            .evidence(evidence),
    )
}

fn profiles(dataset: &Dataset, facts: &[FileFacts]) -> Option<Diagnostic> {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut evidence = Vec::new();
    for facts in facts {
        if let Some(profile) = &facts.header.profile {
            *kinds.entry(profile).or_default() += 1;
            evidence.push(format!("{}: {profile}", name(dataset, facts.sample)));
        }
    }
    let mut kinds: Vec<(usize, &str)> = kinds.into_iter().map(|(kind, n)| (n, kind)).collect();
    kinds.sort_unstable_by(|a, b| b.cmp(a));
    let most: Vec<String> = kinds.iter().take(3).map(|(n, kind)| format!("{n} {kind}")).collect();
    if most.is_empty() {
        return None;
    }
    let (n, of) = (evidence.len(), count(facts.len(), "picture"));
    let what = format!("{n} of {of} have a colour profile other than sRGB ({})", most.join(", "));
    Some(
        Diagnostic::new(Rule::P07, what)
            .at(place(dataset))
            .because("their numbers are taken as they are stored: where a profile goes with a group, the tint gives the group away")
            .fix("nothing where the profiles are spread over the groups; else convert the pictures to sRGB")
            .evidence(evidence),
    )
}

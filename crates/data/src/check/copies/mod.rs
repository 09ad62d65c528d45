//! Pictures that are there more than once.

mod rules;

pub use rules::copies;

use crate::error::DataError;
use crate::fingerprint::{self, Fingerprint, Pair, Sum};
use crate::store::StoreOptions;
use crate::survey::Survey;
use crate::together::Together;
use std::collections::{BTreeMap, BTreeSet};

/// Pictures that are there more than once, in groups.
///
/// Exact copies are equal to the last pixel once they are decoded and turned upright, at their own size. Near copies look the same
/// although they were saved anew, resized, mirrored or cropped a little; how near they are is told. One-coloured pictures are no
/// copies: they are all alike.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Copies {
    /// The groups by their first samples.
    pub groups: Vec<CopyGroup>,
    /// How many different pictures have so many others like them that their looks do not tell copies: of these, near copies may
    /// be missing.
    pub crowded: usize,
}

/// Near copies of one picture, itself included, at the most. Where more look the same, they are different pictures of one scene, such as a
/// fixed camera takes.
const MOST_ALIKE: usize = 8;
/// The same as a part of all pictures.
const PART_ALIKE: usize = 5;

/// Pictures of which each is a copy of at least one of the others.
#[derive(Debug, Clone, PartialEq)]
pub struct CopyGroup {
    /// Its different pictures, each with the samples that show it, ascending. Their first samples ascend, too.
    pub pictures: Vec<Vec<usize>>,
    /// Which of the different pictures look the same. Empty where there is only one.
    pub near: Vec<NearCopy>,
}

/// Two different pictures that look the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearCopy {
    /// Which of the group's pictures, the first below the second.
    pub pictures: [usize; 2],
    /// How far they are from each other: the share of the slopes of light of one that the other has not, after one was laid over
    /// the other; 0 for no difference, up to 0.2.
    pub distance: f32,
    /// Whether one is the other in a mirror.
    pub mirrored: bool,
}

impl CopyGroup {
    /// All its samples, ascending.
    pub fn samples(&self) -> Vec<usize> {
        let mut samples = self.pictures.concat();
        samples.sort_unstable();
        samples
    }
}

impl Copies {
    /// Compares all pictures of a survey. Of the options, threads, progress and cancel are heeded; progress hears of two rounds.
    ///
    /// # Errors
    /// [`DataError::Interrupted`] when cancelled.
    pub fn find(survey: &Survey, options: &StoreOptions<'_>) -> Result<Self, DataError> {
        let mut by_digest: BTreeMap<&Sum, Vec<(usize, &Fingerprint)>> = BTreeMap::new();
        for facts in survey.facts() {
            if let Some(digest) = facts.fingerprint.digest() {
                by_digest.entry(digest).or_default().push((facts.sample, &facts.fingerprint));
            }
        }
        let mut pictures: Vec<Vec<(usize, &Fingerprint)>> = by_digest.into_values().collect();
        pictures.sort_unstable_by_key(|shown| shown[0].0);
        let prints: Vec<&Fingerprint> = pictures.iter().map(|shown| shown[0].1).collect();
        let alike = fingerprint::alike(&prints, options.crew()).ok_or(DataError::Interrupted)?;
        let samples =
            |shown: Vec<(usize, &Fingerprint)>| shown.into_iter().map(|(sample, _)| sample).collect();
        let pictures: Vec<Vec<usize>> = pictures.into_iter().map(samples).collect();
        let different = pictures.len();
        let mut crowded: BTreeSet<usize> = alike.crowded.iter().map(|&index| pictures[index][0]).collect();
        let (scenes, mut groups) = grouped(pictures, &alike.pairs)
            .into_iter()
            .partition::<Vec<_>, _>(|of| is_scene(of.pictures.len(), different));
        // Of a scene stays what is there twice.
        for picture in scenes.into_iter().flat_map(|scene| scene.pictures) {
            crowded.insert(picture[0]);
            if picture.len() > 1 {
                groups.push(CopyGroup { pictures: vec![picture], near: Vec::new() });
            }
        }
        groups.sort_by_key(|of| of.pictures[0][0]);
        Ok(Self { groups, crowded: crowded.len() })
    }

    /// The samples of each group, for a split to keep together.
    pub fn together(&self) -> Vec<Vec<usize>> {
        self.groups.iter().map(CopyGroup::samples).collect()
    }
}

/// Whether so many of the `different` pictures look the same that they are no copies of each other.
fn is_scene(alike: usize, different: usize) -> bool {
    alike > 1 && (alike > MOST_ALIKE || alike * PART_ALIKE > different.max(2 * PART_ALIKE))
}

/// Groups of pictures that are there more than once or look like another, directly or by way of others.
fn grouped(pictures: Vec<Vec<usize>>, pairs: &[Pair]) -> Vec<CopyGroup> {
    let mut together = Together::new(pictures.len());
    for pair in pairs {
        together.join(pair.indices[0], pair.indices[1]);
    }
    let mut groups: BTreeMap<usize, CopyGroup> = BTreeMap::new();
    let mut place = vec![0; pictures.len()];
    for (index, samples) in pictures.into_iter().enumerate() {
        let empty = || CopyGroup { pictures: Vec::new(), near: Vec::new() };
        let of = groups.entry(together.first(index)).or_insert_with(empty);
        place[index] = of.pictures.len();
        of.pictures.push(samples);
    }
    for &Pair { indices, distance, mirrored } in pairs {
        if let Some(of) = groups.get_mut(&together.first(indices[0])) {
            of.near.push(NearCopy { pictures: indices.map(|index| place[index]), distance, mirrored });
        }
    }
    let is_copied = |of: &CopyGroup| of.pictures.len() > 1 || of.pictures[0].len() > 1;
    groups.into_values().filter(is_copied).collect()
}

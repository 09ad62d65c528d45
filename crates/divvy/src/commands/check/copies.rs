//! Pictures that are there more than once, for programs.

use divvy::data::Dataset;
use divvy::data::check::{Copies, CopyGroup, NearCopy};
use serde::Serialize;

/// Pictures of which each is a copy of at least one of the others.
#[derive(Serialize)]
pub(super) struct NamedGroup {
    /// Its different pictures, each with the names of those that are equal to the last pixel.
    pictures: Vec<Vec<String>>,
    /// Which of the different pictures look the same.
    near: Vec<NamedNear>,
}

#[derive(Serialize)]
struct NamedNear {
    /// Which of the group's pictures, counted from 0.
    pictures: [usize; 2],
    distance: f32,
    mirrored: bool,
}

/// The groups with names instead of numbers.
pub(super) fn named(copies: &Copies, dataset: &Dataset) -> Vec<NamedGroup> {
    let name = |&sample: &usize| dataset.sample_name(sample).to_string_lossy().into_owned();
    let group = |group: &CopyGroup| NamedGroup {
        pictures: group.pictures.iter().map(|samples| samples.iter().map(name).collect()).collect(),
        near: group.near.iter().map(NamedNear::from).collect(),
    };
    copies.groups.iter().map(group).collect()
}

impl From<&NearCopy> for NamedNear {
    fn from(&NearCopy { pictures, distance, mirrored }: &NearCopy) -> Self {
        Self { pictures, distance, mirrored }
    }
}

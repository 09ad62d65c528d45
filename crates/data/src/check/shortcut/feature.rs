//! What can be asked of a picture without a look at what it shows.

use crate::decode::group_digits;
use crate::survey::{Facts, FileFacts};
use std::collections::{BTreeMap, BTreeSet};

/// A picture of which the class is to be told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) facts: &'a Facts,
    pub(super) class: usize,
    /// Pictures with the same number are copies of each other or of one series.
    pub(super) group: usize,
}

impl<'a> Row<'a> {
    fn file(&self) -> Option<&'a FileFacts> {
        self.facts.origin.file.as_ref()
    }
}

/// A camera is asked for where at least this many pictures were taken by it...
const FEWEST_TAKEN: usize = 5;
/// ...and one in this many.
const PART_TAKEN: usize = 50;

/// Something that can be asked of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Feature<'a> {
    Format(&'static str),
    /// `None` where the file names no camera.
    Camera(Option<&'a str>),
    Width,
    Height,
    Aspect,
    Turned,
    Bytes,
    /// The mean of red, green and blue.
    Light,
    /// By how much the mean of red exceeds that of green.
    Redness,
    /// By how much the mean of blue exceeds those of red and green. Tints are told by differences in whatever light.
    Blueness,
}

impl<'a> Feature<'a> {
    /// What is worth asking of the files of these pictures, but for their size in bytes; nothing where they are in none.
    pub(super) fn of_files(rows: &[Row<'a>]) -> Vec<Self> {
        let files: Vec<&FileFacts> = rows.iter().filter_map(Row::file).collect();
        if files.len() < rows.len() {
            return Vec::new();
        }
        let formats: BTreeSet<&'static str> = files.iter().map(|file| file.header.format).collect();
        let mut cameras: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        for file in &files {
            *cameras.entry(file.header.camera.as_deref()).or_default() += 1;
        }
        cameras.retain(|_, taken| *taken >= FEWEST_TAKEN.max(rows.len() / PART_TAKEN));
        // That a file names none is asked last: of two questions that tell as much the first is kept, and names say more.
        let (unnamed, named): (Vec<_>, Vec<_>) = cameras.into_keys().partition(Option::is_none);
        let cameras = named.into_iter().chain(unnamed).map(Self::Camera);
        let formats = formats.into_iter().map(Self::Format);
        formats.chain(cameras).chain([Self::Width, Self::Height, Self::Aspect, Self::Turned]).collect()
    }

    /// What may as well follow from what is shown.
    pub(super) fn of_content(rows: &[Row<'_>]) -> Vec<Self> {
        let bytes = rows.iter().all(|row| row.file().is_some()).then_some(Self::Bytes);
        bytes.into_iter().chain([Self::Light, Self::Redness, Self::Blueness]).collect()
    }

    pub(super) fn value(self, facts: &Facts) -> f64 {
        let of_file = |of: fn(&FileFacts) -> f64| facts.origin.file.as_ref().map_or(0.0, of);
        let is = |is_so: bool| f64::from(u8::from(is_so));
        let [red, green, blue] = facts.measures.colour.map(f64::from);
        match self {
            Self::Format(format) => {
                is(facts.origin.file.as_ref().is_some_and(|file| file.header.format == format))
            }
            Self::Camera(camera) => {
                is(facts.origin.file.as_ref().is_some_and(|file| file.header.camera.as_deref() == camera))
            }
            Self::Width => of_file(|file| f64::from(file.header.width)),
            Self::Height => of_file(|file| f64::from(file.header.height)),
            Self::Aspect => of_file(|file| f64::from(file.header.width) / f64::from(file.header.height)),
            Self::Turned => of_file(|file| f64::from(u8::from(file.header.orientation != 1))),
            Self::Bytes => of_file(|file| file.bytes as f64),
            Self::Light => (red + green + blue) / 3.0,
            Self::Redness => red - green,
            Self::Blueness => blue - f64::midpoint(red, green),
        }
    }

    pub(super) fn topic(self) -> &'static str {
        match self {
            Self::Format(_) => "file type",
            Self::Camera(_) => "Exif camera",
            Self::Width => "width",
            Self::Height => "height",
            Self::Aspect => "aspect ratio",
            Self::Turned => "Exif orientation",
            Self::Bytes => "size in bytes",
            Self::Light | Self::Redness | Self::Blueness => "mean colour",
        }
    }

    /// The side of a question in words.
    pub(super) fn side(self, threshold: f64, above: bool) -> String {
        let than = if above { "more than" } else { "at most" };
        let not = if above { "" } else { "not " };
        match self {
            Self::Format(format) => format!("{not}{format}"),
            Self::Camera(Some(camera)) => format!("{not}taken by {camera}"),
            Self::Camera(None) => if above { "no camera named" } else { "a camera named" }.to_owned(),
            Self::Width => format!("{than} {threshold:.0} pixels wide"),
            Self::Height => format!("{than} {threshold:.0} pixels high"),
            Self::Aspect => format!("{than} {threshold:.2} times as wide as high"),
            Self::Turned => format!("{not}turned by Exif"),
            Self::Bytes => format!("{than} {} bytes", group_digits(threshold as u64)),
            Self::Light => format!("mean light {than} {threshold:.0} of 255"),
            Self::Redness => format!("mean red less green {than} {threshold:.0}"),
            Self::Blueness => format!("mean blue less yellow {than} {threshold:.0}"),
        }
    }
}

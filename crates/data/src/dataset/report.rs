//! A dataset as a table to read.

use super::{Dataset, LabelKind, Layout, Part, Source};
use crate::decode::{Channels, group_digits};
use crate::files;
use std::collections::BTreeMap;
use std::fmt;

/// How many skipped files are listed by name before the rest is only counted.
const LISTED: usize = 10;

impl fmt::Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.label_kind {
            LabelKind::Classes => "groups",
            LabelKind::MultiLabel => "labels (several an image)",
        };
        let (classes, images) = (self.classes.len(), group_digits(self.samples.len() as u64));
        writeln!(f, "{}: {images} images, {classes} {what}", self.root.display())?;
        self.write_counts(f)?;
        self.conversions.iter().try_for_each(|conversion| writeln!(f, "  {conversion}"))?;
        self.write_formats(f)?;
        self.series.iter().try_for_each(|series| writeln!(f, "  {series}"))?;
        self.write_gaps(f)?;
        self.write_left_out(f)
    }
}

impl Dataset {
    /// The parts that have samples, `None` for data that is not divided.
    fn present_parts(&self) -> Vec<Option<Part>> {
        let all = [Some(Part::Train), Some(Part::Validation), Some(Part::Test), None];
        all.into_iter().filter(|part| self.samples.iter().any(|sample| sample.part == *part)).collect()
    }

    fn write_counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<(&str, Vec<usize>)> = self
            .present_parts()
            .into_iter()
            .map(|part| (part.map_or("images", Part::name), self.part(part)))
            .collect();
        let counts: Vec<Vec<usize>> = parts.iter().map(|(_, samples)| self.class_counts(samples)).collect();
        let names: Vec<String> = self.classes.iter().map(|name| shown(name)).collect();
        let name_width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(5);
        let line = |f: &mut fmt::Formatter<'_>, name: &str, cells: &[String]| {
            write!(f, "  {name:name_width$}")?;
            cells.iter().try_for_each(|cell| write!(f, "  {cell:>10}"))?;
            writeln!(f)
        };
        line(f, "group", &parts.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>())?;
        for (class, name) in names.iter().enumerate() {
            line(
                f,
                name,
                &counts.iter().map(|counts| group_digits(counts[class] as u64)).collect::<Vec<_>>(),
            )?;
        }
        let totals: Vec<String> =
            parts.iter().map(|(_, samples)| group_digits(samples.len() as u64)).collect();
        line(f, "total", &totals)
    }

    fn write_formats(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((height, width, channels)) = self.array_shape() {
            let format = if self.layout == Layout::Idx { "idx" } else { "CIFAR" };
            let channels = if channels == Channels::Grey { "grey" } else { "RGB" };
            return writeln!(f, "  formats: {format}, {channels}, {width} x {height} pixels");
        }
        let mut formats: BTreeMap<String, usize> = BTreeMap::new();
        for sample in &self.samples {
            if let Source::File(path) = &sample.source {
                *formats.entry(files::extension(path)).or_default() += 1;
            }
        }
        writeln!(f, "  formats by name: {}", files::describe_counts(&formats))
    }

    /// Says which classes are missing from which parts.
    fn write_gaps(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.present_parts() {
            let counts = self.class_counts(&self.part(part));
            let missing: Vec<&str> = self
                .classes
                .iter()
                .zip(counts)
                .filter(|(_, n)| *n == 0)
                .map(|(name, _)| name.as_str())
                .collect();
            if !missing.is_empty() {
                let place = part.map_or("", Part::name);
                let place = if place.is_empty() { String::new() } else { format!(" in the {place} part") };
                writeln!(f, "  no images{place} of: {}", missing.join(", "))?;
            }
        }
        Ok(())
    }

    fn write_left_out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.other_files.is_empty() {
            writeln!(f, "  not images, left out: {}", files::describe_counts(&self.other_files))?;
        }
        for skipped in self.skipped.iter().take(LISTED) {
            writeln!(f, "  left out: {skipped}")?;
        }
        match self.skipped.len().checked_sub(LISTED) {
            None | Some(0) => Ok(()),
            Some(more) => writeln!(f, "  left out: {} more", group_digits(more as u64)),
        }
    }
}

/// A name as it can be shown: short, and without what would control a terminal.
fn shown(name: &str) -> String {
    const LONGEST: usize = 60;
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let shown: String = name.chars().take(LONGEST).map(plain).collect();
    if name.chars().nth(LONGEST).is_some() { format!("{shown}…") } else { shown }
}

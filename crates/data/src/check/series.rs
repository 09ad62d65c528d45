//! File names that tell which pictures belong together: one patient, one burst of shots, one original.

use super::{count, percent, place};
use crate::dataset::{Dataset, KeyOf, Part, Series, Source};
use crate::split::Split;
use divvy_rules::{Diagnostic, Rule};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A group with more of a class than this is the class itself: `cat.1.jpg`.
const CLASS_ITSELF: f64 = 0.8;
/// A group with more of all pictures than this says nothing: `IMG2024_0001.jpg`.
const LARGEST: f64 = 0.2;
/// How much of the pictures must be named so before it is believed that names mean this, where nothing is divided yet.
const COVERED: f64 = 0.8;
/// How many groups it takes for that.
const FEWEST_GROUPS: usize = 5;
/// The same across parts that the data comes in: how much of what is held out must have siblings in another part...
const HELD_OUT_COVERED: f64 = 0.1;
/// ...and in how many groups.
const FEWEST_ACROSS: usize = 2;
/// How many tokens may be cut off the end of a name: `patient12_visit2_03` is of `patient12_visit2` and of `patient12`.
const LEVELS: usize = 2;

/// [`Rule::V03`]: pictures of one series in two parts of a split that was made on purpose, say by a list.
pub fn series_in(dataset: &Dataset, split: &Split) -> Option<Diagnostic> {
    let mut parts = vec![None; dataset.samples().len()];
    for (part, samples) in
        [(Part::Train, &split.train), (Part::Validation, &split.validation), (Part::Test, &split.test)]
    {
        for &sample in samples {
            parts[sample] = Some(part);
        }
    }
    if let Some(series) = dataset.series() {
        return stated_across(dataset, series, &parts);
    }
    let pictures: Vec<Picture> =
        pictures(dataset).into_iter().filter(|picture| parts[picture.sample].is_some()).collect();
    across(dataset, &pictures, &parts)
}

/// [`Rule::V03`]: pictures of one series in two parts that the data comes in, or in danger of it.
pub(super) fn series(dataset: &Dataset) -> Option<Diagnostic> {
    let parts: Vec<Option<Part>> = dataset.samples().iter().map(|sample| sample.part).collect();
    if let Some(series) = dataset.series() {
        return stated_across(dataset, series, &parts);
    }
    let pictures = pictures(dataset);
    let to_be_drawn = dataset.part(Some(Part::Validation)).is_empty();
    let before =
        || to_be_drawn.then(|| (1..=LEVELS).find_map(|level| before_the_split(dataset, &pictures, level)));
    across(dataset, &pictures, &parts).or_else(|| before().flatten())
}

/// Series across parts, where it was stated what tells them.
fn stated_across(dataset: &Dataset, series: &Series, parts: &[Option<Part>]) -> Option<Diagnostic> {
    let in_part =
        |samples: &[usize], of: Part| samples.iter().filter(|&&sample| parts[sample] == Some(of)).count();
    let counts = |samples: &[usize]| Part::ALL.map(|of| (in_part(samples, of), of));
    let divided: Vec<(&str, [(usize, Part); 3])> = series
        .iter()
        .map(|(key, samples)| (key, counts(samples)))
        .filter(|(_, counts)| counts.iter().filter(|(n, _)| *n > 0).count() > 1)
        .collect();
    if divided.is_empty() {
        return None;
    }
    let held_out = [Part::Validation, Part::Test];
    let is_held_out = |part: &Option<Part>| part.is_some_and(|part| held_out.contains(&part));
    let all = parts.iter().filter(|part| is_held_out(part)).count();
    let siblings: usize = divided
        .iter()
        .flat_map(|(_, counts)| counts)
        .filter(|(_, part)| held_out.contains(part))
        .map(|(n, _)| n)
        .sum();
    let evidence = divided.iter().map(|(key, counts)| {
        let counts = counts.iter().filter(|(n, _)| *n > 0).map(|(n, of)| format!("{n} in {of}"));
        format!("{key}: {}", counts.collect::<Vec<_>>().join(", "))
    });
    Some(
        Diagnostic::new(Rule::V03, format!("{} of pictures that stand in two parts", count(divided.len(), "series")))
            .at(place(dataset))
            .because(format!(
                "by `{}`, {siblings} of {all} pictures for validation and test have a sibling in another part: a network that recognises the series is right about them for that reason",
                series.by()
            ))
            .fix("put all pictures of a series into one part, or leave the parts to divvy")
            .evidence(evidence),
    )
}

/// Series across parts, of which there must be two.
fn across(dataset: &Dataset, pictures: &[Picture], parts: &[Option<Part>]) -> Option<Diagnostic> {
    let present: BTreeSet<Part> = parts.iter().flatten().copied().collect();
    if present.len() < 2 {
        return None;
    }
    (1..=LEVELS).find_map(|level| across_parts(dataset, pictures, parts, level))
}

/// A picture in a file.
struct Picture {
    sample: usize,
    stem: String,
}

fn pictures(dataset: &Dataset) -> Vec<Picture> {
    let files = dataset.samples().iter().enumerate().filter_map(|(sample, of)| match &of.source {
        Source::File(path) => Some((sample, path.file_stem()?.to_string_lossy().into_owned())),
        Source::Item { .. } => None,
    });
    files.map(|(sample, stem)| Picture { sample, stem }).collect()
}

/// What comes before the last `level` tokens of a name, if there is a number in it: `patient12` of `patient12_03`. A single
/// token may be cut before its last number: `p12f` of `p12f03`.
///
/// Without a number, what names have in common is a word for what they show: `egyptian_cat_1.jpg`.
fn series_of(stem: &str, level: usize) -> Option<&str> {
    let is_separator = |c: char| !c.is_alphanumeric();
    let stem = stem.trim_matches(is_separator);
    let mut key = stem;
    for _ in 0..level {
        match key.rfind(is_separator) {
            Some(at) => key = key[..at].trim_end_matches(is_separator),
            None if level == 1 => key = key.trim_end_matches(|c: char| c.is_ascii_digit()),
            None => return None,
        }
    }
    (key.len() < stem.len() && key.contains(|c: char| c.is_ascii_digit())).then_some(key)
}

/// Samples by what their names begin with, without groups that are a class or far too large.
fn grouped<'a>(
    dataset: &Dataset,
    pictures: impl Iterator<Item = &'a Picture>,
    level: usize,
) -> BTreeMap<&'a str, Vec<&'a Picture>> {
    let mut groups: BTreeMap<&str, Vec<&Picture>> = BTreeMap::new();
    let mut all = Vec::new();
    for picture in pictures {
        all.push(picture.sample);
        if let Some(key) = series_of(&picture.stem, level) {
            groups.entry(key).or_default().push(picture);
        }
    }
    let of_class = dataset.class_counts(&all);
    groups.retain(|_, group| {
        let samples: Vec<usize> = group.iter().map(|picture| picture.sample).collect();
        let in_group = dataset.class_counts(&samples);
        let is_class =
            in_group.iter().zip(&of_class).any(|(&n, &of)| n > 1 && n as f64 > CLASS_ITSELF * of as f64);
        group.len() > 1 && !is_class
    });
    groups
}

fn across_parts(
    dataset: &Dataset,
    pictures: &[Picture],
    parts: &[Option<Part>],
    level: usize,
) -> Option<Diagnostic> {
    let part = |picture: &Picture| parts[picture.sample];
    // Where each part numbers its pictures from 1, equal names mean nothing.
    let mut part_of_stem: HashMap<&str, Option<Part>> = HashMap::new();
    let mut restarted = BTreeSet::new();
    for picture in pictures {
        let first = *part_of_stem.entry(&picture.stem).or_insert(part(picture));
        if first != part(picture) {
            restarted.insert(picture.stem.as_str());
        }
    }
    let telling = pictures.iter().filter(|picture| !restarted.contains(picture.stem.as_str()));
    let mut groups = grouped(dataset, telling, level);
    groups.retain(|_, group| group.iter().any(|picture| part(picture) != part(group[0])));

    let is_held_out = |picture: &Picture| matches!(part(picture), Some(Part::Validation | Part::Test));
    let held_out = pictures.iter().filter(|picture| is_held_out(picture)).count();
    let siblings = groups.values().flatten().filter(|picture| is_held_out(picture)).count();
    let share = siblings as f64 / held_out as f64;
    let largest = groups.values().map(Vec::len).max().unwrap_or(0);
    if groups.len() < FEWEST_ACROSS
        || share < HELD_OUT_COVERED
        || largest as f64 > LARGEST * pictures.len() as f64
    {
        return None;
    }
    let evidence = groups.iter().map(|(key, group)| {
        let counts = Part::ALL.into_iter().filter_map(|of| {
            let n = group.iter().filter(|picture| part(picture) == Some(of)).count();
            (n > 0).then(|| format!("{n} in {of}"))
        });
        let first = group.iter().find(|picture| !is_held_out(picture)).unwrap_or(&group[0]);
        let last = group.iter().find(|picture| part(picture) != part(first)).unwrap_or(&group[0]);
        format!("{key}: {} ({}, {})", counts.collect::<Vec<_>>().join(", "), first.stem, last.stem)
    });
    Some(
        Diagnostic::new(Rule::V03, format!("{} of pictures that stand in two parts", count(groups.len(), "series")))
            .at(place(dataset))
            .because(format!(
                "by their names, {siblings} of {held_out} pictures for validation and test have a sibling in another part: a network that recognises the series is right about them for that reason"
            ))
            .fix(format!(
                "put all pictures of a series into one part, or leave the parts to divvy{}; if the names mean something else, allow V03",
                expression_for(dataset, &groups, level).map(|by| format!(" and give {by}")).unwrap_or_default()
            ))
            .evidence(evidence),
    )
}

fn before_the_split(dataset: &Dataset, pictures: &[Picture], level: usize) -> Option<Diagnostic> {
    // Where each folder numbers its pictures from 1, equal names mean nothing.
    let mut times: HashMap<&str, usize> = HashMap::new();
    for picture in pictures {
        *times.entry(&picture.stem).or_default() += 1;
    }
    let is_pooled = |picture: &&Picture| {
        dataset.samples()[picture.sample].part != Some(Part::Test) && times[picture.stem.as_str()] == 1
    };
    let pooled = pictures.iter().filter(is_pooled).count();
    let groups = grouped(dataset, pictures.iter().filter(is_pooled), level);
    let covered: usize = groups.values().map(Vec::len).sum();
    let largest = groups.values().map(Vec::len).max().unwrap_or(0);
    let is_scheme = groups.len() >= FEWEST_GROUPS
        && covered as f64 >= COVERED * pooled as f64
        && largest as f64 <= LARGEST * pooled as f64;
    if !is_scheme {
        return None;
    }
    let mean = covered as f64 / groups.len() as f64;
    let alone = 0.2_f64.powf(mean - 1.0);
    let evidence = groups.iter().map(|(key, group)| {
        format!("{key}: {} ({}, {})", count(group.len(), "picture"), group[0].stem, group[1].stem)
    });
    Some(
        Diagnostic::new(
            Rule::V03,
            format!("by their names, {} are of {}", count(covered, "picture"), count(groups.len(), "series")),
        )
        .at(place(dataset))
        .because(format!(
            "with {mean:.1} pictures a series, one drawn at random for validation has a sibling in training with a probability of {}: a network that recognises the series is right about it for that reason",
            percent(1.0 - alone)
        ))
        .fix(match expression_for(dataset, &groups, level) {
            Some(by) => format!("give {by}, and the pictures of a series stay together; if the names mean something else, allow V03"),
            None => "give --group-by with a regular expression whose first group tells the series in a file's name; if the names mean something else, allow V03".to_owned(),
        })
        .evidence(evidence),
    )
}

/// The option that groups pictures just so, if a simple expression does: as it is typed, in single quotes.
fn expression_for(dataset: &Dataset, groups: &BTreeMap<&str, Vec<&Picture>>, level: usize) -> Option<String> {
    let mut separators: BTreeSet<char> = BTreeSet::new();
    for group in groups.values() {
        separators.extend(group[0].stem.chars().filter(|c| !c.is_alphanumeric() && *c != '\''));
    }
    let cut = |separator: char| {
        let plain = regex::escape(&separator.to_string());
        let token = format!("{plain}[^{plain}/]*");
        // A dot stands before the ending, too.
        format!("([^/]+){}$", token.repeat(level + usize::from(separator == '.')))
    };
    let mut candidates: Vec<String> = separators.into_iter().map(cut).collect();
    candidates.push(r"([^/]*[^/0-9])[0-9]+\.[^./]*$".to_owned());
    let groups_so = |candidate: &String| {
        KeyOf::new(candidate).is_ok_and(|key_of| {
            groups.iter().all(|(key, group)| {
                group.iter().all(|picture| key_of.of(&dataset.plain_name(picture.sample)) == *key)
            })
        })
    };
    candidates.into_iter().find(groups_so).map(|expression| format!("--group-by '{expression}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_what_comes_before_the_last_number_or_token() {
        for (stem, first, second) in [
            ("patient12_03", Some("patient12"), None),
            ("patient12_left", Some("patient12"), None),
            ("IMG-burst7-1", Some("IMG-burst7"), None),
            ("patient12_visit2_03", Some("patient12_visit2"), Some("patient12")),
            ("p12f03", Some("p12f"), None),
            ("0012 (2)", Some("0012"), None),
            ("IMG_001_jpg.rf.a3b9", Some("IMG_001_jpg.rf"), Some("IMG_001_jpg")),
            ("cat.10", None, None),
            ("IMG_0001", None, None),
            ("0001", None, None),
            ("happy-people", None, None),
            ("black_jeans__00000001", None, None),
            ("__", None, None),
            ("ä1_ö", Some("ä1"), None),
        ] {
            assert_eq!((series_of(stem, 1), series_of(stem, 2)), (first, second), "{stem}");
        }
    }
}

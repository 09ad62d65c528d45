//! Pictures that are there more than once.

use super::{count, name, percent, place};
use crate::dataset::{Dataset, LabelKind, Part};
use crate::split::Split;
use crate::store::ImageStore;
use divvy_rules::{Diagnostic, Rule, Severity};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

/// Groups of samples that are the same picture, equal to the last byte at the size the network sees; each ascending, the first
/// pictures first. One-coloured pictures do not count: they are all alike. Only pictures kept in memory are compared.
pub fn groups_of_copies(store: &ImageStore) -> Vec<Vec<usize>> {
    let channels = store.channels().count();
    // With a key of its own for each run, nobody can make files that all have one hash.
    let hasher = RandomState::new();
    let samples = 0..store.dataset().samples().len();
    let mut hashed: Vec<(u64, usize)> = samples
        .filter_map(|sample| Some((store.in_memory(sample)?, sample)))
        .filter(|(pixels, _)| !is_blank(pixels, channels))
        .map(|(pixels, sample)| (hasher.hash_one(pixels), sample))
        .collect();
    hashed.sort_unstable();
    let mut groups: Vec<Vec<usize>> = hashed
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|run| run.len() > 1)
        .flat_map(|run| equal_ones(store, run.iter().map(|(_, sample)| *sample)))
        .collect();
    groups.sort_unstable();
    groups
}

fn is_blank(pixels: &[u8], channels: usize) -> bool {
    let mut rest = pixels.chunks_exact(channels);
    rest.next().is_none_or(|first| rest.all(|pixel| pixel == first))
}

/// Divides samples of one hash into groups of equal bytes, without those that are alone.
fn equal_ones(store: &ImageStore, samples: impl Iterator<Item = usize>) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for sample in samples {
        match groups.iter_mut().find(|group| store.in_memory(group[0]) == store.in_memory(sample)) {
            Some(group) => group.push(sample),
            None => groups.push(vec![sample]),
        }
    }
    groups.retain(|group| group.len() > 1);
    groups
}

/// What pictures that are there more than once do to a training, as far as they are in the split and in memory.
///
/// - [`Y07`](Rule::Y07), a warning: the same picture under two classes that exclude each other.
/// - [`V02`](Rule::V02): copies of training pictures in a validation or test part that the data brings.
/// - [`V05`](Rule::V05), a warning: most of the test pictures are validation pictures.
/// - [`V07`](Rule::V07): copies among the pictures that a validation part was drawn from.
///
/// V02 and V07 are warnings from one picture in a hundred on, and notes below, where they cannot move a result that is printed
/// with two digits. [`Split::keeping_together`] keeps copies on one side.
///
/// # Panics
/// If the split is not one of the store's dataset.
pub fn copies(store: &ImageStore, split: &Split) -> Vec<Diagnostic> {
    let look = Look::new(store, split);
    let mut findings: Vec<Diagnostic> = look.conflicts().into_iter().collect();
    if look.was_drawn() {
        findings.extend(look.before_the_split());
    } else {
        findings.extend(look.leak(Part::Validation));
    }
    findings.extend(look.leak(Part::Test));
    findings.extend(look.reused_test());
    findings
}

/// The share of pictures from which on copies are worth a warning.
const WORTH_A_WARNING: f64 = 0.01;
/// The accuracy on new pictures for which inflation is worked out.
const SUPPOSED: f64 = 0.7;
/// The share that is set aside where a split is supposed.
const SET_ASIDE: f64 = 0.2;

struct Look<'a> {
    dataset: &'a Dataset,
    split: &'a Split,
    /// Copies among the samples of the split.
    groups: Vec<Vec<usize>>,
    /// Which part of the split each sample is in.
    part: Vec<Option<Part>>,
    /// How many samples of each part were compared.
    compared: BTreeMap<Part, usize>,
    /// How many samples were not, because memory does not hold them.
    not_compared: usize,
    /// Height and width at which they were compared.
    size: (usize, usize),
}

impl<'a> Look<'a> {
    fn new(store: &'a ImageStore, split: &'a Split) -> Self {
        let dataset = store.dataset();
        let mut part = vec![None; dataset.samples().len()];
        let mut compared = BTreeMap::new();
        let mut not_compared = 0;
        for (of, samples) in
            [(Part::Train, &split.train), (Part::Validation, &split.validation), (Part::Test, &split.test)]
        {
            for &sample in samples {
                part[sample] = Some(of);
                if store.in_memory(sample).is_some() {
                    *compared.entry(of).or_default() += 1;
                } else if store.is_loaded(sample) {
                    not_compared += 1;
                }
            }
        }
        let mut groups = groups_of_copies(store);
        for group in &mut groups {
            group.retain(|&sample| part[sample].is_some());
        }
        groups.retain(|group| group.len() > 1);
        let [height, width, _] = store.shape();
        Self { dataset, split, groups, part, compared, not_compared, size: (height, width) }
    }

    /// Whether the validation part was drawn rather than brought along.
    fn was_drawn(&self) -> bool {
        !self
            .split
            .validation
            .iter()
            .any(|&sample| self.dataset.samples()[sample].part == Some(Part::Validation))
    }

    fn labels(&self, sample: usize) -> &[usize] {
        self.dataset.samples()[sample].label.indices()
    }

    fn compared(&self, part: Part) -> usize {
        self.compared.get(&part).copied().unwrap_or(0)
    }

    /// A finding whose reason ends with what was not looked at.
    fn finding(&self, rule: Rule, what: String, why: String) -> Diagnostic {
        let left_out = match self.not_compared {
            0 => String::new(),
            n => format!("; {} beyond the memory limit could not be compared", count(n, "picture")),
        };
        let (height, width) = self.size;
        let compared =
            format!("; pictures are compared at {height} x {width}, where finer differences are not seen");
        Diagnostic::new(rule, what).at(place(self.dataset)).because(why + &compared + &left_out)
    }

    /// The copies with the same labels, in groups.
    fn agreeing(&self) -> impl Iterator<Item = Vec<usize>> {
        self.groups.iter().flat_map(|group| {
            let mut by_labels: BTreeMap<&[usize], Vec<usize>> = BTreeMap::new();
            for &sample in group {
                by_labels.entry(self.labels(sample)).or_default().push(sample);
            }
            by_labels.into_values().filter(|group| group.len() > 1)
        })
    }

    /// Pairs of a sample in `part` and a copy of it in `of`, one for each such sample.
    fn pairs(&self, part: Part, of: Part) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        for group in self.agreeing() {
            let Some(&original) = group.iter().find(|&&sample| self.part[sample] == Some(of)) else {
                continue;
            };
            let copies = group.iter().filter(|&&sample| self.part[sample] == Some(part));
            pairs.extend(copies.map(|&copy| (copy, original)));
        }
        pairs
    }

    fn show(&self, pairs: &[(usize, usize)]) -> Vec<String> {
        let show = |&(copy, original): &(usize, usize)| {
            format!("{} is the same as {}", name(self.dataset, copy), name(self.dataset, original))
        };
        pairs.iter().map(show).collect()
    }

    fn conflicts(&self) -> Option<Diagnostic> {
        if self.dataset.label_kind() != LabelKind::Classes {
            return None;
        }
        let classes =
            |group: &[usize]| group.iter().map(|&sample| self.labels(sample)[0]).collect::<BTreeSet<_>>();
        let conflicts: Vec<&Vec<usize>> =
            self.groups.iter().filter(|group| classes(group).len() > 1).collect();
        if conflicts.is_empty() {
            return None;
        }
        let most_frequent = |group: &[usize]| {
            let mut counts = BTreeMap::<usize, usize>::new();
            for &sample in group {
                *counts.entry(self.labels(sample)[0]).or_default() += 1;
            }
            counts.into_values().max().unwrap_or(0)
        };
        let wrong: usize = conflicts.iter().map(|group| group.len() - most_frequent(group)).sum();
        let compared: usize = self.compared.values().sum();
        let evidence = conflicts.iter().map(|group| {
            let show = |&sample: &usize| {
                let class = &self.dataset.classes()[self.labels(sample)[0]];
                format!("{} (`{class}`)", name(self.dataset, sample))
            };
            group.iter().map(show).collect::<Vec<_>>().join(" is the same as ")
        });
        let what = format!("{} under more than one group", count(conflicts.len(), "picture"));
        let why = format!(
            "equal pictures get equal answers, so {wrong} of {} must be counted wrong: no network that sees them so can be right for more than {}",
            count(compared, "picture"),
            percent(1.0 - wrong as f64 / compared as f64)
        );
        let fix = "keep each picture in the group that it shows; where several are true, list it with all its labels in a labels.csv";
        Some(self.finding(Rule::Y07, what, why).fix(fix).evidence(evidence))
    }

    /// Training pictures in a part that judges.
    fn leak(&self, part: Part) -> Option<Diagnostic> {
        let pairs = self.pairs(part, Part::Train);
        if pairs.is_empty() {
            return None;
        }
        let (n, of) = (pairs.len(), self.compared(part));
        let share = n as f64 / of as f64;
        let what = format!("{n} of {of} {part} pictures are training pictures, too");
        let why = format!(
            "their answers are known by heart: with an accuracy of {SUPPOSED:.2} on new pictures, {share:.3} * 1 + {:.3} * {SUPPOSED:.2} = {:.3} would be reported",
            1.0 - share,
            share + (1.0 - share) * SUPPOSED
        );
        let severity = if share < WORTH_A_WARNING { Severity::Note } else { Severity::Warning };
        let fix = format!("remove the copies from the training part, or from the {part} part");
        Some(self.finding(Rule::V02, what, why).severity(severity).fix(fix).evidence(self.show(&pairs)))
    }

    /// Test pictures that have helped to choose.
    fn reused_test(&self) -> Option<Diagnostic> {
        let pairs = self.pairs(Part::Test, Part::Validation);
        let (n, of) = (pairs.len(), self.compared(Part::Test));
        if n * 2 <= of {
            return None;
        }
        let what = format!("{n} of {of} test pictures are validation pictures, too");
        let why = "the best epoch is the one that does best on them, by luck as well as by worth, so the final score is too good".to_owned();
        let fix = "remove the validation part and let divvy draw one from the training part";
        Some(self.finding(Rule::V05, what, why).fix(fix).evidence(self.show(&pairs)))
    }

    /// Copies among the pictures that are divided at random.
    fn before_the_split(&self) -> Option<Diagnostic> {
        let is_pooled = |sample: &usize| matches!(self.part[*sample], Some(Part::Train | Part::Validation));
        let groups: Vec<Vec<usize>> = self
            .agreeing()
            .map(|group| group.into_iter().filter(is_pooled).collect::<Vec<_>>())
            .filter(|group| group.len() > 1)
            .collect();
        let copied: usize = groups.iter().map(Vec::len).sum();
        if copied == 0 {
            return None;
        }
        // Of c copies, each validates with probability v, and then all others do as well with probability v^(c - 1).
        let seen = |group: &Vec<usize>| {
            group.len() as f64 * SET_ASIDE * (1.0 - SET_ASIDE.powf(group.len() as f64 - 1.0))
        };
        let expected: f64 = groups.iter().map(seen).sum();
        let here = self.pairs(Part::Validation, Part::Train).len();
        let pooled = self.compared(Part::Train) + self.compared(Part::Validation);
        let what = format!("{copied} of {} are there more than once", count(pooled, "picture"));
        let why = format!(
            "a random fifth for validation would hold about {expected:.1} of them whose copy is trained on, {} of its pictures; in this split it holds {here}",
            percent(expected / (pooled as f64 * SET_ASIDE))
        );
        let is_harmless = here == 0 || (copied as f64) < WORTH_A_WARNING * pooled as f64;
        let severity = if is_harmless { Severity::Note } else { Severity::Warning };
        let fix = "keep one of each; copying pictures of a small group adds nothing to learn from";
        let pairs: Vec<(usize, usize)> = groups.iter().map(|group| (group[1], group[0])).collect();
        Some(self.finding(Rule::V07, what, why).severity(severity).fix(fix).evidence(self.show(&pairs)))
    }
}

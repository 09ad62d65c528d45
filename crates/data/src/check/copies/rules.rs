//! What pictures that are there more than once do to a training.

use super::Copies;
use crate::check::finding::{Finding, Suspect};
use crate::check::{count, name, percent, place};
use crate::dataset::{Dataset, LabelKind, Part};
use crate::split::Split;
use divvy_rules::{Diagnostic, Rule, Severity};
use std::collections::{BTreeMap, BTreeSet};

/// What pictures that are there more than once do to a training, as far as they are in the split.
///
/// - [`Y07`](Rule::Y07): the same picture under two classes that exclude each other, a warning; pictures that look the same, a note.
/// - [`V02`](Rule::V02): copies of training pictures in a validation or test part that the data brings.
/// - [`V05`](Rule::V05), a warning: most of the test pictures are validation pictures.
/// - [`V07`](Rule::V07): copies among the pictures that a validation part was drawn from.
///
/// Exact and near copies are told apart. V02 and V07 are warnings from one exact copy in a hundred pictures on, and notes below,
/// where they cannot move a result that is printed with two digits. Near copies are softer evidence, which someone should look at:
/// they are notes up to one in twenty. [`Split::keeping_together`] keeps copies on one side.
///
/// # Panics
/// If split and copies are not of this dataset.
pub fn copies(dataset: &Dataset, copies: &Copies, split: &Split) -> Vec<Finding> {
    let look = Look::new(dataset, copies, split);
    let mut findings: Vec<Finding> = look.conflicts().into_iter().chain(look.near_conflicts()).collect();
    if look.was_drawn() {
        findings.extend(look.before_the_split());
        findings.extend(look.near_before_the_split());
    } else {
        findings.extend(look.leak(Part::Validation));
        findings.extend(look.near_leak(Part::Validation));
    }
    findings.extend(look.leak(Part::Test));
    findings.extend(look.near_leak(Part::Test));
    findings.extend(look.reused_test());
    findings
}

/// The share of pictures from which on copies are worth a warning...
const WORTH_A_WARNING: f64 = 0.01;
/// ...and near copies.
const NEAR_WORTH_A_WARNING: f64 = 0.05;
/// The accuracy on new pictures for which inflation is worked out.
const SUPPOSED: f64 = 0.7;
/// The share that is set aside where a split is supposed.
const SET_ASIDE: f64 = 0.2;

struct Look<'a> {
    dataset: &'a Dataset,
    split: &'a Split,
    /// Exact copies among the samples of the split.
    groups: Vec<Vec<usize>>,
    /// Different pictures that look the same.
    near: Vec<Near>,
    /// How many pictures may have near copies that were not found.
    crowded: usize,
    /// Which part of the split each sample is in.
    part: Vec<Option<Part>>,
}

/// Two different pictures that look the same: the samples of the split that show the one and the other.
struct Near {
    samples: [Vec<usize>; 2],
    distance: f32,
    mirrored: bool,
}

/// A sample and a near copy of it.
struct NearPair {
    copy: usize,
    original: usize,
    distance: f32,
    mirrored: bool,
}

impl NearPair {
    /// How the two are alike, in words.
    fn likeness(&self) -> String {
        let mirrored = if self.mirrored { ", mirrored" } else { "" };
        format!("at a distance of {:.3}{mirrored}", self.distance)
    }
}

impl<'a> Look<'a> {
    fn new(dataset: &'a Dataset, copies: &Copies, split: &'a Split) -> Self {
        let mut part = vec![None; dataset.samples().len()];
        for (of, samples) in
            [(Part::Train, &split.train), (Part::Validation, &split.validation), (Part::Test, &split.test)]
        {
            for &sample in samples {
                part[sample] = Some(of);
            }
        }
        let in_split = |samples: &[usize]| -> Vec<usize> {
            samples.iter().copied().filter(|&sample| part[sample].is_some()).collect()
        };
        let pictures = copies.groups.iter().flat_map(|group| &group.pictures);
        let mut groups: Vec<Vec<usize>> =
            pictures.map(|samples| in_split(samples)).filter(|samples| samples.len() > 1).collect();
        groups.sort_unstable();
        let near = copies.groups.iter().flat_map(|group| {
            group.near.iter().map(|near| Near {
                samples: near.pictures.map(|picture| in_split(&group.pictures[picture])),
                distance: near.distance,
                mirrored: near.mirrored,
            })
        });
        let near = near.filter(|near| near.samples.iter().all(|samples| !samples.is_empty())).collect();
        Self { dataset, split, groups, near, crowded: copies.crowded, part }
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

    /// How many samples a part has.
    fn size(&self, part: Part) -> usize {
        match part {
            Part::Train => self.split.train.len(),
            Part::Validation => self.split.validation.len(),
            Part::Test => self.split.test.len(),
        }
    }

    /// A finding about exact copies.
    fn finding(&self, rule: Rule, what: String, why: String) -> Diagnostic {
        let why = why + "; they are equal to the last pixel";
        Diagnostic::new(rule, what).at(place(self.dataset)).because(why)
    }

    /// A finding about near copies, which says what they are, the nearest first.
    fn near_finding(&self, rule: Rule, what: String, why: &str, mut pairs: Vec<NearPair>) -> Finding {
        let crowded = match self.crowded {
            0 => String::new(),
            n => format!("; {} so many others that looks do not tell copies", has_near(n)),
        };
        let why = format!(
            "{why}; the distance is the share of the slopes of light that differ once one is laid over the other, of saved, resized, mirrored or lightly cropped copies below 0.2, of other pictures mostly above 0.8{crowded}"
        );
        pairs.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.copy.cmp(&b.copy)));
        let evidence = pairs.iter().map(|pair| {
            let (copy, original) = (name(self.dataset, pair.copy), name(self.dataset, pair.original));
            format!("{copy} looks the same as {original}, {}", pair.likeness())
        });
        let diagnostic = Diagnostic::new(rule, what)
            .severity(Severity::Note)
            .at(place(self.dataset))
            .because(why)
            .evidence(evidence);
        // What only looks the same may stay until someone has looked at it.
        let suspects = pairs.iter().enumerate().flat_map(|(set, pair)| {
            [pair.original, pair.copy].map(|sample| {
                let measure = if sample == pair.copy { pair.likeness() } else { self.in_groups(sample) };
                Suspect { sample, measure, set: Some(set), is_spare: false }
            })
        });
        Finding { diagnostic, suspects: suspects.collect() }
    }

    /// Where a sample is, in words: `in cats`.
    fn in_groups(&self, sample: usize) -> String {
        let names: Vec<&str> =
            self.labels(sample).iter().map(|&class| self.dataset.classes()[class].as_str()).collect();
        format!("in {}", if names.is_empty() { "no group".to_owned() } else { names.join(" and ") })
    }

    /// The copies of each group, of which those may go that `is_spare` says; it hears their place in their group.
    fn suspects(&self, groups: &[Vec<usize>], is_spare: impl Fn(usize, usize) -> bool) -> Vec<Suspect> {
        let of_group = |(set, group): (usize, &Vec<usize>)| {
            let original = group.iter().enumerate().find(|(i, sample)| !is_spare(*i, **sample));
            let measure = |sample: usize| match original {
                Some((_, &stays)) if stays == sample => format!("there {} times", group.len()),
                Some((_, &stays)) => format!("the same as {}", name(self.dataset, stays)),
                None => self.in_groups(sample),
            };
            let suspect = |(i, &sample): (usize, &usize)| Suspect {
                sample,
                measure: measure(sample),
                set: Some(set),
                is_spare: is_spare(i, sample),
            };
            let mut suspects: Vec<Suspect> = group.iter().enumerate().map(suspect).collect();
            suspects.sort_by_key(|suspect| suspect.is_spare);
            suspects
        };
        groups.iter().enumerate().flat_map(of_group).collect()
    }

    /// The groups of copies with the same labels that are in both parts, without what is in neither.
    fn in_both(&self, a: Part, b: Part) -> Vec<Vec<usize>> {
        let is_in = |part: Part| move |sample: &usize| self.part[*sample] == Some(part);
        let kept = self.agreeing().map(move |mut group| {
            group.retain(|sample| is_in(a)(sample) || is_in(b)(sample));
            group
        });
        kept.filter(|group| group.iter().any(is_in(a)) && group.iter().any(is_in(b))).collect()
    }

    /// The nearest copy in `of` of each sample in `part` that has near copies with the same labels there, but no exact one.
    fn near_pairs(&self, part: Part, of: Part) -> Vec<NearPair> {
        let exact: BTreeSet<usize> = self.pairs(part, of).into_iter().map(|(copy, _)| copy).collect();
        let mut nearest: BTreeMap<usize, NearPair> = BTreeMap::new();
        for near in &self.near {
            for [copies, originals] in
                [[&near.samples[0], &near.samples[1]], [&near.samples[1], &near.samples[0]]]
            {
                let is_in = |part: Part| move |sample: &&usize| self.part[**sample] == Some(part);
                for &copy in copies.iter().filter(is_in(part)).filter(|copy| !exact.contains(copy)) {
                    let agrees = |original: &&usize| self.labels(**original) == self.labels(copy);
                    let Some(&original) = originals.iter().filter(is_in(of)).find(agrees) else { continue };
                    if nearest.get(&copy).is_none_or(|found| near.distance < found.distance) {
                        let (distance, mirrored) = (near.distance, near.mirrored);
                        nearest.insert(copy, NearPair { copy, original, distance, mirrored });
                    }
                }
            }
        }
        nearest.into_values().collect()
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

    fn conflicts(&self) -> Option<Finding> {
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
        let of: usize = Part::ALL.into_iter().map(|part| self.size(part)).sum();
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
            count(of, "picture"),
            percent(1.0 - wrong as f64 / of as f64)
        );
        let fix = "keep each picture in the group that it shows; where several are true, list it with all its labels in a labels.csv";
        let diagnostic = self.finding(Rule::Y07, what, why).fix(fix).evidence(evidence);
        let groups: Vec<Vec<usize>> = conflicts.into_iter().cloned().collect();
        Some(Finding { diagnostic, suspects: self.suspects(&groups, |_, _| true) })
    }

    /// Pictures that look the same under classes that exclude each other.
    fn near_conflicts(&self) -> Option<Finding> {
        if self.dataset.label_kind() != LabelKind::Classes {
            return None;
        }
        let differ = |near: &Near| {
            let [one, other] = &near.samples;
            let labels = |sample: &usize| self.labels(*sample);
            let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (*a, *b)));
            let (original, copy) = pairs.into_iter().find(|(a, b)| labels(a) != labels(b))?;
            Some(NearPair { copy, original, distance: near.distance, mirrored: near.mirrored })
        };
        let pairs: Vec<NearPair> = self.near.iter().filter_map(differ).collect();
        if pairs.is_empty() {
            return None;
        }
        let what = format!("{} of pictures look the same under two groups", count(pairs.len(), "pair"));
        let why = "a network answers much the same for both, so one of the two is likely to be counted wrong, if they show the same";
        let fix = "look at both: where they are the same picture, keep it in the group that it shows; where the small difference is what tells the groups apart, allow Y07";
        Some(self.near_finding(Rule::Y07, what, why, pairs).with(|found| found.fix(fix)))
    }

    /// Pictures in a part that judges which look the same as training pictures.
    fn near_leak(&self, part: Part) -> Option<Finding> {
        let pairs = self.near_pairs(part, Part::Train);
        if pairs.is_empty() {
            return None;
        }
        let (n, of) = (pairs.len(), self.size(part));
        let what = format!("{n} of {of} {part} pictures look the same as training pictures");
        let why = "as far as they are copies, their answers are known by heart, and the result is too good";
        let fix = format!("look at them, and remove copies from the training part, or from the {part} part");
        let severity = near_severity(n, of);
        Some(self.near_finding(Rule::V02, what, why, pairs).with(|found| found.severity(severity).fix(fix)))
    }

    /// Pictures that look the same among those that are divided at random.
    fn near_before_the_split(&self) -> Option<Finding> {
        let is_pooled = |sample: &usize| matches!(self.part[*sample], Some(Part::Train | Part::Validation));
        let mut samples = BTreeSet::new();
        let mut pairs = Vec::new();
        for near in &self.near {
            let [originals, copies] = [0, 1].map(|side| near.samples[side].iter().copied().filter(is_pooled));
            let both: Vec<(usize, usize)> = originals
                .flat_map(|original| copies.clone().map(move |copy| (original, copy)))
                .filter(|(original, copy)| self.labels(*original) == self.labels(*copy))
                .collect();
            samples.extend(both.iter().flat_map(|(original, copy)| [*original, *copy]));
            pairs.extend(both.first().map(|&(original, copy)| NearPair {
                copy,
                original,
                distance: near.distance,
                mirrored: near.mirrored,
            }));
        }
        if pairs.is_empty() {
            return None;
        }
        let n = samples.len();
        let pooled = self.size(Part::Train) + self.size(Part::Validation);
        let here = self.near_pairs(Part::Validation, Part::Train).len();
        let what = format!("{n} of {} look the same as another", count(pooled, "picture"));
        let why = format!(
            "drawn one by one, some would validate whose copy is trained on; in this split that holds for {here}"
        );
        let severity = if here == 0 { Severity::Note } else { near_severity(n, pooled) };
        let fix = "look at them, and keep one of each that shows the same";
        Some(self.near_finding(Rule::V07, what, &why, pairs).with(|found| found.severity(severity).fix(fix)))
    }

    /// Training pictures in a part that judges.
    fn leak(&self, part: Part) -> Option<Finding> {
        let pairs = self.pairs(part, Part::Train);
        if pairs.is_empty() {
            return None;
        }
        let (n, of) = (pairs.len(), self.size(part));
        let share = n as f64 / of as f64;
        let what = format!("{n} of {of} {part} pictures are training pictures, too");
        let why = format!(
            "their answers are known by heart: with an accuracy of {SUPPOSED:.2} on new pictures, {share:.3} * 1 + {:.3} * {SUPPOSED:.2} = {:.3} would be reported",
            1.0 - share,
            share + (1.0 - share) * SUPPOSED
        );
        let severity = if share < WORTH_A_WARNING { Severity::Note } else { Severity::Warning };
        let fix = format!("remove the copies from the training part, or from the {part} part");
        let diagnostic =
            self.finding(Rule::V02, what, why).severity(severity).fix(fix).evidence(self.show(&pairs));
        let is_trained_on = |_, sample: usize| self.part[sample] == Some(Part::Train);
        let suspects = self.suspects(&self.in_both(part, Part::Train), is_trained_on);
        Some(Finding { diagnostic, suspects })
    }

    /// Test pictures that have helped to choose.
    fn reused_test(&self) -> Option<Finding> {
        let pairs = self.pairs(Part::Test, Part::Validation);
        let (n, of) = (pairs.len(), self.size(Part::Test));
        if n * 2 <= of {
            return None;
        }
        let what = format!("{n} of {of} test pictures are validation pictures, too");
        let why = "the best epoch is the one that does best on them, by luck as well as by worth, so the final score is too good".to_owned();
        let fix = "remove the validation part and let divvy draw one from the training part";
        let diagnostic = self.finding(Rule::V05, what, why).fix(fix).evidence(self.show(&pairs));
        let validates = |_, sample: usize| self.part[sample] == Some(Part::Validation);
        let suspects = self.suspects(&self.in_both(Part::Test, Part::Validation), validates);
        Some(Finding { diagnostic, suspects })
    }

    /// Copies among the pictures that are divided at random.
    fn before_the_split(&self) -> Option<Finding> {
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
        let pooled = self.size(Part::Train) + self.size(Part::Validation);
        let what = format!("{copied} of {} are there more than once", count(pooled, "picture"));
        let why = format!(
            "a random fifth for validation would hold about {expected:.1} of them whose copy is trained on, {} of its pictures; in this split it holds {here}",
            percent(expected / (pooled as f64 * SET_ASIDE))
        );
        let is_harmless = here == 0 || (copied as f64) < WORTH_A_WARNING * pooled as f64;
        let severity = if is_harmless { Severity::Note } else { Severity::Warning };
        let fix = "keep one of each; copying pictures of a small group adds nothing to learn from";
        let pairs: Vec<(usize, usize)> = groups.iter().map(|group| (group[1], group[0])).collect();
        let diagnostic =
            self.finding(Rule::V07, what, why).severity(severity).fix(fix).evidence(self.show(&pairs));
        Some(Finding { diagnostic, suspects: self.suspects(&groups, |i, _| i > 0) })
    }
}

/// How bad it is that `n` of so many are near copies.
fn near_severity(n: usize, of: usize) -> Severity {
    if (n as f64) < NEAR_WORTH_A_WARNING * of as f64 { Severity::Note } else { Severity::Warning }
}

/// `1 picture has`, `2 pictures have`.
fn has_near(n: usize) -> String {
    format!("{} {} near", count(n, "picture"), if n == 1 { "has" } else { "have" })
}

//! Whether files tell their class without a look at the picture.

use super::finding::Finding;
use super::survey::{FileFacts, Survey};
use super::{count, percent, place, wilson};
use crate::dataset::LabelKind;
use crate::decode::group_digits;
use divvy_rules::{Diagnostic, Rule};
use std::collections::BTreeSet;

/// With fewer files, chance alone finds rules.
const FEWEST: usize = 40;
/// How far the rule must beat answering the most frequent class always, with what chance may do already taken off.
const MARGIN: f64 = 0.1;
/// How many questions are asked one after the other.
const DEPTH: usize = 2;
const FOLDS: usize = 5;

/// [`T06`](Rule::T06), a warning: two questions about a file's type and sizes tell the class, on files that took no part in
/// choosing them.
pub fn shortcut(survey: &Survey<'_>) -> Option<Finding> {
    let dataset = survey.dataset();
    let class = |sample: usize| dataset.samples()[sample].label.indices()[0];
    if dataset.label_kind() != LabelKind::Classes {
        return None;
    }
    let files: Vec<File> = survey
        .facts()
        .iter()
        .filter_map(|facts| Some(File { facts: facts.file.as_ref()?, class: class(facts.sample) }))
        .collect();
    if files.len() < FEWEST {
        return None;
    }
    let classes = dataset.classes().len();
    let grower = Grower { features: Feature::of(&files), classes };
    let right = grower.right_on_unseen(&files);
    let share = right as f64 / files.len() as f64;
    let majority =
        *tally(&files.iter().collect::<Vec<_>>(), classes).iter().max()? as f64 / files.len() as f64;
    let (low, high) = wilson::interval(share, files.len());
    if low < majority + MARGIN {
        return None;
    }
    let tree = grower.grow(files.iter().collect(), DEPTH);
    let mut features = Vec::new();
    tree.features(&mut features);
    // Plain pictures compress to fewer bytes: of this alone the pictures may be the cause.
    let may_be_content = features.iter().all(|feature| *feature == Feature::Bytes);
    let told_by = features.iter().map(|feature| feature.topic()).collect::<BTreeSet<_>>();
    let told_by = match told_by.into_iter().collect::<Vec<_>>()[..] {
        [ref first @ .., last] if !first.is_empty() => format!("{} and {last} alone tell", first.join(", ")),
        ref one => format!("{} alone tells", one.concat()),
    };
    let mut evidence = Vec::new();
    tree.describe(dataset.classes(), &mut Vec::new(), &mut evidence);
    Some(
        Diagnostic::new(Rule::T06, format!("{told_by} the group of {} of the files", percent(share)))
            .at(place(dataset))
            .because(format!(
                "that is {right} of {} files that took no part in finding the rule (95 % interval {low:.2} to {high:.2}), where the most frequent group is {majority:.2}: a network can find the traces of it in the pixels, and be right for a reason that will not hold",
                group_digits(files.len() as u64),
            ))
            .fix(if may_be_content {
                "see whether the groups were saved at different qualities; if one only shows plainer things, which take fewer bytes, allow T06"
            } else {
                "collect all groups in the same way; until then save all pictures anew in one format and shape"
            })
            .evidence(evidence)
            .into(),
    )
}

#[derive(Clone, Copy)]
struct File<'a> {
    facts: &'a FileFacts,
    class: usize,
}

/// Something that can be asked of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Feature {
    Format(&'static str),
    Bytes,
    Width,
    Height,
    Aspect,
    Turned,
}

impl Feature {
    /// What is worth asking of these files.
    fn of(files: &[File]) -> Vec<Self> {
        let formats: BTreeSet<&'static str> = files.iter().map(|file| file.facts.header.format).collect();
        let formats = formats.into_iter().map(Self::Format);
        formats.chain([Self::Width, Self::Height, Self::Aspect, Self::Bytes, Self::Turned]).collect()
    }

    fn value(self, facts: &FileFacts) -> f64 {
        let header = &facts.header;
        match self {
            Self::Format(format) => f64::from(u8::from(header.format == format)),
            Self::Bytes => facts.bytes as f64,
            Self::Width => f64::from(header.width),
            Self::Height => f64::from(header.height),
            Self::Aspect => f64::from(header.width) / f64::from(header.height),
            Self::Turned => f64::from(u8::from(header.orientation != 1)),
        }
    }

    fn topic(self) -> &'static str {
        match self {
            Self::Format(_) => "file type",
            Self::Bytes => "size in bytes",
            Self::Width => "width",
            Self::Height => "height",
            Self::Aspect => "aspect ratio",
            Self::Turned => "Exif orientation",
        }
    }

    /// The side of a question in words.
    fn side(self, threshold: f64, above: bool) -> String {
        let than = if above { "more than" } else { "at most" };
        match self {
            Self::Format(format) => format!("{}{format}", if above { "" } else { "not " }),
            Self::Bytes => format!("{than} {} bytes", group_digits(threshold as u64)),
            Self::Width => format!("{than} {threshold:.0} pixels wide"),
            Self::Height => format!("{than} {threshold:.0} pixels high"),
            Self::Aspect => format!("{than} {threshold:.2} times as wide as high"),
            Self::Turned => format!("{}turned by Exif", if above { "" } else { "not " }),
        }
    }
}

/// A tree of questions.
enum Tree {
    Answer { class: usize, right: usize, of: usize },
    Question { feature: Feature, threshold: f64, at_most: Box<Self>, above: Box<Self> },
}

impl Tree {
    fn answer(&self, facts: &FileFacts) -> usize {
        match self {
            Self::Answer { class, .. } => *class,
            Self::Question { feature, threshold, at_most, above } => {
                if feature.value(facts) > *threshold {
                    above.answer(facts)
                } else {
                    at_most.answer(facts)
                }
            }
        }
    }

    fn features(&self, found: &mut Vec<Feature>) {
        if let Self::Question { feature, at_most, above, .. } = self {
            found.push(*feature);
            at_most.features(found);
            above.features(found);
        }
    }

    fn describe(&self, classes: &[String], path: &mut Vec<String>, lines: &mut Vec<String>) {
        match self {
            Self::Answer { class, right, of } => {
                lines.push(format!(
                    "{}: {right} of {} are `{}`",
                    path.join(", "),
                    count(*of, "file"),
                    classes[*class]
                ));
            }
            Self::Question { feature, threshold, at_most, above } => {
                for (tree, is_above) in [(above, true), (at_most, false)] {
                    path.push(feature.side(*threshold, is_above));
                    tree.describe(classes, path, lines);
                    path.pop();
                }
            }
        }
    }
}

/// How many files of each class there are.
fn tally(files: &[&File<'_>], classes: usize) -> Vec<usize> {
    let mut counts = vec![0; classes];
    for file in files {
        counts[file.class] += 1;
    }
    counts
}

/// Grows trees by the largest fall of the Gini impurity (Breiman, Friedman, Olshen, Stone 1984).
struct Grower {
    features: Vec<Feature>,
    classes: usize,
}

impl Grower {
    fn grow(&self, files: Vec<&File<'_>>, depth: usize) -> Tree {
        match (depth > 0).then(|| self.best_question(&files)).flatten() {
            None => {
                let counts = tally(&files, self.classes);
                let right = counts.iter().copied().max().unwrap_or(0);
                let class = counts.iter().position(|&n| n == right).unwrap_or(0);
                Tree::Answer { class, right, of: files.len() }
            }
            Some((feature, threshold)) => {
                let (above, at_most) =
                    files.into_iter().partition(|file| feature.value(file.facts) > threshold);
                Tree::Question {
                    feature,
                    threshold,
                    at_most: Box::new(self.grow(at_most, depth - 1)),
                    above: Box::new(self.grow(above, depth - 1)),
                }
            }
        }
    }

    /// The question after which the two sides are purest, if any makes them purer than they are together.
    fn best_question(&self, files: &[&File<'_>]) -> Option<(Feature, f64)> {
        let whole = tally(files, self.classes);
        // The sum over both sides of sum_k n_k^2 / n, which is largest where the impurity is smallest.
        let together = squares(&whole) as f64 / files.len() as f64;
        let mut best = (together * (1.0 + 1e-9), None);
        for &feature in &self.features {
            let mut values: Vec<(f64, usize)> =
                files.iter().map(|file| (feature.value(file.facts), file.class)).collect();
            values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
            let (mut below, mut above) = (vec![0; self.classes], whole.clone());
            let (mut squares_below, mut squares_above) = (0, squares(&whole));
            for (i, pair) in values.windows(2).enumerate() {
                let class = pair[0].1;
                squares_below += 2 * below[class] + 1;
                squares_above -= 2 * above[class] - 1;
                below[class] += 1;
                above[class] -= 1;
                let n = (i + 1) as f64;
                let purity = squares_below as f64 / n + squares_above as f64 / (files.len() as f64 - n);
                if pair[0].0 < pair[1].0 && purity > best.0 {
                    best = (purity, Some((feature, f64::midpoint(pair[0].0, pair[1].0))));
                }
            }
        }
        best.1
    }

    /// How many files are answered right by a tree that was grown without them: five-fold cross-validation, each class dealt
    /// out to the folds in turn.
    fn right_on_unseen(&self, files: &[File<'_>]) -> usize {
        let mut dealt = vec![0; self.classes];
        let fold: Vec<usize> = files
            .iter()
            .map(|file| {
                dealt[file.class] += 1;
                dealt[file.class] % FOLDS
            })
            .collect();
        let of_fold = |k: usize| {
            let others = files.iter().zip(&fold).filter(|(_, of)| **of != k).map(|(file, _)| file).collect();
            let tree = self.grow(others, DEPTH);
            let own = files.iter().zip(&fold).filter(move |(_, of)| **of == k).map(|(file, _)| file);
            own.filter(|file| tree.answer(file.facts) == file.class).count()
        };
        (0..FOLDS).map(of_fold).sum()
    }
}

fn squares(counts: &[usize]) -> usize {
    counts.iter().map(|n| n * n).sum()
}

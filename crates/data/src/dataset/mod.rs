//! What a path holds: classes, samples, labels and parts.

mod classes;
mod folders;
mod hot;
mod idx;
mod labels;
mod parts;
mod report;
mod table;

pub use parts::Part;

use crate::decode::{self, ImageError, Limits, Pixels};
use crate::error::{DataError, Skipped, nearest};
use crate::files;
use crate::preprocess::Preprocess;
use idx::IdxImages;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// How a dataset is opened.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// What files may ask for.
    pub limits: Limits,
}

/// Where a dataset's samples and labels come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A folder whose subfolders are the groups.
    ClassFolders,
    /// A folder with training, validation or test parts of such subfolders.
    PartFolders,
    /// MNIST-style idx files.
    Idx,
    /// A CSV with a file and its labels in each row.
    Table,
}

/// What labels mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelKind {
    /// Each sample belongs to exactly one class.
    Classes,
    /// Each sample carries any number of labels.
    MultiLabel,
}

/// What a sample is labelled with, as indices into [`Dataset::classes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// The one class.
    Class(usize),
    /// The labels, ascending; perhaps none.
    Labels(Vec<usize>),
}

impl Label {
    /// The classes it names.
    pub fn indices(&self) -> &[usize] {
        match self {
            Self::Class(class) => std::slice::from_ref(class),
            Self::Labels(labels) => labels,
        }
    }
}

/// Where a sample's pixels are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An image file.
    File(PathBuf),
    /// An item of an idx array held in memory.
    Idx {
        /// Which of the dataset's arrays.
        array: usize,
        /// Which of its images.
        item: usize,
    },
}

/// One image and what it is labelled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Where its pixels are.
    pub source: Source,
    /// What it shows.
    pub label: Label,
    /// The part it comes in; `None` where the data is not divided.
    pub part: Option<Part>,
}

/// Images with labels, as a path holds them. Prints as a table.
///
/// Classes are in natural order (1, 2, 10; only `not cat` comes before `cat`) and bound by name across the parts. A sample is spoken of by its index, which
/// is stable as long as the files stay.
#[derive(Debug, Clone)]
pub struct Dataset {
    root: PathBuf,
    /// The folder that sample names are relative to: the root, or the one in which a CSV given as root lies.
    base: PathBuf,
    layout: Layout,
    label_kind: LabelKind,
    classes: Vec<String>,
    samples: Vec<Sample>,
    arrays: Vec<IdxImages>,
    skipped: Vec<Skipped>,
    other_files: BTreeMap<String, usize>,
    conversions: Vec<String>,
}

impl Dataset {
    /// Finds the images under `path` and their labels. `path` is one of
    ///
    /// - a folder whose subfolders are the groups; what is nested deeper belongs to the group;
    /// - a folder with parts (`train`, `val`, `test` and the like) of such subfolders; without a training part, groups that lie
    ///   beside a validation or test part which names them are the training part;
    /// - a folder with MNIST-style idx files (`train-images-idx3-ubyte`, `t10k-...`), gzip-compressed or not;
    /// - a CSV with the columns file and labels, or a folder with a `labels.csv`. Labels in a cell are separated by `|`,
    ///   `;`, `,` or space, the first of these that occurs; paths are relative to the CSV. Where no row has more than one
    ///   label, the labels are exclusive classes. 0 and 1, true and false, yes and no are known in any spelling;
    /// - the same with a column of 0 and 1 for each group instead of the labels. Where each row has exactly one 1, the groups
    ///   are exclusive classes; a single such column `cat` stands for the two groups `not cat` and `cat`.
    ///
    /// Pixels are not looked at, but for idx files. What is left out is listed in [`Self::skipped`].
    ///
    /// # Errors
    /// A [`DataError`] that names the path, what was found and what to do.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Self, DataError> {
        if files::metadata(path)?.is_file() {
            return if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")) {
                table::open(path, path, &options.limits)
            } else {
                Err(DataError::NotAFolder { path: path.to_owned() })
            };
        }
        let here = files::files_in(path)?;
        if let Some(list) = here.iter().find(|file| has_name(file, "labels.csv")) {
            return table::open(path, list, &options.limits);
        }
        match idx::find(path, &here)? {
            Some(found) => idx::open(path, &found, &options.limits),
            None => folders::open(path),
        }
    }

    /// The path it was opened from.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How samples and labels are laid out on disk.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// What labels mean.
    pub fn label_kind(&self) -> LabelKind {
        self.label_kind
    }

    /// The classes' names in natural order, `not cat` before `cat`; a class is spoken of by its index here.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// All samples, in a fixed order.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// Files and folders left out, and why. Files whose names do not end like an image's are only counted, in the table.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// How labels that were not written as names were read, a sentence each.
    pub fn conversions(&self) -> &[String] {
        &self.conversions
    }

    /// The size `(height, width)` of grey images that all have the same, as idx files have; `None` for image files.
    pub fn array_size(&self) -> Option<(usize, usize)> {
        self.arrays.first().map(|array| (array.height(), array.width()))
    }

    /// The samples of a part; `None` stands for those of data that is not divided.
    pub fn part(&self, part: Option<Part>) -> Vec<usize> {
        (0..self.samples.len()).filter(|&i| self.samples[i].part == part).collect()
    }

    /// The samples to evaluate on: the test part where there is one, else all.
    pub fn evaluation_samples(&self) -> Vec<usize> {
        let test = self.part(Some(Part::Test));
        if test.is_empty() { (0..self.samples.len()).collect() } else { test }
    }

    /// How many of `samples` carry each class.
    ///
    /// # Panics
    /// If a sample's index is out of range.
    pub fn class_counts(&self, samples: &[usize]) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for &sample in samples {
            for &class in self.samples[sample].label.indices() {
                counts[class] += 1;
            }
        }
        counts
    }

    /// What a sample is called in lists: its path relative to the root (or to the CSV's folder), or `FILE#ITEM` for an item of an idx file.
    ///
    /// # Panics
    /// If the index is out of range.
    pub fn sample_name(&self, sample: usize) -> Cow<'_, OsStr> {
        match &self.samples[sample].source {
            Source::File(path) => Cow::Borrowed(path.strip_prefix(&self.base).unwrap_or(path).as_os_str()),
            Source::Idx { array, item } => Cow::Owned(self.arrays[*array].item_name(*item)),
        }
    }

    /// The path of a sample's file; for an item of an idx file `PATH#ITEM`, which is no file but says where to look.
    ///
    /// # Panics
    /// If the index is out of range.
    pub fn sample_path(&self, sample: usize) -> PathBuf {
        match &self.samples[sample].source {
            Source::File(path) => path.clone(),
            Source::Idx { array, item } => self.base.join(self.arrays[*array].item_name(*item)),
        }
    }

    /// The file of a sample that has one of its own.
    pub(crate) fn file(&self, sample: usize) -> Option<&Path> {
        match &self.samples[sample].source {
            Source::File(path) => Some(path),
            Source::Idx { .. } => None,
        }
    }

    /// Decodes a sample and fits it to the recipe's size.
    ///
    /// # Errors
    /// An [`ImageError`] that names the file.
    ///
    /// # Panics
    /// If the index is out of range.
    pub fn load(&self, sample: usize, recipe: &Preprocess, limits: &Limits) -> Result<Pixels, ImageError> {
        Ok(recipe.fit_pixels(self.decode(sample, recipe, limits)?))
    }

    /// Decodes a sample, upright and at its own size.
    pub(crate) fn decode(
        &self,
        sample: usize,
        recipe: &Preprocess,
        limits: &Limits,
    ) -> Result<Pixels, ImageError> {
        match &self.samples[sample].source {
            Source::File(path) => {
                let content = decode::read_image(path, limits)?;
                recipe.decode(&content, limits).map_err(|fault| ImageError { path: path.clone(), fault })
            }
            Source::Idx { array, item } => Ok(self.arrays[*array].pixels(*item)),
        }
    }

    /// Makes sure that there is something to train on: two classes or more, each with two images or more that are not
    /// kept for testing.
    ///
    /// # Errors
    /// [`DataError::NoTrainingPart`], [`DataError::OneGroup`] and [`DataError::SmallGroup`].
    pub fn require_trainable(&self) -> Result<(), DataError> {
        let pool = self.trainable_samples();
        if pool.is_empty() {
            return Err(DataError::NoTrainingPart { path: self.root.clone(), found: self.parts_found() });
        }
        let all: Vec<usize> = (0..self.samples.len()).collect();
        let in_all = self.class_counts(&all);
        if let [only] = (0..in_all.len()).filter(|&class| in_all[class] > 0).collect::<Vec<_>>()[..] {
            let (path, group) = (self.root.clone(), self.classes[only].clone());
            return Err(DataError::OneGroup { path, group, hint: self.one_group_hint(only) });
        }
        let counts = self.class_counts(&pool);
        match counts.iter().position(|&images| images < 2) {
            Some(class) => Err(self.small_group(class, counts[class])),
            None => Ok(()),
        }
    }

    /// The samples that training may use: the training part, or all where the data is not divided.
    pub(crate) fn trainable_samples(&self) -> Vec<usize> {
        let train = self.part(Some(Part::Train));
        if train.is_empty() { self.part(None) } else { train }
    }

    /// The complaint about a class with too few images to train on.
    pub(crate) fn small_group(&self, class: usize, images: usize) -> DataError {
        let group = self.classes[class].clone();
        let hint = nearest(&group, &self.classes).map(|other| format!(" (did you mean {other}?)"));
        DataError::SmallGroup { path: self.root.clone(), group, images, hint: hint.unwrap_or_default() }
    }

    fn parts_found(&self) -> String {
        let found =
            [Part::Validation, Part::Test].into_iter().filter(|part| !self.part(Some(*part)).is_empty());
        found.map(Part::name).collect::<Vec<_>>().join(" and ")
    }

    /// A folder around the real one is the usual reason for a single group: it is what unpacking an archive makes.
    fn one_group_hint(&self, class: usize) -> String {
        let inner = self.root.join(&self.classes[class]);
        match files::subfolders(&inner) {
            Ok(folders) if self.layout == Layout::ClassFolders && folders.len() > 1 => {
                format!("; if its subfolders are the groups, give {}", inner.display())
            }
            _ => String::new(),
        }
    }

    /// The same samples with classes numbered as in `classes`, say those of a model. Classes without samples are dropped,
    /// classes that only `classes` has are gained.
    ///
    /// # Errors
    /// [`DataError::UnknownClass`] where a sample's class is not in `classes`.
    pub fn with_classes(mut self, classes: &[String]) -> Result<Self, DataError> {
        let all: Vec<usize> = (0..self.samples.len()).collect();
        let counts = self.class_counts(&all);
        let mut renumbered = vec![usize::MAX; self.classes.len()];
        for (class, name) in self.classes.iter().enumerate() {
            match classes.iter().position(|known| known == name) {
                Some(known) => renumbered[class] = known,
                None if counts[class] == 0 => {}
                None => return Err(self.unknown_class(name, classes)),
            }
        }
        for sample in &mut self.samples {
            match &mut sample.label {
                Label::Class(class) => *class = renumbered[*class],
                Label::Labels(labels) => {
                    for label in labels.iter_mut() {
                        *label = renumbered[*label];
                    }
                    labels.sort_unstable();
                }
            }
        }
        self.classes = classes.to_vec();
        Ok(self)
    }

    /// The same samples with the group of that name second, where the one that binary metrics are about stands.
    ///
    /// # Errors
    /// As [`Self::positive_class`].
    pub fn with_positive(self, positive: &str) -> Result<Self, DataError> {
        if self.positive_class(positive)? == 1 {
            return Ok(self);
        }
        let order: Vec<String> = self.classes.iter().rev().cloned().collect();
        self.with_classes(&order)
    }

    /// The index of the group of that name, as one of two that exclude each other.
    ///
    /// # Errors
    /// [`DataError::UnknownClass`] where there is no such group, [`DataError::NoPositive`] unless there are two groups that exclude
    /// each other.
    pub fn positive_class(&self, positive: &str) -> Result<usize, DataError> {
        if self.classes.len() != 2 || self.label_kind != LabelKind::Classes {
            return Err(self.no_positive(positive));
        }
        let found = self.classes.iter().position(|name| name == positive);
        found.ok_or_else(|| self.unknown_class(positive, &self.classes))
    }

    fn no_positive(&self, positive: &str) -> DataError {
        DataError::NoPositive {
            path: self.root.clone(),
            positive: positive.to_owned(),
            classes: self.classes.len(),
        }
    }

    fn unknown_class(&self, group: &str, classes: &[String]) -> DataError {
        let hint = nearest(group, classes).map(|known| format!("; did you mean {known}?"));
        DataError::UnknownClass {
            path: self.root.clone(),
            group: group.to_owned(),
            known: classes.join(", "),
            hint: hint.unwrap_or_default(),
        }
    }
}

fn has_name(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|found| found.eq_ignore_ascii_case(name))
}

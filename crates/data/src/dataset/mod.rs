//! What a path holds: classes, samples, labels and parts.

mod alike;
mod array;
mod cifar;
mod classes;
mod corrections;
mod folders;
mod idx;
mod parts;
mod report;
mod sample;
mod series;
mod table;

pub use corrections::{Correction, Corrections, LABEL_SEPARATOR};
pub use parts::Part;
pub use sample::{Label, LabelKind, Sample, Source, Stored};
pub(crate) use series::KeyOf;
pub use series::Series;
pub use table::{Column, LabelSeparator, TableOptions};

use crate::decode::{self, Channels, Header, ImageError, ImageFault, Limits, Picture, Pixels};
use crate::error::{DataError, Skipped, nearest};
use crate::files::Files;
use crate::preprocess::Preprocess;
use array::Array;
use classes::Classes;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// How a dataset is opened. What is left to its default is found by looking.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenOptions {
    /// Whether the names of groups are labels joined by `_`, as in `red_dress`, rather than one class each.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub labels_from_name: bool,
    /// How a CSV is read.
    #[serde(skip_serializing_if = "TableOptions::is_default")]
    pub table: TableOptions,
    /// What tells which pictures belong together, say of one patient or one burst, and so come to one side of a split: the name of a
    /// CSV's column, or a regular expression that is searched in each name (`sick/p017_01.jpg`), whose first group, or else all that
    /// it matches, is told of the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_by: Option<String>,
    /// A CSV of labels that take the place of those that the data gives: see [`Corrections`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrections: Option<PathBuf>,
    /// What files may ask for.
    #[serde(skip_serializing_if = "Limits::is_default")]
    pub limits: Limits,
}

/// Where a dataset lies: its files, and the folder or list that is opened among them.
struct Location {
    files: Files,
    root: PathBuf,
    limits: Limits,
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
    /// The binary version of CIFAR-10 or CIFAR-100.
    Cifar,
    /// A CSV with a file and its labels in each row.
    Table,
}

impl Layout {
    /// What it is, as a phrase.
    fn described(self) -> &'static str {
        match self {
            Self::ClassFolders | Self::PartFolders => "a folder of groups",
            Self::Idx => "a set of idx files",
            Self::Cifar => "CIFAR in its binary version",
            Self::Table => "a CSV",
        }
    }
}

/// Images with labels, as a path holds them. Prints as a table.
///
/// Classes are in natural order (1, 2, 10; only `not cat` comes before `cat`) and bound by name across the parts. A sample is spoken of by its index, which
/// is stable as long as the files stay.
#[derive(Debug, Clone)]
pub struct Dataset {
    files: Files,
    root: PathBuf,
    /// The folder that sample names are relative to: the root, or the one in which a CSV given as root lies.
    base: PathBuf,
    limits: Limits,
    layout: Layout,
    label_kind: LabelKind,
    classes: Vec<String>,
    samples: Vec<Sample>,
    arrays: Vec<Array>,
    skipped: Vec<Skipped>,
    other_files: BTreeMap<String, usize>,
    conversions: Vec<String>,
    series: Option<Series>,
    /// Whether mirrored pictures look like their group, once it was asked.
    stays_itself_mirrored: OnceLock<bool>,
}

impl Dataset {
    /// Finds the images under `path` and their labels. `path` is one of
    ///
    /// - a folder whose subfolders are the groups; what is nested deeper belongs to the group;
    /// - a folder with parts (`train`, `val`, `test` and the like) of such subfolders; without a training part, groups that lie
    ///   beside a validation or test part which names them are the training part;
    /// - a folder with MNIST-style idx files (`train-images-idx3-ubyte`, `t10k-...`), gzip-compressed or not;
    /// - a folder with the binary version of CIFAR-10 or CIFAR-100;
    /// - a CSV or TSV with the columns file and labels, or a folder with a `labels.csv` or `labels.tsv`. Labels in a cell are
    ///   separated by `|`, `;`, `,` or space, the first of these that occurs; paths are relative to the CSV. Where no row has more
    ///   than one label, the labels are exclusive classes. 0 and 1, true and false, yes and no are known in any spelling;
    /// - the same with a column of 0 and 1 for each group instead of the labels. Where each row has exactly one 1, the groups
    ///   are exclusive classes; a single such column `cat` stands for the two groups `not cat` and `cat`;
    /// - a zip or tar archive of any of these, the tar gzip-compressed or not, or a path in one: `photos.zip/holidays`. It is read
    ///   in place; a single folder around all else is passed through.
    ///
    /// Pixels are not looked at, but those of arrays. What is left out is listed in [`Self::skipped`].
    ///
    /// # Errors
    /// A [`DataError`] that names the path, what was found and what to do.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Self, DataError> {
        let (files, root) = Files::find(path, &options.limits)?;
        let mut dataset = Self::open_layout(&Location { files, root, limits: options.limits }, options)?;
        dataset.skipped.extend_from_slice(dataset.files.clone().skipped());
        if let Some(expression) = &options.group_by {
            // A CSV may have found a column of that name.
            if dataset.series.is_none() {
                dataset = dataset.with_series_by_name(expression)?;
            }
        }
        match &options.corrections {
            Some(path) => dataset.with_corrections(&Corrections::read(path)?),
            None => Ok(dataset),
        }
    }

    fn open_layout(location: &Location, options: &OpenOptions) -> Result<Self, DataError> {
        let Location { files, root, .. } = location;
        if files.is_file(root) {
            return if table::is_list(root) {
                table::open(location, root, options)
            } else {
                Err(DataError::NotAFolder { path: root.clone() })
            };
        }
        let here = files.files_in(root)?;
        if let Some(list) =
            here.iter().find(|file| has_name(file, "labels.csv") || has_name(file, "labels.tsv"))
        {
            return table::open(location, list, options);
        }
        let dataset = if let Some(found) = idx::find(root, &here)? {
            idx::open(location, &found)?
        } else if let Some(found) = cifar::find(root, &here)? {
            cifar::open(location, &found)?
        } else {
            folders::open(location, options.labels_from_name)?
        };
        if !options.table.is_default() {
            return Err(dataset.idle("a column, separator or header of a CSV", "a CSV"));
        }
        if options.labels_from_name && !matches!(dataset.layout, Layout::ClassFolders | Layout::PartFolders) {
            return Err(dataset.idle("--labels-from-name", "folders of groups"));
        }
        Ok(dataset)
    }

    /// A dataset of which nothing was left out.
    fn new(
        location: &Location,
        layout: Layout,
        label_kind: LabelKind,
        classes: Classes,
        samples: Vec<Sample>,
    ) -> Self {
        Self {
            files: location.files.clone(),
            root: location.root.clone(),
            base: location.root.clone(),
            limits: location.limits,
            layout,
            label_kind,
            classes: classes.into_names(),
            samples,
            arrays: Vec::new(),
            skipped: Vec::new(),
            other_files: BTreeMap::new(),
            conversions: Vec::new(),
            series: None,
            stays_itself_mirrored: OnceLock::new(),
        }
    }

    fn idle(&self, option: &'static str, meant: &'static str) -> DataError {
        DataError::Idle { path: self.root.clone(), option, meant, found: self.layout.described() }
    }

    /// The path it was opened from.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What its files may ask for.
    pub fn limits(&self) -> Limits {
        self.limits
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

    /// The size `(height, width)` and channels of images that all have the same, as arrays have; `None` for image files.
    pub fn array_shape(&self) -> Option<(usize, usize, Channels)> {
        self.arrays.first().map(|array| (array.height, array.width, array.channels))
    }

    /// The channels that its pictures are stored in: grey where all are, as far as their files' headers can be read, else RGB. The
    /// headers are read until one has colour.
    pub fn channels(&self) -> Channels {
        if let Some((_, _, channels)) = self.array_shape() {
            return channels;
        }
        let mut colours = (0..self.samples.len()).filter_map(|sample| Some(self.header(sample)?.channels));
        match colours.next() {
            Some(Channels::Grey) if colours.all(|channels| channels == Channels::Grey) => Channels::Grey,
            _ => Channels::Rgb,
        }
    }

    /// Height and width of pictures, as stored, of so many samples at the most, spread evenly over all. Files whose headers cannot be read are passed
    /// over.
    pub fn sizes(&self, most: usize) -> Vec<(usize, usize)> {
        let looked_at = self.samples.len().min(most);
        if let Some((height, width, _)) = self.array_shape() {
            return vec![(height, width); looked_at];
        }
        let headers = (0..looked_at).filter_map(|index| self.header(index * self.samples.len() / looked_at));
        headers.map(|header| (header.height as usize, header.width as usize)).collect()
    }

    /// Whether mirrored pictures look like their own group; up to 3,000 small pictures are looked at when this is first asked.
    pub(crate) fn stays_itself_mirrored(&self) -> bool {
        *self.stays_itself_mirrored.get_or_init(|| alike::mirrored_look_alike(self))
    }

    /// What a sample's file says before its pixels; none where it cannot be read, and of an item of an array.
    fn header(&self, sample: usize) -> Option<Header> {
        match self.read(sample).ok()? {
            Stored::File(bytes) => decode::header(&bytes, &self.limits).ok(),
            Stored::Pixels(_) => None,
        }
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

    /// What a sample is called in lists: its path relative to the root (or to the CSV's folder), or `FILE#ITEM` for an item of an array.
    ///
    /// # Panics
    /// If the index is out of range.
    pub fn sample_name(&self, sample: usize) -> Cow<'_, OsStr> {
        match &self.samples[sample].source {
            Source::File(path) => Cow::Borrowed(path.strip_prefix(&self.base).unwrap_or(path).as_os_str()),
            Source::Item { array, item } => Cow::Owned(self.arrays[*array].item_name(*item)),
        }
    }

    /// The path of a sample's file; for an item of an array `PATH#ITEM`, which is no file but says where to look.
    ///
    /// # Panics
    /// If the index is out of range.
    pub fn sample_path(&self, sample: usize) -> PathBuf {
        match &self.samples[sample].source {
            Source::File(path) => path.clone(),
            Source::Item { array, item } => self.base.join(self.arrays[*array].item_name(*item)),
        }
    }

    /// Reads a sample's picture from where it is.
    ///
    /// # Errors
    /// An [`ImageError`] that names the file.
    ///
    /// # Panics
    /// If the index is out of range.
    pub fn read(&self, sample: usize) -> Result<Stored, ImageError> {
        match &self.samples[sample].source {
            Source::File(path) => match self.files.read(path, self.limits.max_file_bytes) {
                Ok(bytes) => Ok(Stored::File(bytes)),
                Err(fault) => Err(ImageError { path: path.clone(), fault: fault.into() }),
            },
            Source::Item { array, item } => Ok(Stored::Pixels(self.arrays[*array].pixels(*item))),
        }
    }

    /// Decodes a sample and fits it to the recipe's size.
    ///
    /// # Errors
    /// An [`ImageError`] that names the file.
    ///
    /// # Panics
    /// If the index is out of range.
    pub fn load(&self, sample: usize, recipe: &Preprocess) -> Result<Pixels, ImageError> {
        let pixels = self.decode(sample, self.read(sample)?, recipe)?;
        Ok(recipe.fit_pixels(pixels))
    }

    /// Decodes a sample that was read, upright and at its own size.
    pub(crate) fn decode(
        &self,
        sample: usize,
        stored: Stored,
        recipe: &Preprocess,
    ) -> Result<Pixels, ImageError> {
        match stored {
            Stored::File(bytes) => {
                recipe.decode(&bytes, &self.limits).map_err(|fault| self.image_error(sample, fault))
            }
            Stored::Pixels(pixels) => Ok(pixels),
        }
    }

    /// As [`Self::decode`], and of the recipe's channels, but pixels may be decoded when they are wanted.
    pub(crate) fn open_picture(
        &self,
        sample: usize,
        recipe: &Preprocess,
    ) -> Result<Picture<'static>, ImageError> {
        match self.read(sample)? {
            Stored::File(bytes) => {
                recipe.open(bytes, &self.limits).map_err(|fault| self.image_error(sample, fault))
            }
            Stored::Pixels(pixels) => Ok(Picture::of(pixels.into_channels(recipe.channels()))),
        }
    }

    /// What is wrong with a sample's picture, with its path.
    pub(crate) fn image_error(&self, sample: usize, fault: ImageFault) -> ImageError {
        ImageError { path: self.sample_path(sample), fault }
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
        match self.files.subfolders(&inner) {
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
        self.class_index(positive)
    }

    /// The place of a group or label among the classes.
    ///
    /// # Errors
    /// [`DataError::UnknownClass`] for another name, with what there is.
    pub fn class_index(&self, name: &str) -> Result<usize, DataError> {
        let found = self.classes.iter().position(|class| class == name);
        found.ok_or_else(|| self.unknown_class(name, &self.classes))
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

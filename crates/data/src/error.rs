//! What can go wrong between a path and a batch.

use crate::decode::ImageError;
use crate::preprocess::PreprocessError;
use divvy_rules::Diagnostic;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// A file or folder that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file or folder.
    pub path: PathBuf,
    /// Why it is left out, as a phrase that follows the path: `is not there (labels.csv, line 3)`.
    pub reason: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path.display(), self.reason)
    }
}

/// Why a dataset cannot be opened, split or loaded. Each message names the path, what was found and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The path does not exist.
    #[error("{}: there is no such file or folder; check the path", path.display())]
    NoSuchPath {
        /// The path as given.
        path: PathBuf,
    },
    /// A file stands where a folder or a CSV is wanted.
    #[error("{}: this is a file; give a folder whose subfolders are the groups, a .csv or .tsv file, or a zip or tar of either", path.display())]
    NotAFolder {
        /// The path as given.
        path: PathBuf,
    },
    /// A folder or a list could not be read from disk.
    #[error("{}: cannot be read: {source}; check that it exists and may be read", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written; what stood at its path before is untouched.
    #[error(
        "{}: cannot be written: {source}; free some space or choose another place, the file there is as it was",
        path.display()
    )]
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing under the path looks like an image.
    #[error("{}: no images found{found}; images end in .jpg, .png, .bmp, .gif, .webp or .tif", path.display())]
    NoImages {
        /// The folder or list.
        path: PathBuf,
        /// What is there instead, empty or beginning with a space: ` (3 txt files)`.
        found: String,
    },
    /// Images lie directly in the folder, so nothing says which group they belong to.
    #[error(
        "{}: {loose} images lie directly in this folder and none in subfolders; make a subfolder for each group, or a labels.csv with the columns file,labels",
        path.display()
    )]
    NoGroups {
        /// The folder.
        path: PathBuf,
        /// How many images lie in it.
        loose: usize,
    },
    /// The folders are called training, validation or test parts, and hold images but no groups.
    #[error(
        "{}: the images in {found} lie in no group's folder, so nothing says what they show; make a subfolder for each group in each part, or, if these are the groups, rename them",
        path.display()
    )]
    UnlabelledParts {
        /// The folder.
        path: PathBuf,
        /// The names of the folders in it that hold images, joined by `and`.
        found: String,
    },
    /// One group alone cannot be told from others.
    #[error("{}: only one group ({group}) holds images; at least two are needed{hint}", path.display())]
    OneGroup {
        /// The folder or list.
        path: PathBuf,
        /// The group that is there.
        group: String,
        /// What may be meant instead, empty or beginning with `;`.
        hint: String,
    },
    /// A group too small to train and validate on.
    #[error(
        "{}: the group {group} has {images} {place}, at least 2 are needed; add images to it, or remove the group{hint}",
        path.display(), place = if *images == 1 { "image to train on" } else { "images to train on" }
    )]
    SmallGroup {
        /// The folder or list.
        path: PathBuf,
        /// The group.
        group: String,
        /// How many images it has for training.
        images: usize,
        /// A group with a similar name, empty or beginning with a space.
        hint: String,
    },
    /// There is a test or validation part, but nothing to train on.
    #[error("{}: there are {found} parts but no training part; name the folder to train on `train`", path.display())]
    NoTrainingPart {
        /// The folder.
        path: PathBuf,
        /// The parts that are there.
        found: String,
    },
    /// Not one of the images to validate on can be used, or there is none.
    #[error(
        "{}: {}, so no epoch can be told from another; replace them",
        path.display(),
        match *images {
            0 => "there is no image to validate on that is not a copy of another".to_owned(),
            1 => "the one validation image cannot be used".to_owned(),
            images => format!("none of the {images} validation images can be used"),
        }
    )]
    NoValidation {
        /// The folder or list.
        path: PathBuf,
        /// How many there are.
        images: usize,
    },
    /// A group whose name cannot be stored as text.
    #[error("{}: the folder's name is not valid UTF-8, so it cannot name a group; rename it", path.display())]
    GroupName {
        /// The folder.
        path: PathBuf,
    },
    /// A zip or tar archive that cannot be read.
    #[error("{}: {fault}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What was found and what to do.
        fault: String,
    },
    /// An MNIST-style idx file that does not hold what it should.
    #[error("{}: {fault}", path.display())]
    Idx {
        /// The idx file, or the folder it should be in.
        path: PathBuf,
        /// What was found and what to do.
        fault: String,
    },
    /// A set of CIFAR in its binary version that does not hold what it should.
    #[error("{}: {fault}", path.display())]
    Cifar {
        /// The file, or the folder it should be in.
        path: PathBuf,
        /// What was found and what to do.
        fault: String,
    },
    /// What was asked for is of no use for data of that kind.
    #[error("{}: {option} is for {meant}, and this is {found}; leave it out", path.display())]
    Idle {
        /// The data.
        path: PathBuf,
        /// What was asked for.
        option: &'static str,
        /// What it is for.
        meant: &'static str,
        /// What the data is.
        found: &'static str,
    },
    /// What is to tell which pictures belong together does not.
    #[error(
        "{}: the pictures cannot be grouped by `{by}`: {fault}; give the name of a CSV's column, or a regular expression whose first group tells in each file's name, such as ([^/]+)_[^_/]*$",
        path.display()
    )]
    Series {
        /// The data.
        path: PathBuf,
        /// What was to tell.
        by: String,
        /// What is wrong with it.
        fault: String,
    },
    /// Labels are to be read from folders' names, of which none holds several.
    #[error(
        "{}: no group's name holds several labels joined by `_`, as in red_dress; leave out --labels-from-name, or rename the folders",
        path.display()
    )]
    NoLabelsInNames {
        /// The folder.
        path: PathBuf,
    },
    /// A CSV that does not hold what it should.
    #[error("{}: {}{fault}", path.display(), line_prefix(*line))]
    Table {
        /// The CSV file.
        path: PathBuf,
        /// The line, counted from 1; 0 where the whole file is meant.
        line: u64,
        /// What was found and what to do.
        fault: String,
    },
    /// Labels that cannot be read, by a rule of labels ([`divvy_rules::Rule::Y01`], [`divvy_rules::Rule::Y02`]).
    #[error(transparent)]
    Label(#[from] Box<Diagnostic>),
    /// A group of the data that a model or list does not know.
    #[error("{}: the group {group} is not one of {known}{hint}", path.display())]
    UnknownClass {
        /// The folder or list.
        path: PathBuf,
        /// The group found.
        group: String,
        /// The groups known, separated by commas.
        known: String,
        /// A known group with a similar name, empty or beginning with `;`.
        hint: String,
    },
    /// A positive group where no group is one.
    #[error(
        "{}: {positive} cannot be the positive group of {classes}; only of two groups that exclude each other one is, so leave it out",
        path.display()
    )]
    NoPositive {
        /// The folder or list.
        path: PathBuf,
        /// The group named.
        positive: String,
        /// How many groups or labels there are.
        classes: usize,
    },
    /// A share for validation that leaves one side empty.
    #[error(
        "a validation share of {fraction} cannot be used; give a number above 0 and below 1, such as 0.2"
    )]
    Fraction {
        /// The share asked for.
        fraction: f64,
    },
    /// A fold that there is not.
    #[error("there is no fold {number} of {of}; give {least} to {most} folds, such as 5", least = crate::Fold::LEAST, most = crate::Fold::MOST)]
    Fold {
        /// Which, from 1.
        number: usize,
        /// How many folds there were to be.
        of: usize,
    },
    /// Too few images to be dealt into folds.
    #[error(
        "{}: {images} images that are no copies of each other and belong to no common group cannot be dealt into {folds} folds; \
         give fewer folds, or add images",
        path.display()
    )]
    Folds {
        /// The folder or list.
        path: PathBuf,
        /// The folds asked for.
        folds: usize,
        /// Images that are no copies of each other.
        images: usize,
    },
    /// One image could not be loaded.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// More than a tenth of the images are bad: a sign that something is wrong with the set as a whole.
    #[error(
        "{}: {bad} of {total} images cannot be used, more than a tenth; replace or remove them. The first: {examples}",
        path.display()
    )]
    TooManyUnreadable {
        /// The folder or list.
        path: PathBuf,
        /// How many could not be used.
        bad: usize,
        /// How many were tried.
        total: usize,
        /// The first few, each with its reason.
        examples: String,
    },
    /// Preprocessing that cannot be carried out.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl DataError {
    /// The broken rule that the error is about, if it is about one.
    pub fn finding(&self) -> Option<&Diagnostic> {
        match self {
            Self::Label(finding) => Some(finding),
            _ => None,
        }
    }

    /// What the system said, of a file that cannot be written; for whoever names the file.
    pub fn into_io(self) -> io::Error {
        match self {
            Self::Write { source, .. } => source,
            other => io::Error::other(other),
        }
    }
}

fn line_prefix(line: u64) -> String {
    if line == 0 { String::new() } else { format!("line {line}: ") }
}

/// How many examples of a kind an error lists.
const EXAMPLES: usize = 3;

/// The first few of `items`, separated by semicolons.
pub(crate) fn examples<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let shown: Vec<String> = items.into_iter().take(EXAMPLES).map(|item| item.to_string()).collect();
    shown.join("; ")
}

/// True where more than a tenth of the images are bad, the share beyond which a set is refused as a whole.
pub(crate) fn too_many_bad(bad: usize, total: usize) -> bool {
    bad * 10 > total
}

/// The known name most like `name`, if any is like it.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a String>) -> Option<&'a String> {
    known
        .into_iter()
        .filter(|other| *other != name)
        .map(|other| (strsim::jaro_winkler(&name.to_lowercase(), &other.to_lowercase()), other))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}

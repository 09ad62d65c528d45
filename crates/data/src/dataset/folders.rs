//! Folders whose subfolders are the groups, and parts of such folders.

use super::classes::Classes;
use super::{Dataset, LabelKind, Layout, Location, Part, Sample, Source};
use crate::error::{DataError, Skipped};
use crate::files::{self, Files, ImageListing};
use crate::natural::natural_cmp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A subfolder of the root and all images in it.
struct Folder {
    path: PathBuf,
    part: Option<Part>,
    listing: ImageListing,
    /// The names of its subfolders that hold images, lower case.
    groups: BTreeSet<String>,
    /// Images that lie in the folder itself rather than in its subfolders.
    loose: usize,
}

impl Folder {
    fn read(files: &Files, path: PathBuf) -> Self {
        let part = path.file_name().and_then(|name| name.to_str()).and_then(Part::from_name);
        let listing = files.list(&path);
        let (mut groups, mut loose) = (BTreeSet::new(), 0);
        for image in &listing.images {
            match group_of(image, &path) {
                Some(group) => _ = groups.insert(lower_case_name(&group)),
                None => loose += 1,
            }
        }
        Self { path, part, listing, groups, loose }
    }

    fn is_empty(&self) -> bool {
        self.listing.images.is_empty()
    }

    /// True where its name is a part's and it has subfolders with images, which then may be the groups.
    fn is_divided(&self) -> bool {
        self.part.is_some() && !self.groups.is_empty()
    }

    /// True where the validation or test parts, whose groups `named` are, name it among them, and it is none of those itself.
    fn is_group_of(&self, named: &BTreeSet<String>) -> bool {
        let holds_out = self.is_divided() && self.part != Some(Part::Train);
        !holds_out && named.contains(&lower_case_name(&self.path))
    }
}

/// What the subfolders of the root are.
enum Arrangement {
    /// Each is a group.
    Groups,
    /// Those that are called so are parts, what lies beside them is left out.
    Parts,
    /// Some are validation or test parts; the others are the groups of the training part.
    PartsBesideGroups {
        /// The parts' groups, lower case.
        named: BTreeSet<String>,
    },
}

impl Arrangement {
    /// What a folder is: part of the data, or a group (`None`).
    fn part_of(&self, folder: &Folder) -> Option<Part> {
        match self {
            Self::Groups => None,
            Self::Parts => folder.part,
            // Beside `bus` and a test part with `bus` and `train`, `train` is a group.
            Self::PartsBesideGroups { named } => folder.part.filter(|_| !folder.is_group_of(named)),
        }
    }
}

/// Images by group name, with the part they come in. Groups without images are there, too.
type Groups = BTreeMap<(Option<Part>, String), Vec<PathBuf>>;

/// What reading the folders gathers.
#[derive(Default)]
struct Findings {
    groups: Groups,
    skipped: Vec<Skipped>,
    other_files: BTreeMap<String, usize>,
}

/// Opens class folders, divided into parts or not. A group's name is its label, or `several_labels_joined`.
pub(super) fn open(location: &Location, labels_from_name: bool) -> Result<Dataset, DataError> {
    let Location { files, root, .. } = location;
    let folders: Vec<Folder> =
        files.subfolders(root)?.into_iter().map(|folder| Folder::read(files, folder)).collect();
    let mut findings = Findings::default();
    let loose = findings.note_loose_files(location)?;
    findings.note_listings(&folders);

    if folders.iter().all(Folder::is_empty) {
        if loose > 0 {
            return Err(DataError::NoGroups { path: root.clone(), loose });
        }
        let others = ImageListing { others: findings.other_files, ..ImageListing::default() };
        return Err(DataError::NoImages { path: root.clone(), found: others.describe_others() });
    }
    let arrangement = arrange(&folders);
    if let Some(error) = unlabelled_parts(root, &folders) {
        return Err(error);
    }
    for folder in folders {
        match (&arrangement, arrangement.part_of(&folder)) {
            (_, Some(part)) => findings.add_part(files, part, folder)?,
            (Arrangement::Parts, None) => findings.leave_out(&folder),
            (Arrangement::Groups, None) => findings.add_group(None, &folder.path, folder.listing.images)?,
            (Arrangement::PartsBesideGroups { .. }, None) => {
                findings.add_group(Some(Part::Train), &folder.path, folder.listing.images)?;
            }
        }
    }
    let layout = match arrangement {
        Arrangement::Groups => Layout::ClassFolders,
        Arrangement::Parts | Arrangement::PartsBesideGroups { .. } => Layout::PartFolders,
    };
    findings.into_dataset(location, layout, labels_from_name)
}

/// Decides whether subfolders are parts or groups. A group may well be called `train` (beside `bus`), so a name alone makes no
/// part: it takes subfolders with images, and something else that speaks for parts. To take a test part for a group would be to
/// train on it.
fn arrange(folders: &[Folder]) -> Arrangement {
    let with_images: Vec<&Folder> = folders.iter().filter(|folder| !folder.is_empty()).collect();
    let divided: Vec<&Folder> = with_images.iter().copied().filter(|folder| folder.is_divided()).collect();
    if divided.is_empty() {
        return Arrangement::Groups;
    }
    // A stray picture does not turn the training part into a group, nor does an odd subfolder turn a group into a part.
    let is_training = |folder: &&Folder| {
        folder.part == Some(Part::Train) && folder.loose * 2 <= folder.listing.images.len()
    };
    if divided.iter().any(is_training) {
        return Arrangement::Parts;
    }
    let named: BTreeSet<String> = divided
        .iter()
        .filter(|folder| folder.part != Some(Part::Train))
        .flat_map(|folder| folder.groups.iter().cloned())
        .collect();
    if with_images.iter().any(|folder| folder.is_group_of(&named)) {
        return Arrangement::PartsBesideGroups { named };
    }
    let kinds: BTreeSet<Part> = with_images.iter().filter_map(|folder| folder.part).collect();
    let all_are_called_parts = with_images.iter().all(|folder| folder.part.is_some());
    if kinds.len() > 1 || all_are_called_parts { Arrangement::Parts } else { Arrangement::Groups }
}

/// The complaint about folders that all are called parts and hold no groups: as groups they would be told apart by what they
/// are for, and the test part would be trained on.
fn unlabelled_parts(root: &Path, folders: &[Folder]) -> Option<DataError> {
    let with_images = || folders.iter().filter(|folder| !folder.is_empty());
    if with_images().any(|folder| folder.part.is_none() || folder.is_divided()) {
        return None;
    }
    let names: Vec<String> = with_images()
        .filter_map(|folder| folder.path.file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    Some(DataError::UnlabelledParts { path: root.to_owned(), found: names.join(" and ") })
}

impl Findings {
    /// Notes the files directly in the root and returns how many of them are images.
    fn note_loose_files(&mut self, location: &Location) -> Result<usize, DataError> {
        let mut loose = 0;
        for file in location.files.files_in(&location.root)? {
            if files::image_extension(&file).is_some() {
                loose += 1;
                self.skip(file, "lies in no group's folder");
            } else {
                *self.other_files.entry(files::extension(&file)).or_default() += 1;
            }
        }
        Ok(loose)
    }

    fn note_listings(&mut self, folders: &[Folder]) {
        for folder in folders {
            self.skipped.extend(folder.listing.skipped.iter().cloned());
            for (extension, n) in &folder.listing.others {
                *self.other_files.entry(extension.clone()).or_default() += n;
            }
        }
    }

    fn skip(&mut self, path: PathBuf, reason: impl Into<String>) {
        self.skipped.push(Skipped { path, reason: reason.into() });
    }

    fn leave_out(&mut self, folder: &Folder) {
        if !folder.is_empty() {
            let images = folder.listing.images.len();
            self.skip(
                folder.path.clone(),
                format!("is neither a training, validation nor test part; {images} images left out"),
            );
        }
    }

    /// Adds the groups of a part. Images directly in it have no label.
    fn add_part(&mut self, files: &Files, part: Part, folder: Folder) -> Result<(), DataError> {
        let mut by_group: BTreeMap<PathBuf, Vec<PathBuf>> =
            files.subfolders(&folder.path)?.into_iter().map(|group| (group, Vec::new())).collect();
        let mut loose = 0;
        for image in folder.listing.images {
            match group_of(&image, &folder.path) {
                Some(group) => by_group.entry(group).or_default().push(image),
                None => loose += 1,
            }
        }
        if loose > 0 {
            self.skip(
                folder.path,
                format!("holds {loose} images that lie in no group's folder; they have no label"),
            );
        }
        by_group.into_iter().try_for_each(|(group, images)| self.add_group(Some(part), &group, images))
    }

    fn add_group(
        &mut self,
        part: Option<Part>,
        folder: &Path,
        images: Vec<PathBuf>,
    ) -> Result<(), DataError> {
        let name = folder.file_name().unwrap_or_default();
        let Some(name) = name.to_str() else {
            return Err(DataError::GroupName { path: folder.to_owned() });
        };
        self.groups.entry((part, name.to_owned())).or_default().extend(images);
        Ok(())
    }

    fn into_dataset(
        mut self,
        location: &Location,
        layout: Layout,
        labels_from_name: bool,
    ) -> Result<Dataset, DataError> {
        let naming = if labels_from_name { Naming::Labels } else { Naming::Class };
        let names: BTreeSet<String> = self.groups.keys().map(|(_, name)| name.clone()).collect();
        if labels_from_name && !names.iter().any(|name| naming.labels(name).len() > 1) {
            return Err(DataError::NoLabelsInNames { path: location.root.clone() });
        }
        let classes = Classes::new(names.iter().flat_map(|name| naming.labels(name)).collect());
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort_by(|a, b| natural_cmp(a, b));
        let mut samples = Vec::with_capacity(self.groups.values().map(Vec::len).sum());
        let parts: BTreeSet<Option<Part>> = self.groups.keys().map(|(part, _)| *part).collect();
        for part in parts {
            for name in &names {
                let label = classes.label(naming.kind(), &naming.labels(name));
                // Moved: copies of so many names would leave the memory of the first full of holes.
                let images = self.groups.remove(&(part, name.clone())).unwrap_or_default();
                let sample = |path| Sample { source: Source::File(path), label: label.clone(), part };
                samples.extend(images.into_iter().map(sample));
            }
        }
        let conversions =
            labels_from_name.then(|| "the names of the folders were read as labels joined by `_`".to_owned());
        Ok(Dataset {
            skipped: self.skipped,
            other_files: self.other_files,
            conversions: conversions.into_iter().collect(),
            ..Dataset::new(location, layout, naming.kind(), classes, samples)
        })
    }
}

/// What a folder's name says.
#[derive(Debug, Clone, Copy)]
enum Naming {
    /// The one class.
    Class,
    /// Labels, joined by `_`.
    Labels,
}

impl Naming {
    fn labels(self, name: &str) -> Vec<String> {
        match self {
            Self::Class => vec![name.to_owned()],
            Self::Labels => {
                name.split('_').map(str::trim).filter(|label| !label.is_empty()).map(str::to_owned).collect()
            }
        }
    }

    fn kind(self) -> LabelKind {
        match self {
            Self::Class => LabelKind::Classes,
            Self::Labels => LabelKind::MultiLabel,
        }
    }
}

/// The subfolder of `part` that `image` lies in, at any depth.
fn group_of(image: &Path, part: &Path) -> Option<PathBuf> {
    let mut inner = image.strip_prefix(part).ok()?.components();
    let first = inner.next()?;
    inner.next()?;
    Some(part.join(first))
}

fn lower_case_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().to_lowercase()
}

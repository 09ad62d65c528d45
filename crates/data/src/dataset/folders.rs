//! Folders whose subfolders are the groups, and parts of such folders.

use super::classes::Classes;
use super::{Dataset, Label, LabelKind, Layout, Part, Sample, Source};
use crate::error::{DataError, Skipped};
use crate::files::{self, ImageListing};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A subfolder of the root and all images in it.
struct Folder {
    path: PathBuf,
    part: Option<Part>,
    listing: ImageListing,
}

impl Folder {
    fn read(path: PathBuf) -> Self {
        let part = path.file_name().and_then(|name| name.to_str()).and_then(Part::from_name);
        Self { part, listing: files::list(&path), path }
    }

    fn is_empty(&self) -> bool {
        self.listing.images.is_empty()
    }

    /// Images that lie in the folder itself rather than in its subfolders.
    fn loose(&self) -> usize {
        self.listing.images.iter().filter(|image| image.parent() == Some(&self.path)).count()
    }

    /// True where its name is a part's and its images all lie in subfolders, which then are the groups.
    fn is_part_of_groups(&self) -> bool {
        self.part.is_some() && !self.is_empty() && self.loose() == 0
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

/// Opens class folders, divided into parts or not.
pub(super) fn open(root: &Path) -> Result<Dataset, DataError> {
    let folders: Vec<Folder> = files::subfolders(root)?.into_iter().map(Folder::read).collect();
    let mut findings = Findings::default();
    let loose = findings.note_loose_files(root)?;
    findings.note_listings(&folders);

    if folders.iter().all(Folder::is_empty) {
        if loose > 0 {
            return Err(DataError::NoGroups { path: root.to_owned(), loose });
        }
        let others = ImageListing { others: findings.other_files, ..ImageListing::default() };
        return Err(DataError::NoImages { path: root.to_owned(), found: others.describe_others() });
    }
    let layout = if are_parts(&folders) { Layout::PartFolders } else { Layout::ClassFolders };
    for folder in folders {
        match (layout, folder.part) {
            (Layout::PartFolders, Some(part)) => findings.add_part(part, folder)?,
            (Layout::PartFolders, None) => findings.leave_out(&folder),
            _ => findings.add_group(None, &folder.path, folder.listing.images)?,
        }
    }
    Ok(findings.into_dataset(root, layout))
}

/// Decides whether subfolders are parts or groups. A group may well be called `train` (beside `bus`), so a training part
/// must hold its images in subfolders; without one, every folder with images must be a part.
fn are_parts(folders: &[Folder]) -> bool {
    let mut with_images = folders.iter().filter(|folder| !folder.is_empty());
    let trains = folders.iter().any(|folder| folder.part == Some(Part::Train) && folder.is_part_of_groups());
    trains
        || (with_images.all(|folder| folder.part.is_some()) && folders.iter().any(Folder::is_part_of_groups))
}

impl Findings {
    /// Notes the files directly in the root and returns how many of them are images.
    fn note_loose_files(&mut self, root: &Path) -> Result<usize, DataError> {
        let mut loose = 0;
        for file in files::files_in(root)? {
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
    fn add_part(&mut self, part: Part, folder: Folder) -> Result<(), DataError> {
        let mut by_group: BTreeMap<PathBuf, Vec<PathBuf>> =
            files::subfolders(&folder.path)?.into_iter().map(|group| (group, Vec::new())).collect();
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

    fn into_dataset(self, root: &Path, layout: Layout) -> Dataset {
        let classes = Classes::new(self.groups.keys().map(|(_, name)| name.clone()).collect());
        let mut samples = Vec::new();
        let parts: BTreeSet<Option<Part>> = self.groups.keys().map(|(part, _)| *part).collect();
        let mut groups = self.groups;
        for part in parts {
            for (class, name) in classes.names().iter().enumerate() {
                let images = groups.remove(&(part, name.clone())).unwrap_or_default();
                samples.extend(images.into_iter().map(|path| Sample {
                    source: Source::File(path),
                    label: Label::Class(class),
                    part,
                }));
            }
        }
        Dataset {
            root: root.to_owned(),
            base: root.to_owned(),
            layout,
            label_kind: LabelKind::Classes,
            classes: classes.into_names(),
            samples,
            arrays: Vec::new(),
            skipped: self.skipped,
            other_files: self.other_files,
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

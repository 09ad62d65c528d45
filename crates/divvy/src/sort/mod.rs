//! Puts pictures into a folder for each group, so that nothing is overwritten or lost whatever happens on the way.
//!
//! # What it promises
//! - A picture goes to `INTO/GROUP/NAME`, NAME being its path below the folder that is sorted. Where something is there
//!   already, it becomes `NAME-2`, `NAME-3` and so on before the extension. Nothing is ever written over.
//! - `INTO/sorted.csv` tells for each picture where it came from and where it went, in the order it happened.
//! - A sort that stops half-way, for whatever reason, is run again with the same command: what was done is not done
//!   twice, what was not is, and no picture is missing from both places at any moment.
//!
//! # How
//! Pictures are placed one after the other. A line of the record is written *before* its picture is touched, and
//! the next line only once the picture is in its place. So of an interrupted sort only the last line is in doubt, and looking at the
//! two files it names settles it (see [`Sorter::open`]). A name is taken by creating an empty file that must not exist yet; the picture
//! is then moved over it in one step of the file system, a copy having been completed and brought to disk under
//! another name first.
//!
//! # There and back
//! Suspect pictures are set aside the same way ([`Sorter::set_aside`]), with the record `INTO/set-aside.csv`. [`PutBack`] takes the
//! lines from the last to the first, moves each picture back and then drops its line, so that again only the last line is
//! ever in doubt.
//!
//! ```
//! use divvy::sort::{Mode, Sorter};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let (photos, into) = (folder.path().join("photos"), folder.path().join("sorted"));
//! # std::fs::create_dir(&photos)?;
//! # std::fs::write(photos.join("a.jpg"), "picture")?;
//! let (mut sorter, gathered) = Sorter::open(&photos, &into, Mode::Copy)?;
//! for item in &gathered.pending {
//!     sorter.place(item, "cats", "cats", Some(0.97))?;
//! }
//! assert!(into.join("cats/a.jpg").exists());
//! # Ok(())
//! # }
//! ```

mod back;
mod disk;
mod error;
mod groups;
mod names;
mod place;
mod record;
mod sorter;
mod stamp;
#[cfg(test)]
mod tests;

pub use back::{PutBack, Returned};
pub use error::SortError;
pub use groups::{GroupFolders, UNSURE};
pub use sorter::{Gathered, Item, Sorter};

/// The record of a sort, in the folder that is sorted into.
const SORTED: &str = "sorted.csv";
/// The record of pictures set aside, in the folder that they were set aside into.
const SET_ASIDE: &str = "set-aside.csv";

/// What becomes of a picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// It stays, and a copy with its time and permissions goes to the group.
    #[default]
    Copy,
    /// It goes to the group. Across disks it is copied, compared, and only then deleted.
    Move,
    /// It stays, and a second name of the same file (a hard link) goes to the group; where the disk cannot do that, as
    /// between two disks, a symbolic link.
    Link,
}

impl Mode {
    /// What is done to a picture, in the words of an error.
    fn verb(self, to: &std::path::Path) -> String {
        let verb = match self {
            Self::Copy => "copied",
            Self::Move => "moved",
            Self::Link => "linked",
        };
        format!("{verb} to {}", to.display())
    }
}

//! Sizes and margins in two dimensions.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A height and a width; `3` means `3 x 3`.
///
/// In files a whole number or the pair `[height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "OneOrTwo", into = "[usize; 2]")]
pub struct Size2d {
    /// Along rows.
    pub height: usize,
    /// Along columns.
    pub width: usize,
}

/// The spellings of a [`Size2d`] in a file.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a whole number or a pair [height, width]")]
enum OneOrTwo {
    One(usize),
    Two([usize; 2]),
}

impl From<OneOrTwo> for Size2d {
    fn from(spelling: OneOrTwo) -> Self {
        match spelling {
            OneOrTwo::One(side) => side.into(),
            OneOrTwo::Two(sides) => sides.into(),
        }
    }
}

impl From<usize> for Size2d {
    fn from(side: usize) -> Self {
        Self { height: side, width: side }
    }
}

impl From<[usize; 2]> for Size2d {
    fn from([height, width]: [usize; 2]) -> Self {
        Self { height, width }
    }
}

impl From<Size2d> for [usize; 2] {
    fn from(size: Size2d) -> Self {
        [size.height, size.width]
    }
}

impl fmt::Display for Size2d {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.height, self.width)
    }
}

/// Rows and columns around a map.
///
/// In files as in Keras: `1`, `[rows, columns]` (the same on both sides), or `[[top, bottom], [left, right]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(from = "MarginSpelling", into = "[[usize; 2]; 2]")]
pub struct Margins {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns before.
    pub left: usize,
    /// Columns after.
    pub right: usize,
}

impl Margins {
    /// The size of a `height` x `width` map with these margins around it, at most `usize::MAX`.
    pub(crate) fn around(&self, height: usize, width: usize) -> (usize, usize) {
        (
            height.saturating_add(self.top).saturating_add(self.bottom),
            width.saturating_add(self.left).saturating_add(self.right),
        )
    }
}

/// The spellings of [`Margins`] in a file.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a whole number, a pair [rows, columns] or [[top, bottom], [left, right]]"
)]
enum MarginSpelling {
    Same(usize),
    Symmetric([usize; 2]),
    Each([[usize; 2]; 2]),
}

impl From<MarginSpelling> for Margins {
    fn from(spelling: MarginSpelling) -> Self {
        match spelling {
            MarginSpelling::Same(side) => side.into(),
            MarginSpelling::Symmetric(sides) => sides.into(),
            MarginSpelling::Each(sides) => sides.into(),
        }
    }
}

impl From<usize> for Margins {
    fn from(side: usize) -> Self {
        [side, side].into()
    }
}

impl From<[usize; 2]> for Margins {
    fn from([rows, columns]: [usize; 2]) -> Self {
        [[rows, rows], [columns, columns]].into()
    }
}

impl From<[[usize; 2]; 2]> for Margins {
    fn from([[top, bottom], [left, right]]: [[usize; 2]; 2]) -> Self {
        Self { top, bottom, left, right }
    }
}

impl From<Margins> for [[usize; 2]; 2] {
    fn from(margins: Margins) -> Self {
        [[margins.top, margins.bottom], [margins.left, margins.right]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_in_files() {
        let size = |json| serde_json::from_str::<Size2d>(json).unwrap();
        assert_eq!(size("3"), Size2d { height: 3, width: 3 });
        assert_eq!(size("[3, 5]"), Size2d { height: 3, width: 5 });
        let margins = |json| serde_json::from_str::<Margins>(json).unwrap();
        assert_eq!(margins("1"), Margins { top: 1, bottom: 1, left: 1, right: 1 });
        assert_eq!(margins("[1, 2]"), Margins { top: 1, bottom: 1, left: 2, right: 2 });
        assert_eq!(margins("[[0, 1], [2, 3]]"), Margins { top: 0, bottom: 1, left: 2, right: 3 });
    }
}

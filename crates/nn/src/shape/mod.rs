//! Shapes of one sample, and how a sliding window changes them.

mod size;
mod window;

pub use size::{Margins, Size2d};
pub use window::{Geometry, Padding, Window};

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::ShapeError;

/// The shape of one sample, without the batch.
///
/// Written as in Keras, with the batch as `None`: `(None, 64, 64, 3)`. In files it is the list `[64, 64, 3]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<usize>", into = "Vec<usize>")]
pub enum Shape {
    /// A picture or feature map, stored channels last.
    Map {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// Values at each position.
        channels: usize,
    },
    /// A plain list of numbers.
    Vector {
        /// How many numbers.
        features: usize,
    },
}

impl Shape {
    /// The most values one sample may have at any point of a network: 2²⁸, which is 1 GiB of `f32`.
    pub const MAX_LEN: usize = 1 << 28;

    /// A feature map.
    ///
    /// # Errors
    /// [`ShapeError::TooLarge`] or [`ShapeError::Empty`] when the size is not between 1 and [`Shape::MAX_LEN`].
    pub fn map(height: usize, width: usize, channels: usize) -> Result<Self, ShapeError> {
        Self::Map { height, width, channels }.checked()
    }

    /// A vector.
    ///
    /// # Errors
    /// As [`Shape::map`].
    pub fn vector(features: usize) -> Result<Self, ShapeError> {
        Self::Vector { features }.checked()
    }

    /// The number of values of a sample, at most `usize::MAX`.
    #[expect(clippy::len_without_is_empty, reason = "no shape of a graph is empty")]
    pub fn len(&self) -> usize {
        match *self {
            Self::Map { height, width, channels } => height.saturating_mul(width).saturating_mul(channels),
            Self::Vector { features } => features,
        }
    }

    /// The size of the last axis: what softmax, dense layers and batch norms work along.
    pub fn channels(&self) -> usize {
        match *self {
            Self::Map { channels, .. } => channels,
            Self::Vector { features } => features,
        }
    }

    /// The same shape, if a network can hold it.
    pub(crate) fn checked(self) -> Result<Self, ShapeError> {
        match self.len() {
            0 => Err(ShapeError::Empty { found: self }),
            1..=Self::MAX_LEN => Ok(self),
            _ => Err(ShapeError::TooLarge { found: self }),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Map { height, width, channels } => write!(f, "(None, {height}, {width}, {channels})"),
            Self::Vector { features } => write!(f, "(None, {features})"),
        }
    }
}

impl From<[usize; 3]> for Shape {
    fn from([height, width, channels]: [usize; 3]) -> Self {
        Self::Map { height, width, channels }
    }
}

impl From<[usize; 1]> for Shape {
    fn from([features]: [usize; 1]) -> Self {
        Self::Vector { features }
    }
}

impl From<Shape> for Vec<usize> {
    fn from(shape: Shape) -> Self {
        match shape {
            Shape::Map { height, width, channels } => vec![height, width, channels],
            Shape::Vector { features } => vec![features],
        }
    }
}

impl TryFrom<Vec<usize>> for Shape {
    type Error = ShapeError;

    fn try_from(sizes: Vec<usize>) -> Result<Self, ShapeError> {
        match *sizes.as_slice() {
            [height, width, channels] => Self::map(height, width, channels),
            [features] => Self::vector(features),
            _ => Err(ShapeError::Rank { found: sizes.len() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_print_as_keras_prints_them() {
        assert_eq!(Shape::map(64, 64, 32).unwrap().to_string(), "(None, 64, 64, 32)");
        assert_eq!(Shape::vector(10).unwrap().to_string(), "(None, 10)");
    }

    #[test]
    fn sizes_are_limited() {
        assert!(matches!(Shape::map(0, 4, 4), Err(ShapeError::Empty { .. })));
        assert!(matches!(Shape::map(usize::MAX, usize::MAX, 3), Err(ShapeError::TooLarge { .. })));
        assert!(Shape::vector(Shape::MAX_LEN).is_ok());
        assert!(Shape::vector(Shape::MAX_LEN + 1).is_err());
        assert!(serde_json::from_str::<Shape>("[1, 2]").is_err());
    }
}

//! Windows that slide over a map.

use serde::{Deserialize, Serialize};

use super::{Margins, Shape, Size2d};
use crate::error::ShapeError;
use crate::names::UnknownName;

/// What a window does at the border.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Padding {
    /// The window stays inside: output size ⌊(input − extent) / stride⌋ + 1.
    #[default]
    Valid,
    /// As many positions as a stride needs to cover the input: output size ⌈input / stride⌉. Where the padding is
    /// odd, the extra row or column is at the bottom or right, as in Keras.
    Same,
}

impl Padding {
    const ALL: [Self; 2] = [Self::Valid, Self::Same];

    /// The name in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Same => "same",
        }
    }
}

impl std::str::FromStr for Padding {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|padding| padding.name() == text)
            .ok_or_else(|| UnknownName::new("padding", text, Self::ALL.map(Self::name)))
    }
}

impl TryFrom<String> for Padding {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        text.parse()
    }
}

impl From<Padding> for String {
    fn from(padding: Padding) -> Self {
        padding.name().to_owned()
    }
}

/// A window that slides over a map: what convolutions and poolings share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Taps along each axis.
    pub size: Size2d,
    /// Steps between neighbouring positions.
    pub strides: Size2d,
    /// Steps between neighbouring taps.
    pub dilation: Size2d,
    /// What happens at the border.
    pub padding: Padding,
}

/// Where a [`Window`] stands over a map of known size.
///
/// Tap `(i, j)` of output `(y, x)` reads input row `y * stride + i * dilation - margins.top` and the column likewise;
/// outside the input it reads padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Output rows.
    pub height: usize,
    /// Output columns.
    pub width: usize,
    /// Padding around the input.
    pub margins: Margins,
}

/// One axis of a [`Geometry`].
struct Line {
    positions: usize,
    before: usize,
    after: usize,
}

impl Window {
    /// The largest size, stride or dilation of a window along an axis.
    pub const MAX_STEP: usize = 1 << 16;

    /// The distance from the first tap to the last, both included: `(size − 1) · dilation + 1`.
    pub fn extent(&self) -> Size2d {
        let along =
            |size: usize, dilation: usize| size.saturating_sub(1).saturating_mul(dilation).saturating_add(1);
        Size2d {
            height: along(self.size.height, self.dilation.height),
            width: along(self.size.width, self.dilation.width),
        }
    }

    /// Lays the window over a `height` x `width` map of `channels`.
    ///
    /// # Errors
    /// When a size, stride or dilation is 0 or above [`Window::MAX_STEP`], when the window does not fit, or when the
    /// padded map would exceed [`Shape::MAX_LEN`].
    pub fn over(&self, height: usize, width: usize, channels: usize) -> Result<Geometry, ShapeError> {
        for (setting, size) in
            [("window size", self.size), ("strides", self.strides), ("dilation", self.dilation)]
        {
            let allowed = 1..=Self::MAX_STEP;
            if !allowed.contains(&size.height) || !allowed.contains(&size.width) {
                let wanted = "each between 1 and 65,536";
                return Err(ShapeError::Setting { setting, found: size.to_string(), wanted });
            }
        }
        let extent = self.extent();
        let too_small =
            || ShapeError::WindowTooLarge { extent, found: Shape::Map { height, width, channels } };
        let rows = self.line(height, extent.height, self.strides.height).ok_or_else(too_small)?;
        let columns = self.line(width, extent.width, self.strides.width).ok_or_else(too_small)?;
        let margins =
            Margins { top: rows.before, bottom: rows.after, left: columns.before, right: columns.after };
        let (padded_height, padded_width) = margins.around(height, width);
        Shape::map(padded_height, padded_width, channels)?;
        Ok(Geometry { height: rows.positions, width: columns.positions, margins })
    }

    /// One axis; `None` when the window does not fit.
    fn line(&self, input: usize, extent: usize, stride: usize) -> Option<Line> {
        match self.padding {
            Padding::Valid => {
                let positions = input.checked_sub(extent)? / stride + 1;
                Some(Line { positions, before: 0, after: 0 })
            }
            Padding::Same => {
                let positions = input.div_ceil(stride);
                let reach = positions.checked_sub(1)?.checked_mul(stride)?.checked_add(extent)?;
                let padding = reach.saturating_sub(input);
                Some(Line { positions, before: padding / 2, after: padding - padding / 2 })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(size: usize, stride: usize, dilation: usize, padding: Padding) -> Window {
        Window { size: size.into(), strides: stride.into(), dilation: dilation.into(), padding }
    }

    /// Walks the window along an axis of `input` values with the given margins and counts where it fits.
    fn count_positions(input: usize, (before, after): (usize, usize), window: &Window) -> usize {
        let padded: Vec<usize> = (0..before + input + after).collect();
        padded
            .iter()
            .step_by(window.strides.height)
            .filter(|&&start| {
                (0..window.size.height).all(|tap| padded.get(start + tap * window.dilation.height).is_some())
            })
            .count()
    }

    proptest! {
        #[test]
        fn output_size_is_the_number_of_window_positions(
            input in 1_usize..40, size in 1_usize..8, stride in 1_usize..6, dilation in 1_usize..4,
            padding in prop_oneof![Just(Padding::Valid), Just(Padding::Same)],
        ) {
            let window = window(size, stride, dilation, padding);
            let positions = |before, after| count_positions(input, (before, after), &window);
            match window.over(input, input, 1) {
                Ok(Geometry { height, width, margins }) => {
                    prop_assert_eq!(height, positions(margins.top, margins.bottom));
                    prop_assert_eq!(width, positions(margins.left, margins.right));
                    match padding {
                        Padding::Valid => prop_assert_eq!(margins, Margins::default()),
                        Padding::Same => {
                            prop_assert_eq!(height, input.div_ceil(stride));
                            prop_assert!(margins.bottom == margins.top || margins.bottom == margins.top + 1);
                            // The least padding that does: one less loses a position.
                            if margins.bottom > 0 {
                                prop_assert!(positions(margins.top, margins.bottom - 1) < height);
                            }
                        }
                    }
                }
                Err(error) => {
                    let too_large = matches!(error, ShapeError::WindowTooLarge { .. });
                    prop_assert!(too_large);
                    prop_assert_eq!(padding, Padding::Valid);
                    prop_assert_eq!(positions(0, 0), 0);
                }
            }
        }

        #[test]
        fn absurd_windows_are_errors(
            sides in any::<[usize; 4]>(), size in any::<[usize; 2]>(), stride in any::<[usize; 2]>(),
            dilation in any::<[usize; 2]>(), same in any::<bool>(),
        ) {
            let padding = if same { Padding::Same } else { Padding::Valid };
            let window = Window { size: size.into(), strides: stride.into(), dilation: dilation.into(), padding };
            if let Ok(geometry) = window.over(sides[0], sides[1], sides[2]) {
                prop_assert!(geometry.height * geometry.width <= Shape::MAX_LEN);
            }
        }
    }

    #[test]
    fn same_padding_puts_the_extra_row_last() {
        // TensorFlow's documented example of its SAME rule: 13 inputs, filter 6, stride 5.
        let geometry = window(6, 5, 1, Padding::Same).over(13, 13, 1).unwrap();
        assert_eq!(geometry.height, 3);
        assert_eq!(geometry.margins, Margins { top: 1, bottom: 2, left: 1, right: 2 });
    }

    #[test]
    fn a_window_larger_than_the_map_says_so() {
        let error = window(3, 1, 2, Padding::Valid).over(4, 9, 3).unwrap_err();
        assert_eq!(
            error,
            ShapeError::WindowTooLarge {
                extent: 5.into(),
                found: Shape::Map { height: 4, width: 9, channels: 3 }
            }
        );
    }
}

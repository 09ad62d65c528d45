//! Windows that slide over a map.

use serde::{Deserialize, Serialize};

use super::{Margins, Shape, Size2d};
use crate::error::ShapeError;
use crate::names::UnknownName;

/// What a window does at the border.
///
/// In files `"valid"`, `"same"`, or margins: `1`, `[rows, columns]` or `[[top, bottom], [left, right]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "PaddingSpelling", into = "PaddingSpelling")]
pub enum Padding {
    /// The window stays inside: output size ⌊(input − extent) / stride⌋ + 1.
    #[default]
    Valid,
    /// As many positions as a stride needs to cover the input: output size ⌈input / stride⌉. Where the padding is
    /// odd, the extra row or column is at the bottom or right, as in Keras.
    Same,
    /// Margins given in numbers, as in PyTorch, each smaller than the window's extent: output size
    /// ⌊(input + margins − extent) / stride⌋ + 1.
    Explicit(Margins),
}

/// The spellings of a [`Padding`] in a file.
#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"valid\", \"same\", a whole number, [rows, columns] or [[top, bottom], [left, right]]"
)]
enum PaddingSpelling {
    Name(String),
    Margins(Margins),
}

impl Padding {
    /// The same margin on all four sides.
    pub fn around(margin: usize) -> Self {
        Self::Explicit(margin.into())
    }
}

impl TryFrom<PaddingSpelling> for Padding {
    type Error = UnknownName;

    fn try_from(spelling: PaddingSpelling) -> Result<Self, UnknownName> {
        match spelling {
            PaddingSpelling::Margins(margins) => Ok(Self::Explicit(margins)),
            PaddingSpelling::Name(name) => match name.as_str() {
                "valid" => Ok(Self::Valid),
                "same" => Ok(Self::Same),
                _ => Err(UnknownName::new("padding", &name, ["valid", "same"])),
            },
        }
    }
}

impl From<Padding> for PaddingSpelling {
    fn from(padding: Padding) -> Self {
        match padding {
            Padding::Valid => Self::Name("valid".to_owned()),
            Padding::Same => Self::Name("same".to_owned()),
            Padding::Explicit(margins) => Self::Margins(margins),
        }
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

/// A [`Padding`] along one axis.
#[derive(Clone, Copy)]
enum Border {
    Fixed { before: usize, after: usize },
    Same,
}

impl Padding {
    /// Along rows and along columns.
    fn borders(self) -> [Border; 2] {
        match self {
            Self::Valid => [Border::Fixed { before: 0, after: 0 }; 2],
            Self::Same => [Border::Same; 2],
            Self::Explicit(Margins { top, bottom, left, right }) => {
                [Border::Fixed { before: top, after: bottom }, Border::Fixed { before: left, after: right }]
            }
        }
    }
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
    /// When a size, stride or dilation is 0 or above [`Window::MAX_STEP`], when the window does not fit or could stand on
    /// padding alone, or when the padded map would exceed [`Shape::MAX_LEN`].
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
        self.check_margins(extent)?;
        let [along_rows, along_columns] = self.padding.borders();
        let too_small =
            || ShapeError::WindowTooLarge { extent, found: Shape::Map { height, width, channels } };
        let rows = line(height, extent.height, self.strides.height, along_rows).ok_or_else(too_small)?;
        let columns = line(width, extent.width, self.strides.width, along_columns).ok_or_else(too_small)?;
        let margins =
            Margins { top: rows.before, bottom: rows.after, left: columns.before, right: columns.after };
        let (padded_height, padded_width) = margins.around(height, width);
        Shape::map(padded_height, padded_width, channels)?;
        Ok(Geometry { height: rows.positions, width: columns.positions, margins })
    }

    /// Refuses margins in which a window could stand without seeing the map.
    fn check_margins(&self, extent: Size2d) -> Result<(), ShapeError> {
        let Padding::Explicit(Margins { top, bottom, left, right }) = self.padding else { return Ok(()) };
        if top.max(bottom) < extent.height && left.max(right) < extent.width {
            return Ok(());
        }
        Err(ShapeError::Setting {
            setting: "padding",
            found: format!("[[{top}, {bottom}], [{left}, {right}]] for a window that spans {extent}"),
            wanted: "less than the window spans on each side",
        })
    }
}

/// Lays a window along one axis; `None` when it does not fit.
fn line(input: usize, extent: usize, stride: usize, border: Border) -> Option<Line> {
    match border {
        Border::Fixed { before, after } => {
            let padded = input.checked_add(before)?.checked_add(after)?;
            let positions = padded.checked_sub(extent)? / stride + 1;
            Some(Line { positions, before, after })
        }
        Border::Same => {
            let positions = input.div_ceil(stride);
            let reach = positions.checked_sub(1)?.checked_mul(stride)?.checked_add(extent)?;
            let padding = reach.saturating_sub(input);
            Some(Line { positions, before: padding / 2, after: padding - padding / 2 })
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

    fn margins() -> impl Strategy<Value = Margins> {
        [[0_usize..4, 0..4], [0..4, 0..4]].prop_map(Margins::from)
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
            padding in prop_oneof![Just(Padding::Valid), Just(Padding::Same), margins().prop_map(Padding::Explicit)],
        ) {
            let window = window(size, stride, dilation, padding);
            let positions = |before, after| count_positions(input, (before, after), &window);
            match window.over(input, input, 1) {
                Ok(Geometry { height, width, margins }) => {
                    prop_assert_eq!(height, positions(margins.top, margins.bottom));
                    prop_assert_eq!(width, positions(margins.left, margins.right));
                    match padding {
                        Padding::Valid => prop_assert_eq!(margins, Margins::default()),
                        Padding::Explicit(given) => prop_assert_eq!(margins, given),
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
                    let extent = window.extent().height;
                    match (padding, error) {
                        (Padding::Valid, ShapeError::WindowTooLarge { .. }) => prop_assert_eq!(positions(0, 0), 0),
                        (Padding::Explicit(it), ShapeError::WindowTooLarge { .. }) => {
                            prop_assert!(positions(it.top, it.bottom) == 0 || positions(it.left, it.right) == 0);
                        }
                        (Padding::Explicit(it), ShapeError::Setting { setting: "padding", .. }) => {
                            prop_assert!([it.top, it.bottom, it.left, it.right].iter().any(|&margin| margin >= extent));
                        }
                        (_, error) => prop_assert!(false, "{}", error),
                    }
                }
            }
        }

        #[test]
        fn absurd_windows_are_errors(
            sides in any::<[usize; 4]>(), size in any::<[usize; 2]>(), stride in any::<[usize; 2]>(),
            dilation in any::<[usize; 2]>(), margins in any::<[[usize; 2]; 2]>(), kind in 0..3,
        ) {
            let padding = [Padding::Valid, Padding::Same, Padding::Explicit(margins.into())][kind as usize];
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
    fn spellings_in_files() {
        let read = |json: &str| serde_json::from_str::<Padding>(json);
        assert_eq!(read("\"same\"").unwrap(), Padding::Same);
        assert_eq!(read("1").unwrap(), Padding::around(1));
        assert_eq!(read("[1, 2]").unwrap(), Padding::Explicit([1, 2].into()));
        for padding in [Padding::Valid, Padding::Same, Padding::Explicit([[0, 1], [2, 3]].into())] {
            assert_eq!(read(&serde_json::to_string(&padding).unwrap()).unwrap(), padding);
        }
        assert!(read("\"sme\"").unwrap_err().to_string().contains("did you mean `same`?"));
        assert!(read("[1, 2, 3]").unwrap_err().to_string().contains("a whole number"));
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

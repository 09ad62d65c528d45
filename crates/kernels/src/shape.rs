//! What the shapes of several kernels have in common.

/// Rows and columns of zeros around an image, on each of its four sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Padding {
    /// Rows above the first.
    pub top: usize,
    /// Rows below the last.
    pub bottom: usize,
    /// Columns before the first.
    pub left: usize,
    /// Columns after the last.
    pub right: usize,
}

impl Padding {
    /// No padding: only windows that lie within the image (Keras's `valid`).
    pub const NONE: Self = Self { top: 0, bottom: 0, left: 0, right: 0 };
}

/// The elements of a tensor with such sides. Where no number holds them it is the largest there is, which is the length of no slice.
pub(crate) fn elements<const N: usize>(sides: [usize; N]) -> usize {
    sides.into_iter().fold(1, usize::saturating_mul)
}

/// How many windows of `window` pixels, `stride` apart, fit into `extent` pixels.
///
/// # Panics
/// When `window` or `stride` is zero.
pub(crate) fn windows(extent: usize, window: usize, stride: usize) -> usize {
    assert!(window > 0 && stride > 0, "a window of {window} pixels every {stride} pixels");
    extent.checked_sub(window).map_or(0, |room| room / stride + 1)
}

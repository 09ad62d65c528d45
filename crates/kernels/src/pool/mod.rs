//! Pooling: the maximum or the mean of windows of pixels, or of all pixels; with batch normalisation before it.

mod argmax;
mod average;
mod global;
mod max;
mod normalised;
mod pixels;
mod windows;

pub use argmax::max_pool_argmax_forward;
pub use average::{avg_pool_backward, avg_pool_forward};
pub use global::{
    global_avg_pool_backward, global_avg_pool_forward, global_max_pool_backward, global_max_pool_forward,
};
pub use max::{max_pool_backward, max_pool_forward};
pub use normalised::{NormPoolBackward, batch_norm_max_pool_backward, batch_norm_max_pool_forward};
pub use pixels::max_pool_argmax_backward;

use crate::Padding;
use crate::shape::{elements, windows};

/// Windows over a batch of maps.
///
/// Every window must hold a pixel of the map: the padding on a side is smaller than the window, and the map is not
/// empty. The functions that take a shape panic where that is not so, or a window or stride is zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PoolShape {
    /// Maps.
    pub batch: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels of input and output.
    pub channels: usize,
    /// Rows and columns of a window.
    pub window: (usize, usize),
    /// Rows and columns from a window to the next.
    pub strides: (usize, usize),
    /// Rows and columns around the input. They count neither for a maximum nor for a mean.
    pub padding: Padding,
}

impl PoolShape {
    /// Rows of the output.
    pub fn out_height(&self) -> usize {
        windows(self.padding.top + self.height + self.padding.bottom, self.window.0, self.strides.0)
    }

    /// Columns of the output.
    pub fn out_width(&self) -> usize {
        windows(self.padding.left + self.width + self.padding.right, self.window.1, self.strides.1)
    }

    /// Elements of the input.
    pub fn input_len(&self) -> usize {
        elements([self.batch, self.height, self.width, self.channels])
    }

    /// Elements of the output.
    pub fn output_len(&self) -> usize {
        elements([self.batch, self.out_height(), self.out_width(), self.channels])
    }

    /// Whether a byte can tell the pixels of a window apart.
    pub fn argmax_fits(&self) -> bool {
        self.window.0.saturating_mul(self.window.1) <= 256
    }

    fn assert_argmax_fits(&self) {
        assert!(
            self.argmax_fits(),
            "a window of {:?} has more pixels than a byte can tell apart",
            self.window
        );
    }

    pub(crate) fn assert_valid(&self) {
        let Padding { top, bottom, left, right } = self.padding;
        assert!(
            top.max(bottom) < self.window.0 && left.max(right) < self.window.1,
            "padding {:?} is not smaller than the window {:?}",
            self.padding,
            self.window
        );
        assert!(
            self.height > 0 && self.width > 0,
            "pooling a map of {} x {} pixels",
            self.height,
            self.width
        );
    }
}

#[cfg(test)]
mod tests;

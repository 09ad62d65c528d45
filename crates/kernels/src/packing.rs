//! How weights lie in memory while they are used and trained.
//!
//! A convolution or dense layer multiplies rows of `depth` inputs (kernel rows x kernel columns x input channels) with a
//! matrix of `depth` x outputs. The matrix is cut into *panels* of [`PANEL`] outputs; a panel holds, for each input
//! in turn, the weights of its outputs side by side:
//!
//! ```text
//! [group][panel][kernel row][kernel column][input channel][32 outputs]
//! ```
//!
//! The last panel of a group is filled up with zeros, which stay zero through training since their gradient is zero.
//! The layout is the same on every instruction set, so packed weights and optimizer state can move between machines.
//!
//! Depthwise convolutions (as many groups as input channels and as outputs) keep Keras's own layout, `[kernel
//! row][kernel column][channel]`: there is no sum over channels to pack for.

use crate::shape::elements;

/// Outputs in a panel: two vectors of the widest instruction set.
pub const PANEL: usize = 32;

/// How a weight tensor in Keras's layout is packed.
///
/// Keras's layouts are `[kernel height, kernel width, channels / groups, filters]` for convolutions, filters of the
/// same group side by side, and `[inputs, outputs]` for dense layers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WeightLayout {
    groups: usize,
    /// Inputs that are summed for one output.
    depth: usize,
    /// Outputs of one group.
    outputs: usize,
    packed: bool,
}

impl WeightLayout {
    /// The layout of a convolution's weights: `channels` and `filters` are those of the whole layer.
    ///
    /// # Panics
    /// When `groups` does not divide `channels` and `filters`.
    pub fn conv2d(kernel: (usize, usize), channels: usize, filters: usize, groups: usize) -> Self {
        assert!(
            groups > 0 && channels.is_multiple_of(groups) && filters.is_multiple_of(groups),
            "{groups} groups of {channels} channels and {filters} filters"
        );
        Self {
            groups,
            depth: kernel.0 * kernel.1 * (channels / groups),
            outputs: filters / groups,
            packed: !is_depthwise(channels, filters, groups),
        }
    }

    /// The layout of a dense layer's weights.
    pub fn dense(inputs: usize, outputs: usize) -> Self {
        Self { groups: 1, depth: inputs, outputs, packed: true }
    }

    /// Elements of the tensor in Keras's layout.
    pub fn keras_len(&self) -> usize {
        elements([self.groups, self.depth, self.outputs])
    }

    /// Elements of the packed tensor, zeros included.
    pub fn packed_len(&self) -> usize {
        if self.packed {
            elements([self.groups, self.outputs.div_ceil(PANEL), self.depth, PANEL])
        } else {
            self.keras_len()
        }
    }

    /// Packs a tensor in Keras's layout.
    ///
    /// # Panics
    /// When a slice has not the layout's length.
    pub fn pack(&self, keras: &[f32], packed: &mut [f32]) {
        self.check(keras, packed);
        if !self.packed {
            packed.copy_from_slice(keras);
            return;
        }
        packed.fill(0.0);
        self.for_each_run(|from, to, len| packed[to..to + len].copy_from_slice(&keras[from..from + len]));
    }

    /// The inverse of [`Self::pack`].
    ///
    /// # Panics
    /// When a slice has not the layout's length.
    pub fn unpack(&self, packed: &[f32], keras: &mut [f32]) {
        self.check(keras, packed);
        if !self.packed {
            keras.copy_from_slice(packed);
            return;
        }
        self.for_each_run(|from, to, len| keras[from..from + len].copy_from_slice(&packed[to..to + len]));
    }

    fn check(&self, keras: &[f32], packed: &[f32]) {
        assert_eq!(keras.len(), self.keras_len(), "weights in Keras's layout");
        assert_eq!(packed.len(), self.packed_len(), "packed weights");
    }

    /// Calls `run(keras index, packed index, length)` for every run of neighbouring weights.
    fn for_each_run(&self, mut run: impl FnMut(usize, usize, usize)) {
        let panels = self.outputs.div_ceil(PANEL);
        for input in 0..self.depth {
            for group in 0..self.groups {
                for panel in 0..panels {
                    let first = panel * PANEL;
                    let len = PANEL.min(self.outputs - first);
                    let from = (input * self.groups + group) * self.outputs + first;
                    let to = ((group * panels + panel) * self.depth + input) * PANEL;
                    run(from, to, len);
                }
            }
        }
    }
}

/// Whether each filter sees one channel, its own.
pub(crate) fn is_depthwise(channels: usize, filters: usize, groups: usize) -> bool {
    groups > 1 && groups == channels && groups == filters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_holds_the_outputs_of_one_input_side_by_side() {
        let layout = WeightLayout::dense(3, 34);
        let keras: Vec<f32> = (0..3 * 34).map(|i| i as f32).collect();
        let mut packed = vec![-1.0; layout.packed_len()];
        layout.pack(&keras, &mut packed);
        assert_eq!(packed.len(), 2 * 3 * 32);
        let (input, output) = (2, 33);
        assert_eq!(packed[(3 + input) * 32 + 1], keras[input * 34 + output]);
        assert_eq!(packed[(3 + input) * 32 + 2], 0.0);
    }

    #[test]
    fn unpacking_is_the_inverse_of_packing() {
        for (channels, filters, groups) in
            [(1, 1, 1), (3, 70, 1), (8, 8, 8), (6, 12, 6), (8, 80, 2), (4, 4, 2)]
        {
            let layout = WeightLayout::conv2d((3, 2), channels, filters, groups);
            let keras: Vec<f32> = (1..=layout.keras_len()).map(|i| i as f32).collect();
            let mut packed = vec![-1.0; layout.packed_len()];
            layout.pack(&keras, &mut packed);
            let zeros = packed.iter().filter(|w| **w == 0.0).count();
            assert_eq!(zeros, layout.packed_len() - layout.keras_len());
            let mut back = vec![-1.0; keras.len()];
            layout.unpack(&packed, &mut back);
            assert_eq!(back, keras);
        }
    }
}

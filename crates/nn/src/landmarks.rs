//! The places in a network at which one looks inside: where its last map is, and what its last layer decides by.

use std::collections::BTreeSet;

use crate::graph::NodeId;
use crate::head::Logits;
use crate::layers::Layer;
use crate::network::Network;
use crate::shape::Shape;

impl Network {
    /// The last map of features, each pixel of which stands for a part of the picture: the one nearest to the logits that everything
    /// behind it is computed from alone, and that was not made by pooling another. None where no convolution makes such a map, as in
    /// networks of dense layers.
    pub fn last_map(&self) -> Option<NodeId> {
        // From the logits backwards; where only one layer is left to look at, all paths lead through it.
        let mut open = BTreeSet::from([self.logits().node()]);
        while let Some(id) = open.pop_last() {
            if open.is_empty() && self.is_map_of_features(id) {
                return Some(id);
            }
            open.extend(&self.graph().node(id).inputs);
        }
        None
    }

    fn is_map_of_features(&self, id: NodeId) -> bool {
        let node = self.graph().node(id);
        let has_places = matches!(node.shape, Shape::Map { height, width, .. } if height * width > 1);
        let mut so_far = self.graph().nodes()[..=id.index()].iter();
        has_places && !only_passes(&node.layer) && so_far.any(|node| is_convolution(&node.layer))
    }

    /// The layer whose output is what the last layer with weights decides by, before it is flattened: features of a picture, or a map
    /// of them.
    pub fn features(&self) -> NodeId {
        let mut id = self.logits().node();
        let is_last = |layer: &Layer| is_convolution(layer) || matches!(layer, Layer::Dense(_));
        let mut was_last = false;
        while let Some(&input) = self.graph().node(id).inputs.first() {
            let layer = &self.graph().node(id).layer;
            if was_last && !matches!(layer, Layer::Flatten(_) | Layer::Dropout(_)) {
                break;
            }
            was_last |= is_last(layer);
            id = input;
        }
        id
    }
}

impl Logits {
    /// The node that makes them.
    fn node(self) -> NodeId {
        match self {
            Self::OutputOf(id) | Self::BeforeActivationOf(id) => id,
        }
    }
}

pub(crate) fn is_convolution(layer: &Layer) -> bool {
    matches!(layer, Layer::Conv2d(_) | Layer::DepthwiseConv2d(_) | Layer::SeparableConv2d(_))
}

/// Whether a layer passes on what others have found, in fewer pixels or more.
fn only_passes(layer: &Layer) -> bool {
    match layer {
        Layer::Input { .. }
        | Layer::Rescaling(_)
        | Layer::Normalization(_)
        | Layer::MaxPool2d(_)
        | Layer::AvgPool2d(_)
        | Layer::AdaptiveAvgPool2d(_)
        | Layer::GlobalAvgPool2d(_)
        | Layer::GlobalMaxPool2d(_)
        | Layer::Flatten(_)
        | Layer::Dropout(_)
        | Layer::ZeroPad2d(_) => true,
        Layer::Conv2d(_)
        | Layer::DepthwiseConv2d(_)
        | Layer::SeparableConv2d(_)
        | Layer::Dense(_)
        | Layer::BatchNorm(_)
        | Layer::Add(_)
        | Layer::Concat(_)
        | Layer::Activation(_) => false,
    }
}

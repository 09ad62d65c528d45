//! What an answer hangs on: the output of a layer inside the network, and the gradient of the answer with respect to it.

use super::{Engine, Purpose};
use crate::graph::NodeId;
use crate::memory::bytes_of;
use crate::plan::Plan;
use crate::shape::Shape;

/// What a network did with a batch of pictures, in inference mode.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Explained<'a> {
    /// `[batch, units]`.
    pub logits: &'a [f32],
    /// The shape of what the layer gave, for one picture.
    pub shape: Shape,
    /// What the layer gave, `[batch, height, width, channels]` or `[batch, features]`.
    pub output: &'a [f32],
    /// For each picture the gradient of its weighted sum of logits with respect to that, in the same order.
    pub gradient: &'a [f32],
}

impl Explained<'_> {
    /// How much each pixel of the layer's map speaks for what was explained, `[batch, height, width]`, 0 or more: the sum of its channels,
    /// each weighted with the mean of its gradient over all pixels, where that is above zero. Grad-CAM (Selvaraju et al., "Grad-CAM:
    /// visual explanations from deep networks via gradient-based localization", 2017, equations 1 and 2).
    pub fn class_activation(&self) -> Vec<f32> {
        let (picture, channels) = (self.shape.len(), self.shape.channels());
        let of_picture = |(output, gradient): (&[f32], &[f32])| {
            let mut weights = vec![0.0_f64; channels];
            for pixel in gradient.chunks_exact(channels) {
                weights.iter_mut().zip(pixel).for_each(|(weight, &slope)| *weight += f64::from(slope));
            }
            let pixels = (picture / channels) as f64;
            let of_pixel = |pixel: &[f32]| {
                let sum: f64 = pixel.iter().zip(&weights).map(|(&x, weight)| f64::from(x) * weight).sum();
                (sum / pixels).max(0.0) as f32
            };
            output.chunks_exact(channels).map(of_pixel).collect::<Vec<_>>()
        };
        self.output
            .chunks_exact(picture)
            .zip(self.gradient.chunks_exact(picture))
            .flat_map(of_picture)
            .collect()
    }
}

impl Engine {
    /// Bytes that [`explain`](Self::explain) needs beside the parameters, for the output of the layer `id`, with batches of `batch` pictures. Nothing is
    /// allocated.
    ///
    /// # Panics
    /// When the logits do not hang on that layer.
    pub fn memory_to_explain(&self, id: NodeId, batch: usize) -> u64 {
        let (table, options) = (self.parameters.table(), self.device.plan_options());
        bytes_of(&Plan::compile_back_to(&self.network, table, id, batch, options), self.cpu().threads())
    }

    /// What the layer `id` gives for a batch, `[batch, height, width, channels]` or `[batch, features]`, in inference mode.
    ///
    /// # Panics
    /// When `images` is not `[batch, height, width, channels]`, or the logits do not hang on that layer.
    pub fn output_of(&mut self, id: NodeId, images: &[f32], batch: usize) -> &[f32] {
        let compiled = self.compiled(Purpose::BackTo(id), batch);
        let plan = &compiled.plan;
        self.start_laps(plan);
        let ends = plan.ends();
        let explained = ends.explained.expect("a plan that goes back to a layer");
        self.device.fill(plan, ends.images, images);
        self.infer(&compiled, plan.forward());
        self.device.buffer(plan, explained.output)
    }

    /// What the layer `id` gives for a batch, and the gradient with respect to it of each picture's sum of logits, weighted with its
    /// row of `weights`, `[batch, units]`: batch norms use the moving statistics and dropout does nothing.
    ///
    /// Layers that change no number, as flattening or dropout, stand for the one before them.
    ///
    /// # Panics
    /// When `images` is not `[batch, height, width, channels]` or `weights` not `[batch, units]`, or the logits do not hang on that layer.
    pub fn explain(&mut self, id: NodeId, images: &[f32], weights: &[f32], batch: usize) -> Explained<'_> {
        self.output_of(id, images, batch);
        let compiled = self.compiled(Purpose::BackTo(id), batch);
        let plan = &compiled.plan;
        let ends = plan.ends();
        let explained = ends.explained.expect("a plan that goes back to a layer");
        self.device.fill(plan, explained.weights, weights);
        self.infer(&compiled, plan.backward());
        let buffer = |id| self.device.buffer(plan, id);
        Explained {
            logits: buffer(ends.logits),
            shape: self.network.graph().node(id).shape,
            output: buffer(explained.output),
            gradient: buffer(explained.gradient),
        }
    }
}

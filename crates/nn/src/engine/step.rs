//! A step of training: forward, loss, backward, and the optimizer's update.

use std::num::NonZeroUsize;
use std::ops::Range;

use divvy_kernels::{Average, Buffer, follow};
use thiserror::Error;

use super::{Compiled, Engine, Purpose};
use crate::device::{Context, Known, Randomness};
use crate::optimizer::Optimizer;
use crate::plan::Mode;

/// A step that left no usable numbers. The trained parameters are as they were before it.
#[derive(Clone, Copy, PartialEq, Debug, Error)]
#[error(
    "the loss is {loss} at step {step}: the learning rate is too high for this network, or a picture or label holds no finite \
     number; train again with a tenth of the learning rate"
)]
pub struct NotFinite {
    /// The step, from 1.
    pub step: u64,
    /// The mean loss of the batch.
    pub loss: f32,
}

/// The pictures that each part of a step has at the least: a batch norm of one picture would see no variance.
const LEAST_OF_PART: usize = 2;

/// The parts of a batch of pictures.
#[derive(Clone, Copy)]
struct Parts {
    batch: usize,
    count: usize,
}

impl Parts {
    /// So many parts of `batch` pictures, or as many as have two.
    fn new(batch: usize, wanted: NonZeroUsize) -> Self {
        Self { batch, count: wanted.get().min(batch / LEAST_OF_PART).max(1) }
    }

    /// The pictures of a part.
    fn range(self, part: usize) -> Range<usize> {
        part * self.batch / self.count..(part + 1) * self.batch / self.count
    }
}

/// A forward pass and the backward pass after it.
#[derive(Clone, Copy)]
struct Pass<'a> {
    compiled: &'a Compiled,
    randomness: Randomness,
}

impl Engine {
    /// One step of training: forward, loss, backward, and the optimizer's update at rate `rate`. The mean loss of the batch.
    ///
    /// `images` are `[batch, height, width, channels]`, `targets` `[batch, units]`, as the network's head encodes them.
    ///
    /// # Errors
    /// [`NotFinite`] when the loss is not finite.
    ///
    /// # Panics
    /// When the slices do not have those lengths.
    pub fn train_step(
        &mut self,
        images: &[f32],
        targets: &[f32],
        batch: usize,
        optimizer: &Optimizer,
        rate: f64,
    ) -> Result<f32, NotFinite> {
        self.train_step_in_parts(images, targets, batch, NonZeroUsize::MIN, optimizer, rate)
    }

    /// [`train_step`](Self::train_step), computed in `parts` parts of the batch, one after the other, whose gradients are added up before the
    /// parameters move: the same step in a fraction of the memory, but that batch norms see a part at a time. A part has two pictures at the
    /// least.
    ///
    /// # Errors
    /// [`NotFinite`] when the loss of a part is not finite.
    ///
    /// # Panics
    /// When the slices do not have those lengths.
    pub fn train_step_in_parts(
        &mut self,
        images: &[f32],
        targets: &[f32],
        batch: usize,
        parts: NonZeroUsize,
        optimizer: &Optimizer,
        rate: f64,
    ) -> Result<f32, NotFinite> {
        let len = self.parameters.table().trained_len();
        if self.gradients.len() != len {
            // Fresh zeros, not grown: pages that are never written, as those of gradients that are not kept, take no memory.
            self.gradients = Buffer::zeros(len);
        }
        if optimizer.average.is_none() {
            self.average = None;
        } else if self.average.is_none() {
            self.average = Some(self.parameters.clone());
        }
        assert!(
            batch > 0 && images.len().is_multiple_of(batch) && targets.len().is_multiple_of(batch),
            "whole pictures, each with its targets"
        );
        let (image, target) = (images.len() / batch, targets.len() / batch);
        let mut loss = 0.0;
        let parts = Parts::new(batch, parts);
        for number in 0..parts.count {
            let part = parts.range(number);
            let compiled = self.compiled(Purpose::Run(Mode::Train), part.len());
            // Each part draws its own dropout.
            let step = self.steps * parts.count as u64 + number as u64;
            let pass = Pass { compiled: &compiled, randomness: Randomness { seed: self.seed, step } };
            let images = &images[part.start * image..part.end * image];
            let targets = &targets[part.start * target..part.end * target];
            loss += f64::from(self.forward(pass, images, targets)?) * part.len() as f64;
            if parts.count == 1 {
                self.learn(Some(pass), optimizer, rate);
            } else {
                self.accumulate(pass, &part);
            }
        }
        if parts.count > 1 {
            std::mem::swap(&mut self.gradients, &mut self.accumulated);
            self.learn(None, optimizer, rate);
        }
        Ok((loss / batch as f64) as f32)
    }

    /// The mean loss of a batch; what the backward pass reads is left in memory.
    fn forward(&mut self, pass: Pass<'_>, images: &[f32], targets: &[f32]) -> Result<f32, NotFinite> {
        let plan = &pass.compiled.plan;
        self.start_laps(plan);
        let ends = plan.ends();
        let loss_ends = ends.loss.expect("a training plan ends in a loss");
        self.device.fill(plan, ends.images, images);
        self.device.fill(plan, loss_ends.targets, targets);
        self.run(pass, plan.forward());
        let losses = self.device.buffer(plan, loss_ends.losses);
        let loss = (losses.iter().copied().map(f64::from).sum::<f64>() / plan.batch() as f64) as f32;
        if loss.is_finite() { Ok(loss) } else { Err(NotFinite { step: self.steps + 1, loss }) }
    }

    /// Runs some operations of a pass, of which none moves parameters along their gradients.
    fn run(&mut self, pass: Pass<'_>, steps: Range<usize>) {
        self.device.run(
            &pass.compiled.plan,
            steps,
            Context {
                constants: Known { constants: &self.constants, places: &pass.compiled.places },
                parameters: &mut self.parameters,
                gradients: &mut self.gradients,
                randomness: pass.randomness,
                loss_weights: Some(&self.loss_weights),
                updates: None,
            },
        );
    }

    /// The gradients of the part whose forward pass was the last, taken into the mean of those of the parts before it.
    fn accumulate(&mut self, pass: Pass<'_>, part: &Range<usize>) {
        self.run(pass, pass.compiled.plan.backward());
        if self.accumulated.len() != self.gradients.len() {
            self.accumulated = Buffer::zeros(self.gradients.len());
        }
        if part.start == 0 {
            self.accumulated.copy_from_slice(&self.gradients);
        } else {
            let rate = part.len() as f32 / part.end as f32;
            let mean = Average { values: &mut self.accumulated, rate };
            follow(self.device.cpu(), mean, &self.gradients);
        }
    }

    /// The gradients of the batch whose forward pass was the last, if they are not there yet, and the optimizer's step. Parameters whose
    /// gradients are made in one pass over them are moved in that pass, the others after all.
    fn learn(&mut self, pass: Option<Pass<'_>>, optimizer: &Optimizer, rate: f64) {
        let table = self.parameters.table().clone();
        let average_rate = optimizer.average_rate(self.steps + 1);
        let averaged = self.average.as_mut().zip(average_rate);
        let averaged = averaged.map(|(kept, rate)| Average { values: kept.values_mut(), rate });
        let mut updates = self.optimizer_state.begin(optimizer, rate, &table, averaged);
        let mut moved = &[][..];
        if let Some(Pass { compiled, randomness }) = pass {
            moved = compiled.plan.immediate(optimizer);
            self.device.run(
                &compiled.plan,
                compiled.plan.backward(),
                Context {
                    constants: Known { constants: &self.constants, places: &compiled.places },
                    parameters: &mut self.parameters,
                    gradients: &mut self.gradients,
                    randomness,
                    loss_weights: Some(&self.loss_weights),
                    updates: (!moved.is_empty()).then_some(&mut updates),
                },
            );
        }
        updates.clip(self.device.cpu(), &self.gradients);
        let mut start = 0;
        let len = table.trained_len();
        for range in moved.iter().map(|id| table.range(*id)).chain(std::iter::once(len..len)) {
            let values = self.parameters.values_mut();
            updates.take(self.device.cpu(), start..range.start, values, &self.gradients);
            start = range.end;
        }
        if let Some((kept, rate)) = self.average.as_mut().zip(average_rate) {
            let (_, values) = kept.split_mut();
            follow(self.device.cpu(), Average { values, rate }, self.parameters.slices().1);
        }
        if let Some(laps) = self.device.laps() {
            laps.lap();
        }
        self.steps += 1;
        self.constants.expire();
    }
}

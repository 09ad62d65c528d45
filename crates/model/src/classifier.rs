//! A model on a device, ready to be asked.

use std::path::PathBuf;

use divvy_data::{ImageError, Limits, Pixels, Preprocess, stream_images};
use divvy_nn::{Cpu, Device, Engine, Head, Network, OutOfMemory, QuantizedEngine, check_memory};

use crate::{Model, ModelError, Prediction, Views, Weights};

/// The most pictures that go through the network together. Larger batches are not faster; smaller ones stream weights more
/// often.
const BATCH: usize = 32;

/// A model on a device, ready to be asked. Pictures are prepared exactly as in training.
#[derive(Debug)]
pub struct Classifier {
    engine: Machine,
    classes: Vec<String>,
    preprocess: Preprocess,
    views: Views,
    batch: usize,
}

/// A network on a processor, in either precision.
#[derive(Debug)]
enum Machine {
    F32(Box<Engine>),
    Int8(Box<QuantizedEngine>),
}

impl Machine {
    fn network(&self) -> &Network {
        match self {
            Self::F32(engine) => engine.network(),
            Self::Int8(engine) => engine.network(),
        }
    }

    fn cpu(&self) -> &Cpu {
        match self {
            Self::F32(engine) => engine.cpu(),
            Self::Int8(engine) => engine.cpu(),
        }
    }

    fn logits(&mut self, images: &[f32], batch: usize) -> &[f32] {
        match self {
            Self::F32(engine) => engine.logits(images, batch),
            Self::Int8(engine) => engine.logits(images, batch),
        }
    }
}

impl Classifier {
    /// Puts a model on `device`, or on a processor, which then takes the fastest algorithms.
    ///
    /// # Errors
    /// [`ModelError::Memory`] when this machine has no room for even one picture at a time.
    pub fn new(model: Model, device: impl Into<Device>) -> Result<Self, ModelError> {
        let Model { network, classes, preprocess, views, weights, .. } = model;
        let device = device.into();
        let (engine, batch) = match weights {
            Weights::F32(parameters) => {
                let threads = device.cpu().threads();
                let batch = largest_batch(|batch| check_memory(&network, None, batch, threads))?;
                // Nothing random happens in inference, so the seed is of no account.
                let engine = Engine::with_parameters(network, parameters, device, 0);
                (Machine::F32(Box::new(engine)), batch)
            }
            Weights::Int8(quantized) => {
                let engine = QuantizedEngine::new(&quantized, device.into_cpu());
                let batch = largest_batch(|batch| engine.check_memory(batch))?;
                (Machine::Int8(Box::new(engine)), batch)
            }
        };
        Ok(Self { engine, classes, preprocess, views, batch })
    }

    /// The most pictures that go through the network together: what this machine has memory for, up to 32.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The names of the groups or labels; predictions speak of them by number.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The last layer: what the outputs mean.
    pub fn head(&self) -> &Head {
        self.engine.network().head()
    }

    /// How a picture becomes the network's input.
    pub fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    /// Classifies prepared pictures, `[pictures, height, width, channels]`, one prediction each.
    ///
    /// # Panics
    /// When `images` is not a whole number of pictures.
    pub fn classify(&mut self, images: &[f32]) -> Vec<Prediction> {
        let (len, head) = (self.preprocess.image_len(), *self.head());
        assert!(images.len().is_multiple_of(len), "{} numbers are not pictures of {len}", images.len());
        let engine = &mut self.engine;
        let mut network = |images: &[f32], logits: &mut Vec<f32>| {
            logits.extend_from_slice(engine.logits(images, images.len() / len));
        };
        let mut logits = Vec::with_capacity(images.len() / len * head.units());
        for batch in images.chunks(self.batch * len) {
            self.views.logits(batch, self.preprocess.shape(), &mut network, &mut logits);
        }
        logits.chunks_exact(head.units()).map(|row| Prediction::from_logits(&head, row)).collect()
    }

    /// Classifies image files, in order, and hands each to `answer`; a file that is no usable picture comes as its error. Decoding
    /// goes on in the background while the network runs.
    ///
    /// Stops early when `answer` returns an error, which it gives back.
    ///
    /// # Errors
    /// The first error of `answer`.
    ///
    /// # Panics
    /// Never: there is a prediction for each readable picture.
    pub fn classify_files<E>(
        &mut self,
        paths: Vec<PathBuf>,
        mut answer: impl FnMut(PathBuf, Result<Prediction, ImageError>) -> Result<(), E>,
    ) -> Result<(), E> {
        let threads = self.engine.cpu().threads();
        let mut stream = stream_images(paths, &self.preprocess, &Limits::default(), threads).peekable();
        while stream.peek().is_some() {
            let batch: Vec<_> = stream.by_ref().take(self.batch).collect();
            let mut predictions =
                self.classify_pixels(batch.iter().filter_map(|(_, pixels)| pixels.as_ref().ok())).into_iter();
            for (path, pixels) in batch {
                let prediction =
                    pixels.map(|_| predictions.next().expect("one prediction for each readable picture"));
                answer(path, prediction)?;
            }
        }
        Ok(())
    }

    /// Classifies decoded and fitted pictures.
    fn classify_pixels<'a>(&mut self, pictures: impl Iterator<Item = &'a Pixels>) -> Vec<Prediction> {
        let images: Vec<f32> = pictures.flat_map(|pixels| self.preprocess.scale(pixels)).collect();
        self.classify(&images)
    }
}

/// The largest batch that fits, halving from [`BATCH`]; where not even one picture does, why.
fn largest_batch(fits: impl Fn(usize) -> Result<(), OutOfMemory>) -> Result<usize, OutOfMemory> {
    let mut batch = BATCH;
    loop {
        match fits(batch) {
            Ok(()) => return Ok(batch),
            Err(refused) if batch == 1 => return Err(refused),
            Err(_) => batch /= 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_batch_shrinks_until_it_fits() {
        let up_to = |most: usize| {
            largest_batch(|batch| {
                let (needed, free) = (batch as u64, most as u64);
                if batch <= most { Ok(()) } else { Err(OutOfMemory { batch, needed, free }) }
            })
        };
        assert_eq!([99, 32, 31, 5, 1].map(|most| up_to(most).unwrap()), [32, 32, 16, 4, 1]);
        assert_eq!(up_to(0), Err(OutOfMemory { batch: 1, needed: 1, free: 0 }));
    }
}

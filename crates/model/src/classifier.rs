//! A model on a device, or several, ready to be asked.

use std::path::PathBuf;

use divvy_data::{ImageError, Limits, Pixels, Preprocess, stream_images};
use divvy_nn::{Device, Head, check_free};

use crate::member::{Member, mean_answers};
use crate::{ModelError, Prediction, Trained};

/// The most pictures that go through a network together. Larger batches are not faster; smaller ones stream weights more
/// often.
const BATCH: usize = 32;

/// A model on a device, or several that answer together, ready to be asked. Pictures are prepared exactly as in training.
#[derive(Debug)]
pub struct Classifier {
    /// One at the least; all have the same head.
    pub(crate) members: Vec<Member>,
    classes: Vec<String>,
    preprocess: Preprocess,
    batch: usize,
}

impl Classifier {
    /// Puts a model, or each of several, on `device`, or on a processor, which then takes the fastest algorithms.
    ///
    /// # Errors
    /// [`ModelError::Memory`] when this machine has no room for even one picture at a time.
    pub fn new(model: impl Into<Trained>, device: impl Into<Device>) -> Result<Self, ModelError> {
        let (model, device) = (model.into(), device.into());
        let (classes, preprocess) = (model.classes().to_vec(), model.preprocess().clone());
        let members = match model {
            Trained::One(model) => vec![Member::alone(*model, device)],
            Trained::Several(ensemble) => {
                let members = ensemble.into_members().into_iter();
                members.map(|model| Member::of_several(model, device.another())).collect()
            }
        };
        let needed = |batch| members.iter().map(|member| member.needed_memory(batch)).sum();
        let batch = largest_batch(|batch| check_free(needed(batch), batch))?;
        Ok(Self { members, classes, preprocess, batch })
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
        self.members[0].head()
    }

    /// How a picture becomes what [`Classifier::classify`] takes: the network's input, or of several models what each scales for itself.
    pub fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    /// Classifies prepared pictures, `[pictures, height, width, channels]`, one prediction each.
    ///
    /// # Panics
    /// When `images` is not a whole number of pictures.
    pub fn classify(&mut self, images: &[f32]) -> Vec<Prediction> {
        let (len, shape, head) = (self.preprocess.image_len(), self.preprocess.shape(), *self.head());
        assert!(images.len().is_multiple_of(len), "{} numbers are not pictures of {len}", images.len());
        let mut predictions = Vec::with_capacity(images.len() / len);
        for batch in images.chunks(self.batch * len) {
            if let [only] = self.members.as_mut_slice() {
                let mut logits = Vec::new();
                only.logits(batch, shape, &mut logits);
                let rows = logits.chunks_exact(head.units());
                predictions.extend(rows.map(|row| Prediction::from_logits(&head, row)));
            } else {
                let answers = mean_answers(&mut self.members, batch, shape);
                let rows = answers.chunks_exact(head.answers());
                predictions.extend(rows.map(|row| Prediction::from_answers(&head, row)));
            }
        }
        predictions
    }

    /// Classifies image files, in order, and hands each to `answer`; a file that is no usable picture comes as its error. Decoding
    /// goes on in the background while the network runs. Each is held against the training pictures, as by
    /// [`classify_and_compare`](Self::classify_and_compare).
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
        let threads = self.members[0].cpu().threads();
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

    /// [`classify`](Self::classify), and holds each picture against the training pictures ([`Prediction::familiarity`]) where the model knows what these look like
    /// and there is the memory for it: one pass more of each network.
    ///
    /// # Panics
    /// When `images` is not a whole number of pictures.
    pub fn classify_and_compare(&mut self, images: &[f32]) -> Vec<Prediction> {
        let mut predictions = self.classify(images);
        if let Ok(Some(p_values)) = self.p_values(images) {
            for (prediction, p_value) in predictions.iter_mut().zip(p_values) {
                prediction.familiarity = Some(p_value);
            }
        }
        predictions
    }

    /// Classifies decoded and fitted pictures.
    fn classify_pixels<'a>(&mut self, pictures: impl Iterator<Item = &'a Pixels>) -> Vec<Prediction> {
        let images: Vec<f32> = pictures.flat_map(|pixels| self.preprocess.scale(pixels)).collect();
        self.classify_and_compare(&images)
    }
}

/// The largest batch that fits, halving from [`BATCH`]; where not even one picture does, why.
pub(crate) fn largest_batch<E>(fits: impl Fn(usize) -> Result<(), E>) -> Result<usize, E> {
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
    use divvy_nn::OutOfMemory;

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

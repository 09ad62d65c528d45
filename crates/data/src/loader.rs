//! The batches of an epoch.

use crate::augment::{Augment, Augmenter, Turn};
use crate::error::DataError;
use crate::order::{Draw, Order};
use crate::prefetch::{Prefetch, window};
use crate::preprocess::Scaling;
use crate::rng::{Purpose, keyed};
use crate::store::{ImageStore, available_threads};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Images ready for a network, and which samples they are of.
pub struct Batch {
    images: Vec<f32>,
    samples: Vec<usize>,
    own_shares: Option<Vec<f32>>,
    pool: Arc<BufferPool>,
}

impl Batch {
    /// Scaled pixels `[batch, height, width, channels]`.
    pub fn images(&self) -> &[f32] {
        &self.images
    }

    /// The samples' indices in the dataset, in the order of the images.
    pub fn samples(&self) -> &[usize] {
        &self.samples
    }

    /// Where images were mixed, how much of each is its own, from 0 to 1. The rest is of the next image in the batch (for the
    /// last the first), and so should its label be.
    pub fn own_shares(&self) -> Option<&[f32]> {
        self.own_shares.as_deref()
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Never true: there are no batches without images.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("samples", &self.samples).finish_non_exhaustive()
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.images));
    }
}

/// Buffers of batches that were used up, for those to come.
struct BufferPool {
    buffers: Mutex<Vec<Vec<f32>>>,
    capacity: usize,
}

impl BufferPool {
    fn take(&self, len: usize) -> Vec<f32> {
        let mut buffer =
            self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        buffer.resize(len, 0.0);
        buffer
    }

    fn give_back(&self, buffer: Vec<f32>) {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        if buffers.len() < self.capacity {
            buffers.push(buffer);
        }
    }
}

/// Gives the batches of an epoch, prepared ahead of time by worker threads in bounded memory.
///
/// The batches hang on the seed, the epoch and the samples alone: they are the same bits for any number of threads.
#[derive(Clone)]
pub struct Loader {
    inner: Arc<Inner>,
    threads: usize,
}

struct Inner {
    store: Arc<ImageStore>,
    samples: Vec<usize>,
    scaling: Scaling,
    batch_size: usize,
    order: Order,
    changes: Option<Changes>,
    pool: Arc<BufferPool>,
}

/// How images are changed at random.
struct Changes {
    seed: u64,
    augment: Augment,
}

impl Loader {
    /// Batches to learn from: shuffled anew each epoch and augmented.
    ///
    /// The last batch of an epoch is smaller where the samples do not divide evenly. A single left-over image joins the batch
    /// before it instead, which then is one larger than `batch_size`: batch normalisation over one image of a 1 x 1 map would
    /// have no variance to divide by.
    ///
    /// # Panics
    /// If `batch_size` is 0, or later if a sample is not in the store or `scaling` is for other channels.
    pub fn for_training(
        store: &Arc<ImageStore>,
        samples: &[usize],
        scaling: &Scaling,
        batch_size: usize,
        seed: u64,
        augment: Augment,
    ) -> Self {
        Self::new(
            store,
            samples,
            scaling,
            batch_size,
            Order::Shuffled { seed },
            Some(Changes { seed, augment }),
        )
    }

    /// As [`Self::for_training`], with as many images of each of `groups` in an epoch, which has as many images as there are samples.
    /// Those of a rare group come several times, changed in other ways; those of a frequent one not in every epoch.
    ///
    /// # Panics
    /// As [`Self::for_training`]; if there is no group, or one without samples.
    pub fn for_balanced_training(
        store: &Arc<ImageStore>,
        groups: Vec<Vec<usize>>,
        scaling: &Scaling,
        batch_size: usize,
        seed: u64,
        augment: Augment,
    ) -> Self {
        assert!(!groups.is_empty() && groups.iter().all(|group| !group.is_empty()), "each group has samples");
        let samples = groups.concat();
        let order = Order::Balanced { seed, groups };
        Self::new(store, &samples, scaling, batch_size, order, Some(Changes { seed, augment }))
    }

    /// Batches to judge by: in the order given, every epoch the same, never augmented. The last batch may be smaller.
    ///
    /// # Panics
    /// If `batch_size` is 0, or later if a sample is not in the store or `scaling` is for other channels.
    pub fn for_evaluation(
        store: &Arc<ImageStore>,
        samples: &[usize],
        scaling: &Scaling,
        batch_size: usize,
    ) -> Self {
        Self::new(store, samples, scaling, batch_size, Order::AsGiven, None)
    }

    fn new(
        store: &Arc<ImageStore>,
        samples: &[usize],
        scaling: &Scaling,
        batch_size: usize,
        order: Order,
        changes: Option<Changes>,
    ) -> Self {
        assert!(batch_size > 0, "a batch holds at least one image");
        let threads = available_threads();
        let inner = Inner {
            store: Arc::clone(store),
            samples: samples.to_vec(),
            scaling: scaling.clone(),
            batch_size,
            order,
            changes,
            pool: Arc::new(BufferPool { buffers: Mutex::default(), capacity: window(threads) }),
        };
        Self { inner: Arc::new(inner), threads }
    }

    /// How many worker threads prepare batches; as many as the machine runs by default, at least one.
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Batches in an epoch.
    pub fn batches(&self) -> usize {
        self.inner.batches()
    }

    /// Batches in an epoch of so many training pictures: one that would be alone in the last joins the batch before it.
    ///
    /// # Panics
    /// When `batch_size` is 0.
    pub fn training_batches(images: usize, batch_size: usize) -> usize {
        images.div_ceil(batch_size) - usize::from(leaves_one(images, batch_size))
    }

    /// The size of the largest batch, which may be one above the batch size asked for.
    pub fn largest_batch(&self) -> usize {
        (0..self.batches()).map(|batch| self.inner.range(batch).len()).max().unwrap_or(0)
    }

    /// The samples of an epoch, in their order before shuffling.
    pub fn samples(&self) -> &[usize] {
        &self.inner.samples
    }

    /// The shape of its images, `[height, width, channels]`.
    pub fn shape(&self) -> [usize; 3] {
        self.inner.store.shape()
    }

    /// Starts an epoch. Epochs differ in order and augmentation; the same epoch is always the same.
    pub fn epoch(&self, epoch: u64) -> Epoch {
        self.epoch_from(epoch, 0)
    }

    /// Starts an epoch at one of its batches, counted from 0: the batches from there on are those of [`Self::epoch`], none where it has
    /// no more. Those before are not made.
    pub fn epoch_from(&self, epoch: u64, first: usize) -> Epoch {
        let [height, width, _] = self.shape();
        self.epoch_of_size(epoch, first, [height, width])
    }

    /// As [`Self::epoch_from`], with images of another height and width than [`Self::shape`]'s.
    ///
    /// # Panics
    /// For images that are not augmented, which come in the size that they are kept in.
    pub fn epoch_of_size(&self, epoch: u64, first: usize, [height, width]: [usize; 2]) -> Epoch {
        let shape = [height, width, self.shape()[2]];
        assert!(
            self.inner.changes.is_some() || shape == self.shape(),
            "only images to learn from are resized"
        );
        let inner = Arc::clone(&self.inner);
        let draws = inner.order.draws(&inner.samples, epoch);
        Epoch(Prefetch::start(inner.batches().saturating_sub(first), self.threads, move |job| {
            let batch = first + job;
            inner.batch(&draws[inner.range(batch)], shape, epoch, batch)
        }))
    }
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader")
            .field("samples", &self.inner.samples.len())
            .field("batch_size", &self.inner.batch_size)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// Whether the last of so many images would be alone in its batch.
fn leaves_one(images: usize, batch_size: usize) -> bool {
    batch_size > 1 && images > batch_size && images % batch_size == 1
}

impl Inner {
    /// True where the last image would be alone and joins the batch before it.
    fn merges_last(&self) -> bool {
        self.order.is_shuffled() && leaves_one(self.samples.len(), self.batch_size)
    }

    fn batches(&self) -> usize {
        self.samples.len().div_ceil(self.batch_size) - usize::from(self.merges_last())
    }

    /// The positions of a batch in the epoch's order.
    fn range(&self, batch: usize) -> Range<usize> {
        let start = batch * self.batch_size;
        let end = if batch + 1 == self.batches() { self.samples.len() } else { start + self.batch_size };
        start..end
    }

    /// Images of that shape, `[height, width, channels]`.
    fn batch(&self, draws: &[Draw], shape: [usize; 3], epoch: u64, batch: usize) -> Result<Batch, DataError> {
        let image_len: usize = shape.iter().product();
        let mut images = self.pool.take(draws.len() * image_len);
        let pairs = images.chunks_exact_mut(image_len).zip(draws);
        let mut own_shares = None;
        match &self.changes {
            None => {
                let ramp = self.scaling.ramp();
                for (image, draw) in pairs {
                    ramp.scale_bytes(self.store.pixels(draw.sample)?.as_bytes(), image);
                }
            }
            Some(Changes { seed, augment }) => {
                let mut augmenter = Augmenter::new(augment, shape, &self.scaling);
                for (image, draw) in pairs {
                    let mut random = keyed(Purpose::Augment, *seed, epoch, draw.key());
                    let picture = self.store.picture(draw.sample)?;
                    let turn = Turn::of(*seed, epoch, draw.key());
                    let changed = augmenter.apply(&picture, turn, &mut random, image);
                    changed.map_err(|fault| self.store.dataset().image_error(draw.sample, fault))?;
                }
                own_shares = augment.mix.map(|mix| {
                    mix.apply(shape, &mut images, &mut keyed(Purpose::Mix, *seed, epoch, batch as u64))
                });
            }
        }
        let samples = draws.iter().map(|draw| draw.sample).collect();
        Ok(Batch { images, samples, own_shares, pool: Arc::clone(&self.pool) })
    }
}

/// The batches of one epoch, in order. Dropping it early stops the workers.
pub struct Epoch(Prefetch<Result<Batch, DataError>>);

impl Epoch {
    /// How long the caller has waited for batches so far, the first included.
    pub fn waited(&self) -> Duration {
        self.0.waited()
    }
}

impl Iterator for Epoch {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Epoch {}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Epoch").field("left", &self.0.len()).finish()
    }
}

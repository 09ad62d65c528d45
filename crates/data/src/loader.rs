//! The batches of an epoch.

use crate::augment::{Augment, Augmenter};
use crate::error::DataError;
use crate::prefetch::{Prefetch, window};
use crate::preprocess::Scaling;
use crate::rng::{Purpose, keyed};
use crate::store::{ImageStore, available_threads};
use rand::seq::SliceRandom;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Images ready for a network, and which samples they are of.
pub struct Batch {
    images: Vec<f32>,
    samples: Vec<usize>,
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
    pool: Arc<BufferPool>,
}

enum Order {
    AsGiven,
    Shuffled { seed: u64, augment: Augment },
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
        Self::new(store, samples, scaling, batch_size, Order::Shuffled { seed, augment })
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
        Self::new(store, samples, scaling, batch_size, Order::AsGiven)
    }

    fn new(
        store: &Arc<ImageStore>,
        samples: &[usize],
        scaling: &Scaling,
        batch_size: usize,
        order: Order,
    ) -> Self {
        assert!(batch_size > 0, "a batch holds at least one image");
        let threads = available_threads();
        let inner = Inner {
            store: Arc::clone(store),
            samples: samples.to_vec(),
            scaling: scaling.clone(),
            batch_size,
            order,
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

    /// The size of the largest batch, which may be one above the batch size asked for.
    pub fn largest_batch(&self) -> usize {
        (0..self.batches()).map(|batch| self.inner.range(batch).len()).max().unwrap_or(0)
    }

    /// The samples of an epoch, in their order before shuffling.
    pub fn samples(&self) -> &[usize] {
        &self.inner.samples
    }

    /// Starts an epoch. Epochs differ in order and augmentation; the same epoch is always the same.
    pub fn epoch(&self, epoch: u64) -> Epoch {
        let inner = Arc::clone(&self.inner);
        let order = inner.order(epoch);
        Epoch(Prefetch::start(inner.batches(), self.threads, move |batch| {
            inner.batch(&order[inner.range(batch)], epoch)
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

impl Inner {
    /// True where the last image would be alone and joins the batch before it.
    fn merges_last(&self) -> bool {
        let (n, size) = (self.samples.len(), self.batch_size);
        matches!(self.order, Order::Shuffled { .. }) && size > 1 && n > size && n % size == 1
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

    fn order(&self, epoch: u64) -> Vec<usize> {
        let mut order = self.samples.clone();
        if let Order::Shuffled { seed, .. } = self.order {
            order.shuffle(&mut keyed(Purpose::Shuffle, seed, epoch, 0));
        }
        order
    }

    fn batch(&self, samples: &[usize], epoch: u64) -> Result<Batch, DataError> {
        let image_len: usize = self.store.shape().iter().product();
        let mut images = self.pool.take(samples.len() * image_len);
        match &self.order {
            Order::AsGiven => {
                for (image, &sample) in images.chunks_exact_mut(image_len).zip(samples) {
                    self.scaling.apply(self.store.pixels(sample)?.as_bytes(), image);
                }
            }
            Order::Shuffled { seed, augment } => {
                let mut augmenter = Augmenter::new(augment, self.store.shape(), &self.scaling);
                for (image, &sample) in images.chunks_exact_mut(image_len).zip(samples) {
                    let mut random = keyed(Purpose::Augment, *seed, epoch, sample as u64);
                    augmenter.apply(self.store.pixels(sample)?.as_bytes(), &mut random, image);
                }
            }
        }
        Ok(Batch { images, samples: samples.to_vec(), pool: Arc::clone(&self.pool) })
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

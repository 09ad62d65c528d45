//! The pictures of a training, read and divided.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use divvy_data::{
    CacheOptions, DataError, Detail, ImageStore, Scaling, Split, StoreOptions, Survey,
    check::{self, Finding},
};
use divvy_rules::Diagnostic;

use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::event::{Event, Listener};
use crate::prepare::{Prepared, drawn_split};
use crate::recorder::Recorder;

/// The pictures in memory, and which of them are used for what.
pub(crate) struct Pictures {
    pub(crate) training: Arc<ImageStore>,
    pub(crate) validation: Arc<ImageStore>,
    pub(crate) split: Split,
    pub(crate) scaling: Scaling,
    /// How long each took to be read, on all threads.
    pub(crate) reading: Duration,
}

impl Pictures {
    /// Reads all pictures of a new training, names those that cannot be used, draws the split so that copies stay together, and
    /// measures the scaling on the training ones.
    pub(crate) fn load(
        config: &TrainConfig,
        prepared: &Prepared,
        reader: &Reader<'_>,
        recorder: &mut Recorder<'_>,
    ) -> Result<Self, TrainError> {
        let Prepared { dataset, split, .. } = prepared;
        let detail = Detail::for_augment(&prepared.augment);
        let read = reader.read(prepared, &split.used(), detail, &mut |event| {
            // What cannot be written down is found again at the next event.
            let _ = recorder.record(event);
        })?;
        let store = &read.store;
        store.cache_fault().into_iter().try_for_each(|fault| recorder.note(fault.to_owned()))?;
        for bad in store.unreadable() {
            recorder.note(format!("left out: {}", bad.error))?;
        }
        // Copies of a picture are known only now that all are read.
        let copies = match check::Copies::find(store.survey(), &reader.options()) {
            Err(DataError::Interrupted) => return Err(TrainError::Interrupted),
            other => other?,
        };
        let split = if config.split.is_some() {
            split.clone()
        } else {
            drawn_split(config, dataset, &copies.together())?
        };
        let split = split.without(&store.unreadable_samples(), dataset)?;
        if (split.train.len(), split.validation.len())
            != (prepared.split.train.len(), prepared.split.validation.len())
        {
            recorder.note(format!(
                "{} pictures to train on and {} to validate, with copies on one side and without what was left out",
                split.train.len(),
                split.validation.len()
            ))?;
        }
        let copied = check::copies(dataset, &copies, &split).into_iter().map(|finding| finding.diagnostic);
        let found = check::split(dataset, &split).into_iter().chain(copied);
        found.chain(shown(store.survey(), &copies)).try_for_each(|finding| recorder.finding(finding))?;
        Self::of(read, split, prepared, reader)
    }

    /// Reads all pictures of a training that is gone on with, each of which must still be there. What they show was told when it
    /// began.
    pub(crate) fn load_again(
        prepared: &Prepared,
        reader: &Reader<'_>,
        listener: &mut (dyn Listener + Send),
    ) -> Result<Self, TrainError> {
        let detail = Detail::for_augment(&prepared.augment);
        let read = reader.read(prepared, &prepared.split.used(), detail, &mut |event| listener.on(event))?;
        match read.store.unreadable() {
            [] => Self::of(read, prepared.split.clone(), prepared, reader),
            [bad, ..] => Err(TrainError::PictureLost { reason: bad.error.to_string() }),
        }
    }

    fn of(read: Read, split: Split, prepared: &Prepared, reader: &Reader<'_>) -> Result<Self, TrainError> {
        let Read { store: training, each: reading } = read;
        let scaling = training.measure_scaling(&split.train);
        let validation = match Detail::for_augment(&prepared.augment) {
            Detail::Fitted => Arc::clone(&training),
            // Validation pictures are judged as pictures will be at use: fitted from what their files hold.
            Detail::Larger(_) => {
                let beside = reader.with_memory_for(reader.cache.memory.saturating_sub(training.memory()));
                beside.read(prepared, &split.validation, Detail::Fitted, &mut |_| {})?.store
            }
        };
        Ok(Self { training, validation, split, scaling, reading })
    }

    /// Bytes of memory that the pictures of a training take at the most, where nothing else is said of it.
    pub(crate) fn memory(prepared: &Prepared) -> usize {
        let Prepared { augment, preprocess, split, .. } = prepared;
        let options = StoreOptions { detail: Detail::for_augment(augment), ..StoreOptions::default() };
        options.memory(preprocess, split.used().len() + split.validation.len())
    }
}

/// Pictures that were read, and how long each took.
struct Read {
    store: Arc<ImageStore>,
    each: Duration,
}

/// By what means pictures are read.
pub(crate) struct Reader<'a> {
    pub(crate) threads: usize,
    pub(crate) cache: CacheOptions,
    pub(crate) stop: &'a AtomicBool,
}

impl Reader<'_> {
    /// The same with so many bytes of memory for pictures at the most.
    pub(crate) fn with_memory_for(&self, most: usize) -> Self {
        let memory = self.cache.memory.min(most);
        Self { cache: CacheOptions { memory, ..self.cache.clone() }, ..*self }
    }

    fn options(&self) -> StoreOptions<'_> {
        StoreOptions {
            threads: self.threads,
            cache: self.cache.clone(),
            cancel: Some(self.stop),
            ..StoreOptions::default()
        }
    }

    /// Reads pictures in that detail, and tells how far it is.
    fn read(
        &self,
        prepared: &Prepared,
        samples: &[usize],
        detail: Detail,
        told: &mut (dyn FnMut(&Event) + Send),
    ) -> Result<Read, TrainError> {
        // Told from any worker.
        let shared = Mutex::new(told);
        let progress = |done, total| {
            if let Ok(mut told) = shared.lock() {
                told(&Event::Loading { done, total });
            }
        };
        let options = StoreOptions { detail, progress: Some(&progress), ..self.options() };
        let begun = Instant::now();
        let store = match ImageStore::load(&prepared.dataset, &prepared.preprocess, samples, &options) {
            Err(DataError::Interrupted) => return Err(TrainError::Interrupted),
            other => Arc::new(other?),
        };
        Ok(Read { store, each: begun.elapsed().div_f64(samples.len().max(1) as f64) })
    }
}

/// What files and pictures show, in few words: all was seen in passing when they were loaded.
fn shown(survey: &Survey, copies: &check::Copies) -> impl Iterator<Item = Diagnostic> {
    let findings = check::types(survey).into_iter().chain(check::quality(survey));
    findings.chain(check::shortcut(survey, copies)).map(Finding::briefly)
}

//! What speaks for the answers to the pictures that are shown.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use divvy_data::{DataError, Dataset, ImageStore, Loader, StoreOptions};
use divvy_model::{Classifier, Heatmap};
use serde::Serialize;

use super::fails::Gallery;
use crate::error::TrainError;

/// Into how many rows and columns of parts a picture is divided to be looked at with each of them covered, at the most.
pub(crate) const PARTS: usize = 4;

/// What can be said of the maps that lie over the pictures of the gallery.
#[derive(Clone, Debug, Serialize)]
pub struct Why {
    /// Why there are none, if there are none.
    pub fault: Option<String>,
    /// How many of the pictures were looked at with parts of them covered.
    pub checked: usize,
    /// How far the maps agree with what covering changes, on average: Spearman's rank correlation, -1 to 1. None where it could be told of no picture.
    pub agreement: Option<f64>,
}

impl Why {
    /// Finds what speaks for the group that each picture of the gallery is most likely of (Grad-CAM: Selvaraju et al. 2017), and checks the
    /// maps by covering parts of the pictures (Zeiler and Fergus 2014); `told` hears of how many of how many.
    pub(super) fn of(
        classifier: &mut Classifier,
        dataset: &Arc<Dataset>,
        gallery: &mut Gallery,
        options: &StoreOptions<'_>,
        told: &dyn Fn(usize, usize),
    ) -> Result<Self, TrainError> {
        let samples: Vec<usize> = gallery.pictures().map(|picture| picture.sample).collect();
        let quietly = StoreOptions { progress: None, ..options.clone() };
        let store = Arc::new(ImageStore::load(dataset, classifier.preprocess(), &samples, &quietly)?);
        let bad = store.unreadable_samples();
        let readable: Vec<usize> = samples.into_iter().filter(|sample| !bad.contains(sample)).collect();
        let scaling = classifier.preprocess().scaling().clone();
        let loader = Loader::for_evaluation(&store, &readable, &scaling, classifier.batch())
            .with_threads(options.threads);
        let mut maps: HashMap<usize, (Heatmap, Option<f64>)> = HashMap::new();
        for batch in loader.epoch(0) {
            let batch = batch?;
            let found = match classifier.explain(batch.images(), None) {
                Ok(found) => found,
                Err(fault) => {
                    return Ok(Self { fault: Some(fault.to_string()), checked: 0, agreement: None });
                }
            };
            let images = batch.images().chunks_exact(classifier.preprocess().image_len());
            for ((&sample, map), image) in batch.samples().iter().zip(found).zip(images) {
                if options.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
                    return Err(DataError::Interrupted.into());
                }
                let agreement = agreement(classifier, image, &map);
                maps.insert(sample, (map, agreement));
                told(maps.len(), readable.len());
            }
        }
        let checked = maps.len();
        // In the order of the gallery, so that the mean is always the same.
        let mut agreements = Vec::new();
        for picture in gallery.pictures_mut() {
            let (map, agreement) = maps.remove(&picture.sample).unzip();
            (picture.heatmap, picture.heatmap_agreement) = (map, agreement.flatten());
            agreements.extend(picture.heatmap_agreement);
        }
        let sum: f64 = agreements.iter().sum();
        let agreement = (!agreements.is_empty()).then(|| sum / agreements.len() as f64);
        Ok(Self { fault: None, checked, agreement })
    }
}

/// How far a map agrees with what covering parts of the picture changes.
fn agreement(classifier: &mut Classifier, image: &[f32], map: &Heatmap) -> Option<f64> {
    let group = classifier.classify(image).first()?.most_likely();
    let grid = [map.height(), map.width()].map(|parts| parts.min(PARTS));
    map.agreement(&classifier.occlude(image, group, grid))
}

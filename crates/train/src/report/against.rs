//! A model beside another, on the same pictures.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use divvy_data::{Dataset, StoreOptions};
use divvy_eval::{Estimate, McNemar};
use divvy_model::{Classifier, Trained};
use divvy_nn::Device;
use serde::Serialize;

use super::ReportConfig;
use super::asked::Asked;
use super::own::OwnPictures;
use crate::error::TrainError;
use crate::evaluate::classify;
use crate::run::RunFolder;

/// A model beside another, on the same pictures.
#[derive(Clone, Debug, Serialize)]
pub struct Against {
    /// The other run or model.
    pub run: PathBuf,
    /// The share of the pictures that the other gets right, with Wilson's interval.
    pub accuracy: Estimate,
    /// Pictures that this model alone gets right.
    pub only_this_right: usize,
    /// Pictures that the other alone gets right.
    pub only_other_right: usize,
    /// The accuracy of this model less that of the other, paired by picture, with Tango's interval.
    pub difference: Estimate,
    /// McNemar's mid-p value of there being no difference.
    pub p: f64,
    /// How many of the pictures the other was trained on; none where its run does not tell.
    pub trained_on: Option<usize>,
}

impl Against {
    /// Asks `other` about the pictures that were asked about.
    pub(super) fn of(
        other: &Path,
        config: &ReportConfig,
        asked: &Asked,
        device: &Device,
        options: &StoreOptions<'_>,
        classified: &dyn Fn(usize, usize),
    ) -> Result<Self, TrainError> {
        let trained = Trained::open(other)?;
        // The same samples, their groups numbered as the other model does.
        let dataset = Arc::new(Dataset::clone(&asked.dataset).with_classes(trained.classes())?);
        if (trained.head().task() == divvy_nn::Task::MultiLabel) != asked.is_multi_label() {
            return Err(TrainError::Incomparable { path: other.to_owned(), with: config.run.clone() });
        }
        let own = OwnPictures::open(other, &RunFolder::at(other), trained.classes()).ok();
        let mut classifier = Classifier::new(trained, device.another())?;
        let answers = classify(&mut classifier, &dataset, asked.samples.clone(), options, classified)?;
        if let Some(reason) = answers.unreadable.into_iter().next() {
            return Err(TrainError::PictureLost { reason });
        }
        let truth = |sample: &usize| dataset.samples()[*sample].label.indices();
        let rights = answers.samples.iter().zip(&answers.predictions);
        let other_right: Vec<bool> =
            rights.map(|(sample, prediction)| prediction.chosen == truth(sample)).collect();
        let pairs: Vec<(bool, bool)> = asked.right().into_iter().zip(other_right).collect();
        let count = |which: (bool, bool)| pairs.iter().filter(|&&pair| pair == which).count();
        let (n, both) = (pairs.len(), count((true, true)));
        let test = McNemar::new(count((true, false)), count((false, true)));
        let right = both + test.only_b_right;
        let (Some(accuracy), Some(difference)) = (Estimate::of_share(right, n), test.difference(n)) else {
            return Err(divvy_eval::EvalError::NoSamples.into());
        };
        Ok(Self {
            run: other.to_owned(),
            accuracy,
            only_this_right: test.only_a_right,
            only_other_right: test.only_b_right,
            difference,
            p: test.mid_p(),
            trained_on: own.map(|own| OwnPictures::count(&own.learnt(&dataset, &answers.samples))),
        })
    }
}

//! Pictures that begin small and grow while a network learns (progressive resizing: Howard 2018; Tan and Le 2021, `EfficientNetV2`).
//!
//! They may end smaller than those that are classified: where parts of pictures are enlarged at random while it learns, things look as large to it as in whole
//! pictures that are larger (Touvron, Vedaldi, Douze and Jégou 2019, "Fixing the train-test resolution discrepancy").

use divvy_nn::{ArchitectureError, Network, ParameterTable};

use crate::config::TrainConfig;
use crate::error::TrainError;

/// The shares of a training at which pictures grow.
const BOUNDS: [f64; 2] = [0.35, 0.65];
/// Sides between the first and the last are multiples of this: maps stay whole when they are pooled.
const STEP: usize = 8;

/// The sides of pictures over a training, and the network for each: the same parameters throughout.
pub(crate) struct Growth {
    stages: Vec<Stage>,
    /// The side of pictures that are classified.
    size: usize,
}

/// Pictures of one side.
struct Stage {
    /// The share of the training at which it is over.
    until: f64,
    side: usize,
    network: Network,
}

impl Growth {
    /// What `config` asks for of the network `classifying`; `of_side` makes the same for pictures of another side.
    ///
    /// # Errors
    /// [`TrainError::Setting`] where pictures would shrink, or where the network's parameters hang on their size;
    /// [`TrainError::Architecture`](TrainError) where they would be too small for it.
    pub(crate) fn new(
        config: &TrainConfig,
        classifying: &Network,
        of_side: impl Fn(usize) -> Result<Network, ArchitectureError>,
    ) -> Result<Self, TrainError> {
        let size = config.size;
        let (setting, first) = match (config.start_size, config.end_size) {
            (None, None) => return Ok(Self { stages: Vec::new(), size }),
            (Some(start), _) => ("start_size", start),
            (None, Some(end)) => ("end_size", end),
        };
        let refuse = |wanted| TrainError::Setting { setting, found: first.to_string(), wanted };
        let last = config.end_size.unwrap_or(size);
        if last > size {
            let (found, wanted) =
                (last.to_string(), "give at most the size of the pictures that are classified");
            return Err(TrainError::Setting { setting: "end_size", found, wanted });
        }
        if first > last {
            return Err(refuse("give at most the size that pictures come to in the end"));
        }
        let stage = |(side, until): (usize, f64)| -> Result<Stage, TrainError> {
            let network = of_side(side)?;
            if ParameterTable::new(network.graph()) != ParameterTable::new(classifying.graph()) {
                return Err(refuse(
                    "leave it out: this network has other parameters for pictures of another size; one that ends in a global pool has not",
                ));
            }
            Ok(Stage { until, side, network })
        };
        let middle = (first.midpoint(last) / STEP * STEP).clamp(first, last);
        let sides = [(first, BOUNDS[0]), (middle, BOUNDS[1]), (last, 1.0)];
        Ok(Self { stages: sides.into_iter().map(stage).collect::<Result<_, _>>()?, size })
    }

    /// The side of pictures when that share of a training is done, and the network for it; none where they do not grow.
    pub(crate) fn at(&self, done: f64) -> Option<(usize, &Network)> {
        let stage = self.stages.iter().find(|stage| done < stage.until).or(self.stages.last());
        stage.map(|stage| (stage.side, &stage.network))
    }

    /// The network for the largest pictures that are learnt from, where `classifying` is the one for those that are classified.
    pub(crate) fn largest<'a>(&'a self, classifying: &'a Network) -> &'a Network {
        self.stages.last().map_or(classifying, |stage| &stage.network)
    }

    /// What a picture that is classified costs beside one as they are when that share of a training is done.
    pub(crate) fn classified_beside(&self, done: f64) -> f64 {
        self.at(done).map_or(1.0, |(side, _)| 1.0 / self.cost(side))
    }

    /// What the pictures of a training cost in the mean, beside as many of those that are classified: where time is shared out, each part of it is worth
    /// its own number of pictures.
    pub(crate) fn mean_cost(&self, is_by_time: bool) -> f64 {
        if self.stages.is_empty() {
            return 1.0;
        }
        let mut from = 0.0;
        let mut mean = 0.0;
        for stage in &self.stages {
            let cost = self.cost(stage.side);
            mean += (stage.until - from) * if is_by_time { 1.0 / cost } else { cost };
            from = stage.until;
        }
        if is_by_time { 1.0 / mean } else { mean }
    }

    /// What a picture of that side costs beside one that is classified.
    fn cost(&self, side: usize) -> f64 {
        (side as f64 / self.size as f64).powi(2)
    }
}

#[cfg(test)]
mod tests {
    use divvy_nn::{Architecture, Head, Task};

    use super::*;

    fn growth(
        architecture: &str,
        start: Option<usize>,
        end: Option<usize>,
        size: usize,
    ) -> Result<Growth, TrainError> {
        let architecture = Architecture::by_name(architecture).unwrap();
        let head = Head::for_task(Task::Binary, None, 2).unwrap();
        let of_side = |side| architecture.network([side, side, 3], &head);
        let classifying = of_side(size).unwrap();
        let config = TrainConfig { start_size: start, end_size: end, size, ..TrainConfig::new("photos") };
        Growth::new(&config, &classifying, of_side)
    }

    #[test]
    fn pictures_grow_in_three_stages() {
        let growth = growth("resnet9_photo", Some(64), None, 96).unwrap();
        let side = |done| growth.at(done).map(|(side, _)| side);
        assert_eq!([0.0, 0.349, 0.35, 0.649, 0.65, 1.0].map(side), [64, 64, 80, 80, 96, 96].map(Some));
        let mean = 0.35 * 4.0 / 9.0 + 0.3 * 25.0 / 36.0 + 0.35;
        assert!((growth.mean_cost(false) - mean).abs() < 1e-12);
        let by_time: f64 = 0.35 * 9.0 / 4.0 + 0.3 * 36.0 / 25.0 + 0.35;
        assert!((growth.mean_cost(true) - 1.0 / by_time).abs() < 1e-12);
        assert_eq!([growth.classified_beside(0.0), growth.classified_beside(1.0)], [2.25, 1.0]);
    }

    #[test]
    fn pictures_may_end_smaller_than_those_that_are_classified() {
        let side = |growth: &Growth, done| growth.at(done).map(|(side, _)| side);
        let growing = growth("resnet9_photo", Some(64), Some(96), 112).unwrap();
        assert_eq!([0.0, 0.5, 1.0].map(|done| side(&growing, done)), [64, 80, 96].map(Some));
        let cost = |side: f64| (side / 112.0_f64).powi(2);
        let mean = 0.35 * cost(64.0) + 0.3 * cost(80.0) + 0.35 * cost(96.0);
        assert!((growing.mean_cost(false) - mean).abs() < 1e-12);
        assert!((growing.classified_beside(1.0) * cost(96.0) - 1.0).abs() < 1e-12);
        let still = growth("resnet9_photo", None, Some(96), 112).unwrap();
        assert_eq!([0.0, 1.0].map(|done| side(&still, done)), [Some(96), Some(96)]);
    }

    #[test]
    fn pictures_stay_where_nothing_is_asked_for() {
        let growth = growth("classic", None, None, 64).unwrap();
        assert!(growth.at(0.5).is_none());
        assert_eq!((growth.mean_cost(true), growth.classified_beside(0.5)), (1.0, 1.0));
    }

    #[test]
    fn pictures_do_not_shrink_and_networks_must_be_the_same_for_all() {
        for (architecture, start, end, setting, wanted) in [
            ("resnet9", Some(48), None, "start_size", "at most"),
            ("resnet9", Some(38), Some(32), "start_size", "at most"),
            ("resnet9", Some(32), Some(48), "end_size", "are classified"),
            ("classic", Some(32), None, "start_size", "global pool"),
            ("classic", None, Some(32), "end_size", "global pool"),
        ] {
            let refused = growth(architecture, start, end, 40).map(|_| ()).unwrap_err().to_string();
            assert!(refused.contains(setting) && refused.contains(wanted), "{refused}");
        }
    }
}

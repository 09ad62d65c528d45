//! Pictures that begin small and grow while a network learns (progressive resizing: Howard 2018; Tan and Le 2021, `EfficientNetV2`).

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
}

/// Pictures of one side.
struct Stage {
    /// The share of the training at which it is over.
    until: f64,
    side: usize,
    network: Network,
}

impl Growth {
    /// What `config` asks for of the network `last`, which is for the largest pictures; `of_side` makes the same for those of another side.
    ///
    /// # Errors
    /// [`TrainError::Setting`] where pictures would shrink, or where the network's parameters hang on their size;
    /// [`TrainError::Architecture`](TrainError) where they would be too small for it.
    pub(crate) fn new(
        config: &TrainConfig,
        last: &Network,
        of_side: impl Fn(usize) -> Result<Network, ArchitectureError>,
    ) -> Result<Self, TrainError> {
        let Some(start) = config.start_size else { return Ok(Self { stages: Vec::new() }) };
        let refuse = |wanted| TrainError::Setting { setting: "start_size", found: start.to_string(), wanted };
        if start > config.size {
            return Err(refuse("give at most the size that pictures come to in the end"));
        }
        let stage = |(side, until): (usize, f64)| -> Result<Stage, TrainError> {
            let network = of_side(side)?;
            if ParameterTable::new(network.graph()) != ParameterTable::new(last.graph()) {
                return Err(refuse(
                    "leave it out: this network has other parameters for pictures of another size; one that ends in a global pool has not",
                ));
            }
            Ok(Stage { until, side, network })
        };
        let middle = (start.midpoint(config.size) / STEP * STEP).clamp(start, config.size);
        let sides = [(start, BOUNDS[0]), (middle, BOUNDS[1]), (config.size, 1.0)];
        Ok(Self { stages: sides.into_iter().map(stage).collect::<Result<_, _>>()? })
    }

    /// The side of pictures when that share of a training is done, and the network for it; none where they do not grow.
    pub(crate) fn at(&self, done: f64) -> Option<(usize, &Network)> {
        let stage = self.stages.iter().find(|stage| done < stage.until).or(self.stages.last());
        stage.map(|stage| (stage.side, &stage.network))
    }

    /// What a picture of the last size costs beside one as they are when that share of a training is done.
    pub(crate) fn last_beside(&self, done: f64) -> f64 {
        match (self.at(done), self.stages.last()) {
            (Some((side, _)), Some(last)) => (last.side as f64 / side as f64).powi(2),
            _ => 1.0,
        }
    }

    /// What the pictures of a training cost in the mean, beside as many of the last size: where time is shared out, each part of it is worth its
    /// own number of pictures.
    pub(crate) fn mean_cost(&self, is_by_time: bool) -> f64 {
        let Some(last) = self.stages.last() else { return 1.0 };
        let mut from = 0.0;
        let mut mean = 0.0;
        for stage in &self.stages {
            let cost = (stage.side as f64 / last.side as f64).powi(2);
            mean += (stage.until - from) * if is_by_time { 1.0 / cost } else { cost };
            from = stage.until;
        }
        if is_by_time { 1.0 / mean } else { mean }
    }
}

#[cfg(test)]
mod tests {
    use divvy_nn::{Architecture, Head, Task};

    use super::*;

    fn growth(architecture: &str, start: Option<usize>, size: usize) -> Result<Growth, TrainError> {
        let architecture = Architecture::by_name(architecture).unwrap();
        let head = Head::for_task(Task::Binary, None, 2).unwrap();
        let of_side = |side| architecture.network([side, side, 3], &head);
        let last = of_side(size).unwrap();
        let config = TrainConfig { start_size: start, size, ..TrainConfig::new("photos") };
        Growth::new(&config, &last, of_side)
    }

    #[test]
    fn pictures_grow_in_three_stages() {
        let growth = growth("resnet9_photo", Some(64), 96).unwrap();
        let side = |done| growth.at(done).map(|(side, _)| side);
        assert_eq!([0.0, 0.349, 0.35, 0.649, 0.65, 1.0].map(side), [64, 64, 80, 80, 96, 96].map(Some));
        let mean = 0.35 * 4.0 / 9.0 + 0.3 * 25.0 / 36.0 + 0.35;
        assert!((growth.mean_cost(false) - mean).abs() < 1e-12);
        let by_time: f64 = 0.35 * 9.0 / 4.0 + 0.3 * 36.0 / 25.0 + 0.35;
        assert!((growth.mean_cost(true) - 1.0 / by_time).abs() < 1e-12);
        assert_eq!([growth.last_beside(0.0), growth.last_beside(1.0)], [2.25, 1.0]);
    }

    #[test]
    fn pictures_stay_where_nothing_is_asked_for() {
        let growth = growth("classic", None, 64).unwrap();
        assert!(growth.at(0.5).is_none());
        assert_eq!((growth.mean_cost(true), growth.last_beside(0.5)), (1.0, 1.0));
    }

    #[test]
    fn pictures_do_not_shrink_and_networks_must_be_the_same_for_all() {
        for (architecture, start, wanted) in [("resnet9", 48, "at most"), ("classic", 32, "global pool")] {
            let refused = growth(architecture, Some(start), 40).map(|_| ()).unwrap_err().to_string();
            assert!(refused.contains("start_size") && refused.contains(wanted), "{refused}");
        }
    }
}

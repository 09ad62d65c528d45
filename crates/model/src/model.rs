//! What a model file holds.

use divvy_data::Preprocess;
use divvy_nn::{Network, Parameters};

use crate::record::TrainingRecord;

/// A trained network with everything that is needed to use it.
#[derive(Clone, Debug)]
pub struct Model {
    pub(crate) network: Network,
    pub(crate) classes: Vec<String>,
    pub(crate) preprocess: Preprocess,
    pub(crate) parameters: Parameters,
    pub(crate) record: TrainingRecord,
}

impl Model {
    /// Joins the parts.
    ///
    /// # Errors
    /// What does not fit, in words: the classes to the head, the preprocessing to the network's input, or the parameters to
    /// the graph.
    pub fn new(
        network: Network,
        classes: Vec<String>,
        preprocess: Preprocess,
        parameters: Parameters,
        record: TrainingRecord,
    ) -> Result<Self, String> {
        network.head().check_classes(classes.len()).map_err(|diagnostic| diagnostic.to_string())?;
        let (expected, found) = (network.graph().input_shape(), preprocess.shape());
        if expected != found.into() {
            return Err(format!(
                "the network takes pictures of {expected}, the preprocessing makes {found:?}"
            ));
        }
        if !parameters.fit(network.graph()) {
            return Err("the parameters are those of another network".to_owned());
        }
        Ok(Self { network, classes, preprocess, parameters, record })
    }

    /// The checked graph and head.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The names of the groups or labels, in the order of the network's outputs. Where one output decides between two
    /// groups, it is the probability (or the number) of the second.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// How a picture becomes the network's input: exactly as in training.
    pub fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    /// The weights.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// How it was made.
    pub fn record(&self) -> &TrainingRecord {
        &self.record
    }
}

//! What a model file holds.

use divvy_data::Preprocess;
use divvy_nn::{Network, Parameters, Quantized};

use crate::record::TrainingRecord;
use crate::{Calibration, Familiarity, Views};

/// The numbers of a model.
#[derive(Clone, Debug)]
pub enum Weights {
    /// As they were trained.
    F32(Parameters),
    /// In 8 bits, for classifying only.
    Int8(Quantized),
}

impl Weights {
    /// `f32` or `int8`.
    pub fn precision(&self) -> &'static str {
        match self {
            Self::F32(_) => "f32",
            Self::Int8(_) => "int8",
        }
    }
}

/// A trained network with everything that is needed to use it.
#[derive(Clone, Debug)]
pub struct Model {
    pub(crate) network: Network,
    pub(crate) classes: Vec<String>,
    pub(crate) preprocess: Preprocess,
    pub(crate) views: Views,
    pub(crate) weights: Weights,
    pub(crate) record: TrainingRecord,
    pub(crate) familiarity: Option<Familiarity>,
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
        if !parameters.fit(network.graph()) {
            return Err("the parameters are those of another network".to_owned());
        }
        let (views, weights) = (Views::default(), Weights::F32(parameters));
        Self { network, classes, preprocess, views, weights, record, familiarity: None }.checked()
    }

    /// The same model, which knows what the training pictures look like: `familiarity` is made of what its classifier gives as
    /// [features](crate::Classifier::features).
    ///
    /// # Errors
    /// What does not fit, in words: familiarity of other features.
    pub fn with_familiarity(self, familiarity: Familiarity) -> Result<Self, String> {
        Self { familiarity: Some(familiarity), ..self }.checked()
    }

    /// The same model, which looks at pictures so.
    #[must_use]
    pub fn with_views(self, views: Views) -> Self {
        Self { views, ..self }
    }

    /// The same model without the biases of its calibration, for the pictures on which it was calibrated: there they have been told by the very labels that its
    /// answers are to be held against. It stays as it is where it has none, or where its weights no longer show them.
    #[must_use]
    pub fn without_biases(self) -> Self {
        let Some(Calibration::Temperature { temperature, biases }) = &self.record.calibration else {
            return self;
        };
        let Some(parameters) = self.parameters().filter(|_| biases.len() == self.network.head().units())
        else {
            return self;
        };
        let shifts: Vec<f32> = biases.iter().map(|bias| *bias as f32).collect();
        let Some(parameters) = self.network.corrected(parameters, &shifts) else { return self };
        let calibration = Calibration::Temperature { temperature: *temperature, biases: Vec::new() };
        let record = TrainingRecord { calibration: Some(calibration), ..self.record.clone() };
        Self { weights: Weights::F32(parameters), record, ..self }
    }

    /// The same model in 8 bits: its network is that of `quantized`.
    ///
    /// # Errors
    /// What does not fit, in words, as [`Model::new`].
    pub fn quantized(&self, quantized: Quantized) -> Result<Self, String> {
        Self {
            network: quantized.network().clone(),
            classes: self.classes.clone(),
            preprocess: self.preprocess.clone(),
            views: self.views,
            weights: Weights::Int8(quantized),
            record: self.record.clone(),
            // Its features are others.
            familiarity: None,
        }
        .checked()
    }

    /// Makes sure that classes and preprocessing fit the network.
    pub(crate) fn checked(self) -> Result<Self, String> {
        let Self { network, classes, preprocess, .. } = &self;
        network.head().check_classes(classes.len()).map_err(|diagnostic| diagnostic.to_string())?;
        let (expected, found) = (network.graph().input_shape(), preprocess.shape());
        if expected != found.into() {
            return Err(format!(
                "the network takes pictures of {expected}, the preprocessing makes {found:?}"
            ));
        }
        if let Some(familiarity) = &self.familiarity {
            let width = network.graph().node(network.features()).shape.channels();
            if familiarity.width() != width {
                let found = familiarity.width();
                return Err(format!(
                    "the network has {width} features, those of the training pictures are {found}"
                ));
            }
        }
        Ok(self)
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

    /// From how many sides a picture is looked at.
    pub fn views(&self) -> Views {
        self.views
    }

    /// The weights, in the precision that they have.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The weights as they were trained; none of a model in 8 bits.
    pub fn parameters(&self) -> Option<&Parameters> {
        match &self.weights {
            Weights::F32(parameters) => Some(parameters),
            Weights::Int8(_) => None,
        }
    }

    /// What the training pictures look like, if that was learnt.
    pub fn familiarity(&self) -> Option<&Familiarity> {
        self.familiarity.as_ref()
    }

    /// How it was made.
    pub fn record(&self) -> &TrainingRecord {
        &self.record
    }
}

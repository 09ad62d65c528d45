//! Everything in a model file but the numbers: JSON in the metadata.

use std::borrow::Cow;
use std::path::Path;

use divvy_data::Preprocess;
use divvy_nn::{Graph, Head, Network, ParameterTable, Task};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::tensors::Tensors;
use crate::record::TrainingRecord;
use crate::{Model, ModelError, Views, Weights};

/// The newest version of the format. A model is written as the oldest version that can say it, so that older readers know it.
pub(super) const NEWEST: u64 = FAMILIARITY;

/// The first version that holds several models.
pub(super) const SEVERAL: u64 = 4;

/// The first version that tells what the training pictures look like.
const FAMILIARITY: u64 = 5;

/// The header of a file with one model.
#[derive(Serialize)]
pub(super) struct One<'a> {
    version: u64,
    #[serde(flatten)]
    part: Part<'a>,
}

/// The header of a file with several models.
#[derive(Serialize, Deserialize)]
pub(super) struct Several<'a> {
    version: u64,
    pub(super) members: Vec<Part<'a>>,
}

/// A model but for its numbers.
#[derive(Serialize, Deserialize)]
pub(super) struct Part<'a> {
    /// Since version 2; `f32` where it is missing.
    #[serde(default, skip_serializing_if = "Precision::is_f32")]
    precision: Precision,
    task: Task,
    head: Head,
    classes: Cow<'a, [String]>,
    preprocess: Cow<'a, Preprocess>,
    /// Since version 3; `single` where it is missing.
    #[serde(default, skip_serializing_if = "Views::is_single")]
    views: Views,
    graph: Cow<'a, Graph>,
    record: Cow<'a, TrainingRecord>,
    /// Since version 5: whether there are tensors of what the training pictures look like.
    #[serde(default, skip_serializing_if = "is_false")]
    familiarity: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// How the weights are stored.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Precision {
    #[default]
    F32,
    Int8,
}

impl Precision {
    fn of(weights: &Weights) -> Self {
        match weights {
            Weights::F32(_) => Self::F32,
            Weights::Int8(_) => Self::Int8,
        }
    }

    /// The first version that knows it.
    fn version(self) -> u64 {
        match self {
            Self::F32 => 1,
            Self::Int8 => 2,
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    fn is_f32(&self) -> bool {
        *self == Self::F32
    }
}

/// What is read of a header before anything else is looked at.
#[derive(Deserialize)]
pub(super) struct Version {
    pub(super) version: u64,
}

/// How many models a file holds, which is looked at before room is made for any; none where it is one without a list.
#[derive(Deserialize)]
pub(super) struct Count {
    #[serde(default)]
    pub(super) members: Option<Vec<IgnoredAny>>,
}

impl<'a> One<'a> {
    pub(super) fn of(model: &'a Model) -> Self {
        let part = Part::of(model);
        Self { version: part.version(), part }
    }
}

impl<'a> Several<'a> {
    pub(super) fn of(members: &'a [Model]) -> Self {
        let members: Vec<_> = members.iter().map(Part::of).collect();
        let version = members.iter().map(Part::version).fold(SEVERAL, u64::max);
        Self { version, members }
    }
}

impl<'a> Part<'a> {
    fn of(model: &'a Model) -> Self {
        Self {
            precision: Precision::of(&model.weights),
            task: model.network.head().task(),
            head: *model.network.head(),
            classes: Cow::Borrowed(&model.classes),
            preprocess: Cow::Borrowed(&model.preprocess),
            views: model.views,
            graph: Cow::Borrowed(model.network.graph()),
            record: Cow::Borrowed(&model.record),
            familiarity: model.familiarity.is_some(),
        }
    }

    /// The first version that knows all of it.
    fn version(&self) -> u64 {
        if self.familiarity {
            FAMILIARITY
        } else if self.views.is_single() {
            self.precision.version()
        } else {
            3
        }
    }

    /// How many parameters the graph has.
    pub(super) fn parameters(&self) -> usize {
        ParameterTable::new(&self.graph).values_len()
    }

    /// The model with its numbers.
    pub(super) fn model(self, mut tensors: Tensors<'_>, path: &Path) -> Result<Model, ModelError> {
        let damaged = |reason: &dyn ToString| ModelError::damaged(path, reason);
        let network = Network::new(self.graph.into_owned(), self.task).map_err(|error| damaged(&error))?;
        if *network.head() != self.head {
            return Err(damaged(&format!(
                "the head is said to be {}, the graph ends in {}",
                self.head,
                network.head()
            )));
        }
        let familiarity = self.familiarity.then(|| tensors.take_familiarity(path)).transpose()?;
        let (network, weights) = match self.precision {
            Precision::F32 => {
                let parameters = tensors.parameters(ParameterTable::new(network.graph()), path)?;
                (network, Weights::F32(parameters))
            }
            Precision::Int8 => {
                let quantized = tensors.quantized(network, path)?;
                (quantized.network().clone(), Weights::Int8(quantized))
            }
        };
        let (classes, preprocess) = (self.classes.into_owned(), self.preprocess.into_owned());
        let (views, record) = (self.views, self.record.into_owned());
        let model = Model { network, classes, preprocess, views, weights, record, familiarity };
        model.checked().map_err(|reason| damaged(&reason))
    }

    /// Whether the numbers are those of the graph, one for each parameter.
    pub(super) fn is_f32(&self) -> bool {
        self.precision == Precision::F32
    }
}

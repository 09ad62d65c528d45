//! What training has made of an engine: given out tensor by tensor, and taken back by another engine, which then goes on to the
//! same bits.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Engine;
use crate::optimizer::{Optimizer, OptimizerState};
use crate::parameters::{ParameterError, Parameters, Tensor};

/// How often an engine has moved its parameters.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct StepCounts {
    /// The steps of training, on which dropout hangs.
    pub steps: u64,
    /// Those since the optimizer's memory began; the same unless another optimizer took over.
    pub remembered: u64,
}

/// What a [`StateTensor`] is a part of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatePart {
    /// The parameters, moving statistics of batch norms included.
    Parameters,
    /// Their running average, statistics included.
    Average,
    /// What the optimizer remembers of each trained parameter, by number from 0: Adam's mean of the gradients is 0, that of their
    /// squares 1.
    Moment(u8),
}

impl fmt::Display for StatePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameters => f.write_str("the parameters"),
            Self::Average => f.write_str("their average"),
            Self::Moment(number) => write!(f, "the optimizer's moment {number}"),
        }
    }
}

/// Numbers of one parameter, and what they are.
#[derive(Clone, PartialEq, Debug)]
pub struct StateTensor {
    /// What they are.
    pub part: StatePart,
    /// Named and laid out as the parameter is.
    pub tensor: Tensor,
}

/// A state that an engine cannot go on from. The engine is as it was.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum StateError {
    /// The numbers are not those that this training keeps.
    #[error(
        "the state holds {found}, this training keeps {expected}; it is of a training with another optimizer"
    )]
    Parts {
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// More steps are remembered than were taken.
    #[error("the state is of {steps} steps and remembers {remembered}; it was not written by an engine")]
    Steps {
        /// The steps taken.
        steps: u64,
        /// The steps remembered.
        remembered: u64,
    },
    /// The numbers are of another network.
    #[error("{part}: {source}")]
    Tensor {
        /// What they are.
        part: StatePart,
        /// What does not fit.
        source: ParameterError,
    },
}

impl Engine {
    /// How often the parameters were moved.
    pub fn step_counts(&self) -> StepCounts {
        StepCounts { steps: self.steps, remembered: self.optimizer_state.steps() }
    }

    /// All numbers that training has moved: with them and the [`StepCounts`], [`Engine::restore`] makes another engine of the same
    /// network, seed and loss weights go on as this one would.
    pub fn state(&self) -> impl Iterator<Item = StateTensor> + '_ {
        let table = self.parameters.table();
        let slots = (0..).zip(self.optimizer_state.slots(table));
        let moments =
            slots.flat_map(|(number, slot)| labelled(StatePart::Moment(number), table.trained_tensors(slot)));
        let average = self.average.iter().flat_map(|average| labelled(StatePart::Average, average.tensors()));
        labelled(StatePart::Parameters, self.parameters.tensors()).chain(average).chain(moments)
    }

    /// Takes over the state of another engine of the same network, whose next step `optimizer` takes.
    ///
    /// # Errors
    /// A [`StateError`] where the tensors are not exactly those that [`Engine::state`] gives for this network and optimizer.
    pub fn restore(
        &mut self,
        optimizer: &Optimizer,
        counts: StepCounts,
        tensors: impl IntoIterator<Item = StateTensor>,
    ) -> Result<(), StateError> {
        let StepCounts { steps, remembered } = counts;
        if remembered > steps {
            return Err(StateError::Steps { steps, remembered });
        }
        let mut parts: BTreeMap<StatePart, Vec<Tensor>> = BTreeMap::new();
        for StateTensor { part, tensor } in tensors {
            parts.entry(part).or_default().push(tensor);
        }
        check_parts(&parts, &expected_parts(optimizer, counts))?;
        let (mut whole, mut slots) = (BTreeMap::new(), Vec::new());
        for (part, tensors) in parts {
            let table = Arc::clone(self.parameters.table());
            let fault = |source| StateError::Tensor { part, source };
            if let StatePart::Moment(_) = part {
                slots.push(Parameters::of_trained(table, tensors).map_err(fault)?);
            } else {
                whole.insert(part, Parameters::of_any(table, tensors).map_err(fault)?);
            }
        }
        if let Some(parameters) = whole.remove(&StatePart::Parameters) {
            self.replace_parameters(parameters);
        }
        self.average = whole.remove(&StatePart::Average);
        self.optimizer_state = OptimizerState::remembered(&slots, remembered);
        self.steps = steps;
        Ok(())
    }
}

fn labelled(part: StatePart, tensors: impl Iterator<Item = Tensor>) -> impl Iterator<Item = StateTensor> {
    tensors.map(move |tensor| StateTensor { part, tensor })
}

/// What there is after so many steps: the optimizer's memory and the average begin with the first.
fn expected_parts(optimizer: &Optimizer, counts: StepCounts) -> Vec<StatePart> {
    let average = (optimizer.average.is_some() && counts.steps > 0).then_some(StatePart::Average);
    let slots = if counts.remembered > 0 { optimizer.slots() as u8 } else { 0 };
    std::iter::once(StatePart::Parameters).chain(average).chain((0..slots).map(StatePart::Moment)).collect()
}

fn check_parts(found: &BTreeMap<StatePart, Vec<Tensor>>, expected: &[StatePart]) -> Result<(), StateError> {
    if found.keys().eq(expected) {
        return Ok(());
    }
    let list = |parts: &mut dyn Iterator<Item = &StatePart>| {
        let names: Vec<String> = parts.map(ToString::to_string).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    };
    Err(StateError::Parts { found: list(&mut found.keys()), expected: list(&mut expected.iter()) })
}

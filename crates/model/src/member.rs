//! The networks of a classifier, each on a processor, and the mean of what they answer.

use divvy_data::Scaling;
use divvy_nn::{Cpu, Device, Engine, Head, QuantizedEngine, needed_memory};

use crate::{Model, Views, Weights};

/// A model's network on a processor, and how it looks at pictures.
#[derive(Debug)]
pub(crate) struct Member {
    machine: Machine,
    /// What is still to be done to pictures that were prepared for several models alike.
    scaling: Option<Scaling>,
    views: Views,
}

/// A network on a processor, in either precision.
#[derive(Debug)]
enum Machine {
    F32(Box<Engine>),
    Int8(Box<QuantizedEngine>),
}

impl Member {
    /// A model that answers alone, for pictures as it wants them.
    pub(crate) fn alone(model: Model, device: Device) -> Self {
        let Model { network, views, weights, .. } = model;
        let machine = match weights {
            // Nothing random happens in inference, so the seed is of no account.
            Weights::F32(parameters) => {
                Machine::F32(Box::new(Engine::with_parameters(network, parameters, device, 0)))
            }
            Weights::Int8(quantized) => {
                Machine::Int8(Box::new(QuantizedEngine::new(&quantized, device.into_cpu())))
            }
        };
        Self { machine, scaling: None, views }
    }

    /// One of several models, for pictures that are scaled to 0..1.
    pub(crate) fn of_several(model: Model, device: Device) -> Self {
        let scaling = Some(model.preprocess.scaling().clone());
        Self { scaling, ..Self::alone(model, device) }
    }

    /// The bytes that it takes with batches of `batch` pictures.
    pub(crate) fn needed_memory(&self, batch: usize) -> u64 {
        match &self.machine {
            Machine::F32(engine) => needed_memory(engine.network(), None, batch, engine.cpu().threads()),
            Machine::Int8(engine) => engine.needed_memory(batch),
        }
    }

    pub(crate) fn head(&self) -> &Head {
        match &self.machine {
            Machine::F32(engine) => engine.network().head(),
            Machine::Int8(engine) => engine.network().head(),
        }
    }

    pub(crate) fn cpu(&self) -> &Cpu {
        match &self.machine {
            Machine::F32(engine) => engine.cpu(),
            Machine::Int8(engine) => engine.cpu(),
        }
    }

    /// Adds the logits of pictures with that `shape`, `[pictures, units]`, to `logits`.
    pub(crate) fn logits(&mut self, images: &[f32], shape: [usize; 3], logits: &mut Vec<f32>) {
        let Self { machine, scaling, views } = self;
        let len: usize = shape.iter().product();
        let mut network = |images: &[f32], logits: &mut Vec<f32>| {
            let pictures = images.len() / len;
            logits.extend_from_slice(match machine {
                Machine::F32(engine) => engine.logits(images, pictures),
                Machine::Int8(engine) => engine.logits(images, pictures),
            });
        };
        match scaling {
            None => views.logits(images, shape, &mut network, logits),
            Some(scaling) => {
                let mut scaled = images.to_vec();
                scaling.scale_unit(&mut scaled);
                views.logits(&scaled, shape, &mut network, logits);
            }
        }
    }
}

/// What several members answer in the mean about pictures with that `shape`: `[pictures, classes]` probabilities, or `[pictures, 1]` numbers
/// of a head without.
pub(crate) fn mean_answers(members: &mut [Member], images: &[f32], shape: [usize; 3]) -> Vec<f32> {
    let (count, head) = (members.len() as f64, *members[0].head());
    let (mut logits, mut probabilities, mut sums) = (Vec::new(), Vec::new(), Vec::new());
    for member in members {
        logits.clear();
        member.logits(images, shape, &mut logits);
        let answers = if head.has_probabilities() {
            head.probabilities(&logits, &mut probabilities);
            &probabilities
        } else {
            &logits
        };
        sums.resize(answers.len(), 0.0);
        for (sum, &answer) in sums.iter_mut().zip(answers) {
            *sum += f64::from(answer);
        }
    }
    sums.into_iter().map(|sum| (sum / count) as f32).collect()
}

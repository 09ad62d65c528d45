//! The networks of a classifier, each on a processor, and the mean of what they answer.

use divvy_data::Scaling;
use std::borrow::Cow;

use divvy_nn::{Cpu, Device, Engine, Head, Network, NodeId, QuantizedEngine, check_free};

use crate::classifier::largest_batch;
use crate::{ExplainError, Familiarity, Heatmap, Model, Views, Weights};

/// A model's network on a processor, and how it looks at pictures.
#[derive(Debug)]
pub(crate) struct Member {
    machine: Machine,
    /// What is still to be done to pictures that were prepared for several models alike.
    scaling: Option<Scaling>,
    views: Views,
    /// What its training pictures look like.
    familiarity: Option<Familiarity>,
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
        let Model { network, views, weights, familiarity, .. } = model;
        let machine = match weights {
            // Nothing random happens in inference, so the seed is of no account.
            Weights::F32(parameters) => {
                Machine::F32(Box::new(Engine::with_parameters(network, parameters, device, 0)))
            }
            Weights::Int8(quantized) => {
                Machine::Int8(Box::new(QuantizedEngine::new(&quantized, device.into_cpu())))
            }
        };
        Self { machine, scaling: None, views, familiarity }
    }

    /// One of several models, for pictures that are scaled to 0..1.
    pub(crate) fn of_several(model: Model, device: Device) -> Self {
        let scaling = Some(model.preprocess.scaling().clone());
        Self { scaling, ..Self::alone(model, device) }
    }

    /// The bytes that it takes with batches of `batch` pictures.
    pub(crate) fn needed_memory(&self, batch: usize) -> u64 {
        match &self.machine {
            Machine::F32(engine) => engine.needed_memory(batch),
            Machine::Int8(engine) => engine.needed_memory(batch),
        }
    }

    pub(crate) fn head(&self) -> &Head {
        self.network().head()
    }

    fn network(&self) -> &Network {
        match &self.machine {
            Machine::F32(engine) => engine.network(),
            Machine::Int8(engine) => engine.network(),
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
        let images = scaled(self.scaling.as_ref(), images);
        let Self { machine, views, .. } = self;
        let len: usize = shape.iter().product();
        let mut network = |images: &[f32], logits: &mut Vec<f32>| {
            let pictures = images.len() / len;
            logits.extend_from_slice(match machine {
                Machine::F32(engine) => engine.logits(images, pictures),
                Machine::Int8(engine) => engine.logits(images, pictures),
            });
        };
        views.logits(&images, shape, &mut network, logits);
    }

    /// The network, where one can look into it.
    fn engine(&self) -> Result<&Engine, ExplainError> {
        match &self.machine {
            Machine::F32(engine) => Ok(engine),
            Machine::Int8(_) => Err(ExplainError::Int8),
        }
    }

    /// The same, and its last map.
    fn explained(&self) -> Result<(&Engine, NodeId), ExplainError> {
        let engine = self.engine()?;
        Ok((engine, engine.network().last_map().ok_or(ExplainError::NoMap)?))
    }

    /// The bytes that [`explain`](Self::explain) takes with batches of `batch` pictures.
    pub(crate) fn memory_to_explain(&self, batch: usize) -> Result<u64, ExplainError> {
        let (engine, map) = self.explained()?;
        Ok(engine.memory_to_explain(map, batch))
    }

    /// The bytes that [`features`](Self::features) takes with batches of `batch` pictures.
    fn memory_for_features(&self, batch: usize) -> u64 {
        match &self.machine {
            Machine::F32(engine) => engine.memory_to_explain(engine.network().features(), batch),
            Machine::Int8(engine) => engine.needed_memory(batch),
        }
    }

    /// The class activation map of each of a batch of pictures with that `shape`, for a group each.
    pub(crate) fn explain(
        &mut self,
        images: &[f32],
        shape: [usize; 3],
        groups: &[usize],
    ) -> Result<Vec<Heatmap>, ExplainError> {
        let (_, map) = self.explained()?;
        let images = scaled(self.scaling.as_ref(), images);
        let Machine::F32(engine) = &mut self.machine else { return Err(ExplainError::Int8) };
        let head = *engine.network().head();
        let mut weights = vec![0.0; groups.len() * head.units()];
        for (row, &group) in weights.chunks_exact_mut(head.units()).zip(groups) {
            let (unit, sign) = head.evidence(group);
            row[unit] = sign;
        }
        let mut network =
            |images: &[f32]| Heatmap::of_explained(&engine.explain(map, images, &weights, groups.len()));
        Ok(self.views.heatmaps(&images, shape, &mut network))
    }

    /// What the last layer decides by for pictures with that `shape`, `[pictures, features]`.
    pub(crate) fn features(&mut self, images: &[f32], shape: [usize; 3]) -> Result<Vec<f32>, ExplainError> {
        let len: usize = shape.iter().product();
        let batch = largest_batch(|batch| check_free(self.memory_for_features(batch), batch))?;
        let mut features = Vec::new();
        for images in images.chunks(batch * len) {
            self.features_of_batch(images, images.len() / len, &mut features);
        }
        Ok(features)
    }

    fn features_of_batch(&mut self, images: &[f32], pictures: usize, features: &mut Vec<f32>) {
        let images = scaled(self.scaling.as_ref(), images);
        let id = self.network().features();
        let channels = self.network().graph().node(id).shape.channels();
        let output = match &mut self.machine {
            Machine::F32(engine) => engine.output_of(id, &images, pictures),
            Machine::Int8(engine) => engine.features(&images, pictures),
        };
        for map in output.chunks_exact(output.len() / pictures) {
            let mut sums = vec![0.0_f64; channels];
            for pixel in map.chunks_exact(channels) {
                sums.iter_mut().zip(pixel).for_each(|(sum, &x)| *sum += f64::from(x));
            }
            let pixels = (map.len() / channels) as f64;
            features.extend(sums.iter().map(|sum| (sum / pixels) as f32));
        }
    }

    /// How often a picture like the training pictures looks at least as unlike them as each of these does; none where the model does not know what those look like.
    pub(crate) fn p_values(
        &mut self,
        images: &[f32],
        shape: [usize; 3],
    ) -> Result<Option<Vec<f64>>, ExplainError> {
        if self.familiarity.is_none() {
            return Ok(None);
        }
        let features = self.features(images, shape)?;
        let of_scores = |known: &Familiarity| {
            known.scores(&features).into_iter().map(|score| known.p_value(score)).collect()
        };
        Ok(self.familiarity.as_ref().map(of_scores))
    }
}

/// Pictures with what is still to be done to them.
fn scaled<'a>(scaling: Option<&Scaling>, images: &'a [f32]) -> Cow<'a, [f32]> {
    match scaling {
        None => Cow::Borrowed(images),
        Some(scaling) => {
            let mut scaled = images.to_vec();
            scaling.scale_unit(&mut scaled);
            Cow::Owned(scaled)
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

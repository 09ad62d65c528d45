//! What inference makes of the parameters once, rather than in every run.

use std::ops::Range;

use divvy_kernels::{
    Buffer, Conv2dShape, ConvPass, Cpu, WeightTransform, batch_norm_affine, transform_weights,
};

use super::Step;
use super::op::{Affine, Moving};
use crate::parameters::{ParameterId, Parameters};

/// A constant of a plan, by its number there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ConstantId(pub(crate) usize);

/// Numbers that follow from the parameters alone.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Constant {
    /// The weights of a convolution's forward pass as its algorithm reads them. The shape is that of one picture.
    ConvWeights { shape: Conv2dShape, transform: WeightTransform, weights: ParameterId },
    /// A batch norm with moving statistics, as a scale for each channel and then a shift for each.
    Norm { channels: usize, epsilon: f32, affine: Affine, moving: Moving },
}

impl Constant {
    fn len(&self) -> usize {
        match self {
            Self::ConvWeights { shape, transform, .. } => {
                shape.transformed_len(ConvPass::Forward, *transform)
            }
            Self::Norm { channels, .. } => 2 * channels,
        }
    }

    fn make(&self, cpu: &Cpu, parameters: &Parameters, to: &mut [f32]) {
        let value = |id: ParameterId| parameters.value(id);
        match *self {
            Self::ConvWeights { shape, transform, weights } => {
                transform_weights(cpu, &shape, ConvPass::Forward, transform, value(weights), to, &mut []);
            }
            Self::Norm { channels, epsilon, affine, moving } => {
                let (scale, shift) = to.split_at_mut(channels);
                let moving = [value(moving.mean), value(moving.variance)];
                let (gamma, beta) = (affine.gamma.map(value), affine.beta.map(value));
                batch_norm_affine(epsilon, gamma, beta, moving, scale, shift);
            }
        }
    }
}

/// The numbers in some constants.
pub(crate) fn len(constants: &[Constant]) -> usize {
    constants.iter().map(Constant::len).sum()
}

/// The constants of all plans of one network, each made once after the parameters changed.
#[derive(Debug, Default)]
pub(crate) struct Constants {
    entries: Vec<Entry>,
    values: Buffer,
    /// Counts the changes of the parameters.
    version: u64,
}

#[derive(Debug)]
struct Entry {
    constant: Constant,
    range: Range<usize>,
    /// That of the parameters it was made of.
    version: Option<u64>,
}

/// Where the constants of a plan are, among all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Vec<usize>);

impl Constants {
    /// Makes room for a plan's constants.
    pub(crate) fn place(&mut self, constants: &[Constant]) -> Places {
        let places = Places(constants.iter().map(|constant| self.entry(constant)).collect());
        self.values.grow(self.entries.last().map_or(0, |entry| entry.range.end));
        places
    }

    /// The place of a constant, behind all others where it is new.
    fn entry(&mut self, constant: &Constant) -> usize {
        let known = self.entries.iter().position(|entry| entry.constant == *constant);
        known.unwrap_or_else(|| {
            let start = self.entries.last().map_or(0, |entry| entry.range.end.next_multiple_of(16));
            let range = start..start + constant.len();
            self.entries.push(Entry { constant: *constant, range, version: None });
            self.entries.len() - 1
        })
    }

    /// Says that the parameters are others now.
    pub(crate) fn expire(&mut self) {
        self.version += 1;
    }

    /// Makes those that some steps of a plan read and that were made of other parameters, or never.
    pub(crate) fn refresh(&mut self, places: &Places, steps: &[Step], cpu: &Cpu, parameters: &Parameters) {
        for id in steps.iter().flat_map(|step| step.op.constants()) {
            let entry = &mut self.entries[places.0[id.0]];
            if entry.version != Some(self.version) {
                entry.constant.make(cpu, parameters, &mut self.values[entry.range.clone()]);
                entry.version = Some(self.version);
            }
        }
    }

    /// A constant of a plan whose constants lie in `places`.
    pub(crate) fn get(&self, places: &Places, id: ConstantId) -> &[f32] {
        &self.values[self.entries[places.0[id.0]].range.clone()]
    }
}

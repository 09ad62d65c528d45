//! A quantised network on a processor.

use divvy_kernels::Cpu;

use super::Quantized;
use super::lower::lower;
use super::program::{ByteMemory, Program};
use crate::network::Network;

/// A quantised network on a processor, with the memory that it runs in. The memory grows to the largest batch and is used again.
#[derive(Debug)]
pub struct QuantizedEngine {
    network: Network,
    program: Program,
    cpu: Cpu,
    memory: ByteMemory,
    features: Vec<f32>,
}

impl QuantizedEngine {
    /// Puts a quantised network on `cpu`.
    pub fn new(quantized: &Quantized, cpu: Cpu) -> Self {
        let network = quantized.network().clone();
        let (program, memory) = (lower(quantized, cpu.isa()), ByteMemory::default());
        Self { network, program, cpu, memory, features: Vec::new() }
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The processor that it runs on.
    pub fn cpu(&self) -> &Cpu {
        &self.cpu
    }

    /// The bytes that batches of `batch` pictures take. Nothing is allocated.
    pub fn needed_memory(&self, batch: usize) -> u64 {
        let program = &self.program;
        let lens =
            [self.network.head().units(), self.features_len(), self.network.graph().input_shape().len()];
        let numbers = batch * lens.iter().sum::<usize>();
        let bytes = program.arena_len(batch) + program.scratch_len(batch, self.cpu.threads());
        (bytes + numbers * size_of::<f32>()) as u64
    }

    /// The logits of a batch, `[batch, units]`. The same on every instruction set, bit for bit.
    ///
    /// # Panics
    /// When `images` is not `[batch, height, width, channels]`.
    pub fn logits(&mut self, images: &[f32], batch: usize) -> &[f32] {
        let len = self.network.graph().input_shape().len();
        assert_eq!(images.len(), batch * len, "a batch of pictures");
        let program = &self.program;
        // Four bytes to a number.
        self.memory.arena.grow(program.arena_len(batch).div_ceil(4));
        self.memory.scratch.grow(program.scratch_len(batch, self.cpu.threads()).div_ceil(4));
        self.memory.logits.resize(batch * self.network.head().units(), 0.0);
        program.run(&self.cpu, images, batch, &mut self.memory);
        &self.memory.logits
    }

    /// What the layer [`Network::features`] gives for a batch, `[batch, height, width, channels]` or `[batch, features]`: the numbers that its bytes stand
    /// for. The same on every instruction set, bit for bit.
    ///
    /// # Panics
    /// When `images` is not `[batch, height, width, channels]`.
    pub fn features(&mut self, images: &[f32], batch: usize) -> &[f32] {
        self.logits(images, batch);
        self.features.resize(batch * self.features_len(), 0.0);
        self.program.features(&self.cpu, batch, &mut self.memory, &mut self.features);
        &self.features
    }

    /// The numbers of a picture that the last layer with weights decides by.
    fn features_len(&self) -> usize {
        self.network.graph().node(self.network.features()).shape.len()
    }
}

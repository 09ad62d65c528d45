//! What a training may use.

use divvy_data::CacheOptions;
use divvy_nn::Cpu;

/// What of the machine a training may use. The pictures' place and the number of threads change no bit of what is learnt.
#[derive(Debug)]
pub struct Resources {
    /// The processor: its threads decode and compute.
    pub cpu: Cpu,
    /// Where decoded pictures are kept.
    pub cache: CacheOptions,
}

impl From<Cpu> for Resources {
    /// With pictures in memory as far as the usual limit allows, and none on disk.
    fn from(cpu: Cpu) -> Self {
        Self { cpu, cache: CacheOptions::default() }
    }
}

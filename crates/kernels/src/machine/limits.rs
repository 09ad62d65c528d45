//! The limits that operations are judged by.

use super::{Access, Caches, bandwidth, fma_rate};
use crate::Cpu;

/// A level of memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// The first cache of each core.
    L1,
    /// The second cache of each core.
    L2,
    /// The cache that cores share.
    L3,
    /// Memory outside the processor.
    Dram,
}

impl Level {
    /// `L1`, `L2`, `L3` or `DRAM`.
    pub fn name(self) -> &'static str {
        match self {
            Self::L1 => "L1",
            Self::L2 => "L2",
            Self::L3 => "L3",
            Self::Dram => "DRAM",
        }
    }
}

/// The bandwidth of a level of memory, for all threads together, in bytes a second.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LevelLimits {
    /// The level.
    pub level: Level,
    /// The bytes that were gone through, of all threads together.
    pub bytes: usize,
    /// Reading.
    pub read: f64,
    /// Writing.
    pub write: f64,
    /// Copying: bytes read and bytes written together.
    pub copy: f64,
}

impl LevelLimits {
    /// The fastest way to move bytes at this level.
    pub fn fastest(&self) -> f64 {
        self.read.max(self.write).max(self.copy)
    }
}

/// What a processor can do at most with some threads and one instruction set.
#[derive(Clone, PartialEq, Debug)]
pub struct Limits {
    /// The threads that it was measured with.
    pub threads: usize,
    /// The caches that levels are told apart by.
    pub caches: Caches,
    /// The peak of `f32` multiplications and additions, counted as two, a second.
    pub flops: f64,
    /// Each level's bandwidth, from L1 to DRAM.
    pub levels: [LevelLimits; 4],
}

impl Limits {
    /// Measures for about a second. `memory` is what is read and written, [`Caches::memory_len`] numbers.
    ///
    /// # Panics
    /// When `memory` is shorter than that.
    pub fn measure(cpu: &Cpu, caches: Caches, memory: &mut [f32]) -> Self {
        assert!(memory.len() >= caches.memory_len(), "too little memory to measure");
        let levels = [Level::L1, Level::L2, Level::L3, Level::Dram].map(|level| {
            let len = sample(level, &caches, cpu.threads()).min(memory.len());
            let mut rate = |access| bandwidth(cpu, access, &mut memory[..len]);
            let (read, write, copy) = (rate(Access::Read), rate(Access::Write), rate(Access::Copy));
            LevelLimits { level, bytes: len * size_of::<f32>(), read, write, copy }
        });
        Self { threads: cpu.threads(), caches, flops: fma_rate(cpu), levels }
    }

    /// The outermost level that so many bytes reach, where each level takes what the one inside has no room for.
    pub fn level_of(&self, bytes: u64) -> Level {
        let [l2, l3] = self.room();
        if bytes <= l2 {
            Level::L2
        } else if bytes <= l2 + l3 {
            Level::L3
        } else {
            Level::Dram
        }
    }

    /// The least seconds in which so many bytes are read and written, each level at its fastest: as many as the second caches of
    /// all threads hold, as many more as the last cache holds, and the rest outside. They may all be where they are wanted, since the
    /// operation before may have left them there; only what the caches have no room for must come from outside.
    pub fn memory_seconds(&self, bytes: u64) -> f64 {
        let [l2, l3] = self.room();
        let in_l2 = bytes.min(l2);
        let in_l3 = (bytes - in_l2).min(l3);
        let outside = bytes - in_l2 - in_l3;
        let levels = self.levels[1..].iter().zip([in_l2, in_l3, outside]);
        levels.map(|(level, bytes)| bytes as f64 / level.fastest()).sum()
    }

    /// The seconds below which no operation of so many FLOPs and bytes can come (the roofline): its arithmetic at the peak rate, or its
    /// bytes ([`Limits::memory_seconds`]), whichever takes longer.
    pub fn floor_seconds(&self, flops: u64, bytes: u64) -> f64 {
        (flops as f64 / self.flops).max(self.memory_seconds(bytes))
    }

    /// Bytes of the second caches of all threads together, and of the last cache.
    fn room(&self) -> [u64; 2] {
        [(self.caches.l2 * self.threads) as u64, self.caches.l3 as u64]
    }
}

/// The numbers that show a level: half of what it holds, so that nothing else drives them out; for DRAM four times the last cache.
fn sample(level: Level, caches: &Caches, threads: usize) -> usize {
    /// What a thread's part must have: see [`bandwidth`].
    const LEAST: usize = 8 << 10;
    let bytes = match level {
        Level::L1 => threads * (caches.l1 / 2).max(LEAST),
        Level::L2 => threads * (caches.l2 / 2).max(LEAST),
        Level::L3 => (caches.l3 / 2).max(threads * LEAST),
        Level::Dram => caches.memory_len() * size_of::<f32>(),
    };
    bytes / size_of::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        let level = |level, read| LevelLimits { level, bytes: 1, read, write: read / 2.0, copy: read * 0.75 };
        Limits {
            threads: 2,
            caches: Caches { l1: 32 << 10, l2: 1 << 20, l3: 32 << 20, reported: true },
            flops: 500e9,
            levels: [
                level(Level::L1, 400e9),
                level(Level::L2, 200e9),
                level(Level::L3, 100e9),
                level(Level::Dram, 20e9),
            ],
        }
    }

    #[test]
    fn each_level_takes_what_the_one_inside_has_no_room_for() {
        let (l2, l3) = (2 << 20, 32 << 20);
        let levels = [0, l2, l2 + 1, l2 + l3, l2 + l3 + 1].map(|bytes| limits().level_of(bytes));
        assert_eq!(levels, [Level::L2, Level::L2, Level::L3, Level::L3, Level::Dram]);
        let caches = l2 as f64 / 200e9 + l3 as f64 / 100e9;
        assert_eq!(limits().memory_seconds(l2 / 2), l2 as f64 / 400e9);
        assert!((limits().memory_seconds(l2 + l3 + 20_000_000) - caches - 1e-3).abs() < 1e-12);
    }

    #[test]
    fn the_floor_is_the_longer_of_arithmetic_and_memory() {
        assert_eq!(limits().floor_seconds(500_000_000, 1000), 1e-3);
        assert_eq!(limits().floor_seconds(1000, 1_000_000), 5e-6);
        assert_eq!(limits().floor_seconds(0, 0), 0.0);
    }

    #[test]
    fn this_machine_is_measured() {
        let caches = Caches { l1: 16 << 10, l2: 64 << 10, l3: 1 << 20, reported: false };
        let mut memory = vec![0.0; caches.memory_len()];
        let limits = Limits::measure(&Cpu::new(2), caches, &mut memory);
        assert_eq!(limits.threads, 2);
        let rates = limits.levels.iter().flat_map(|level| [level.read, level.write, level.copy]);
        assert!(rates.chain([limits.flops]).all(|rate| rate.is_finite() && rate > 1e6), "{limits:?}");
        assert_eq!(limits.levels.map(|level| level.bytes), [16 << 10, 64 << 10, 512 << 10, 64 << 20]);
    }
}

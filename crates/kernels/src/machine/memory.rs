//! How fast memory is read and written.

use std::hint::black_box;
use std::time::Duration;

use super::clock::shortest;
use crate::Cpu;
use crate::buffer::LINE;
use crate::disjoint::Disjoint;
use crate::simd::{Kernel, Simd};

/// How long each bandwidth is measured.
const BUDGET: Duration = Duration::from_millis(60);

/// Bytes that a thread moves at the least in one run, in as many passes as that takes: some 20 microseconds at the fastest.
const MOVED: usize = 8 << 20;

/// Numbers that a loop moves in one turn.
const BLOCK: usize = 8 * LINE;

/// What is done to memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Every number is read.
    Read,
    /// Every number is written.
    Write,
    /// Half of the numbers are read and written to the other half.
    Copy,
}

impl Access {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Copy];

    /// `read`, `write` or `copy`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Copy => "copy",
        }
    }
}

/// Bytes that all threads together read and write in a second, where `memory` is cut into a part for each and gone through again
/// and again: its length says which level of memory is measured. A line that is written counts once, although most processors
/// read it first.
///
/// # Panics
/// When a thread's part is shorter than 4 KiB.
pub fn bandwidth(cpu: &Cpu, access: Access, memory: &mut [f32]) -> f64 {
    let skipped = memory.as_ptr().align_offset(LINE * size_of::<f32>());
    let memory = &mut memory[skipped..];
    let part = memory.len() / cpu.threads() / (2 * BLOCK) * (2 * BLOCK);
    assert!(part * size_of::<f32>() >= 4 << 10, "too little memory to measure on {} threads", cpu.threads());
    let passes = MOVED.div_ceil(part * size_of::<f32>());
    let parts = Disjoint::new(memory);
    let seconds = shortest(BUDGET, || {
        cpu.team().run(cpu.threads(), |_, task| {
            // SAFETY: each task is run once and has a range of its own.
            let memory = unsafe { parts.part(task * part..(task + 1) * part) };
            cpu.isa().call(Walk { access, memory, passes });
        });
    });
    (part * size_of::<f32>() * passes * cpu.threads()) as f64 / seconds
}

/// So many times through a piece of memory.
struct Walk<'a> {
    access: Access,
    memory: &'a mut [f32],
    passes: usize,
}

impl Kernel for Walk<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for pass in 0..self.passes {
            match self.access {
                Access::Read => read(simd, self.memory),
                Access::Write => write(simd, self.memory, pass as f32),
                Access::Copy => copy(simd, self.memory),
            }
            black_box(self.memory.as_mut_ptr());
        }
    }
}

#[inline(always)]
fn read<S: Simd>(simd: S, memory: &[f32]) {
    let mut sums = [simd.zero(); 4];
    for block in memory.chunks_exact(BLOCK) {
        for i in 0..BLOCK / S::LANES {
            // SAFETY: vector `i` of the block lies within it.
            let v = unsafe { simd.load_ptr(block.as_ptr().add(i * S::LANES)) };
            // The largest, for it is as cheap as a sum and cannot overflow.
            sums[i % 4] = simd.max(sums[i % 4], v);
        }
    }
    let joined = sums.into_iter().fold(simd.zero(), |a, b| simd.max(a, b));
    black_box(simd.largest(joined));
}

#[inline(always)]
fn write<S: Simd>(simd: S, memory: &mut [f32], value: f32) {
    let v = simd.splat(black_box(value));
    for block in memory.chunks_exact_mut(BLOCK) {
        for i in 0..BLOCK / S::LANES {
            // SAFETY: vector `i` of the block lies within it.
            unsafe { simd.store_ptr(v, block.as_mut_ptr().add(i * S::LANES)) };
        }
    }
}

#[inline(always)]
fn copy<S: Simd>(simd: S, memory: &mut [f32]) {
    let (from, to) = memory.split_at_mut(memory.len() / 2);
    for (from, to) in from.chunks_exact(BLOCK).zip(to.chunks_exact_mut(BLOCK)) {
        for i in 0..BLOCK / S::LANES {
            // SAFETY: vector `i` of either block lies within it.
            unsafe {
                let v = simd.load_ptr(from.as_ptr().add(i * S::LANES));
                simd.store_ptr(v, to.as_mut_ptr().add(i * S::LANES));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn every_number_of_every_part_is_touched() {
        for isa in Isa::present() {
            let cpu = Cpu::with_isa(isa, 2);
            let mut memory = vec![-1.0; 16 * BLOCK + LINE];
            for access in Access::ALL {
                let rate = bandwidth(&cpu, access, &mut memory);
                assert!(rate.is_finite() && rate > 1e6, "{} {}: {rate}", isa.name(), access.name());
            }
            let start = memory.as_ptr().align_offset(64);
            let written = &memory[start..start + 16 * BLOCK];
            assert!(written.iter().all(|&x| x >= 0.0), "{}", isa.name());
        }
    }

    #[test]
    fn a_copy_copies() {
        for isa in Isa::present() {
            let mut memory: Vec<f32> = (0..4 * BLOCK).map(|i| i as f32).collect();
            isa.call(Walk { access: Access::Copy, memory: &mut memory, passes: 1 });
            assert_eq!(memory[..2 * BLOCK], memory[2 * BLOCK..], "{}", isa.name());
        }
    }

    #[test]
    #[should_panic(expected = "too little memory")]
    fn too_little_memory_is_refused() {
        bandwidth(&Cpu::new(2), Access::Read, &mut vec![0.0; 1200]);
    }
}

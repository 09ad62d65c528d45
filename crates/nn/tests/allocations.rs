//! Once a plan is compiled, a step allocates nothing: not on the caller's thread, nor on those that help it.
//!
//! A program of its own without the test harness, whose threads would be counted too.

#[path = "engine/everything.rs"]
mod everything;
#[path = "engine/noise.rs"]
mod noise;
#[path = "engine/support.rs"]
#[expect(dead_code, reason = "only its batches are used here")]
mod support;

use std::alloc::System;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use divvy_nn::{Cpu, Device, Engine, Isa, Optimizer};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use crate::everything::{batch, everything};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Longer than a helper waits for work before it parks, so that parking and waking are counted.
const PAUSE: Duration = Duration::from_millis(5);

fn main() {
    let clipped = |optimizer: Optimizer| optimizer.weight_decay(1e-4).clip_norm(1.0);
    assert_eq!(
        allocations(|| drop(black_box(vec![0.0_f32; 100]))),
        2,
        "what is allocated and freed is counted"
    );
    for isa in Isa::present() {
        for threads in [1, 3] {
            for optimizer in [Optimizer::adam(), Optimizer::nesterov(0.9), Optimizer::rms_prop()] {
                steps_allocate_nothing(isa, threads, &clipped(optimizer));
            }
        }
    }
}

/// Runs steps on two sizes of batch, as the last of an epoch is smaller, and predicts in between.
fn steps_allocate_nothing(isa: Isa, threads: usize, optimizer: &Optimizer) {
    let mut engine = Engine::new(everything(0.25), Device::new(Cpu::with_isa(isa, threads)), 0);
    let batches = [batch(0, 7), batch(1, 4)];
    let mut pass = || {
        for batch in &batches {
            let loss = engine.train_step(&batch.images, &batch.targets, batch.size, optimizer, 1e-3);
            assert!(loss.is_ok());
            let parts = NonZeroUsize::new(2).unwrap();
            let (images, targets) = (&batch.images, &batch.targets);
            let loss = engine.train_step_in_parts(images, targets, batch.size, parts, optimizer, 1e-3);
            assert!(loss.is_ok());
            let logits = engine.logits(&batch.images, batch.size);
            assert!(logits.iter().all(|logit| logit.is_finite()));
            thread::sleep(PAUSE);
        }
    };
    // The first pass compiles the plans and makes room for them.
    pass();
    for number in 1..4 {
        let counted = allocations(&mut pass);
        assert_eq!(counted, 0, "in pass {number} with {optimizer:?} on {threads} threads, {}", isa.name());
    }
}

/// How often memory is taken, given back or resized, by any thread.
fn allocations(work: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    work();
    let change = region.change();
    change.allocations + change.deallocations + change.reallocations
}

//! Once a plan is compiled, a step allocates nothing: not on the caller's thread, nor on those that help it. What it took until then was known before.
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

use divvy_nn::{
    Algorithms, Architecture, Cpu, Device, Engine, Head, Isa, Optimizer, Task, needed_memory,
    needed_memory_to_train,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use crate::everything::{batch, everything};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Longer than a helper waits for work before it parks, so that parking and waking are counted.
const PAUSE: Duration = Duration::from_millis(5);

/// Pictures whose memory is foretold.
const BATCH: usize = 2;

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
            for algorithms in [Algorithms::Fastest, Algorithms::Exact] {
                memory_is_foretold(isa, threads, algorithms);
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

/// Trains, or predicts, and takes the memory that was foretold for it.
fn memory_is_foretold(isa: Isa, threads: usize, algorithms: Algorithms) {
    /// What a large buffer takes more, so that it can begin where a huge page does.
    const HUGE_PAGE: usize = 2 << 20;
    /// The most that lists and names take: some kibibytes for each operation of a plan.
    const BESIDE: usize = 128 << 10;
    // Parameters, their average, gradients, two moments, arena, scratch, constants, what the parts of a batch leave, and for each thread an arena and
    // scratch of its own.
    let buffers = 9 + 2 * threads;
    let head = Head::for_task(Task::MultiClass, None, 3).unwrap();
    let network = Architecture::by_name("resnet8").unwrap().network([32, 32, 3], &head).unwrap();
    let images = vec![0.5; BATCH * network.graph().input_shape().len()];
    let targets = [1.0, 0.0, 0.0].repeat(BATCH);
    let adam = Optimizer::adam().average(0.9);
    for (trains, asks) in [(true, false), (false, true), (true, true)] {
        let (network, device) = (network.clone(), Device::new(Cpu::with_isa(isa, threads)));
        let device = device.algorithms(algorithms);
        let options = device.plan_options();
        let foretold = match (trains, asks) {
            (true, true) => needed_memory_to_train(&network, &network, &adam, BATCH, options, threads),
            _ => needed_memory(&network, trains.then_some(&adam), BATCH, options, threads),
        };
        let region = Region::new(ALLOCATOR);
        let mut engine = Engine::new(network, device, 0);
        if trains {
            assert!(engine.train_step(&images, &targets, BATCH, &adam, 1e-3).is_ok());
        }
        if asks {
            drop(black_box(engine.logits(&images, BATCH).to_vec()));
        }
        let change = region.change();
        let taken = change.bytes_allocated - change.bytes_deallocated;
        let more = taken.checked_sub(foretold as usize);
        assert!(
            more.is_some_and(|more| more / HUGE_PAGE <= buffers && more % HUGE_PAGE < BESIDE),
            "{taken} bytes were taken and {foretold} foretold to train: {trains}, to ask: {asks}, {algorithms:?} on {threads} threads, {}",
            isa.name()
        );
    }
}

/// How often memory is taken, given back or resized, by any thread.
fn allocations(work: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    work();
    let change = region.change();
    change.allocations + change.deallocations + change.reallocations
}

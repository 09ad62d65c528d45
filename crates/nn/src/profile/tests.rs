use std::time::Duration;

use divvy_kernels::machine::{Caches, LevelLimits};

use super::*;
use crate::plan::{Algorithm, Algorithms, Mode, PassedOver};
use crate::{Activation, BatchNorm, Conv2d, Dense, Flatten, Graph, Isa, Network, Sequential, Task};

/// The same choices on every machine.
const PLAIN: PlanOptions =
    PlanOptions { isa: Isa::PORTABLE, half: None, algorithms: Algorithms::Exact, fused: true };

fn limits() -> Limits {
    let level = |level, read: f64| LevelLimits { level, bytes: 1, read, write: read / 2.0, copy: read / 4.0 };
    Limits {
        threads: 2,
        caches: Caches { l1: 1 << 10, l2: 16 << 10, l3: 256 << 10, reported: true },
        flops: 100e9,
        levels: [
            level(Level::L1, 80e9),
            level(Level::L2, 40e9),
            level(Level::L3, 20e9),
            level(Level::Dram, 10e9),
        ],
    }
}

fn network() -> Network {
    let graph: Graph = Sequential::new([16, 16, 3])
        .add(Conv2d::new(8, 3).activation(Activation::Relu))
        .add(BatchNorm::new())
        .add(Flatten::new())
        .add(Dense::new(2).activation(Activation::Softmax))
        .build()
        .unwrap();
    Network::new(graph, Task::Binary).unwrap()
}

/// A profile whose operations took 1 ms, 2 ms and so on, in a step of a millisecond more than that, where it else takes half of one more.
fn profile(mode: Mode) -> Profile {
    let network = network();
    let table = ParameterTable::new(network.graph());
    let plan = Plan::compile(&network, &table, mode, 4, PLAIN);
    let rows = plan.steps().len() + usize::from(mode == Mode::Train);
    let laps: Vec<_> = (1..=rows as u64).map(Duration::from_millis).collect();
    let mut times = StepTimes::new();
    let operations: Duration = laps.iter().sum();
    times.record_run(operations + Duration::from_micros(500));
    times.record(operations + Duration::from_millis(1), &laps);
    Profile::new(&plan, &table, &Optimizer::adam(), PLAIN, &limits(), &times)
}

#[test]
fn the_figures_of_an_operation_follow_from_its_time() {
    let profile = profile(Mode::Infer);
    let conv = &profile.ops[0];
    // 4 pictures of 14 x 14 x 8, each sum of 27 products.
    assert_eq!((conv.op, conv.flops, conv.ms), ("conv2d", 2 * 4 * 14 * 14 * 8 * 27, 1.0));
    assert_eq!(conv.gflops, conv.flops as f64 * 1e-6);
    assert_eq!(conv.peak_share, conv.gflops / 100.0);
    // Pictures, results, and packed weights with their biases: more than the second caches hold, less than the last.
    assert!(conv.bytes > 4 * (4 * 16 * 16 * 3 + 4 * 14 * 14 * 8) && conv.level == "L3", "{conv:?}");
    let memory_ms = (32 << 10) as f64 / 40e6 + (conv.bytes - (32 << 10)) as f64 / 20e6;
    assert!((conv.bandwidth_share - memory_ms).abs() < 1e-12 && conv.gb_per_s == conv.bytes as f64 * 1e-6);
    assert!((conv.floor_ms - memory_ms.max(conv.flops as f64 / 100e6)).abs() < 1e-12);
    let choice = conv.algorithm.as_ref().unwrap();
    assert_eq!((choice.chosen.name, choice.chosen.saving), ("direct", 1.0));
    assert!(choice.passed_over.iter().all(|other| other.reason == "not exact"), "{choice:?}");
}

#[test]
fn shares_add_up_and_the_floor_is_the_sum_of_floors() {
    let profile = profile(Mode::Train);
    let sum: f64 = profile.ops.iter().map(|row| row.share).sum();
    assert!((sum + profile.outside_ms / profile.step_ms - 1.0).abs() < 1e-9);
    assert!((profile.outside_ms - 1.0).abs() < 1e-9);
    let floor: f64 = profile.ops.iter().map(|row| row.floor_ms).sum();
    assert_eq!((profile.floor_ms, profile.times_floor), (floor, profile.run_ms / floor));
    assert!((profile.step_ms - profile.run_ms - 0.5).abs() < 1e-9);
    let last = profile.ops.last().unwrap();
    // Adam: the value and two moments read and written, the gradient read; dense weights were moved before.
    let weights = ParameterTable::new(network().graph()).trained_len() as u64;
    let dense = 14 * 14 * 8 * 2_u64;
    assert_eq!(last.op, "optimizer's pass");
    assert!((1..=7 * 4 * (weights - dense)).contains(&last.bytes), "{last:?}");
    let backward = profile.ops.iter().find(|row| row.op == "dense backward").unwrap();
    assert!(backward.bytes >= 6 * 4 * dense, "{backward:?}");
}

#[test]
fn kinds_are_sorted_and_hold_every_operation() {
    let profile = profile(Mode::Train);
    assert!(profile.kinds.is_sorted_by(|a, b| a.ms >= b.ms));
    assert_eq!(profile.kinds.iter().map(|kind| kind.count).sum::<usize>(), profile.ops.len());
    let ms = |rows: f64, kinds: f64| (rows - kinds).abs() < 1e-9;
    assert!(ms(profile.ops.iter().map(|row| row.ms).sum(), profile.kinds.iter().map(|kind| kind.ms).sum()));
}

#[test]
fn no_line_is_wider_than_asked_and_none_loses_a_figure() {
    let profile = profile(Mode::Train);
    for width in [100, 140, 200] {
        let text = profile.text(Some(width));
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= width, "{width}: {widest}\n{text}");
        let conv = text.lines().find(|line| line.starts_with("conv2d ")).unwrap();
        assert!(conv.contains(" 1.000 ") && conv.ends_with("direct"), "{conv}");
        assert_eq!(conv.contains("4x16x16x3 -> 14x14x8"), width > 100, "{conv}");
    }
}

#[test]
fn the_text_is_what_people_read() {
    let mut profile = profile(Mode::Infer);
    let choice = profile.ops[0].algorithm.as_mut().unwrap();
    choice.chosen.megacycles = Some(1.25);
    choice.passed_over = vec![PassedOver {
        algorithm: Algorithm { name: "winograd 4x4", saving: 4.0, megacycles: Some(2.5) },
        reason: "reckoned to cost more".to_owned(),
    }];
    let text = profile.text(Some(100));
    assert_eq!(text, include_str!("snapshot.txt"), "\n{text}");
}

#[test]
fn programs_read_the_same() {
    let value = serde_json::to_value(profile(Mode::Train)).unwrap();
    for key in ["mode", "batch", "isa", "threads"] {
        assert!(!value[key].is_null(), "{key}");
    }
    for key in ["runs", "run_ms", "steps", "step_ms", "outside_ms", "floor_ms", "times_floor"] {
        assert!(value[key].as_f64().is_some_and(|figure| figure > 0.0), "{key}");
    }
    assert_eq!(value["ops"][0]["algorithm"]["chosen"]["name"], "direct");
    assert!(value["ops"][0]["algorithm"]["passed_over"].is_array());
    assert_eq!(value["limits"]["gflops"], 100.0);
    assert_eq!(value["limits"]["dram_gb_per_s"], 10.0);
    assert!(value["kinds"][0]["share"].is_number());
}

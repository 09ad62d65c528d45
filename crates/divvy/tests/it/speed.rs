//! What the command tells of speed: the figures are there and make sense; how large they are is the machine's business.

use divvy::Isa;
use serde_json::Value;

use crate::common::Desk;

fn json(desk: &Desk, line: &str) -> Value {
    let arguments: Vec<&str> = line.split(' ').collect();
    let output = desk.divvy(&arguments).assert().success().get_output().clone();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(desk: &Desk, line: &str) -> String {
    let arguments: Vec<&str> = line.split(' ').collect();
    let output = desk.divvy(&arguments).assert().success().get_output().clone();
    String::from_utf8(output.stdout).unwrap()
}

/// The number under a key, which is finite and not below 0.
fn number(value: &Value, key: &str) -> f64 {
    let number = value[key].as_f64().unwrap_or_else(|| panic!("no {key} in {value}"));
    assert!(number.is_finite() && number >= 0.0, "{key}: {number}");
    number
}

fn positive(value: &Value, key: &str) -> f64 {
    let number = number(value, key);
    assert!(number > 0.0, "{key} is 0");
    number
}

/// The probabilities of blue and red that `predict --json` gives, picture by picture.
fn probabilities(desk: &Desk, line: &str) -> Vec<f64> {
    let of_picture = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        ["blue", "red"].map(|group| number(&value["probabilities"], group))
    };
    let probabilities: Vec<f64> = text(desk, line).lines().flat_map(of_picture).collect();
    assert_eq!(probabilities.len(), 120, "two of each of 60 pictures");
    probabilities
}

const PROFILE: &str = "plan lenet5 --size 28 --batch 2 --threads 1 --profile --seconds 0.05";

#[test]
fn a_profile_has_every_operation_of_the_plan_and_the_optimizer() {
    let desk = Desk::new();
    let plan = json(&desk, "plan lenet5 --size 28 --batch 2 --json");
    let profile = json(&desk, &format!("{PROFILE} --json"));
    let (planned, timed) = (plan["ops"].as_array().unwrap(), profile["ops"].as_array().unwrap());
    assert_eq!(timed.len(), planned.len() + 1);
    for (planned, timed) in planned.iter().zip(timed) {
        for key in ["layer", "op", "sizes", "flops"] {
            assert_eq!(planned[key], timed[key]);
        }
    }
    assert_eq!(timed.last().unwrap()["op"], "optimizer's pass");
    for row in timed {
        for key in ["ms", "share", "gflops", "peak_share", "gb_per_s", "bandwidth_share", "floor_ms"] {
            number(row, key);
        }
        assert!(["L2", "L3", "DRAM"].contains(&row["level"].as_str().unwrap()));
    }
    for key in ["batch", "threads", "runs", "run_ms", "steps", "step_ms", "floor_ms", "times_floor"] {
        positive(&profile, key);
    }
    for key in ["gflops", "l2_gb_per_s", "l3_gb_per_s", "dram_gb_per_s"] {
        positive(&profile["limits"], key);
    }
}

#[test]
fn a_profile_of_classifying_has_no_optimizer() {
    let desk = Desk::new();
    let profile = json(&desk, &format!("{PROFILE} --infer --isa portable --json"));
    assert_eq!((&profile["mode"], &profile["isa"]), (&Value::from("infer"), &Value::from("portable")));
    assert!(profile["ops"].as_array().unwrap().iter().all(|row| row["op"] != "optimizer's pass"));
    let said = text(&desk, &format!("{PROFILE} --infer"));
    assert!(said.contains("where the time goes") && said.contains("times the roofline"), "{said}");
}

#[test]
fn a_plan_of_classifying_tells_what_is_run_together() {
    let desk = Desk::new();
    let plan = |line: &str| json(&desk, &format!("plan mobilenet_v2 --infer --isa portable {line} --json"));
    let last = |plan: &Value| plan["ops"].as_array().unwrap().len() as u64 - 1;
    let one = plan("--size 224 --batch 1");
    let chains = one["chains"].as_array().unwrap();
    assert!(!chains.is_empty(), "{one}");
    for chain in chains {
        let [first, end] = [0, 1].map(|at| chain[at].as_u64().unwrap());
        assert!(first < end && end <= last(&one), "{chain}");
    }
    assert_eq!((&one["tiled_ops"], &one["tiled_pictures"]), (&Value::from(0), &Value::Null));
    let many = plan("--size 64 --batch 16");
    assert!((1..=last(&many) + 1).contains(&many["tiled_ops"].as_u64().unwrap()), "{many}");
    assert!((1..=2).contains(&many["tiled_pictures"].as_u64().unwrap()), "at least 8 parts: {many}");
}

#[test]
fn the_limits_of_the_machine_are_positive() {
    let desk = Desk::new();
    let machine = json(&desk, "bench machine --json --threads 1 --isa portable");
    for key in ["l1", "l2", "l3"] {
        positive(&machine["caches"], key);
    }
    let arithmetic = machine["arithmetic"].as_array().unwrap();
    assert_eq!(arithmetic.len(), 1);
    positive(&arithmetic[0], "f32_gflops");
    for key in ["bf16_gflops", "f16_gflops", "int8_gops"] {
        assert!(arithmetic[0][key].is_null(), "{key}: {}", arithmetic[0]);
    }
    let memory = machine["memory"].as_array().unwrap();
    assert_eq!(
        memory.iter().map(|row| row["level"].as_str().unwrap()).collect::<Vec<_>>(),
        ["L1", "L2", "L3", "DRAM"]
    );
    for row in memory {
        for key in ["bytes", "read_gb_per_s", "write_gb_per_s", "copy_gb_per_s"] {
            positive(row, key);
        }
    }
    number(&machine["barriers"][0], "microseconds");
}

#[test]
fn what_computes_takes_an_instruction_set() {
    let desk = Desk::with_photos();
    let model = |run: &str, more: &[&str]| {
        desk.train("photos", run, more).assert().success();
        std::fs::read(desk.path(run).join("model.divvy")).unwrap()
    };
    let [one, two] = ["one", "two"].map(|run| model(run, &["--isa", "portable"]));
    assert!(one == two, "the same seed and instruction set give the same bits");
    text(&desk, "evaluate one photos --isa portable");
    let portable = probabilities(&desk, "predict one photos --json --isa portable");
    if Isa::best() != Isa::PORTABLE {
        assert!(model("best", &[]) != one, "another instruction set rounds differently");
        let best = probabilities(&desk, "predict one photos --json");
        assert!(portable != best, "another instruction set rounds differently");
        let off = portable.iter().zip(&best).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off < 1e-4, "{off} between two instruction sets");
    }
    for line in [
        "train photos --isa avx1024",
        "evaluate one photos --isa avx1024",
        "predict one photos --isa avx1024",
        "compare photos --isa avx1024",
        "plan classic --profile --isa avx1024",
        "bench machine --isa avx1024",
    ] {
        let said = desk.refuses(&line.split(' ').collect::<Vec<_>>());
        assert!(
            said.contains("`avx1024` cannot be used; this machine has ") && said.contains("portable"),
            "{said}"
        );
    }
}

#[test]
fn exact_leaves_winograd_out_and_a_run_keeps_it() {
    let desk = Desk::with_photos();
    let winograd = |line: &str| {
        let plan = json(&desk, &format!("{line} --isa portable --json"));
        let of_winograd = |row: &&Value| row["op"] == "winograd weights";
        plan["ops"].as_array().unwrap().iter().filter(of_winograd).count()
    };
    assert!(winograd("plan classic") > 0);
    assert_eq!(winograd("plan classic --exact"), 0);

    desk.train("photos", "one", &["--exact"]).assert().success();
    let file = |run: &str, name: &str| std::fs::read(desk.path(run).join(name)).unwrap();
    assert!(String::from_utf8(file("one", "config.toml")).unwrap().contains("exact = true"));
    text(&desk, "train --config one/config.toml --out two");
    assert!(file("one", "model.divvy") == file("two", "model.divvy"), "a run is repeated by its config.toml");
    text(&desk, "evaluate one photos --exact");
    text(&desk, "predict one photos --exact");
    desk.refuses(&["bench", "machine", "--exact"]);
}

#[test]
fn a_setting_that_would_do_nothing_is_refused() {
    let desk = Desk::new();
    for (line, named) in [
        ("plan classic --threads 2", "--profile"),
        ("plan classic --seconds 2", "--profile"),
        ("check classic --isa portable", "--isa"),
        ("bench machine --batch 3", "--batch"),
    ] {
        let said = desk.refuses(&line.split(' ').collect::<Vec<_>>());
        assert!(said.contains(named), "{line}: {said}");
    }
}

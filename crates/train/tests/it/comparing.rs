//! Comparing heads on small pictures made here.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use divvy_data::{Augment, Dataset, OpenOptions, Part, Preset, Split};
use divvy_model::Model;
use divvy_nn::{Activation, Cpu, Diagnostic, Task, Tensor, Wiring};
use divvy_train::{
    AtOnce, CompareConfig, Comparison, Contender, Event, Length, Standing, TrainConfig, TrainError, Turn,
    compare,
};

/// A network that trains in a blink.
const LAYERS: &str = "[[layer]]\ntype = \"conv2d\"\nfilters = 4\nkernel = 3\nactivation = \"relu\"\n
[[layer]]\ntype = \"max_pool2d\"\npool = 4\n\n[[layer]]\ntype = \"flatten\"\n";

/// `each` pictures of a group whose upper half is bright, and of one whose lower half is.
fn photos(root: &Path, each: u32) {
    for (group, upper) in [("lower", false), ("upper", true)] {
        fs::create_dir_all(root.join(group)).unwrap();
        for index in 0..each {
            // A hash of place and picture: one that only moves from picture to picture would make them near copies.
            let noise = |x: u32, y: u32| {
                let hash = (x * 31 + y * 17 + 1).wrapping_mul(2_654_435_761)
                    ^ (index + 1).wrapping_mul(2_246_822_519);
                ((hash ^ (hash >> 15)).wrapping_mul(3_266_489_917) >> 25) as u8
            };
            let picture = image::RgbImage::from_fn(12, 12, |x, y| {
                let light = if (y < 6) == upper { 90 } else { 60 };
                image::Rgb([light + noise(x, y), light + noise(y, x), light])
            });
            picture.save(root.join(group).join(format!("{index}.png"))).unwrap();
        }
    }
}

/// Three heads on thirty pictures of each group.
fn three_heads(folder: &Path, seeds: u64) -> CompareConfig {
    photos(&folder.join("photos"), 30);
    let layers = folder.join("net.toml");
    fs::write(&layers, LAYERS).unwrap();
    let contender = |name: &str, activation, units| Contender {
        name: name.to_owned(),
        config: TrainConfig {
            architecture: layers.display().to_string(),
            size: 12,
            batch: 8,
            augment: Preset::None.into(),
            length: Length::Epochs(4),
            learning_rate: 0.02,
            wiring: Wiring { activation: Some(activation), units: Some(units), ..Wiring::default() },
            ..TrainConfig::new(folder.join("photos"))
        },
    };
    let contenders = vec![
        contender("softmax2", Activation::Softmax, 2),
        contender("sigmoid1", Activation::Sigmoid, 1),
        contender("linear1", Activation::Linear, 1),
    ];
    CompareConfig { contenders, seeds, test_share: 0.2, at_once: None }
}

/// Compares, and counts the trainings that this needed.
fn run(config: &CompareConfig, out: &Path) -> (Result<Comparison, TrainError>, usize) {
    let mut started = 0;
    let mut told =
        |_: Turn<'_>, event: &Event| started += usize::from(matches!(event, Event::Started { .. }));
    let compared = compare(config, out, &Cpu::new(1), &mut told, &AtomicBool::new(false));
    (compared, started)
}

#[test]
fn heads_are_compared_on_pictures_that_none_has_seen() {
    let folder = tempfile::tempdir().unwrap();
    let config = three_heads(folder.path(), 3);
    let out = folder.path().join("out");
    let (comparison, trainings) = run(&config, &out);
    let comparison = comparison.unwrap();
    assert_eq!(trainings, 9);

    // Of sixty pictures a fifth validates; of the other 48 a fifth is kept, and no training has it.
    assert_eq!(comparison.test_images, 10);
    let dataset = Dataset::open(&folder.path().join("photos"), &OpenOptions::default()).unwrap();
    let split = Split::read_csv(&out.join("split.csv"), &dataset).unwrap();
    assert_eq!((split.test.len(), dataset.class_counts(&split.test)), (10, vec![5, 5]));
    assert!(split.test.iter().all(|sample| !split.used().contains(sample)));
    for run in ["softmax2/seed-0", "sigmoid1/seed-2", "linear1/seed-1"] {
        assert_eq!(Split::read_csv(&out.join(run).join("split.csv"), &dataset).unwrap(), split, "{run}");
    }

    let names: Vec<&str> = comparison.contenders.iter().map(|standing| standing.name.as_str()).collect();
    assert_eq!(names, ["softmax2", "sigmoid1", "linear1"]);
    for standing in &comparison.contenders {
        let values: Vec<f64> = standing.runs.iter().map(|run| run.score).collect();
        assert!((standing.score.mean - values.iter().sum::<f64>() / 3.0).abs() < 1e-12);
        let ci = standing.score.ci95.unwrap();
        assert!(ci.low <= standing.score.mean && standing.score.mean <= ci.high);
        assert_eq!(standing.log_loss.is_some(), standing.name != "linear1");
        assert_eq!(standing.calibration_error.is_some(), standing.name != "linear1");
    }
    // The disagreements are those of the scores.
    for difference in &comparison.differences {
        let scores = |name: &str| comparison.contenders.iter().find(|s| s.name == name).unwrap().runs.clone();
        let (baseline, other) = (scores(&difference.baseline), scores(&difference.other));
        for (counts, (a, b)) in difference.mcnemar.iter().zip(baseline.iter().zip(&other)) {
            let by_counts = (counts.only_other as f64 - counts.only_baseline as f64) / 10.0;
            assert!((by_counts - (b.score - a.score)).abs() < 1e-12, "{counts:?}");
        }
    }
    assert_eq!(comparison.sentences().len(), 2);

    // Again: nothing is trained anew, and the figures are the same.
    let (again, trainings) = run(&config, &out);
    let mut again = again.unwrap();
    for run in again.contenders.iter_mut().flat_map(|standing| &mut standing.runs) {
        assert!(std::mem::replace(&mut run.reused, false));
    }
    assert_eq!((again, trainings), (comparison, 0));
}

#[test]
fn trainings_side_by_side_come_to_the_same_as_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let config = three_heads(folder.path(), 2);
    let compared = |name: &str, at_once: Option<usize>| {
        let config = CompareConfig { at_once: at_once.and_then(NonZeroUsize::new), ..config.clone() };
        let (out, most) = (folder.path().join(name), AtomicUsize::new(0));
        let mut going_on = BTreeSet::new();
        let mut told = |turn: Turn<'_>, event: &Event| {
            match event {
                Event::Started { .. } => going_on.insert(turn.number),
                Event::Finished { .. } => going_on.remove(&turn.number),
                _ => false,
            };
            most.fetch_max(going_on.len(), Ordering::Relaxed);
        };
        let mut comparison =
            compare(&config, &out, &Cpu::new(2), &mut told, &AtomicBool::new(false)).unwrap();
        for run in comparison.contenders.iter_mut().flat_map(|standing| &mut standing.runs) {
            run.seconds_per_epoch = 0.0;
        }
        let models =
            ["softmax2/seed-0", "sigmoid1/seed-1"].map(|run| fs::read(out.join(run).join("model.divvy")));
        let runs: Vec<_> = comparison.contenders.iter().map(|standing| standing.runs.clone()).collect();
        (comparison.at_once, most.into_inner(), runs, models.map(Result::unwrap))
    };
    let (side_by_side, at_once, runs, models) = compared("side by side", None);
    assert_eq!((side_by_side, at_once), (AtOnce { trainings: 2, threads: 1 }, 2));
    let (alone, at_once, expected_runs, expected_models) = compared("alone", Some(1));
    assert_eq!((alone, at_once), (AtOnce { trainings: 1, threads: 2 }, 1));
    assert_eq!(runs, expected_runs);
    assert!(models == expected_models);
}

#[test]
fn one_seed_is_judged_by_the_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let config = three_heads(folder.path(), 1);
    let comparison = run(&config, &folder.path().join("out")).0.unwrap();
    for difference in &comparison.differences {
        assert_eq!(difference.p, Some(difference.mcnemar[0].p));
        let ci = difference.score.ci95.unwrap();
        assert!(ci.low <= difference.score.mean && difference.score.mean <= ci.high);
    }
    assert!(comparison.contenders[0].score.ci95.is_some(), "an interval over the pictures");
}

/// A learning rate that is zero in `f32`: the weights stay what they were at first.
const STANDSTILL: f64 = 1e-300;

#[test]
fn networks_of_one_seed_start_alike_below_the_head() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = three_heads(folder.path(), 2);
    for contender in &mut config.contenders {
        contender.config.learning_rate = STANDSTILL;
        contender.config.length = Length::Epochs(1);
    }
    let out = folder.path().join("out");
    run(&config, &out).0.unwrap();
    let below_the_head = |run: &str| -> Vec<Tensor> {
        let model = Model::open(&out.join(run)).unwrap();
        model.parameters().unwrap().tensors().filter(|tensor| !tensor.name.starts_with("head/")).collect()
    };
    for seed in ["seed-0", "seed-1"] {
        let first = below_the_head(&format!("softmax2/{seed}"));
        assert!(!first.is_empty());
        for other in ["sigmoid1", "linear1"] {
            assert_eq!(below_the_head(&format!("{other}/{seed}")), first, "{other}, {seed}");
        }
    }
    assert_ne!(below_the_head("softmax2/seed-0"), below_the_head("softmax2/seed-1"));
}

#[test]
fn trainings_of_one_seed_see_the_same_pictures_in_the_same_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = three_heads(folder.path(), 2);
    config.contenders[1].config.wiring = config.contenders[0].config.wiring.clone();
    config.contenders.truncate(2);
    for contender in &mut config.contenders {
        contender.config.learning_rate = STANDSTILL;
        contender.config.augment = Augment::light().into();
        contender.config.length = Length::Epochs(2);
    }
    let mut losses = vec![Vec::new(); 4];
    let mut told = |turn: Turn<'_>, event: &Event| {
        if let Event::Step { loss, .. } = event {
            losses[turn.number].push(loss.to_bits());
        }
    };
    let out = folder.path().join("out");
    compare(&config, &out, &Cpu::new(1), &mut told, &AtomicBool::new(false)).unwrap();
    // Of 60 pictures 12 validate and 10 test: five steps of 8 for 38, in each of two epochs.
    assert_eq!(losses.iter().map(Vec::len).collect::<Vec<_>>(), [10; 4]);
    assert_eq!(losses[0], losses[1], "two contenders, seed 0");
    assert_eq!(losses[2], losses[3], "two contenders, seed 1");
    assert_ne!(losses[0], losses[2], "two seeds");
}

#[test]
fn a_training_that_did_not_come_to_its_end_is_done_anew() {
    let folder = tempfile::tempdir().unwrap();
    let config = three_heads(folder.path(), 1);
    let out = folder.path().join("out");
    run(&config, &out).0.unwrap();
    let (events, model) = (out.join("sigmoid1/seed-0/events.jsonl"), out.join("sigmoid1/seed-0/model.divvy"));
    let (whole, trained) = (fs::read_to_string(&events).unwrap(), fs::read(&model).unwrap());
    let killed = whole.lines().filter(|line| !line.contains("\"finished\"")).collect::<Vec<_>>().join("\n");
    let stopped = whole.replace("\"completed\"", "\"interrupted\"");
    for unfinished in [killed.clone(), killed + "\n{\"at\":0.1,\"event\":\"fini", stopped] {
        assert_ne!(unfinished, whole);
        fs::write(&events, unfinished).unwrap();
        // A model that is not the trained one: what is compared must not be it.
        fs::copy(out.join("softmax2/seed-0/model.divvy"), &model).unwrap();
        let (comparison, trainings) = run(&config, &out);
        let comparison = comparison.unwrap();
        assert_eq!(trainings, 1);
        let reused: Vec<bool> =
            comparison.contenders.iter().map(|standing| standing.runs[0].reused).collect();
        assert_eq!(reused, [true, false, true]);
        assert!(fs::read(&model).unwrap() == trained);
    }
    // Killed before the first model, even before the settings were written.
    fs::remove_file(&model).unwrap();
    assert_eq!(run(&config, &out).1, 1);
    for file in ["model.divvy", "config.toml", "split.csv"] {
        fs::remove_file(out.join("linear1/seed-0").join(file)).unwrap();
    }
    assert_eq!(run(&config, &out).1, 1);
    // Files that are no run's stay.
    fs::remove_file(&model).unwrap();
    fs::write(out.join("sigmoid1/seed-0/notes.txt"), "mine").unwrap();
    assert!(matches!(run(&config, &out).0, Err(TrainError::RunExists { .. })));
    assert_eq!(fs::read_to_string(out.join("sigmoid1/seed-0/notes.txt")).unwrap(), "mine");
}

#[test]
fn no_copy_of_a_test_picture_is_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = three_heads(folder.path(), 1);
    for contender in &mut config.contenders {
        contender.config.length = Length::Epochs(1);
    }
    let photos = folder.path().join("photos");
    for group in ["lower", "upper"] {
        for index in 0..15 {
            let (from, to) = (format!("{index}.png"), format!("copy{index}.png"));
            fs::copy(photos.join(group).join(from), photos.join(group).join(to)).unwrap();
        }
    }
    let out = folder.path().join("out");
    run(&config, &out).0.unwrap();
    let dataset = Dataset::open(&photos, &OpenOptions::default()).unwrap();
    let split = Split::read_csv(&out.join("split.csv"), &dataset).unwrap();
    let names = |samples: &[usize]| -> BTreeSet<String> {
        let name = |&sample: &usize| dataset.sample_name(sample).to_string_lossy().replace("copy", "");
        samples.iter().map(name).collect()
    };
    let parts = [&split.train, &split.validation, &split.test];
    let different: usize = parts.iter().map(|part| names(part).len()).sum();
    assert_eq!(
        (parts.map(Vec::len).iter().sum::<usize>(), different),
        (90, 60),
        "each picture is in one part"
    );
    assert!(parts[1..].iter().all(|part| names(part).len() < part.len()), "copies validate and test");
}

#[test]
fn test_pictures_that_cannot_be_read_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let config = three_heads(folder.path(), 1);
    let out = folder.path().join("out");
    let photos = folder.path().join("photos");
    run(&config, &out).0.unwrap();
    let dataset = Dataset::open(&photos, &OpenOptions::default()).unwrap();
    let split = Split::read_csv(&out.join("split.csv"), &dataset).unwrap();
    let name = dataset.sample_name(split.test[3]).into_owned();
    let picture = fs::read(photos.join(&name)).unwrap();
    fs::write(photos.join(&name), "no picture").unwrap();
    let (comparison, trainings) = run(&config, &out);
    let comparison = comparison.unwrap();
    assert_eq!((trainings, comparison.test_images, comparison.left_out.len()), (0, 9, 1));
    assert!(comparison.left_out[0].contains(&*name.to_string_lossy()), "{:?}", comparison.left_out);
    fs::write(photos.join(&name), picture).unwrap();

    // One that goes bad between two trainings: they are not of the same pictures.
    let other = photos.join(&*dataset.sample_name(split.test[7]));
    let mut told = |turn: Turn<'_>, event: &Event| {
        if turn.number == 1 && matches!(event, Event::Started { .. }) {
            fs::write(&other, "no picture").unwrap();
        }
    };
    fs::remove_dir_all(&out).unwrap();
    let compared = compare(&config, &out, &Cpu::new(1), &mut told, &AtomicBool::new(false));
    assert!(matches!(compared, Err(TrainError::PicturesChanged { .. })), "{compared:?}");
}

#[test]
fn several_labels_are_compared_over_the_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = three_heads(folder.path(), 1);
    // The upper half is bright in every second picture, and every third is called odd, which none can see.
    let rows = (0..60).map(|index| {
        let group = ["lower", "upper"][index % 2];
        let labels = if index % 3 == 0 { format!("{group}|odd") } else { group.to_owned() };
        format!("{group}/{}.png,{labels}\n", index / 2)
    });
    let list = folder.path().join("photos/labels.csv");
    fs::write(&list, format!("file,labels\n{}", rows.collect::<String>())).unwrap();
    config.contenders.truncate(2);
    for (contender, rate) in config.contenders.iter_mut().zip([0.02, 0.001]) {
        contender.config.data.clone_from(&list);
        contender.config.wiring = Wiring { activation: Some(Activation::Sigmoid), ..Wiring::default() };
        contender.config.learning_rate = rate;
    }
    let comparison = run(&config, &folder.path().join("out")).0.unwrap();
    for Standing { score, log_loss, calibration_error, .. } in &comparison.contenders {
        assert_eq!((score.ci95, calibration_error), (None, &None));
        // The losses of the pictures have the mean that the report's log loss is.
        let (mean, ci) = (log_loss.unwrap().mean, log_loss.unwrap().ci95.unwrap());
        assert!(ci.low > 0.0 && (f64::midpoint(ci.low, ci.high) - mean).abs() < 1e-9, "{log_loss:?}");
    }
    let difference = &comparison.differences[0];
    assert_eq!((difference.p, difference.found), (None, false));
    let (mean, ci) = (difference.log_loss.unwrap().mean, difference.log_loss.unwrap().ci95.unwrap());
    assert!((f64::midpoint(ci.low, ci.high) - mean).abs() < 1e-9, "{difference:?}");
    assert!(comparison.sentences()[0].contains("which one training of each cannot test"));
}

#[test]
fn what_is_not_judged_alike_or_on_nothing_is_refused_before_anything_is_trained() {
    let folder = tempfile::tempdir().unwrap();
    let config = three_heads(folder.path(), 1);
    photos(&folder.path().join("others"), 5);
    photos(&folder.path().join("few"), 2);
    let out = folder.path().join("out");
    let refused = |change: &dyn Fn(&mut CompareConfig)| {
        let mut config = config.clone();
        change(&mut config);
        let (compared, trainings) = run(&config, &out);
        assert!(trainings == 0 && !out.exists());
        compared.unwrap_err()
    };
    let others = folder.path().join("others");
    for (error, says) in [
        (
            refused(&|config| config.contenders[1].config.data.clone_from(&others)),
            "the data is not the same for softmax2 and sigmoid1",
        ),
        (
            refused(&|config| config.contenders[2].config.positive = Some("lower".to_owned())),
            "the positive group is not",
        ),
        (
            refused(&|config| config.contenders[2].config.validation_share = 0.3),
            "the share for validation is not",
        ),
        (refused(&|config| config.contenders[2].name = "softmax2".to_owned()), "softmax2, as is another's"),
        (refused(&|config| config.contenders[2].name = "../up".to_owned()), "`../up`; it names a folder"),
        (refused(&|config| config.contenders[2].name = "..".to_owned()), "`..`; it names a folder"),
        (refused(&|config| config.seeds = 0), "the number of seeds is 0"),
    ] {
        assert!(matches!(error, TrainError::Setting { .. }) && error.to_string().contains(says), "{error}");
    }
    let labels = refused(&|config| {
        config.contenders[1].config.task = Some(Task::MultiLabel);
        config.contenders[1].config.wiring = Wiring::default();
    });
    assert!(
        labels.to_string().contains("the score (accuracy, or macro F1 of several labels) is not"),
        "{labels}"
    );
    // The last is wrong: the first is not trained in vain.
    let wrong = refused(&|config| config.contenders[2].config.wiring.activation = Some(Activation::Softmax));
    assert_eq!(wrong.finding().map(Diagnostic::id), Some("H01"), "{wrong}");

    // Of two pictures of each group one validates and one is left to train on.
    let few = folder.path().join("few");
    let error = refused(&|config| config.contenders.iter_mut().for_each(|c| c.config.data.clone_from(&few)));
    assert!(matches!(error, TrainError::EmptyPart { part: Part::Test, images: 4, .. }), "{error}");
    assert!(error.to_string().contains("few: 4 pictures leave none for the test part"), "{error}");
}

#[test]
fn what_cannot_be_compared_is_refused_and_what_is_stopped_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let config = three_heads(folder.path(), 2);
    let alone = CompareConfig { contenders: config.contenders[..1].to_vec(), ..config.clone() };
    assert!(matches!(run(&alone, &folder.path().join("alone")).0, Err(TrainError::Setting { .. })));

    // Stopped in the second training: the first is kept, the second leaves nothing, and the next call trains the rest.
    let out = folder.path().join("out");
    let stop = AtomicBool::new(false);
    let mut told = |turn: Turn<'_>, event: &Event| {
        if turn.number == 1 && matches!(event, Event::Step { .. }) {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let stopped = compare(&config, &out, &Cpu::new(1), &mut told, &stop);
    let stopped = stopped.unwrap_err();
    assert!(matches!(stopped, TrainError::ComparisonStopped { done: 1, of: 6 }), "{stopped:?}");
    assert_eq!(stopped.to_string(), "stopped; 1 of 6 trainings is done and will be used again");
    assert!(out.join("softmax2/seed-0/model.divvy").is_file() && !out.join("sigmoid1/seed-0").exists());
    // Stopped just when the second is done: it is kept.
    let stop = AtomicBool::new(false);
    let mut told = |turn: Turn<'_>, event: &Event| {
        if turn.number == 1 && matches!(event, Event::Finished { .. }) {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let stopped = compare(&config, &out, &Cpu::new(1), &mut told, &stop).unwrap_err();
    assert_eq!(stopped.to_string(), "stopped; 2 of 6 trainings are done and will be used again");
    let at_once = compare(&config, &folder.path().join("other"), &Cpu::new(1), &mut |_, _| {}, &stop);
    assert_eq!(at_once.unwrap_err().to_string(), "stopped; none of the 6 trainings is done yet");
    let (comparison, trainings) = run(&config, &out);
    assert_eq!((comparison.unwrap().contenders.len(), trainings), (3, 4));

    // Other settings in the same place are not mixed with these.
    let mut other = config.clone();
    other.contenders[0].config.learning_rate = 0.5;
    assert!(matches!(run(&other, &out).0, Err(TrainError::RunExists { .. })));
}

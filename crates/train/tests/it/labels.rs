//! Labels that are likely wrong are found by folds, and put right by corrections.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use divvy_data::{Dataset, OpenOptions};
use divvy_nn::{Activation, Cpu, Wiring};
use divvy_train::{
    Event, Folds, FoldsOutcome, RankedLabel, Relabelled, Relabelling, RunFolder, TrainConfig, TrainError,
    train, train_folds,
};

use crate::common::{no_stop, setting};

/// Pictures whose labels are turned.
const TURNED: [(&str, usize); 4] = [("upper", 3), ("lower", 8), ("upper", 17), ("lower", 21)];

fn name((group, number): (&str, usize)) -> String {
    format!("{group}/{number}.png")
}

fn other(group: &str) -> &'static str {
    if group == "upper" { "lower" } else { "upper" }
}

/// Corrections that turn the labels of some pictures.
fn turned(path: &Path) -> PathBuf {
    let mut list = "path,given,corrected\n".to_owned();
    for picture in TURNED {
        writeln!(list, "{},{},{}", name(picture), picture.0, other(picture.0)).unwrap();
    }
    fs::write(path, list).unwrap();
    path.to_owned()
}

fn with_corrections(config: &TrainConfig, path: PathBuf) -> TrainConfig {
    let read = OpenOptions { corrections: Some(path), ..config.read.clone() };
    TrainConfig { read, ..config.clone() }
}

fn folded(config: &TrainConfig, run: &Path) {
    let config = TrainConfig { folds: Some(Folds::Each(3)), ..config.clone() };
    let outcome = train_folds(&config, run, Cpu::new(2), &mut |_, _| {}, &no_stop()).unwrap();
    assert!(matches!(outcome, FoldsOutcome::Finished(_)), "{outcome:?}");
}

fn trained(config: &TrainConfig, run: &Path) {
    train(config, run, Cpu::new(2), &mut |_: &Event| {}, &no_stop()).unwrap();
}

/// The lines of a CSV without its header, by cells; no cell of these has a comma.
fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// Each picture with its label, as data is opened.
fn labelled(data: &Path, read: &OpenOptions) -> BTreeSet<(String, String)> {
    let dataset = Dataset::open(data, read).unwrap();
    let of = |sample: usize| {
        let labels =
            dataset.samples()[sample].label.indices().iter().map(|&class| dataset.classes()[class].clone());
        (dataset.sample_name(sample).to_string_lossy().into_owned(), labels.collect::<Vec<_>>().join("|"))
    };
    (0..dataset.samples().len()).map(of).collect()
}

fn names(ranked: &[&RankedLabel]) -> Vec<String> {
    ranked.iter().map(|ranked| ranked.name().into_owned()).collect()
}

#[test]
fn turned_labels_are_ranked_first_and_corrections_turn_them_back() {
    let (folder, config) = setting(30);
    let (run, list) = (folder.path().join("run"), folder.path().join("turned.csv"));
    folded(&with_corrections(&config, turned(&list)), &run);
    let doubts = Relabelling::of_run(&run).unwrap();
    let wanted: BTreeSet<String> = TURNED.map(name).into();
    let suspected = doubts.chosen(Relabelled::Suspected);
    assert_eq!(names(&suspected).into_iter().collect::<BTreeSet<_>>(), wanted);
    assert_eq!((doubts.suspected, doubts.ranking.len()), (4, 60));
    assert_eq!(names(&doubts.chosen(Relabelled::First(4))), names(&suspected), "they come first");
    assert!((3.0..6.0).contains(&doubts.estimated), "{}", doubts.estimated);

    // By definition, from the file: thresholds, who is counted as what, and how many times likelier the other is.
    let predictions = rows(&run.join("predictions.csv"));
    let p = |row: &[String], group: &str| row[if group == "lower" { 5 } else { 6 }].parse::<f64>().unwrap();
    let threshold = |group: &str| {
        let own: Vec<f64> =
            predictions.iter().filter(|row| row[2] == group).map(|row| p(row, group)).collect();
        own.iter().sum::<f64>() / own.len() as f64
    };
    let mut by_definition: Vec<_> = predictions
        .iter()
        .map(|row| {
            let (label, suggested) = (row[2].as_str(), other(&row[2]));
            let reached = p(row, suggested) >= threshold(suggested) && p(row, suggested) > p(row, label);
            (p(row, suggested) / p(row, label), row[0].clone(), label.to_owned(), suggested, reached)
        })
        .collect();
    by_definition.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (ranked, (ratio, name, label, suggested, reached)) in doubts.ranking.iter().zip(&by_definition) {
        assert_eq!(ranked.name(), *name);
        assert_eq!(
            (&ranked.label, &ranked.suggested),
            (&vec![label.clone()], &vec![(*suggested).to_owned()])
        );
        assert_eq!(ranked.suspected, *reached, "{name}");
        assert!((f64::from(ranked.p_suggested / ranked.p_label) / ratio - 1.0).abs() < 1e-4);
    }

    // What is written stands in place of what turned them, and speaks of what the data says.
    let written = folder.path().join("corrections.csv");
    assert_eq!(doubts.write_corrections(&doubts.chosen(Relabelled::All), &written).unwrap(), 60);
    let header = fs::read_to_string(&written).unwrap();
    assert!(header.starts_with("path,given,corrected,suspected,suggested,p_label,p_suggested\n"), "{header}");
    for row in rows(&written) {
        let group = row[0].split('/').next().unwrap();
        assert_eq!((row[1].as_str(), row[2].as_str()), (group, group), "{row:?}");
    }
    let read = |file: &Path| OpenOptions { corrections: Some(file.to_owned()), ..OpenOptions::default() };
    assert_eq!(labelled(&config.data, &read(&written)), labelled(&config.data, &OpenOptions::default()));
    let refused = doubts.write_corrections(&suspected, &written).unwrap_err();
    assert!(matches!(&refused, TrainError::FileExists { .. }), "{refused}");

    // Of nothing new, what was turned before stays turned.
    let same = folder.path().join("same.csv");
    assert_eq!(doubts.write_corrections(&[], &same).unwrap(), 4);
    assert_eq!(labelled(&config.data, &read(&same)), labelled(&config.data, &read(&list)));
}

#[test]
fn labels_that_are_wrong_in_the_data_are_put_right() {
    let (folder, config) = setting(30);
    let whole = labelled(&config.data, &OpenOptions::default());
    let (swapped, run) = (folder.path().join("swapped.csv"), folder.path().join("run"));
    let mut list = "file,label\n".to_owned();
    for (name, group) in &whole {
        let is_turned = TURNED.iter().any(|&picture| self::name(picture) == *name);
        writeln!(list, "photos/{name},{}", if is_turned { other(group) } else { group }).unwrap();
    }
    fs::write(&swapped, list).unwrap();
    let config = TrainConfig { data: swapped.clone(), ..config };
    folded(&config, &run);
    let doubts = Relabelling::of_run(&run).unwrap();
    let corrections = RunFolder::at(&run).corrections();
    assert_eq!(doubts.write_corrections(&doubts.chosen(Relabelled::Suspected), &corrections).unwrap(), 4);
    let right =
        labelled(&swapped, &OpenOptions { corrections: Some(corrections.clone()), ..OpenOptions::default() });
    let wanted = whole.into_iter().map(|(name, group)| (format!("photos/{name}"), group));
    assert_eq!(right, wanted.collect::<BTreeSet<_>>());

    // Training with corrections is training with data that says the same, to the bit; and so is its own config again.
    let all_right = folder.path().join("right.csv");
    let mut list = "file,label\n".to_owned();
    for (name, group) in &right {
        writeln!(list, "{name},{group}").unwrap();
    }
    fs::write(&all_right, list).unwrap();
    let runs = ["corrected", "said", "again", "uncorrected"].map(|name| folder.path().join(name));
    trained(&with_corrections(&config, corrections), &runs[0]);
    trained(&TrainConfig { data: all_right, ..config.clone() }, &runs[1]);
    trained(&RunFolder::at(&runs[0]).read_config().unwrap(), &runs[2]);
    trained(&config, &runs[3]);
    let [corrected, said, again, uncorrected] = runs.map(|run| fs::read(run.join("model.divvy")).unwrap());
    assert!(corrected == said && corrected == again && corrected != uncorrected);
}

#[test]
fn labels_that_are_missing_or_do_not_belong_are_found() {
    let (folder, config) = setting(30);
    let mut list = "file,labels\n".to_owned();
    for index in 0..30 {
        // One has a label too many, one lacks its own.
        let upper = if index == 5 { "bright" } else { "bright|up" };
        let lower = if index == 9 { "bright|up" } else { "bright" };
        writeln!(list, "photos/upper/{index}.png,{upper}\nphotos/lower/{index}.png,{lower}").unwrap();
    }
    let data = folder.path().join("list.csv");
    fs::write(&data, list).unwrap();
    let run = folder.path().join("run");
    folded(&TrainConfig { data, ..config }, &run);
    let doubts = Relabelling::of_run(&run).unwrap();
    let mut first: Vec<_> = doubts.chosen(Relabelled::First(2));
    first.sort_by_key(|ranked| ranked.name.clone());
    let [many, lacks] = first[..] else { panic!("{first:?}") };
    let both = ["bright".to_owned(), "up".to_owned()];
    assert_eq!((many.name().as_ref(), lacks.name().as_ref()), ("photos/lower/9.png", "photos/upper/5.png"));
    assert_eq!((many.label.as_slice(), many.suggested.as_slice()), (both.as_slice(), &both[..1]));
    assert_eq!((lacks.label.as_slice(), lacks.suggested.as_slice()), (&both[..1], both.as_slice()));
    let predictions = rows(&run.join("predictions.csv"));
    for (ranked, given) in [(many, true), (lacks, false)] {
        let row = predictions.iter().find(|row| row[0] == ranked.name()).unwrap();
        let up: f32 = row[6].parse().unwrap();
        let p_label = if given { up } else { 1.0 - up };
        assert!((ranked.p_label - p_label).abs() < 1e-6, "{ranked:?}");
        assert!((ranked.p_suggested - (1.0 - p_label)).abs() < 1e-6);
    }
    let file = folder.path().join("corrections.csv");
    doubts.write_corrections(&[many, lacks], &file).unwrap();
    let found: Vec<_> = rows(&file).into_iter().map(|row| row[..3].join(",")).collect();
    // Each fold is calibrated on pictures of its own, so that one with a wrong label is less sure than those without, which may keep it from suspecting that label.
    let holds = |ranked: &RankedLabel| {
        if ranked.suspected { ranked.suggested.join("|") } else { ranked.label.join("|") }
    };
    let wanted = [
        format!("photos/lower/9.png,bright|up,{}", holds(many)),
        format!("photos/upper/5.png,bright,{}", holds(lacks)),
    ];
    assert_eq!(found, wanted);
}

#[test]
fn what_does_not_tell_is_refused_with_what_to_do() {
    let (folder, config) = setting(20);
    let of = |run: &Path| Relabelling::of_run(run).unwrap_err();
    let alone = folder.path().join("alone");
    trained(&config, &alone);
    let error = of(&alone);
    let wanted = format!("`divvy train {} --folds 5`", config.data.display());
    assert!(matches!(&error, TrainError::NoFolds { .. }) && error.to_string().contains(&wanted), "{error}");
    let model = folder.path().join("model.divvy");
    fs::copy(alone.join("model.divvy"), &model).unwrap();
    assert!(of(&model).to_string().contains("`divvy train PHOTOS --folds 5`"));
    assert!(matches!(of(&folder.path().join("none")), TrainError::Model(_)));

    let linear = Wiring { activation: Some(Activation::Linear), ..Wiring::default() };
    let scores = folder.path().join("scores");
    folded(&TrainConfig { wiring: linear, ..config.clone() }, &scores);
    assert!(matches!(of(&scores), TrainError::NoProbabilities { .. }));

    let run = folder.path().join("run");
    folded(&config, &run);
    let error = of(&run.join("fold-2")).to_string();
    assert!(error.contains("this is a single one, so give the folder of all"), "{error}");
    let file = run.join("predictions.csv");
    let text = fs::read_to_string(&file).unwrap();
    let first = text.lines().nth(1).unwrap();
    let cells: Vec<&str> = first.split(',').collect();
    for (damaged, wanted) in [
        (String::new(), "line 1: the columns do not begin with path,fold"),
        (text.lines().next().unwrap().to_owned() + "\n", "no samples"),
        (text.replacen(first, &first.replacen(cells[2], "middle", 2), 1), "none of the groups"),
        (text.replacen(cells[6], "1.5", 1), "`1.5` is no probability"),
        (text.replacen(cells[6], "NaN", 1), "`NaN` is no probability"),
        (text.replacen(&format!(",{}", cells[6]), "", 1), "cannot be read as CSV"),
    ] {
        fs::write(&file, &damaged).unwrap();
        let error = of(&run);
        let told = error.to_string();
        assert!(matches!(error, TrainError::Figures { .. }) && told.contains(wanted), "{told}\n{wanted}");
    }
    fs::remove_file(&file).unwrap();
    assert!(matches!(of(&run), TrainError::Data(_)));
}

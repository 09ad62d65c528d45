//! Runs that are reported on, and the same model asked picture by picture.

use std::fs;
use std::path::{Path, PathBuf};

use divvy_data::StoreOptions;
use divvy_model::{Classifier, Model, Prediction};
use divvy_nn::{Cpu, Device};
use divvy_train::{ReportConfig, RunReport, TrainConfig, report_run, train};

use crate::common::{no_stop, photos};

pub(crate) fn report(config: &ReportConfig) -> RunReport {
    let options = StoreOptions { threads: 2, ..StoreOptions::default() };
    report_run(config, &Device::new(Cpu::new(2)), &options, &|_, _| {}).unwrap().report
}

pub(crate) fn trained(config: &TrainConfig, run: &Path) {
    train(config, run, Cpu::new(2), &mut |_: &divvy_train::Event| {}, &no_stop()).unwrap();
}

/// What a model says of files, asked one by one.
pub(crate) fn asked(run: &Path, files: &[PathBuf]) -> Vec<Prediction> {
    let mut classifier = Classifier::new(Model::open(run).unwrap(), Cpu::new(1)).unwrap();
    let mut answers = Vec::new();
    classifier
        .classify_files(files.to_vec(), |_, answer| -> Result<(), ()> {
            answers.push(answer.unwrap());
            Ok(())
        })
        .unwrap();
    answers
}

/// The pictures of a part of a run's split, with the name of their group.
pub(crate) fn listed(run: &Path, photos: &Path, part: &str) -> Vec<(String, PathBuf)> {
    let list = fs::read_to_string(run.join("split.csv")).unwrap();
    let rows = list.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let of_part = rows.filter(|row| row[0] == part);
    of_part.map(|row| (row[1].to_owned(), photos.join(row[2]))).collect()
}

/// A part of a run's pictures, and what its model says of each.
pub(crate) struct Answered {
    /// The group, or the labels with `|` between.
    pub(crate) labels: Vec<String>,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) predictions: Vec<Prediction>,
}

pub(crate) fn answered(run: &Path, data: &Path, part: &str) -> Answered {
    let (labels, files): (Vec<String>, Vec<PathBuf>) = listed(run, data, part).into_iter().unzip();
    let predictions = asked(run, &files);
    Answered { labels, files, predictions }
}

impl Answered {
    /// The probability of a class for each.
    pub(crate) fn probabilities(&self, class: usize) -> Vec<f32> {
        let of_class = |prediction: &Prediction| prediction.probabilities.as_ref().unwrap()[class];
        self.predictions.iter().map(of_class).collect()
    }
}

/// The share of pairs, one of those that `belong` and one of the others, of which the first has the higher score; equals count half.
pub(crate) fn area(belong: &[bool], scores: &[f32]) -> f64 {
    let of = |wanted: bool| -> Vec<f32> {
        belong
            .iter()
            .zip(scores)
            .filter(|(belongs, _)| **belongs == wanted)
            .map(|(_, score)| *score)
            .collect()
    };
    let (positive, negative) = (of(true), of(false));
    let won = |a: &f32, b: &f32| f64::from(u8::from(a > b)) + 0.5 * f64::from(u8::from(a == b));
    let all: f64 = positive.iter().flat_map(|a| negative.iter().map(move |b| won(a, b))).sum();
    all / (positive.len() * negative.len()) as f64
}

/// What it costs in nats that a probability was given to what is true.
pub(crate) fn surprise(p: f64) -> f64 {
    // One that is certain and wrong costs 15.9 nats, not more.
    -p.max(f64::from(f32::EPSILON)).ln()
}

pub(crate) fn mean(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, n) = numbers.into_iter().fold((0.0, 0.0), |(sum, n), number| (sum + number, n + 1.0));
    sum / n
}

/// A run with a test part in which some pictures of each group are in the other.
pub(crate) fn run_with_test(folder: &Path, config: &TrainConfig, swapped: usize) -> PathBuf {
    let data = folder.join("parts");
    photos(&data.join("train"), 30);
    photos(&data.join("test"), 24);
    for index in 0..swapped {
        let file = |group: &str| data.join(format!("test/{group}/{index}.png"));
        fs::rename(file("upper"), data.join("kept.png")).unwrap();
        fs::rename(file("lower"), file("upper")).unwrap();
        fs::rename(data.join("kept.png"), file("lower")).unwrap();
    }
    let run = folder.join("run");
    trained(&TrainConfig { data, ..config.clone() }, &run);
    run
}

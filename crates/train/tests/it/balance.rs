//! Groups of different sizes that count alike while probabilities stay true: on pictures of two kinds, of which each kind has a known
//! share of each group. A network that sees the kind alone can only learn these shares.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use divvy_data::{Augment, Dataset, OpenOptions, Split};
use divvy_model::{Classifier, Model};
use divvy_nn::{Activation, Cpu, Wiring};
use divvy_train::{Balance, Event, Length, StatedPrior, TrainConfig, TrainError, train};

/// One value for each colour of the whole picture, and the head: it can tell two kinds apart and nothing else.
const LAYERS: &str = "[[layer]]\ntype = \"global_avg_pool2d\"\n";

/// The pictures of each kind, and how many of them are of each group: four of five to train on, so that both parts have the same shares.
const PICTURES: [(&str, u8, [usize; 2]); 2] = [("dark", 60, [95, 5]), ("bright", 180, [10, 15])];

/// A CSV of pictures of the two kinds, and how they are divided. `labels` are those of each group.
fn setting(labels: [&str; 2]) -> (tempfile::TempDir, TrainConfig) {
    let folder = tempfile::tempdir().unwrap();
    let (mut list, mut split) = (vec!["file,labels".to_owned()], vec!["part,labels,path".to_owned()]);
    for (kind, light, groups) in PICTURES {
        for (group, count) in groups.into_iter().enumerate() {
            for index in 0..count {
                let name = format!("{kind}-{group}-{index}.png");
                let noise = |x: u32, y: u32| {
                    let seed = x + 8 * y + 64 * (index as u32 + 1000 * group as u32);
                    (seed.wrapping_mul(2_654_435_761) >> 29) as u8
                };
                image::GrayImage::from_fn(8, 8, |x, y| image::Luma([light + noise(x, y)]))
                    .save(folder.path().join(&name))
                    .unwrap();
                list.push(format!("{name},{}", labels[group]));
                let part = if index % 5 == 0 { "validation" } else { "train" };
                split.push(format!("{part},{},{name}", labels[group].replace(' ', "|")));
            }
        }
    }
    fs::write(folder.path().join("list.csv"), list.join("\n")).unwrap();
    fs::write(folder.path().join("split.csv"), split.join("\n")).unwrap();
    let layers = folder.path().join("net.toml");
    fs::write(&layers, LAYERS).unwrap();
    let config = TrainConfig {
        architecture: layers.display().to_string(),
        size: 8,
        batch: 64,
        length: Length::Epochs(250),
        learning_rate: 0.1,
        augment: Augment::none().into(),
        split: Some(folder.path().join("split.csv")),
        ..TrainConfig::new(folder.path().join("list.csv"))
    };
    (folder, config)
}

fn run(config: &TrainConfig, out: &Path) -> Result<(), TrainError> {
    train(config, out, Cpu::new(1), &mut |_: &Event| {}, &AtomicBool::new(false)).map(|_| ())
}

/// For each kind, the share of its training pictures that have the second group's label, and the probability that the model gives to it.
fn shares_and_probabilities(config: &TrainConfig, run: &Path) -> Vec<(f64, f64)> {
    let dataset = Dataset::open(&config.data, &OpenOptions::default()).unwrap();
    let split = Split::read_csv(&run.join("split.csv"), &dataset).unwrap();
    let rare = dataset.classes().iter().position(|name| name == "rare").unwrap();
    let mut classifier = Classifier::new(Model::open(run).unwrap(), Cpu::new(1)).unwrap();
    let of_kind = |kind: &str| {
        let is_so = |sample: &&usize| dataset.sample_name(**sample).to_string_lossy().starts_with(kind);
        let samples: Vec<usize> = split.train.iter().filter(is_so).copied().collect();
        let has_it =
            samples.iter().filter(|&&sample| dataset.samples()[sample].label.indices().contains(&rare));
        let share = has_it.count() as f64 / samples.len() as f64;
        let (paths, mut sum) = (samples.iter().map(|&sample| dataset.sample_path(sample)).collect(), 0.0);
        classifier
            .classify_files(paths, |_, prediction| -> Result<(), divvy_data::ImageError> {
                sum += f64::from(prediction?.probabilities.unwrap()[rare]);
                Ok(())
            })
            .unwrap();
        (share, sum / samples.len() as f64)
    };
    PICTURES.map(|(kind, ..)| kind).map(of_kind).into()
}

#[test]
fn probabilities_are_the_shares_of_the_training_pictures_however_these_were_weighed() {
    for (labels, head) in [
        (["common", "rare"], Activation::Softmax),
        (["common", "rare"], Activation::Sigmoid),
        // Not exclusive: the rare label comes beside the common one.
        (["common", "common rare"], Activation::Sigmoid),
    ] {
        let (folder, config) = setting(labels);
        for balance in [Balance::None, Balance::Weights, Balance::Oversample] {
            let wiring = Wiring { activation: Some(head), ..Wiring::default() };
            let config = TrainConfig { balance, wiring, ..config.clone() };
            let out = folder.path().join(balance.name());
            match run(&config, &out) {
                Err(error) if balance == Balance::Oversample && labels[1].contains(' ') => {
                    assert!(error.to_string().contains("take weights"), "{error}");
                    assert!(!out.exists());
                    continue;
                }
                outcome => outcome.unwrap(),
            }
            for (share, probability) in shares_and_probabilities(&config, &out) {
                let what = format!("{labels:?}, {head:?}, {balance:?}: {probability} of {share}");
                assert!((share - probability).abs() < 0.025, "{what}");
            }
            let recorded = Model::open(&out).unwrap().record().balance.clone();
            assert_eq!(recorded.as_deref(), (balance != Balance::None).then_some(balance.name()));
        }
    }
}

#[test]
fn a_number_that_is_no_probability_is_not_balanced() {
    let (folder, config) = setting(["common", "rare"]);
    let linear = Wiring { activation: Some(Activation::Linear), ..Wiring::default() };
    let config = TrainConfig { balance: Balance::Weights, ..config };
    let error =
        run(&TrainConfig { wiring: linear, ..config.clone() }, &folder.path().join("run")).unwrap_err();
    assert!(error.to_string().contains("no probability"), "{error}");
    assert!(!folder.path().join("run").exists());
}

fn rare(share: f64) -> StatedPrior {
    StatedPrior::new([("rare".to_owned(), share)]).unwrap()
}

/// By Bayes: where the rare label is on half of all pictures, instead of on 16 of 100, its odds among pictures of a kind are 84 / 16 times what they are.
#[test]
fn probabilities_hold_in_the_shares_that_are_stated() {
    for (labels, head) in [
        (["common", "rare"], Activation::Softmax),
        (["common", "rare"], Activation::Sigmoid),
        (["common", "common rare"], Activation::Sigmoid),
    ] {
        let (folder, config) = setting(labels);
        for balance in [Balance::None, Balance::Weights] {
            let wiring = Wiring { activation: Some(head), ..Wiring::default() };
            let config = TrainConfig { balance, wiring, prior: rare(0.5), ..config.clone() };
            let out = folder.path().join(balance.name());
            run(&config, &out).unwrap();
            for (share, probability) in shares_and_probabilities(&config, &out) {
                let odds = share / (1.0 - share) * 84.0 / 16.0;
                let expected = odds / (1.0 + odds);
                let what = format!("{labels:?}, {head:?}, {balance:?}: {probability} of {expected}");
                assert!((expected - probability).abs() < 0.05, "{what}");
            }
            let recorded = Model::open(&out).unwrap().record().prior.clone().unwrap();
            // The common label, of which nothing is stated, is on every picture where labels are not exclusive.
            assert_eq!(recorded.stated, if labels[1].contains(' ') { [1.0, 0.5] } else { [0.5, 0.5] });
        }
    }
}

#[test]
fn shares_that_cannot_be_are_refused() {
    let (folder, config) = setting(["common", "rare"]);
    let refused = |prior, wiring| {
        let out = folder.path().join("run");
        let error = run(&TrainConfig { prior, wiring, ..config.clone() }, &out).unwrap_err().to_string();
        assert!(!out.exists(), "{error}");
        error
    };
    let refused_prior = |shares: &[(&str, f64)]| {
        let shares = shares.iter().map(|&(group, share)| (group.to_owned(), share));
        refused(StatedPrior::new(shares).unwrap(), Wiring::default())
    };
    assert!(refused_prior(&[("rar", 0.5)]).contains("did you mean rare?"));
    assert!(refused_prior(&[("rare", 1.0)]).contains("above 0 and below 1"));
    assert!(refused_prior(&[("rare", f64::NAN)]).contains("above 0 and below 1"));
    assert!(refused_prior(&[("rare", 0.2), ("common", 0.7)]).contains("sum to 1"));
    let linear = Wiring { activation: Some(Activation::Linear), ..Wiring::default() };
    assert!(refused(rare(0.5), linear).contains("no probability"));
    assert!(StatedPrior::new([("rare".to_owned(), 0.1), ("rare".to_owned(), 0.2)]).is_err());
}

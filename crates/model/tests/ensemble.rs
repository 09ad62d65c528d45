//! Several models that answer together, and their file.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{model, with_text};
use divvy_data::{Channels, Preprocess, Scaling};
use divvy_model::{
    Calibration, Classifier, Ensemble, Familiarity, Model, ModelError, Trained, TrainingRecord, Views,
};
use divvy_nn::{
    Activation, Cpu, Dense, Device, Flatten, Network, ParameterTable, Parameters, Quantized, Sequential, Task,
};
use proptest::prelude::*;

/// A model with weights and a scaling of its own.
fn member(seed: u64) -> Model {
    let first = model(3);
    let table = Arc::new(ParameterTable::new(first.network().graph()));
    let scaling =
        Scaling { mean: vec![0.1 * seed as f32, 0.4, 0.5], std: vec![0.2, 0.1 + 0.05 * seed as f32, 0.3] };
    let (network, classes) = (first.network().clone(), first.classes().to_vec());
    let preprocess = first.preprocess().clone().with_scaling(scaling).unwrap();
    Model::new(network, classes, preprocess, Parameters::initialize(table, seed), first.record().clone())
        .unwrap()
}

fn ensemble(members: u64) -> Ensemble {
    Ensemble::new((1..=members).map(member).collect()).unwrap()
}

fn read(bytes: &[u8]) -> Result<Trained, ModelError> {
    Trained::from_bytes(bytes, Path::new("runs/some/model.divvy"))
}

/// Pictures with numbers of 0..1, `[pictures, 6, 6, 3]`.
fn pictures(count: usize) -> Vec<f32> {
    (0..count * 6 * 6 * 3).map(|i| (i * 7919 % 256) as f32 / 255.0).collect()
}

/// The probabilities of a model for pictures of 0..1.
fn alone(model: &Model, pictures: &[f32]) -> Vec<f32> {
    probabilities(Classifier::new(model.clone(), Cpu::new(1)).unwrap(), &scaled(model, pictures))
}

/// Pictures of 0..1, scaled as the documentation of a model's file says.
fn scaled(model: &Model, pictures: &[f32]) -> Vec<f32> {
    let Scaling { mean, std } = model.preprocess().scaling().clone();
    pictures.iter().enumerate().map(|(i, value)| (value - mean[i % 3]) / std[i % 3]).collect()
}

fn probabilities(mut classifier: Classifier, pictures: &[f32]) -> Vec<f32> {
    classifier
        .classify(pictures)
        .into_iter()
        .flat_map(|prediction| prediction.probabilities.unwrap())
        .collect()
}

#[test]
fn an_ensemble_answers_with_the_mean_of_its_members_probabilities() {
    // More than go through a network at once, by networks that look once and twice.
    let pictures = pictures(70);
    for views in [Views::Single, Views::Mirrored] {
        let members: Vec<Model> = (1..=3).map(|seed| member(seed).with_views(views)).collect();
        let mut expected = vec![0.0_f64; 70 * 2];
        for member in &members {
            for (sum, probability) in expected.iter_mut().zip(alone(member, &pictures)) {
                *sum += f64::from(probability) / 3.0;
            }
        }
        let spread = alone(&members[0], &pictures).into_iter().zip(&expected);
        assert!(
            spread.map(|(one, mean)| (f64::from(one) - mean).abs()).fold(0.0, f64::max) > 0.02,
            "they differ"
        );
        for threads in [1, 2] {
            let classifier =
                Classifier::new(Ensemble::new(members.clone()).unwrap(), Cpu::new(threads)).unwrap();
            let found = probabilities(classifier, &pictures);
            for (found, expected) in found.iter().zip(&expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} for {expected}");
            }
        }
    }
}

#[test]
fn what_is_chosen_is_what_is_the_most_probable_in_the_mean() {
    let mut classifier = Classifier::new(ensemble(3), Cpu::new(1)).unwrap();
    let predictions = classifier.classify(&pictures(40));
    for prediction in &predictions {
        let probabilities = prediction.probabilities.as_ref().unwrap();
        let most = usize::from(probabilities[1] > probabilities[0]);
        assert_eq!((prediction.chosen.as_slice(), prediction.exclusive), (&[most][..], true));
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
    assert!(classifier.classify(&[]).is_empty());
}

#[test]
fn a_picture_is_unlike_the_training_pictures_where_most_members_say_so() {
    // Those asked about are none of those learnt from, which rounding could move beyond themselves.
    let shown: Vec<f32> = pictures(70).iter().map(|value| 0.9 * (1.0 - value)).collect();
    let p_values = |model: &Model| {
        let mut classifier = Classifier::new(model.clone(), Cpu::new(1)).unwrap();
        classifier.p_values(&scaled(model, &shown)).unwrap().unwrap()
    };
    let known = |seed: u64| {
        let model = member(seed);
        let learnt = pictures(20 + 10 * seed as usize);
        let features =
            Classifier::new(model.clone(), Cpu::new(1)).unwrap().features(&scaled(&model, &learnt)).unwrap();
        let width = features.len() * 108 / learnt.len();
        let (training, validation) = features.split_at(12 * width);
        let fitted = Familiarity::fit(training, &[0; 12], validation, width).unwrap();
        model.with_familiarity(fitted).unwrap()
    };
    let members = [known(1), known(2), known(3)];
    let of_members = members.clone().map(|member| p_values(&member));
    // One that does not know its training pictures has no say.
    let all = vec![member(4), members[0].clone(), members[1].clone(), members[2].clone()];
    let mut classifier = Classifier::new(Ensemble::new(all).unwrap(), Cpu::new(2)).unwrap();
    let found = classifier.p_values(&shown).unwrap().unwrap();
    assert_eq!(found.len(), 70);
    let mut differ = 0;
    for (picture, found) in found.into_iter().enumerate() {
        let mut each = of_members.clone().map(|p_values| p_values[picture]);
        each.sort_by(f64::total_cmp);
        assert!((found - (1.5 * each[1]).min(1.0)).abs() < 1e-12, "{found} of {each:?}");
        differ += usize::from(each[0] < each[2]);
    }
    assert!(differ > 30, "the members differ");
    let predictions = classifier.classify_and_compare(&shown[..108]);
    assert!(predictions[0].familiarity.is_some());
    let mut unknowing = Classifier::new(ensemble(2), Cpu::new(1)).unwrap();
    assert_eq!(unknowing.p_values(&shown), Ok(None));
}

/// A network of one dense layer, whose answers can be reckoned by hand: each output has a bias and no more.
fn constant(task: Task, activation: Activation, biases: &[f32]) -> Model {
    let graph = Sequential::new([1, 1, 1])
        .add(Flatten::new())
        .add(Dense::new(biases.len()).activation(activation))
        .build()
        .unwrap();
    let network = Network::new(graph, task).unwrap();
    let table = Arc::new(ParameterTable::new(network.graph()));
    let drawn = Parameters::initialize(Arc::clone(&table), 0);
    let tensors = drawn.tensors().map(|mut tensor| {
        let is_bias = tensor.name.ends_with("bias");
        tensor.values = if is_bias { biases.to_vec() } else { vec![0.0; tensor.values.len()] };
        tensor
    });
    let parameters = Parameters::from_tensors(Arc::clone(&table), tensors.collect::<Vec<_>>()).unwrap();
    let classes = (0..network.head().classes()).map(|class| format!("class {class}")).collect();
    let preprocess = Preprocess::new(1, 1, Channels::Grey).unwrap();
    Model::new(network, classes, preprocess, parameters, model(2).record().clone()).unwrap()
}

#[test]
fn biases_of_a_calibration_can_be_left_out() {
    let calibrated = |biases: &[f64]| {
        let plain = constant(Task::MultiClass, Activation::Softmax, &[0.7, -0.3, -0.4]);
        let calibration = Some(Calibration::Temperature { temperature: 2.0, biases: biases.to_vec() });
        let record = TrainingRecord { calibration, ..plain.record().clone() };
        let (network, classes) = (plain.network().clone(), plain.classes().to_vec());
        let parameters = plain.parameters().unwrap().clone();
        let model = Model::new(network, classes, plain.preprocess().clone(), parameters, record).unwrap();
        model.with_views(Views::Mirrored)
    };
    let answer = |model: &Model| probabilities(Classifier::new(model.clone(), Cpu::new(1)).unwrap(), &[0.5]);
    let model = calibrated(&[0.7, -0.3, -0.4]);
    let without = model.clone().without_biases();
    assert!(answer(&without).iter().all(|p| (p - 1.0 / 3.0).abs() < 1e-6), "{:?}", answer(&without));
    assert_eq!(
        without.record().calibration,
        Some(Calibration::Temperature { temperature: 2.0, biases: Vec::new() })
    );
    assert_eq!(without.views(), Views::Mirrored);
    // Once is enough, and those of another head than this are left alone.
    for (other, expected) in [(without.clone(), &without), (calibrated(&[1.0, -1.0]), &model)] {
        assert_eq!(answer(&other.without_biases()), answer(expected));
    }
}

#[test]
fn every_head_answers_with_the_mean_and_decides_by_it() {
    let logit = |p: f32| (p / (1.0 - p)).ln();
    for (task, activation, biases, expected, score, chosen) in [
        // The first two say no by a little, the third yes by much.
        (
            Task::Binary,
            Activation::Sigmoid,
            [vec![logit(0.4)], vec![logit(0.4)], vec![logit(0.94)]],
            Some(vec![0.42, 0.58]),
            None,
            vec![1],
        ),
        (
            Task::MultiLabel,
            Activation::Sigmoid,
            [vec![logit(0.1), logit(0.9)], vec![logit(0.3), logit(0.4)], vec![logit(0.2), logit(0.5)]],
            Some(vec![0.2, 0.6]),
            None,
            vec![1],
        ),
        (
            Task::MultiClass,
            Activation::Softmax,
            [[0.5_f32, 0.4, 0.1], [0.5, 0.4, 0.1], [0.05, 0.55, 0.4]].map(|p| p.map(f32::ln).to_vec()),
            Some(vec![0.35, 0.45, 0.2]),
            None,
            vec![1],
        ),
        (Task::Regression, Activation::Linear, [vec![0.2], vec![0.3], vec![1.3]], None, Some(0.6), vec![1]),
    ] {
        let members = biases.iter().map(|biases| constant(task, activation, biases)).collect();
        let mut classifier = Classifier::new(Ensemble::new(members).unwrap(), Cpu::new(1)).unwrap();
        let prediction = classifier.classify(&[0.5]).remove(0);
        assert_eq!(prediction.chosen, chosen, "{task}");
        let near = |found: f32, expected: f32| {
            assert!((found - expected).abs() < 1e-5, "{task}: {found} for {expected}");
        };
        assert_eq!(prediction.probabilities.is_some(), expected.is_some());
        for (found, expected) in prediction.probabilities.iter().flatten().zip(expected.iter().flatten()) {
            near(*found, *expected);
        }
        assert_eq!(prediction.score.is_some(), score.is_some());
        prediction.score.into_iter().zip(score).for_each(|(found, expected)| near(found, expected));
        assert_eq!(prediction.exclusive, task != Task::MultiLabel);
    }
}

#[test]
fn an_ensemble_is_read_as_it_was_written_and_is_no_single_model() {
    let (folder, ensemble) = (tempfile::tempdir().unwrap(), ensemble(3));
    let path = folder.path().join("model.divvy");
    ensemble.save(&path).unwrap();
    for given in [path.as_path(), folder.path()] {
        let Trained::Several(read) = Trained::open(given).unwrap() else { panic!("three models") };
        assert_eq!(read.to_bytes(), std::fs::read(&path).unwrap());
        for (read, written) in read.members().iter().zip(ensemble.members()) {
            assert_eq!(read.to_bytes(), written.to_bytes());
        }
        let error = Model::open(given).unwrap_err();
        assert!(matches!(&error, ModelError::Several { members: 3, .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains("3 models") && message.contains("fold-1"), "{message}");
    }
    let file = std::fs::read(&path).unwrap();
    assert!(String::from_utf8_lossy(&file).contains(r#"{\"version\":4,\"members\":[{\"task\""#));
    let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
    assert_eq!(
        (tensors.len(), tensors.tensor("3/conv2d/kernel").unwrap().shape()),
        (3 * 8, &[3, 3, 3, 3][..])
    );
    let answers = |model: Trained| probabilities(Classifier::new(model, Cpu::new(1)).unwrap(), &pictures(5));
    assert_eq!(answers(read(&file).unwrap()), answers(ensemble.into()));
}

#[test]
fn models_that_do_not_fit_together_are_refused_in_words() {
    let other_classes = {
        let first = member(2);
        let classes = first.classes().iter().rev().cloned().collect();
        let (network, preprocess) = (first.network().clone(), first.preprocess().clone());
        let parameters = first.parameters().unwrap().clone();
        Model::new(network, classes, preprocess, parameters, first.record().clone()).unwrap()
    };
    let in_8_bits = {
        let first = member(2);
        let (network, parameters) = (first.network(), first.parameters().unwrap());
        let batch = pictures(2);
        let mut device = Device::new(Cpu::new(1));
        let batches = std::iter::once(batch.as_slice());
        first.quantized(Quantized::calibrate(network, parameters, batches, &mut device).unwrap()).unwrap()
    };
    let two = |task, activation, units: usize| constant(task, activation, &vec![0.0; units]);
    for (models, wanted) in [
        (vec![], "0 models"),
        (vec![member(1)], "1 models"),
        (vec![member(1); 65], "65 models"),
        (vec![member(1), other_classes], "the list of classes of model 2"),
        (vec![member(1), in_8_bits], "model 2 is in 8 bits"),
        (
            vec![two(Task::Binary, Activation::Softmax, 2), two(Task::Binary, Activation::Sigmoid, 1)],
            "the head of model 2",
        ),
        (
            vec![member(1), member(1), {
                let first = member(1);
                let padded = first.preprocess().clone().with_background([0; 3]);
                let parameters = first.parameters().unwrap().clone();
                let (network, classes) = (first.network().clone(), first.classes().to_vec());
                Model::new(network, classes, padded, parameters, first.record().clone()).unwrap()
            }],
            "the preparation of pictures of model 3",
        ),
    ] {
        let reason = Ensemble::new(models).unwrap_err();
        assert!(reason.contains(wanted), "{reason}");
    }
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let bytes = ensemble(2).to_bytes();
    for len in 0..bytes.len() {
        assert!(read(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn a_changed_file_never_panics(at in 0_usize..100_000, with: u8) {
        let mut bytes = ensemble(2).to_bytes();
        let at = at % bytes.len();
        bytes[at] = with;
        // A changed weight is still a model; anything else is refused.
        let _ = read(&bytes);
    }
}

/// A model file with this text in its metadata, and the tensors of an ensemble.
fn with_header(header: &str, ensemble: &Ensemble) -> Vec<u8> {
    let file = ensemble.to_bytes();
    let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
    let metadata = std::collections::HashMap::from([("divvy".to_owned(), header.to_owned())]);
    safetensors::serialize(tensors.iter(), Some(metadata)).unwrap()
}

/// The header of a file.
fn header(bytes: &[u8]) -> String {
    let (_, metadata) = safetensors::SafeTensors::read_metadata(bytes).unwrap();
    metadata.metadata().as_ref().unwrap()["divvy"].clone()
}

#[test]
fn a_file_that_claims_what_it_does_not_hold_is_refused_before_room_is_made() {
    let two = ensemble(2);
    let one = header(&member(1).to_bytes());
    let part = one.replacen(r#""version":1,"#, "", 1);
    let members = |parts: &[&str]| format!(r#"{{"version":4,"members":[{}]}}"#, parts.join(","));
    // The same bytes as those that are written, so that what follows is refused for what is changed.
    assert!(read(&with_header(&header(&two.to_bytes()), &two)).is_ok());
    let wide = part.replace(r#""units":2,"#, r#""units":2000000,"#);
    for (header, wanted) in [
        (r#"{"version":4}"#.to_owned(), "members"),
        (r#"{"version":4,"members":{}}"#.to_owned(), "invalid type"),
        (members(&[]), "0 models"),
        (members(&[&part]), "1 models"),
        (members(&[part.as_str(); 3]), "missing"),
        (members(&[part.as_str(); 65]), "65 models"),
        (format!(r#"{{"version":4,"members":[{}0]}}"#, "0,".repeat(3_000_000)), "3000001 models"),
        (members(&[&part, &wide]), "parameters"),
        (members(&[&part, "7"]), "invalid type"),
        (one.replacen(r#""version":1"#, r#""version":4"#, 1), "members"),
        // An older version knows no members: the tensors are none of the model's.
        (one.clone(), "some/model.divvy"),
        (members(&[&part, &part]).replacen(r#""version":4"#, r#""version":3"#, 1), "missing field"),
    ] {
        let message = read(&with_header(&header, &two)).unwrap_err().to_string();
        assert!(message.contains(wanted), "{}: {message}", &header[..header.len().min(90)]);
        assert!(message.contains("some/model.divvy") && message.lines().count() == 1, "{message}");
    }
}

#[test]
fn tensors_of_no_member_and_of_the_wrong_one_are_refused() {
    let bytes = ensemble(2).to_bytes();
    for (from, to) in [
        (r#""2/conv2d/kernel""#, r#""2/conv2d/cornel""#),
        (r#""2/dense/bias""#, r#""3/dense/bias""#),
        (r#""2/dense/bias""#, r#""02dense/bias""#),
    ] {
        assert!(read(&with_text(&bytes, from, to)).is_err(), "{from}");
    }
    let two = header(&bytes);
    let message = read(&with_header(&two, &ensemble(3))).unwrap_err().to_string();
    assert!(message.contains("'3/batch_norm/beta' belongs to none of its models"), "{message}");
    let newer = with_text(&bytes, r#"{\"version\":4"#, r#"{\"version\":6"#);
    assert!(matches!(read(&newer), Err(ModelError::Version { found: 6, known: 5, .. })));
}

//! The model file: what is written is what is read, and nothing else is.

mod common;

use std::path::Path;

use common::{model, read, with_text};
use divvy_model::{Classifier, Ensemble, Familiarity, Model, ModelError, Trained, Views, Weights};
use divvy_nn::{Cpu, Device, ParameterError, Quantized};
use proptest::prelude::*;

#[test]
fn what_is_written_is_what_is_read() {
    let (folder, model) = (tempfile::tempdir().unwrap(), model(5));
    let path = folder.path().join("model.divvy");
    model.save(&path).unwrap();
    for given in [path.as_path(), folder.path()] {
        let read = Model::open(given).unwrap();
        assert_eq!(read.network(), model.network());
        assert_eq!(read.classes(), model.classes());
        assert_eq!(read.preprocess(), model.preprocess());
        assert_eq!(read.record(), model.record());
        assert!(read.parameters().unwrap().tensors().eq(model.parameters().unwrap().tensors()));
        assert_eq!(read.to_bytes(), std::fs::read(&path).unwrap());
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn a_model_read_from_its_file_predicts_the_same() {
    let model = model(5);
    let images: Vec<f32> = (0..3 * 6 * 6 * 3).map(|i| (i as f32 * 0.37).sin()).collect();
    let again = read(&model.to_bytes()).unwrap();
    let classify = |model| Classifier::new(model, Cpu::new(1)).unwrap().classify(&images);
    let predictions = classify(model);
    assert_eq!(classify(again), predictions);
    assert_eq!(predictions.len(), 3);
    for prediction in predictions {
        let probabilities = prediction.probabilities.as_deref().unwrap();
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(prediction.confidence(), Some(probabilities[prediction.chosen[0]]));
    }
}

#[test]
fn a_model_that_looks_twice_says_so_in_its_file_and_answers_alike_for_a_mirrored_picture() {
    let single = model(4);
    let twice = single.clone().with_views(Views::Mirrored);
    let version = |model: &Model| String::from_utf8_lossy(&model.to_bytes()).contains(r#"{\"version\":3,"#);
    assert_eq!((version(&single), version(&twice)), (false, true), "older readers know what they can answer");
    let read = read(&twice.to_bytes()).unwrap();
    assert_eq!((read.views(), read.to_bytes()), (Views::Mirrored, twice.to_bytes()));
    let [height, width, channels] = single.preprocess().shape();
    let images: Vec<f32> = (0..height * width * channels).map(|at| (at as f32 * 0.7).sin()).collect();
    let mirrored: Vec<f32> = (0..height * width)
        .flat_map(|at| {
            let from = (at / width * width + width - 1 - at % width) * channels;
            images[from..from + channels].to_vec()
        })
        .collect();
    let answer = |model: &Model, images: &[f32]| {
        format!("{:?}", Classifier::new(model.clone(), Cpu::new(1)).unwrap().classify(images))
    };
    assert_ne!(answer(&single, &images), answer(&single, &mirrored));
    assert_eq!(answer(&read, &images), answer(&read, &mirrored));
}

#[test]
fn other_readers_find_plain_tensors_in_keras_layout() {
    let bytes = model(5).to_bytes();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("conv2d/kernel").unwrap().shape(), [3, 3, 3, 5]);
    assert_eq!(file.tensor("batch_norm/moving_variance").unwrap().shape(), [5]);
    assert_eq!(file.tensor("dense/kernel").unwrap().shape(), [4 * 4 * 5, 2]);
    assert_eq!(file.len(), 8);
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let bytes = model(2).to_bytes();
    for len in 0..bytes.len() {
        assert!(read(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn a_changed_file_never_panics(at in 0_usize..4000, with: u8) {
        let mut bytes = model(2).to_bytes();
        let at = at % bytes.len();
        bytes[at] = with;
        // A changed weight is still a model; anything else is refused.
        let _ = read(&bytes);
    }
}

#[test]
fn files_of_other_programs_are_named() {
    for (bytes, wanted) in [
        (&b""[..], "empty"),
        (b"\x89HDF\r\n\x1a\n____", "HDF5"),
        (b"PK\x03\x04____", "zip"),
        (b"\x80\x02\x8a\x0a____", "pickle"),
        (b"\x20\x00\x00\x00TFL3____", "TensorFlow Lite"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git-LFS"),
        (b"just some words that are long enough", "unknown format"),
    ] {
        let message = read(bytes).unwrap_err().to_string();
        assert!(message.contains(wanted) && message.contains("some.divvy"), "{message}");
    }
    let other = safetensors::serialize(
        [("a", safetensors::tensor::TensorView::new(safetensors::Dtype::U8, vec![1], &[1]).unwrap())],
        None,
    );
    assert!(matches!(read(&other.unwrap()), Err(ModelError::Foreign { .. })));
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    let path = || Path::new("some.divvy").to_owned();
    let read = ModelError::Read { path: path(), source: std::io::ErrorKind::PermissionDenied.into() };
    let large = ModelError::TooLarge { path: path(), found: 1 << 60 };
    let weights = |source| ModelError::Weights { path: path(), source };
    let name = || "dense/bias".to_owned();
    for (error, advice) in [
        (read, "check that the file may be read"),
        (large, "give a model.divvy"),
        (weights(ParameterError::Unknown { name: name() }), "use them with that one"),
        (
            weights(ParameterError::Shape { name: name(), found: vec![3], expected: vec![2] }),
            "use them with that one",
        ),
        (weights(ParameterError::Length { name: name(), found: 3, expected: 2 }), "copy it again"),
        (weights(ParameterError::Missing { name: name() }), "copy it again"),
    ] {
        let message = error.to_string();
        assert!(message.contains("some.divvy") && message.contains(advice), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let bytes = model(5).to_bytes();
    let newer = with_text(&bytes, r#"{\"version\":1"#, r#"{\"version\":9"#);
    assert!(matches!(read(&newer), Err(ModelError::Version { found: 9, known: 5, .. })));
    let other_task = with_text(&bytes, r#"\"task\":\"binary\",\"head\""#, r#"\"task\":\"bunary\",\"head\""#);
    assert!(matches!(read(&other_task), Err(ModelError::Damaged { .. })));
    let other_graph = with_text(&bytes, r#"\"filters\":5"#, r#"\"filters\":4"#);
    let message = read(&other_graph).unwrap_err().to_string();
    assert!(message.contains("belong to another network") && message.contains("5]"), "{message}");
    let huge = with_text(&bytes, r#"\"units\":2,\"use_bias\":true"#, r#"\"units\":9,\"use_bias\":true"#);
    assert!(read(&huge).is_err());
}

#[test]
fn weights_that_are_not_finite_are_refused_by_name() {
    // Numbers lie at the end of the file, the tensor that is last by its name at the very end.
    for (value, is_refused) in [(f32::NAN, true), (f32::INFINITY, true), (f32::MAX, false)] {
        let mut bytes = model(5).to_bytes();
        let at = bytes.len() - 4;
        bytes[at..].copy_from_slice(&value.to_le_bytes());
        let read = read(&bytes);
        assert_eq!(read.is_err(), is_refused, "{value}");
        if let Err(error) = read {
            let message = error.to_string();
            assert!(message.contains("some.divvy") && message.contains("not all finite"), "{message}");
            assert!(message.contains("'dense/kernel'"), "{message}");
        }
    }
}

#[test]
fn missing_files_and_folders_without_a_model_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Model::open(folder.path()), Err(ModelError::NoModel { .. })));
    assert!(matches!(Model::open(&folder.path().join("none")), Err(ModelError::Missing { .. })));
}

#[test]
fn a_failed_save_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.divvy");
    // A folder in the way cannot be replaced by a file.
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("precious"), "data").unwrap();
    assert!(matches!(model(2).save(&path), Err(ModelError::Write { .. })));
    assert!(path.join("precious").exists());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
}

/// The model in 8 bits, calibrated on a slope.
fn quantized(model: &Model) -> Model {
    let pictures: Vec<f32> = (0..2 * 108).map(|i| i as f32 / 108.0 - 1.0).collect();
    let (network, parameters) = (model.network(), model.parameters().unwrap());
    let mut device = Device::new(Cpu::new(1));
    let batches = std::iter::once(pictures.as_slice());
    model.quantized(Quantized::calibrate(network, parameters, batches, &mut device).unwrap()).unwrap()
}

#[test]
fn a_model_in_8_bits_is_read_as_it_was_written_and_answers_the_same() {
    let model = quantized(&model(5));
    let read = read(&model.to_bytes()).unwrap();
    let (Weights::Int8(ours), Weights::Int8(theirs)) = (model.weights(), read.weights()) else {
        panic!("{} and {}", model.weights().precision(), read.weights().precision());
    };
    assert_eq!(ours, theirs);
    assert_eq!(read.to_bytes(), model.to_bytes());
    let pictures: Vec<f32> = (0..3 * 108).map(|i| (i * 37 % 100) as f32 / 50.0 - 1.0).collect();
    let classify = |model: Model| Classifier::new(model, Cpu::new(1)).unwrap().classify(&pictures);
    assert_eq!(classify(read), classify(model));
}

#[test]
fn models_in_8_bits_that_were_changed_are_refused() {
    let bytes = quantized(&model(5)).to_bytes();
    // A network in f32 beside tensors in 8 bits, and a newer version.
    let changed = |from: &str, to: &str| {
        let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        let mut bytes = bytes.clone();
        bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        read(&bytes).map(|_| ())
    };
    assert!(matches!(changed(r#"\"int8\""#, r#"\"f32\" "#), Err(ModelError::Damaged { .. })));
    assert!(matches!(changed(r#"\"version\":2"#, r#"\"version\":9"#), Err(ModelError::Version { .. })));
    assert!(matches!(changed("conv2d/range", "conv2d/ranch"), Err(ModelError::Quantized { .. })));
    assert!(read(&bytes[..bytes.len() - 1]).is_err());
}

/// The model, which knows the features of some pictures, and these pictures.
fn familiar(model: Model) -> (Model, Vec<f32>) {
    let pictures: Vec<f32> = (0..30 * 6 * 6 * 3).map(|i| (i as f32 * 0.37).sin()).collect();
    let features = Classifier::new(model.clone(), Cpu::new(1)).unwrap().features(&pictures).unwrap();
    let width = features.len() / 30;
    let (training, validation) = features.split_at(20 * width);
    let familiarity = Familiarity::fit(training, &[0; 20], validation, width).unwrap();
    (model.with_familiarity(familiarity).unwrap(), pictures)
}

fn is_of_version(model: &Model, version: u32) -> bool {
    String::from_utf8_lossy(&model.to_bytes()).contains(&format!(r#"{{\"version\":{version},"#))
}

#[test]
fn what_training_pictures_look_like_is_read_as_it_was_written() {
    let (known, pictures) = familiar(model(5).with_views(Views::Mirrored));
    assert!(is_of_version(&model(5), 1) && is_of_version(&known, 5));
    let bytes = known.to_bytes();
    let read = read(&bytes).unwrap();
    assert_eq!((read.familiarity(), read.to_bytes()), (known.familiarity(), bytes.clone()));
    let p_values = |model: Model| Classifier::new(model, Cpu::new(1)).unwrap().p_values(&pictures).unwrap();
    let found = p_values(read).expect("it knows them");
    assert_eq!(Some(&found), p_values(known.clone()).as_ref());
    assert!(found.len() == 30 && found.iter().all(|p| (1.0 / 11.0..=1.0).contains(p)), "{found:?}");
    assert_eq!(p_values(model(5)), None);
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("familiarity/whitening").unwrap().shape(), [15]);
    assert_eq!(file.tensor("familiarity/means").unwrap().shape(), [1, 5]);

    let both = Ensemble::new(vec![known.clone(), model(5)]).unwrap();
    let Trained::Several(read) = Trained::from_bytes(&both.to_bytes(), Path::new("some.divvy")).unwrap()
    else {
        panic!("two models")
    };
    assert_eq!(read.members()[0].familiarity(), known.familiarity());
    assert_eq!(read.members()[1].familiarity(), None);
}

#[test]
fn a_model_in_8_bits_knows_its_training_pictures_by_its_own_features() {
    let trained = model(5);
    let (known, pictures) = familiar(quantized(&trained));
    assert!(is_of_version(&quantized(&trained), 2) && is_of_version(&known, 5));
    let bytes = known.to_bytes();
    let read = read(&bytes).unwrap();
    assert_eq!((read.familiarity(), read.to_bytes()), (known.familiarity(), bytes));
    assert_ne!(known.familiarity(), familiar(trained).0.familiarity());
    let mut classifier = Classifier::new(read, Cpu::new(1)).unwrap();
    let features = classifier.features(&pictures).unwrap();
    let known = known.familiarity().unwrap();
    let expected = known.scores(&features).into_iter().map(|score| known.p_value(score)).collect();
    assert_eq!(classifier.p_values(&pictures).unwrap(), Some(expected));
}

#[test]
fn what_training_pictures_look_like_must_fit_the_network() {
    let (known, _) = familiar(model(5));
    let refused = model(4).with_familiarity(known.familiarity().unwrap().clone()).unwrap_err();
    assert!(refused.contains("4 features") && refused.contains("are 5"), "{refused}");
    for name in ["centre", "whitening", "means", "reference"] {
        let name = format!("familiarity/{name}");
        let other = name.replace('y', "i");
        let damaged = common::read(&with_text(&known.to_bytes(), &name, &other)).unwrap_err().to_string();
        assert!(damaged.contains(&name) && damaged.contains("damaged"), "{damaged}");
    }
}

//! Why a classifier says what it says: on networks so small that the maps can be worked out by hand, and what is refused.

mod common;

use std::sync::Arc;

use common::record;
use divvy_data::{Channels, Preprocess, Scaling};
use divvy_model::{Classifier, Ensemble, ExplainError, Heatmap, Model, Trained, Views};
use divvy_nn::{
    Activation, Conv2d, Cpu, Dense, Device, Flatten, GlobalAvgPool2d, Graph, Network, Padding,
    ParameterTable, Parameters, Quantized, Sequential, Task, Tensor,
};

const SIDE: usize = 8;

/// One filter that sums each pixel and the one to the right of it, weighted, and is averaged; the last layer's weights and bias.
fn light(kernel: [f32; 2], head: &[f32], bias: &[f32]) -> Model {
    let graph = Sequential::new([SIDE, SIDE, 1])
        .add(Conv2d::new(1, [1, 2]).padding(Padding::Same).use_bias(false).activation(Activation::Relu))
        .add(GlobalAvgPool2d::new());
    let activation = if head.len() == 1 { Activation::Sigmoid } else { Activation::Softmax };
    let graph = graph.add(Dense::new(head.len()).activation(activation)).build().unwrap();
    model(graph, |name, _| match name {
        "conv2d/kernel" => kernel.to_vec(),
        "dense/kernel" => head.to_vec(),
        _ => bias.to_vec(),
    })
}

/// A model of two groups with these parameters, by name and number of values.
fn model(graph: Graph, value: impl Fn(&str, usize) -> Vec<f32>) -> Model {
    let network = Network::new(graph, Task::Binary).unwrap();
    let table = Arc::new(ParameterTable::new(network.graph()));
    let fresh = Parameters::initialize(Arc::clone(&table), 1);
    let tensors: Vec<Tensor> = fresh
        .tensors()
        .map(|tensor| Tensor { values: value(&tensor.name, tensor.values.len()), ..tensor })
        .collect();
    let parameters = Parameters::from_tensors(table, tensors).unwrap();
    let preprocess = Preprocess::new(SIDE, SIDE, Channels::Grey).unwrap();
    let classes = vec!["dark".to_owned(), "light".to_owned()];
    Model::new(network, classes, preprocess, parameters, record()).unwrap()
}

fn classifier(model: impl Into<Trained>) -> Classifier {
    Classifier::new(model, Cpu::new(2)).unwrap()
}

/// A dark picture with a light pixel.
fn spot(row: usize, column: usize) -> Vec<f32> {
    let mut picture = vec![0.0; SIDE * SIDE];
    picture[row * SIDE + column] = 1.0;
    picture
}

/// What the map of a spot is: the slope of the evidence times what the filter finds there, over the pixels of the mean.
fn map_of_spot(row: usize, column: usize, [here, to_the_right]: [f32; 2], slope: f32) -> Vec<f32> {
    let pixels = (SIDE * SIDE) as f32;
    let mut map = vec![0.0; SIDE * SIDE];
    map[row * SIDE + column] = here * slope / pixels;
    map[row * SIDE + column - 1] = to_the_right * slope / pixels;
    map
}

#[track_caller]
fn assert_is(map: &Heatmap, expected: &[f32]) {
    assert_eq!((map.height(), map.width()), (SIDE, SIDE));
    let largest = expected.iter().copied().fold(0.0, f32::max);
    let near = |(found, expected): (&f32, &f32)| (found - expected).abs() <= 1e-6 * largest;
    assert!(map.weights().iter().zip(expected).all(near), "{map:?} is not {expected:?}");
}

#[test]
fn the_map_is_where_the_evidence_is_for_the_group_asked_for() {
    let kernel = [2.0, 1.0];
    let images = [spot(2, 5), spot(6, 1)].concat();
    // Bias says dark, so that a spot alone does not make it light.
    let mut classifier = classifier(light(kernel, &[-3.0, 5.0], &[1.0, -1.0]));
    let maps = classifier.explain(&images, Some(&[1, 1])).unwrap();
    assert_is(&maps[0], &map_of_spot(2, 5, kernel, 5.0));
    assert_is(&maps[1], &map_of_spot(6, 1, kernel, 5.0));
    let dark = classifier.explain(&images, None).unwrap();
    assert_eq!(dark, classifier.explain(&images, Some(&[0, 0])).unwrap());
    assert_is(&dark[0], &[0.0; SIDE * SIDE]);
}

#[test]
fn one_unit_speaks_against_the_first_group() {
    let (kernel, images) = ([2.0, 1.0], spot(3, 3));
    let mut classifier = classifier(light(kernel, &[4.0], &[0.0]));
    let map =
        |classifier: &mut Classifier, group| classifier.explain(&images, Some(&[group])).unwrap().remove(0);
    assert_is(&map(&mut classifier, 1), &map_of_spot(3, 3, kernel, 4.0));
    assert_is(&map(&mut classifier, 0), &[0.0; SIDE * SIDE]);
    assert_eq!(classifier.explain(&images, None).unwrap()[0], map(&mut classifier, 1));
}

#[test]
fn two_sides_and_several_models_give_the_mean() {
    let images = spot(4, 2);
    let other_side = light([2.0, 1.0], &[-3.0, 5.0], &[0.0, 0.0]).with_views(Views::Mirrored);
    let mut expected = map_of_spot(4, 2, [2.0, 0.5], 5.0);
    // Of the mirrored picture, what lies to the left there.
    expected[4 * SIDE + 3] = 0.5 * 5.0 / 64.0;
    assert_is(&classifier(other_side).explain(&images, Some(&[1])).unwrap()[0], &expected);

    // The second sees its pictures four times as light.
    let scaling = Scaling { mean: vec![0.0], std: vec![0.25] };
    let second = light([1.0, 1.0], &[0.0, 6.0], &[0.0, 0.0]);
    let preprocess = second.preprocess().clone().with_scaling(scaling).unwrap();
    let parameters = second.parameters().unwrap().clone();
    let classes = second.classes().to_vec();
    let second = Model::new(second.network().clone(), classes, preprocess, parameters, record()).unwrap();
    let first = light([2.0, 1.0], &[-3.0, 5.0], &[0.0, 0.0]);
    let mut both = classifier(Ensemble::new(vec![first, second]).unwrap());
    let here = f32::midpoint(2.0 * 5.0, 4.0 * 6.0);
    let beside = f32::midpoint(1.0 * 5.0, 4.0 * 6.0);
    assert_is(&both.explain(&images, None).unwrap()[0], &map_of_spot(4, 2, [here, beside], 1.0));
}

#[test]
fn more_pictures_than_a_batch_are_each_explained() {
    let images: Vec<f32> = (0..70).flat_map(|number| spot(number % 8, 1 + number % 7)).collect();
    let mut classifier = classifier(light([2.0, 1.0], &[-3.0, 5.0], &[0.0, 0.0]));
    let maps = classifier.explain(&images, None).unwrap();
    assert_eq!(maps.len(), 70);
    for (number, map) in maps.iter().enumerate() {
        assert_is(map, &map_of_spot(number % 8, 1 + number % 7, [2.0, 1.0], 5.0));
    }
    assert_eq!(classifier.explain(&[], None), Ok(Vec::new()));
}

#[test]
fn covering_what_counts_makes_the_answer_fall() {
    let mut classifier = classifier(light([1.0, 0.0], &[0.0, 60.0], &[0.0, 0.0]));
    let image = spot(3, 4);
    let falls = classifier.occlude(&image, 1, [4, 4]);
    assert_eq!((falls.height(), falls.width()), (4, 4));
    let sigmoid = |z: f32| 1.0 / (1.0 + (-z).exp());
    // A spot's logit is 60/64. A patch puts the mean, 1/64, in each pixel that it covers.
    for (cell, &found) in falls.weights().iter().enumerate() {
        let [rows, columns] = [cell / 4, cell % 4].map(|at| (2 * at).saturating_sub(1)..(2 * at + 3).min(8));
        let covered = (rows.len() * columns.len()) as f32;
        let light = if rows.contains(&3) && columns.contains(&4) { 0.0 } else { 1.0 };
        let expected = sigmoid(60.0 / 64.0) - sigmoid((light + covered / 64.0) * 60.0 / 64.0);
        assert!((found - expected).abs() < 1e-5, "cell {cell}: {found} is not {expected}");
    }
    let map = classifier.explain(&image, Some(&[1])).unwrap().remove(0);
    let elsewhere = classifier.occlude(&spot(6, 1), 1, [4, 4]);
    let agreements = [&falls, &elsewhere].map(|falls| map.agreement(falls).unwrap());
    assert!(agreements[0] > 0.3 && agreements[1] < -0.3, "{agreements:?}");
    // For the other group it is the other way round.
    let rises = classifier.occlude(&image, 0, [4, 4]);
    assert!(falls.weights().iter().zip(rises.weights()).all(|(fall, rise)| (fall + rise).abs() < 1e-6));
    // A picture has no more cells than pixels.
    assert_eq!(classifier.occlude(&image, 1, [100, 3]).weights().len(), 24);
}

#[test]
fn features_are_what_the_last_layer_is_given() {
    let images = [spot(2, 5), spot(6, 0)].concat();
    let mut pooled = classifier(light([2.0, 1.0], &[-3.0, 5.0], &[1.0, -1.0]));
    assert_eq!(pooled.features(&images), Ok(vec![3.0 / 64.0, 2.0 / 64.0]));
    // A map that is flattened has too many numbers: the mean over its pixels stands for it.
    let graph = Sequential::new([SIDE, SIDE, 1])
        .add(Conv2d::new(2, 1).activation(Activation::Relu))
        .add(Flatten::new())
        .add(Dense::new(2).activation(Activation::Softmax))
        .build()
        .unwrap();
    let ones = |_: &str, len: usize| vec![1.0; len];
    assert_eq!(classifier(model(graph, ones)).features(&spot(0, 0)), Ok(vec![65.0 / 64.0; 2]));
}

#[test]
fn what_cannot_be_looked_into_is_refused() {
    let image = spot(0, 0);
    let dense = Sequential::new([SIDE, SIDE, 1])
        .add(Flatten::new())
        .add(Dense::new(3).activation(Activation::Relu))
        .add(Dense::new(2).activation(Activation::Softmax))
        .build()
        .unwrap();
    let mut dense = classifier(model(dense, |_, len| vec![0.5; len]));
    assert_eq!(dense.explain(&image, None), Err(ExplainError::NoMap));
    assert_eq!(dense.features(&image), Ok(vec![1.0; 3]));
    assert_eq!(dense.occlude(&image, 1, [2, 2]).weights().len(), 4);

    let whole = light([2.0, 1.0], &[-3.0, 5.0], &[1.0, -1.0]);
    let batches = std::iter::once(&image[..]);
    let mut device = Device::new(Cpu::new(1));
    let parameters = whole.parameters().unwrap();
    let quantized = Quantized::calibrate(whole.network(), parameters, batches, &mut device).unwrap();
    let mut eight_bits = classifier(whole.quantized(quantized).unwrap());
    assert_eq!(eight_bits.explain(&image, None), Err(ExplainError::Int8));
    let features = eight_bits.features(&image).unwrap();
    assert!(features.len() == 1 && (features[0] - 2.0 / 64.0).abs() < 0.02 * 2.0 / 64.0, "{features:?}");
    assert!(ExplainError::Int8.to_string().contains("take the model in f32"));
}

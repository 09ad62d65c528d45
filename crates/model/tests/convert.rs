//! Two units with a softmax and one with a sigmoid: one model, written in two ways.

mod common;

use std::sync::Arc;

use divvy_data::{Channels, Preprocess};
use divvy_model::{Classifier, ConvertError, Model};
use divvy_nn::{
    Activation, Add, BatchNorm, Connect, Conv2d, Cpu, Dense, Dropout, Flatten, GlobalAvgPool2d, Graph,
    HeadKind, Input, Network, Node, ParameterTable, Parameters, Task, Tensor,
};
use proptest::prelude::*;

use common::record;

/// Numbers in a picture of 1 by 4 pixels in colour.
const INPUTS: usize = 12;

/// The ways in which a last layer can be written.
#[derive(Clone, Copy, Debug)]
struct Form {
    kind: HeadKind,
    /// Whether the activation is a layer of its own.
    apart: bool,
    bias: bool,
}

fn forms(kind: HeadKind) -> impl Strategy<Value = Form> {
    (any::<bool>(), any::<bool>()).prop_map(move |(apart, bias)| Form { kind, apart, bias })
}

/// A model whose network is what `build` puts on the picture's numbers, with the first parameters of a seed.
fn model(task: Task, classes: usize, build: impl FnOnce(&Node) -> Node) -> Model {
    let input = Input::new([1, 4, 3]);
    let network = Network::new(Graph::new(&input, &build(&input)).unwrap(), task).unwrap();
    let table = Arc::new(ParameterTable::new(network.graph()));
    let parameters = Parameters::initialize(table, 1);
    let preprocess = Preprocess::new(1, 4, Channels::Rgb).unwrap();
    let classes = (0..classes).map(|class| format!("group {class}")).collect();
    Model::new(network, classes, preprocess, parameters, record()).unwrap()
}

/// A model that is nothing but a last layer, with the given weights: the kernel's rows, then the bias where there is one.
fn linear_model(form: Form, weights: &[f32]) -> Model {
    let units = if form.kind == HeadKind::Softmax { 2 } else { 1 };
    let model = model(Task::Binary, 2, |input| {
        let flat = Flatten::new().on(input);
        let dense = Dense::new(units).use_bias(form.bias);
        if form.apart {
            form.kind.activation().named("answer").on(&dense.named("last").on(&flat))
        } else {
            dense.activation(form.kind.activation()).named("last").on(&flat)
        }
    });
    let (kernel, bias) = weights.split_at(INPUTS * units);
    let kernel =
        Tensor { name: "last/kernel".to_owned(), shape: vec![INPUTS, units], values: kernel.to_vec() };
    let bias = Tensor { name: "last/bias".to_owned(), shape: vec![units], values: bias[..units].to_vec() };
    let tensors = [kernel].into_iter().chain(form.bias.then_some(bias));
    let table = Arc::new(ParameterTable::new(model.network().graph()));
    let parameters = Parameters::from_tensors(table, tensors).unwrap();
    let (network, classes) = (model.network().clone(), model.classes().to_vec());
    Model::new(network, classes, model.preprocess().clone(), parameters, record()).unwrap()
}

/// The values of a parameter of the last layer; none where it has no such parameter.
fn values(model: &Model, name: &str) -> Vec<f32> {
    model
        .parameters()
        .unwrap()
        .tensors()
        .find(|tensor| tensor.name == name)
        .map_or(Vec::new(), |tensor| tensor.values)
}

/// What one unit gives the numbers `x`, and the sum of the magnitudes that were added.
fn logit(model: &Model, unit: usize, units: usize, x: &[f32]) -> (f64, f64) {
    let kernel = values(model, "last/kernel");
    let bias = values(model, "last/bias").get(unit).copied().map_or(0.0, f64::from);
    let products = x.iter().zip(kernel.chunks_exact(units)).map(|(&x, w)| f64::from(x) * f64::from(w[unit]));
    products.fold((bias, bias.abs()), |(sum, size), product| (sum + product, size + product.abs()))
}

/// Half the distance from a number to the next: what rounding to it can have cost.
fn half_ulp(value: f32) -> f64 {
    (f64::from(value.abs().next_up()) - f64::from(value.abs())) / 2.0
}

fn probabilities(model: Model, x: &[f32]) -> Vec<f32> {
    Classifier::new(model, Cpu::new(1)).unwrap().classify(x).remove(0).probabilities.unwrap()
}

/// Weights of very different sizes.
fn any_weight() -> impl Strategy<Value = f32> {
    (-1.0_f32..1.0, -60_i32..60).prop_map(|(mantissa, exponent)| mantissa * 2.0_f32.powi(exponent))
}

fn weights(one: impl Strategy<Value = f32>) -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(one, 2 * INPUTS + 2)
}

fn picture() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-2.0_f32..2.0, INPUTS)
}

proptest! {
    #[test]
    fn one_unit_gives_the_difference_of_two(
        form in forms(HeadKind::Softmax), weights in weights(any_weight()), x in picture(),
    ) {
        let two = linear_model(form, &weights);
        let one = two.with_head(HeadKind::Sigmoid).unwrap();
        let ((z0, size0), (z1, size1), (z, _)) =
            (logit(&two, 0, 2, &x), logit(&two, 1, 2, &x), logit(&one, 0, 1, &x));
        let rounding: f64 = x
            .iter()
            .zip(values(&one, "last/kernel"))
            .map(|(&x, w)| f64::from(x).abs() * half_ulp(w))
            .chain(values(&one, "last/bias").into_iter().map(half_ulp))
            .sum();
        // What the additions of this test itself round away, which counts where weights cancel.
        let own = (size0 + size1) * 2.0 * (INPUTS as f64 + 2.0) * f64::EPSILON;
        let off = ((z1 - z0) - z).abs();
        prop_assert!(off <= rounding + own, "{z1} - {z0} is {}, not {z}: {off:e} > {rounding:e}", z1 - z0);
    }

    #[test]
    fn both_give_the_same_probabilities(
        form in prop_oneof![forms(HeadKind::Softmax), forms(HeadKind::Sigmoid)],
        weights in weights(-1.0_f32..1.0),
        x in picture(),
    ) {
        let model = linear_model(form, &weights);
        let other = if form.kind == HeadKind::Softmax { HeadKind::Sigmoid } else { HeadKind::Softmax };
        let converted = model.with_head(other).unwrap();
        prop_assert_eq!(converted.network().head().kind(), other);
        let (before, after) = (probabilities(model, &x), probabilities(converted, &x));
        for (a, b) in before.iter().zip(&after) {
            prop_assert!((a - b).abs() <= 2e-6, "{before:?} and {after:?}");
        }
    }

    #[test]
    fn from_one_unit_to_two_and_back_not_a_bit_changes(
        form in forms(HeadKind::Sigmoid), weights in weights(prop_oneof![any_weight(), Just(-0.0), Just(1e-44)]),
    ) {
        let one = linear_model(form, &weights);
        let two = one.with_head(HeadKind::Softmax).unwrap();
        prop_assert_eq!(two.network().head().units(), 2);
        prop_assert!(two.with_head(HeadKind::Sigmoid).unwrap().to_bytes() == one.to_bytes());
    }
}

/// A network with layers of every kind that learns, below the given end.
fn deep(task: Task, classes: usize, end: impl FnOnce(&Node) -> Node) -> Model {
    model(task, classes, |input| {
        let x = Conv2d::new(5, 1).activation(Activation::Relu).on(input);
        end(&Flatten::new().on(&BatchNorm::new().on(&x)))
    })
}

#[test]
fn all_but_the_last_layer_stays() {
    let two = deep(Task::Binary, 2, |x| Dense::new(2).activation(Activation::Softmax).named("head").on(x));
    let one = two.with_head(HeadKind::Sigmoid).unwrap();
    assert_eq!(
        (one.classes(), one.preprocess(), one.record()),
        (two.classes(), two.preprocess(), two.record())
    );
    let names = |model: &Model| -> Vec<String> {
        model.network().graph().nodes().iter().map(|node| node.name.clone()).collect()
    };
    assert_eq!(names(&one), names(&two));
    for (old, new) in two.parameters().unwrap().tensors().zip(one.parameters().unwrap().tensors()) {
        assert_eq!(old.name, new.name);
        assert_eq!(old == new, !old.name.starts_with("head/"), "{}", old.name);
    }
    assert_eq!(values(&one, "head/kernel").len(), 4 * 5);
    let again = Model::from_bytes(&one.to_bytes(), "one.divvy".as_ref()).unwrap();
    assert_eq!(again.to_bytes(), one.to_bytes());
}

#[test]
fn two_of_several_classes_are_two_classes() {
    let two = deep(Task::MultiClass, 2, |x| Dense::new(2).activation(Activation::Softmax).on(x));
    let one = two.with_head(HeadKind::Sigmoid).unwrap();
    assert_eq!(one.network().head().task(), Task::Binary);
    let x: Vec<f32> = (0..INPUTS).map(|i| (i as f32 * 0.7).sin()).collect();
    let (two, one) = (probabilities(two, &x), probabilities(one, &x));
    assert!((two[1] - one[1]).abs() < 1e-6, "{two:?} and {one:?}");
}

#[test]
fn activations_that_change_nothing_are_no_obstacle() {
    let end = |x: &Node| {
        let logits = Activation::Linear.on(&Dense::new(2).on(x));
        Activation::Linear.on(&Activation::Softmax.on(&logits))
    };
    let one = deep(Task::Binary, 2, end).with_head(HeadKind::Sigmoid).unwrap();
    assert_eq!(one.network().head().to_string(), "Dense(1, sigmoid)");
}

fn refusal(model: &Model, kind: HeadKind) -> String {
    model.with_head(kind).unwrap_err().to_string()
}

#[test]
fn what_is_another_model_is_refused_with_the_reason() {
    use HeadKind::{Linear, Sigmoid, Softmax};
    let dense = |units, activation| move |x: &Node| Dense::new(units).activation(activation).on(x);
    let binary = deep(Task::Binary, 2, dense(2, Activation::Softmax));
    let several = deep(Task::MultiClass, 3, dense(3, Activation::Softmax));
    let labels = deep(Task::MultiLabel, 2, dense(2, Activation::Sigmoid));
    let number = deep(Task::Regression, 2, dense(1, Activation::Linear));
    for (model, kind, wanted) in [
        (&binary, Softmax, "Dense(2, softmax) already"),
        (&binary, Linear, "divvy train --head linear"),
        (&several, Sigmoid, "tells 3 classes apart"),
        (&labels, Softmax, "decides each label alone"),
        (&number, Sigmoid, "no probability"),
        (&number, Softmax, "divvy train --head softmax"),
    ] {
        let message = refusal(model, kind);
        assert!(message.contains(wanted), "{message}");
    }
    assert!(matches!(several.with_head(Sigmoid), Err(ConvertError::Classes { .. })));
}

/// The last layers of a network.
type End = fn(&Node) -> Node;

#[test]
fn units_that_do_not_come_from_a_dense_layer_are_refused_by_name() {
    let ends: [(&str, End); 5] = [
        ("'dense' (Dense, relu)", |x| {
            Activation::Softmax.on(&Dense::new(2).activation(Activation::Relu).on(x))
        }),
        ("'bend' (Activation, relu)", |x| {
            Activation::Softmax.on(&Activation::Relu.named("bend").on(&Dense::new(2).on(x)))
        }),
        ("'batch_norm_1' (BatchNorm)", |x| {
            Activation::Softmax.on(&BatchNorm::new().on(&Dense::new(2).on(x)))
        }),
        ("'dropout' (Dropout)", |x| Activation::Softmax.on(&Dropout::new(0.5).on(&Dense::new(2).on(x)))),
        ("'add' (Add)", |x| {
            Activation::Softmax.on(&Add::new().on_all(&[&Dense::new(2).on(x), &Dense::new(2).on(x)]))
        }),
    ];
    for (wanted, end) in ends {
        let message = refusal(&deep(Task::Binary, 2, end), HeadKind::Sigmoid);
        assert!(message.contains(wanted) && message.contains("softmax directly"), "{message}");
    }
    let pooled = model(Task::Binary, 2, |input| {
        Activation::Softmax.on(&GlobalAvgPool2d::new().on(&Conv2d::new(2, 1).on(input)))
    });
    let message = refusal(&pooled, HeadKind::Sigmoid);
    assert!(message.contains("'global_avg_pool2d' (GlobalAvgPool2d)"), "{message}");
}

#[test]
fn weights_without_a_difference_are_refused() {
    let form = Form { kind: HeadKind::Softmax, apart: false, bias: true };
    let mut weights = vec![0.5; 2 * INPUTS + 2];
    (weights[0], weights[1]) = (f32::MAX, -f32::MAX);
    let message = refusal(&linear_model(form, &weights), HeadKind::Sigmoid);
    assert!(message.contains("'last/kernel'") && message.contains("train again"), "{message}");
}

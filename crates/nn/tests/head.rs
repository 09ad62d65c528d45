//! Heads: which exist, what they refuse, and what they compute.

use divvy_nn::{
    Activation, BatchNorm, Choice, Connect, Conv2d, Dense, Dropout, Encoding, Flatten, GlobalAvgPool2d,
    Graph, Head, HeadKind, Input, Logits, Loss, NamedLayer, Network, Rescaling, Sequential, Target, Task,
};
use proptest::prelude::*;

fn dense(units: usize, activation: Activation) -> Dense {
    Dense::new(units).activation(activation)
}

fn graph(layers: impl IntoIterator<Item = NamedLayer>) -> Graph {
    layers.into_iter().fold(Sequential::new([6]), Sequential::add).build().unwrap()
}

/// The id of the finding, or the head.
fn verdict(graph: &Graph, task: Task) -> String {
    Head::of(graph, task).map_or_else(|finding| finding.id().to_owned(), |head| head.to_string())
}

#[test]
fn the_table_of_heads() {
    use Activation::{Linear, Relu, Sigmoid, Softmax, Tanh};
    use Task::{Binary, MultiClass, MultiLabel, Regression};
    for (task, activation, of_one_two_three) in [
        (Binary, Sigmoid, ["Dense(1, sigmoid)", "H02", "H02"]),
        (Binary, Softmax, ["H01", "Dense(2, softmax)", "H04"]),
        (Binary, Linear, ["H05", "H05", "H05"]),
        (Binary, Relu, ["H05", "H05", "H05"]),
        (MultiClass, Sigmoid, ["H04", "H02", "H02"]),
        (MultiClass, Softmax, ["H01", "Dense(2, softmax)", "Dense(3, softmax)"]),
        (MultiClass, Tanh, ["H05", "H05", "H05"]),
        (MultiLabel, Sigmoid, ["Dense(1, sigmoid)", "Dense(2, sigmoid)", "Dense(3, sigmoid)"]),
        (MultiLabel, Softmax, ["H01", "H03", "H03"]),
        (MultiLabel, Linear, ["H05", "H05", "H05"]),
        (Regression, Linear, ["Dense(1, linear)", "H04", "H04"]),
        (Regression, Sigmoid, ["H08", "H08", "H08"]),
        (Regression, Softmax, ["H01", "H08", "H08"]),
        (Regression, Relu, ["H08", "H08", "H08"]),
    ] {
        for (units, wanted) in (1..).zip(of_one_two_three) {
            let fused = graph([dense(units, activation).into()]);
            assert_eq!(verdict(&fused, task), wanted, "{task}: Dense({units}, {activation})");
            let apart = graph([Dense::new(units).into(), activation.into()]);
            assert_eq!(verdict(&apart, task), wanted, "{task}: Dense({units}), Activation({activation})");
        }
    }
}

#[test]
fn layers_after_the_head_are_refused() {
    let head = || dense(3, Activation::Softmax).into();
    for late in [
        vec![Dropout::new(0.5).into()],
        vec![BatchNorm::new().into()],
        vec![Activation::Relu.into()],
        vec![Flatten::new().into(), Rescaling::new(2.0).into()],
    ] {
        let graph = graph([head()].into_iter().chain(late));
        assert_eq!(verdict(&graph, Task::MultiClass), "H07", "{}", graph.summary());
    }
    let noisy_number = graph([Dense::new(1).into(), Dropout::new(0.5).into()]);
    assert_eq!(verdict(&noisy_number, Task::Regression), "H07");
}

#[test]
fn the_same_layers_before_the_head_are_not() {
    let hidden_sigmoid = graph([
        dense(8, Activation::Sigmoid).into(),
        Dropout::new(0.5).into(),
        Dense::new(3).into(),
        BatchNorm::new().into(),
        Activation::Softmax.into(),
    ]);
    assert_eq!(verdict(&hidden_sigmoid, Task::MultiClass), "Dense(3, softmax)");
    let scaled_number = graph([dense(1, Activation::Sigmoid).into(), Rescaling::new(5.0).into()]);
    assert_eq!(verdict(&scaled_number, Task::Regression), "Dense(1, linear)");
}

#[test]
fn a_map_is_no_answer() {
    let map =
        Sequential::new([8, 8, 3]).add(Conv2d::new(2, 1).activation(Activation::Softmax)).build().unwrap();
    assert_eq!(verdict(&map, Task::Binary), "H06");
}

#[test]
fn a_finding_reads_like_a_compilers() {
    let error = Network::new(graph([dense(1, Activation::Softmax).into()]), Task::Binary).unwrap_err();
    assert_eq!(
        error.to_string(),
        "error[H01]: softmax over a single unit\n  \
         at:  layer `dense` (Dense)\n  \
         why: its output is 1 for every picture and its gradient 0, so nothing can be learnt; \
         its accuracy is the share of one class\n  \
         fix: write Dense(2, softmax), or Dense(1, sigmoid)"
    );
}

#[test]
fn logits_are_what_the_last_activation_is_given() {
    let logits = |graph: Graph, task| {
        let network = Network::new(graph, task).unwrap();
        let (id, fused) = match network.logits() {
            Logits::OutputOf(id) => (id, false),
            Logits::BeforeActivationOf(id) => (id, true),
        };
        (network.graph().node(id).name.clone(), fused)
    };
    let fused = graph([dense(3, Activation::Softmax).named("last")]);
    assert_eq!(logits(fused, Task::MultiClass), ("last".into(), true));
    let apart = graph([dense(3, Activation::Relu).named("last"), Activation::Softmax.into()]);
    assert_eq!(logits(apart, Task::MultiClass), ("last".into(), false));
    let trailing = graph([dense(3, Activation::Softmax).named("last"), Activation::Linear.into()]);
    assert_eq!(logits(trailing, Task::MultiClass), ("last".into(), true));
    let number = graph([Dense::new(1).named("last")]);
    assert_eq!(logits(number, Task::Regression), ("last".into(), false));
    let input = Input::new([8, 8, 3]);
    let pooled = GlobalAvgPool2d::new().named("last").on(&Conv2d::new(5, 3).on(&input));
    let convolutional = Graph::new(&input, &Activation::Softmax.on(&pooled)).unwrap();
    assert_eq!(logits(convolutional, Task::MultiClass), ("last".into(), false));
}

#[test]
fn loss_and_encoding_follow() {
    for (task, kind, classes, loss, encoding) in [
        (Task::Binary, HeadKind::Sigmoid, 2, Loss::BinaryCrossEntropy, Encoding::ZeroOne),
        (Task::Binary, HeadKind::Softmax, 2, Loss::CategoricalCrossEntropy, Encoding::OneHot),
        (Task::MultiClass, HeadKind::Softmax, 5, Loss::CategoricalCrossEntropy, Encoding::OneHot),
        (Task::MultiLabel, HeadKind::Sigmoid, 5, Loss::BinaryCrossEntropy, Encoding::MultiHot),
        (Task::Regression, HeadKind::Linear, 2, Loss::MeanSquaredError, Encoding::Number),
    ] {
        let head = Head::for_task(task, Some(kind), classes).unwrap();
        assert_eq!((head.loss(), head.encoding(), head.classes()), (loss, encoding, classes), "{task}");
        let json = serde_json::to_string(&head).unwrap();
        assert_eq!(serde_json::from_str::<Head>(&json).unwrap(), head);
    }
    assert!(serde_json::from_str::<Head>(r#"{"task":"binary","kind":"softmax","units":1}"#).is_err());
}

#[test]
fn tasks_are_inferred() {
    for (classes, exclusive, task, head) in [
        (2, true, Task::Binary, "Dense(2, softmax)"),
        (3, true, Task::MultiClass, "Dense(3, softmax)"),
        (2, false, Task::MultiLabel, "Dense(2, sigmoid)"),
        (9, false, Task::MultiLabel, "Dense(9, sigmoid)"),
    ] {
        assert_eq!(Task::infer(classes, exclusive), task);
        assert_eq!(Head::for_task(task, None, classes).unwrap().to_string(), head);
    }
    let refused = |task, kind, classes| Head::for_task(task, kind, classes).unwrap_err().id();
    assert_eq!(refused(Task::Binary, None, 3), "H04");
    assert_eq!(refused(Task::Regression, None, 3), "H04");
    assert_eq!(refused(Task::MultiClass, Some(HeadKind::Sigmoid), 3), "H02");
    assert_eq!(refused(Task::MultiLabel, Some(HeadKind::Softmax), 3), "H03");
    assert_eq!(refused(Task::Binary, Some(HeadKind::Linear), 2), "H05");
}

#[test]
fn classes_are_counted() {
    let head = Head::new(Task::MultiClass, HeadKind::Softmax, 3).unwrap();
    assert!(head.check_classes(3).is_ok());
    let dead = head.check_classes(2).unwrap_err();
    assert_eq!(
        (dead.id(), dead.what.as_str()),
        ("H04", "Dense(3, softmax) tells 3 classes apart, the data has 2")
    );
    assert!(dead.why.starts_with("1 of its outputs"));
    assert_eq!(head.check_classes(5).unwrap_err().why, "2 of the classes have no output");
}

#[test]
fn names_of_tasks_and_heads() {
    for task in Task::ALL {
        assert_eq!(task.name().parse(), Ok(task));
    }
    for spelling in ["multi-label", "multilabel", "multi_label"] {
        assert_eq!(spelling.parse(), Ok(Task::MultiLabel));
    }
    for kind in HeadKind::ALL {
        assert_eq!(kind.name().parse(), Ok(kind));
    }
    let message = "multiclas".parse::<Task>().unwrap_err().to_string();
    assert!(message.contains("did you mean `multi_class`?"), "{message}");
}

fn probabilities(head: Head, logits: &[f32]) -> Vec<f32> {
    let mut out = vec![9.0];
    head.probabilities(logits, &mut out);
    out
}

proptest! {
    #[test]
    fn softmax_agrees_with_float64(logits in prop::collection::vec(-90.0_f32..90.0, 3..8)) {
        let head = Head::new(Task::MultiClass, HeadKind::Softmax, logits.len()).unwrap();
        let sum: f64 = logits.iter().map(|&z| f64::from(z).exp()).sum();
        for (found, &z) in probabilities(head, &logits).into_iter().zip(&logits) {
            let wanted = f64::from(z).exp() / sum;
            prop_assert!((f64::from(found) - wanted).abs() <= 1e-5 * wanted + 1e-30);
        }
    }

    #[test]
    fn one_sigmoid_is_two_softmax_units(z0 in -30.0_f32..30.0, z1 in -30.0_f32..30.0) {
        let two = Head::new(Task::Binary, HeadKind::Softmax, 2).unwrap();
        let one = Head::new(Task::Binary, HeadKind::Sigmoid, 1).unwrap();
        for (a, b) in probabilities(two, &[z0, z1]).into_iter().zip(probabilities(one, &[z1 - z0])) {
            prop_assert!((a - b).abs() < 1e-5);
        }
    }

    #[test]
    fn decisions_agree_with_probabilities(logits in prop::collection::vec(-9.0_f32..9.0, 4), threshold in 0.0_f32..1.0) {
        let head = Head::new(Task::MultiLabel, HeadKind::Sigmoid, 4).unwrap();
        let p = probabilities(head, &logits);
        let wanted = (0..4).filter(|&label| p[label] >= threshold).collect();
        prop_assert_eq!(head.decide(&logits, threshold), Choice::Labels(wanted));
        let one = Head::new(Task::Binary, HeadKind::Sigmoid, 1).unwrap();
        let p = probabilities(one, &logits[..1]);
        prop_assert_eq!(one.decide(&logits[..1], threshold), Choice::Class(usize::from(p[1] >= threshold)));
    }
}

#[test]
fn extreme_logits_stay_probabilities() {
    let softmax = Head::new(Task::MultiClass, HeadKind::Softmax, 3).unwrap();
    assert_eq!(probabilities(softmax, &[1e30, 0.0, -1e30]), [1.0, 0.0, 0.0]);
    let sigmoid = Head::new(Task::Binary, HeadKind::Sigmoid, 1).unwrap();
    assert_eq!(probabilities(sigmoid, &[1e30, -1e30, 0.0]), [0.0, 1.0, 1.0, 0.0, 0.5, 0.5]);
    // e⁻²⁰, where 1 - p in f32 would be 0 or 1.2e-7.
    assert!((probabilities(sigmoid, &[20.0])[0] - 2.061_153_6e-9).abs() < 1e-14);
}

#[test]
fn a_linear_head_has_no_probability_but_decides() {
    let head = Head::new(Task::Regression, HeadKind::Linear, 1).unwrap();
    assert_eq!(probabilities(head, &[0.3, 0.7]), [0.0; 0]);
    assert_eq!(head.decide(&[0.7], Head::DEFAULT_THRESHOLD), Choice::Class(1));
    assert_eq!(head.decide(&[0.4], Head::DEFAULT_THRESHOLD), Choice::Class(0));
    assert_eq!(head.decide(&[3.2], 3.5), Choice::Class(0));
}

#[test]
fn argmax_takes_the_first_of_equals() {
    let head = Head::new(Task::MultiClass, HeadKind::Softmax, 3).unwrap();
    assert_eq!(head.decide(&[1.0, 2.0, 2.0], 0.5), Choice::Class(1));
}

#[test]
fn labels_become_targets() {
    let sigmoid = Head::new(Task::Binary, HeadKind::Sigmoid, 1).unwrap();
    let softmax = Head::new(Task::MultiClass, HeadKind::Softmax, 3).unwrap();
    let labels = Head::new(Task::MultiLabel, HeadKind::Sigmoid, 3).unwrap();
    let number = Head::new(Task::Regression, HeadKind::Linear, 1).unwrap();
    let two = Head::new(Task::Binary, HeadKind::Softmax, 2).unwrap();
    let nan = f32::NAN;
    for (head, target, wanted) in [
        (sigmoid, Target::Index(1), Ok(vec![1.0])),
        (sigmoid, Target::Number(0.0), Ok(vec![0.0])),
        (sigmoid, Target::Number(1.0), Ok(vec![1.0])),
        (sigmoid, Target::Hot(&[0.0, 1.0]), Ok(vec![1.0])),
        (sigmoid, Target::Labels(&[0]), Ok(vec![0.0])),
        (sigmoid, Target::Index(2), Err("Y01")),
        (sigmoid, Target::Number(2.0), Err("Y01")),
        (sigmoid, Target::Number(-1.0), Err("Y01")),
        (sigmoid, Target::Hot(&[1.0]), Err("Y02")),
        (softmax, Target::Index(2), Ok(vec![0.0, 0.0, 1.0])),
        (softmax, Target::Hot(&[0.0, 1.0, 0.0]), Ok(vec![0.0, 1.0, 0.0])),
        (softmax, Target::Labels(&[1]), Ok(vec![0.0, 1.0, 0.0])),
        (softmax, Target::Index(3), Err("Y01")),
        (softmax, Target::Hot(&[0.0, 0.5, 0.5]), Err("Y01")),
        (softmax, Target::Hot(&[0.0, 1.0]), Err("Y02")),
        (softmax, Target::Hot(&[0.0, 0.0, 0.0]), Err("H03")),
        (softmax, Target::Hot(&[1.0, 0.0, 1.0]), Err("H03")),
        (softmax, Target::Labels(&[]), Err("H03")),
        (softmax, Target::Labels(&[0, 2]), Err("H03")),
        (softmax, Target::Number(1.0), Err("Y02")),
        (two, Target::Number(1.0), Ok(vec![0.0, 1.0])),
        (labels, Target::Labels(&[2, 0]), Ok(vec![1.0, 0.0, 1.0])),
        (labels, Target::Labels(&[]), Ok(vec![0.0, 0.0, 0.0])),
        (labels, Target::Hot(&[1.0, 1.0, 0.0]), Ok(vec![1.0, 1.0, 0.0])),
        (labels, Target::Index(1), Ok(vec![0.0, 1.0, 0.0])),
        (labels, Target::Labels(&[3]), Err("Y01")),
        (labels, Target::Hot(&[1.0, nan, 0.0]), Err("Y01")),
        (labels, Target::Number(1.0), Err("Y02")),
        (number, Target::Number(-2.5), Ok(vec![-2.5])),
        (number, Target::Index(1), Ok(vec![1.0])),
        (number, Target::Number(nan), Err("Y01")),
        (number, Target::Index(2), Err("Y01")),
        (number, Target::Hot(&[1.0, 0.0]), Err("Y02")),
    ] {
        let mut row = vec![7.0; head.units()];
        let found = head.encode(&target, &mut row).map(|()| row).map_err(|finding| finding.id());
        assert_eq!(found, wanted, "{head}: {target:?}");
    }
}

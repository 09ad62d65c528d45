//! Single statements: that each rule is found where it is broken, at the statement at fault, and not beside it.

use divvy_nn::{
    Activation, BatchNorm, Circumstances, Connect, Conv2d, Dense, Diagnostic, Flatten, GlobalAvgPool2d, Head,
    HeadKind, Input, LabelArray, LabelForm, LossName, Metric, Network, Rescaling, Sequential, Severity, Task,
    Wiring,
};
use divvy_nn::{Architecture, BuildError, Graph, NamedLayer};
use divvy_rules::Rule;

use Activation::{Linear, Relu, Sigmoid, Softmax, Tanh};
use LossName::{
    BinaryCrossEntropy as Bce, CategoricalCrossEntropy as Cce, MeanSquaredError as Mse,
    NegativeLogLikelihood as Nll, SparseCategoricalCrossEntropy as Sparse,
};

fn wiring(units: usize, activation: Activation, loss: LossName) -> Wiring {
    Wiring { units: Some(units), activation: Some(activation), loss: Some(loss), ..Wiring::default() }
}

fn logits(wiring: Wiring) -> Wiring {
    Wiring { from_logits: Some(true), ..wiring }
}

/// The id of the finding, or the head.
fn verdict(wiring: &Wiring, task: Option<Task>, classes: usize) -> String {
    let exclusive = task != Some(Task::MultiLabel);
    match wiring.decide(task, classes, exclusive) {
        Ok(decision) => decision.head().to_string(),
        Err(finding) => finding.id().to_owned(),
    }
}

#[test]
fn head_and_loss_must_go_together() {
    use Task::{MultiClass, MultiLabel, Regression};
    for (stated, task, classes, wanted) in [
        (wiring(1, Sigmoid, Bce), None, 2, "Dense(1, sigmoid)"),
        (wiring(2, Softmax, Cce), None, 2, "Dense(2, softmax)"),
        (wiring(2, Softmax, Sparse), None, 2, "Dense(2, softmax)"),
        (wiring(10, Softmax, Sparse), None, 10, "Dense(10, softmax)"),
        (logits(wiring(2, Linear, Cce)), None, 2, "Dense(2, softmax)"),
        (logits(wiring(1, Linear, Bce)), None, 2, "Dense(1, sigmoid)"),
        (wiring(1, Linear, Mse), None, 2, "Dense(1, linear)"),
        (wiring(4, Sigmoid, Bce), Some(MultiLabel), 4, "Dense(4, sigmoid)"),
        (wiring(1, Softmax, Cce), None, 2, "H01"),
        (wiring(1, Softmax, Bce), None, 2, "H01"),
        (wiring(2, Sigmoid, Bce), None, 2, "H02"),
        (wiring(3, Softmax, Cce), Some(MultiLabel), 3, "H03"),
        (wiring(3, Softmax, Cce), None, 2, "H04"),
        (wiring(2, Softmax, Cce), None, 3, "H04"),
        (wiring(2, Linear, Mse), None, 2, "H04"),
        (wiring(2, Relu, Cce), None, 2, "H05"),
        (logits(wiring(2, Tanh, Cce)), None, 2, "H05"),
        (wiring(1, Relu, Mse), None, 2, "H08"),
        (wiring(1, Sigmoid, Mse), Some(Regression), 2, "H08"),
        (logits(wiring(2, Softmax, Cce)), None, 2, "L01"),
        (logits(wiring(1, Sigmoid, Bce)), None, 2, "L02"),
        (logits(Wiring { activation: Some(Softmax), ..Wiring::default() }), None, 2, "L01"),
        (logits(Wiring { activation: Some(Sigmoid), units: Some(1), ..Wiring::default() }), None, 2, "L02"),
        (wiring(2, Linear, Sparse), None, 2, "L03"),
        (wiring(1, Linear, Bce), None, 2, "L03"),
        (wiring(1, Sigmoid, Cce), None, 2, "L04"),
        (logits(wiring(1, Linear, Cce)), None, 2, "L04"),
        (wiring(1, Sigmoid, Sparse), None, 2, "L05"),
        (wiring(2, Softmax, Bce), None, 2, "L06"),
        (wiring(4, Sigmoid, Cce), Some(MultiLabel), 4, "L07"),
        (wiring(3, Sigmoid, Sparse), Some(MultiClass), 3, "L07"),
        (wiring(1, Sigmoid, Mse), None, 2, "L08"),
        (wiring(2, Softmax, Mse), None, 2, "L08"),
        (wiring(2, Softmax, Nll), None, 2, "L09"),
    ] {
        assert_eq!(verdict(&stated, task, classes), wanted, "{stated:?} for {task:?} of {classes}");
    }
}

#[test]
fn the_floor_of_a_double_softmax_is_that_of_the_classes() {
    // Of ten classes, stated as units or known from the data alone.
    for units in [Some(10), None] {
        let stated =
            Wiring { activation: Some(Softmax), units, from_logits: Some(true), ..Wiring::default() };
        let why = stated.decide(None, 10, true).unwrap_err().why;
        assert!(why.contains("ln(1 + 9 / e) = 1.4612"), "{why}");
    }
}

#[test]
fn what_is_not_stated_follows() {
    for (stated, classes, wanted) in [
        (Wiring::default(), 2, "Dense(2, softmax)"),
        (Wiring::default(), 7, "Dense(7, softmax)"),
        (Wiring { units: Some(1), ..Wiring::default() }, 2, "Dense(1, sigmoid)"),
        (Wiring { loss: Some(Bce), ..Wiring::default() }, 2, "Dense(1, sigmoid)"),
        (Wiring { loss: Some(Sparse), ..Wiring::default() }, 2, "Dense(2, softmax)"),
        (Wiring { loss: Some(Mse), ..Wiring::default() }, 2, "Dense(1, linear)"),
        (Wiring { activation: Some(Linear), ..Wiring::default() }, 2, "Dense(1, linear)"),
        (logits(Wiring { loss: Some(Cce), ..Wiring::default() }), 5, "Dense(5, softmax)"),
    ] {
        assert_eq!(verdict(&stated, None, classes), wanted, "{stated:?}");
    }
    let labels = Wiring::default().decide(None, 5, false).unwrap();
    assert_eq!((labels.head().to_string().as_str(), labels.metric()), ("Dense(5, sigmoid)", Metric::MacroF1));
}

#[test]
fn the_metric_must_suit_the_head() {
    let of = |stated: &Wiring, metric: &str| Wiring { metric: Some(metric.to_owned()), ..stated.clone() };
    let sigmoid = wiring(1, Sigmoid, Bce);
    let linear = logits(wiring(1, Linear, Bce));
    let (two, three) = (wiring(2, Softmax, Cce), wiring(3, Softmax, Cce));
    for (stated, classes, metric, wanted) in [
        (&sigmoid, 2, "accuracy", Ok(Metric::Accuracy)),
        (&sigmoid, 2, "binary_accuracy", Ok(Metric::Accuracy)),
        (&sigmoid, 2, "auc", Ok(Metric::RocAuc)),
        (&two, 2, "categorical_accuracy", Ok(Metric::Accuracy)),
        (&two, 2, "balanced_accuracy", Ok(Metric::BalancedAccuracy)),
        (&three, 3, "macro_f1", Ok(Metric::MacroF1)),
        (&sigmoid, 2, "exact_match", Err("M01")),
        (&linear, 2, "binary_accuracy", Err("M02")),
        (&sigmoid, 2, "categorical_accuracy", Err("M03")),
        (&sigmoid, 2, "sparse_categorical_accuracy", Err("M03")),
        (&three, 3, "binary_accuracy", Err("M06")),
        (&three, 3, "auc", Err("M07")),
        (&two, 2, "accuarcy", Err("T03")),
    ] {
        let found = of(stated, metric).decide(None, classes, true).map(|decision| decision.metric());
        assert_eq!(found.map_err(|finding| finding.id()), wanted, "{metric} for {stated:?}");
    }
    let of_labels = |metric: &str| {
        let stated = Wiring { metric: Some(metric.to_owned()), ..Wiring::default() };
        stated.decide(None, 4, false).map(|decision| decision.metric()).map_err(|finding| finding.id())
    };
    assert_eq!(of_labels("accuracy"), Err("M06"));
    assert_eq!(of_labels("auc"), Err("M07"));
    assert_eq!(of_labels("balanced_accuracy"), Err("T03"));
    assert_eq!(of_labels("f1"), Ok(Metric::MacroF1));
}

#[test]
fn plain_accuracy_is_told_what_it_is() {
    let stated = Wiring { metric: Some("accuracy".to_owned()), ..wiring(1, Sigmoid, Bce) };
    let notes = stated.decide(None, 2, true).unwrap().notes().to_vec();
    assert_eq!(notes.len(), 1);
    assert_eq!((notes[0].rule, notes[0].severity), (Rule::M04, Severity::Note));
    assert!(notes[0].what.contains("p >= 0.5"), "{}", notes[0]);
    assert_eq!(wiring(1, Sigmoid, Bce).decide(None, 2, true).unwrap().notes(), [], "nobody asked");
}

#[test]
fn the_form_of_labels_must_suit_the_head() {
    let of = |form, task, classes| {
        let stated = Wiring { labels: Some(form), ..Wiring::default() };
        verdict(&stated, Some(task), classes)
    };
    for (form, task, classes, wanted) in [
        (LabelForm::ZeroOne, Task::Binary, 2, "Dense(2, softmax)"),
        (LabelForm::OneHot, Task::MultiClass, 4, "Dense(4, softmax)"),
        (LabelForm::Index, Task::MultiClass, 4, "Dense(4, softmax)"),
        (LabelForm::MultiHot, Task::MultiLabel, 4, "Dense(4, sigmoid)"),
        (LabelForm::Number, Task::Regression, 2, "Dense(1, linear)"),
        (LabelForm::MultiHot, Task::Binary, 2, "H03"),
        (LabelForm::MultiHot, Task::MultiClass, 4, "H03"),
        (LabelForm::Number, Task::Binary, 2, "Y02"),
        (LabelForm::ZeroOne, Task::MultiClass, 4, "Y02"),
        (LabelForm::ZeroOne, Task::MultiLabel, 4, "Y02"),
        (LabelForm::OneHot, Task::Regression, 2, "Dense(1, linear)"),
    ] {
        assert_eq!(of(form, task, classes), wanted, "{form} for {task} of {classes}");
    }
    let notes = |loss, labels| {
        let stated = Wiring { loss: Some(loss), labels: Some(labels), ..Wiring::default() };
        let decision = stated.decide(None, 4, true).unwrap();
        decision.notes().iter().map(|note| (note.id(), note.severity)).collect::<Vec<_>>()
    };
    assert_eq!(notes(Sparse, LabelForm::OneHot), [("Y02", Severity::Note)]);
    assert_eq!(notes(Cce, LabelForm::Index), [("Y02", Severity::Note)]);
    assert_eq!(notes(Sparse, LabelForm::Index), []);
}

#[test]
fn a_finding_stands_at_the_line_of_its_statement() {
    let file =
        "[[layer]]\ntype = \"flatten\"\n\n[head]\nunits = 1\nactivation = \"sigmoid\"\nloss = \"cce\"\n";
    let architecture = Architecture::from_toml(file, "net.toml").unwrap();
    let finding = architecture.decide(&Wiring::default(), None, 2, true).unwrap_err();
    assert_eq!((finding.rule, finding.place.to_string().as_str()), (Rule::L04, "net.toml:7, loss"));
    // What is stated elsewhere goes before the file, and is no line of it.
    let stated = Wiring { loss: Some(Sparse), ..Wiring::default() };
    let finding = architecture.decide(&stated, None, 2, true).unwrap_err();
    assert_eq!((finding.rule, finding.place.to_string().as_str()), (Rule::L05, "loss"));
    let stated = Wiring { loss: Some(Bce), ..Wiring::default() };
    assert!(architecture.decide(&stated, None, 2, true).is_ok());
}

#[test]
fn label_arrays_are_read_as_people_have_them() {
    let sigmoid = Head::new(Task::Binary, HeadKind::Sigmoid, 1).unwrap();
    let softmax = Head::new(Task::Binary, HeadKind::Softmax, 2).unwrap();
    let three = Head::new(Task::MultiClass, HeadKind::Softmax, 3).unwrap();
    let labels = Head::new(Task::MultiLabel, HeadKind::Sigmoid, 2).unwrap();
    let number = Head::new(Task::Regression, HeadKind::Linear, 1).unwrap();
    let read = |head: &Head, shape: &[usize], values: &[f32]| {
        LabelArray::new(shape, values)
            .and_then(|array| head.targets(array, shape.first().copied().unwrap_or_default()))
            .map(|targets| (targets.values, targets.conversion.is_some()))
            .map_err(|finding| finding.id())
    };
    let rows = vec![1.0, 0.0, 0.0, 1.0, 0.0, 1.0];
    for (head, shape, values, wanted) in [
        (&sigmoid, &[3][..], &[0.0, 1.0, 1.0][..], Ok((vec![0.0, 1.0, 1.0], false))),
        (&sigmoid, &[3, 1], &[0.0, 1.0, 1.0], Ok((vec![0.0, 1.0, 1.0], false))),
        (&sigmoid, &[3], &[1.0, 2.0, 2.0], Ok((vec![0.0, 1.0, 1.0], true))),
        (&sigmoid, &[3], &[-1.0, 1.0, 1.0], Ok((vec![0.0, 1.0, 1.0], true))),
        (&sigmoid, &[3, 2], &rows, Ok((vec![0.0, 1.0, 1.0], true))),
        (&softmax, &[3], &[0.0, 1.0, 1.0], Ok((rows.clone(), true))),
        (&softmax, &[3], &[1.0, 2.0, 2.0], Ok((rows.clone(), true))),
        (&softmax, &[3, 2], &rows, Ok((rows.clone(), false))),
        (&number, &[3], &[-1.0, 1.0, 1.0], Ok((vec![0.0, 1.0, 1.0], true))),
        (&number, &[3, 2], &rows, Ok((vec![0.0, 1.0, 1.0], true))),
        (&number, &[2], &[0.25, 0.75], Ok((vec![0.25, 0.75], false))),
        (&labels, &[2, 2], &[1.0, 1.0, 0.0, 0.0], Ok((vec![1.0, 1.0, 0.0, 0.0], false))),
        (&sigmoid, &[3], &[0.0, 1.0, 2.0], Err("Y01")),
        (&sigmoid, &[3], &[0.0, 0.5, 1.0], Err("Y01")),
        (&sigmoid, &[2], &[f32::NAN, 1.0], Err("Y01")),
        (&three, &[3], &[0.0, 1.0, 3.0], Err("Y01")),
        (&three, &[3], &[-1.0, 0.0, 1.0], Err("Y01")),
        (&softmax, &[2, 2], &[0.5, 0.5, 1.0, 0.0], Err("Y01")),
        (&three, &[2, 4], &[0.0; 8], Err("Y02")),
        (&labels, &[2, 3], &[0.0; 6], Err("Y02")),
        (&softmax, &[2, 2], &[1.0, 1.0, 0.0, 1.0], Err("H03")),
        (&sigmoid, &[4, 4], &[0.0; 16], Err("Y03")),
        (&sigmoid, &[2, 1, 1], &[0.0, 1.0], Err("Y03")),
        (&sigmoid, &[], &[1.0], Err("Y03")),
        (&labels, &[3, 0], &[], Err("Y03")),
        (&sigmoid, &[3], &[0.0, 1.0], Err("Y03")),
    ] {
        assert_eq!(read(head, shape, values), wanted, "{head}: {shape:?} {values:?}");
    }
    // Two pictures and three labels.
    let values = [0.0, 1.0, 1.0];
    let array = LabelArray::new(&[3], &values).unwrap();
    assert_eq!(sigmoid.targets(array, 2).unwrap_err().rule, Rule::Y03);
}

fn network(input: [usize; 3], layers: Vec<NamedLayer>, task: Task) -> Result<Network, BuildError> {
    Network::new(layers.into_iter().fold(Sequential::new(input), Sequential::add).build()?, task)
}

fn softmax() -> NamedLayer {
    Dense::new(2).activation(Softmax).named("head")
}

fn lint(network: &Network, batch: usize) -> Vec<(&'static str, Severity)> {
    let training = Circumstances { batch: Some(batch), input_is_scaled: true };
    network.lint(&training).iter().map(|finding: &Diagnostic| (finding.id(), finding.severity)).collect()
}

#[test]
fn layers_that_cannot_do_anything_are_refused_wherever_they_stand() {
    let refused = |layers| match network([4, 4, 1], layers, Task::Binary) {
        Err(BuildError::Head(finding)) => finding.id(),
        other => panic!("{other:?}"),
    };
    let hidden = vec![Flatten::new().into(), Dense::new(1).activation(Softmax).into(), softmax()];
    assert_eq!(refused(hidden), "H01");
    let nothing = vec![Conv2d::new(2, 1).into(), GlobalAvgPool2d::new().into(), Softmax.into()];
    assert!(network([4, 4, 1], nothing, Task::Binary).is_ok(), "a convolution is trained");
    assert!(matches!(
        network([1, 1, 2], vec![Flatten::new().into(), Softmax.into()], Task::Binary),
        Err(BuildError::Head(finding)) if finding.rule == Rule::T04
    ));
    let gate = vec![Flatten::new().into(), Dense::new(1).activation(Sigmoid).into(), softmax()];
    assert!(network([4, 4, 1], gate, Task::Binary).is_ok(), "one sigmoid does depend on what it sees");
}

#[test]
fn layers_after_a_head_are_found_through_pools_and_sums() {
    let input = Input::new([4, 4, 3]);
    let head = Conv2d::new(2, 1).activation(Softmax).on(&input);
    let pooled = GlobalAvgPool2d::new().on(&head);
    let graph = Graph::new(&input, &Relu.on(&pooled)).unwrap();
    assert_eq!(Head::of(&graph, Task::MultiClass).unwrap_err().rule, Rule::H07);
    let graph = Graph::new(&input, &pooled).unwrap();
    assert_eq!(Head::of(&graph, Task::MultiClass).unwrap_err().rule, Rule::H07);
    let both = divvy_nn::Add::new().on_all(&[&pooled, &pooled]);
    assert_eq!(Head::of(&Graph::new(&input, &both).unwrap(), Task::MultiClass).unwrap_err().rule, Rule::H07);
    let twice = Graph::new(&input, &Softmax.on(&pooled)).unwrap();
    assert_eq!(Head::of(&twice, Task::MultiClass).unwrap_err().rule, Rule::L01);
    let sigmoids = GlobalAvgPool2d::new().on(&Conv2d::new(2, 1).activation(Sigmoid).on(&input));
    let twice = Graph::new(&input, &Sigmoid.on(&sigmoids)).unwrap();
    assert_eq!(Head::of(&twice, Task::MultiLabel).unwrap_err().rule, Rule::L02);
    let other = Graph::new(&input, &Softmax.on(&sigmoids)).unwrap();
    assert_eq!(Head::of(&other, Task::MultiClass).unwrap_err().rule, Rule::H07);
}

#[test]
fn what_works_but_not_as_meant_is_told() {
    let flat = |features| {
        vec![
            Conv2d::new(8, 3).into(),
            Flatten::new().into(),
            Dense::new(features).activation(Relu).into(),
            softmax(),
        ]
    };
    let heavy = network([32, 32, 3], flat(64), Task::Binary).unwrap();
    assert_eq!(lint(&heavy, 32), [("T05", Severity::Warning)]);
    let small = network([10, 10, 3], flat(4), Task::Binary).unwrap();
    assert_eq!(lint(&small, 32), [], "a small network overfits no more for being lopsided");
    let pooled = vec![
        Conv2d::new(200, 3).into(),
        GlobalAvgPool2d::new().into(),
        Dense::new(600).activation(Relu).into(),
        softmax(),
    ];
    assert_eq!(lint(&network([32, 32, 3], pooled, Task::Binary).unwrap(), 32), []);

    let scaled = |scale| {
        vec![Rescaling::new(scale).into(), Conv2d::new(4, 3).into(), GlobalAvgPool2d::new().into(), softmax()]
    };
    let twice = network([8, 8, 3], scaled(1.0 / 255.0), Task::Binary).unwrap();
    assert_eq!(lint(&twice, 32), [("P01", Severity::Warning)]);
    assert!(twice.lint(&Circumstances::default()).is_empty(), "bytes as they are want scaling");
    assert_eq!(lint(&network([8, 8, 3], scaled(2.0), Task::Binary).unwrap(), 32), []);

    let double = vec![
        Conv2d::new(4, 3).into(),
        GlobalAvgPool2d::new().into(),
        Dense::new(2).activation(Softmax).into(),
        softmax(),
    ];
    assert_eq!(lint(&network([8, 8, 3], double, Task::Binary).unwrap(), 32), [("H07", Severity::Warning)]);
}

#[test]
fn batch_norm_needs_a_batch() {
    let on_vectors = vec![
        Conv2d::new(4, 3).into(),
        GlobalAvgPool2d::new().into(),
        Dense::new(4).into(),
        BatchNorm::new().into(),
        softmax(),
    ];
    let on_vectors = network([8, 8, 3], on_vectors, Task::Binary).unwrap();
    assert_eq!(lint(&on_vectors, 1), [("T01", Severity::Error)]);
    assert_eq!(lint(&on_vectors, 2), []);
    let on_maps =
        vec![Conv2d::new(4, 3).into(), BatchNorm::new().into(), GlobalAvgPool2d::new().into(), softmax()];
    let on_maps = network([8, 8, 3], on_maps, Task::Binary).unwrap();
    assert_eq!(lint(&on_maps, 1), [("T01", Severity::Warning)]);
    assert_eq!(lint(&on_maps, 8), []);
    let on_both = vec![
        Conv2d::new(4, 3).into(),
        BatchNorm::new().into(),
        GlobalAvgPool2d::new().into(),
        Dense::new(4).into(),
        BatchNorm::new().into(),
        softmax(),
    ];
    let on_both = network([8, 8, 3], on_both, Task::Binary).unwrap();
    assert_eq!(lint(&on_both, 1), [("T01", Severity::Error)], "the worse of the two");
}

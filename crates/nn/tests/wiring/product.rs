//! The whole product of heads, losses, labels and metrics that people write: each is refused by the rule that says why, or trains, and
//! then what is reported is true. There is no third outcome.
//!
//! Keras 3 trains most of these without a word and reports what is not so; the table of expectations below is written from the
//! definitions of the losses, not from what the code under test says.

use divvy_kernels::Cpu;
use divvy_nn::{
    Activation, Choice, Dense, Device, Engine, Head, LabelArray, LossName, Metric, Network, Optimizer,
    Sequential, Wiring,
};

const HEADS: [(usize, Activation); 9] = [
    (1, Activation::Softmax),
    (1, Activation::Sigmoid),
    (1, Activation::Linear),
    (1, Activation::Relu),
    (2, Activation::Softmax),
    (2, Activation::Sigmoid),
    (2, Activation::Linear),
    (2, Activation::Relu),
    (3, Activation::Softmax),
];

/// Losses, and whether they are told to expect logits.
const LOSSES: [(LossName, bool); 8] = [
    (LossName::BinaryCrossEntropy, false),
    (LossName::BinaryCrossEntropy, true),
    (LossName::CategoricalCrossEntropy, false),
    (LossName::CategoricalCrossEntropy, true),
    (LossName::SparseCategoricalCrossEntropy, false),
    (LossName::SparseCategoricalCrossEntropy, true),
    (LossName::MeanSquaredError, false),
    (LossName::MeanSquaredError, true),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Labels {
    ZeroOne,
    OneTwo,
    MinusOneOne,
    OneHot,
    /// `[n, 1]` where the output is taken for `[n]`, or the other way round.
    Column,
    /// What broadcasting `[n]` against `[n, 1]` makes: `[n, n]`.
    Broadcast,
}

const LABELS: [Labels; 6] =
    [Labels::ZeroOne, Labels::OneTwo, Labels::MinusOneOne, Labels::OneHot, Labels::Column, Labels::Broadcast];

const METRICS: [&str; 9] = [
    "accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "exact_match",
    "auc",
    "macro_f1",
    "balanced_accuracy",
    "accuarcy",
];

/// What is wrong with a head and a loss, if anything, for two classes that exclude each other.
#[expect(
    clippy::match_same_arms,
    reason = "two reasons for one rule, in the order in which they are looked for"
)]
fn wrong_head(
    units: usize,
    activation: Activation,
    loss: LossName,
    from_logits: bool,
) -> Option<&'static str> {
    use Activation::{Linear, Relu, Sigmoid, Softmax};
    use LossName::{
        BinaryCrossEntropy, CategoricalCrossEntropy, MeanSquaredError, SparseCategoricalCrossEntropy,
    };
    match (units, activation, loss, from_logits) {
        // Always 1.
        (1, Softmax, ..) => Some("H01"),
        // p / p = 1, whatever p is.
        (1, _, CategoricalCrossEntropy, _) => Some("L04"),
        (1, _, SparseCategoricalCrossEntropy, _) => Some("L05"),
        // A number that cannot be negative, and two of them.
        (_, Relu, MeanSquaredError, _) => Some("H08"),
        (2, Linear, MeanSquaredError, _) => Some("H04"),
        (_, Relu, _, _) => Some("H05"),
        (_, Linear, BinaryCrossEntropy | CategoricalCrossEntropy | SparseCategoricalCrossEntropy, false) => {
            Some("L03")
        }
        (_, Softmax, CategoricalCrossEntropy | SparseCategoricalCrossEntropy, true) => Some("L01"),
        (_, Sigmoid, BinaryCrossEntropy, true) => Some("L02"),
        (_, Softmax, BinaryCrossEntropy, _) => Some("L06"),
        (_, Sigmoid | Softmax, MeanSquaredError, _) => Some("L08"),
        // Two logits, each of which decides alone.
        (2, Sigmoid | Linear, BinaryCrossEntropy, _) => Some("H02"),
        (2, Sigmoid, CategoricalCrossEntropy | SparseCategoricalCrossEntropy, _) => Some("L07"),
        (3, _, _, _) => Some("H04"),
        _ => None,
    }
}

/// What is wrong with a metric for a head that is right.
fn wrong_metric(
    units: usize,
    activation: Activation,
    from_logits: bool,
    metric: &str,
) -> Option<&'static str> {
    match metric {
        "exact_match" => Some("M01"),
        "binary_accuracy" if activation == Activation::Linear && from_logits => Some("M02"),
        "categorical_accuracy" | "sparse_categorical_accuracy" if units == 1 => Some("M03"),
        "accuarcy" => Some("T03"),
        _ => None,
    }
}

/// Points of a plane, and whether each lies right of the middle: separable, with a gap.
fn points(n: usize) -> (Vec<f32>, Vec<usize>) {
    let mut state = 0x2545_F491_u32;
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    let mut values = Vec::new();
    let mut classes = Vec::new();
    for _ in 0..n {
        let class = usize::from(draw() < 0.6);
        let x = 0.15 + 0.85 * draw();
        values.extend([if class == 1 { x } else { -x }, 2.0 * draw() - 1.0]);
        classes.push(class);
    }
    (values, classes)
}

/// The classes as someone has written them down: shape and values.
fn written(classes: &[usize], labels: Labels) -> (Vec<usize>, Vec<f32>) {
    let n = classes.len();
    let each = |value: fn(usize) -> f32| classes.iter().map(|&class| value(class)).collect();
    match labels {
        Labels::ZeroOne => (vec![n], each(|class| class as f32)),
        Labels::OneTwo => (vec![n], each(|class| class as f32 + 1.0)),
        Labels::MinusOneOne => (vec![n], each(|class| 2.0 * class as f32 - 1.0)),
        Labels::OneHot => {
            let rows = classes.iter().flat_map(|&class| [1.0 - class as f32, class as f32]);
            (vec![n, 2], rows.collect())
        }
        Labels::Column => (vec![n, 1], each(|class| class as f32)),
        Labels::Broadcast => {
            (vec![n, n], classes.iter().cycle().take(n * n).map(|&class| class as f32).collect())
        }
    }
}

/// Trains a small network that ends in `head`; the accuracy that is counted here from its outputs.
fn trained_accuracy(head: &Head, labels: Labels) -> f64 {
    const BATCH: usize = 100;
    const STEPS: usize = 150;
    let (values, classes) = points(BATCH);
    let (shape, written) = written(&classes, labels);
    let array = LabelArray::new(&shape, &written).expect("the shape is that of the values");
    let targets = head.targets(array, BATCH).expect("the labels can be read").values;
    let graph = Sequential::new([2])
        .add(Dense::new(8).activation(Activation::Tanh))
        .add(Dense::new(head.units()).activation(head.kind().activation()))
        .build()
        .expect("shapes fit");
    let network = Network::new(graph, head.task()).expect("the head was decided");
    let mut engine = Engine::new(network, Device::new(Cpu::new(1)), 7);
    for _ in 0..STEPS {
        engine.train_step(&values, &targets, BATCH, &Optimizer::adam(), 0.03).expect("the loss is finite");
    }

    let (new, truth) = points(2 * BATCH);
    let logits = engine.logits(&new, 2 * BATCH).to_vec();
    let right = logits.chunks_exact(head.units()).zip(&truth).filter(|(row, class)| {
        let mut probabilities = Vec::new();
        head.probabilities(row, &mut probabilities);
        if head.has_probabilities() {
            assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{head}: {probabilities:?}");
        }
        // From the outputs alone: more than a half for one, the larger of two.
        let own = match (&row[..], head.has_probabilities()) {
            ([z], true) => usize::from(1.0 / (1.0 + (-f64::from(*z)).exp()) >= 0.5),
            ([number], false) => usize::from(*number >= 0.5),
            ([first, second], _) => usize::from(second > first),
            _ => unreachable!("one unit or two"),
        };
        let reported = head.decide(row, Head::DEFAULT_THRESHOLD);
        assert_eq!(reported, Choice::Class(own), "{head}: what is reported is what the outputs say");
        own == **class
    });
    right.count() as f64 / truth.len() as f64
}

#[test]
fn every_combination_is_refused_for_the_right_reason_or_works() {
    let (mut refused, mut working) = (0, 0);
    let mut accuracies: Vec<(Head, Labels, f64)> = Vec::new();
    for (units, activation) in HEADS {
        for (loss, from_logits) in LOSSES {
            for labels in LABELS {
                for metric in METRICS {
                    let stated = Wiring {
                        units: Some(units),
                        activation: Some(activation),
                        loss: Some(loss),
                        from_logits: Some(from_logits),
                        labels: None,
                        metric: Some(metric.to_owned()),
                    };
                    let place = format!(
                        "Dense({units}, {activation}), {loss}, from_logits {from_logits}, {labels:?}, {metric}"
                    );
                    let wrong_labels = (labels == Labels::Broadcast).then_some("Y03");
                    let wanted = wrong_head(units, activation, loss, from_logits)
                        .or_else(|| wrong_metric(units, activation, from_logits, metric))
                        .or(wrong_labels);
                    let head = match stated.decide(None, 2, true) {
                        Err(finding) => {
                            assert_eq!(Some(finding.id()), wanted, "{place}\n{finding}");
                            assert!(
                                finding.is_error() && !finding.why.is_empty() && !finding.fix.is_empty(),
                                "{finding}"
                            );
                            refused += 1;
                            continue;
                        }
                        Ok(decision) => {
                            assert!(Metric::ALL.contains(&decision.metric()));
                            *decision.head()
                        }
                    };
                    if labels == Labels::Broadcast {
                        let (_, classes) = points(10);
                        let (shape, values) = written(&classes, labels);
                        let array =
                            LabelArray::new(&shape, &values).expect("the shape is that of the values");
                        let finding = head.targets(array, 10).expect_err("a label for each pair of pictures");
                        assert_eq!(Some(finding.id()), wanted, "{place}");
                        refused += 1;
                        continue;
                    }
                    assert_eq!(wanted, None, "{place}: it was not refused");
                    let known =
                        accuracies.iter().find(|(h, l, _)| (*h, *l) == (head, labels)).map(|(_, _, a)| *a);
                    let accuracy = known.unwrap_or_else(|| trained_accuracy(&head, labels));
                    if known.is_none() {
                        accuracies.push((head, labels, accuracy));
                    }
                    assert!(accuracy >= 0.97, "{place}: accuracy {accuracy}");
                    working += 1;
                }
            }
        }
    }
    assert_eq!(refused + working, HEADS.len() * LOSSES.len() * LABELS.len() * METRICS.len());
    assert!(working > 100 && accuracies.len() == 3 * 5, "{working} work, of {} kinds", accuracies.len());
}

//! docs/heads.md says what works and which rule refuses what does not: here it is held to that.

use divvy_nn::{Activation, Diagnostic, LossName, Task, Wiring};
use serde::Deserialize;

const PAGE: &str = include_str!("../../../docs/heads.md");

/// A file of the page: its head.
#[derive(Deserialize)]
struct File {
    head: Wiring,
}

/// The lines of the page's table of what does not go together, cell by cell.
fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    let (_, table) = PAGE.split_once("## What does not go together").unwrap();
    let rows = table.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
}

/// What is found against a last layer such as `1 sigmoid` together with what the page says in words.
fn finding(layer: &str, with: &str) -> Option<Diagnostic> {
    let (units, activation) = layer.split_once(' ').unwrap();
    let activation: Activation = activation.parse().unwrap();
    let (loss, from_logits) = match with {
        "categorical cross-entropy from logits" => (Some(LossName::CategoricalCrossEntropy), Some(true)),
        "binary cross-entropy from logits" => (Some(LossName::BinaryCrossEntropy), Some(true)),
        "binary cross-entropy, not from logits" => (Some(LossName::BinaryCrossEntropy), Some(false)),
        "categorical cross-entropy" => (Some(LossName::CategoricalCrossEntropy), None),
        "sparse categorical cross-entropy" => (Some(LossName::SparseCategoricalCrossEntropy), None),
        "binary cross-entropy" => (Some(LossName::BinaryCrossEntropy), None),
        "mean squared error" => (Some(LossName::MeanSquaredError), None),
        "anything" | "two groups" | "groups that exclude each other" | "labels that may occur together" => {
            (None, None)
        }
        other => panic!("this test does not know how to say '{other}'"),
    };
    let together = with == "labels that may occur together";
    let task = if together { Task::MultiLabel } else { Task::Binary };
    let wiring = Wiring {
        units: Some(units.parse().unwrap()),
        activation: Some(activation),
        loss,
        from_logits,
        ..Wiring::default()
    };
    wiring.decide(Some(task), 2, !together).err()
}

#[test]
fn what_the_page_says_is_refused_is_refused_by_that_rule() {
    let mut seen = 0;
    for row in rows() {
        let [layer, with, rule, _] = row[..] else { panic!("a row of four cells, not {row:?}") };
        let finding = finding(layer, with).unwrap_or_else(|| panic!("{layer} with {with} was accepted"));
        assert_eq!(finding.rule.id(), rule, "{layer} with {with}: {finding}");
        seen += 1;
    }
    assert_eq!(seen, 13, "the table was not read");
}

#[test]
fn what_the_page_writes_down_is_accepted() {
    let blocks: Vec<&str> =
        PAGE.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let heads: Vec<String> = blocks
        .iter()
        .map(|block| {
            let file: File = toml::from_str(block).unwrap();
            file.head.decide(Some(Task::Binary), 2, true).unwrap().head().to_string()
        })
        .collect();
    assert_eq!(heads, ["Dense(1, sigmoid)", "Dense(2, softmax)"]);
}

//! Every example runs to its end and keeps what it promises: each asserts how well it learnt.

use std::process::Command;

fn runs(example: &str) {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["run", "--quiet", "--package", "divvy", "--example", example]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.output().expect("cargo starts");
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{example} failed:\n{said}\n{complained}");
    assert!(said.contains("(None, "), "{example} does not say what its output means:\n{said}");
}

#[test]
fn two_unit_softmax() {
    runs("two_unit_softmax");
}

#[test]
fn one_unit_sigmoid() {
    runs("one_unit_sigmoid");
}

#[test]
fn three_classes() {
    runs("three_classes");
}

#[test]
fn six_classes() {
    runs("six_classes");
}

#[test]
fn multi_label() {
    runs("multi_label");
}

#[test]
fn linear_unit() {
    runs("linear_unit");
}

#[test]
fn functional_residual() {
    runs("functional_residual");
}

#[test]
fn train_from_folders() {
    runs("train_from_folders");
}

//! Every example runs to its end and keeps what it promises: each asserts how well it learnt.

use std::path::PathBuf;
use std::process::Command;

/// Where cargo puts the examples: beside the folder that holds this test.
fn built(example: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    let folder = test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps").join("examples");
    folder.join(format!("{example}{}", std::env::consts::EXE_SUFFIX))
}

fn runs(example: &str) {
    let program = built(example);
    assert!(program.exists(), "{} is not built; `cargo test -p divvy` builds it", program.display());
    let output = Command::new(program).output().expect("a program that was built starts");
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

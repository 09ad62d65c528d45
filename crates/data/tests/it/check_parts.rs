//! Rules that are decided on the parts of a split.

use crate::common::{folder, open, touch, write};
use divvy_data::{Dataset, Part, Split, check};
use divvy_rules::{Diagnostic, Rule, Severity};
use tempfile::TempDir;

/// A dataset with so many pictures of each class in each part.
fn parts(counts: &[(&str, &str, usize)]) -> (TempDir, Dataset) {
    let root = folder();
    for (part, group, n) in counts {
        for i in 0..*n {
            touch(root.path(), &[&format!("{part}/{group}/{i}.jpg")]);
        }
    }
    let dataset = open(root.path()).expect("it can be opened");
    (root, dataset)
}

fn findings(counts: &[(&str, &str, usize)], rule: Rule) -> Vec<Diagnostic> {
    let (_root, dataset) = parts(counts);
    let split = Split::new(&dataset, 0.2, 0).expect("the share is allowed");
    check::split(&dataset, &split).into_iter().filter(|finding| finding.rule == rule).collect()
}

#[test]
fn a_class_that_training_lacks_is_an_error() {
    let found = findings(
        &[("train", "a", 4), ("train", "b", 4), ("val", "a", 2), ("val", "b", 2), ("val", "c", 2)],
        Rule::Y05,
    );
    let [finding] = &found[..] else { panic!("{found:?}") };
    assert!(
        finding.is_error() && finding.what.contains("training part has no picture of 1 group"),
        "{finding}"
    );
    assert_eq!(finding.evidence, ["c: train 0, validation 2, test 0"]);
}

#[test]
fn a_part_of_one_class_is_an_error() {
    let found = findings(&[("train", "a", 4), ("train", "b", 4), ("val", "a", 2)], Rule::Y05);
    assert!(
        found.len() == 1
            && found[0].is_error()
            && found[0].what.contains("validation part holds pictures of `a` only"),
        "{found:?}"
    );
    let found = findings(&[("train", "a", 4), ("train", "b", 4), ("test", "b", 2)], Rule::Y05);
    assert!(
        found.len() == 1
            && found[0].is_error()
            && found[0].what.contains("test part holds pictures of `b` only"),
        "{found:?}"
    );
    let found = findings(&[("train", "a", 4), ("val", "a", 2), ("val", "b", 2)], Rule::Y05);
    assert!(
        found.len() == 1
            && found[0].is_error()
            && found[0].what.contains("training part holds pictures of `a` only"),
        "{found:?}"
    );
}

#[test]
fn a_class_that_only_judging_lacks_is_a_warning() {
    let train = [("train", "a", 5), ("train", "b", 5), ("train", "c", 5)];
    let with =
        |more: &[(&'static str, &'static str, usize)]| findings(&[&train[..], more].concat(), Rule::Y05);
    for (part, name) in [("val", "validation"), ("test", "test")] {
        let found = with(&[(part, "a", 2), (part, "b", 2)]);
        let [finding] = &found[..] else { panic!("{found:?}") };
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.what.contains(&format!("{name} part has no picture of 1 group")), "{finding}");
        assert!(finding.evidence[0].starts_with("c: train "), "{finding}");
        assert_eq!(with(&[(part, "a", 1), (part, "b", 1), (part, "c", 1)]), []);
    }
    assert_eq!(with(&[]), [], "what divvy draws holds every class");

    // A class of the model that this data does not have is missing from no part more than from another.
    let (_root, dataset) = parts(&[("train", "a", 5), ("train", "b", 5)]);
    let classes = ["a", "b", "c"].map(str::to_owned);
    let dataset = dataset.with_classes(&classes).expect("all are known");
    let split = Split::new(&dataset, 0.4, 0).expect("the share is allowed");
    assert!(check::split(&dataset, &split).iter().all(|finding| finding.rule != Rule::Y05));
}

#[test]
fn a_single_label_is_no_mistake_where_pictures_have_several() {
    let root = folder();
    touch(root.path(), &["1.jpg", "2.jpg", "3.jpg", "4.jpg"]);
    write(
        root.path(),
        "labels.csv",
        b"file,labels,part\n1.jpg,a|b,train\n2.jpg,a,train\n3.jpg,a,val\n4.jpg,b,val\n",
    );
    let dataset = open(root.path()).expect("it can be opened");
    let split = |validation: Vec<usize>| Split { train: vec![0, 1], validation, test: vec![] };
    let found = |validation| -> Vec<Severity> {
        let findings = check::split(&dataset, &split(validation)).into_iter();
        findings.filter(|finding| finding.rule == Rule::Y05).map(|finding| finding.severity).collect()
    };
    assert_eq!(found(vec![2]), [Severity::Warning]);
    assert_eq!(found(vec![2, 3]), []);
}

#[test]
fn few_validation_pictures_are_told_with_the_interval() {
    let (_root, dataset) =
        parts(&[("train", "a", 80), ("train", "b", 80), ("val", "a", 80), ("val", "b", 80)]);
    let validation = dataset.part(Some(Part::Validation));
    let finding = |n: usize| {
        let step = validation.len() / n;
        let chosen: Vec<usize> = validation.iter().copied().step_by(step).take(n).collect();
        assert_eq!(chosen.len(), n);
        let split = Split { train: dataset.part(Some(Part::Train)), validation: chosen, test: vec![] };
        check::split(&dataset, &split).into_iter().find(|finding| finding.rule == Rule::V06)
    };
    // Wilson's interval of 0.9 at 50, as the page has it.
    let found = finding(50).expect("50 are few");
    assert!(found.why.contains("0.79 to 0.96") && found.what.starts_with("few"), "{found}");
    assert_eq!(found.severity, Severity::Warning);
    let found = finding(12).expect("12 are very few");
    assert!(found.what.starts_with("far too few") && found.why.contains("8.3 points"), "{found}");
    assert!(finding(135).is_some());
    assert_eq!(finding(150), None);
}

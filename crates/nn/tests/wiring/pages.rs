//! The examples on the rules' pages: what a page calls wrong is found by its rule, and what it calls right is not.

use divvy_nn::{Architecture, ArchitectureError, Circumstances, Diagnostic, Task};
use divvy_rules::{Page, Rule};

/// The pictures of the pages' networks.
const INPUT: [usize; 3] = [32, 32, 3];

/// `# task: binary, classes: 2`, the first line of every example.
fn circumstances(code: &str) -> Option<(Task, usize)> {
    let line = code.lines().next()?.strip_prefix("# task: ")?;
    let (task, classes) = line.split_once(", classes: ")?;
    Some((task.parse().ok()?, classes.trim().parse().ok()?))
}

/// Everything that is found in an example.
fn findings(code: &str, task: Task, classes: usize) -> Vec<Diagnostic> {
    let architecture = Architecture::from_toml(code, "page.toml").expect("an example can be read");
    let exclusive = task != Task::MultiLabel;
    let decision = match architecture.decide(&divvy_nn::Wiring::default(), Some(task), classes, exclusive) {
        Ok(decision) => decision,
        Err(finding) => return vec![finding],
    };
    let mut found = decision.notes().to_vec();
    if code.contains("[[layer]]") {
        match architecture.network(INPUT, decision.head()) {
            Ok(network) => {
                let training = Circumstances { batch: Some(32), input_is_scaled: true };
                found.extend(architecture.lint(&network, &training));
            }
            Err(ArchitectureError::Finding(finding)) => found.push(*finding),
            Err(other) => panic!("{other}\n{code}"),
        }
    }
    found.retain(|finding| !architecture.allowed().contains(&finding.rule));
    found
}

/// The examples of a section that are networks or statements.
fn examples(page: Page, section: &str) -> Vec<(&'static str, Task, usize)> {
    let snippets = page.snippets(section).filter(|snippet| snippet.language == "toml");
    let code = snippets
        .map(|snippet| snippet.code)
        .filter(|code| code.contains("[head]") || code.contains("[[layer]]"));
    code.map(|code| {
        let (task, classes) =
            circumstances(code).unwrap_or_else(|| panic!("no task and classes above\n{code}"));
        (code, task, classes)
    })
    .collect()
}

#[test]
fn what_a_page_calls_wrong_is_found_by_its_rule() {
    let mut shown = 0;
    for &rule in Rule::ALL {
        for (code, task, classes) in examples(rule.page(), "Wrong") {
            let found = findings(code, task, classes);
            let first = found.first().unwrap_or_else(|| panic!("{rule}: nothing found in\n{code}"));
            assert_eq!(first.rule, rule, "{first}\nin\n{code}");
            shown += 1;
        }
    }
    assert!(shown >= 20, "only {shown} examples");
}

#[test]
fn what_a_page_calls_right_is_not() {
    let mut shown = 0;
    for &rule in Rule::ALL {
        for (code, task, classes) in examples(rule.page(), "Right") {
            let found = findings(code, task, classes);
            let wrong =
                found.iter().find(|finding| finding.rule == rule && rule != Rule::M04 || finding.is_error());
            assert!(wrong.is_none(), "{rule}: {}\nin\n{code}", wrong.unwrap());
            shown += 1;
        }
    }
    assert!(shown >= 20, "only {shown} examples");
}

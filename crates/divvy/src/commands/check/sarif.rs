//! Findings as SARIF 2.1.0 (OASIS standard, <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>), the format in which
//! systems for continuous integration take the results of checkers.

use std::path::Path;

use divvy::rules::{Diagnostic, Place, Rule, Severity};
use serde_json::{Value, json};

/// A log with one run of divvy: the rules that are broken, and where.
pub(super) fn log(findings: &[&Diagnostic]) -> Value {
    let mut rules: Vec<Rule> = findings.iter().map(|finding| finding.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    let results: Vec<Value> = findings.iter().map(|finding| result(finding, &rules)).collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "divvy",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().copied().map(descriptor).collect::<Vec<_>>(),
            }},
            "results": results,
        }],
    })
}

/// A `reportingDescriptor` (§3.49).
fn descriptor(rule: Rule) -> Value {
    let page = rule.page();
    json!({
        "id": rule.id(),
        "name": rule.name(),
        "shortDescription": { "text": page.title() },
        "fullDescription": { "text": page.summary() },
        "help": { "text": page.text(), "markdown": page.text() },
        "defaultConfiguration": { "level": level(rule.severity()) },
    })
}

/// A `result` (§3.27).
fn result(finding: &Diagnostic, rules: &[Rule]) -> Value {
    let mut text = format!("{}: {}. {}.", finding.what, finding.why, finding.fix);
    for item in &finding.evidence {
        text.push('\n');
        text.push_str(item);
    }
    let mut result = json!({
        "ruleId": finding.rule.id(),
        "level": level(finding.severity),
        "message": { "text": text },
        "locations": [location(&finding.place)],
    });
    if let Ok(index) = rules.binary_search(&finding.rule) {
        result["ruleIndex"] = json!(index);
    }
    result
}

/// A `location` (§3.28): the file and line where they are known, and what is at fault there.
fn location(place: &Place) -> Value {
    let mut location = json!({});
    if let Some(file) = &place.file {
        location["physicalLocation"] = json!({ "artifactLocation": { "uri": uri(file) } });
        // A line is a positive 32-bit number there.
        if let Some(line) = place.line.filter(|line| (1..=i32::MAX as usize).contains(line)) {
            location["physicalLocation"]["region"] = json!({ "startLine": line });
        }
    }
    if !place.what.is_empty() {
        let name = place.layer.as_deref().unwrap_or(&place.what);
        location["logicalLocations"] = json!([{ "name": name, "fullyQualifiedName": place.what }]);
    }
    location
}

/// A path as a URI reference (RFC 3986): what is not allowed in one is percent-encoded.
fn uri(path: &Path) -> String {
    use std::fmt::Write;
    let mut uri = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(*byte));
            }
            b'\\' => uri.push('/'),
            // Writing to a string cannot fail.
            other => _ = write!(uri, "%{other:02X}"),
        }
    }
    uri
}

/// A `level` (§3.27.10).
fn level(severity: Severity) -> &'static str {
    severity.name()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_result_with_its_rule_and_place() {
        let findings = [
            Diagnostic::new(Rule::V02, "copies")
                .at(Place::file("my photos/ü"))
                .because("why")
                .fix("fix")
                .evidence(["a", "b"]),
            Diagnostic::new(Rule::H01, "one unit")
                .at(Place::layer("head", "Dense").inside(Path::new("net.toml"), Some(7))),
        ];
        let log = log(&findings.each_ref());
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        let ids: Vec<&Value> =
            run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|r| &r["id"]).collect();
        assert_eq!(ids, ["H01", "V02"]);
        let (copies, unit) = (&run["results"][0], &run["results"][1]);
        assert_eq!((&copies["ruleIndex"], &unit["ruleIndex"]), (&json!(1), &json!(0)));
        assert_eq!((&copies["level"], &unit["level"]), (&json!("warning"), &json!("error")));
        assert_eq!(copies["message"]["text"], "copies: why. fix.\na\nb");
        let place = &copies["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "my%20photos/%C3%BC");
        assert!(place.get("region").is_none());
        let place = &unit["locations"][0];
        assert_eq!(place["physicalLocation"]["region"]["startLine"], 7);
        assert_eq!(place["logicalLocations"][0]["name"], "head");
    }
}

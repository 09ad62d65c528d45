//! Findings for people, and as JSON.

use std::collections::BTreeSet;

use divvy::rules::{Diagnostic, Rule, Severity};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::copies::NamedGroup;
use super::count;
use crate::terminal::Terminal;

/// What a check came to.
pub(super) struct Printed<'a> {
    pub(super) subject: &'a str,
    pub(super) kind: &'static str,
    pub(super) findings: &'a [&'a Diagnostic],
    /// What else is wrong, a sentence each.
    pub(super) problems: &'a [String],
    /// Pictures that are there more than once.
    pub(super) copies: &'a [NamedGroup],
    /// Rules that are broken and that someone allows to be.
    pub(super) silenced: BTreeSet<Rule>,
}

impl Printed<'_> {
    pub(super) fn print(&self, terminal: &mut Terminal) {
        let palette = terminal.palette();
        for finding in self.findings {
            terminal.print(format_args!("{}\n", palette.finding(finding)));
        }
        terminal.print(self.summary());
        let rules: BTreeSet<Rule> = self.findings.iter().map(|finding| finding.rule).collect();
        if !rules.is_empty() {
            let rules: Vec<&str> = rules.into_iter().map(Rule::id).collect();
            terminal.tell(format_args!("`divvy explain {}` says more", rules.join(" ")));
        }
    }

    /// `photos: 1 error, 2 warnings`
    fn summary(&self) -> String {
        let counts = Severity::ALL.iter().rev().filter_map(|&severity| {
            let n = count(self.findings, severity);
            (n > 0).then(|| format!("{n} {severity}{}", if n == 1 { "" } else { "s" }))
        });
        let mut counts: Vec<String> = counts.collect();
        if !self.problems.is_empty() {
            counts.push(format!("{} left out or missing", self.problems.len()));
        }
        if counts.is_empty() {
            counts.push("nothing found".to_owned());
        }
        counts.extend(self.silenced.iter().map(|rule| format!("{rule} allowed")));
        format!("{}: {}", self.subject, counts.join(", "))
    }
}

impl Serialize for Printed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Check", 9)?;
        object.serialize_field("subject", self.subject)?;
        object.serialize_field("kind", self.kind)?;
        object.serialize_field("errors", &count(self.findings, Severity::Error))?;
        object.serialize_field("warnings", &count(self.findings, Severity::Warning))?;
        object.serialize_field("notes", &count(self.findings, Severity::Note))?;
        object.serialize_field("allowed", &self.silenced)?;
        object.serialize_field("problems", self.problems)?;
        object.serialize_field("findings", self.findings)?;
        object.serialize_field("copies", self.copies)?;
        object.end()
    }
}

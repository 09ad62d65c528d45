//! Findings: what is wrong, why it matters and what to write instead.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::place::Place;
use crate::rule::{Rule, Severity};

/// A place where a rule is broken.
///
/// Prints as a good compiler's message does, in plain text without a newline at the end:
///
/// ```text
/// error[H01]: softmax over a single unit
///   at:  layer `dense_3`
///   why: its output is 1 for every picture and its gradient 0, so nothing can be learnt
///   fix: write Dense(2, softmax), or Dense(1, sigmoid)
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The rule, which `divvy explain` explains.
    #[serde(rename = "id")]
    pub rule: Rule,
    /// How bad it is here.
    pub severity: Severity,
    /// Where. Boxed, so that a finding is no burden as an error.
    pub place: Box<Place>,
    /// What was found, in a few words.
    pub what: String,
    /// What it does, and why, with the arithmetic.
    pub why: String,
    /// What to write or do instead.
    pub fix: String,
    /// What shows it, an item each: the files that are copies, the groups that are missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
}

/// How many items of evidence are printed before the rest is only counted.
const SHOWN: usize = 5;

impl Diagnostic {
    /// A finding of the rule's usual severity, of which the rest is still to be told.
    pub fn new(rule: Rule, what: impl Into<String>) -> Self {
        Self {
            rule,
            severity: rule.severity(),
            place: Box::default(),
            what: what.into(),
            why: String::new(),
            fix: String::new(),
            evidence: Vec::new(),
        }
    }

    /// The finding, moved to where a caller who knows more found it.
    pub fn at(mut self, place: impl Into<Place>) -> Self {
        self.place = Box::new(place.into());
        self
    }

    /// The finding with the reason.
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// The finding with what to do.
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    /// The finding at another severity than the rule's usual one.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// The finding with what shows it.
    pub fn evidence(mut self, items: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.evidence = items.into_iter().map(Into::into).collect();
        self
    }

    /// The rule's number.
    pub fn id(&self) -> &'static str {
        self.rule.id()
    }

    /// Whether it cannot work.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// What comes after the number, in lines of a label and a text.
    pub fn details(&self) -> impl Iterator<Item = (&'static str, String)> {
        let place = (!self.place.is_empty()).then(|| ("at", self.place.to_string()));
        let why = (!self.why.is_empty()).then(|| ("why", self.why.clone()));
        let fix = (!self.fix.is_empty()).then(|| ("fix", self.fix.clone()));
        let shown = self.evidence.iter().take(SHOWN).map(|item| ("see", item.clone()));
        let more = self.evidence.len().saturating_sub(SHOWN);
        let more = (more > 0).then(|| ("see", format!("and {more} more")));
        place.into_iter().chain(why).chain(fix).chain(shown).chain(more)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.severity, self.rule, self.what)?;
        self.details().try_for_each(|(label, text)| write!(f, "\n  {:<4} {text}", format!("{label}:")))
    }
}

impl std::error::Error for Diagnostic {}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding() -> Diagnostic {
        Diagnostic::new(Rule::Y01, "class 7 of 3")
            .at("cats/1.jpg")
            .because("there is no such class")
            .fix("use 0 to 2")
    }

    #[test]
    fn prints_over_four_lines() {
        assert_eq!(
            finding().to_string(),
            "error[Y01]: class 7 of 3\n  at:  cats/1.jpg\n  why: there is no such class\n  fix: use 0 to 2"
        );
    }

    #[test]
    fn shows_the_first_of_much_evidence() {
        let text = finding().evidence((0..9).map(|i| format!("{i}.jpg"))).to_string();
        assert!(text.ends_with("  see: 3.jpg\n  see: 4.jpg\n  see: and 4 more"), "{text}");
    }

    #[test]
    fn is_read_as_it_was_written() {
        let finding = finding().severity(Severity::Note).evidence(["a", "b"]);
        let json = serde_json::to_string(&finding).unwrap();
        assert!(json.starts_with(r#"{"id":"Y01","severity":"note","place":{"what":"cats/1.jpg"}"#), "{json}");
        assert_eq!(serde_json::from_str::<Diagnostic>(&json).unwrap(), finding);
    }
}

//! Findings: what is wrong, why it matters and what to write instead.

use std::fmt;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Works, but probably not as meant.
    Warning,
    /// Cannot work.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A numbered finding.
///
/// Prints as a good compiler's message does, in plain text without a newline at the end:
///
/// ```text
/// error[H01]: softmax over a single unit
///   at:  layer `dense_3`
///   why: its output is 1 for every picture and its gradient 0, so nothing can be learnt
///   fix: write Dense(2, softmax), or Dense(1, sigmoid)
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The number under which the documentation explains it, e.g. `H01`.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where: a layer, a file, a sample.
    pub place: String,
    /// What was found, in a few words.
    pub what: String,
    /// What it would do, and why.
    pub why: String,
    /// What to write or do instead.
    pub fix: String,
}

impl Diagnostic {
    /// The finding, moved to where a caller who knows more found it.
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}[{}]: {}", self.severity, self.id, self.what)?;
        writeln!(f, "  at:  {}", self.place)?;
        writeln!(f, "  why: {}", self.why)?;
        write!(f, "  fix: {}", self.fix)
    }
}

impl std::error::Error for Diagnostic {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_over_four_lines() {
        let finding = Diagnostic {
            id: "Y01",
            severity: Severity::Error,
            place: "label".into(),
            what: "class 7 of 3".into(),
            why: "there is no such class".into(),
            fix: "use 0 to 2".into(),
        };
        assert_eq!(
            finding.at("cats/1.jpg").to_string(),
            "error[Y01]: class 7 of 3\n  at:  cats/1.jpg\n  why: there is no such class\n  fix: use 0 to 2"
        );
    }
}

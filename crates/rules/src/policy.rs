//! What is to be done about findings.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;
use crate::rule::{Rule, Severity};

/// What someone wants done about findings: which are silenced, and whether warnings are errors.
///
/// In a settings file: `allow = ["T05"]` and `deny_warnings = true`. An error cannot be silenced: what it is about cannot
/// work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Rules whose warnings and notes are left out.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub allow: BTreeSet<Rule>,
    /// Whether a warning stops what is being done, as an error does.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deny_warnings: bool,
}

/// What becomes of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody wants to hear of it.
    Silent,
    /// It is told, and work goes on.
    Told(Diagnostic),
    /// Work stops.
    Refused(Diagnostic),
}

impl Policy {
    /// Also silences these rules.
    pub fn allow_also(&mut self, rules: impl IntoIterator<Item = Rule>) {
        self.allow.extend(rules);
    }

    /// What becomes of a finding. A warning that is denied comes back as an error.
    pub fn judge(&self, finding: Diagnostic) -> Verdict {
        match finding.severity {
            Severity::Error => Verdict::Refused(finding),
            _ if self.allow.contains(&finding.rule) => Verdict::Silent,
            Severity::Warning if self.deny_warnings => Verdict::Refused(finding.severity(Severity::Error)),
            Severity::Warning | Severity::Note => Verdict::Told(finding),
        }
    }

    /// The findings that are told, or the first that work stops for.
    ///
    /// # Errors
    /// The first finding that is refused.
    pub fn judge_all(
        &self,
        findings: impl IntoIterator<Item = Diagnostic>,
    ) -> Result<Vec<Diagnostic>, Diagnostic> {
        let mut told = Vec::new();
        for finding in findings {
            match self.judge(finding) {
                Verdict::Silent => {}
                Verdict::Told(finding) => told.push(finding),
                Verdict::Refused(finding) => return Err(finding),
            }
        }
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(severity: Severity) -> Diagnostic {
        Diagnostic::new(Rule::T05, "heavy").severity(severity)
    }

    #[test]
    fn warnings_are_told_silenced_or_refused_and_errors_always_refused() {
        let usual = Policy::default();
        let allowing = Policy { allow: BTreeSet::from([Rule::T05]), ..Policy::default() };
        let strict = Policy { deny_warnings: true, ..Policy::default() };
        let both = Policy { deny_warnings: true, ..allowing.clone() };
        let (note, warning, error) = (of(Severity::Note), of(Severity::Warning), of(Severity::Error));
        for (policy, finding, wanted) in [
            (&usual, &note, Verdict::Told(note.clone())),
            (&usual, &warning, Verdict::Told(warning.clone())),
            (&usual, &error, Verdict::Refused(error.clone())),
            (&allowing, &note, Verdict::Silent),
            (&allowing, &warning, Verdict::Silent),
            (&allowing, &error, Verdict::Refused(error.clone())),
            (&strict, &note, Verdict::Told(note.clone())),
            (&strict, &warning, Verdict::Refused(error.clone())),
            (&both, &warning, Verdict::Silent),
        ] {
            assert_eq!(policy.judge(finding.clone()), wanted, "{policy:?} {finding:?}");
        }
        assert_eq!(strict.judge_all([note.clone(), warning.clone()]), Err(error));
        assert_eq!(usual.judge_all([note.clone(), warning.clone()]), Ok(vec![note, warning]));
    }

    #[test]
    fn other_rules_stay_what_they_are() {
        let allowing = Policy { allow: BTreeSet::from([Rule::T06]), ..Policy::default() };
        assert!(matches!(allowing.judge(of(Severity::Warning)), Verdict::Told(_)));
    }
}

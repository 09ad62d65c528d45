//! Findings that name the pictures they are about.

use super::{name, place};
use crate::dataset::Dataset;
use divvy_rules::Diagnostic;

/// A finding, and the pictures that it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What is told of it.
    pub diagnostic: Diagnostic,
    /// The pictures, the worst first; none where the finding is about something else.
    pub suspects: Vec<Suspect>,
}

/// A picture that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// Its index in the dataset.
    pub sample: usize,
    /// What shows it, in words: `12 x 900 pixels`.
    pub measure: String,
    /// Which set of pictures that belong together it is of, such as copies of each other; sets are numbered from 0 in each
    /// finding.
    pub set: Option<usize>,
    /// Whether the finding would be gone without it; false for the one of several copies that may stay.
    pub is_spare: bool,
}

impl Suspect {
    /// A picture that is suspect by itself.
    pub fn alone(sample: usize, measure: impl Into<String>) -> Self {
        Self { sample, measure: measure.into(), set: None, is_spare: true }
    }
}

impl Finding {
    /// A finding about pictures of a dataset, whose evidence is their names and measures; `told` says the rest of so many. None where
    /// there are none.
    pub(super) fn of_suspects(
        dataset: &Dataset,
        suspects: Vec<Suspect>,
        told: impl FnOnce(usize) -> Diagnostic,
    ) -> Option<Self> {
        if suspects.is_empty() {
            return None;
        }
        let line = |suspect: &Suspect| format!("{}: {}", name(dataset, suspect.sample), suspect.measure);
        let diagnostic = told(suspects.len()).at(place(dataset)).evidence(suspects.iter().map(line));
        Some(Self { diagnostic, suspects })
    }

    /// What is told of it in few words: not which pictures it is about, but how to see them.
    pub fn briefly(self) -> Diagnostic {
        if self.suspects.is_empty() {
            return self.diagnostic;
        }
        let fix = "`divvy check DATA --report FOLDER` shows them and says what to do";
        Diagnostic { evidence: Vec::new(), ..self.diagnostic.fix(fix) }
    }

    /// The finding with what is told of it changed.
    pub(super) fn with(mut self, change: impl FnOnce(Diagnostic) -> Diagnostic) -> Self {
        self.diagnostic = change(self.diagnostic);
        self
    }
}

impl From<Diagnostic> for Finding {
    /// A finding that is not about single pictures.
    fn from(diagnostic: Diagnostic) -> Self {
        Self { diagnostic, suspects: Vec::new() }
    }
}

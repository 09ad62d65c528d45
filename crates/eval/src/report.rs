//! What the reports have in common.

use std::fmt;

use serde::Serialize;

use crate::{ExclusiveReport, MultiLabelReport};

/// What the labels of a report mean. Serialises, and displays, in kebab-case: `multi-class`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// One of two classes.
    Binary,
    /// One of several classes.
    MultiClass,
    /// Any number of labels.
    MultiLabel,
    /// One of two classes, told apart by a number that is no probability.
    Regression,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Binary => "binary",
            Self::MultiClass => "multi-class",
            Self::MultiLabel => "multi-label",
            Self::Regression => "regression",
        })
    }
}

/// The report of any task. Serialises as the report it holds, which states its task.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Report {
    /// Each sample has one class.
    Exclusive(ExclusiveReport),
    /// Each sample has any number of labels.
    MultiLabel(MultiLabelReport),
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exclusive(report) => report.fmt(f),
            Self::MultiLabel(report) => report.fmt(f),
        }
    }
}

impl From<ExclusiveReport> for Report {
    fn from(report: ExclusiveReport) -> Self {
        Self::Exclusive(report)
    }
}

impl From<MultiLabelReport> for Report {
    fn from(report: MultiLabelReport) -> Self {
        Self::MultiLabel(report)
    }
}

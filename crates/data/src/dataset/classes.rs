//! Class names and their order.

use super::{Label, LabelKind};
use crate::natural::natural_cmp;
use std::collections::{BTreeSet, HashMap};

/// Class names in natural order, with their indices.
pub(super) struct Classes {
    names: Vec<String>,
    index: HashMap<String, usize>,
}

impl Classes {
    pub(super) fn new(names: BTreeSet<String>) -> Self {
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort_by(|a, b| natural_cmp(a, b));
        Self::in_order(names)
    }

    /// Class names in an order of their own.
    pub(super) fn in_order(names: Vec<String>) -> Self {
        let index = names.iter().cloned().zip(0..).collect();
        Self { names, index }
    }

    /// The label for names that all are classes.
    pub(super) fn label<'a>(&self, kind: LabelKind, names: impl IntoIterator<Item = &'a String>) -> Label {
        let mut labels: Vec<usize> = names.into_iter().map(|name| self.index[name]).collect();
        match kind {
            LabelKind::Classes => Label::Class(labels[0]),
            LabelKind::MultiLabel => {
                labels.sort_unstable();
                labels.dedup();
                Label::Labels(labels)
            }
        }
    }

    pub(super) fn into_names(self) -> Vec<String> {
        self.names
    }
}

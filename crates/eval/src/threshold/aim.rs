//! What a threshold is chosen for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Cost, Level, LevelError};

/// What a threshold is chosen for.
///
/// Written as `cost`, `precision=0.9`, `recall=0.95`, `f1` and `youden`; both mistakes of `cost` cost 1 until others are stated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aim {
    /// The least cost of all mistakes.
    Cost {
        /// What it costs to take a negative sample for a positive one.
        false_positive: Cost,
        /// What it costs to miss a positive sample.
        false_negative: Cost,
    },
    /// The largest recall at which this share of the positive decisions is right.
    Precision(Level),
    /// The largest precision at which this share of the positive samples is found.
    Recall(Level),
    /// The largest harmonic mean of precision and recall.
    F1,
    /// The largest sum of recall and specificity (Youden 1950, *Cancer* 3:32), however rare the positive class is.
    Youden,
}

/// A text that is no [`Aim`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AimError {
    /// No such aim.
    #[error("`{found}` is no aim; write cost, precision=0.9, recall=0.95, f1 or youden")]
    Unknown {
        /// What was found.
        found: String,
    },
    /// The share of an aim that asks for one is missing or none.
    #[error("the aim `{aim}` asks for a share: {source}")]
    Level {
        /// Which aim.
        aim: &'static str,
        /// What is wrong with the share.
        source: LevelError,
    },
}

impl Aim {
    /// The name of what the aim is about.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cost { .. } => "cost",
            Self::Precision(_) => "precision",
            Self::Recall(_) => "recall",
            Self::F1 => "f1",
            Self::Youden => "youden",
        }
    }
}

impl FromStr for Aim {
    type Err = AimError;

    fn from_str(text: &str) -> Result<Self, AimError> {
        let text = text.trim();
        let (name, share) = text.split_once('=').map_or((text, None), |(name, share)| (name, Some(share)));
        let level = |aim| share.unwrap_or("").parse().map_err(|source| AimError::Level { aim, source });
        match (name.trim_end(), share) {
            ("cost", None) => Ok(Self::Cost { false_positive: Cost::ONE, false_negative: Cost::ONE }),
            ("precision", _) => level("precision").map(Self::Precision),
            ("recall", _) => level("recall").map(Self::Recall),
            ("f1", None) => Ok(Self::F1),
            ("youden", None) => Ok(Self::Youden),
            _ => Err(AimError::Unknown { found: text.to_owned() }),
        }
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Precision(level) | Self::Recall(level) => write!(f, "{}={level}", self.name()),
            Self::Cost { .. } | Self::F1 | Self::Youden => f.write_str(self.name()),
        }
    }
}

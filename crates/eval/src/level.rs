//! Shares that are asked for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A share that is asked for, strictly between 0 and 1: such as a coverage or a precision.
///
/// 0 and 1 are left out because no number of samples can show that something never, or always, happens. Serialises as the number.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Level(f64);

/// By how much a product of a level and a whole number may be off, in parts of itself.
const ROUNDING: f64 = 4.0 * f64::EPSILON;

/// A text or a number that is no [`Level`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no share that can be held to; give a number between 0 and 1, such as 0.95")]
pub struct LevelError {
    /// What was found.
    pub found: String,
}

impl Level {
    /// The level of this value.
    ///
    /// # Errors
    /// The value is not strictly between 0 and 1.
    pub fn new(value: f64) -> Result<Self, LevelError> {
        if value > 0.0 && value < 1.0 {
            Ok(Self(value))
        } else {
            Err(LevelError { found: value.to_string() })
        }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// `level (n + 1)`: how many of `n` earlier samples must be as good as a new one that is exchangeable with them is to be with this
    /// chance. Less what rounding may have added: 0.07 of 100 is 7.000000000000001.
    pub(crate) fn of_exchangeable(self, n: usize) -> f64 {
        self.0 * (n as f64 + 1.0) * (1.0 - ROUNDING)
    }
}

impl FromStr for Level {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, LevelError> {
        let text = text.trim();
        let refused = LevelError { found: text.to_owned() };
        text.parse().ok().and_then(|value| Self::new(value).ok()).ok_or(refused)
    }
}

impl TryFrom<f64> for Level {
    type Error = LevelError;

    fn try_from(value: f64) -> Result<Self, LevelError> {
        Self::new(value)
    }
}

impl From<Level> for f64 {
    fn from(level: Level) -> Self {
        level.0
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

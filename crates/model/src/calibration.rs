//! By what probabilities were made to come true.

use divvy_nn::LogitLine;
use serde::{Deserialize, Serialize};

/// By what the logits were put on another scale, fitted on validation pictures, so that probabilities come true as often as they say. It is in a
/// model's weights already.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum Calibration {
    /// The logits of a softmax are divided by one number (Guo et al. 2017).
    Temperature {
        /// Above 0; above 1 it makes answers less sure.
        temperature: f64,
    },
    /// The logit of each sigmoid moves along a line of its own (Platt 1999).
    Platt {
        /// One a unit.
        lines: Vec<LogitLine>,
    },
}

impl Calibration {
    /// The line of each of so many units.
    pub fn lines(&self, units: usize) -> Vec<LogitLine> {
        match self {
            Self::Temperature { temperature } => {
                vec![LogitLine { slope: temperature.recip() as f32, intercept: 0.0 }; units]
            }
            Self::Platt { lines } => lines.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temperature_divides_every_logit() {
        let lines = Calibration::Temperature { temperature: 4.0 }.lines(3);
        assert_eq!(lines, [LogitLine { slope: 0.25, intercept: 0.0 }; 3]);
    }
}

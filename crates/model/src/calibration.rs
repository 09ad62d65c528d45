//! By what probabilities were made to come true.

use std::iter::repeat;

use divvy_nn::LogitLine;
use serde::{Deserialize, Serialize};

/// By what the logits were put on another scale, fitted on validation pictures, so that probabilities come true as often as they say. It is in a
/// model's weights already.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum Calibration {
    /// The logits of a softmax are divided by one number (Guo et al. 2017), and one is added to those of each class (Alexandari et al. 2020).
    Temperature {
        /// Above 0; above 1 it makes answers less sure.
        temperature: f64,
        /// One a class, added after the division; nothing is where there are none.
        #[serde(default)]
        biases: Vec<f64>,
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
            Self::Temperature { temperature, biases } => {
                let line =
                    |bias: f64| LogitLine { slope: temperature.recip() as f32, intercept: bias as f32 };
                match (units, biases.as_slice()) {
                    // A softmax of two that was converted to a sigmoid, which speaks for the second.
                    (1, [first, second]) => vec![line(second - first)],
                    _ => biases.iter().copied().chain(repeat(0.0)).take(units).map(line).collect(),
                }
            }
            Self::Platt { lines } => lines.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temperature_divides_every_logit_and_biases_are_added() {
        let line = |intercept| LogitLine { slope: 0.25, intercept };
        let lines =
            |biases: &[f64]| Calibration::Temperature { temperature: 4.0, biases: biases.to_vec() }.lines(3);
        assert_eq!(lines(&[]), [line(0.0); 3]);
        assert_eq!(lines(&[0.5, -0.75, 0.25]), [line(0.5), line(-0.75), line(0.25)]);
        let of_two = Calibration::Temperature { temperature: 4.0, biases: vec![0.5, -0.5] };
        assert_eq!((of_two.lines(2), of_two.lines(1)), (vec![line(0.5), line(-0.5)], vec![line(-1.0)]));
    }
}

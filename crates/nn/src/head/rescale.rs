//! Logits on another scale, by the parameters of the layer that makes them.

use serde::{Deserialize, Serialize};

use crate::network::Network;
use crate::parameters::{Parameters, Tensor};

/// A line along which a logit z moves: `slope · z + intercept`. With a slope above 0 larger logits stay larger.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LogitLine {
    /// Above 0.
    pub slope: f32,
    /// Added.
    pub intercept: f32,
}

impl LogitLine {
    /// Along which every logit stays where it is.
    pub const UNCHANGED: Self = Self { slope: 1.0, intercept: 0.0 };

    /// The logit on the new scale.
    pub fn at(self, logit: f32) -> f32 {
        self.slope * logit + self.intercept
    }

    /// The logit that it has made this of.
    pub fn before(self, logit: f32) -> f32 {
        (logit - self.intercept) / self.slope
    }

    /// The line whose logits are higher by so much.
    pub fn raised(self, by: f32) -> Self {
        Self { intercept: self.intercept + by, ..self }
    }

    /// Whether it is a line that keeps the order of logits.
    fn is_rising(self) -> bool {
        self.slope > 0.0 && self.slope.is_finite() && self.intercept.is_finite()
    }
}

impl Network {
    /// Whether the parameters of the layer that makes the logits can move these along such lines, one a unit.
    pub fn takes(&self, lines: &[LogitLine]) -> bool {
        let fits =
            |has_bias: bool| lines.iter().all(|line| line.is_rising() && (has_bias || line.intercept == 0.0));
        self.logit_layer().is_some_and(|(_, has_bias)| fits(has_bias))
    }

    /// `parameters` of this network whose logits are `lines`, one a unit, of those that it gives now: the weights of the last layer times the slope, its bias along the
    /// line. So a calibration of probabilities is a part of the network, and whatever reads the model has it.
    ///
    /// None where they cannot ([`takes`](Self::takes)), and where a parameter would no longer be finite.
    ///
    /// # Panics
    /// When there is not one line a unit.
    pub fn rescaled(&self, parameters: &Parameters, lines: &[LogitLine]) -> Option<Parameters> {
        assert_eq!(lines.len(), self.head().units(), "a line for each unit");
        if !self.takes(lines) {
            return None;
        }
        let (layer, _) = self.logit_layer()?;
        let layer = &self.graph().node(layer).name;
        let [kernel, bias] = ["kernel", "bias"].map(|parameter| format!("{layer}/{parameter}"));
        let tensors = parameters.tensors().map(|mut tensor: Tensor| {
            let units = tensor.values.iter_mut().zip(lines.iter().cycle());
            if tensor.name == kernel {
                // Units are the last axis.
                units.for_each(|(weight, line)| *weight *= line.slope);
            } else if tensor.name == bias {
                units.for_each(|(bias, line)| *bias = line.at(*bias));
            }
            tensor
        });
        Parameters::from_tensors(parameters.table().clone(), tensors).ok()
    }
}

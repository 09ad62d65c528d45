//! Activation functions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::ShapeError;
use crate::names::{UnknownName, name_and_number};

/// A function applied to each value; softmax to each sample or position, along its last axis.
///
/// In files it is a string: `"relu"`, or `"leaky_relu(0.1)"` where the parameter is not the default.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Activation {
    /// `x`
    #[default]
    Linear,
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `x` where positive, else `alpha · x` (Maas et al. 2013).
    LeakyRelu {
        /// Slope where negative; 0.3 by default, as in Keras.
        alpha: f32,
    },
    /// `x` where positive, else `alpha · (eˣ − 1)` (Clevert et al. 2015).
    Elu {
        /// Where it saturates; 1 by default.
        alpha: f32,
    },
    /// `x · Φ(x)` with the normal distribution's Φ: the exact form, not the tanh approximation (Hendrycks and
    /// Gimpel 2016).
    Gelu,
    /// `x · sigmoid(x)` (Ramachandran et al. 2017, there "swish").
    Silu,
    /// `x · relu6(x + 3) / 6` (Howard et al. 2019).
    HardSwish,
    /// `tanh(x)`
    Tanh,
    /// `1 / (1 + e⁻ˣ)`
    Sigmoid,
    /// `eˣⁱ / Σⱼ eˣʲ` along the last axis.
    Softmax,
}

impl Activation {
    /// Every function, parameters at their defaults.
    pub const ALL: [Self; 11] = [
        Self::Linear,
        Self::Relu,
        Self::Relu6,
        Self::LeakyRelu { alpha: 0.3 },
        Self::Elu { alpha: 1.0 },
        Self::Gelu,
        Self::Silu,
        Self::HardSwish,
        Self::Tanh,
        Self::Sigmoid,
        Self::Softmax,
    ];

    /// The name, without parameters.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Relu => "relu",
            Self::Relu6 => "relu6",
            Self::LeakyRelu { .. } => "leaky_relu",
            Self::Elu { .. } => "elu",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
            Self::HardSwish => "hard_swish",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
            Self::Softmax => "softmax",
        }
    }

    /// The parameter, for the functions that have one.
    pub fn alpha(&self) -> Option<f32> {
        match *self {
            Self::LeakyRelu { alpha } | Self::Elu { alpha } => Some(alpha),
            _ => None,
        }
    }

    fn with_alpha(self, value: f32) -> Option<Self> {
        match self {
            Self::LeakyRelu { .. } => Some(Self::LeakyRelu { alpha: value }),
            Self::Elu { .. } => Some(Self::Elu { alpha: value }),
            _ => None,
        }
    }

    /// Refuses parameters that are no number, or negative.
    pub(crate) fn check(self) -> Result<(), ShapeError> {
        match self.alpha() {
            Some(alpha) if !alpha.is_finite() || alpha < 0.0 => Err(ShapeError::Setting {
                setting: "alpha",
                found: alpha.to_string(),
                wanted: "a number of at least 0",
            }),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self.alpha() {
            Some(alpha) if !Self::ALL.contains(self) => write!(f, "({alpha})"),
            _ => Ok(()),
        }
    }
}

impl FromStr for Activation {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let unknown = || UnknownName::new("activation", text, Self::ALL.iter().map(Self::name));
        let (name, number) = name_and_number(text).ok_or_else(unknown)?;
        let default = Self::ALL.into_iter().find(|one| one.name() == name).ok_or_else(unknown)?;
        number.map_or(Some(default), |alpha| default.with_alpha(alpha)).ok_or_else(unknown)
    }
}

impl TryFrom<String> for Activation {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        text.parse()
    }
}

impl From<Activation> for String {
    fn from(activation: Activation) -> Self {
        activation.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        let odd = [Activation::LeakyRelu { alpha: 0.1 }, Activation::Elu { alpha: 1e-9 }];
        for activation in Activation::ALL.into_iter().chain(odd) {
            assert_eq!(activation.to_string().parse(), Ok(activation));
        }
        assert_eq!(odd[0].to_string(), "leaky_relu(0.1)");
        assert_eq!("leaky_relu".parse(), Ok(Activation::LeakyRelu { alpha: 0.3 }));
    }

    #[test]
    fn what_is_no_activation_is_refused_with_the_near_name() {
        for bad in ["", "Relu", "relu(0.1)", "elu(", "elu(nan)", "softmacks"] {
            assert!(bad.parse::<Activation>().is_err(), "{bad}");
        }
        let message = "leaky-relu".parse::<Activation>().unwrap_err().to_string();
        assert!(message.contains("did you mean `leaky_relu`?"), "{message}");
    }

    #[test]
    fn parameters_are_checked() {
        assert!(Activation::Elu { alpha: -1.0 }.check().is_err());
        assert!(Activation::LeakyRelu { alpha: f32::NAN }.check().is_err());
        assert!(Activation::Softmax.check().is_ok());
    }
}

use serde::{Deserialize, Serialize};

use super::{LayerRule, only};
use crate::error::ShapeError;
use crate::plan::Mode;
use crate::plan::lower::{Lowering, Value};
use crate::plan::op::Op;
use crate::shape::Shape;

/// In training, each value is set to 0 with probability `rate` and the others are divided by `1 − rate`; otherwise
/// nothing happens (Srivastava et al. 2014).
///
/// With [`Dropout::whole`] the values of a sample are dropped together. On what is added to a shortcut that is stochastic depth (Huang et al.
/// 2016): a sample skips the layers in between.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// The share of values dropped, at least 0 and below 1.
    pub rate: f32,
    /// Whether all values of a sample are dropped or none, as with Keras's `noise_shape` of `(None, 1, 1, 1)`. Off by default.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
}

impl Dropout {
    /// Drops the given share of values.
    pub fn new(rate: f32) -> Self {
        Self { rate, whole: false }
    }

    /// Drops whole samples.
    pub fn whole(self) -> Self {
        Self { whole: true, ..self }
    }
}

impl LayerRule for Dropout {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        if !(0.0..1.0).contains(&self.rate) {
            let found = self.rate.to_string();
            return Err(ShapeError::Setting { setting: "rate", found, wanted: "at least 0 and below 1" });
        }
        only(inputs)
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[Value]) -> Value {
        if lowering.mode == Mode::Infer || self.rate == 0.0 {
            return inputs[0];
        }
        let y = lowering.value(inputs[0].shape);
        let (rate, layer) = (self.rate, lowering.layer_number());
        let together = if self.whole { y.shape.len() } else { 1 };
        lowering.push(Op::Dropout { rate, layer, together, x: inputs[0].buffer, y: y.buffer });
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_a_share() {
        let map = [4, 4, 3].into();
        assert_eq!(Dropout::new(0.0).output_shape(&[map]), Ok(map));
        assert_eq!(Dropout::new(0.5).output_shape(&[map]), Ok(map));
        for bad in [1.0, -0.1, f32::NAN] {
            assert!(Dropout::new(bad).output_shape(&[map]).is_err(), "{bad}");
        }
    }
}

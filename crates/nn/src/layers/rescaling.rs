use serde::{Deserialize, Serialize};

use super::{LayerRule, finite, only};
use crate::error::ShapeError;
use crate::plan::lower::{Lowering, Value};
use crate::shape::Shape;

/// `y = scale · x + offset`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rescaling {
    /// The factor.
    pub scale: f32,
    /// Added after scaling; 0 by default.
    #[serde(default)]
    pub offset: f32,
}

impl Rescaling {
    /// Multiplies by `scale`.
    pub fn new(scale: f32) -> Self {
        Self { scale, offset: 0.0 }
    }

    /// Sets what is added after scaling.
    pub fn offset(mut self, offset: f32) -> Self {
        self.offset = offset;
        self
    }
}

impl LayerRule for Rescaling {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        finite("scale", self.scale)?;
        finite("offset", self.offset)?;
        only(inputs)
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[Value]) -> Value {
        let channels = inputs[0].shape.channels();
        lowering.scale_shift(vec![self.scale; channels], vec![self.offset; channels], inputs[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_stays_and_numbers_are_finite() {
        let map = [4, 4, 3].into();
        assert_eq!(Rescaling::new(1.0 / 255.0).offset(-0.5).output_shape(&[map]), Ok(map));
        assert!(Rescaling::new(f32::INFINITY).output_shape(&[map]).is_err());
        assert!(Rescaling::new(1.0).offset(f32::NAN).output_shape(&[map]).is_err());
    }
}

use serde::{Deserialize, Serialize};

use super::{Layer, LayerRule, only};
use crate::activation::Activation;
use crate::error::ShapeError;
use crate::graph::NamedLayer;
use crate::plan::lower::{Lowering, Value};
use crate::shape::Shape;

/// An [`Activation`] as a layer of its own: `y = f(x)`, shape unchanged.
///
/// An activation can be placed as it is: `Activation::Relu.on(&x)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivationLayer {
    /// The function.
    pub function: Activation,
}

impl From<Activation> for Layer {
    fn from(function: Activation) -> Self {
        ActivationLayer { function }.into()
    }
}

impl From<Activation> for NamedLayer {
    fn from(function: Activation) -> Self {
        Layer::from(function).into()
    }
}

impl LayerRule for ActivationLayer {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        self.function.check()?;
        only(inputs)
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[Value]) -> Value {
        lowering.activation(self.function, inputs[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_stays() {
        let map = Shape::from([4, 5, 6]);
        assert_eq!(Layer::from(Activation::Softmax).output_shape(&[map]), Ok(map));
        assert!(Layer::from(Activation::Elu { alpha: f32::NAN }).output_shape(&[map]).is_err());
    }
}

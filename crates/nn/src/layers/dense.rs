use serde::{Deserialize, Serialize};

use super::conv2d::{glorot_uniform, yes, zeros};
use super::{LayerRule, ParamRole, ParamSpec, at_least_one, only};
use crate::activation::Activation;
use crate::error::ShapeError;
use crate::initializer::Initializer;
use crate::plan::lower::{Lowering, Value};
use crate::plan::op::Op;
use crate::shape::Shape;
use divvy_kernels::{DenseShape, WeightLayout};

/// A fully connected layer: `y = f(x · W + b)`, with an optional activation f.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dense {
    /// Outputs.
    pub units: usize,
    /// Whether a bias is added; true by default.
    #[serde(default = "yes")]
    pub use_bias: bool,
    /// Applied to the result; `linear` by default.
    #[serde(default)]
    pub activation: Activation,
    /// First values of the kernel; `glorot_uniform` by default.
    #[serde(default = "glorot_uniform")]
    pub kernel_initializer: Initializer,
    /// First values of the bias; `zeros` by default.
    #[serde(default = "zeros")]
    pub bias_initializer: Initializer,
}

impl Dense {
    /// A dense layer with Keras's defaults.
    pub fn new(units: usize) -> Self {
        Self {
            units,
            use_bias: yes(),
            activation: Activation::Linear,
            kernel_initializer: glorot_uniform(),
            bias_initializer: zeros(),
        }
    }

    /// Sets whether a bias is added.
    pub fn use_bias(mut self, use_bias: bool) -> Self {
        self.use_bias = use_bias;
        self
    }

    /// Sets the function applied to the result.
    pub fn activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// Sets the first values of the kernel.
    pub fn kernel_initializer(mut self, initializer: Initializer) -> Self {
        self.kernel_initializer = initializer;
        self
    }

    /// Sets the first values of the bias.
    pub fn bias_initializer(mut self, initializer: Initializer) -> Self {
        self.bias_initializer = initializer;
        self
    }
}

impl LayerRule for Dense {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        at_least_one("units", self.units)?;
        self.activation.check()?;
        self.kernel_initializer.check()?;
        self.bias_initializer.check()?;
        match only(inputs)? {
            Shape::Vector { .. } => Shape::vector(self.units),
            found @ Shape::Map { .. } => Err(ShapeError::NeedsVector { found }),
        }
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<ParamSpec> {
        let kernel = ParamSpec {
            name: "kernel",
            shape: vec![inputs[0].channels(), self.units],
            init: self.kernel_initializer,
            role: ParamRole::Weight,
        };
        let bias = self.use_bias.then(|| ParamSpec {
            name: "bias",
            shape: vec![self.units],
            init: self.bias_initializer,
            role: ParamRole::Bias,
        });
        [kernel].into_iter().chain(bias).collect()
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[Value]) -> Value {
        let linear = lowering.output();
        let (weights, bias) = (lowering.required("kernel"), lowering.parameter("bias"));
        let shape =
            DenseShape { batch: lowering.batch, inputs: inputs[0].shape.channels(), outputs: self.units };
        lowering.push(Op::Dense { shape, x: inputs[0].buffer, weights, bias, y: linear.buffer });
        lowering.activation(self.activation, linear)
    }

    fn weight_layout(&self, inputs: &[Shape], _name: &str) -> Option<WeightLayout> {
        Some(WeightLayout::dense(inputs[0].channels(), self.units))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_parameters() {
        let input = [25_088].into();
        let layer = Dense::new(10);
        assert_eq!(layer.output_shape(&[input]), Ok([10].into()));
        let count = |layer: &Dense| layer.parameters(&[input]).iter().map(ParamSpec::len).sum::<usize>();
        assert_eq!(count(&layer), 250_890);
        assert_eq!(count(&layer.use_bias(false)), 250_880);
    }

    #[test]
    fn a_map_must_be_flattened_first() {
        let error = Dense::new(10).output_shape(&[[4, 4, 3].into()]).unwrap_err();
        assert!(error.to_string().contains("put Flatten or GlobalAvgPool2d before it"), "{error}");
        assert!(Dense::new(0).output_shape(&[[4].into()]).is_err());
    }
}

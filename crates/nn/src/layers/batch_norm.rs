use serde::{Deserialize, Serialize};

use super::{LayerRule, ParamRole, ParamSpec, finite, only};
use crate::error::ShapeError;
use crate::initializer::Initializer;
use crate::plan::Mode;
use crate::plan::lower::{Lowering, Value};
use crate::plan::op::{Affine, Moving, Op, Statistics};
use crate::shape::Shape;
use divvy_kernels::{NormSettings, NormShape};

/// Batch normalisation (Ioffe and Szegedy 2015), channel by channel.
///
/// `y = γ · (x − μ) / √(σ² + ε) + β`, in training with mean μ and variance σ² (divided by the count, not the count
/// less one) of the batch, over all its samples and positions, and the moving values follow:
/// `moving = momentum · moving + (1 − momentum) · batch`. Otherwise with the moving values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchNorm {
    /// How much of the moving values a batch leaves as they are; 0.99 by default.
    pub momentum: f32,
    /// ε, added to the variance; 0.001 by default.
    pub epsilon: f32,
    /// Whether there is a β; true by default.
    pub center: bool,
    /// Whether there is a γ; true by default.
    pub scale: bool,
    /// First values of β; zeros by default.
    pub beta_initializer: Initializer,
    /// First values of γ; ones by default.
    pub gamma_initializer: Initializer,
}

impl Default for BatchNorm {
    fn default() -> Self {
        Self {
            momentum: 0.99,
            epsilon: 1e-3,
            center: true,
            scale: true,
            beta_initializer: Initializer::Zeros,
            gamma_initializer: Initializer::Ones,
        }
    }
}

impl BatchNorm {
    /// A batch norm with Keras's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how much of the moving values a batch leaves as they are, in `[0, 1]`.
    pub fn momentum(mut self, momentum: f32) -> Self {
        self.momentum = momentum;
        self
    }

    /// Sets what is added to the variance, above 0.
    pub fn epsilon(mut self, epsilon: f32) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Sets whether there is a β.
    pub fn center(mut self, center: bool) -> Self {
        self.center = center;
        self
    }

    /// Sets whether there is a γ.
    pub fn scale(mut self, scale: bool) -> Self {
        self.scale = scale;
        self
    }

    /// Sets the first values of β.
    pub fn beta_initializer(mut self, initializer: Initializer) -> Self {
        self.beta_initializer = initializer;
        self
    }

    /// Sets the first values of γ.
    pub fn gamma_initializer(mut self, initializer: Initializer) -> Self {
        self.gamma_initializer = initializer;
        self
    }
}

impl LayerRule for BatchNorm {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        if !(0.0..=1.0).contains(&self.momentum) {
            let found = self.momentum.to_string();
            return Err(ShapeError::Setting { setting: "momentum", found, wanted: "between 0 and 1" });
        }
        finite("epsilon", self.epsilon)?;
        if self.epsilon <= 0.0 {
            let found = self.epsilon.to_string();
            return Err(ShapeError::Setting { setting: "epsilon", found, wanted: "above 0" });
        }
        self.beta_initializer.check()?;
        self.gamma_initializer.check()?;
        only(inputs)
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<ParamSpec> {
        let channels = inputs[0].channels();
        let parameter = |name, init, role| ParamSpec { name, shape: vec![channels], init, role };
        let gamma = self.scale.then(|| parameter("gamma", self.gamma_initializer, ParamRole::Scale));
        let beta = self.center.then(|| parameter("beta", self.beta_initializer, ParamRole::Bias));
        let statistics = [
            parameter("moving_mean", Initializer::Zeros, ParamRole::Statistic),
            parameter("moving_variance", Initializer::Ones, ParamRole::Statistic),
        ];
        gamma.into_iter().chain(beta).chain(statistics).collect()
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[Value]) -> Value {
        let (x, y) = (inputs[0], lowering.output());
        let shape = NormShape { rows: lowering.rows(x.shape), channels: x.shape.channels() };
        let affine = Affine { gamma: lowering.parameter("gamma"), beta: lowering.parameter("beta") };
        let moving =
            Moving { mean: lowering.required("moving_mean"), variance: lowering.required("moving_variance") };
        let (epsilon, momentum, x, y_buffer) = (self.epsilon, self.momentum, x.buffer, y.buffer);
        let op = match lowering.mode {
            Mode::Infer => Op::BatchNormInfer { shape, epsilon, x, affine, moving, y: y_buffer },
            Mode::Train => {
                let (mean, invstd) = (lowering.buffer(shape.channels), lowering.buffer(shape.channels));
                Op::BatchNormTrain {
                    shape,
                    settings: NormSettings { epsilon, momentum },
                    x,
                    moments: None,
                    affine,
                    moving,
                    statistics: Statistics { mean, invstd },
                    residual: None,
                    activation: None,
                    y: y_buffer,
                }
            }
        };
        lowering.push(op);
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_values_a_channel_two_of_them_trained() {
        let map = [8, 8, 32].into();
        let specs = BatchNorm::new().parameters(&[map]);
        assert_eq!(
            specs.iter().map(|spec| spec.name).collect::<Vec<_>>(),
            ["gamma", "beta", "moving_mean", "moving_variance"]
        );
        assert!(specs.iter().all(|spec| spec.len() == 32));
        assert_eq!(specs.iter().filter(|spec| spec.role.is_trainable()).count(), 2);
        assert_eq!(BatchNorm::new().center(false).scale(false).parameters(&[map]).len(), 2);
    }

    #[test]
    fn settings_are_checked() {
        let vector = [8].into();
        assert_eq!(BatchNorm::new().output_shape(&[vector]), Ok(vector));
        for bad in [
            BatchNorm::new().momentum(1.5),
            BatchNorm::new().momentum(f32::NAN),
            BatchNorm::new().epsilon(0.0),
            BatchNorm::new().epsilon(f32::INFINITY),
            BatchNorm::new().gamma_initializer(Initializer::Constant { value: f32::NAN }),
        ] {
            assert!(matches!(bad.output_shape(&[vector]), Err(ShapeError::Setting { .. })), "{bad:?}");
        }
    }
}

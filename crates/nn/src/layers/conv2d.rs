use serde::{Deserialize, Serialize};

use super::{LayerRule, ParamRole, ParamSpec, at_least_one, only_map};
use crate::activation::Activation;
use crate::error::ShapeError;
use crate::initializer::Initializer;
use crate::parameters::ParameterId;
use crate::plan::lower::{Lowering, Value};
use crate::plan::op::{ConvEpilogue, ConvOperand, Op};
use crate::shape::{Padding, Shape, Size2d, Window};
use divvy_kernels::{Conv2dShape, WeightLayout};

/// A two-dimensional convolution (cross-correlation, as everywhere in the field), with an optional activation.
///
/// `y[i, j, o] = f(b[o] + Σ k[u, v, c, o] · x[i·s + u·d − top, j·s + v·d − left, c])`, the sum over taps (u, v) and the
/// input channels c of o's group, with zeros outside the input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv2d {
    /// Output channels.
    pub filters: usize,
    /// Size of the kernel.
    pub kernel: Size2d,
    /// Steps between output positions; 1 by default.
    #[serde(default = "one")]
    pub strides: Size2d,
    /// What happens at the border; `valid` by default.
    #[serde(default)]
    pub padding: Padding,
    /// Steps between taps; 1 by default.
    #[serde(default = "one")]
    pub dilation: Size2d,
    /// Groups of channels that see only each other; 1 by default. Input channels and filters must be multiples of it.
    #[serde(default = "one_group")]
    pub groups: usize,
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

pub(super) fn one() -> Size2d {
    1.into()
}

fn one_group() -> usize {
    1
}

pub(super) fn yes() -> bool {
    true
}

pub(super) fn glorot_uniform() -> Initializer {
    Initializer::GlorotUniform
}

pub(super) fn zeros() -> Initializer {
    Initializer::Zeros
}

impl Conv2d {
    /// A convolution with Keras's defaults; the kernel is `3` or `[3, 5]`.
    pub fn new(filters: usize, kernel: impl Into<Size2d>) -> Self {
        Self {
            filters,
            kernel: kernel.into(),
            strides: one(),
            padding: Padding::Valid,
            dilation: one(),
            groups: one_group(),
            use_bias: yes(),
            activation: Activation::Linear,
            kernel_initializer: glorot_uniform(),
            bias_initializer: zeros(),
        }
    }

    /// Sets the steps between output positions.
    pub fn strides(mut self, strides: impl Into<Size2d>) -> Self {
        self.strides = strides.into();
        self
    }

    /// Sets what happens at the border.
    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// Sets the steps between taps.
    pub fn dilation(mut self, dilation: impl Into<Size2d>) -> Self {
        self.dilation = dilation.into();
        self
    }

    /// Sets the number of groups; as many as there are input channels makes it depthwise.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
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

    /// The window that slides over the input.
    pub fn window(&self) -> Window {
        Window { size: self.kernel, strides: self.strides, dilation: self.dilation, padding: self.padding }
    }

    fn check(&self, channels: usize) -> Result<(), ShapeError> {
        at_least_one("filters", self.filters)?;
        at_least_one("groups", self.groups)?;
        if !channels.is_multiple_of(self.groups) || !self.filters.is_multiple_of(self.groups) {
            return Err(ShapeError::Setting {
                setting: "groups",
                found: format!("{} for {channels} input channels and {} filters", self.groups, self.filters),
                wanted: "a divisor of both",
            });
        }
        self.activation.check()?;
        self.check_kernel(channels)?;
        self.bias_initializer.check()
    }

    /// Whether its kernel follows from the pictures, which it then reads.
    pub(crate) fn whitens(&self) -> bool {
        self.kernel_initializer == Initializer::Whitening
    }

    fn check_kernel(&self, channels: usize) -> Result<(), ShapeError> {
        /// Numbers of a patch: more take long to find the directions of.
        const LARGEST: usize = 256;
        if !self.whitens() {
            return self.kernel_initializer.check();
        }
        let patch = self.kernel.height.saturating_mul(self.kernel.width).saturating_mul(channels);
        let refuse = |setting, found: String, wanted| Err(ShapeError::Setting { setting, found, wanted });
        match (self.groups, patch) {
            (1, ..=LARGEST) => Ok(()),
            (1, _) => refuse(
                "kernel",
                format!("{} over {channels} channels", self.kernel),
                "at most 256 numbers, channels included, where the kernel_initializer is `whitening`",
            ),
            (groups, _) => {
                refuse("groups", groups.to_string(), "1 where the kernel_initializer is `whitening`")
            }
        }
    }
}

impl LayerRule for Conv2d {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let [height, width, channels] = only_map(inputs)?;
        self.check(channels)?;
        let geometry = self.window().over(height, width, channels)?;
        Shape::map(geometry.height, geometry.width, self.filters)
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<ParamSpec> {
        let [height, width] = self.kernel.into();
        let kernel = ParamSpec {
            name: "kernel",
            shape: vec![height, width, inputs[0].channels() / self.groups, self.filters],
            init: self.kernel_initializer,
            role: if self.whitens() { ParamRole::Statistic } else { ParamRole::Weight },
        };
        let bias = self.use_bias.then(|| ParamSpec {
            name: "bias",
            shape: vec![self.filters],
            init: self.bias_initializer,
            role: ParamRole::Bias,
        });
        [kernel].into_iter().chain(bias).collect()
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[Value]) -> Value {
        let linear = lowering.output();
        let (weights, bias) = (lowering.required("kernel"), lowering.parameter("bias"));
        let shape = lowering.convolution(&self.window(), inputs[0].shape, self.filters, self.groups);
        lowering.push(convolve(shape, inputs[0], weights, bias, linear));
        lowering.activation(self.activation, linear)
    }

    fn weight_layout(&self, inputs: &[Shape], _name: &str) -> Option<WeightLayout> {
        let kernel = (self.kernel.height, self.kernel.width);
        Some(WeightLayout::conv2d(kernel, inputs[0].channels(), self.filters, self.groups))
    }
}

/// `y = conv(x, weights) + bias`, as layers emit it: the plan chooses the algorithm and what is fused.
pub(super) fn convolve(
    shape: Conv2dShape,
    x: Value,
    weights: ParameterId,
    bias: Option<ParameterId>,
    y: Value,
) -> Op {
    Op::Conv2d {
        shape,
        x: x.buffer,
        weights: ConvOperand::Packed(weights),
        epilogue: ConvEpilogue { bias, ..ConvEpilogue::default() },
        y: y.buffer,
        moments: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(layer: &Conv2d) -> Result<Shape, ShapeError> {
        layer.output_shape(&[[64, 48, 12].into()])
    }

    fn count(layer: &Conv2d) -> usize {
        layer.parameters(&[[64, 48, 12].into()]).iter().map(ParamSpec::len).sum()
    }

    #[test]
    fn shapes() {
        assert_eq!(shape(&Conv2d::new(32, 3)), Ok([62, 46, 32].into()));
        assert_eq!(shape(&Conv2d::new(32, 3).padding(Padding::Same)), Ok([64, 48, 32].into()));
        assert_eq!(shape(&Conv2d::new(32, [3, 5]).strides([2, 3])), Ok([31, 15, 32].into()));
        assert_eq!(shape(&Conv2d::new(32, 3).dilation(2)), Ok([60, 44, 32].into()));
    }

    #[test]
    fn parameters_are_those_of_keras() {
        // Kernel values and biases, written out.
        assert_eq!(count(&Conv2d::new(32, 3)), 3 * 3 * 12 * 32 + 32);
        assert_eq!(count(&Conv2d::new(32, [3, 5]).use_bias(false)), 3 * 5 * 12 * 32);
        assert_eq!(count(&Conv2d::new(24, 3).groups(12)), 3 * 3 * 24 + 24);
    }

    #[test]
    fn settings_are_checked() {
        for bad in [
            Conv2d::new(0, 3),
            Conv2d::new(32, 0),
            Conv2d::new(32, 3).strides(0),
            Conv2d::new(32, 3).dilation(0),
            Conv2d::new(32, 3).groups(0),
            Conv2d::new(32, 3).groups(3),
            Conv2d::new(30, 3).groups(4),
            Conv2d::new(32, 3).strides(usize::MAX),
        ] {
            assert!(matches!(shape(&bad), Err(ShapeError::Setting { .. })), "{bad:?}");
        }
        assert!(matches!(shape(&Conv2d::new(usize::MAX, 3)), Err(ShapeError::TooLarge { .. })));
        assert!(matches!(shape(&Conv2d::new(8, 49)), Err(ShapeError::WindowTooLarge { .. })));
        let on_vector = Conv2d::new(8, 3).output_shape(&[[12].into()]);
        assert!(matches!(on_vector, Err(ShapeError::NeedsMap { .. })));
    }
}

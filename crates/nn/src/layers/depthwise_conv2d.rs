use serde::{Deserialize, Serialize};

use super::conv2d::{Conv2d, convolve, glorot_uniform, one, yes, zeros};
use super::{LayerRule, ParamRole, ParamSpec, at_least_one, only_map};
use crate::activation::Activation;
use crate::error::ShapeError;
use crate::initializer::Initializer;
use crate::plan::lower::{Lowering, Value};
use crate::shape::{Padding, Shape, Size2d, Window};
use divvy_kernels::WeightLayout;

/// A convolution of each channel by itself, with an optional activation (Sifre 2014, Chollet 2017).
///
/// `y[i, j, c·m + n] = f(b[c·m + n] + Σ k[u, v, c, n] · x[i·s + u·d − top, j·s + v·d − left, c])`, the sum over taps (u, v),
/// with zeros outside the input; m is the depth multiplier and n counts from 0 to m − 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepthwiseConv2d {
    /// Size of the kernel.
    pub kernel: Size2d,
    /// Steps between output positions; 1 by default.
    #[serde(default = "one")]
    pub strides: Size2d,
    /// What happens at the border; `valid` by default.
    #[serde(default)]
    pub padding: Padding,
    /// Output channels made of each input channel; 1 by default.
    #[serde(default = "one_each")]
    pub depth_multiplier: usize,
    /// Steps between taps; 1 by default.
    #[serde(default = "one")]
    pub dilation: Size2d,
    /// Whether a bias is added; true by default.
    #[serde(default = "yes")]
    pub use_bias: bool,
    /// Applied to the result; `linear` by default.
    #[serde(default)]
    pub activation: Activation,
    /// First values of the kernel; `glorot_uniform` by default.
    #[serde(default = "glorot_uniform")]
    pub depthwise_initializer: Initializer,
    /// First values of the bias; `zeros` by default.
    #[serde(default = "zeros")]
    pub bias_initializer: Initializer,
}

pub(super) fn one_each() -> usize {
    1
}

impl DepthwiseConv2d {
    /// A depthwise convolution with Keras's defaults; the kernel is `3` or `[3, 5]`.
    pub fn new(kernel: impl Into<Size2d>) -> Self {
        Self {
            kernel: kernel.into(),
            strides: one(),
            padding: Padding::Valid,
            depth_multiplier: one_each(),
            dilation: one(),
            use_bias: yes(),
            activation: Activation::Linear,
            depthwise_initializer: glorot_uniform(),
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

    /// Sets how many output channels are made of each input channel.
    pub fn depth_multiplier(mut self, depth_multiplier: usize) -> Self {
        self.depth_multiplier = depth_multiplier;
        self
    }

    /// Sets the steps between taps.
    pub fn dilation(mut self, dilation: impl Into<Size2d>) -> Self {
        self.dilation = dilation.into();
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
    pub fn depthwise_initializer(mut self, initializer: Initializer) -> Self {
        self.depthwise_initializer = initializer;
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

    /// The same convolution of so many channels, as one with a group for each of them.
    pub(crate) fn as_conv2d(&self, channels: usize) -> Conv2d {
        Conv2d {
            filters: self.filters(channels),
            kernel: self.kernel,
            strides: self.strides,
            padding: self.padding,
            dilation: self.dilation,
            groups: channels,
            use_bias: self.use_bias,
            activation: self.activation,
            kernel_initializer: self.depthwise_initializer,
            bias_initializer: self.bias_initializer,
        }
    }

    /// The output channels made of so many input channels, at most `usize::MAX`.
    fn filters(&self, channels: usize) -> usize {
        channels.saturating_mul(self.depth_multiplier)
    }

    /// The kernel as a parameter of the given name.
    pub(super) fn kernel_spec(&self, name: &'static str, channels: usize) -> ParamSpec {
        ParamSpec {
            name,
            shape: vec![self.kernel.height, self.kernel.width, channels, self.depth_multiplier],
            init: self.depthwise_initializer,
            role: ParamRole::Weight,
        }
    }

    /// How the kernel is packed: Keras's layout holds the numbers in the order of a convolution in as many groups as channels.
    pub(super) fn kernel_layout(&self, channels: usize) -> WeightLayout {
        let kernel = (self.kernel.height, self.kernel.width);
        WeightLayout::conv2d(kernel, channels, self.filters(channels), channels)
    }
}

impl LayerRule for DepthwiseConv2d {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let [height, width, channels] = only_map(inputs)?;
        at_least_one("depth_multiplier", self.depth_multiplier)?;
        self.activation.check()?;
        self.depthwise_initializer.check()?;
        self.bias_initializer.check()?;
        let geometry = self.window().over(height, width, channels)?;
        Shape::map(geometry.height, geometry.width, self.filters(channels))
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<ParamSpec> {
        let channels = inputs[0].channels();
        let bias = self.use_bias.then(|| ParamSpec {
            name: "bias",
            shape: vec![self.filters(channels)],
            init: self.bias_initializer,
            role: ParamRole::Bias,
        });
        [self.kernel_spec("kernel", channels)].into_iter().chain(bias).collect()
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[Value]) -> Value {
        let linear = lowering.output();
        let (weights, bias) = (lowering.required("kernel"), lowering.parameter("bias"));
        let channels = inputs[0].shape.channels();
        let shape = lowering.convolution(&self.window(), inputs[0].shape, self.filters(channels), channels);
        lowering.push(convolve(shape, inputs[0], weights, bias, linear));
        lowering.activation(self.activation, linear)
    }

    fn weight_layout(&self, inputs: &[Shape], _name: &str) -> Option<WeightLayout> {
        Some(self.kernel_layout(inputs[0].channels()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: [usize; 3] = [9, 8, 5];

    fn shape(layer: &DepthwiseConv2d) -> Result<Shape, ShapeError> {
        layer.output_shape(&[MAP.into()])
    }

    #[test]
    fn every_channel_becomes_as_many_as_the_multiplier_says() {
        assert_eq!(shape(&DepthwiseConv2d::new(3)), Ok([7, 6, 5].into()));
        let two = DepthwiseConv2d::new(3).depth_multiplier(2).padding(Padding::Same).strides(2);
        assert_eq!(shape(&two), Ok([5, 4, 10].into()));
        let specs = two.parameters(&[MAP.into()]);
        assert_eq!((specs[0].name, &specs[0].shape[..]), ("kernel", &[3, 3, 5, 2][..]));
        assert_eq!((specs[1].name, &specs[1].shape[..]), ("bias", &[10][..]));
    }

    #[test]
    fn settings_are_checked() {
        for bad in [
            DepthwiseConv2d::new(0),
            DepthwiseConv2d::new(3).depth_multiplier(0),
            DepthwiseConv2d::new(3).padding(Padding::around(3)),
        ] {
            assert!(matches!(shape(&bad), Err(ShapeError::Setting { .. })), "{bad:?}");
        }
        let wide = DepthwiseConv2d::new(3).depth_multiplier(usize::MAX);
        assert!(matches!(shape(&wide), Err(ShapeError::TooLarge { .. })));
    }
}

use serde::{Deserialize, Serialize};

use super::conv2d::{Conv2d, convolve, glorot_uniform, one, yes, zeros};
use super::depthwise_conv2d::one_each;
use super::{DepthwiseConv2d, LayerRule, ParamRole, ParamSpec, at_least_one};
use crate::activation::Activation;
use crate::error::ShapeError;
use crate::initializer::Initializer;
use crate::plan::lower::{Lowering, Value};
use crate::shape::{Padding, Shape, Size2d, Window};
use divvy_kernels::WeightLayout;

/// A depthwise convolution, then a 1x1 convolution that mixes its channels, with an optional activation (Chollet 2017).
///
/// `y = f(b + p * (k ∗ x))`: k is the kernel of a [`DepthwiseConv2d`] without bias or activation, p that of a 1x1 convolution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeparableConv2d {
    /// Output channels.
    pub filters: usize,
    /// Size of the depthwise kernel.
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
    /// Channels that the depthwise convolution makes of each input channel; 1 by default.
    #[serde(default = "one_each")]
    pub depth_multiplier: usize,
    /// Whether a bias is added; true by default.
    #[serde(default = "yes")]
    pub use_bias: bool,
    /// Applied to the result; `linear` by default.
    #[serde(default)]
    pub activation: Activation,
    /// First values of the depthwise kernel; `glorot_uniform` by default.
    #[serde(default = "glorot_uniform")]
    pub depthwise_initializer: Initializer,
    /// First values of the 1x1 kernel; `glorot_uniform` by default.
    #[serde(default = "glorot_uniform")]
    pub pointwise_initializer: Initializer,
    /// First values of the bias; `zeros` by default.
    #[serde(default = "zeros")]
    pub bias_initializer: Initializer,
}

impl SeparableConv2d {
    /// A separable convolution with Keras's defaults; the kernel is `3` or `[3, 5]`.
    pub fn new(filters: usize, kernel: impl Into<Size2d>) -> Self {
        Self {
            filters,
            kernel: kernel.into(),
            strides: one(),
            padding: Padding::Valid,
            dilation: one(),
            depth_multiplier: one_each(),
            use_bias: yes(),
            activation: Activation::Linear,
            depthwise_initializer: glorot_uniform(),
            pointwise_initializer: glorot_uniform(),
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

    /// Sets how many channels the depthwise convolution makes of each input channel.
    pub fn depth_multiplier(mut self, depth_multiplier: usize) -> Self {
        self.depth_multiplier = depth_multiplier;
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

    /// Sets the first values of the depthwise kernel.
    pub fn depthwise_initializer(mut self, initializer: Initializer) -> Self {
        self.depthwise_initializer = initializer;
        self
    }

    /// Sets the first values of the 1x1 kernel.
    pub fn pointwise_initializer(mut self, initializer: Initializer) -> Self {
        self.pointwise_initializer = initializer;
        self
    }

    /// Sets the first values of the bias.
    pub fn bias_initializer(mut self, initializer: Initializer) -> Self {
        self.bias_initializer = initializer;
        self
    }

    /// The first of its two convolutions.
    pub fn depthwise(&self) -> DepthwiseConv2d {
        DepthwiseConv2d::new(self.kernel)
            .strides(self.strides)
            .padding(self.padding)
            .dilation(self.dilation)
            .depth_multiplier(self.depth_multiplier)
            .use_bias(false)
            .depthwise_initializer(self.depthwise_initializer)
    }

    /// What lies between its two convolutions.
    fn between(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        self.depthwise().output_shape(inputs)
    }

    /// The channels that the 1x1 convolution reads, for inputs that fit.
    fn pointwise_channels(&self, inputs: &[Shape]) -> usize {
        inputs[0].channels().saturating_mul(self.depth_multiplier)
    }

    /// The same as two convolutions, of so many channels.
    pub(crate) fn as_conv2ds(&self, channels: usize) -> (Conv2d, Conv2d) {
        let mut pointwise = Conv2d::new(self.filters, 1).use_bias(self.use_bias).activation(self.activation);
        pointwise.kernel_initializer = self.pointwise_initializer;
        pointwise.bias_initializer = self.bias_initializer;
        (self.depthwise().as_conv2d(channels), pointwise)
    }
}

impl LayerRule for SeparableConv2d {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let between = self.between(inputs)?;
        at_least_one("filters", self.filters)?;
        self.activation.check()?;
        self.pointwise_initializer.check()?;
        self.bias_initializer.check()?;
        match between {
            Shape::Map { height, width, .. } => Shape::map(height, width, self.filters),
            found @ Shape::Vector { .. } => Err(ShapeError::NeedsMap { found }),
        }
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<ParamSpec> {
        let depthwise = self.depthwise().kernel_spec("depthwise_kernel", inputs[0].channels());
        let pointwise = ParamSpec {
            name: "pointwise_kernel",
            shape: vec![1, 1, self.pointwise_channels(inputs), self.filters],
            init: self.pointwise_initializer,
            role: ParamRole::Weight,
        };
        let bias = self.use_bias.then(|| ParamSpec {
            name: "bias",
            shape: vec![self.filters],
            init: self.bias_initializer,
            role: ParamRole::Bias,
        });
        [depthwise, pointwise].into_iter().chain(bias).collect()
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[Value]) -> Value {
        let x = inputs[0];
        let shape = self.between(&[x.shape]).expect("the graph was built, so the window fits the input");
        let (between, linear) = (lowering.value(shape), lowering.output());
        let depthwise =
            lowering.convolution(&self.depthwise().window(), x.shape, shape.channels(), x.shape.channels());
        let kernel = lowering.required("depthwise_kernel");
        lowering.push(convolve(depthwise, x, kernel, None, between));
        let point = Window { size: one(), strides: one(), dilation: one(), padding: Padding::Valid };
        let pointwise = lowering.convolution(&point, shape, self.filters, 1);
        let (kernel, bias) = (lowering.required("pointwise_kernel"), lowering.parameter("bias"));
        lowering.push(convolve(pointwise, between, kernel, bias, linear));
        lowering.activation(self.activation, linear)
    }

    fn weight_layout(&self, inputs: &[Shape], name: &str) -> Option<WeightLayout> {
        Some(if name == "depthwise_kernel" {
            self.depthwise().kernel_layout(inputs[0].channels())
        } else {
            WeightLayout::conv2d((1, 1), self.pointwise_channels(inputs), self.filters, 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: [usize; 3] = [9, 8, 5];

    #[test]
    fn shapes_and_parameters_are_those_of_keras() {
        let layer = SeparableConv2d::new(7, 3).depth_multiplier(2).padding(Padding::Same).strides(2);
        assert_eq!(layer.output_shape(&[MAP.into()]), Ok([5, 4, 7].into()));
        let specs = layer.parameters(&[MAP.into()]);
        let specs: Vec<_> = specs.iter().map(|spec| (spec.name, &spec.shape[..])).collect();
        assert_eq!(
            specs,
            [("depthwise_kernel", &[3, 3, 5, 2][..]), ("pointwise_kernel", &[1, 1, 10, 7]), ("bias", &[7]),]
        );
        assert_eq!(layer.use_bias(false).parameters(&[MAP.into()]).len(), 2);
    }

    #[test]
    fn settings_are_checked() {
        let shape = |layer: &SeparableConv2d| layer.output_shape(&[MAP.into()]);
        for bad in [
            SeparableConv2d::new(0, 3),
            SeparableConv2d::new(4, 0),
            SeparableConv2d::new(4, 3).depth_multiplier(0),
            SeparableConv2d::new(4, 3).pointwise_initializer(Initializer::Constant { value: f32::NAN }),
        ] {
            assert!(matches!(shape(&bad), Err(ShapeError::Setting { .. })), "{bad:?}");
        }
        // What lies between is held too.
        let wide = SeparableConv2d::new(4, 3).depth_multiplier(usize::MAX);
        assert!(matches!(shape(&wide), Err(ShapeError::TooLarge { .. })));
        let on_vector = SeparableConv2d::new(4, 3).output_shape(&[[12].into()]);
        assert!(matches!(on_vector, Err(ShapeError::NeedsMap { .. })));
    }
}

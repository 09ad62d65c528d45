//! The layers, one file each: parameters, shape rule, formula, test.

mod activation;
mod adaptive_avg_pool2d;
mod add;
mod avg_pool2d;
mod batch_norm;
mod concat;
mod conv2d;
mod dense;
mod depthwise_conv2d;
mod dropout;
mod flatten;
mod global_avg_pool2d;
mod global_max_pool2d;
mod max_pool2d;
mod normalization;
mod rescaling;
mod separable_conv2d;
mod settings;
mod zero_pad2d;

pub use activation::ActivationLayer;
pub use adaptive_avg_pool2d::AdaptiveAvgPool2d;
pub use add::Add;
pub use avg_pool2d::AvgPool2d;
pub use batch_norm::BatchNorm;
pub use concat::Concat;
pub use conv2d::Conv2d;
pub use dense::Dense;
pub use depthwise_conv2d::DepthwiseConv2d;
pub use dropout::Dropout;
pub use flatten::Flatten;
pub use global_avg_pool2d::GlobalAvgPool2d;
pub use global_max_pool2d::GlobalMaxPool2d;
pub use max_pool2d::MaxPool2d;
pub use normalization::Normalization;
pub use rescaling::Rescaling;
pub use separable_conv2d::SeparableConv2d;
pub use zero_pad2d::ZeroPad2d;

use divvy_kernels::WeightLayout;
use serde::{Deserialize, Serialize};

use crate::error::ShapeError;
use crate::graph::NamedLayer;
use crate::initializer::Initializer;
use crate::plan::lower::{Lowering, Value};
use crate::shape::Shape;

/// What every layer knows about itself.
pub(crate) trait LayerRule {
    /// The shape it makes of its inputs' shapes.
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError>;

    /// Its parameters, in Keras's order and layout, for inputs that its shape rule accepts.
    fn parameters(&self, _inputs: &[Shape]) -> Vec<ParamSpec> {
        Vec::new()
    }

    /// How the kernel of that name ([`ParamSpec::is_kernel`]) is packed; other parameters lie as Keras has them.
    fn weight_layout(&self, _inputs: &[Shape], _name: &str) -> Option<WeightLayout> {
        None
    }

    /// Emits the operations of its forward pass for a batch; where its output is.
    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[Value]) -> Value;
}

/// A type of layer, as files name it.
pub(crate) struct LayerType {
    pub(crate) name: &'static str,
    /// The keys of its settings.
    pub(crate) settings: fn() -> &'static [&'static str],
    /// Reads the settings.
    pub(crate) read: fn(toml::Deserializer<'_>) -> Result<Layer, toml::de::Error>,
}

/// The one place where layers are listed: `Variant(Type) = "type in files"`.
macro_rules! layers {
    ($($Variant:ident($Type:ident) = $name:literal),* $(,)?) => {
        /// A step of a network.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type")]
        pub enum Layer {
            /// Where the pictures enter: the first node of every graph.
            #[serde(rename = "input")]
            Input {
                /// Their shape.
                shape: Shape,
            },
            $(
                #[doc = concat!("[`", stringify!($Type), "`], in files `\"", $name, "\"`.")]
                #[serde(rename = $name)]
                $Variant($Type),
            )*
        }

        impl Layer {
            /// The types a file of layers may name.
            pub(crate) const TYPES: &'static [LayerType] = &[
                $(LayerType {
                    name: $name,
                    settings: settings::names::<$Type>,
                    read: |settings| $Type::deserialize(settings).map(Self::$Variant),
                },)*
            ];

            /// The type in files, and the stem of automatic names: `conv2d`.
            pub fn type_name(&self) -> &'static str {
                match self {
                    Self::Input { .. } => "input",
                    $(Self::$Variant(_) => $name,)*
                }
            }

            /// The type as written in code: `Conv2d`.
            pub fn type_label(&self) -> &'static str {
                match self {
                    Self::Input { .. } => "Input",
                    $(Self::$Variant(_) => stringify!($Variant),)*
                }
            }

            /// `None` for the input, whose shape is given.
            fn rule(&self) -> Option<&dyn LayerRule> {
                match self {
                    Self::Input { .. } => None,
                    $(Self::$Variant(layer) => Some(layer),)*
                }
            }
        }

        $(
            impl From<$Type> for Layer {
                fn from(layer: $Type) -> Self {
                    Self::$Variant(layer)
                }
            }

            impl From<$Type> for NamedLayer {
                fn from(layer: $Type) -> Self {
                    Layer::from(layer).into()
                }
            }
        )*
    };
}

layers! {
    Rescaling(Rescaling) = "rescaling",
    Normalization(Normalization) = "normalization",
    Conv2d(Conv2d) = "conv2d",
    DepthwiseConv2d(DepthwiseConv2d) = "depthwise_conv2d",
    SeparableConv2d(SeparableConv2d) = "separable_conv2d",
    Dense(Dense) = "dense",
    BatchNorm(BatchNorm) = "batch_norm",
    MaxPool2d(MaxPool2d) = "max_pool2d",
    AvgPool2d(AvgPool2d) = "avg_pool2d",
    AdaptiveAvgPool2d(AdaptiveAvgPool2d) = "adaptive_avg_pool2d",
    GlobalAvgPool2d(GlobalAvgPool2d) = "global_avg_pool2d",
    GlobalMaxPool2d(GlobalMaxPool2d) = "global_max_pool2d",
    Flatten(Flatten) = "flatten",
    Dropout(Dropout) = "dropout",
    ZeroPad2d(ZeroPad2d) = "zero_pad2d",
    Add(Add) = "add",
    Concat(Concat) = "concat",
    Activation(ActivationLayer) = "activation",
}

impl Layer {
    /// The shape the layer makes of its inputs' shapes.
    ///
    /// # Errors
    /// When the layer's settings make no sense or do not fit the inputs.
    pub fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        match (self, self.rule()) {
            (_, Some(rule)) => rule.output_shape(inputs)?.checked(),
            (Self::Input { shape }, None) if inputs.is_empty() => shape.checked(),
            (_, None) => Err(ShapeError::Inputs { wanted: "no input", found: inputs.len() }),
        }
    }

    /// The layer's parameters, in Keras's order and layout, for inputs that [`Layer::output_shape`] accepts.
    pub fn parameters(&self, inputs: &[Shape]) -> Vec<ParamSpec> {
        self.rule().map_or_else(Vec::new, |rule| rule.parameters(inputs))
    }

    /// How the layer's weights of that name are packed.
    pub(crate) fn weight_layout(&self, inputs: &[Shape], name: &str) -> Option<WeightLayout> {
        self.rule().and_then(|rule| rule.weight_layout(inputs, name))
    }

    /// Emits the operations of the layer's forward pass; where its output is. The input emits none: its buffer is the caller's.
    pub(crate) fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[Value]) -> Option<Value> {
        self.rule().map(|rule| rule.lower(lowering, inputs))
    }
}

/// What a parameter does, and so how it is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParamRole {
    /// Multiplies inputs; weight decay applies.
    Weight,
    /// Added to outputs; not decayed.
    Bias,
    /// Multiplies normalised values; not decayed.
    Scale,
    /// Gathered from the data rather than trained by gradients: moving statistics, and kernels that whiten.
    Statistic,
}

impl ParamRole {
    /// Whether gradients change it.
    pub fn is_trainable(self) -> bool {
        self != Self::Statistic
    }
}

/// A parameter a layer needs.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamSpec {
    /// Keras's name: `kernel`, `depthwise_kernel`, `pointwise_kernel`, `bias`, `gamma`, `beta`, `moving_mean` or
    /// `moving_variance`.
    pub name: &'static str,
    /// Keras's layout: `[height, width, in / groups, out]` of a convolution, `[height, width, in, depth multiplier]` of a
    /// depthwise one, `[in, out]` of a dense layer, else `[channels]`.
    pub shape: Vec<usize>,
    /// Its first values.
    pub init: Initializer,
    /// How it is trained.
    pub role: ParamRole,
}

impl ParamSpec {
    /// Whether it is multiplied with what a layer reads, rather than a number for each channel.
    pub fn is_kernel(&self) -> bool {
        self.shape.len() > 1
    }

    /// The number of values, at most `usize::MAX`.
    #[expect(clippy::len_without_is_empty, reason = "no parameter of a graph is empty")]
    pub fn len(&self) -> usize {
        self.shape.iter().fold(1, |product, &size| product.saturating_mul(size))
    }
}

/// The one input of a layer that takes one.
fn only(inputs: &[Shape]) -> Result<Shape, ShapeError> {
    match *inputs {
        [input] => Ok(input),
        _ => Err(ShapeError::Inputs { wanted: "one input", found: inputs.len() }),
    }
}

/// Height, width and channels of the one input of a layer that takes a map.
fn only_map(inputs: &[Shape]) -> Result<[usize; 3], ShapeError> {
    match only(inputs)? {
        Shape::Map { height, width, channels } => Ok([height, width, channels]),
        found @ Shape::Vector { .. } => Err(ShapeError::NeedsMap { found }),
    }
}

/// The two or more inputs of a layer that joins paths, as the first and the others.
fn several(inputs: &[Shape]) -> Result<(Shape, &[Shape]), ShapeError> {
    match inputs {
        [first, others @ ..] if !others.is_empty() => Ok((*first, others)),
        _ => Err(ShapeError::Inputs { wanted: "two inputs or more", found: inputs.len() }),
    }
}

/// Refuses a count of 0: of units, filters, groups.
fn at_least_one(setting: &'static str, count: usize) -> Result<(), ShapeError> {
    match count {
        0 => Err(ShapeError::Setting { setting, found: "0".into(), wanted: "at least 1" }),
        _ => Ok(()),
    }
}

/// Refuses what is no finite number.
fn finite(setting: &'static str, number: f32) -> Result<(), ShapeError> {
    if number.is_finite() {
        Ok(())
    } else {
        Err(ShapeError::Setting { setting, found: number.to_string(), wanted: "a finite number" })
    }
}

//! Why a network cannot be built.

use divvy_rules::Diagnostic;
use thiserror::Error;

use crate::names::quoted;
use crate::shape::{Shape, Size2d};

/// Why a layer cannot stand where it was put.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// A setting of the layer makes no sense.
    #[error("{setting} is {found}, but must be {wanted}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        wanted: &'static str,
    },
    /// A layer for maps was given a vector.
    #[error(
        "needs a map (None, height, width, channels), found {found}; put it before the layer that flattens"
    )]
    NeedsMap {
        /// The shape it was given.
        found: Shape,
    },
    /// A layer for vectors was given a map.
    #[error("needs a vector (None, features), found {found}; put Flatten or GlobalAvgPool2d before it")]
    NeedsVector {
        /// The shape it was given.
        found: Shape,
    },
    /// A window does not fit in its map.
    #[error(
        "its window spans {extent}, which does not fit in {found}; \
         use larger pictures, fewer poolings or strides before it, or padding `same`"
    )]
    WindowTooLarge {
        /// From the first tap to the last.
        extent: Size2d,
        /// The map it was to slide over.
        found: Shape,
    },
    /// A wrong number of inputs.
    #[error("needs {wanted}, found {found}")]
    Inputs {
        /// How many it takes.
        wanted: &'static str,
        /// How many it was given.
        found: usize,
    },
    /// Inputs that do not go together.
    #[error("its inputs must have {wanted}, found {first} and {other}")]
    Mismatch {
        /// What must agree.
        wanted: &'static str,
        /// The first input's shape.
        first: Shape,
        /// The first shape that does not agree with it.
        other: Shape,
    },
    /// A sample of no values.
    #[error("a sample of shape {found} holds no values; every size must be at least 1")]
    Empty {
        /// The shape.
        found: Shape,
    },
    /// A sample of too many values.
    #[error("a sample of shape {found} is too large: the limit is {} values", Shape::MAX_LEN)]
    TooLarge {
        /// The shape.
        found: Shape,
    },
    /// A list of sizes that is no shape.
    #[error("a shape has 1 size (features) or 3 (height, width, channels), found {found}")]
    Rank {
        /// How many sizes there were.
        found: usize,
    },
}

/// Why a graph or network cannot be built.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A layer does not fit its place.
    #[error("layer {}: {source}", quoted(layer))]
    Layer {
        /// Its name.
        layer: String,
        /// Its position in the graph, the input being 0.
        position: usize,
        /// What is wrong.
        source: ShapeError,
    },
    /// A name that cannot be used.
    #[error("{} cannot be the name of a layer: {problem}", quoted(name))]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Two layers of one name.
    #[error("two layers are called {}; give each its own name", quoted(name))]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// The output was not computed from the input given.
    #[error("the output does not come from this input; start every path at the same Input")]
    Disconnected,
    /// A layer joins paths that start at different inputs.
    #[error(
        "layer {} joins a path that starts at another Input; start every path at the same one",
        quoted(layer)
    )]
    ForeignInput {
        /// The layer's name, or its type when it was not named.
        layer: String,
    },
    /// A layer reads one that does not exist, or not yet.
    #[error(
        "layer {} reads {}, which is no layer before it{}",
        quoted(layer),
        quoted(input),
        near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
    )]
    UnknownInput {
        /// The layer's name, or its type when it was not named.
        layer: String,
        /// What it wants to read.
        input: String,
        /// A layer before it with a similar name.
        near: Option<String>,
    },
    /// A layer whose output nothing uses.
    #[error("nothing reads layer {}; name it among the inputs of another, or remove it", quoted(layer))]
    Unused {
        /// Its name.
        layer: String,
    },
    /// The first node is not an input, or another is.
    #[error("a graph starts with its one input and has no other, found layer {} instead", quoted(layer))]
    InputPlace {
        /// The layer's name, or its type when it was not named.
        layer: String,
    },
    /// A graph without layers.
    #[error("the network has no layers; add at least one")]
    NoLayers,
    /// More layers than a graph may have.
    #[error("the network has {found} layers, the limit is {}", crate::Graph::MAX_LAYERS)]
    TooManyLayers {
        /// How many there are.
        found: usize,
    },
    /// More parameters than a graph may have.
    #[error(
        "with layer {} the network has more than {} parameters, which is the limit; \
         use fewer units or filters, or pool before it",
        quoted(layer),
        crate::Graph::MAX_PARAMETERS
    )]
    TooManyParameters {
        /// The layer that exceeds the limit.
        layer: String,
    },
    /// The last layer cannot do its task.
    #[error(transparent)]
    Head(#[from] Box<Diagnostic>),
}

impl BuildError {
    /// The broken rule that the error is about, if it is about one.
    pub fn finding(&self) -> Option<&Diagnostic> {
        match self {
            Self::Head(finding) => Some(finding),
            _ => None,
        }
    }
}

impl From<Diagnostic> for BuildError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Head(Box::new(diagnostic))
    }
}

//! From a list of layers to a checked graph: the one way in which graphs come to be.

use std::collections::{HashMap, HashSet};

use super::{Graph, GraphNode, NodeId};
use crate::error::{BuildError, ShapeError};
use crate::layers::{Layer, ParamSpec};
use crate::names::nearest;
use crate::shape::Shape;

/// A layer as it was written, before anything about it is known to fit.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    /// The name it was given.
    pub(crate) name: Option<String>,
    pub(crate) layer: Layer,
    /// Positions of the drafts it reads, all before its own.
    pub(crate) inputs: Vec<usize>,
}

impl Draft {
    /// What to call a layer in a message before names are settled.
    pub(super) fn label(name: Option<&str>, layer: &Layer) -> String {
        name.unwrap_or(layer.type_name()).to_owned()
    }
}

/// A layer of a file, its inputs given by name.
pub(crate) struct Wired {
    pub(crate) name: Option<String>,
    /// `None` for the layer before it.
    pub(crate) inputs: Option<Vec<String>>,
    pub(crate) layer: Layer,
}

/// Turns the names of inputs into positions. A layer can only read those before it, so that no cycle can be written.
pub(crate) fn wire(layers: impl IntoIterator<Item = Wired>) -> Result<Vec<Draft>, BuildError> {
    let mut positions: HashMap<String, usize> = HashMap::new();
    let mut drafts: Vec<Draft> = Vec::new();
    for Wired { name, inputs, layer } in layers {
        let find = |input: String| {
            positions.get(&input).copied().ok_or_else(|| {
                let names = drafts.iter().filter_map(|draft| draft.name.as_deref());
                let near = nearest(&input, names).map(str::to_owned);
                BuildError::UnknownInput { layer: Draft::label(name.as_deref(), &layer), input, near }
            })
        };
        let inputs = match inputs {
            Some(names) => names.into_iter().map(find).collect::<Result<_, _>>()?,
            None => drafts.len().checked_sub(1).into_iter().collect(),
        };
        if let Some(name) = &name {
            positions.insert(name.clone(), drafts.len());
        }
        drafts.push(Draft { name, layer, inputs });
    }
    Ok(drafts)
}

impl Graph {
    /// Checks everything a graph promises; the first draft must be the input and the last is the output.
    pub(crate) fn assemble(drafts: Vec<Draft>) -> Result<Self, BuildError> {
        match drafts.len() {
            0 => return Err(BuildError::NoLayers),
            found if found > Self::MAX_LAYERS => return Err(BuildError::TooManyLayers { found }),
            _ => {}
        }
        check_wiring(&drafts)?;
        let names = settle_names(&drafts)?;
        let mut nodes: Vec<GraphNode> = Vec::with_capacity(drafts.len());
        let mut parameters = 0_usize;
        for (position, (Draft { layer, inputs, .. }, name)) in drafts.into_iter().zip(names).enumerate() {
            let shapes: Vec<Shape> = inputs.iter().map(|&input| nodes[input].shape).collect();
            let shape =
                match layer.output_shape(&shapes).and_then(|shape| check_place(&layer, &inputs, shape)) {
                    Ok(shape) => shape,
                    Err(source) => return Err(BuildError::Layer { layer: name, position, source }),
                };
            let own = layer.parameters(&shapes).iter().map(ParamSpec::len).fold(0, usize::saturating_add);
            parameters = parameters.saturating_add(own);
            if parameters > Self::MAX_PARAMETERS {
                return Err(BuildError::TooManyParameters { layer: name });
            }
            let inputs = inputs.into_iter().map(NodeId).collect();
            nodes.push(GraphNode { name, layer, inputs, shape });
        }
        Ok(Self { nodes })
    }
}

/// Refuses a layer of a known shape that stands where it cannot work: one that whitens pictures must read them.
fn check_place(layer: &Layer, inputs: &[usize], shape: Shape) -> Result<Shape, ShapeError> {
    match layer {
        Layer::Conv2d(conv) if conv.whitens() && inputs != [0] => Err(ShapeError::Setting {
            setting: "kernel_initializer",
            found: "whitening behind another layer".into(),
            wanted: "another, such as `glorot_uniform`: pictures alone are whitened",
        }),
        _ => Ok(shape),
    }
}

/// One input, in front, and every output read.
fn check_wiring(drafts: &[Draft]) -> Result<(), BuildError> {
    let label = |draft: &Draft| Draft::label(draft.name.as_deref(), &draft.layer);
    let mut read = vec![false; drafts.len()];
    read[drafts.len() - 1] = true;
    for (position, draft) in drafts.iter().enumerate() {
        if matches!(draft.layer, Layer::Input { .. }) != (position == 0) {
            return Err(BuildError::InputPlace { layer: label(draft) });
        }
        draft.inputs.iter().for_each(|&input| read[input] = true);
    }
    match read.iter().position(|read| !read) {
        Some(unread) => Err(BuildError::Unused { layer: label(&drafts[unread]) }),
        None => Ok(()),
    }
}

/// The names given, and for the others the type's name with the lowest number that is free.
fn settle_names(drafts: &[Draft]) -> Result<Vec<String>, BuildError> {
    let mut taken = HashSet::new();
    for name in drafts.iter().filter_map(|draft| draft.name.as_deref()) {
        check_name(name)?;
        if !taken.insert(name.to_owned()) {
            return Err(BuildError::DuplicateName { name: name.to_owned() });
        }
    }
    let mut used: HashMap<&str, usize> = HashMap::new();
    let mut settle = |draft: &Draft| {
        if let Some(name) = &draft.name {
            return name.clone();
        }
        let stem = draft.layer.type_name();
        let next = used.entry(stem).or_default();
        loop {
            let name = if *next == 0 { stem.to_owned() } else { format!("{stem}_{next}") };
            *next += 1;
            if taken.insert(name.clone()) {
                break name;
            }
        }
    };
    Ok(drafts.iter().map(&mut settle).collect())
}

/// Names stand in files, tables and paths like `conv2d/kernel`.
fn check_name(name: &str) -> Result<(), BuildError> {
    const LONGEST: usize = 120;
    let problem = if name.is_empty() {
        "it is empty"
    } else if name.len() > LONGEST {
        "it is longer than 120 bytes"
    } else if name.chars().any(|c| c == '/' || c.is_control() || c.is_whitespace()) {
        "it has a slash, a space or a control character"
    } else {
        return Ok(());
    };
    Err(BuildError::Name { name: name.to_owned(), problem })
}

//! Writing a graph in code.
//!
//! All nodes that start at one input share one list of drafts; a [`Node`] is a position in it. A draft only refers to
//! drafts before it, so what is written this way can have no cycle, and dropping the longest chain is dropping a list.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Draft, Graph};
use crate::error::BuildError;
use crate::layers::Layer;
use crate::shape::Shape;

/// A layer about to be placed, with its name if it was given one.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedLayer {
    layer: Layer,
    name: Option<String>,
}

impl From<Layer> for NamedLayer {
    fn from(layer: Layer) -> Self {
        Self { layer, name: None }
    }
}

/// Placing layers in a graph.
///
/// Nothing is checked here: [`Graph::new`] reports what does not fit, with the layer's name.
pub trait Connect: Into<NamedLayer> {
    /// Names the layer; without a name it gets that of its type, `conv2d`, `conv2d_1` and so on.
    fn named(self, name: impl Into<String>) -> NamedLayer {
        NamedLayer { name: Some(name.into()), ..self.into() }
    }

    /// Lets the layer read one node.
    fn on(self, input: &Node) -> Node {
        self.on_all(&[input])
    }

    /// Lets the layer read several nodes, in order.
    fn on_all(self, inputs: &[&Node]) -> Node {
        Node::place(self.into(), inputs)
    }
}

impl<L: Into<NamedLayer>> Connect for L {}

/// A layer's output, to be read by others: a cheap handle.
#[derive(Debug, Clone)]
pub struct Node {
    drafts: Rc<RefCell<Vec<PlacedLayer>>>,
    index: usize,
}

#[derive(Debug)]
struct PlacedLayer {
    layer: NamedLayer,
    /// The nodes it reads; `None` for one that starts at another input.
    inputs: Vec<Option<usize>>,
}

impl Node {
    fn place(layer: NamedLayer, inputs: &[&Node]) -> Self {
        let drafts = inputs.first().map(|first| Rc::clone(&first.drafts)).unwrap_or_default();
        let inputs =
            inputs.iter().map(|input| Rc::ptr_eq(&input.drafts, &drafts).then_some(input.index)).collect();
        let index = drafts.borrow().len();
        drafts.borrow_mut().push(PlacedLayer { layer, inputs });
        Self { drafts, index }
    }

    /// For each draft up to this one, whether this one is computed from it.
    fn ancestry(&self) -> Vec<bool> {
        let drafts = self.drafts.borrow();
        let mut needed = vec![false; self.index + 1];
        needed[self.index] = true;
        for index in (0..=self.index).rev() {
            if needed[index] {
                drafts[index].inputs.iter().flatten().for_each(|&input| needed[input] = true);
            }
        }
        needed
    }
}

/// Where pictures enter a graph; layers are put on it as on any [`Node`].
#[derive(Debug, Clone)]
pub struct Input {
    node: Node,
}

impl Input {
    /// An input of the given shape without the batch: `[height, width, channels]`, or `[features]`.
    pub fn new(shape: impl Into<Shape>) -> Self {
        let layer = Layer::Input { shape: shape.into() };
        Self { node: Node::place(layer.into(), &[]) }
    }
}

impl std::ops::Deref for Input {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl Graph {
    /// The network that computes `output` from `input`. Layers that `output` does not need are left out.
    ///
    /// # Errors
    /// With the layer's name, the shape found and what to do, when a layer does not fit its place; when the output does
    /// not come from this input alone; when names repeat; when a limit is exceeded.
    pub fn new(input: &Input, output: &Node) -> Result<Self, BuildError> {
        if !Rc::ptr_eq(&input.drafts, &output.drafts) {
            return Err(BuildError::Disconnected);
        }
        let needed = output.ancestry();
        let mut position_of = vec![0; needed.len()];
        let mut drafts = Vec::new();
        for (index, placed) in output.drafts.borrow().iter().enumerate().take(needed.len()) {
            if needed[index] {
                position_of[index] = drafts.len();
                let NamedLayer { layer, name } = placed.layer.clone();
                let foreign = || BuildError::ForeignInput { layer: Draft::label(name.as_deref(), &layer) };
                let inputs = placed.inputs.iter().map(|input| input.map(|input| position_of[input]));
                let inputs = inputs.collect::<Option<Vec<usize>>>().ok_or_else(foreign)?;
                drafts.push(Draft { name, layer, inputs });
            }
        }
        Self::assemble(drafts)
    }
}

/// A network of layers one after the other.
///
/// ```
/// use divvy_nn::{Activation, Conv2d, Dense, Flatten, Sequential};
///
/// let graph = Sequential::new([28, 28, 1])
///     .add(Conv2d::new(32, 3).activation(Activation::Relu))
///     .add(Flatten::new())
///     .add(Dense::new(10).activation(Activation::Softmax))
///     .build()?;
/// assert_eq!(graph.output_shape().to_string(), "(None, 10)");
/// # Ok::<(), divvy_nn::BuildError>(())
/// ```
#[derive(Debug)]
pub struct Sequential {
    input: Input,
    last: Node,
}

impl Sequential {
    /// A network without layers, for samples of the given shape.
    pub fn new(shape: impl Into<Shape>) -> Self {
        let input = Input::new(shape);
        let last = input.node.clone();
        Self { input, last }
    }

    /// Puts a layer on the last one.
    #[expect(clippy::should_implement_trait, reason = "adding a layer, as Keras calls it, is no sum")]
    pub fn add(mut self, layer: impl Into<NamedLayer>) -> Self {
        self.last = layer.on(&self.last);
        self
    }

    /// The network.
    ///
    /// # Errors
    /// As [`Graph::new`].
    pub fn build(self) -> Result<Graph, BuildError> {
        Graph::new(&self.input, &self.last)
    }
}

//! Networks below the head, by name or from a file.

mod file;

use std::fmt;

use thiserror::Error;

use crate::error::{BuildError, ShapeError};
use crate::graph::{Graph, Wired, wire};
use crate::head::Head;
use crate::layers::{Dense, Layer};
use crate::names::UnknownName;
use crate::shape::Shape;

/// The layers of a network below its head, for pictures of any size that they can take.
///
/// Three come by name; any other is a TOML file in the same format, which `docs/architectures.md` describes:
///
/// ```
/// use divvy_nn::{Architecture, Head, Task};
///
/// let text = r#"
///     [[layer]]
///     type = "conv2d"
///     filters = 8
///     kernel = 3
///     activation = "relu"
///
///     [[layer]]
///     type = "global_avg_pool2d"
/// "#;
/// let architecture = Architecture::from_toml(text, "small.toml")?;
/// let graph = architecture.graph([32, 32, 3], &Head::for_task(Task::Binary, None, 2)?)?;
/// assert_eq!(graph.output_shape().to_string(), "(None, 2)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    origin: String,
    steps: Vec<Step>,
}

/// A layer of the file.
#[derive(Debug, Clone, PartialEq)]
struct Step {
    /// Where it is in the file, from 1.
    line: usize,
    name: Option<String>,
    /// `None` for the layer before it.
    inputs: Option<Vec<String>>,
    layer: Layer,
}

/// Why an architecture cannot be had, or not at this size.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ArchitectureError {
    /// No such name.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// The file does not say what it should.
    #[error("{origin}, line {line}: {message}")]
    File {
        /// The file, or the architecture's name.
        origin: String,
        /// From 1.
        line: usize,
        /// What is wrong and what to write.
        message: String,
    },
    /// The layers do not fit each other or the size of the pictures.
    #[error("{origin}{}: {source}{}", Line(*line), Smallest(*smallest))]
    Build {
        /// The file, or the architecture's name.
        origin: String,
        /// The line of the layer in question, where one is.
        line: Option<usize>,
        /// What does not fit.
        source: Box<BuildError>,
        /// The smallest height and width with which the network can be built, where size is the trouble.
        smallest: Option<usize>,
    },
}

/// How a message tells a line, if there is one.
struct Line(Option<usize>);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, ", line {line}"))
    }
}

/// How a message tells the smallest size, if there is one.
struct Smallest(Option<usize>);

impl fmt::Display for Smallest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |size| write!(f, "; the smallest size that works is {size}"))
    }
}

impl Architecture {
    /// The names [`Architecture::by_name`] knows.
    pub const NAMES: [&'static str; 3] = ["classic", "flat", "lenet5"];

    /// The architecture of that name.
    ///
    /// # Errors
    /// [`ArchitectureError::Unknown`], with the names there are.
    pub fn by_name(name: &str) -> Result<Self, ArchitectureError> {
        let text = match name {
            "classic" => include_str!("../../architectures/classic.toml"),
            "flat" => include_str!("../../architectures/flat.toml"),
            "lenet5" => include_str!("../../architectures/lenet5.toml"),
            _ => return Err(UnknownName::new("architecture", name, Self::NAMES).into()),
        };
        Self::from_toml(text, name)
    }

    /// The architecture a TOML text describes; `origin` is the file's name for messages.
    ///
    /// # Errors
    /// [`ArchitectureError::File`] with the line, what was found there and the near names.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, ArchitectureError> {
        match file::read(text) {
            Ok(steps) => Ok(Self { origin: origin.to_owned(), steps }),
            Err(file::Fault { line, message }) => {
                Err(ArchitectureError::File { origin: origin.to_owned(), line, message })
            }
        }
    }

    /// The name or file it came from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The network for samples of the given shape, `[height, width, channels]`, ending in the given head: a dense layer
    /// called `head`.
    ///
    /// # Errors
    /// [`ArchitectureError::Build`] with the layer, the shape found and, where the pictures are too small, the smallest
    /// size that works.
    pub fn graph(&self, input: impl Into<Shape>, head: &Head) -> Result<Graph, ArchitectureError> {
        let shape = input.into();
        self.assemble(shape, head).map_err(|source| ArchitectureError::Build {
            origin: self.origin.clone(),
            line: self.line_of(&source),
            smallest: if is_too_small(&source) { self.smallest(shape.channels(), head) } else { None },
            source: Box::new(source),
        })
    }

    fn assemble(&self, shape: Shape, head: &Head) -> Result<Graph, BuildError> {
        let input = Wired { name: Some("input".into()), inputs: None, layer: Layer::Input { shape } };
        let below =
            self.steps.iter().cloned().map(|Step { name, inputs, layer, .. }| Wired { name, inputs, layer });
        let dense = Dense::new(head.units()).activation(head.kind().activation());
        let last = Wired { name: Some("head".into()), inputs: None, layer: dense.into() };
        Graph::assemble(wire([input].into_iter().chain(below).chain([last]))?)
    }

    /// The line of the layer an error is about; the input and the head are in no file.
    fn line_of(&self, error: &BuildError) -> Option<usize> {
        match error {
            BuildError::Layer { position, .. } => {
                self.steps.get(position.checked_sub(1)?).map(|step| step.line)
            }
            _ => None,
        }
    }

    /// The smallest height and width of square pictures with which the network can be built.
    fn smallest(&self, channels: usize, head: &Head) -> Option<usize> {
        /// No camera's pictures are put into a network at more.
        const LARGEST: usize = 1 << 13;
        let builds = |size: usize| self.assemble([size, size, channels].into(), head).is_ok();
        let mut works = std::iter::successors(Some(1), |size| Some(size * 2))
            .take_while(|&size| size <= LARGEST)
            .find(|&size| builds(size))?;
        let mut fails = works / 2;
        while works - fails > 1 {
            let middle = fails + (works - fails) / 2;
            if builds(middle) {
                works = middle;
            } else {
                fails = middle;
            }
        }
        Some(works)
    }
}

fn is_too_small(error: &BuildError) -> bool {
    matches!(error, BuildError::Layer { source: ShapeError::WindowTooLarge { .. }, .. })
}

//! Networks below the head, by name or from a file.

mod file;
mod stochastic_depth;
mod torchvision;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use divvy_rules::{Diagnostic, Rule};
use thiserror::Error;

use crate::error::{BuildError, ShapeError};
use crate::graph::{Graph, Wired, wire};
use crate::head::{Head, Task};
use crate::initializer::Initializer;
use crate::layers::{Dense, Layer};
use crate::lint::Circumstances;
use crate::names::UnknownName;
use crate::network::Network;
use crate::shape::Shape;
use crate::wiring::{Decision, Wiring};

/// The layers of a network below its head, for pictures of any size that they can take.
///
/// Some come by name: small ones, and five of torchvision's, layer by layer and with its names, paddings and first values.
/// Any other is a TOML file in the format which `docs/architectures.md` describes:
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
    head: Stated,
    allow: Vec<Rule>,
    last: LastLayer,
}

/// What the dense layer of the head is called and how its parameters start.
#[derive(Debug, Clone, PartialEq)]
struct LastLayer {
    name: &'static str,
    kernel_initializer: Initializer,
    bias_initializer: Initializer,
}

impl Default for LastLayer {
    fn default() -> Self {
        Self {
            name: "head",
            kernel_initializer: Initializer::GlorotUniform,
            bias_initializer: Initializer::Zeros,
        }
    }
}

/// What a file states of the head, and where.
#[derive(Debug, Clone, Default, PartialEq)]
struct Stated {
    wiring: Wiring,
    /// The line of the table, from 1; none where there is no such table.
    line: Option<usize>,
    /// The line of each key.
    lines: BTreeMap<&'static str, usize>,
}

/// A layer below the head.
#[derive(Debug, Clone, PartialEq)]
struct Step {
    /// Where it is in the file, from 1; none where there is no file.
    line: Option<usize>,
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
    /// The layers cannot do what they are for.
    #[error(transparent)]
    Finding(Box<Diagnostic>),
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
    /// Stochastic depth is asked for where nothing can be skipped.
    #[error(
        "{origin}: stochastic depth has nothing to drop: no sum in the network has one input with fewer layers behind it than another, a shortcut; take one that has, such as resnet9_photo, or leave it out"
    )]
    NoShortcuts {
        /// The file, or the architecture's name.
        origin: String,
    },
}

impl ArchitectureError {
    /// The broken rule that the error is about, if it is about one.
    pub fn finding(&self) -> Option<&Diagnostic> {
        match self {
            Self::Finding(finding) => Some(finding),
            Self::Build { source, .. } => source.finding(),
            Self::Unknown(_) | Self::File { .. } | Self::NoShortcuts { .. } => None,
        }
    }
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
    pub const NAMES: [&'static str; 11] = [
        "classic",
        "flat",
        "lenet5",
        "mobilenet_v2",
        "resnet8",
        "resnet9",
        "resnet9_photo",
        "resnet18",
        "resnet34",
        "resnet50",
        "vgg11",
    ];

    /// The architecture of that name.
    ///
    /// # Errors
    /// [`ArchitectureError::Unknown`], with the names there are.
    pub fn by_name(name: &str) -> Result<Self, ArchitectureError> {
        let text = match name {
            "classic" => include_str!("../../architectures/classic.toml"),
            "flat" => include_str!("../../architectures/flat.toml"),
            "lenet5" => include_str!("../../architectures/lenet5.toml"),
            "mobilenet_v2" => return Ok(Self::built_in(name, torchvision::mobilenet_v2())),
            "resnet8" => include_str!("../../architectures/resnet8.toml"),
            "resnet9" => include_str!("../../architectures/resnet9.toml"),
            "resnet9_photo" => include_str!("../../architectures/resnet9_photo.toml"),
            "resnet18" => return Ok(Self::built_in(name, torchvision::resnet18())),
            "resnet34" => return Ok(Self::built_in(name, torchvision::resnet34())),
            "resnet50" => return Ok(Self::built_in(name, torchvision::resnet50())),
            "vgg11" => return Ok(Self::built_in(name, torchvision::vgg11())),
            _ => return Err(UnknownName::new("architecture", name, Self::NAMES).into()),
        };
        Self::from_toml(text, name)
    }

    fn built_in(name: &str, (steps, last): (Vec<Step>, LastLayer)) -> Self {
        Self { origin: name.to_owned(), steps, head: Stated::default(), allow: Vec::new(), last }
    }

    /// Whether a name is that of a TOML file.
    pub fn is_toml(name: &str) -> bool {
        Path::new(name).extension().is_some_and(|found| found.eq_ignore_ascii_case("toml"))
    }

    /// The classes to build for where nobody says how many there are: as many as the units that the file states, else two.
    pub fn usual_classes(&self) -> usize {
        self.head.wiring.units.unwrap_or_default().max(2)
    }

    /// The architecture a TOML text describes; `origin` is the file's name for messages.
    ///
    /// # Errors
    /// [`ArchitectureError::File`] with the line, what was found there and the near names.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, ArchitectureError> {
        match file::read(text) {
            Ok(file::Contents { steps, head, allow }) => {
                Ok(Self { origin: origin.to_owned(), steps, head, allow, last: LastLayer::default() })
            }
            Err(file::Fault { line, message }) => {
                Err(ArchitectureError::File { origin: origin.to_owned(), line, message })
            }
        }
    }

    /// The name or file it came from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What the file states of the head in its `[head]` table.
    pub fn wiring(&self) -> &Wiring {
        &self.head.wiring
    }

    /// The rules whose warnings the file silences: those that it breaks on purpose.
    pub fn allowed(&self) -> &[Rule] {
        &self.allow
    }

    /// The head, loss and metric that `wiring` and, where it says nothing, the file amount to.
    ///
    /// # Errors
    /// The finding of [`Wiring::decide`], at the line of the statement at fault where that is in the file.
    pub fn decide(
        &self,
        wiring: &Wiring,
        task: Option<Task>,
        classes: usize,
        exclusive: bool,
    ) -> Result<Decision, Diagnostic> {
        let stated = wiring.clone().or(&self.head.wiring);
        stated.decide(task, classes, exclusive).map_err(|finding| self.locate(finding, wiring))
    }

    /// The network that ends in a decided head.
    ///
    /// # Errors
    /// As [`Architecture::graph`], and the finding of [`Network::new`], at its line of the file.
    pub fn network(&self, input: impl Into<Shape>, head: &Head) -> Result<Network, ArchitectureError> {
        let graph = self.graph(input, head)?;
        Network::new(graph.clone(), head.task()).map_err(|source| match source {
            BuildError::Head(finding) => {
                ArchitectureError::Finding(Box::new(self.locate_layer(*finding, &graph)))
            }
            source => ArchitectureError::Build {
                origin: self.origin.clone(),
                line: None,
                source: Box::new(source),
                smallest: None,
            },
        })
    }

    /// [`Network::lint`] of a network of this architecture, each finding at its line of the file.
    pub fn lint(&self, network: &Network, circumstances: &Circumstances) -> Vec<Diagnostic> {
        let findings = network.lint(circumstances).into_iter();
        findings.map(|finding| self.locate_layer(finding, network.graph())).collect()
    }

    /// A finding about a statement, at the file's line where it is the file's.
    fn locate(&self, finding: Diagnostic, wiring: &Wiring) -> Diagnostic {
        let key = finding.place.what.clone();
        if self.head.line.is_none() || wiring.states(&key) {
            return finding;
        }
        let line = self.head.lines.get(key.as_str()).copied().or(self.head.line);
        let place = finding.place.clone().inside(Path::new(&self.origin), line);
        finding.at(place)
    }

    /// A finding about a layer, at its line of the file. The input and the head are in no file.
    fn locate_layer(&self, finding: Diagnostic, graph: &Graph) -> Diagnostic {
        let id = finding.place.layer.as_deref().and_then(|name| graph.find(name));
        let line = id.and_then(|id| self.line_at(id.index()));
        match line {
            Some(line) => {
                let place = finding.place.clone().inside(Path::new(&self.origin), Some(line));
                finding.at(place)
            }
            None => finding,
        }
    }

    /// The line of the layer at a position in the graph.
    fn line_at(&self, position: usize) -> Option<usize> {
        self.steps.get(position.checked_sub(1)?).and_then(|step| step.line)
    }

    /// The network for samples of the given shape, `[height, width, channels]`, ending in the given head: a dense layer
    /// called `head`, or what torchvision calls it in its networks.
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
        let dense = Dense::new(head.units())
            .activation(head.kind().activation())
            .kernel_initializer(self.last.kernel_initializer)
            .bias_initializer(self.last.bias_initializer);
        let last = Wired { name: Some(self.last.name.into()), inputs: None, layer: dense.into() };
        Graph::assemble(wire([input].into_iter().chain(below).chain([last]))?)
    }

    /// The line of the layer an error is about; the input and the head are in no file.
    fn line_of(&self, error: &BuildError) -> Option<usize> {
        match error {
            BuildError::Layer { position, .. } => self.line_at(*position),
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

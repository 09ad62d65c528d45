//! The numbers of a network: where each parameter lies, and its values.
//!
//! All trained parameters lie in one slice, in the layout that kernels read ([`WeightLayout`]), so that the optimizer, an average
//! or a norm is a single pass. Those that weight decay pulls at come first, biases last. What no gradient reaches, such as the moving statistics of
//! batch norms, lies in a second slice. Everyone outside the engine sees Keras's layouts and names.

use std::ops::Range;
use std::sync::Arc;

use divvy_kernels::{Buffer, WeightLayout};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use thiserror::Error;

use crate::graph::{Graph, NodeId};
use crate::layers::{ParamRole, ParamSpec};

/// A parameter of a network, by its number in the [`ParameterTable`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ParameterId(pub(crate) usize);

/// Where every parameter of a network lies.
#[derive(Clone, PartialEq, Debug)]
pub struct ParameterTable {
    entries: Vec<Entry>,
    decayed_len: usize,
    biases_start: usize,
    trained_len: usize,
    statistics_len: usize,
}

/// One parameter: what it is and where.
#[derive(Clone, PartialEq, Debug)]
struct Entry {
    node: NodeId,
    /// Layer and parameter, `conv2d/kernel`.
    name: String,
    spec: ParamSpec,
    /// How its values are packed; none where they lie as Keras has them.
    layout: Option<WeightLayout>,
    /// Its place in the slice of its kind.
    range: Range<usize>,
}

impl Entry {
    fn packed_len(&self) -> usize {
        self.layout.as_ref().map_or(self.spec.len(), WeightLayout::packed_len)
    }

    fn is_statistic(&self) -> bool {
        self.spec.role == ParamRole::Statistic
    }

    /// Numbers that lie as this parameter's values do, as the outside sees them.
    fn tensor(&self, stored: &[f32]) -> Tensor {
        let values = match &self.layout {
            None => stored.to_vec(),
            Some(layout) => {
                let mut values = vec![0.0; self.spec.len()];
                layout.unpack(stored, &mut values);
                values
            }
        };
        Tensor { name: self.name.clone(), shape: self.spec.shape.clone(), values }
    }
}

impl ParameterTable {
    /// Lays out the parameters of `graph`.
    pub fn new(graph: &Graph) -> Self {
        let mut entries: Vec<Entry> = graph
            .iter()
            .flat_map(|(id, node)| {
                let inputs = graph.input_shapes(id);
                graph.parameters(id).into_iter().map(move |spec| Entry {
                    node: id,
                    name: format!("{}/{}", node.name, spec.name),
                    layout: node.layer.weight_layout(&inputs, spec.name).filter(|_| spec.is_kernel()),
                    spec,
                    range: 0..0,
                })
            })
            .collect();
        let mut next = 0;
        let mut lay = |wanted: fn(ParamRole) -> bool, next: &mut usize| {
            for entry in entries.iter_mut().filter(|entry| wanted(entry.spec.role)) {
                entry.range = *next..*next + entry.packed_len();
                // Each starts on a cache line.
                *next = entry.range.end.next_multiple_of(16);
            }
            *next
        };
        let decayed_len = lay(|role| role == ParamRole::Weight, &mut next);
        let biases_start = lay(|role| role == ParamRole::Scale, &mut next);
        let trained_len = lay(|role| role == ParamRole::Bias, &mut next);
        let statistics_len = lay(|role| role == ParamRole::Statistic, &mut 0);
        Self { entries, decayed_len, biases_start, trained_len, statistics_len }
    }

    /// The parameter `name` of the layer at `node`.
    pub(crate) fn find(&self, node: NodeId, name: &str) -> Option<ParameterId> {
        self.entries.iter().position(|entry| entry.node == node && entry.spec.name == name).map(ParameterId)
    }

    /// Whether gradients change a parameter.
    pub(crate) fn is_trained(&self, id: ParameterId) -> bool {
        !self.entries[id.0].is_statistic()
    }

    /// Where a parameter lies in the slice of its kind.
    pub(crate) fn range(&self, id: ParameterId) -> Range<usize> {
        self.entries[id.0].range.clone()
    }

    /// The length of the parameters that weight decay pulls at; they come first.
    pub(crate) fn decayed_len(&self) -> usize {
        self.decayed_len
    }

    /// Where what is added to outputs begins; it comes last.
    pub(crate) fn biases_start(&self) -> usize {
        self.biases_start
    }

    /// The numbers in all parameters, as a file holds them.
    pub fn values_len(&self) -> usize {
        self.entries.iter().map(|entry| entry.spec.len()).sum()
    }

    /// The length of all trained parameters, packed.
    pub fn trained_len(&self) -> usize {
        self.trained_len
    }

    /// Numbers that lie as the trained parameters do, such as an optimizer's: a tensor for each of these, in the order of the layers.
    pub(crate) fn trained_tensors<'a>(&'a self, values: &'a [f32]) -> impl Iterator<Item = Tensor> + 'a {
        let trained = self.entries.iter().filter(|entry| !entry.is_statistic());
        trained.map(|entry| entry.tensor(&values[entry.range.clone()]))
    }
}

/// The values of a network's parameters.
#[derive(Clone, Debug)]
pub struct Parameters {
    table: Arc<ParameterTable>,
    values: Buffer,
    statistics: Buffer,
}

/// Values that do not fit a network.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ParameterError {
    /// The network has no parameter of that name.
    #[error(
        "the weights hold '{name}', which the network does not have; they belong to another network, use them with that one"
    )]
    Unknown {
        /// Layer and parameter.
        name: String,
    },
    /// The shapes differ.
    #[error(
        "the weights of '{name}' have the shape {found:?}, the network needs {expected:?}; they belong to another network, use them with that one"
    )]
    Shape {
        /// Layer and parameter.
        name: String,
        /// The shape that was given.
        found: Vec<usize>,
        /// The shape that the network needs.
        expected: Vec<usize>,
    },
    /// The values are fewer or more than the shape says.
    #[error(
        "the weights of '{name}' are {found} numbers, their shape has {expected}; the file is damaged, copy it again from where it came from"
    )]
    Length {
        /// Layer and parameter.
        name: String,
        /// The numbers given.
        found: usize,
        /// The numbers of the shape.
        expected: usize,
    },
    /// A value that is infinite or not a number.
    #[error(
        "the weights of '{name}' are not all finite numbers: a training ran away, or the file was changed; train again"
    )]
    NotFinite {
        /// Layer and parameter.
        name: String,
    },
    /// Parameters for which no values were given.
    #[error(
        "the weights of '{name}' are missing; they belong to another network, or the file is incomplete: copy it again, or train again"
    )]
    Missing {
        /// Layer and parameter.
        name: String,
    },
}

/// One parameter as the outside sees it.
#[derive(Clone, PartialEq, Debug)]
pub struct Tensor {
    /// Layer and parameter, `conv2d/kernel`.
    pub name: String,
    /// Sizes in Keras's layout: `[kernel height, kernel width, channels / groups, filters]`, `[kernel height, kernel width,
    /// channels, depth multiplier]`, `[inputs, outputs]` or `[channels]`.
    pub shape: Vec<usize>,
    /// The values in that layout, the last axis fastest.
    pub values: Vec<f32>,
}

impl Parameters {
    /// Fresh values from each parameter's initialiser. Each draws from a stream of its own, so that a layer starts the same
    /// whatever the layers around it are.
    pub fn initialize(table: Arc<ParameterTable>, seed: u64) -> Self {
        let mut parameters = Self::zeros(table);
        let table = Arc::clone(&parameters.table);
        for (stream, entry) in table.entries.iter().enumerate() {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(stream as u64);
            let mut values = vec![0.0; entry.spec.len()];
            entry.spec.init.fill(&entry.spec.shape, &mut rng, &mut values);
            parameters.write(entry, &values);
        }
        parameters
    }

    /// The values given, which must be those of the whole network.
    ///
    /// # Errors
    /// [`ParameterError`] when a parameter is unknown, missing, of another shape or not finite.
    pub fn from_tensors(
        table: Arc<ParameterTable>,
        tensors: impl IntoIterator<Item = Tensor>,
    ) -> Result<Self, ParameterError> {
        let parameters = Self::gathered(table, tensors, |_| true)?;
        match parameters.first_not_finite() {
            Some(name) => Err(ParameterError::NotFinite { name: name.to_owned() }),
            None => Ok(parameters),
        }
    }

    /// The values given, finite or not, which must be those of the whole network.
    pub(crate) fn of_any(
        table: Arc<ParameterTable>,
        tensors: impl IntoIterator<Item = Tensor>,
    ) -> Result<Self, ParameterError> {
        Self::gathered(table, tensors, |_| true)
    }

    /// Numbers that lie as the trained parameters do, such as an optimizer's: one for each of these, and none for the statistics.
    pub(crate) fn of_trained(
        table: Arc<ParameterTable>,
        tensors: impl IntoIterator<Item = Tensor>,
    ) -> Result<Buffer, ParameterError> {
        Ok(Self::gathered(table, tensors, |entry| !entry.is_statistic())?.values)
    }

    /// The values given, which must be those of all parameters that are wanted.
    fn gathered(
        table: Arc<ParameterTable>,
        tensors: impl IntoIterator<Item = Tensor>,
        wanted: fn(&Entry) -> bool,
    ) -> Result<Self, ParameterError> {
        let mut parameters = Self::zeros(table);
        let table = Arc::clone(&parameters.table);
        let mut missing: Vec<bool> = table.entries.iter().map(wanted).collect();
        for tensor in tensors {
            let is_meant = |entry: &Entry| wanted(entry) && entry.name == tensor.name;
            let index = table.entries.iter().position(is_meant);
            let index = index.ok_or_else(|| ParameterError::Unknown { name: tensor.name.clone() })?;
            parameters.checked_write(&table.entries[index], tensor)?;
            missing[index] = false;
        }
        match missing.iter().position(|&missing| missing) {
            Some(index) => Err(ParameterError::Missing { name: table.entries[index].name.clone() }),
            None => Ok(parameters),
        }
    }

    /// The name of the first parameter, in the order of the layers, with a value that is infinite or not a number. Such
    /// parameters answer nothing, and no training recovers from them.
    pub fn first_not_finite(&self) -> Option<&str> {
        let is_finite = |entry: &Entry| self.stored(entry).iter().all(|value| value.is_finite());
        self.table.entries.iter().find(|entry| !is_finite(entry)).map(|entry| entry.name.as_str())
    }

    /// Whether these are parameters of `graph`: the same layers, names and shapes.
    pub fn fit(&self, graph: &Graph) -> bool {
        let theirs = ParameterTable::new(graph);
        let same =
            |a: &Entry, b: &Entry| a.name == b.name && a.spec.shape == b.spec.shape && a.range == b.range;
        theirs.entries.len() == self.table.entries.len()
            && theirs.entries.iter().zip(&self.table.entries).all(|(a, b)| same(a, b))
    }

    fn zeros(table: Arc<ParameterTable>) -> Self {
        let values = Buffer::zeros(table.trained_len);
        let statistics = Buffer::zeros(table.statistics_len);
        Self { table, values, statistics }
    }

    /// Every parameter, in the order of the layers.
    pub fn tensors(&self) -> impl Iterator<Item = Tensor> + '_ {
        self.table.entries.iter().map(|entry| entry.tensor(self.stored(entry)))
    }

    fn stored(&self, entry: &Entry) -> &[f32] {
        let slice = if entry.is_statistic() { &self.statistics } else { &self.values };
        &slice[entry.range.clone()]
    }

    fn checked_write(&mut self, entry: &Entry, tensor: Tensor) -> Result<(), ParameterError> {
        let Tensor { name, shape, values } = tensor;
        if shape != entry.spec.shape {
            return Err(ParameterError::Shape { name, found: shape, expected: entry.spec.shape.clone() });
        }
        if values.len() != entry.spec.len() {
            return Err(ParameterError::Length { name, found: values.len(), expected: entry.spec.len() });
        }
        self.write(entry, &values);
        Ok(())
    }

    fn write(&mut self, entry: &Entry, values: &[f32]) {
        let slice = if entry.is_statistic() { &mut self.statistics } else { &mut self.values };
        let stored = &mut slice[entry.range.clone()];
        match &entry.layout {
            None => stored.copy_from_slice(values),
            Some(layout) => layout.pack(values, stored),
        }
    }

    pub(crate) fn table(&self) -> &Arc<ParameterTable> {
        &self.table
    }

    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The trained parameters and the statistics.
    pub(crate) fn slices(&self) -> (&[f32], &[f32]) {
        (&self.values, &self.statistics)
    }

    /// Puts other values in place of those of one parameter, in Keras's layout.
    pub(crate) fn set(&mut self, id: ParameterId, values: &[f32]) {
        let table = Arc::clone(&self.table);
        self.write(&table.entries[id.0], values);
    }

    /// The values of one parameter, as kernels read them.
    pub(crate) fn value(&self, id: ParameterId) -> &[f32] {
        self.stored(&self.table.entries[id.0])
    }

    /// The trained parameters and the statistics, which a forward pass of training moves.
    pub(crate) fn split_mut(&mut self) -> (&mut [f32], &mut [f32]) {
        (&mut self.values, &mut self.statistics)
    }
}

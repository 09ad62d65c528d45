//! The compiled network: operations in order, and a place in one arena for every buffer.

mod algorithm;
pub(crate) mod chain;
pub(crate) mod constant;
mod derive;
mod display;
mod fuse;
pub(crate) mod lower;
mod moments;
pub(crate) mod op;
pub(crate) mod place;
mod storage;
#[cfg(test)]
mod testing;
pub(crate) mod tiling;

use std::ops::Range;

use divvy_kernels::{Conv2dShape, ConvAlgorithm, ConvPass, Half, Isa, WeightSource, WinogradTile};

pub use algorithm::{Algorithm, AlgorithmChoice, PassedOver};
use chain::{Chained, chains};
use constant::{Constant, ConstantId};
pub use display::{PlanRow, PlanTable};
use fuse::fuse;
use op::ConvOperand;
pub use op::Op;
pub(crate) use op::{BufferId, LossKind};

use crate::graph::{Graph, NodeId};
use crate::head::{Logits, Loss};
use crate::network::Network;
use crate::optimizer::Optimizer;
use crate::parameters::{ParameterId, ParameterTable};
use lower::{Lowering, Value};
use moments::gather_moments;
use storage::lay_out;
use tiling::Tiling;

/// What a plan is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mode {
    /// Forward, loss and backward: batch norms use the batch's statistics, dropout drops.
    Train,
    /// Forward to the logits: batch norms use the moving statistics, dropout does nothing.
    Infer,
}

/// What a plan is compiled for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlanOptions {
    /// The instruction set that it will run on.
    pub isa: Isa,
    /// What rounds operands of convolutions to 16 bits where that is faster, if they may be; everything in memory is `f32` all the same.
    pub half: Option<Half>,
    /// Which algorithms it may take.
    pub algorithms: Algorithms,
    /// Whether operations are fused where one kernel does two better together. The plan without says what the fused one must
    /// compute.
    pub fused: bool,
}

/// Which algorithms a plan may take for convolutions, of those that apply.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Algorithms {
    /// For each pass the one that is reckoned the fastest.
    #[default]
    Fastest,
    /// The fastest of those that compute every product of the definition: none that saves multiplications at the price of
    /// rounding. In which numbers is another question: see [`PlanOptions::half`].
    Exact,
    /// Winograd's with this tile wherever it applies, be it slower or not, and elsewhere as with [`Self::Exact`].
    Only(WinogradTile),
}

impl Default for PlanOptions {
    /// The best instruction set of this machine, and whatever is fastest with `f32`.
    fn default() -> Self {
        Self { isa: Isa::best(), half: None, algorithms: Algorithms::Fastest, fused: true }
    }
}

impl PlanOptions {
    /// The algorithm of a pass.
    fn algorithm(self, shape: &Conv2dShape, pass: ConvPass, weights: WeightSource) -> ConvAlgorithm {
        let by_speed =
            || shape.algorithms(pass, self.isa, weights, self.half).into_iter().map(|(one, _)| one);
        let is_winograd = |one: &ConvAlgorithm| matches!(one, ConvAlgorithm::Winograd(_));
        let wanted = match self.algorithms {
            Algorithms::Fastest => by_speed().next(),
            Algorithms::Exact => None,
            Algorithms::Only(tile) => by_speed().find(|one| *one == ConvAlgorithm::Winograd(tile)),
        };
        wanted
            .or_else(|| by_speed().find(|one| !is_winograd(one)))
            .expect("every product can always be computed")
    }
}

/// One operation and the node of the graph that it belongs to.
#[derive(Clone, Debug)]
pub struct Step {
    /// The node.
    pub node: NodeId,
    /// The operation.
    pub op: Op,
}

/// A network compiled for one batch size.
#[derive(Clone, Debug)]
pub struct Plan {
    mode: Mode,
    batch: usize,
    steps: Vec<Step>,
    /// The operations of the forward pass, in training with the loss; those backward follow.
    forward: usize,
    buffers: Vec<Range<usize>>,
    arena_len: usize,
    constants: Vec<Constant>,
    /// Where convolutions have their weights from.
    weights: WeightSource,
    immediate: Vec<ParameterId>,
    ends: Ends,
    chains: Vec<Chained>,
    tiling: Option<Box<Tiling>>,
    /// Each node's name, for those who print the plan.
    names: Vec<String>,
}

/// What of a network is compiled.
#[derive(Clone, Copy)]
enum Part<'a> {
    Whole,
    /// All of it, and after that from the logits back to the output of this node.
    AndBack(NodeId),
    /// The first operations, and the buffers that they leave for those behind.
    First {
        steps: usize,
        carried: &'a [BufferId],
    },
}

/// The buffers by which a plan meets its caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// `[batch, height, width, channels]`, filled before a run.
    pub(crate) images: BufferId,
    /// `[batch, units]`, read after a run.
    pub(crate) logits: BufferId,
    /// Those of training only.
    pub(crate) loss: Option<LossEnds>,
    /// Those of an explanation only.
    pub(crate) explained: Option<ExplainedEnds>,
}

/// The buffers by which a training plan meets its caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LossEnds {
    /// `[batch, units]`, filled before a run.
    pub(crate) targets: BufferId,
    /// `[batch]`, read after a run.
    pub(crate) losses: BufferId,
}

/// The buffers by which a plan that goes back to a node meets its caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExplainedEnds {
    /// `[batch, units]`, how much each logit counts in the number that is differentiated; filled before the way back.
    pub(crate) weights: BufferId,
    /// What the node gives, read after the way forward.
    pub(crate) output: BufferId,
    /// The gradient with respect to it, read after a run.
    pub(crate) gradient: BufferId,
}

impl Plan {
    /// Compiles `network` for batches of `batch` pictures.
    pub fn compile(
        network: &Network,
        table: &ParameterTable,
        mode: Mode,
        batch: usize,
        options: PlanOptions,
    ) -> Self {
        let mut plan = Self::compile_part(network, table, mode, batch, options, Part::Whole);
        if mode == Mode::Infer {
            plan.tiling = Tiling::of(&plan, network, table, options).map(Box::new);
        }
        plan
    }

    /// Compiles `network` for inference on batches of `batch` pictures, and for the way back from the logits to what the node `id`
    /// gives: the forward operations make both, those behind them the gradient.
    ///
    /// # Panics
    /// When the logits do not hang on that node.
    pub(crate) fn compile_back_to(
        network: &Network,
        table: &ParameterTable,
        id: NodeId,
        batch: usize,
        options: PlanOptions,
    ) -> Self {
        Self::compile_part(network, table, Mode::Infer, batch, options, Part::AndBack(id))
    }

    /// Compiles a part of `network` for operations that all run over the whole batch.
    fn compile_part(
        network: &Network,
        table: &ParameterTable,
        mode: Mode,
        batch: usize,
        options: PlanOptions,
        part: Part<'_>,
    ) -> Self {
        let mut lowering = Lowering::new(mode, batch, network.graph(), table);
        let Lowered { images, logits, values } = lower_layers(&mut lowering, network);
        let mut constants = Vec::new();
        let mut fused = lowering.ops.len();
        if let Part::AndBack(id) = part {
            let output = values[id.index()].buffer;
            lowering.buffers[output.0].external = true;
            // What is gone back through must leave what the way back reads, as fused operations do not.
            let reads_it = |step: &Step| step.op.operands().reads.contains(&output);
            fused = lowering.ops.iter().position(reads_it).unwrap_or(fused);
        }
        if options.fused {
            let steps = std::mem::take(&mut lowering.ops);
            lowering.ops = fuse(steps, fused, &lowering.buffers, &mut constants);
        }
        if let Part::First { steps, carried } = part {
            lowering.ops.truncate(steps);
            for id in carried {
                lowering.buffers[id.0].external = true;
            }
        }
        let inferring = lowering.ops.len();
        let loss = (mode == Mode::Train).then(|| lower_loss(&mut lowering, network, logits));
        let explained = match part {
            Part::AndBack(id) => {
                let output = values[id.index()].buffer;
                Some(lower_way_back(&mut lowering, network, logits, output, &mut constants))
            }
            Part::Whole | Part::First { .. } => None,
        };
        let weights = match mode {
            Mode::Train => WeightSource::Trained,
            Mode::Infer => WeightSource::unchanging(table.values_len()),
        };
        choose_algorithms(&mut lowering, options, weights, &mut constants);
        if options.fused {
            gather_moments(&mut lowering);
        }
        let Lowering { ops: steps, buffers, .. } = lowering;
        let bands = mode == Mode::Infer && options.fused;
        let chains = if bands { chains(&steps, &buffers) } else { Vec::new() };
        let (buffers, arena_len) = lay_out(&steps, &buffers, &chains);
        let names = network.graph().nodes().iter().map(|node| node.name.clone()).collect();
        let ends = Ends { images, logits, loss, explained };
        let is_loss = |step: &Step| matches!(step.op, Op::Loss { .. });
        let forward = steps.iter().position(is_loss).map_or(inferring, |at| at + 1);
        let immediate = immediate(&steps);
        Self {
            mode,
            batch,
            steps,
            forward,
            buffers,
            arena_len,
            constants,
            weights,
            immediate,
            ends,
            chains,
            tiling: None,
            names,
        }
    }

    /// Compiles one layer for inference, for those who look at its output; with the buffers of its inputs and of its output.
    ///
    /// # Panics
    /// When the node is the input, which has no operations.
    pub(crate) fn of_layer(
        graph: &Graph,
        table: &ParameterTable,
        id: NodeId,
        batch: usize,
    ) -> (Self, Vec<BufferId>, BufferId) {
        let mut lowering = Lowering::new(Mode::Infer, batch, graph, table);
        lowering.node = id;
        let inputs = graph
            .input_shapes(id)
            .into_iter()
            .map(|shape| Value { buffer: lowering.external(batch * shape.len()), shape });
        let inputs: Vec<Value> = inputs.collect();
        let layer = &graph.node(id).layer;
        let output = layer.lower(&mut lowering, &inputs).expect("a layer that is not the input").buffer;
        lowering.buffers[output.0].external = true;
        let Lowering { ops: steps, buffers, .. } = lowering;
        let (buffers, arena_len) = lay_out(&steps, &buffers, &[]);
        let inputs: Vec<BufferId> = inputs.into_iter().map(|value| value.buffer).collect();
        let ends = Ends { images: inputs[0], logits: output, loss: None, explained: None };
        let names = vec![graph.node(id).name.clone()];
        let plan = Self {
            mode: Mode::Infer,
            batch,
            forward: steps.len(),
            steps,
            buffers,
            arena_len,
            constants: Vec::new(),
            weights: WeightSource::unchanging(table.values_len()),
            immediate: Vec::new(),
            ends,
            chains: Vec::new(),
            tiling: None,
            names,
        };
        (plan, inputs, output)
    }

    /// How an operation of the plan, which was compiled for `options`, is computed; none where there is but one way.
    pub fn algorithms(&self, op: &Op, options: PlanOptions) -> Option<AlgorithmChoice> {
        op.algorithms(options, self.weights)
    }

    /// What the plan is for.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The pictures in a batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The operations, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The operations from the pictures to the logits and the loss.
    pub(crate) fn forward(&self) -> Range<usize> {
        0..self.forward
    }

    /// The operations from the loss, or the logits, to the gradients.
    pub(crate) fn backward(&self) -> Range<usize> {
        self.forward..self.steps.len()
    }

    /// The parameters that an optimizer moves while their gradients are made, in the order in which they lie: none where something
    /// must be known of all gradients first.
    pub(crate) fn immediate(&self, optimizer: &Optimizer) -> &[ParameterId] {
        if optimizer.clip_norm.is_none() { &self.immediate } else { &[] }
    }

    /// The numbers in the arena.
    pub fn arena_len(&self) -> usize {
        self.arena_len
    }

    /// The numbers of scratch that the operations need on that many threads.
    pub fn scratch_len(&self, threads: usize) -> usize {
        let of_steps = self.steps.iter().map(|step| step.op.scratch(threads));
        let of_chains = self.chains.iter().filter(|chained| chained.chain.occupies(threads));
        of_steps.chain(of_chains.map(|chained| chained.chain.scratch(threads))).max().unwrap_or(0)
    }

    /// The numbers that are made of the parameters whenever those change, beside the arena.
    pub fn constants_len(&self) -> usize {
        let tiled = self.tiling().map_or(0, |tiling| tiling.plan.constants_len());
        constant::len(&self.constants) + tiled
    }

    pub(crate) fn constants(&self) -> &[Constant] {
        &self.constants
    }

    /// Multiplications and additions of one run, counted as two.
    pub fn flops(&self) -> u64 {
        self.steps.iter().map(|step| step.op.flops()).sum()
    }

    /// Where a buffer lies in the arena.
    pub fn buffer(&self, id: BufferId) -> Range<usize> {
        self.buffers[id.0].clone()
    }

    /// Operations from this one on that are run as a chain by so many threads.
    pub(crate) fn chain_from(&self, step: usize, threads: usize) -> Option<&Chained> {
        let at = self.chains.binary_search_by_key(&step, |chained| chained.steps.start).ok()?;
        Some(&self.chains[at]).filter(|chained| chained.chain.occupies(threads))
    }

    /// Whether the first operations are run from end to end for a few pictures at a time, rather than one by one for all.
    pub fn is_tiled(&self) -> bool {
        self.tiling.is_some()
    }

    /// The operations that are run a few pictures at a time, if any are.
    pub(crate) fn tiling(&self) -> Option<&Tiling> {
        self.tiling.as_deref()
    }

    pub(crate) fn ends(&self) -> Ends {
        self.ends
    }
}

/// A network's layers as operations: where its ends are, and what each node gives.
struct Lowered {
    images: BufferId,
    logits: BufferId,
    values: Vec<Value>,
}

/// Emits the forward operations of every layer up to the logits.
fn lower_layers(lowering: &mut Lowering<'_>, network: &Network) -> Lowered {
    let graph = network.graph();
    let images = Value {
        buffer: lowering.external(lowering.batch * graph.input_shape().len()),
        shape: graph.input_shape(),
    };
    let (last, linear) = match network.logits() {
        Logits::OutputOf(id) => (id, false),
        Logits::BeforeActivationOf(id) => (id, true),
    };
    let mut values = vec![images];
    for (id, node) in graph.iter().skip(1).take(last.index()) {
        let inputs: Vec<_> = node.inputs.iter().map(|input| values[input.index()]).collect();
        lowering.node = id;
        lowering.omit_activation = linear && id == last;
        values.push(node.layer.lower(lowering, &inputs).expect("only the first node is the input"));
    }
    let logits = values[last.index()].buffer;
    lowering.buffers[logits.0].external = true;
    Lowered { images: images.buffer, logits, values }
}

/// Emits the loss and everything backward from it.
fn lower_loss(lowering: &mut Lowering<'_>, network: &Network, logits: BufferId) -> LossEnds {
    let (rows, columns) = (lowering.batch, network.head().units());
    let targets = lowering.external(rows * columns);
    let losses = lowering.external(rows);
    let dlogits = lowering.buffer(rows * columns);
    let kind = match network.head().loss() {
        Loss::CategoricalCrossEntropy => LossKind::SoftmaxCrossEntropy,
        Loss::BinaryCrossEntropy => LossKind::SigmoidCrossEntropy,
        Loss::MeanSquaredError => LossKind::MeanSquaredError,
    };
    let loss = Op::Loss { kind, rows, columns, logits, targets, losses, dlogits };
    derive::derive(lowering, loss, logits, dlogits);
    LossEnds { targets, losses }
}

/// Emits everything backward from a weighted sum of the logits to `output`.
fn lower_way_back(
    lowering: &mut Lowering<'_>,
    network: &Network,
    logits: BufferId,
    output: BufferId,
    constants: &mut Vec<Constant>,
) -> ExplainedEnds {
    let weights = lowering.external(lowering.batch * network.head().units());
    let gradient = derive::derive_to(lowering, output, logits, weights, constants);
    lowering.buffers[gradient.0].external = true;
    ExplainedEnds { weights, output, gradient }
}

/// The parameters whose gradients are made in one pass over them, in the order in which they lie.
fn immediate(steps: &[Step]) -> Vec<ParameterId> {
    let of_step = |step: &Step| match step.op {
        Op::DenseBackward { weights, .. } => Some(weights),
        _ => None,
    };
    let mut parameters: Vec<_> = steps.iter().filter_map(of_step).collect();
    parameters.sort_unstable();
    parameters
}

/// Gives every convolution its algorithm. Where weights change with each step, they are transformed by an operation
/// before it; else they are a constant, or on the way back, which is short then, as they lie.
fn choose_algorithms(
    lowering: &mut Lowering<'_>,
    options: PlanOptions,
    source: WeightSource,
    constants: &mut Vec<Constant>,
) {
    let prepared = source != WeightSource::Trained;
    for mut step in std::mem::take(&mut lowering.ops) {
        let (pass, shape, weights) = match &mut step.op {
            Op::Conv2d { shape, weights, .. } => (ConvPass::Forward, *shape, weights),
            Op::Conv2dBackwardData { shape, weights, .. } if !prepared => {
                (ConvPass::BackwardData, *shape, weights)
            }
            Op::Conv2dBackwardWeights { shape, algorithm, .. } => {
                *algorithm = options.algorithm(shape, ConvPass::BackwardWeights, source);
                lowering.ops.push(step);
                continue;
            }
            _ => {
                lowering.ops.push(step);
                continue;
            }
        };
        if let Some(transform) = options.algorithm(&shape, pass, source).transform() {
            let parameter = weights.parameter();
            if prepared {
                *weights = ConvOperand::Prepared(parameter, transform, ConstantId(constants.len()));
                let shape = Conv2dShape { batch: 1, ..shape };
                constants.push(Constant::ConvWeights { shape, transform, weights: parameter });
            } else {
                let u = lowering.buffer(shape.transformed_len(pass, transform));
                *weights = ConvOperand::Transformed(parameter, transform, u);
                let op = Op::ConvWeights { shape, pass, transform, weights: parameter, u };
                lowering.ops.push(Step { node: step.node, op });
            }
        }
        lowering.ops.push(step);
    }
}

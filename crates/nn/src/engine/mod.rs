//! A network with its parameters on a device: what a trainer drives and a classifier asks.

mod explain;
mod state;
mod step;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use divvy_kernels::{Buffer, Cpu};

use crate::device::{Context, Device, Known, Randomness};
use crate::graph::NodeId;
use crate::head::LossWeights;
use crate::memory::needed_memory;
use crate::network::Network;
use crate::optimizer::OptimizerState;
use crate::parameters::{ParameterTable, Parameters};
use crate::plan::constant::{Constants, Places};
use crate::plan::{Mode, Plan};
use crate::whitening::Whitening;

pub use explain::Explained;
pub use state::{StateError, StatePart, StateTensor, StepCounts};
pub use step::NotFinite;

/// A network, its parameters, and the plans and memory to run it. Plans are compiled once for each batch size.
#[derive(Debug)]
pub struct Engine {
    network: Network,
    /// The network for pictures of another size, where it is trained on such.
    trained_as: Option<Network>,
    device: Device,
    parameters: Parameters,
    gradients: Buffer,
    /// The mean of the gradients of the parts of a step that were computed already.
    accumulated: Buffer,
    optimizer_state: OptimizerState,
    average: Option<Parameters>,
    loss_weights: LossWeights,
    plans: HashMap<(Purpose, usize), Compiled>,
    constants: Constants,
    seed: u64,
    steps: u64,
}

/// What a network is compiled for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Purpose {
    /// A run of the whole.
    Run(Mode),
    /// An inference, and the way back from its logits to what this node gave.
    BackTo(NodeId),
}

/// A plan and where its constants are.
#[derive(Clone, Debug)]
struct Compiled {
    plan: Arc<Plan>,
    places: Arc<Places>,
    /// Where the constants of its tiling are.
    tiled_places: Arc<Places>,
}

impl Engine {
    /// `network` with fresh parameters drawn from `seed`.
    pub fn new(network: Network, device: Device, seed: u64) -> Self {
        let table = Arc::new(ParameterTable::new(network.graph()));
        Self::with_parameters(network, Parameters::initialize(table, seed), device, seed)
    }

    /// `network` with the parameters given, which are of this network; `seed` is that of dropout.
    pub fn with_parameters(network: Network, parameters: Parameters, device: Device, seed: u64) -> Self {
        Self {
            loss_weights: LossWeights::even(network.head()),
            network,
            trained_as: None,
            device,
            parameters,
            gradients: Buffer::default(),
            accumulated: Buffer::default(),
            optimizer_state: OptimizerState::default(),
            average: None,
            plans: HashMap::new(),
            constants: Constants::default(),
            seed,
            steps: 0,
        }
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Trains as `network` from the next step on: the same layers with the same parameters, for pictures of another size. What it answers is still
    /// answered as the network it was made of.
    ///
    /// # Panics
    /// When its parameters are others; [`ParameterTable`]s can be compared before.
    pub fn train_as(&mut self, network: Network) {
        if self.trained_as.as_ref() == Some(&network) {
            return;
        }
        let table = ParameterTable::new(network.graph());
        assert!(table == **self.parameters.table(), "a network with the same parameters");
        self.plans.retain(|(purpose, _), _| *purpose != Purpose::Run(Mode::Train));
        self.trained_as = Some(network);
    }

    /// The processor that it runs on.
    pub fn cpu(&self) -> &Cpu {
        self.device.cpu()
    }

    /// The bytes that inference takes with batches of `batch` pictures, the parameters included. Nothing is allocated.
    pub fn needed_memory(&self, batch: usize) -> u64 {
        needed_memory(&self.network, None, batch, self.device.plan_options(), self.cpu().threads())
    }

    /// The parameters as they are now.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The running average of the parameters over the steps so far, the moving statistics of batch norms included; none where the
    /// optimizer keeps none ([`Optimizer::average`](crate::Optimizer::average)).
    pub fn average(&self) -> Option<&Parameters> {
        self.average.as_ref()
    }

    /// What is to be gathered of pictures before the first step, for [`Engine::whiten`]; none where no layer asks for it.
    pub fn whitening(&self) -> Option<Whitening> {
        Whitening::of(self.network.graph())
    }

    /// Gives the layers that whiten the kernels that follow from pictures.
    ///
    /// # Panics
    /// When it was gathered for another network.
    pub fn whiten(&mut self, gathered: &Whitening) {
        for (node, kernel) in gathered.kernels(self.seed) {
            let id = self.parameters.table().find(node, "kernel").expect("a convolution has a kernel");
            self.parameters.set(id, &kernel);
        }
        self.constants.expire();
    }

    /// Sets how much each class counts in the loss; all the same by default.
    ///
    /// # Panics
    /// When they are not weights of as many columns as the head has units.
    pub fn weigh_loss(&mut self, weights: LossWeights) {
        assert_eq!(weights.columns(), self.network.head().units(), "weights for each unit");
        self.loss_weights = weights;
    }

    /// Puts other values of the same network in place of the present ones, which it gives back.
    ///
    /// # Panics
    /// When they are laid out for another network.
    pub fn replace_parameters(&mut self, parameters: Parameters) -> Parameters {
        assert_eq!(
            parameters.table().trained_len(),
            self.parameters.table().trained_len(),
            "parameters of another network"
        );
        self.constants.expire();
        std::mem::replace(&mut self.parameters, parameters)
    }

    /// The plan for batches of `batch` pictures, compiled when first asked for.
    pub fn plan(&mut self, mode: Mode, batch: usize) -> Arc<Plan> {
        self.compiled(Purpose::Run(mode), batch).plan
    }

    fn compiled(&mut self, purpose: Purpose, batch: usize) -> Compiled {
        let (network, table) = (&self.network, self.parameters.table());
        let options = self.device.plan_options();
        let compiled = self.plans.entry((purpose, batch)).or_insert_with(|| {
            let plan = match purpose {
                Purpose::Run(mode @ Mode::Train) => {
                    let network = self.trained_as.as_ref().unwrap_or(network);
                    Plan::compile(network, table, mode, batch, options)
                }
                Purpose::Run(mode @ Mode::Infer) => Plan::compile(network, table, mode, batch, options),
                Purpose::BackTo(id) => Plan::compile_back_to(network, table, id, batch, options),
            };
            let places = Arc::new(self.constants.place(plan.constants()));
            let tiled = plan.tiling().map(|tiling| self.constants.place(tiling.plan.constants()));
            Compiled { plan: Arc::new(plan), places, tiled_places: Arc::new(tiled.unwrap_or_default()) }
        });
        self.device.prepare(&compiled.plan);
        compiled.clone()
    }

    /// Takes the time of every operation from now on, for [`Engine::times`].
    pub fn take_times(&mut self) {
        self.device.take_times();
    }

    /// How long each operation of the last step or batch took, in the order of its plan, and after them the optimizer's pass over
    /// what no operation has moved. Empty unless times are taken.
    pub fn times(&mut self) -> &[Duration] {
        self.device.laps().map(|laps| laps.times()).unwrap_or_default()
    }

    /// Forgets the times of the last run, if they are taken.
    fn start_laps(&mut self, plan: &Plan) {
        if let Some(laps) = self.device.laps() {
            laps.start(plan.steps().len());
        }
    }

    /// The logits of a batch, `[batch, units]`, in inference mode.
    ///
    /// # Panics
    /// When `images` is not `[batch, height, width, channels]`.
    pub fn logits(&mut self, images: &[f32], batch: usize) -> &[f32] {
        let compiled = self.compiled(Purpose::Run(Mode::Infer), batch);
        self.start_laps(&compiled.plan);
        let ends = compiled.plan.ends();
        let tiling = self.device.tiling(&compiled.plan);
        if tiling.is_none_or(|tiling| tiling.leaves_images) {
            self.device.fill(&compiled.plan, ends.images, images);
        }
        let tiled = tiling.map_or(&[][..], |tiling| tiling.plan.steps());
        let whole = tiled.len()..compiled.plan.steps().len();
        self.constants.refresh(&compiled.tiled_places, tiled, self.device.cpu(), &self.parameters);
        let known = Known { constants: &self.constants, places: &compiled.tiled_places };
        self.device.run_tiled(&compiled.plan, images, known, &self.parameters);
        self.infer(&compiled, whole);
        self.device.buffer(&compiled.plan, ends.logits)
    }

    /// Runs some operations of a plan of inference.
    fn infer(&mut self, compiled: &Compiled, steps: Range<usize>) {
        let Compiled { plan, places, .. } = compiled;
        self.constants.refresh(places, &plan.steps()[steps.clone()], self.device.cpu(), &self.parameters);
        self.device.run(
            plan,
            steps,
            Context {
                constants: Known { constants: &self.constants, places },
                parameters: &mut self.parameters,
                gradients: &mut [],
                randomness: Randomness { seed: self.seed, step: 0 },
                loss_weights: None,
                updates: None,
            },
        );
    }
}

//! A network with its parameters on a device: what a trainer drives and a classifier asks.

mod state;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use divvy_kernels::{Average, Buffer, Cpu, follow};
use thiserror::Error;

use crate::device::{Context, Device, Known, Randomness};
use crate::head::LossWeights;
use crate::network::Network;
use crate::optimizer::{Optimizer, OptimizerState};
use crate::parameters::{ParameterTable, Parameters};
use crate::plan::constant::{Constants, Places};
use crate::plan::{Mode, Plan};

pub use state::{StateError, StatePart, StateTensor, StepCounts};

/// A network, its parameters, and the plans and memory to run it. Plans are compiled once for each batch size.
#[derive(Debug)]
pub struct Engine {
    network: Network,
    device: Device,
    parameters: Parameters,
    gradients: Buffer,
    optimizer_state: OptimizerState,
    average: Option<Parameters>,
    loss_weights: LossWeights,
    plans: HashMap<(Mode, usize), Compiled>,
    constants: Constants,
    seed: u64,
    steps: u64,
}

/// A plan and where its constants are.
#[derive(Clone, Debug)]
struct Compiled {
    plan: Arc<Plan>,
    places: Arc<Places>,
    /// Where the constants of its tiling are.
    tiled_places: Arc<Places>,
}

/// A step that left no usable numbers. The trained parameters are as they were before it.
#[derive(Clone, Copy, PartialEq, Debug, Error)]
#[error(
    "the loss is {loss} at step {step}: the learning rate is too high for this network, or a picture or label holds no finite \
     number; train again with a tenth of the learning rate"
)]
pub struct NotFinite {
    /// The step, from 1.
    pub step: u64,
    /// The mean loss of the batch.
    pub loss: f32,
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
            device,
            parameters,
            gradients: Buffer::default(),
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

    /// The processor that it runs on.
    pub fn cpu(&self) -> &Cpu {
        self.device.cpu()
    }

    /// The parameters as they are now.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The running average of the parameters over the steps so far, the moving statistics of batch norms included; none where the
    /// optimizer keeps none ([`Optimizer::average`]).
    pub fn average(&self) -> Option<&Parameters> {
        self.average.as_ref()
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
        self.compiled(mode, batch).plan
    }

    fn compiled(&mut self, mode: Mode, batch: usize) -> Compiled {
        let (network, table) = (&self.network, self.parameters.table());
        let options = self.device.plan_options();
        let compiled = self.plans.entry((mode, batch)).or_insert_with(|| {
            let plan = Plan::compile(network, table, mode, batch, options);
            let places = Arc::new(self.constants.place(plan.constants()));
            let tiled = plan.tiling().map(|tiling| self.constants.place(tiling.plan.constants()));
            Compiled { plan: Arc::new(plan), places, tiled_places: Arc::new(tiled.unwrap_or_default()) }
        });
        self.device.prepare(&compiled.plan);
        compiled.clone()
    }

    /// One step of training: forward, loss, backward, and the optimizer's update at rate `rate`. The mean loss of the batch.
    ///
    /// `images` are `[batch, height, width, channels]`, `targets` `[batch, units]`, as the network's head encodes them.
    ///
    /// # Errors
    /// [`NotFinite`] when the loss is not finite.
    ///
    /// # Panics
    /// When the slices do not have those lengths.
    pub fn train_step(
        &mut self,
        images: &[f32],
        targets: &[f32],
        batch: usize,
        optimizer: &Optimizer,
        rate: f64,
    ) -> Result<f32, NotFinite> {
        let compiled = self.compiled(Mode::Train, batch);
        if self.gradients.len() != self.parameters.table().trained_len() {
            // Fresh zeros, not grown: pages that are never written, as those of gradients that are not kept, take no memory.
            self.gradients = Buffer::zeros(self.parameters.table().trained_len());
        }
        if optimizer.average.is_none() {
            self.average = None;
        } else if self.average.is_none() {
            self.average = Some(self.parameters.clone());
        }
        let loss = self.forward(&compiled, images, targets)?;
        self.backward(&compiled, optimizer, rate);
        Ok(loss)
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

    /// The mean loss of a batch; what the backward pass reads is left in memory.
    fn forward(&mut self, compiled: &Compiled, images: &[f32], targets: &[f32]) -> Result<f32, NotFinite> {
        let plan = &compiled.plan;
        self.start_laps(plan);
        let ends = plan.ends();
        let loss_ends = ends.loss.expect("a training plan ends in a loss");
        self.device.buffer_mut(plan, ends.images).copy_from_slice(images);
        self.device.buffer_mut(plan, loss_ends.targets).copy_from_slice(targets);
        self.device.run(
            plan,
            plan.forward(),
            Context {
                constants: Known { constants: &self.constants, places: &compiled.places },
                parameters: &mut self.parameters,
                gradients: &mut self.gradients,
                randomness: Randomness { seed: self.seed, step: self.steps },
                loss_weights: Some(&self.loss_weights),
                updates: None,
            },
        );
        let losses = self.device.buffer(plan, loss_ends.losses);
        let loss = (losses.iter().copied().map(f64::from).sum::<f64>() / plan.batch() as f64) as f32;
        if loss.is_finite() { Ok(loss) } else { Err(NotFinite { step: self.steps + 1, loss }) }
    }

    /// Forgets the times of the last run, if they are taken.
    fn start_laps(&mut self, plan: &Plan) {
        if let Some(laps) = self.device.laps() {
            laps.start(plan.steps().len());
        }
    }

    /// The gradients of the batch whose forward pass was the last, and the optimizer's step. Parameters whose gradients are made
    /// in one pass over them are moved in that pass, the others after all.
    fn backward(&mut self, compiled: &Compiled, optimizer: &Optimizer, rate: f64) {
        let (plan, table) = (&compiled.plan, self.parameters.table().clone());
        let average_rate = optimizer.average_rate(self.steps + 1);
        let averaged = self.average.as_mut().zip(average_rate);
        let averaged = averaged.map(|(kept, rate)| Average { values: kept.values_mut(), rate });
        let mut updates = self.optimizer_state.begin(optimizer, rate, &table, averaged);
        let moved = plan.immediate(optimizer);
        self.device.run(
            plan,
            plan.backward(),
            Context {
                constants: Known { constants: &self.constants, places: &compiled.places },
                parameters: &mut self.parameters,
                gradients: &mut self.gradients,
                randomness: Randomness { seed: self.seed, step: self.steps },
                loss_weights: Some(&self.loss_weights),
                updates: (!moved.is_empty()).then_some(&mut updates),
            },
        );
        updates.clip(self.device.cpu(), &self.gradients);
        let mut start = 0;
        let len = table.trained_len();
        for range in moved.iter().map(|id| table.range(*id)).chain(std::iter::once(len..len)) {
            let values = self.parameters.values_mut();
            updates.take(self.device.cpu(), start..range.start, values, &self.gradients);
            start = range.end;
        }
        if let Some((kept, rate)) = self.average.as_mut().zip(average_rate) {
            let (_, values) = kept.split_mut();
            follow(self.device.cpu(), Average { values, rate }, self.parameters.slices().1);
        }
        if let Some(laps) = self.device.laps() {
            laps.lap();
        }
        self.steps += 1;
        self.constants.expire();
    }

    /// The logits of a batch, `[batch, units]`, in inference mode.
    ///
    /// # Panics
    /// When `images` is not `[batch, height, width, channels]`.
    pub fn logits(&mut self, images: &[f32], batch: usize) -> &[f32] {
        let compiled = self.compiled(Mode::Infer, batch);
        self.start_laps(&compiled.plan);
        let ends = compiled.plan.ends();
        self.device.buffer_mut(&compiled.plan, ends.images).copy_from_slice(images);
        let (cpu, parameters) = (self.device.cpu(), &self.parameters);
        let tiled = self.device.tiling(&compiled.plan).map_or(&[][..], |tiling| tiling.plan.steps());
        let whole = tiled.len()..compiled.plan.steps().len();
        self.constants.refresh(&compiled.tiled_places, tiled, cpu, parameters);
        self.constants.refresh(&compiled.places, &compiled.plan.steps()[whole.clone()], cpu, parameters);
        let known = |places| Known { constants: &self.constants, places };
        self.device.run_tiled(&compiled.plan, known(&compiled.tiled_places), &self.parameters);
        self.device.run(
            &compiled.plan,
            whole,
            Context {
                constants: known(&compiled.places),
                parameters: &mut self.parameters,
                gradients: &mut [],
                randomness: Randomness { seed: self.seed, step: 0 },
                loss_weights: None,
                updates: None,
            },
        );
        self.device.buffer(&compiled.plan, ends.logits)
    }
}

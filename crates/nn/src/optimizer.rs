//! Optimizers: how parameters follow their gradients. Definitions, names and defaults are PyTorch's.

use std::ops::Range;

use divvy_kernels::{
    Adam as AdamKernel, Average, Buffer, Cpu, RmsProp as RmsPropKernel, Rule, Sgd as SgdKernel, Update,
};
use divvy_kernels::{sum_of_squares, sum_of_squares_scratch, update};
use serde::{Deserialize, Serialize};

use crate::parameters::ParameterTable;

/// The rule by which parameters move, and what is done to the gradients first.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Optimizer {
    /// The rule.
    pub rule: UpdateRule,
    /// The pull of weights towards 0; biases, and the scales and shifts of norms, are left alone unless `decay_all` is set. An L2 term in the gradient, but for
    /// `SgdW` and `AdamW`, where it is decoupled from it: at each step a weight loses this share of it, times the learning rate. 0 by default.
    #[serde(default)]
    pub weight_decay: f64,
    /// Whether biases, and the scales and shifts of norms, are pulled towards 0 as well, as PyTorch's optimizers do where nothing else is
    /// said. Off by default.
    #[serde(default, skip_serializing_if = "is_off")]
    pub decay_all: bool,
    /// How many times as fast as all else biases and the shifts of norms move: they follow the layers before them, and there are too few of them to run away
    /// (64 in Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU"). 1 by default.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub bias_rate: f64,
    /// The largest Euclidean norm that all gradients together may have; a longer gradient is shortened. None by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// A running average of the parameters is kept, of which so much stays at each step; the average answers better than the last
    /// parameters do, which swing around it (Polyak and Juditsky, 1992). In the first steps less stays, `(1 + t) / (10 + t)` after
    /// `t` of them, so that the beginning is soon forgotten. None by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<f64>,
}

/// A setting out of range: its name, the value, and what it may be.
pub type BadSetting = (&'static str, f64, &'static str);

/// Refuses a value that is not in a range.
pub(crate) fn within(
    setting: &'static str,
    value: f64,
    is_good: impl Fn(f64) -> bool,
    wanted: &'static str,
) -> Result<(), BadSetting> {
    if value.is_finite() && is_good(value) { Ok(()) } else { Err((setting, value, wanted)) }
}

impl Optimizer {
    /// Refuses settings with which no training can work.
    ///
    /// # Errors
    /// The setting, its value and what it may be.
    pub fn check(&self) -> Result<(), BadSetting> {
        within("weight_decay", self.weight_decay, |decay| decay >= 0.0, "give 0 or more")?;
        within("bias_rate", self.bias_rate, |rate| rate > 0.0, "give more than 0")?;
        self.clip_norm
            .map_or(Ok(()), |norm| within("clip_norm", norm, |norm| norm > 0.0, "give more than 0"))?;
        let memory =
            |name, share| within(name, share, |share| (0.0..1.0).contains(&share), "give 0 or more, below 1");
        self.average.map_or(Ok(()), |kept| memory("average", kept))?;
        let epsilon = |epsilon| within("epsilon", epsilon, |epsilon| epsilon > 0.0, "give more than 0");
        match self.rule {
            UpdateRule::Sgd(velocity) | UpdateRule::SgdW(velocity) => memory("momentum", velocity.momentum),
            UpdateRule::Adam(moments) | UpdateRule::AdamW(moments) => {
                memory("beta1", moments.beta1)?;
                memory("beta2", moments.beta2)?;
                epsilon(moments.epsilon)
            }
            UpdateRule::RmsProp { rho, epsilon: added, momentum } => {
                memory("rho", rho)?;
                memory("momentum", momentum)?;
                epsilon(added)
            }
        }
    }
}

/// The rule by which parameters follow their gradients.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", deny_unknown_fields)]
pub enum UpdateRule {
    /// Stochastic gradient descent: `v = momentum v + g; p -= lr v` (Nesterov: `p -= lr (g + momentum v)`).
    Sgd(Velocity),
    /// The same with decoupled weight decay (Loshchilov and Hutter, 2019).
    SgdW(Velocity),
    /// Adam (Kingma and Ba, 2015).
    Adam(Moments),
    /// Adam with decoupled weight decay (Loshchilov and Hutter, 2019).
    AdamW(Moments),
    /// `RMSprop` (Tieleman and Hinton, 2012), as `torch.optim.RMSprop`, not centred.
    RmsProp {
        /// The memory of the mean square. 0.99 by default.
        #[serde(default = "default_rho")]
        rho: f64,
        /// Added to the root. 1e-8 by default.
        #[serde(default = "default_epsilon")]
        epsilon: f64,
        /// The share of the last movement that goes on. 0 by default.
        #[serde(default)]
        momentum: f64,
    },
}

/// The memory of stochastic gradient descent.
#[derive(Clone, Copy, PartialEq, Default, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Velocity {
    /// The share of the last movement that goes on. 0 by default.
    pub momentum: f64,
    /// Look ahead along the movement (Sutskever et al., 2013). Off by default.
    pub nesterov: bool,
}

/// The memory of Adam and `AdamW`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Moments {
    /// The memory of the gradient's mean. 0.9 by default.
    pub beta1: f64,
    /// The memory of its square's mean. 0.999 by default.
    pub beta2: f64,
    /// Added to the root. 1e-8 by default.
    pub epsilon: f64,
}

impl Default for Moments {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

fn default_rho() -> f64 {
    0.99
}

fn default_epsilon() -> f64 {
    1e-8
}

fn one() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_off(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_one(value: &f64) -> bool {
    *value == 1.0
}

impl Optimizer {
    /// Plain stochastic gradient descent with this momentum.
    pub fn sgd(momentum: f64) -> Self {
        Self::from(UpdateRule::Sgd(Velocity { momentum, nesterov: false }))
    }

    /// Stochastic gradient descent with Nesterov's momentum.
    pub fn nesterov(momentum: f64) -> Self {
        Self::from(UpdateRule::Sgd(Velocity { momentum, nesterov: true }))
    }

    /// Stochastic gradient descent with Nesterov's momentum and decoupled weight decay.
    pub fn nesterov_w(momentum: f64, weight_decay: f64) -> Self {
        Self::from(UpdateRule::SgdW(Velocity { momentum, nesterov: true })).weight_decay(weight_decay)
    }

    /// Adam with PyTorch's defaults.
    pub fn adam() -> Self {
        Self::from(UpdateRule::Adam(Moments::default()))
    }

    /// `AdamW` with PyTorch's defaults but for the weight decay, which is to be chosen.
    pub fn adam_w(weight_decay: f64) -> Self {
        Self::from(UpdateRule::AdamW(Moments::default())).weight_decay(weight_decay)
    }

    /// `RMSprop` with PyTorch's defaults.
    pub fn rms_prop() -> Self {
        Self::from(UpdateRule::RmsProp { rho: default_rho(), epsilon: default_epsilon(), momentum: 0.0 })
    }

    /// Bytes that one update reads and writes for that many parameters: the value, its gradient and what is kept of it. Clipping
    /// reads and may write the gradient once more.
    pub fn bytes(&self, parameters: usize) -> u64 {
        // The value is read and written, the gradient read; what is kept is read and written.
        let clipping = if self.clip_norm.is_some() { 3 } else { 0 };
        ((3 + 2 * self.kept() + clipping) * parameters * size_of::<f32>()) as u64
    }

    /// With this pull of weights towards 0.
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        Self { weight_decay, ..self }
    }

    /// With a pull of biases, and of the scales and shifts of norms, too.
    pub fn decay_all(self) -> Self {
        Self { decay_all: true, ..self }
    }

    /// With biases and the shifts of norms that move so many times as fast.
    pub fn bias_rate(self, bias_rate: f64) -> Self {
        Self { bias_rate, ..self }
    }

    /// With a running average of the parameters, of which so much stays at each step.
    pub fn average(self, kept: f64) -> Self {
        Self { average: Some(kept), ..self }
    }

    /// How far the average goes to the parameters at a step, counted from 1.
    pub(crate) fn average_rate(&self, step: u64) -> Option<f32> {
        let step = step as f64;
        self.average.map(|kept| (1.0 - kept.min((1.0 + step) / (10.0 + step))) as f32)
    }

    /// With gradients shortened to this Euclidean norm.
    pub fn clip_norm(self, norm: f64) -> Self {
        Self { clip_norm: Some(norm), ..self }
    }

    /// The numbers that are kept of each parameter beside its value and gradient.
    pub(crate) fn kept(&self) -> usize {
        self.slots() + usize::from(self.average.is_some())
    }

    /// The numbers of state that the rule has for each parameter.
    pub(crate) fn slots(&self) -> usize {
        match self.rule {
            UpdateRule::Sgd(velocity) | UpdateRule::SgdW(velocity) => usize::from(velocity.momentum != 0.0),
            UpdateRule::Adam(_) | UpdateRule::AdamW(_) => 2,
            UpdateRule::RmsProp { momentum, .. } => 1 + usize::from(momentum != 0.0),
        }
    }
}

impl From<UpdateRule> for Optimizer {
    fn from(rule: UpdateRule) -> Self {
        Self { rule, weight_decay: 0.0, decay_all: false, bias_rate: 1.0, clip_norm: None, average: None }
    }
}

/// What an optimizer remembers between steps: one slice, slot after slot, each as long as the parameters.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct OptimizerState {
    values: Buffer,
    steps: u64,
    /// Partial sums of the gradients' norm.
    scratch: Vec<f32>,
}

impl OptimizerState {
    /// What was remembered after so many steps, slot after slot.
    pub(crate) fn remembered(slots: &[Buffer], steps: u64) -> Self {
        let mut values = Buffer::zeros(slots.iter().map(|slot| slot.len()).sum());
        let mut rest = &mut values[..];
        for slot in slots {
            let (place, after) = rest.split_at_mut(slot.len());
            place.copy_from_slice(slot);
            rest = after;
        }
        Self { values, steps, scratch: Vec::new() }
    }

    /// The steps that it remembers.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// Its slots, over the parameters of `table`.
    pub(crate) fn slots(&self, table: &ParameterTable) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(table.trained_len().max(1))
    }

    /// Begins a step of rate `rate`, over the parameters of `table`, whose average is kept in `average` if anywhere.
    ///
    /// A state made for another rule, or for another number of parameters, starts anew.
    pub(crate) fn begin<'a>(
        &'a mut self,
        optimizer: &Optimizer,
        rate: f64,
        table: &ParameterTable,
        average: Option<Average<'a>>,
    ) -> Updates<'a> {
        let len = table.trained_len();
        if self.values.len() != len * optimizer.slots() {
            *self = Self { values: Buffer::zeros(len * optimizer.slots()), ..Self::default() };
        }
        self.steps += 1;
        let at = len.min(self.values.len());
        let (first, second) = self.values.split_at_mut(at);
        let bounds = [table.decayed_len(), table.biases_start()];
        Updates {
            optimizer: *optimizer,
            rate,
            steps: self.steps,
            bounds,
            scale: 1.0,
            state: [first, second],
            average,
            scratch: &mut self.scratch,
        }
    }
}

/// A step of an optimizer, taken parameter by parameter.
pub(crate) struct Updates<'a> {
    optimizer: Optimizer,
    rate: f64,
    steps: u64,
    /// Parameters before the first are weights, which decay pulls at; from the second on they are biases.
    bounds: [usize; 2],
    /// What gradients are multiplied by.
    scale: f32,
    state: [&'a mut [f32]; 2],
    average: Option<Average<'a>>,
    scratch: &'a mut Vec<f32>,
}

impl Updates<'_> {
    /// Shortens all gradients, from here on, to the norm asked for where theirs is larger. `torch.nn.utils.clip_grad_norm_`.
    pub(crate) fn clip(&mut self, cpu: &Cpu, gradients: &[f32]) {
        let Some(limit) = self.optimizer.clip_norm else { return };
        self.scratch.resize(sum_of_squares_scratch(gradients.len()), 0.0);
        let norm = sum_of_squares(cpu, gradients, self.scratch).sqrt();
        self.scale = (limit / (norm + 1e-6)).min(1.0) as f32;
    }

    /// What moves the parameters of `range`, which are of one parameter.
    pub(crate) fn of(&mut self, range: Range<usize>) -> Update<'_> {
        let rule = self.rule(range.start);
        // A slot that the rule does not have is empty.
        let state = self.state.each_mut().map(|slot| slot.get_mut(range.clone()).unwrap_or_default());
        let average = self
            .average
            .as_mut()
            .map(|average| Average { values: &mut average.values[range], rate: average.rate });
        Update { rule, gradient_scale: self.scale, state, average }
    }

    /// Moves the parameters of `range` by their gradients; both slices are of all parameters.
    pub(crate) fn take(&mut self, cpu: &Cpu, range: Range<usize>, values: &mut [f32], gradients: &[f32]) {
        let [decayed, biases] = self.bounds.map(|bound| bound.clamp(range.start, range.end));
        for range in [range.start..decayed, decayed..biases, biases..range.end] {
            update(cpu, self.of(range.clone()), &mut values[range.clone()], &gradients[range]);
        }
    }

    /// The rule by which the parameter that begins at `start` moves.
    fn rule(&self, start: usize) -> Rule {
        let [decayed, biases] = self.bounds;
        let is_pulled = start < decayed || self.optimizer.decay_all;
        let weight_decay = if is_pulled { self.optimizer.weight_decay } else { 0.0 };
        let lr = if start < biases { self.rate } else { self.rate * self.optimizer.bias_rate };
        let step = self.steps;
        let sgd = |Velocity { momentum, nesterov }, decoupled| {
            Rule::Sgd(SgdKernel { lr, momentum, nesterov, weight_decay, decoupled })
        };
        let adam = |Moments { beta1, beta2, epsilon }, decoupled| {
            Rule::Adam(AdamKernel { lr, beta1, beta2, epsilon, weight_decay, decoupled, step })
        };
        match self.optimizer.rule {
            UpdateRule::Sgd(velocity) => sgd(velocity, false),
            UpdateRule::SgdW(velocity) => sgd(velocity, true),
            UpdateRule::Adam(moments) => adam(moments, false),
            UpdateRule::AdamW(moments) => adam(moments, true),
            UpdateRule::RmsProp { rho, epsilon, momentum } => {
                Rule::RmsProp(RmsPropKernel { lr, rho, epsilon, momentum, weight_decay })
            }
        }
    }
}

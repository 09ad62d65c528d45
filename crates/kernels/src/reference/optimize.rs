//! Optimizers for one parameter, statement by statement as the pseudocode of PyTorch's documentation has them.

use crate::{Adam, RmsProp, Sgd};

/// A parameter and what its optimizer keeps of it.
#[derive(Clone, Copy, Default)]
pub(crate) struct State {
    pub(crate) param: f64,
    pub(crate) first: f64,
    pub(crate) second: f64,
}

/// `first` is the velocity.
pub(crate) fn sgd(o: &Sgd, mut s: State, mut g: f64, step: u64) -> State {
    if o.decoupled {
        s.param -= o.lr * o.weight_decay * s.param;
    } else {
        g += o.weight_decay * s.param;
    }
    if o.momentum != 0.0 {
        s.first = if step > 1 { o.momentum * s.first + g } else { g };
        g = if o.nesterov { g + o.momentum * s.first } else { s.first };
    }
    s.param -= o.lr * g;
    s
}

/// `first` is m, `second` is v.
pub(crate) fn adam(o: &Adam, mut s: State, mut g: f64) -> State {
    if o.decoupled {
        s.param -= o.lr * o.weight_decay * s.param;
    } else {
        g += o.weight_decay * s.param;
    }
    s.first = o.beta1 * s.first + (1.0 - o.beta1) * g;
    s.second = o.beta2 * s.second + (1.0 - o.beta2) * g * g;
    let m_hat = s.first / (1.0 - o.beta1.powi(o.step as i32));
    let v_hat = s.second / (1.0 - o.beta2.powi(o.step as i32));
    s.param -= o.lr * m_hat / (v_hat.sqrt() + o.epsilon);
    s
}

/// `first` is the mean square, `second` the velocity.
pub(crate) fn rmsprop(o: &RmsProp, mut s: State, mut g: f64) -> State {
    g += o.weight_decay * s.param;
    s.first = o.rho * s.first + (1.0 - o.rho) * g * g;
    let scaled = g / (s.first.sqrt() + o.epsilon);
    if o.momentum > 0.0 {
        s.second = o.momentum * s.second + scaled;
        s.param -= o.lr * s.second;
    } else {
        s.param -= o.lr * scaled;
    }
    s
}

//! The gradients of a network with everything in it against differences of its loss.
//!
//! Each parameter is moved a little forth and back along random directions; by how much the loss changes is compared with what the gradient
//! says. The loss is the engine's own, so this holds whatever PyTorch says, and for dropout too: a fresh engine draws the same
//! mask.

use divvy_nn::{Cpu, Device, Engine, Isa, Network, Optimizer, Tensor};

use crate::everything::{batch, everything};
use crate::noise::noise;
use crate::support::{Batch, engine, is_trained, loss_and_gradients, parameters, step};

/// How far parameters are moved: less, and rounding of the loss counts; more, and its curvature does.
const STEP: f32 = 1.0 / 512.0;

const DIRECTIONS: u32 = 3;

/// Of the gradient's length: bends of ReLU and pools that lie within a step, and rounding of the loss to single precision.
const TOLERANCE: f64 = 0.02;

/// Fresh parameters, biases and the like too: at 0 they would hide what is multiplied by them.
fn some_parameters(network: &Network) -> Vec<Tensor> {
    let fresh = Engine::new(network.clone(), Device::new(Cpu::new(1)), 1);
    let nudge = |(stream, tensor): (usize, Tensor)| {
        let noise = noise(stream as u32, tensor.values.len());
        Tensor { values: tensor.values.iter().zip(noise).map(|(value, noise)| value + noise / 8.0).collect(), ..tensor }
    };
    fresh.parameters().tensors().enumerate().map(nudge).collect()
}

/// The loss with one parameter moved along a direction.
fn loss_at(network: &Network, start: &[Tensor], moved: usize, direction: &[f32], step_size: f32, batch: &Batch, isa: Isa) -> f64 {
    let mut parameters = start.to_vec();
    parameters[moved].values.iter_mut().zip(direction).for_each(|(value, along)| *value += step_size * along);
    f64::from(step(&mut engine(network, parameters, isa, 1), batch, &Optimizer::sgd(0.0), 0.0))
}

#[test]
fn gradients_agree_with_differences_of_the_loss_on_every_instruction_set() {
    let (network, batch) = (everything(), batch(0, 6));
    let start = some_parameters(&network);
    for isa in Isa::present() {
        let (_, gradients) = loss_and_gradients(&mut engine(&network, start.clone(), isa, 1), &batch);
        for gradient in &gradients {
            let moved = start.iter().position(|it| it.name == gradient.name).expect("of the same network");
            let length = gradient.values.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
            for stream in 0..DIRECTIONS {
                let direction: Vec<f32> = noise(stream, gradient.values.len()).map(f32::signum).collect();
                let along: f64 = gradient.values.iter().zip(&direction).map(|(&g, &d)| f64::from(g * d)).sum();
                let loss = |step_size| loss_at(&network, &start, moved, &direction, step_size, &batch, isa);
                let difference = (loss(STEP) - loss(-STEP)) / f64::from(2.0 * STEP);
                if std::env::var("SHOW").is_ok() { eprintln!("FD {:.1e} {} {:.2e} {:.3e} {:.3e}", (along-difference).abs()/length, gradient.name, length, along, difference);}
                assert!(
                    (along - difference).abs() <= TOLERANCE * length,
                    "{} on {}: the gradient says {along:.6}, the loss {difference:.6}; its length is {length:.6}",
                    gradient.name,
                    isa.name(),
                );
            }
        }
    }
}

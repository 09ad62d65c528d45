//! The gradients of a network with everything in it against differences of its loss in double precision.
//!
//! Each parameter is moved a little forth and back along random directions; by how much the loss changes is compared with what
//! the engine's gradient says.

use divvy_nn::{Cpu, Device, Network, Tensor};

use crate::double::{Numbers, loss};
use crate::everything::{batch, everything};
use crate::noise::noise;
use crate::support::{
    Batch, assert_near, engine_on, in_double, is_trained, loss_and_gradients, some_parameters, ways,
};

/// How far each number of a parameter is moved: too little for any rectifier to open or pool to change its mind on the way.
const STEP: f64 = 1e-6;

const DIRECTIONS: u32 = 3;

/// Of the gradient's length: what single precision leaves where a batch norm cancels most of it.
const TOLERANCE: f64 = 5e-5;

/// The loss, and by how much it changes for each parameter along each of its directions.
struct Truth {
    loss: f64,
    slopes: Vec<Slope>,
}

struct Slope {
    parameter: String,
    direction: Vec<f64>,
    rise: f64,
}

impl Truth {
    fn of(network: &Network, parameters: &[Tensor], batch: &Batch) -> Self {
        let start: Numbers = in_double(parameters);
        let loss_at = |name: &str, direction: &[f64], step: f64| {
            let mut moved = start.clone();
            let values = moved.get_mut(name).expect("a parameter of this network");
            values.iter_mut().zip(direction).for_each(|(value, along)| *value += step * along);
            loss(network, &moved, batch)
        };
        let slope = |(it, stream): (&Tensor, u32)| {
            let direction: Vec<f64> = noise(stream, it.values.len()).map(|x| f64::from(x.signum())).collect();
            let change = loss_at(&it.name, &direction, STEP) - loss_at(&it.name, &direction, -STEP);
            Slope { parameter: it.name.clone(), direction, rise: change / (2.0 * STEP) }
        };
        let trained = parameters.iter().filter(|it| is_trained(it));
        let pairs = trained.flat_map(|it| (0..DIRECTIONS).map(move |stream| (it, stream)));
        Self { loss: loss(network, &start, batch), slopes: pairs.map(slope).collect() }
    }
}

#[test]
fn gradients_agree_with_differences_of_the_loss_on_every_instruction_set_by_every_algorithm() {
    let (network, batch) = (everything(0.0), batch(0, 6));
    let start = some_parameters(&network);
    let truth = Truth::of(&network, &start, &batch);
    for (isa, algorithms) in ways() {
        let place = format!("{}, {algorithms:?}", isa.name());
        let device = Device::new(Cpu::with_isa(isa, 2)).algorithms(algorithms);
        let (loss, gradients) = loss_and_gradients(&mut engine_on(device, &network, start.clone()), &batch);
        assert_near(&[loss], &[truth.loss as f32], 1e-6, &format!("loss on {place}"));
        for Slope { parameter, direction, rise } in &truth.slopes {
            let gradient = gradients.iter().find(|it| it.name == *parameter).expect("it is trained");
            let gradient = || gradient.values.iter().copied().map(f64::from);
            let along: f64 = gradient().zip(direction).map(|(g, d)| g * d).sum();
            let length = gradient().map(|g| g * g).sum::<f64>().sqrt();
            assert!(
                (along - rise).abs() <= TOLERANCE * length,
                "{parameter} on {place}: the gradient says {along:.8}, the loss {rise:.8}; its length is {length:.8}",
            );
        }
    }
}

//! A network that learns from pictures of one size and answers for another, against engines for each.

use divvy_nn::{Architecture, Cpu, Device, Engine, Head, Network, Optimizer, Parameters, Task};

use crate::noise::noise;
use crate::support::{Batch, bits, parameters, step};

const BATCH: usize = 6;

fn network(side: usize) -> Network {
    let head = Head::for_task(Task::Binary, None, 2).unwrap();
    Architecture::by_name("resnet9").unwrap().network([side, side, 3], &head).unwrap()
}

fn batch(side: usize, stream: u32) -> Batch {
    let images = noise(stream, BATCH * side * side * 3).collect();
    let targets = [1.0, 0.0, 0.0, 1.0].repeat(BATCH / 2);
    Batch { images, targets, size: BATCH }
}

fn engine(side: usize, parameters: &Parameters) -> Engine {
    Engine::with_parameters(network(side), parameters.clone(), Device::new(Cpu::new(2)), 0)
}

#[test]
fn it_learns_as_for_one_size_and_answers_as_for_the_other() {
    let mut both = Engine::new(network(24), Device::new(Cpu::new(2)), 5);
    let mut small = engine(16, both.parameters());
    let large = batch(24, 9);
    // Asked of another engine: this one is to make its plan for answering while it learns from another size.
    let before = engine(24, both.parameters()).logits(&large.images, BATCH).to_vec();
    for (number, side) in [(0, 16), (1, 16), (2, 20), (3, 24)] {
        both.train_as(network(side));
        let batch = batch(side, number);
        if side == 16 {
            let optimizer = Optimizer::adam();
            let loss = step(&mut both, &batch, &optimizer, 0.01);
            assert_eq!(loss.to_bits(), step(&mut small, &batch, &optimizer, 0.01).to_bits());
            assert!(bits(&parameters(&both)) == bits(&parameters(&small)));
        } else {
            step(&mut both, &batch, &Optimizer::adam(), 0.01);
        }
        let answers = both.logits(&large.images, BATCH).to_vec();
        assert_ne!(answers, before);
        assert_eq!(answers, engine(24, both.parameters()).logits(&large.images, BATCH));
    }
}

#[test]
#[should_panic(expected = "the same parameters")]
fn a_network_of_other_parameters_is_refused() {
    let classic = |side: usize| {
        let head = Head::for_task(Task::Binary, None, 2).unwrap();
        Architecture::by_name("classic").unwrap().network([side, side, 3], &head).unwrap()
    };
    Engine::new(classic(48), Device::new(Cpu::new(1)), 0).train_as(classic(32));
}

//! Each optimizer against `torch.optim`: the parameters of a small network after some steps at a falling rate.

use divvy_nn::{Isa, Network, Optimizer};

use crate::reference::Reference;
use crate::support::{Batch, assert_tensors_near, engine, parameters, step};

const TOLERANCE: f64 = 1e-5;

#[test]
fn parameters_after_twelve_steps_agree_with_pytorch() {
    let reference = Reference::read(include_bytes!("../reference/optimizers.safetensors"));
    let start = reference.case("start");
    let network: Network = start.description();
    let (images, targets) = (start.f32("images"), start.f32("targets"));
    let (image, units) = (network.graph().input_shape().len(), network.head().units());
    for isa in Isa::present() {
        for case in reference.cases().filter(|case| case.name != "start") {
            let optimizer: Optimizer = case.description();
            let rates = case.f64("rates");
            let size = targets.len() / units / rates.len();
            let mut engine = engine(&network, start.folder("before"), isa, 2);
            for (index, &rate) in rates.iter().enumerate() {
                let part = |all: &[f32], each: usize| all[index * size * each..][..size * each].to_vec();
                let batch = Batch { images: part(&images, image), targets: part(&targets, units), size };
                step(&mut engine, &batch, &optimizer, rate);
            }
            let place = format!("{} on {}", case.name, isa.name());
            assert_tensors_near(&parameters(&engine), &case.folder("after"), TOLERANCE, &place);
        }
    }
}

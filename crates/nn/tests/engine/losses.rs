//! Each loss and its gradient against PyTorch, logits beyond where exponentials overflow and weighted classes among them.

use divvy_nn::{Isa, LossWeights, Network, Tensor};

use crate::reference::Reference;
use crate::support::{Batch, assert_near, engine, loss_and_gradients};

const TOLERANCE: f64 = 1e-6;

#[test]
fn losses_and_gradients_agree_with_pytorch() {
    let reference = Reference::read(include_bytes!("../reference/losses.safetensors"));
    for isa in Isa::present() {
        for case in reference.cases() {
            let network: Network = case.description();
            let place = |what: &str| format!("{what} of {} on {}", case.name, isa.name());
            let (logits, targets) = (case.f32("logits"), case.f32("targets"));
            let units = network.head().units();
            let size = logits.len() / units;

            // A dense layer without bias hands on its kernel, row by row, when it is fed the identity matrix.
            let images = (0..size * size).map(|i| if i / size == i % size { 1.0 } else { 0.0 }).collect();
            let kernel =
                Tensor { name: "dense/kernel".into(), shape: vec![size, units], values: logits.clone() };
            let batch = Batch { images, targets, size };
            let mut engine = engine(&network, vec![kernel], isa, 2);
            let weights = case.f32("weights");
            let (of_one, of_zero) = weights.split_at(units);
            engine.weigh_loss(LossWeights::of_columns(of_one.to_vec(), of_zero.to_vec()));
            assert_eq!(engine.logits(&batch.images, size), logits, "{}", place("logits"));

            let (loss, gradients) = loss_and_gradients(&mut engine, &batch);
            assert_near(&[loss], &case.f32("loss"), TOLERANCE, &place("loss"));
            assert_near(&gradients[0].values, &case.f32("gradient"), TOLERANCE, &place("gradient"));

            if weights.iter().any(|&weight| weight != 1.0) {
                continue;
            }
            let rows = logits.chunks(units).zip(batch.targets.chunks(units));
            let sum: f64 = rows.map(|(logits, targets)| network.head().loss_of(logits, targets)).sum();
            assert_near(&[(sum / size as f64) as f32], &case.f32("loss"), TOLERANCE, &place("loss_of"));
        }
    }
}

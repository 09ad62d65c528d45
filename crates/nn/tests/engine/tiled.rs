//! A batch whose pictures are carried through the network a few at a time is classified as each picture alone, to the same bits on any
//! number of threads.

use divvy_nn::{Architecture, Cpu, Device, Engine, Head, Isa, Mode, Network, Task};

use crate::noise::noise;
use crate::support::assert_near;

#[test]
fn a_batch_in_parts_is_classified_as_its_pictures_are() {
    let head = Head::for_task(Task::MultiClass, None, 5).unwrap();
    for (name, size, batch) in [("classic", 32, 24), ("resnet18", 64, 8), ("mobilenet_v2", 64, 16)] {
        let graph = Architecture::by_name(name).unwrap().graph([size, size, 3], &head).unwrap();
        let network = Network::new(graph, Task::MultiClass).unwrap();
        let images: Vec<f32> = noise(1, batch * size * size * 3).collect();
        for isa in Isa::present() {
            let mut bits: Option<Vec<u32>> = None;
            for threads in [1, 2, 3] {
                let place = format!("{name} with {} on {threads} threads", isa.name());
                let device = Device::new(Cpu::with_isa(isa, threads));
                let mut engine = Engine::new(network.clone(), device, 0);
                let together = engine.logits(&images, batch).to_vec();
                assert!(engine.plan(Mode::Infer, batch).is_tiled(), "{place}");
                let found: Vec<u32> = together.iter().map(|logit| logit.to_bits()).collect();
                assert!(*bits.get_or_insert_with(|| found.clone()) == found, "{place}: other bits than on 1");
                let pictures = images.chunks_exact(size * size * 3);
                for (picture, logits) in pictures.zip(together.chunks_exact(together.len() / batch)) {
                    assert_near(logits, engine.logits(picture, 1), 1e-4, &place);
                }
            }
        }
    }
}

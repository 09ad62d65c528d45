//! A batch whose pictures are carried through the network a few at a time is classified as each picture alone.

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
        for threads in [1, 3] {
            let device = Device::new(Cpu::with_isa(Isa::best(), threads));
            let mut engine = Engine::new(network.clone(), device, 0);
            let together = engine.logits(&images, batch).to_vec();
            assert!(engine.plan(Mode::Infer, batch).is_tiled(), "{name}");
            let units = together.len() / batch;
            for (picture, logits) in images.chunks_exact(size * size * 3).zip(together.chunks_exact(units)) {
                let alone = engine.logits(picture, 1);
                assert_near(logits, alone, 1e-4, &format!("{name} on {threads} threads"));
            }
        }
    }
}

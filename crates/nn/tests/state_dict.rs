//! The named networks of torchvision have its parameters: every key and shape (`tests/reference/torchvision_networks.py`).

use std::collections::BTreeMap;

use divvy_nn::{Architecture, Graph, Head, StateDict, Task};

fn graph(name: &str, size: usize) -> Graph {
    let head = Head::for_task(Task::MultiClass, None, 1000).unwrap();
    Architecture::by_name(name).unwrap().graph([size, size, 3], &head).unwrap()
}

type Keys = BTreeMap<String, Vec<usize>>;

fn torchvision() -> BTreeMap<String, Keys> {
    serde_json::from_str(include_str!("reference/torchvision_keys.json")).expect("as the script writes it")
}

#[test]
fn the_parameters_are_those_of_torchvision_and_no_others() {
    for (name, keys) in torchvision() {
        // Sizes make no difference to them, not even to the dense layers of vgg11.
        for size in [224, 75] {
            let graph = graph(&name, size);
            let names = StateDict::of(&graph);
            let mut ours = Keys::new();
            for (id, node) in graph.iter() {
                for spec in graph.parameters(id) {
                    let parameter = format!("{}/{}", node.name, spec.name);
                    let key = names.key(&parameter).unwrap_or_else(|| panic!("{name}: {parameter}"));
                    let shape = names.shape(&parameter).unwrap();
                    assert_eq!(names.parameter(&key), Some(parameter));
                    assert!(ours.insert(key, shape).is_none());
                }
            }
            let (counts, kept): (Keys, Keys) =
                keys.clone().into_iter().partition(|(key, _)| key.ends_with(".num_batches_tracked"));
            assert_eq!(ours, kept, "{name}");
            assert!(counts.keys().all(|key| names.parameter(key).is_none()));
        }
    }
}

#[test]
fn counts_are_those_that_torchvision_publishes() {
    // `num_params` of the weights in torchvision's table of models.
    for (name, count) in [
        ("resnet18", 11_689_512),
        ("resnet34", 21_797_672),
        ("resnet50", 25_557_032),
        ("mobilenet_v2", 3_504_872),
        ("vgg11", 132_863_336),
    ] {
        assert_eq!(graph(name, 224).summary().trainable, count, "{name}");
    }
}

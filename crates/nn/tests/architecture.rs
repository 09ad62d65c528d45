//! The named architectures, and networks from files.

use divvy_nn::{Architecture, ArchitectureError, BuildError, Graph, Head, Network, Shape, Task};

fn head(task: Task, classes: usize) -> Head {
    Head::for_task(task, None, classes).unwrap()
}

/// The parameters of the layers that have any.
fn counts(graph: &Graph) -> Vec<usize> {
    graph.summary().rows.iter().map(|row| row.parameters).filter(|&count| count > 0).collect()
}

#[test]
fn classic_is_what_it_is_said_to_be() {
    let architecture = Architecture::by_name("classic").unwrap();
    let graph = architecture.graph([64, 64, 3], &head(Task::Binary, 2)).unwrap();
    let types: Vec<&str> = graph.nodes().iter().map(|node| node.layer.type_name()).collect();
    assert_eq!(
        types.join(" "),
        "input conv2d batch_norm max_pool2d conv2d batch_norm max_pool2d conv2d dropout flatten \
         dense dropout dense dropout dense dropout dense"
    );
    // 3·3·in·out + out; 4·channels; in·out + out.
    let dense1 = 16 * 16 * 128 * 256 + 256;
    assert_eq!(counts(&graph), [896, 128, 18_496, 256, 73_856, dense1, 32_896, 8_256, 130]);
    assert_eq!(graph.summary().non_trainable, 2 * 32 + 2 * 64);
}

#[test]
fn flat_has_its_parameters_in_the_last_layer() {
    let graph =
        Architecture::by_name("flat").unwrap().graph([28, 28, 1], &head(Task::MultiClass, 10)).unwrap();
    assert_eq!(graph.nodes()[1].shape, Shape::from([28, 28, 32]));
    assert_eq!(counts(&graph), [320, 250_890]);
}

#[test]
fn lenet5_has_the_known_count() {
    let graph =
        Architecture::by_name("lenet5").unwrap().graph([28, 28, 1], &head(Task::MultiClass, 10)).unwrap();
    assert_eq!(counts(&graph), [156, 2_416, 48_120, 10_164, 850]);
    assert_eq!(graph.summary().parameters(), 61_706);
}

#[test]
fn every_name_builds_a_network_for_every_task() {
    for name in Architecture::NAMES {
        for (task, classes) in
            [(Task::Binary, 2), (Task::MultiClass, 7), (Task::MultiLabel, 5), (Task::Regression, 2)]
        {
            let head = head(task, classes);
            let graph = Architecture::by_name(name).unwrap().graph([40, 56, 3], &head).unwrap();
            assert_eq!(Network::new(graph, task).unwrap().head(), &head);
        }
    }
}

#[test]
fn an_unknown_name_is_told_the_near_one() {
    let error = Architecture::by_name("clasic").unwrap_err();
    assert_eq!(
        error.to_string(),
        "no architecture is called `clasic`; did you mean `classic`? Known: classic, flat, lenet5, mobilenet_v2, resnet8, \
         resnet9, resnet9_photo, resnet18, resnet34, resnet50, vgg11"
    );
}

#[test]
fn pictures_too_small_are_told_the_smallest_size_that_works() {
    for (name, smallest) in
        [("lenet5", 28), ("classic", 4), ("resnet8", 8), ("resnet9", 8), ("resnet9_photo", 16)]
    {
        let architecture = Architecture::by_name(name).unwrap();
        let builds = |size: usize| architecture.graph([size, size, 1], &head(Task::Binary, 2));
        assert_eq!((1..64).find(|&size| builds(size).is_ok()), Some(smallest));
        for size in 1..smallest {
            let error = builds(size).unwrap_err();
            let ArchitectureError::Build { smallest: told, line: Some(_), .. } = error else {
                panic!("{error}")
            };
            assert_eq!(told, Some(smallest));
        }
    }
    let error = Architecture::by_name("lenet5")
        .unwrap()
        .graph([20, 20, 3], &head(Task::Binary, 2))
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("lenet5, line 37: layer `c5`: its window spans 5x5"), "{error}");
    assert!(error.contains("(None, 3, 3, 16)"), "{error}");
    assert!(error.ends_with("; the smallest size that works is 28"), "{error}");
}

#[test]
fn torchvisions_networks_are_built_for_every_size_that_it_takes() {
    for (name, least) in
        [("resnet18", 1), ("resnet34", 1), ("resnet50", 1), ("mobilenet_v2", 1), ("vgg11", 32)]
    {
        let architecture = Architecture::by_name(name).unwrap();
        for [height, width] in [[32, 32], [33, 47], [64, 224], [224, 224], [300, 200], [least, least]] {
            let head = head(Task::MultiClass, 10);
            let graph = architecture.graph([height, width, 3], &head).unwrap();
            assert_eq!(graph.output_shape(), Shape::from([10]), "{name} at {height}x{width}");
        }
    }
    let small =
        Architecture::by_name("vgg11").unwrap().graph([31, 40, 3], &head(Task::Binary, 2)).unwrap_err();
    assert!(small.to_string().ends_with("; the smallest size that works is 32"), "{small}");
}

/// Shapes at 224 pixels, by torchvision's own forward hooks.
#[test]
fn maps_have_the_sizes_that_they_have_in_torchvision() {
    for (name, layer, shape) in [
        ("resnet18", "conv1", [112, 112, 64]),
        ("resnet18", "maxpool", [56, 56, 64]),
        ("resnet50", "layer2.0.conv1", [56, 56, 128]),
        ("resnet50", "layer2.0.conv2", [28, 28, 128]),
        ("resnet50", "layer4.2.bn3", [7, 7, 2048]),
        ("mobilenet_v2", "features.2.conv.1.0", [56, 56, 96]),
        ("mobilenet_v2", "features.18.0", [7, 7, 1280]),
        ("vgg11", "features.20", [7, 7, 512]),
    ] {
        let graph =
            Architecture::by_name(name).unwrap().graph([224, 224, 3], &head(Task::Binary, 2)).unwrap();
        assert_eq!(graph.node(graph.find(layer).unwrap()).shape, Shape::from(shape), "{name}, {layer}");
    }
}

#[test]
fn the_head_stands_in_place_of_torchvisions_last_layer() {
    for (name, last) in [("resnet50", "fc"), ("mobilenet_v2", "classifier.1"), ("vgg11", "classifier.6")] {
        let graph = Architecture::by_name(name).unwrap().graph([64, 64, 3], &head(Task::Binary, 2)).unwrap();
        let node = graph.node(graph.output());
        assert_eq!((node.name.as_str(), node.layer.type_name()), (last, "dense"));
    }
}

#[test]
fn where_size_is_not_the_trouble_none_is_told() {
    let error = Architecture::from_toml("[[layer]]\ntype = \"dense\"\nunits = 3", "a.toml")
        .unwrap()
        .graph([8, 8, 3], &head(Task::Binary, 2))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "a.toml, line 1: layer `dense`: needs a vector (None, features), found (None, 8, 8, 3); \
         put Flatten or GlobalAvgPool2d before it"
    );
}

#[test]
fn graphs_can_be_written() {
    let manual = include_str!("../../../docs/architectures.md");
    let examples = manual.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    // What states a head alone is no graph.
    let mut examples = examples.filter(|example| !example.starts_with("[head]"));
    let mut build = || {
        let architecture = Architecture::from_toml(examples.next().unwrap(), "manual").unwrap();
        architecture.graph([32, 32, 3], &head(Task::MultiClass, 3)).unwrap()
    };
    let chain = build();
    assert_eq!(counts(&chain), [3 * 3 * 3 * 16 + 16, 16 * 3 + 3]);
    let graph = build();
    let add = graph.node(graph.find("add").unwrap());
    let inputs: Vec<&str> = add.inputs.iter().map(|&id| graph.node(id).name.as_str()).collect();
    assert_eq!(inputs, ["stem", "path"]);
    assert_eq!(graph.output_shape(), Shape::from([3]));
}

#[test]
fn wiring_that_cannot_work_is_refused() {
    let build = |text: &str| match Architecture::from_toml(text, "a.toml")
        .unwrap()
        .graph([8, 8, 3], &head(Task::Binary, 2))
    {
        Ok(graph) => panic!("{}", graph.summary()),
        Err(ArchitectureError::Build { source, .. }) => *source,
        Err(other) => panic!("{other}"),
    };
    let unread =
        "[[layer]]\nname = \"a\"\ntype = \"flatten\"\n[[layer]]\ntype = \"flatten\"\ninputs = [\"input\"]";
    assert_eq!(build(unread), BuildError::Unused { layer: "a".into() });
    let cycle = "[[layer]]\nname = \"a\"\ntype = \"add\"\ninputs = [\"input\", \"b\"]\n\
                 [[layer]]\nname = \"b\"\ntype = \"add\"\ninputs = [\"a\", \"a\"]";
    assert!(matches!(build(cycle), BuildError::UnknownInput { layer, .. } if layer == "a"));
    let taken = "[[layer]]\nname = \"head\"\ntype = \"flatten\"";
    assert_eq!(build(taken), BuildError::DuplicateName { name: "head".into() });
    let near =
        "[[layer]]\nname = \"stem\"\ntype = \"flatten\"\n[[layer]]\ntype = \"flatten\"\ninputs = [\"sten\"]";
    assert!(build(near).to_string().contains("did you mean `stem`?"));
}

#[test]
fn kernels_that_whiten_stand_where_they_can_alone() {
    let build = |text: &str| {
        let architecture =
            Architecture::from_toml(&format!("{text}\n[[layer]]\ntype = \"flatten\""), "a.toml");
        architecture.unwrap().graph([32, 32, 3], &head(Task::Binary, 2)).map_err(|error| error.to_string())
    };
    let layer = |more: &str| {
        format!("[[layer]]\ntype = \"conv2d\"\nfilters = 8\nkernel_initializer = \"whitening\"\n{more}")
    };
    let graph = build(&layer("kernel = 3")).unwrap();
    let summary = graph.summary();
    assert_eq!((summary.trainable, summary.non_trainable), (8 + 2 * (30 * 30 * 8 + 1), 3 * 3 * 3 * 8));
    let behind = format!("[[layer]]\ntype = \"rescaling\"\nscale = 2.0\n{}", layer("kernel = 3"));
    let biased = layer("kernel = 3\nbias_initializer = \"whitening\"");
    let dense = "[[layer]]\ntype = \"flatten\"\n[[layer]]\ntype = \"dense\"\nunits = 4\nkernel_initializer = \"whitening\"";
    for (text, said) in [
        (layer("kernel = 10"), "at most 256 numbers"),
        (
            layer("kernel = 3\ngroups = 3").replace("filters = 8", "filters = 9"),
            "1 where the kernel_initializer",
        ),
        (behind, "pictures alone are whitened"),
        (biased, "conv2d"),
        (dense.into(), "conv2d"),
    ] {
        let error = build(&text).err().unwrap_or_default();
        assert!(error.contains(said), "{text}: {error}");
    }
}

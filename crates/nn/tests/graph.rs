//! Graphs in code and in files.

use divvy_nn::{
    Activation, AdaptiveAvgPool2d, Add, AvgPool2d, BatchNorm, BuildError, Concat, Connect, Conv2d, Dense,
    DepthwiseConv2d, Dropout, Flatten, GlobalAvgPool2d, GlobalMaxPool2d, Graph, Input, Layer, MaxPool2d,
    Normalization, Padding, Rescaling, SeparableConv2d, Sequential, Shape, ShapeError, Window, ZeroPad2d,
};
use proptest::prelude::*;

fn names(graph: &Graph) -> Vec<&str> {
    graph.nodes().iter().map(|node| node.name.as_str()).collect()
}

/// A stem, a shortcut and two branches.
fn branched() -> Graph {
    let input = Input::new([16, 12, 3]);
    let stem = Conv2d::new(8, 3).padding(Padding::Same).activation(Activation::Relu).named("stem").on(&input);
    let path = BatchNorm::new().on(&Conv2d::new(8, 3).padding(Padding::Same).on(&stem));
    let sum = Activation::Relu.on(&Add::new().on_all(&[&stem, &path]));
    let left = MaxPool2d::new(2).on(&sum);
    let right = Conv2d::new(4, 3).strides(2).padding(Padding::Same).on(&sum);
    let joined = GlobalAvgPool2d::new().on(&Concat::new().on_all(&[&left, &right]));
    Graph::new(&input, &Dense::new(3).activation(Activation::Softmax).on(&joined)).unwrap()
}

#[test]
fn sequential_and_functional_are_the_same() {
    let sequential =
        Sequential::new([28, 28, 1]).add(Conv2d::new(4, 3)).add(Flatten::new()).add(Dense::new(2));
    let input = Input::new([28, 28, 1]);
    let output = Dense::new(2).on(&Flatten::new().on(&Conv2d::new(4, 3).on(&input)));
    assert_eq!(sequential.build().unwrap(), Graph::new(&input, &output).unwrap());
}

#[test]
fn shapes_are_inferred_through_branches() {
    let graph = branched();
    let shape = |name: &str| graph.node(graph.find(name).unwrap()).shape;
    assert_eq!(graph.input_shape(), Shape::from([16, 12, 3]));
    assert_eq!(shape("add"), Shape::from([16, 12, 8]));
    assert_eq!(shape("concat"), Shape::from([8, 6, 12]));
    assert_eq!(graph.output_shape(), Shape::from([3]));
    for (id, node) in graph.iter() {
        assert!(node.inputs.iter().all(|&input| input < id));
    }
}

#[test]
fn a_layer_put_in_the_place_of_another_changes_nothing_else() {
    let graph = branched();
    let stem = graph.find("stem").unwrap();
    let wider = graph.with_layer(graph.output(), Dense::new(7)).unwrap();
    assert_eq!(names(&wider), names(&graph));
    assert_eq!(wider.output_shape(), Shape::from([7]));
    for ((_, old), (_, new)) in graph.iter().zip(wider.iter()).take(graph.nodes().len() - 1) {
        assert_eq!(old, new);
    }
    assert_eq!(graph.with_layer(stem, graph.node(stem).layer.clone()).unwrap(), graph);
    let refusal = graph.with_layer(stem, Conv2d::new(4, 3).padding(Padding::Same)).unwrap_err();
    assert!(matches!(&refusal, BuildError::Layer { layer, .. } if layer == "add"), "{refusal}");
    assert!(matches!(
        graph.with_layer(stem, Layer::Input { shape: [16, 12, 8].into() }),
        Err(BuildError::InputPlace { .. })
    ));
}

#[test]
fn names_count_up_and_leave_given_ones_alone() {
    let graph = Sequential::new([28, 28, 1])
        .add(Conv2d::new(4, 3))
        .add(Conv2d::new(4, 3))
        .add(Conv2d::new(4, 3).named("conv2d_1"))
        .add(Conv2d::new(4, 3).named("top"))
        .add(Conv2d::new(4, 3))
        .build()
        .unwrap();
    assert_eq!(names(&graph), ["input", "conv2d", "conv2d_2", "conv2d_1", "top", "conv2d_3"]);
}

#[test]
fn layers_the_output_does_not_need_are_left_out() {
    let input = Input::new([8, 8, 1]);
    let used = Conv2d::new(4, 3).on(&input);
    let _unused = Conv2d::new(usize::MAX, 3).on(&used);
    let graph = Graph::new(&input, &Flatten::new().on(&used)).unwrap();
    assert_eq!(names(&graph), ["input", "conv2d", "flatten"]);
}

#[test]
fn what_does_not_fit_is_told_with_the_layers_name() {
    let error = Sequential::new([8, 8, 3])
        .add(Conv2d::new(4, 3))
        .add(Conv2d::new(4, 9))
        .add(Flatten::new())
        .build()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "layer `conv2d_1`: its window spans 9x9, which does not fit in (None, 6, 6, 4); \
         use larger pictures, fewer poolings or strides before it, or padding `same`"
    );
}

#[test]
fn wrong_inputs_and_names_are_refused() {
    let (input, other) = (Input::new([8, 8, 1]), Input::new([8, 8, 1]));
    let here = Conv2d::new(4, 3).on(&input);
    let there = Conv2d::new(4, 3).on(&other);
    assert_eq!(Graph::new(&other, &here).unwrap_err(), BuildError::Disconnected);
    let joined = Add::new().named("both").on_all(&[&here, &there]);
    assert_eq!(Graph::new(&input, &joined).unwrap_err(), BuildError::ForeignInput { layer: "both".into() });
    assert_eq!(Graph::new(&input, &Add::new().on_all(&[])).unwrap_err(), BuildError::Disconnected);
    for bad in ["", "a/b", "a b", "a\n", &"x".repeat(121)] {
        let named = Flatten::new().named(bad).on(&input);
        assert!(matches!(Graph::new(&input, &named), Err(BuildError::Name { .. })), "{bad:?}");
    }
    let twice = Flatten::new().named("a").on(&Flatten::new().named("a").on(&input));
    assert_eq!(Graph::new(&input, &twice).unwrap_err(), BuildError::DuplicateName { name: "a".into() });
    let two = Flatten::new().on_all(&[&input, &here]);
    let error = Graph::new(&input, &two).unwrap_err();
    assert!(matches!(
        error,
        BuildError::Layer { source: ShapeError::Inputs { found: 2, .. }, position: 2, .. }
    ));
}

#[test]
fn the_deepest_chain_is_an_error_and_no_overflow() {
    let chain = |length: usize| {
        (0..length).fold(Sequential::new([4]), |chain, _| chain.add(Dropout::new(0.5))).build()
    };
    assert_eq!(chain(Graph::MAX_LAYERS - 1).unwrap().nodes().len(), Graph::MAX_LAYERS);
    assert_eq!(chain(100_000).unwrap_err(), BuildError::TooManyLayers { found: 100_001 });
}

#[test]
fn parameters_are_limited() {
    let dense = |units| Sequential::new([1 << 16]).add(Dense::new(units)).build();
    assert!(dense(1 << 13).is_ok());
    assert_eq!(dense(1 << 14).unwrap_err(), BuildError::TooManyParameters { layer: "dense".into() });
}

#[test]
fn json_round_trips_and_stays_as_documented() {
    let graph = branched();
    let json = serde_json::to_string(&graph).unwrap();
    assert_eq!(serde_json::from_str::<Graph>(&json).unwrap(), graph);

    let small = Sequential::new([28, 28, 1]).add(MaxPool2d::new(2)).add(Flatten::new()).build().unwrap();
    assert_eq!(
        serde_json::to_string(&small).unwrap(),
        r#"{"layers":[{"name":"input","inputs":[],"layer":{"type":"input","shape":[28,28,1]}},"#.to_owned()
            + r#"{"name":"max_pool2d","inputs":["input"],"layer":{"type":"max_pool2d","pool":[2,2],"#
            + r#""strides":null,"padding":"valid"}},"#
            + r#"{"name":"flatten","inputs":["max_pool2d"],"layer":{"type":"flatten"}}]}"#
    );
}

#[test]
fn every_layer_round_trips() {
    let layers: Vec<Layer> = vec![
        Rescaling::new(1.0 / 255.0).offset(-0.5).into(),
        Normalization::new([0.485, 0.456, 0.406], [0.05, 0.05, 0.05]).into(),
        ZeroPad2d::new([[0, 1], [2, 3]]).into(),
        Conv2d::new(8, [3, 5]).dilation(2).groups(1).use_bias(false).into(),
        AvgPool2d::new(2).strides([1, 2]).padding(Padding::Same).into(),
        DepthwiseConv2d::new(3).depth_multiplier(2).padding(Padding::around(1)).into(),
        SeparableConv2d::new(6, 3).padding(Padding::Explicit([[0, 1], [2, 0]].into())).into(),
        AdaptiveAvgPool2d::new([5, 6]).into(),
        BatchNorm::new().momentum(0.9).scale(false).into(),
        Activation::LeakyRelu { alpha: 0.1 }.into(),
        GlobalMaxPool2d::new().into(),
        Dropout::new(0.1).into(),
    ];
    let graph = layers.into_iter().fold(Sequential::new([32, 32, 3]), Sequential::add).build().unwrap();
    let json = serde_json::to_string(&graph).unwrap();
    assert_eq!(serde_json::from_str::<Graph>(&json).unwrap(), graph);
}

#[test]
fn hostile_files_are_refused() {
    let input = r#"{"name":"input","inputs":[],"layer":{"type":"input","shape":[8,8,3]}}"#;
    let flatten = |name: &str, of: &str| {
        format!(r#"{{"name":"{name}","inputs":["{of}"],"layer":{{"type":"flatten"}}}}"#)
    };
    let conv = |settings: &str| {
        format!(r#"{{"name":"c","inputs":["input"],"layer":{{"type":"conv2d",{settings}}}}}"#)
    };
    let fits = [input.to_owned(), conv(r#""filters":4,"kernel":3"#), flatten("f", "c")];
    let parse =
        |layers: &[String]| serde_json::from_str::<Graph>(&format!(r#"{{"layers":[{}]}}"#, layers.join(",")));
    assert!(parse(&fits).is_ok());
    let max = usize::MAX;
    for (bad, part) in [
        (vec![], "no layers"),
        (vec![flatten("f", "input")], "no layer before it"),
        (vec![input.to_owned(), flatten("f", "f")], "no layer before it"),
        (vec![input.to_owned(), flatten("a", "b"), flatten("b", "a")], "no layer before it"),
        (vec![input.to_owned(), flatten("a", "input"), flatten("b", "input")], "nothing reads layer `a`"),
        (vec![input.to_owned(), flatten("a", "input"), flatten("a", "a")], "two layers are called `a`"),
        (vec![input.to_owned(), flatten("a/b", "input")], "cannot be the name"),
        (
            vec![input.to_owned(), flatten("a", "input"), input.replace("\"input\",\"inp", "\"x\",\"inp")],
            "input",
        ),
        (vec![input.replace("8,8,3", "0,8,3")], "no values"),
        (vec![input.replace("8,8,3", &format!("{max},{max},3"))], "too large"),
        (vec![input.replace("8,8,3", "8,8")], "1 size"),
        (vec![input.to_owned(), conv(&format!(r#""filters":{max},"kernel":3"#))], "too large"),
        (
            vec![input.to_owned(), conv(&format!(r#""filters":4,"kernel":{max},"padding":"same""#))],
            "window size",
        ),
        (vec![input.to_owned(), conv(r#""filters":4,"kernel":65536,"padding":"same""#)], "too large"),
        (vec![input.to_owned(), conv(r#""filters":4,"kernel":3,"dilation":0"#)], "dilation"),
        (vec![input.to_owned(), conv(r#""filters":4,"kernel":3,"padding":"some""#)], "did you mean `same`?"),
        (vec![input.to_owned(), conv(r#""filters":4,"kernel":3,"depth":1"#)], "unknown field `depth`"),
        (vec![input.to_owned(), conv(r#""filters":1e99,"kernel":3"#)], "invalid type"),
    ] {
        let error = parse(&bad).unwrap_err().to_string();
        assert!(error.contains(part), "{error}\n{}", bad.join("\n"));
    }
    assert!(serde_json::from_str::<Graph>(&"[".repeat(100_000)).is_err());
}

/// Sizes as people mean them and as attackers do.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![0_usize..9, Just(Window::MAX_STEP), any::<usize>()]
}

fn any_layer() -> impl Strategy<Value = Layer> {
    let padding = || {
        let margins = [[size(), size()], [size(), size()]].prop_map(|it| Padding::Explicit(it.into()));
        prop_oneof![Just(Padding::Same), Just(Padding::Valid), margins]
    };
    prop_oneof![
        (size(), [size(), size()], size(), size(), size(), padding()).prop_map(
            |(filters, kernel, strides, dilation, groups, padding)| {
                Conv2d::new(filters, kernel)
                    .strides(strides)
                    .dilation(dilation)
                    .groups(groups)
                    .padding(padding)
                    .into()
            }
        ),
        ([size(), size()], size(), size(), padding()).prop_map(|(kernel, strides, multiplier, padding)| {
            DepthwiseConv2d::new(kernel).strides(strides).depth_multiplier(multiplier).padding(padding).into()
        }),
        (size(), size(), size(), padding()).prop_map(|(filters, kernel, multiplier, padding)| {
            SeparableConv2d::new(filters, kernel).depth_multiplier(multiplier).padding(padding).into()
        }),
        [size(), size()].prop_map(|output| AdaptiveAvgPool2d::new(output).into()),
        size().prop_map(|units| Dense::new(units).into()),
        ([size(), size()], size(), padding()).prop_map(|(pool, strides, padding)| MaxPool2d::new(pool)
            .strides(strides)
            .padding(padding)
            .into()),
        [[size(), size()], [size(), size()]].prop_map(|padding| ZeroPad2d::new(padding).into()),
        any::<f32>().prop_map(|rate| Dropout::new(rate).into()),
        any::<f32>().prop_map(|momentum| BatchNorm::new().momentum(momentum).into()),
        Just(Flatten::new().into()),
        Just(Add::new().into()),
        Just(Concat::new().into()),
    ]
}

proptest! {
    #[test]
    fn no_setting_panics_and_what_is_accepted_is_within_limits(
        layer in any_layer(), sides in [size(), size(), size()], twice in any::<bool>(),
    ) {
        let inputs = vec![Shape::from(sides); 1 + usize::from(twice)];
        if let Ok(shape) = layer.output_shape(&inputs) {
            prop_assert!((1..=Shape::MAX_LEN).contains(&shape.len()));
            for spec in layer.parameters(&inputs) {
                prop_assert!(!spec.shape.contains(&0) && spec.len() >= 1);
            }
        }
    }
}

//! What people read.

use divvy_nn::{Activation, Add, Connect, Conv2d, Dense, Flatten, Graph, Input, Padding, Sequential};

#[test]
fn a_chain_prints_as_keras_prints_it() {
    let graph = Sequential::new([28, 28, 1])
        .add(Conv2d::new(32, 3).padding(Padding::Same).activation(Activation::Relu))
        .add(Flatten::new())
        .add(Dense::new(10).activation(Activation::Softmax))
        .build()
        .unwrap();
    let table = "\
┏━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━┳━━━━━━━━┓
┃ Layer (type)      ┃ Output Shape       ┃ Param # ┃  Share ┃
┡━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━╇━━━━━━━━┩
│ input (Input)     │ (None, 28, 28, 1)  │       0 │        │
│ conv2d (Conv2d)   │ (None, 28, 28, 32) │     320 │  0.1 % │
│ flatten (Flatten) │ (None, 25088)      │       0 │        │
│ dense (Dense)     │ (None, 10)         │ 250,890 │ 99.9 % │
└───────────────────┴────────────────────┴─────────┴────────┘
 Total params: 251,210 (981.29 KB)
 Trainable params: 251,210 (981.29 KB)
 Non-trainable params: 0 (0.00 B)";
    assert_eq!(graph.summary().to_string(), table);
}

#[test]
fn a_graph_tells_what_each_layer_reads() {
    let input = Input::new([4]);
    let left = Dense::new(2).on(&input);
    let right = Dense::new(2).on(&input);
    let graph = Graph::new(&input, &Add::new().on_all(&[&left, &right])).unwrap();
    let summary = graph.summary();
    assert_eq!(summary.rows[3].inputs, ["dense", "dense_1"]);
    let printed = summary.to_string();
    assert!(printed.contains("Connected to") && printed.contains("│ dense, dense_1 "), "{printed}");
}

#[test]
fn statistics_are_not_trainable() {
    let graph = Sequential::new([8, 8, 2000]).add(divvy_nn::BatchNorm::new()).build().unwrap();
    let summary = graph.summary();
    assert_eq!((summary.trainable, summary.non_trainable, summary.parameters()), (4000, 4000, 8000));
    assert!(summary.to_string().ends_with("Non-trainable params: 4,000 (15.62 KB)"));
}

//! The engine gives logits and trains from them: the head's activation is left out wherever the network has it, and nothing
//! else is.

use divvy_nn::{
    Activation, Conv2d, Cpu, Dense, Device, Engine, Flatten, GlobalAvgPool2d, Initializer, NamedLayer,
    Network, Optimizer, Sequential, Task,
};

use crate::support::{Batch, step};

/// One picture of 2 x 2 pixels.
const PICTURE: [f32; 4] = [1.0, 2.0, 3.0, -4.0];

/// `weight` times the sum of the picture, plus 1.
fn sum(units: usize, weight: f32) -> Dense {
    Dense::new(units)
        .kernel_initializer(Initializer::Constant { value: weight })
        .bias_initializer(Initializer::Constant { value: 1.0 })
}

/// The same as a convolution of the whole picture.
fn conv_sum(filters: usize, weight: f32) -> Conv2d {
    Conv2d::new(filters, 2)
        .kernel_initializer(Initializer::Constant { value: weight })
        .bias_initializer(Initializer::Constant { value: 1.0 })
}

#[test]
fn logits_are_what_the_activation_of_the_head_is_given() {
    use Activation::{Linear, Relu, Sigmoid, Softmax};
    use Task::{Binary, MultiClass, MultiLabel, Regression};
    let flat = || Flatten::new().into();
    let table: Vec<(Task, Vec<NamedLayer>, Vec<f32>)> = vec![
        (MultiClass, vec![flat(), sum(3, 0.5).activation(Softmax).into()], vec![2.0; 3]),
        (MultiClass, vec![flat(), sum(3, 0.5).into(), Softmax.into()], vec![2.0; 3]),
        (
            MultiClass,
            vec![flat(), sum(3, 0.5).into(), Linear.into(), Softmax.into(), Linear.into()],
            vec![2.0; 3],
        ),
        (MultiClass, vec![flat(), sum(3, -2.0).activation(Relu).into(), Softmax.into()], vec![0.0; 3]),
        (MultiClass, vec![conv_sum(3, 0.5).into(), flat(), Softmax.into()], vec![2.0; 3]),
        (MultiClass, vec![conv_sum(3, -2.0).activation(Relu).into(), flat(), Softmax.into()], vec![0.0; 3]),
        (
            MultiClass,
            vec![conv_sum(3, 0.5).into(), GlobalAvgPool2d::new().into(), Softmax.into()],
            vec![2.0; 3],
        ),
        (Binary, vec![flat(), sum(2, 0.5).activation(Softmax).into()], vec![2.0; 2]),
        (Binary, vec![flat(), sum(1, 0.5).activation(Sigmoid).into()], vec![2.0]),
        (Binary, vec![flat(), sum(1, -2.0).into(), Sigmoid.into()], vec![-3.0]),
        (MultiLabel, vec![flat(), sum(5, -2.0).activation(Sigmoid).into()], vec![-3.0; 5]),
        (MultiLabel, vec![conv_sum(5, -2.0).into(), flat(), Sigmoid.into()], vec![-3.0; 5]),
        (Regression, vec![flat(), sum(1, -2.0).into()], vec![-3.0]),
        (Regression, vec![flat(), sum(1, -2.0).into(), Linear.into()], vec![-3.0]),
    ];
    for (task, layers, expected) in table {
        let graph =
            layers.into_iter().fold(Sequential::new([2, 2, 1]), Sequential::add).build().expect("shapes fit");
        let place = format!("{task}\n{}", graph.summary());
        let network = Network::new(graph, task).expect("the head fits");
        let mut engine = Engine::new(network, Device::new(Cpu::new(1)), 0);
        assert_eq!(engine.logits(&PICTURE, 1), expected, "{place}");

        let mut targets = vec![0.0; expected.len()];
        targets[0] = 1.0;
        let loss = engine.network().head().loss_of(&expected, &targets);
        let batch = Batch { images: PICTURE.to_vec(), targets, size: 1 };
        let trained = f64::from(step(&mut engine, &batch, &Optimizer::sgd(0.0), 0.1));
        assert!((trained - loss).abs() <= 1e-6 * loss.max(1.0), "{trained}, expected {loss}: {place}");
    }
}

//! A quantised network says nearly what the network it was made of says, and the very same on every processor.

use std::collections::BTreeMap;

use divvy_nn::{
    Activation, Add, AvgPool2d, BatchNorm, Concat, Connect, Conv2d, Cpu, Dense, DepthwiseConv2d, Device,
    Engine, Flatten, GlobalAvgPool2d, GlobalMaxPool2d, Graph, Input, Isa, MaxPool2d, Network, Node,
    Normalization, Numbers, Padding, QuantizeError, Quantized, QuantizedEngine, QuantizedValues, Rescaling,
    SeparableConv2d, Task, ZeroPad2d,
};

use crate::folding::{pictures, residual, trained};
use crate::noise::noise;
use crate::support::{Batch, distance};

fn quantized(engine: &Engine, images: &[f32]) -> Quantized {
    let batches = images.chunks(4 * engine.network().graph().input_shape().len());
    let mut device = Device::new(Cpu::new(1));
    Quantized::calibrate(engine.network(), engine.parameters(), batches, &mut device)
        .expect("it has an 8-bit form")
}

/// Asserts that logits are near those of the engine and the same everywhere; the quantised network.
fn assert_quantizes(mut engine: Engine, images: &[f32], tolerance: f64) -> Quantized {
    let count = images.len() / engine.network().graph().input_shape().len();
    let quantized = quantized(&engine, images);
    let expected = engine.logits(images, count);
    let mut first: Option<Vec<f32>> = None;
    for isa in Isa::present() {
        for threads in 1..=3 {
            let mut ours = QuantizedEngine::new(&quantized, Cpu::with_isa(isa, threads));
            let logits = ours.logits(images, count).to_vec();
            let off = distance(&logits, expected);
            assert!(off <= tolerance, "off by {off:.4} of the largest");
            let one_by_one: Vec<f32> = images
                .chunks(images.len() / count)
                .flat_map(|image| ours.logits(image, 1).to_vec())
                .collect();
            assert_eq!(one_by_one, logits, "a picture by itself");
            assert_eq!(*first.get_or_insert_with(|| logits.clone()), logits, "{} on {threads}", isa.name());
        }
    }
    quantized
}

fn network(input: &Input, scores: &Node) -> Network {
    Network::new(Graph::new(input, scores).expect("the shapes fit"), Task::MultiClass).expect("the head fits")
}

fn same(filters: usize, kernel: usize) -> Conv2d {
    Conv2d::new(filters, kernel).padding(Padding::Same)
}

/// A network with each way in which layers can follow each other.
fn varied() -> Network {
    use Activation::{Elu, Gelu, HardSwish, LeakyRelu, Relu, Relu6, Sigmoid, Silu, Softmax, Tanh};
    let input = Input::new([12, 10, 3]);
    let x = Rescaling::new(2.0).offset(-0.5).on(&input);
    let x = Normalization::new([0.25, -0.5, 0.125], [0.5, 1.5, 2.0]).on(&x);
    // As in classic: a batch norm after the activation.
    let stem = BatchNorm::new().on(&same(8, 3).activation(Relu).on(&x));
    let depthwise = DepthwiseConv2d::new(3).padding(Padding::Same).activation(HardSwish).on(&stem);
    let dilated = same(8, 3).groups(2).dilation(2).use_bias(false).activation(Silu).on(&stem);
    let sum = LeakyRelu { alpha: 0.3 }.on(&Add::new().on_all(&[&stem, &depthwise, &dilated]));
    let largest = MaxPool2d::new(2).on(&sum);
    let mean = AvgPool2d::new(3).strides(2).padding(Padding::Same).on(&sum);
    let pooled = Concat::new().on_all(&[&largest, &mean]);
    let framed = ZeroPad2d::new([[1, 0], [0, 1]]).on(&pooled);
    let maps = Conv2d::new(9, [3, 2]).strides([2, 1]).activation(Elu { alpha: 1.0 }).on(&framed);
    let maps = SeparableConv2d::new(16, 1).depth_multiplier(2).activation(Gelu).on(&maps);
    let maps = BatchNorm::new().on(&DepthwiseConv2d::new(1).depth_multiplier(1).on(&maps));
    let maps = BatchNorm::new().on(&Conv2d::new(16, 1).activation(Relu6).on(&maps));
    let around = MaxPool2d::new(3).strides(2).on(&ZeroPad2d::new(1).on(&Relu.on(&maps)));
    let below = MaxPool2d::new(3).strides(2).on(&ZeroPad2d::new(1).on(&Tanh.on(&maps)));
    let flat = Dense::new(12).activation(Tanh).on(&Flatten::new().on(&Add::new().on_all(&[&around, &below])));
    let joined = Concat::new().on_all(&[
        &flat,
        &GlobalAvgPool2d::new().on(&pooled),
        &GlobalMaxPool2d::new().on(&maps),
    ]);
    let gated = Dense::new(20).activation(Sigmoid).on(&BatchNorm::new().scale(false).on(&joined));
    network(&input, &Softmax.on(&Dense::new(4).on(&gated)))
}

fn batch(number: u32, size: usize, pixels: usize) -> Batch {
    let targets = (0..size * 4).map(|i| if i / 4 % 4 == i % 4 { 1.0 } else { 0.0 }).collect();
    Batch { images: noise(number, size * pixels).collect(), targets, size }
}

#[test]
fn residual_networks_say_nearly_the_same() {
    let batches: Vec<_> = (0..6).map(|number| pictures(number, 8)).collect();
    assert_quantizes(trained(residual(), &batches), &pictures(9, 24).images, 0.06);
}

#[test]
fn all_kinds_of_layers_say_nearly_the_same() {
    let batches: Vec<_> = (0..6).map(|number| batch(number, 8, 360)).collect();
    assert_quantizes(trained(varied(), &batches), &batch(9, 20, 360).images, 0.06);
}

/// Logits that no dense layer makes.
#[test]
fn logits_of_any_layer() {
    let input = Input::new([5, 5, 3]);
    let maps = Conv2d::new(4, 5).on(&input);
    let flat = network(&input, &Activation::Softmax.on(&Flatten::new().on(&maps)));
    let mean = network(&input, &Activation::Softmax.on(&GlobalAvgPool2d::new().on(&same(4, 3).on(&input))));
    let plain = network(&input, &Activation::Softmax.on(&Dense::new(4).on(&Flatten::new().on(&input))));
    for network in [flat, mean, plain] {
        let batches: Vec<_> = (0..3).map(|number| batch(number, 8, 75)).collect();
        assert_quantizes(trained(network, &batches), &batch(9, 20, 75).images, 0.03);
    }
}

/// From what the last layer is given, by its weights and the step of each filter, the logits can be reckoned.
#[test]
fn features_are_what_the_logits_are_made_of() {
    let input = Input::new([6, 6, 3]);
    let maps = || same(8, 3).activation(Activation::Relu).on(&input);
    let ends = [
        Dense::new(4).on(&GlobalAvgPool2d::new().on(&maps())),
        Dense::new(4).on(&Flatten::new().on(&MaxPool2d::new(2).on(&maps()))),
        Dense::new(4).on(&Dense::new(9).activation(Activation::Relu).on(&Flatten::new().on(&maps()))),
        Dense::new(4).on(&Flatten::new().on(&input)),
    ];
    for scores in &ends {
        let network = network(&input, &Activation::Softmax.on(scores));
        let batches: Vec<_> = (0..3).map(|number| batch(number, 8, 108)).collect();
        let images = batch(9, 20, 108).images;
        let quantized = quantized(&trained(network, &batches), &images);
        let numbers = |name: &str| {
            let (_, values) = quantized
                .tensors()
                .iter()
                .rfind(|(full, _)| full.ends_with(name) && full.starts_with("dense"))
                .unwrap();
            match &values.numbers {
                Numbers::I8(numbers) => numbers.iter().map(|&number| f64::from(number)).collect::<Vec<_>>(),
                Numbers::F32(numbers) => numbers.iter().map(|&number| f64::from(number)).collect(),
            }
        };
        let (kernel, steps, bias) = (numbers("/kernel"), numbers("/kernel_step"), numbers("/bias"));
        let mut engine = QuantizedEngine::new(&quantized, Cpu::new(2));
        // In a memory that has held larger batches.
        engine.logits(&images, 20);
        let images = &images[..7 * 108];
        let features = engine.features(images, 7).to_vec();
        let logits = engine.logits(images, 7).to_vec();
        for (row, logits) in features.chunks_exact(features.len() / 7).zip(logits.chunks_exact(4)) {
            for (unit, logit) in logits.iter().enumerate() {
                let sum: f64 =
                    row.iter().zip(kernel.iter().skip(unit).step_by(4)).map(|(x, w)| f64::from(*x) * w).sum();
                let expected = sum * steps[unit] + bias[unit];
                assert!(
                    (f64::from(*logit) - expected).abs() < 1e-4 * expected.abs().max(1.0),
                    "{logit} for {expected}"
                );
            }
        }
        let kept = features.len() / 7;
        assert_eq!(kept, kernel.len() / 4, "as many as the last layer has inputs");
    }
}

#[test]
fn a_softmax_inside_and_no_pictures_are_refused() {
    let input = Input::new([4, 4, 3]);
    let inside = Activation::Softmax.on(&Conv2d::new(4, 1).on(&input));
    let network = network(&input, &Activation::Softmax.on(&Dense::new(4).on(&Flatten::new().on(&inside))));
    let engine = Engine::new(network, Device::new(Cpu::new(1)), 0);
    let images: Vec<f32> = noise(1, 48).collect();
    let calibrate = |engine: &Engine, batches: &[&[f32]]| {
        let batches = batches.iter().copied();
        Quantized::calibrate(engine.network(), engine.parameters(), batches, &mut Device::new(Cpu::new(1)))
    };
    assert!(matches!(calibrate(&engine, &[&images]), Err(QuantizeError::Softmax { .. })));
    let engine = Engine::new(residual(), Device::new(Cpu::new(1)), 0);
    assert_eq!(calibrate(&engine, &[]), Err(QuantizeError::NoPictures));
}

/// A change of one tensor.
type Change = fn(&mut QuantizedValues);

#[test]
fn tensors_that_do_not_fit_are_refused() {
    let engine = Engine::new(residual(), Device::new(Cpu::new(1)), 0);
    let whole = quantized(&engine, &pictures(1, 4).images);
    let with = |change: &dyn Fn(&mut BTreeMap<String, QuantizedValues>)| {
        let mut tensors = whole.tensors().clone();
        change(&mut tensors);
        Quantized::new(whole.network().clone(), tensors).map(|_| ())
    };
    assert_eq!(with(&|_| {}), Ok(()));
    let changes: [(&str, Change); 8] = [
        ("conv2d/kernel", |values| values.shape.reverse()),
        ("conv2d/kernel", |values| values.numbers = Numbers::F32(vec![0.0; 216])),
        ("conv2d/kernel", |values| values.numbers = Numbers::I8(Vec::new())),
        ("conv2d/kernel_step", |values| values.numbers = Numbers::F32(vec![0.0; 8])),
        ("conv2d/bias", |values| values.numbers = Numbers::F32(vec![f32::NAN; 8])),
        ("conv2d/bias", |values| values.numbers = Numbers::I8(vec![1; 8])),
        ("input/range", |values| values.numbers = Numbers::F32(vec![1.0, 2.0])),
        ("input/range", |values| values.numbers = Numbers::F32(vec![0.0, 0.0])),
    ];
    for (name, change) in changes {
        let refused = with(&|tensors| change(tensors.get_mut(name).expect("it is there")));
        assert!(
            matches!(&refused, Err(QuantizeError::Tensor { name: found, .. }) if found == name),
            "{refused:?}"
        );
    }
    let missing = with(&|tensors| drop(tensors.remove("add/range")));
    assert!(missing.unwrap_err().to_string().contains("'add/range' is missing"));
    let foreign = with(&|tensors| {
        let range = tensors["add/range"].clone();
        tensors.insert("other/range".to_owned(), range);
    });
    assert!(foreign.unwrap_err().to_string().contains("'other/range' belongs to no layer"));
}

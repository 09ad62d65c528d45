//! The convolutions of common networks, by every algorithm that can compute them. Weights are transformed each time, as in training.

use divan::Bencher;
use divan::counter::ItemsCount;
use divvy_kernels::{
    Conv2dShape, ConvAlgorithm, ConvOutput, ConvPass, ConvWeights, Epilogue, NormSettings, NormShape,
    NormStatistics, Padding, batch_statistics_from_moments, conv2d_backward_data, conv2d_backward_weights,
    conv2d_forward, transform_weights,
};

use crate::case::{CPU, Case, chosen, numbers};

/// A layer and an algorithm for it.
type Layer = Case<(Conv2dShape, ConvAlgorithm)>;

/// A square kernel over square images, whose outputs cover the image.
pub(crate) fn square(
    [batch, size, channels, filters]: [usize; 4],
    kernel: usize,
    stride: usize,
    groups: usize,
) -> Conv2dShape {
    let before = (kernel - 1) / 2;
    Conv2dShape {
        batch,
        height: size,
        width: size,
        channels,
        filters,
        kernel: (kernel, kernel),
        strides: (stride, stride),
        dilation: (1, 1),
        groups,
        padding: Padding { top: before, bottom: before, left: before, right: before },
    }
}

fn layers() -> Vec<Layer> {
    let of_shape = |name, shape: Conv2dShape| {
        ConvAlgorithm::all(&shape, CPU.isa().halves())
            .map(|algorithm| Case { name: format!("{name}, {algorithm:?}"), shape: (shape, algorithm) })
            .collect::<Vec<_>>()
    };
    let conv = |name, sizes, kernel, stride, groups| of_shape(name, square(sizes, kernel, stride, groups));
    let around = Padding { top: 2, bottom: 2, left: 2, right: 2 };
    let dilated = Conv2dShape { dilation: (2, 2), padding: around, ..square([4, 28, 128, 128], 3, 1, 1) };
    let layers = [
        conv("classic 1: 64x64x3 -> 32", [32, 64, 3, 32], 3, 1, 1),
        conv("classic 2: 32x32x32 -> 64", [32, 32, 32, 64], 3, 1, 1),
        conv("classic 3: 16x16x64 -> 128", [32, 16, 64, 128], 3, 1, 1),
        conv("classic 3, one image", [1, 16, 64, 128], 3, 1, 1),
        conv("lenet 2: 14x14x6 -> 16, 5x5", [128, 14, 6, 16], 5, 1, 1),
        conv("resnet 1: 224x224x3 -> 64, 7x7/2", [2, 224, 3, 64], 7, 2, 1),
        conv("resnet 2: 56x56x64 -> 64", [4, 56, 64, 64], 3, 1, 1),
        conv("resnet 3: 56x56x64 -> 128, 3x3/2", [4, 56, 64, 128], 3, 2, 1),
        conv("resnet 5: 7x7x512 -> 512", [8, 7, 512, 512], 3, 1, 1),
        conv("resnet: 14x14x256 -> 512, 1x1/2", [8, 14, 256, 512], 1, 2, 1),
        conv("mobilenet: 14x14x96 -> 576, 1x1", [8, 14, 96, 576], 1, 1, 1),
        conv("mobilenet: 14x14x576 -> 96, 1x1", [8, 14, 576, 96], 1, 1, 1),
        conv("mobilenet: 112x112x32 depthwise", [8, 112, 32, 32], 3, 1, 32),
        conv("mobilenet: 112x112x96 depthwise/2", [8, 112, 96, 96], 3, 2, 96),
        conv("mobilenet: 56x56x144 depthwise", [8, 56, 144, 144], 3, 1, 144),
        conv("mobilenet: 56x56x144 depthwise/2", [8, 56, 144, 144], 3, 2, 144),
        conv("mobilenet: 28x28x192 depthwise", [8, 28, 192, 192], 3, 1, 192),
        conv("mobilenet: 28x28x192 depthwise/2", [8, 28, 192, 192], 3, 2, 192),
        conv("mobilenet: 14x14x384 depthwise", [8, 14, 384, 384], 3, 1, 384),
        conv("mobilenet: 14x14x576 depthwise", [8, 14, 576, 576], 3, 1, 576),
        conv("mobilenet: 14x14x576 depthwise/2", [8, 14, 576, 576], 3, 2, 576),
        conv("mobilenet: 7x7x960 depthwise", [8, 7, 960, 960], 3, 1, 960),
        conv("convnext: 14x14x384 depthwise 7x7", [8, 14, 384, 384], 7, 1, 384),
        conv("resnext: 56x56x128, 32 groups", [4, 56, 128, 128], 3, 1, 32),
        conv("resnext: 14x14x512, 32 groups", [8, 14, 512, 512], 3, 1, 32),
        of_shape("deeplab: 28x28x128, dilation 2", dilated),
    ];
    chosen(layers.into_iter().flatten().collect())
}

/// Weights as an algorithm reads them, transformed anew for each run.
struct Weights<'a> {
    shape: &'a Conv2dShape,
    pass: ConvPass,
    algorithm: ConvAlgorithm,
    packed: Vec<f32>,
    transformed: Vec<f32>,
}

impl<'a> Weights<'a> {
    fn new((shape, algorithm): &'a (Conv2dShape, ConvAlgorithm), pass: ConvPass) -> Self {
        let len = algorithm.transform().map_or(0, |transform| shape.transformed_len(pass, transform));
        let (packed, transformed) = (numbers(shape.weights_len()), numbers(len));
        Self { shape, pass, algorithm: *algorithm, packed, transformed }
    }

    /// Scratch for the pass and for transforming.
    fn scratch(&self) -> Vec<f32> {
        let pass = self.shape.scratch(self.pass, self.algorithm, CPU.threads());
        let transform = self.algorithm.transform().map_or(0, |_| self.shape.transform_scratch(self.pass));
        numbers(pass.max(transform))
    }

    fn ready(&mut self, scratch: &mut [f32]) -> ConvWeights<'_> {
        let Some(transform) = self.algorithm.transform() else { return ConvWeights::Packed(&self.packed) };
        let (shape, u) = (self.shape, &mut self.transformed);
        transform_weights(&CPU, shape, self.pass, transform, &self.packed, u, scratch);
        ConvWeights::Transformed(transform, &self.transformed)
    }
}

#[divan::bench(args = layers())]
fn forward(bencher: Bencher<'_, '_>, layer: &Layer) {
    let shape = &layer.shape.0;
    let mut weights = Weights::new(&layer.shape, ConvPass::Forward);
    let (x, mut y, mut scratch) =
        (numbers(shape.input_len()), numbers(shape.output_len()), weights.scratch());
    bencher.counter(ItemsCount::new(shape.flops())).bench_local(|| {
        let weights = weights.ready(&mut scratch);
        conv2d_forward(&CPU, shape, &x, weights, &Epilogue::default(), y.as_mut_slice().into(), &mut scratch);
    });
}

/// The outputs, and the moments that batch statistics are made of.
#[divan::bench(args = layers())]
fn forward_with_moments(bencher: Bencher<'_, '_>, layer: &Layer) {
    let (shape, algorithm) = &layer.shape;
    let mut weights = Weights::new(&layer.shape, ConvPass::Forward);
    let (x, mut y, mut scratch) =
        (numbers(shape.input_len()), numbers(shape.output_len()), weights.scratch());
    let mut moments = numbers(shape.moments_len(*algorithm));
    let norm = NormShape { rows: shape.output_len() / shape.filters, channels: shape.filters };
    let channel = || vec![1.0; shape.filters];
    let (mut mean, mut invstd, mut moving_mean, mut moving_variance) =
        (channel(), channel(), channel(), channel());
    bencher.counter(ItemsCount::new(shape.flops())).bench_local(|| {
        let weights = weights.ready(&mut scratch);
        let output = ConvOutput { y: &mut y, moments: Some(&mut moments) };
        conv2d_forward(&CPU, shape, &x, weights, &Epilogue::default(), output, &mut scratch);
        let statistics = NormStatistics {
            mean: &mut mean,
            invstd: &mut invstd,
            moving_mean: &mut moving_mean,
            moving_variance: &mut moving_variance,
        };
        let settings = NormSettings { epsilon: 1e-3, momentum: 0.99 };
        batch_statistics_from_moments(&norm, &settings, &moments, statistics);
    });
}

#[divan::bench(args = layers())]
fn backward_data(bencher: Bencher<'_, '_>, layer: &Layer) {
    let shape = &layer.shape.0;
    let mut weights = Weights::new(&layer.shape, ConvPass::BackwardData);
    let (dy, mut dx, mut scratch) =
        (numbers(shape.output_len()), numbers(shape.input_len()), weights.scratch());
    bencher.counter(ItemsCount::new(shape.flops())).bench_local(|| {
        let weights = weights.ready(&mut scratch);
        conv2d_backward_data(&CPU, shape, &dy, weights, &mut dx, &mut scratch);
    });
}

#[divan::bench(args = layers())]
fn backward_weights(bencher: Bencher<'_, '_>, layer: &Layer) {
    let (shape, algorithm) = &layer.shape;
    let (x, dy) = (numbers(shape.input_len()), numbers(shape.output_len()));
    let scratch = shape.scratch(ConvPass::BackwardWeights, *algorithm, CPU.threads());
    let (mut dw, mut scratch) = (numbers(shape.weights_len()), numbers(scratch));
    bencher
        .counter(ItemsCount::new(shape.flops()))
        .bench_local(|| conv2d_backward_weights(&CPU, shape, *algorithm, &x, &dy, &mut dw, &mut scratch));
}

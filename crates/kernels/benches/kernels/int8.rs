//! The 8-bit kernels: the convolutions of common networks, a picture at a time, and what lies between them.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use divvy_kernels::{
    Conv2dShape, Int8Affine, Int8Epilogue, Int8Filters, Int8Target, PadShape, Padding, PoolShape, int8_add,
    int8_avg_pool, int8_conv2d, int8_conv2d_scratch, int8_dequantize, int8_look_up, int8_max_pool,
    int8_put_channels, int8_quantize, int8_zero_pad,
};

use crate::case::{CPU, Case, chosen, numbers};
use crate::conv::square;
use crate::memory::{maps, norm};

fn layers() -> Vec<Case<Conv2dShape>> {
    let conv = |name: &str, sizes, kernel, stride, groups| Case {
        name: name.to_owned(),
        shape: square(sizes, kernel, stride, groups),
    };
    chosen(vec![
        conv("resnet: 224x224x3 -> 64, 7x7/2", [1, 224, 3, 64], 7, 2, 1),
        conv("resnet: 56x56x64 -> 64", [1, 56, 64, 64], 3, 1, 1),
        conv("resnet: 56x56x64 -> 128, 3x3/2", [1, 56, 64, 128], 3, 2, 1),
        conv("resnet: 56x56x64 -> 128, 1x1/2", [1, 56, 64, 128], 1, 2, 1),
        conv("resnet: 28x28x128 -> 128", [1, 28, 128, 128], 3, 1, 1),
        conv("resnet: 28x28x128 -> 256, 3x3/2", [1, 28, 128, 256], 3, 2, 1),
        conv("resnet: 28x28x128 -> 256, 1x1/2", [1, 28, 128, 256], 1, 2, 1),
        conv("resnet: 14x14x256 -> 256", [1, 14, 256, 256], 3, 1, 1),
        conv("resnet: 14x14x256 -> 512, 3x3/2", [1, 14, 256, 512], 3, 2, 1),
        conv("resnet: 14x14x256 -> 512, 1x1/2", [1, 14, 256, 512], 1, 2, 1),
        conv("resnet: 7x7x512 -> 512", [1, 7, 512, 512], 3, 1, 1),
        conv("mobilenet: 14x14x576 depthwise", [1, 14, 576, 576], 3, 1, 576),
    ])
}

#[divan::bench(args = layers())]
fn forward(bencher: Bencher<'_, '_>, layer: &Case<Conv2dShape>) {
    let shape = &layer.shape;
    let x = bytes(shape.input_len());
    let weights: Vec<i8> = (0..shape.weight_layout().keras_len()).map(|i| (i * 7919 % 255) as i8).collect();
    let of = |value| vec![value; shape.filters];
    let (scale, bias, low, high) = (of(1e-3), of(100.0), of(0.0), of(255.0));
    let epilogue = Int8Epilogue { scale: &scale, bias: &bias, low: &low, high: &high };
    let filters = Int8Filters::new(CPU.isa(), shape, &weights, 3, &epilogue);
    let mut y = vec![0; shape.output_len()];
    let mut scratch = vec![0; int8_conv2d_scratch(&filters, shape, CPU.threads())];
    bencher.counter(ItemsCount::new(shape.flops())).bench_local(|| {
        int8_conv2d(&CPU, shape, &x, 3, &filters, None, Int8Target::Bytes(&mut y), &mut scratch);
    });
}

/// Bytes of all values.
fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7919 % 251) as u8).collect()
}

/// What bytes stand for in these benchmarks.
const AFFINE: Int8Affine = Int8Affine { scale: 0.01, bias: -1.0 };

#[divan::bench(args = maps())]
fn maximum(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (x, mut y) = (bytes(map.shape.input_len()), bytes(map.shape.output_len()));
    bencher
        .counter(BytesCount::new(x.len() + y.len()))
        .bench_local(|| int8_max_pool(&CPU, &map.shape, &x, &mut y));
}

#[divan::bench(args = maps())]
fn mean(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (x, mut y) = (bytes(map.shape.input_len()), bytes(map.shape.output_len()));
    bencher
        .counter(BytesCount::new(x.len() + y.len()))
        .bench_local(|| int8_avg_pool(&CPU, &map.shape, AFFINE, &x, &mut y));
}

#[divan::bench(args = maps())]
fn quantize(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (x, of_channels) = (numbers(map.shape.input_len()), vec![100.0; map.shape.channels]);
    let mut y = bytes(x.len());
    bencher
        .counter(BytesCount::new(5 * x.len()))
        .bench_local(|| int8_quantize(&CPU, &of_channels, &of_channels, &x, &mut y));
}

#[divan::bench(args = maps())]
fn dequantize(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (x, mut y) = (bytes(map.shape.input_len()), numbers(map.shape.input_len()));
    bencher.counter(BytesCount::new(5 * x.len())).bench_local(|| int8_dequantize(&CPU, AFFINE, &x, &mut y));
}

#[divan::bench(args = maps())]
fn look_up(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (x, mut y) = (bytes(map.shape.input_len()), bytes(map.shape.input_len()));
    let table = std::array::from_fn(|i| 255 - i as u8);
    bencher.counter(BytesCount::new(2 * x.len())).bench_local(|| int8_look_up(&CPU, &table, &x, &mut y));
}

#[divan::bench(args = maps())]
fn adding(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let inputs = [bytes(map.shape.input_len()), bytes(map.shape.input_len())];
    let mut y = inputs[0].clone();
    bencher.counter(BytesCount::new(3 * y.len())).bench_local(|| {
        int8_add(&CPU, inputs.len(), |i| (&inputs[i][..], 0.5), 0.0, (0.0, 255.0), &mut y);
    });
}

#[divan::bench(args = maps())]
fn zero_pad(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let PoolShape { batch, height, width, channels, .. } = map.shape;
    let padding = Padding { top: 1, bottom: 1, left: 1, right: 1 };
    let shape = PadShape { batch, height, width, channels, padding };
    let (x, mut y) = (bytes(shape.input_len()), bytes(shape.output_len()));
    bencher
        .counter(BytesCount::new(x.len() + y.len()))
        .bench_local(|| int8_zero_pad(&CPU, &shape, 3, &x, &mut y));
}

/// Maps into the second half of twice as many channels.
#[divan::bench(args = maps())]
fn concatenating(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (shape, channels) = (norm(&map.shape), map.shape.channels);
    let (x, mut y) = (bytes(shape.len()), bytes(2 * shape.len()));
    let of = |value| vec![value; channels];
    let (scale, bias, low, high) = (of(1.0), of(0.0), of(0.0), of(255.0));
    let epilogue = Int8Epilogue { scale: &scale, bias: &bias, low: &low, high: &high };
    bencher
        .counter(BytesCount::new(2 * x.len()))
        .bench_local(|| int8_put_channels(&CPU, &epilogue, 2 * channels, channels, &x, &mut y));
}

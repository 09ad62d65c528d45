//! The 8-bit convolutions of common networks, a picture at a time.

use divan::Bencher;
use divan::counter::ItemsCount;
use divvy_kernels::{Conv2dShape, Int8Epilogue, Int8Filters, Int8Target, int8_conv2d, int8_conv2d_scratch};

use crate::case::{CPU, Case, chosen};
use crate::conv::square;

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
    let x: Vec<u8> = (0..shape.input_len()).map(|i| (i * 7919 % 251) as u8).collect();
    let weights: Vec<i8> = (0..shape.weight_layout().keras_len()).map(|i| (i * 7919 % 255) as i8).collect();
    let of = |value| vec![value; shape.filters];
    let (scale, bias, low, high) = (of(1e-3), of(100.0), of(0.0), of(255.0));
    let epilogue = Int8Epilogue { scale: &scale, bias: &bias, low: &low, high: &high };
    let filters = Int8Filters::new(shape, &weights, 3, &epilogue);
    let mut y = vec![0; shape.output_len()];
    let mut scratch = vec![0; int8_conv2d_scratch(shape, CPU.threads())];
    bencher.counter(ItemsCount::new(shape.flops())).bench_local(|| {
        int8_conv2d(&CPU, shape, &x, 3, &filters, None, Int8Target::Bytes(&mut y), &mut scratch);
    });
}

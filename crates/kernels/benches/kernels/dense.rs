//! The dense layers of common networks, forward; backward is in `fused`.

use divan::Bencher;
use divan::counter::ItemsCount;
use divvy_kernels::{DenseShape, dense_forward};

use crate::case::{CPU, Case, chosen, numbers};

pub(crate) fn layers() -> Vec<Case<DenseShape>> {
    let dense = |name: &str, batch, inputs, outputs| Case {
        name: name.to_owned(),
        shape: DenseShape { batch, inputs, outputs },
    };
    chosen(vec![
        dense("classic: 32768 -> 256", 32, 32768, 256),
        dense("classic: 32768 -> 256, one image", 1, 32768, 256),
        dense("classic: 256 -> 128", 32, 256, 128),
        dense("flat: 25088 -> 10", 128, 25088, 10),
        dense("resnet: 512 -> 1000", 16, 512, 1000),
    ])
}

#[divan::bench(args = layers())]
fn forward(bencher: Bencher<'_, '_>, layer: &Case<DenseShape>) {
    bench_forward(bencher, layer, &numbers(layer.shape.input_len()));
}

/// Half of the input is zero.
#[divan::bench(args = layers())]
fn forward_behind_relu(bencher: Bencher<'_, '_>, layer: &Case<DenseShape>) {
    let x: Vec<f32> = numbers(layer.shape.input_len()).iter().map(|x| x.max(0.0)).collect();
    bench_forward(bencher, layer, &x);
}

fn bench_forward(bencher: Bencher<'_, '_>, layer: &Case<DenseShape>, x: &[f32]) {
    let shape = &layer.shape;
    let w = numbers(shape.weights_len());
    let (mut y, mut scratch) = (numbers(shape.output_len()), numbers(shape.forward_scratch(CPU.threads())));
    bencher
        .counter(ItemsCount::new(shape.flops()))
        .bench_local(|| dense_forward(&CPU, shape, x, &w, None, &mut y, &mut scratch));
}

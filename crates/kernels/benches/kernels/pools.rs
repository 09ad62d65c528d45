//! Pooling by itself: the maximum or the mean of windows, and of whole maps.

use divan::Bencher;
use divvy_kernels::{
    PoolShape, avg_pool_backward, avg_pool_forward, global_avg_pool_backward, global_avg_pool_forward,
    global_max_pool_backward, global_max_pool_forward, max_pool_backward, max_pool_forward,
};

use crate::case::{CPU, Case, bytes, numbers};
use crate::memory::maps;

#[divan::bench(args = maps())]
fn maximum(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (x, mut y) = (numbers(map.shape.input_len()), numbers(map.shape.output_len()));
    bencher.counter(bytes(x.len() + y.len())).bench_local(|| max_pool_forward(&CPU, &map.shape, &x, &mut y));
}

#[divan::bench(args = maps())]
fn maximum_backward(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (x, dy) = (numbers(map.shape.input_len()), numbers(map.shape.output_len()));
    let (mut y, mut dx) = (dy.clone(), x.clone());
    max_pool_forward(&CPU, &map.shape, &x, &mut y);
    bencher
        .counter(bytes(2 * x.len() + 2 * y.len()))
        .bench_local(|| max_pool_backward(&CPU, &map.shape, &x, &y, &dy, &mut dx));
}

#[divan::bench(args = maps())]
fn mean(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (x, mut y) = (numbers(map.shape.input_len()), numbers(map.shape.output_len()));
    bencher.counter(bytes(x.len() + y.len())).bench_local(|| avg_pool_forward(&CPU, &map.shape, &x, &mut y));
}

#[divan::bench(args = maps())]
fn mean_backward(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (dy, mut dx) = (numbers(map.shape.output_len()), numbers(map.shape.input_len()));
    bencher
        .counter(bytes(dx.len() + dy.len()))
        .bench_local(|| avg_pool_backward(&CPU, &map.shape, &dy, &mut dx));
}

/// Images, the pixels of each, and channels.
fn whole(map: &PoolShape) -> [usize; 3] {
    [map.batch, map.height * map.width, map.channels]
}

#[divan::bench(args = maps())]
fn global_mean(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let [batch, pixels, channels] = whole(&map.shape);
    let (x, mut y) = (numbers(batch * pixels * channels), numbers(batch * channels));
    bencher
        .counter(bytes(x.len()))
        .bench_local(|| global_avg_pool_forward(&CPU, batch, pixels, channels, &x, &mut y));
}

#[divan::bench(args = maps())]
fn global_mean_backward(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let [batch, pixels, channels] = whole(&map.shape);
    let (dy, mut dx) = (numbers(batch * channels), numbers(batch * pixels * channels));
    bencher
        .counter(bytes(dx.len()))
        .bench_local(|| global_avg_pool_backward(&CPU, batch, pixels, channels, &dy, &mut dx));
}

#[divan::bench(args = maps())]
fn global_maximum(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let [batch, pixels, channels] = whole(&map.shape);
    let (x, mut y) = (numbers(batch * pixels * channels), numbers(batch * channels));
    bencher
        .counter(bytes(x.len()))
        .bench_local(|| global_max_pool_forward(&CPU, batch, pixels, channels, &x, &mut y));
}

#[divan::bench(args = maps())]
fn global_maximum_backward(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let [batch, pixels, channels] = whole(&map.shape);
    let (x, dy) = (numbers(batch * pixels * channels), numbers(batch * channels));
    let (mut y, mut dx) = (dy.clone(), x.clone());
    global_max_pool_forward(&CPU, batch, pixels, channels, &x, &mut y);
    bencher
        .counter(bytes(2 * x.len()))
        .bench_local(|| global_max_pool_backward(&CPU, batch, pixels, channels, &x, &y, &dy, &mut dx));
}

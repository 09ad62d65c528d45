//! How fast the 8-bit convolutions of ResNet-18 are on this machine, a picture at a time.
//!
//! ```text
//! cargo run --release -p divvy-kernels --example int8 [-- THREADS [ISA]]
//! ```
//! prints, for each, the best of many runs in milliseconds and thousands of millions of operations a second.

use std::time::{Duration, Instant};

use divvy_kernels::{
    Conv2dShape, Cpu, Int8Epilogue, Int8Filters, Int8Target, Isa, Padding, int8_conv2d, int8_conv2d_scratch,
};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let threads = arguments.next().map_or(1, |text| text.parse().expect("a number of threads"));
    let isa = arguments.next().unwrap_or_default();
    for isa in Isa::present().into_iter().filter(|present| present.name().contains(&isa)) {
        let cpu = Cpu::with_isa(isa, threads);
        println!("{} on {threads} threads, ms and Gop/s", isa.name());
        let mut total = Duration::ZERO;
        // Side, channels, filters, kernel, stride, groups, and how often ResNet-18 has it.
        for (side, channels, filters, kernel, stride, groups, times) in [
            (224, 3, 64, 7, 2, 1, 1),
            (56, 64, 64, 3, 1, 1, 4),
            (56, 64, 128, 3, 2, 1, 1),
            (56, 64, 128, 1, 2, 1, 1),
            (28, 128, 128, 3, 1, 1, 3),
            (28, 128, 256, 3, 2, 1, 1),
            (28, 128, 256, 1, 2, 1, 1),
            (14, 256, 256, 3, 1, 1, 3),
            (14, 256, 512, 3, 2, 1, 1),
            (14, 256, 512, 1, 2, 1, 1),
            (7, 512, 512, 3, 1, 1, 3),
            (14, 576, 576, 3, 1, 576, 0),
        ] {
            let around = kernel / 2;
            let shape = Conv2dShape {
                batch: 1,
                height: side,
                width: side,
                channels,
                filters,
                kernel: (kernel, kernel),
                strides: (stride, stride),
                dilation: (1, 1),
                groups,
                padding: Padding { top: around, bottom: around, left: around, right: around },
            };
            let time = best(&cpu, &shape);
            total += time * times;
            let seconds = time.as_secs_f64();
            let name = format!("{side}x{side}x{channels} -> {filters}, {kernel}x{kernel}/{stride}");
            println!("{name:32} {:8.4} {:8.1}", seconds * 1e3, shape.flops() as f64 / seconds / 1e9);
        }
        println!("{:32} {:8.4}", "all of ResNet-18", total.as_secs_f64() * 1e3);
    }
}

/// The shortest of the runs that fit into a while, and of five at the least.
fn best(cpu: &Cpu, shape: &Conv2dShape) -> Duration {
    let x: Vec<u8> = (0..shape.input_len()).map(|i| (i * 7919 % 251) as u8).collect();
    let weights: Vec<i8> = (0..shape.weight_layout().keras_len()).map(|i| (i * 7919 % 255) as i8).collect();
    let of = |value| vec![value; shape.filters];
    let (scale, bias, low, high) = (of(1e-3), of(100.0), of(0.0), of(255.0));
    let epilogue = Int8Epilogue { scale: &scale, bias: &bias, low: &low, high: &high };
    let filters = Int8Filters::new(shape, &weights, 3, &epilogue);
    let mut y = vec![0; shape.output_len()];
    let mut scratch = vec![0; int8_conv2d_scratch(shape, cpu.threads())];
    let (mut best, mut runs, start) = (Duration::MAX, 0, Instant::now());
    while runs < 5 || start.elapsed() < Duration::from_millis(150) {
        let before = Instant::now();
        int8_conv2d(cpu, shape, &x, 3, &filters, None, Int8Target::Bytes(&mut y), &mut scratch);
        best = best.min(before.elapsed());
        runs += 1;
    }
    best
}

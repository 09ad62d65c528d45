//! How fast the convolutions and dense layers of common networks are on this machine.
//!
//! ```text
//! cargo run --release -p divvy-kernels --example kernels [-- THREADS [ISA [LAYER]]]
//! ```
//! prints, for each layer and pass, the best of many runs in milliseconds and GFLOP/s. `ISA` and `LAYER` choose those whose
//! name contains them.

use std::time::{Duration, Instant};

use divvy_kernels::{
    Conv2dShape, ConvAlgorithm, ConvPass, ConvWeights, Cpu, DenseShape, Epilogue, Isa, Padding, WinogradTile,
    conv2d_backward_data, conv2d_backward_weights, conv2d_forward, dense_backward_data,
    dense_backward_weights, dense_forward, winograd_weights,
};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let threads = arguments.next().map_or(1, |text| text.parse().expect("a number of threads"));
    let isa = arguments.next().unwrap_or_default();
    let layer = arguments.next().unwrap_or_default();
    for isa in Isa::present().into_iter().filter(|present| present.name().contains(&isa)) {
        let cpu = Cpu::with_isa(isa, threads);
        println!("{} on {threads} threads, ms and GFLOP/s", isa.name());
        println!("{:34} {:>16} {:>16} {:>16}", "layer", "forward", "to the data", "to the weights");
        for (name, shape) in convolutions().iter().filter(|(name, _)| name.contains(&layer)) {
            convolution(&cpu, name, shape);
        }
        for (name, shape) in dense_layers().iter().filter(|(name, _)| name.contains(&layer)) {
            dense(&cpu, name, shape);
        }
    }
}

fn convolutions() -> Vec<(&'static str, Conv2dShape)> {
    let conv = |batch, size, channels, filters, kernel, stride, groups| {
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
    };
    vec![
        ("classic 1: 64x64x3 -> 32", conv(32, 64, 3, 32, 3, 1, 1)),
        ("classic 2: 32x32x32 -> 64", conv(32, 32, 32, 64, 3, 1, 1)),
        ("classic 3: 16x16x64 -> 128", conv(32, 16, 64, 128, 3, 1, 1)),
        ("classic 3, one image", conv(1, 16, 64, 128, 3, 1, 1)),
        ("lenet 2: 14x14x6 -> 16, 5x5", conv(128, 14, 6, 16, 5, 1, 1)),
        ("resnet 1: 224x224x3 -> 64, 7x7/2", conv(2, 224, 3, 64, 7, 2, 1)),
        ("resnet 2: 56x56x64 -> 64", conv(4, 56, 64, 64, 3, 1, 1)),
        ("resnet 3: 56x56x64 -> 128, 3x3/2", conv(4, 56, 64, 128, 3, 2, 1)),
        ("resnet 5: 7x7x512 -> 512", conv(8, 7, 512, 512, 3, 1, 1)),
        ("resnet: 14x14x256 -> 512, 1x1/2", conv(8, 14, 256, 512, 1, 2, 1)),
        ("mobilenet: 14x14x96 -> 576, 1x1", conv(8, 14, 96, 576, 1, 1, 1)),
        ("mobilenet: 112x112x32 depthwise", conv(8, 112, 32, 32, 3, 1, 32)),
        ("mobilenet: 112x112x96 depthwise/2", conv(8, 112, 96, 96, 3, 2, 96)),
        ("mobilenet: 56x56x144 depthwise", conv(8, 56, 144, 144, 3, 1, 144)),
        ("mobilenet: 56x56x144 depthwise/2", conv(8, 56, 144, 144, 3, 2, 144)),
        ("mobilenet: 28x28x192 depthwise", conv(8, 28, 192, 192, 3, 1, 192)),
        ("mobilenet: 28x28x192 depthwise/2", conv(8, 28, 192, 192, 3, 2, 192)),
        ("mobilenet: 14x14x384 depthwise", conv(8, 14, 384, 384, 3, 1, 384)),
        ("mobilenet: 14x14x576 depthwise", conv(8, 14, 576, 576, 3, 1, 576)),
        ("mobilenet: 14x14x576 depthwise/2", conv(8, 14, 576, 576, 3, 2, 576)),
        ("mobilenet: 7x7x960 depthwise", conv(8, 7, 960, 960, 3, 1, 960)),
        ("convnext: 14x14x384 depthwise 7x7", conv(8, 14, 384, 384, 7, 1, 384)),
        ("resnext: 56x56x128, 32 groups", conv(4, 56, 128, 128, 3, 1, 32)),
        ("resnext: 14x14x512, 32 groups", conv(8, 14, 512, 512, 3, 1, 32)),
    ]
}

fn dense_layers() -> Vec<(&'static str, DenseShape)> {
    vec![
        ("classic: 32768 -> 256", DenseShape { batch: 32, inputs: 32768, outputs: 256 }),
        ("classic: 32768 -> 256, one image", DenseShape { batch: 1, inputs: 32768, outputs: 256 }),
        ("classic: 256 -> 128", DenseShape { batch: 32, inputs: 256, outputs: 128 }),
        ("flat: 25088 -> 10", DenseShape { batch: 128, inputs: 25088, outputs: 10 }),
        ("resnet: 512 -> 1000", DenseShape { batch: 16, inputs: 512, outputs: 1000 }),
    ]
}

fn convolution(cpu: &Cpu, name: &str, shape: &Conv2dShape) {
    let tiles = [WinogradTile::Two, WinogradTile::Four].map(ConvAlgorithm::Winograd);
    for algorithm in [ConvAlgorithm::Direct].into_iter().chain(tiles) {
        if algorithm.applies(shape) {
            for (pass, name) in [
                (ConvPass::Forward, "fwd"),
                (ConvPass::BackwardData, "data"),
                (ConvPass::BackwardWeights, "weights"),
            ] {
                let all = shape.algorithms(pass, cpu.isa(), false);
                let c = all.iter().find(|a| a.0 == algorithm).unwrap().1;
                eprint!("{name} {:.3} ", c / 4.1e6 / cpu.threads() as f64);
            }
            let name = match algorithm {
                ConvAlgorithm::Direct => name.to_owned(),
                ConvAlgorithm::Winograd(tile) => format!("  winograd {tile:?}"),
            };
            convolution_by(cpu, &name, shape, algorithm);
        }
    }
}

fn convolution_by(cpu: &Cpu, name: &str, shape: &Conv2dShape, algorithm: ConvAlgorithm) {
    let (x, w) = (numbers(shape.input_len()), numbers(shape.weights_len()));
    let (mut y, mut dx, mut dw) = (numbers(shape.output_len()), x.clone(), w.clone());
    let passes = [ConvPass::Forward, ConvPass::BackwardData, ConvPass::BackwardWeights];
    let len = passes.iter().map(|pass| shape.scratch(*pass, algorithm, cpu.threads())).max();
    let mut scratch = numbers(len.unwrap_or(0).max(shape.winograd_scratch(ConvPass::BackwardData)));
    let mut u = match algorithm {
        ConvAlgorithm::Direct => Vec::new(),
        ConvAlgorithm::Winograd(tile) => passes[..2]
            .iter()
            .map(|pass| numbers(shape.winograd_len(*pass, tile)))
            .max_by_key(Vec::len)
            .unwrap(),
    };
    let mut with_weights =
        |pass: ConvPass, scratch: &mut Vec<f32>, run: &mut dyn FnMut(ConvWeights<'_>, &mut [f32])| {
            match algorithm {
                ConvAlgorithm::Direct => run(ConvWeights::Packed(&w), scratch),
                ConvAlgorithm::Winograd(tile) => {
                    let u = &mut u[..shape.winograd_len(pass, tile)];
                    winograd_weights(cpu, shape, pass, tile, &w, u, scratch);
                    run(ConvWeights::Winograd(tile, u), scratch);
                }
            }
        };
    let forward = best(|| {
        with_weights(ConvPass::Forward, &mut scratch, &mut |weights, scratch| {
            conv2d_forward(cpu, shape, &x, weights, &Epilogue::default(), &mut y, scratch);
        });
    });
    let data = best(|| {
        with_weights(ConvPass::BackwardData, &mut scratch, &mut |weights, scratch| {
            conv2d_backward_data(cpu, shape, &y, weights, &mut dx, scratch);
        });
    });
    let weights = best(|| conv2d_backward_weights(cpu, shape, algorithm, &x, &y, &mut dw, &mut scratch));
    report(name, shape.flops(), [forward, data, weights]);
}

fn dense(cpu: &Cpu, name: &str, shape: &DenseShape) {
    let (x, w) = (numbers(shape.input_len()), numbers(shape.weights_len()));
    let (mut y, mut dx, mut dw) = (numbers(shape.output_len()), x.clone(), w.clone());
    let mut scratch = numbers(
        shape
            .forward_scratch(cpu.threads())
            .max(shape.backward_data_scratch(cpu.threads()))
            .max(shape.backward_weights_scratch(cpu.threads())),
    );
    let forward = best(|| dense_forward(cpu, shape, &x, &w, None, &mut y, &mut scratch));
    let data = best(|| dense_backward_data(cpu, shape, &y, &w, &mut dx, &mut scratch));
    let weights = best(|| dense_backward_weights(cpu, shape, &x, &y, &mut dw, &mut scratch));
    report(name, shape.flops(), [forward, data, weights]);
}

fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i * 7919 % 1000) as f32 / 1000.0 - 0.5).collect()
}

/// The shortest of the runs that fit into a while, and of five at the least.
fn best(mut run: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    let start = Instant::now();
    let mut runs = 0;
    while runs < 5 || start.elapsed() < Duration::from_millis(300) {
        let before = Instant::now();
        run();
        best = best.min(before.elapsed());
        runs += 1;
    }
    best
}

fn report(name: &str, flops: u64, times: [Duration; 3]) {
    let columns = times.map(|time| {
        let seconds = time.as_secs_f64();
        format!("{:8.3} {:7.1}", seconds * 1e3, flops as f64 / seconds / 1e9)
    });
    println!("{name:34} {}", columns.join(" "));
}

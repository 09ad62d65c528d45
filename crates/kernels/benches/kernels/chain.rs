//! Convolutions that are run band by band, and the same one after the other.

use divan::Bencher;
use divan::counter::ItemsCount;
use divvy_kernels::{
    Conv2dShape, ConvAlgorithm, ConvChain, ConvLink, ConvPass, ConvWeights, Epilogue, Rectifier,
    conv2d_forward,
};

use crate::case::{CPU, Case, chosen, numbers};
use crate::conv::square;

/// A block of mobilenet: channels are multiplied, each is filtered, and as few as before come out.
fn blocks() -> Vec<Case<Vec<Conv2dShape>>> {
    let block = |name: &str, [size, narrow, wide]: [usize; 3], stride, out| {
        let shape = vec![
            square([1, size, narrow, wide], 1, 1, 1),
            square([1, size, wide, wide], 3, stride, wide),
            square([1, size / stride, wide, out], 1, 1, 1),
        ];
        Case { name: name.to_owned(), shape }
    };
    chosen(vec![
        block("mobilenet 2: 112x112, 16 -> 96/2 -> 24", [112, 16, 96], 2, 24),
        block("mobilenet 3: 56x56, 24 -> 144 -> 24", [56, 24, 144], 1, 24),
        block("mobilenet 5: 28x28, 32 -> 192 -> 32", [28, 32, 192], 1, 32),
        block("mobilenet 8: 14x14, 64 -> 384 -> 64", [14, 64, 384], 1, 64),
    ])
}

/// A block with numbers for all that it reads and writes.
struct Block<'a> {
    shapes: &'a [Conv2dShape],
    weights: Vec<Vec<f32>>,
    biases: Vec<Vec<f32>>,
}

impl<'a> Block<'a> {
    fn new(shapes: &'a [Conv2dShape]) -> Self {
        let weights = shapes.iter().map(|shape| numbers(shape.weights_len())).collect();
        let biases = shapes.iter().map(|shape| numbers(shape.filters)).collect();
        Self { shapes, weights, biases }
    }

    fn flops(&self) -> ItemsCount {
        ItemsCount::new(self.shapes.iter().map(Conv2dShape::flops).sum::<u64>())
    }

    /// What a convolution works with; the last one is not activated.
    fn link(&self, at: usize) -> ConvLink<'_> {
        let activation = (at + 1 < self.shapes.len()).then_some(Rectifier::Relu6);
        let epilogue = Epilogue { activation, ..Epilogue::bias(Some(&self.biases[at])) };
        ConvLink { weights: ConvWeights::Packed(&self.weights[at]), epilogue }
    }
}

#[divan::bench(args = blocks())]
fn by_bands(bencher: Bencher<'_, '_>, block: &Case<Vec<Conv2dShape>>) {
    let block = Block::new(&block.shape);
    let links: Vec<_> = block.shapes.iter().map(|shape| (*shape, ConvAlgorithm::Direct)).collect();
    let chain = ConvChain::new(&links).expect("the blocks can be run by bands");
    let x = numbers(block.shapes[0].input_len());
    let (mut y, mut scratch) = (numbers(block.shapes[2].output_len()), numbers(chain.scratch(CPU.threads())));
    bencher
        .counter(block.flops())
        .bench_local(|| chain.run(&CPU, &x, |at| block.link(at), &mut y, &mut scratch));
}

#[divan::bench(args = blocks())]
fn one_by_one(bencher: Bencher<'_, '_>, block: &Case<Vec<Conv2dShape>>) {
    let block = Block::new(&block.shape);
    let scratch =
        |shape: &Conv2dShape| shape.scratch(ConvPass::Forward, ConvAlgorithm::Direct, CPU.threads());
    let mut scratch = numbers(block.shapes.iter().map(scratch).max().unwrap_or(0));
    let mut maps: Vec<_> = block.shapes.iter().map(|shape| numbers(shape.output_len())).collect();
    maps.insert(0, numbers(block.shapes[0].input_len()));
    bencher.counter(block.flops()).bench_local(|| {
        for (at, shape) in block.shapes.iter().enumerate() {
            let ConvLink { weights, epilogue } = block.link(at);
            let [x, y] = &mut maps[at..at + 2] else { unreachable!("a map more than convolutions") };
            conv2d_forward(&CPU, shape, x, weights, &epilogue, y.as_mut_slice().into(), &mut scratch);
        }
    });
}

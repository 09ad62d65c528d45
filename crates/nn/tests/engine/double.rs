//! What a network computes, written out in double precision from the formulas of the layers' documentation: slow and plain.

use std::collections::HashMap;

use divvy_nn::{
    Activation, BatchNorm, Conv2d, Dense, DepthwiseConv2d, Geometry, Layer, Loss, Mode, Network, NodeId,
    SeparableConv2d, Shape, Window,
};

use crate::support::Batch;

/// A batch of maps, or of vectors, which are maps of one pixel.
#[derive(Clone)]
struct Values {
    batch: usize,
    height: usize,
    width: usize,
    channels: usize,
    numbers: Vec<f64>,
}

impl Values {
    fn new(batch: usize, shape: Shape, numbers: Vec<f64>) -> Self {
        let (height, width, channels) = match shape {
            Shape::Map { height, width, channels } => (height, width, channels),
            Shape::Vector { features } => (1, 1, features),
        };
        Self { batch, height, width, channels, numbers }
    }

    fn zeros(batch: usize, shape: Shape) -> Self {
        Self::new(batch, shape, vec![0.0; batch * shape.len()])
    }

    fn index(&self, [n, i, j, c]: [usize; 4]) -> usize {
        ((n * self.height + i) * self.width + j) * self.channels + c
    }

    /// A number whose place may be outside the map.
    fn get(&self, n: usize, i: Option<usize>, j: Option<usize>, c: usize) -> Option<f64> {
        let (i, j) = (i.filter(|&i| i < self.height)?, j.filter(|&j| j < self.width)?);
        Some(self.numbers[self.index([n, i, j, c])])
    }

    /// Every number from its place.
    fn fill(mut self, number: impl Fn([usize; 4]) -> f64) -> Self {
        for n in 0..self.batch {
            for i in 0..self.height {
                for j in 0..self.width {
                    for c in 0..self.channels {
                        let index = self.index([n, i, j, c]);
                        self.numbers[index] = number([n, i, j, c]);
                    }
                }
            }
        }
        self
    }

    fn map(mut self, function: impl Fn(f64) -> f64) -> Self {
        self.numbers.iter_mut().for_each(|x| *x = function(*x));
        self
    }

    /// The numbers of one channel.
    fn channel(&self, c: usize) -> impl Iterator<Item = f64> {
        self.numbers.iter().copied().skip(c).step_by(self.channels)
    }

    /// The numbers inside the map under a window, its place and the tap that sees each; and those in the padding, as `None`.
    fn under<'a>(
        &'a self,
        window: &'a Window,
        [n, i, j, c]: [usize; 4],
    ) -> impl Iterator<Item = ([usize; 2], Option<f64>)> + 'a {
        let Geometry { margins, .. } = window.over(self.height, self.width, self.channels).expect("it fits");
        let (strides, dilation) = (window.strides, window.dilation);
        (0..window.size.height).flat_map(move |u| (0..window.size.width).map(move |v| [u, v])).map(
            move |[u, v]| {
                let row = (i * strides.height + u * dilation.height).checked_sub(margins.top);
                let column = (j * strides.width + v * dilation.width).checked_sub(margins.left);
                ([u, v], self.get(n, row, column, c))
            },
        )
    }
}

/// Parameters of one layer by their short names, and what it is run for.
struct Own<'a> {
    layer: &'a str,
    all: &'a Numbers,
    mode: Mode,
}

impl Own<'_> {
    fn get(&self, name: &str) -> Option<&[f64]> {
        self.all.get(&format!("{}/{name}", self.layer)).map(Vec::as_slice)
    }
}

/// Parameters by their full names.
pub(crate) type Numbers = HashMap<String, Vec<f64>>;

/// What each layer but the last, which is the softmax of the head, gives for a batch, without dropout. A layer that something else is put in the
/// place of is not computed.
fn outputs(
    network: &Network,
    parameters: &Numbers,
    batch: &Batch,
    mode: Mode,
    instead: Option<(NodeId, &[f64])>,
) -> Vec<Values> {
    let graph = network.graph();
    let mut values: Vec<Values> = Vec::new();
    for (id, node) in graph.iter().take(graph.output().index()) {
        let inputs: Vec<&Values> = node.inputs.iter().map(|input| &values[input.index()]).collect();
        let y = Values::zeros(batch.size, node.shape);
        let given = instead.filter(|(instead, _)| *instead == id).map(|(_, numbers)| numbers.to_vec());
        values.push(match (given, &node.layer) {
            (Some(numbers), _) => Values { numbers, ..y },
            (None, Layer::Input { .. }) => {
                Values { numbers: batch.images.iter().copied().map(f64::from).collect(), ..y }
            }
            (None, layer) => forward(layer, &inputs, y, &Own { layer: &node.name, all: parameters, mode }),
        });
    }
    values
}

/// What a layer gives for a batch in inference.
pub(crate) fn output_of(id: NodeId, network: &Network, parameters: &Numbers, batch: &Batch) -> Vec<f64> {
    outputs(network, parameters, batch, Mode::Infer, None).swap_remove(id.index()).numbers
}

/// The logits of a batch in inference, with numbers in the place of what a layer gives.
pub(crate) fn logits_with(
    instead: (NodeId, &[f64]),
    network: &Network,
    parameters: &Numbers,
    batch: &Batch,
) -> Vec<f64> {
    let mut values = outputs(network, parameters, batch, Mode::Infer, Some(instead));
    values.pop().expect("there is the input").numbers
}

/// The mean loss of a batch, in training mode, without dropout.
pub(crate) fn loss(network: &Network, parameters: &Numbers, batch: &Batch) -> f64 {
    assert_eq!(network.head().loss(), Loss::CategoricalCrossEntropy);
    let values = outputs(network, parameters, batch, Mode::Train, None);
    let logits = values.last().expect("there is the input");
    let rows = logits.numbers.chunks(logits.channels).zip(batch.targets.chunks(logits.channels));
    let of_row = |(logits, targets): (&[f64], &[f32])| {
        let sum: f64 = logits.iter().map(|z| z.exp()).sum();
        logits.iter().zip(targets).map(|(z, &t)| f64::from(t) * (sum.ln() - z)).sum::<f64>()
    };
    rows.map(of_row).sum::<f64>() / batch.size as f64
}

/// The output of a layer; `y` has its shape.
fn forward(layer: &Layer, inputs: &[&Values], y: Values, own: &Own<'_>) -> Values {
    let x = inputs[0];
    match layer {
        Layer::Input { .. } => unreachable!("only the first layer is the input"),
        Layer::Rescaling(it) => x.clone().map(|x| f64::from(it.scale) * x + f64::from(it.offset)),
        Layer::Normalization(it) => y.fill(|at| {
            let of = |values: &[f32]| f64::from(values[at[3] % values.len()]);
            (x.numbers[x.index(at)] - of(&it.mean)) / of(&it.variance).sqrt()
        }),
        Layer::Conv2d(it) => activate(it.activation, conv2d(it, x, y, own)),
        Layer::DepthwiseConv2d(it) => {
            activate(it.activation, biased(depthwise(it, x, y, own, "kernel"), own))
        }
        Layer::SeparableConv2d(it) => activate(it.activation, biased(separable(it, x, y, own), own)),
        Layer::AdaptiveAvgPool2d(_) => {
            let [rows, columns] = [y.height, y.width];
            y.fill(|[n, i, j, c]| {
                let (rows, columns) = (reach(i, x.height, rows), reach(j, x.width, columns));
                let pixels = rows.flat_map(|i| columns.clone().map(move |j| [n, i, j, c]));
                mean(pixels.map(|at| x.numbers[x.index(at)]))
            })
        }
        Layer::Dense(it) => activate(it.activation, dense(it, x, y, own)),
        Layer::BatchNorm(it) => batch_norm(it, x, y, own),
        Layer::MaxPool2d(it) => y.fill(|at| {
            let window = it.window();
            x.under(&window, at).filter_map(|(_, x)| x).fold(f64::NEG_INFINITY, f64::max)
        }),
        Layer::AvgPool2d(it) => y.fill(|at| {
            let window = it.window();
            mean(x.under(&window, at).filter_map(|(_, x)| x))
        }),
        Layer::GlobalAvgPool2d(_) => y.fill(|[n, .., c]| mean(pixels(x, n, c))),
        Layer::GlobalMaxPool2d(_) => y.fill(|[n, .., c]| pixels(x, n, c).fold(f64::NEG_INFINITY, f64::max)),
        Layer::Flatten(_) => Values { numbers: x.numbers.clone(), ..y },
        Layer::Dropout(it) => {
            assert_eq!(it.rate, 0.0);
            x.clone()
        }
        Layer::ZeroPad2d(it) => y.fill(|[n, i, j, c]| {
            let (row, column) = (i.checked_sub(it.padding.top), j.checked_sub(it.padding.left));
            x.get(n, row, column, c).unwrap_or(0.0)
        }),
        Layer::Add(_) => y.fill(|at| inputs.iter().map(|x| x.numbers[x.index(at)]).sum()),
        Layer::Concat(_) => y.fill(|[n, i, j, c]| {
            let mut before = 0;
            let holds = |x: &&&Values| {
                before += x.channels;
                c < before
            };
            let x = inputs.iter().find(holds).expect("the channels add up");
            x.numbers[x.index([n, i, j, c - (before - x.channels)])]
        }),
        Layer::Activation(it) => activate(it.function, x.clone()),
    }
}

fn conv2d(layer: &Conv2d, x: &Values, y: Values, own: &Own<'_>) -> Values {
    let (kernel, bias) = (own.get("kernel").expect("a kernel"), own.get("bias"));
    let (window, inputs, filters) = (layer.window(), x.channels / layer.groups, layer.filters / layer.groups);
    y.fill(|[n, i, j, o]| {
        let first = o / filters * inputs;
        let channel = |c: usize| {
            let tap = |([u, v], x): ([usize; 2], Option<f64>)| {
                let k = ((u * layer.kernel.width + v) * inputs + c) * layer.filters + o;
                kernel[k] * x.unwrap_or(0.0)
            };
            x.under(&window, [n, i, j, first + c]).map(tap).sum::<f64>()
        };
        bias.map_or(0.0, |bias| bias[o]) + (0..inputs).map(channel).sum::<f64>()
    })
}

/// Each channel by itself; without its bias.
fn depthwise(layer: &DepthwiseConv2d, x: &Values, y: Values, own: &Own<'_>, name: &str) -> Values {
    let (kernel, window, each) = (own.get(name).expect("a kernel"), layer.window(), layer.depth_multiplier);
    y.fill(|[n, i, j, o]| {
        let (channel, number) = (o / each, o % each);
        let tap = |([u, v], value): ([usize; 2], Option<f64>)| {
            let place = ((u * window.size.width + v) * x.channels + channel) * each + number;
            kernel[place] * value.unwrap_or(0.0)
        };
        x.under(&window, [n, i, j, channel]).map(tap).sum()
    })
}

/// Each channel by itself, then each pixel by itself; without the bias.
fn separable(layer: &SeparableConv2d, x: &Values, y: Values, own: &Own<'_>) -> Values {
    let channels = x.channels * layer.depth_multiplier;
    let between = Values::zeros(x.batch, Shape::Map { height: y.height, width: y.width, channels });
    let between = depthwise(&layer.depthwise(), x, between, own, "depthwise_kernel");
    let mixing = own.get("pointwise_kernel").expect("a kernel");
    y.fill(|[n, i, j, o]| {
        let values = (0..channels).map(|c| between.numbers[between.index([n, i, j, c])]);
        values.enumerate().map(|(c, value)| value * mixing[c * layer.filters + o]).sum()
    })
}

fn biased(y: Values, own: &Own<'_>) -> Values {
    let Some(bias) = own.get("bias") else { return y };
    let numbers = y.numbers.iter().enumerate().map(|(i, y_i)| y_i + bias[i % y.channels]).collect();
    Values { numbers, ..y }
}

/// What output `index` of an adaptive pooling sees.
fn reach(index: usize, inputs: usize, outputs: usize) -> std::ops::Range<usize> {
    let [inputs_f, outputs_f] = [inputs as f64, outputs as f64];
    let start = (index as f64 * inputs_f / outputs_f).floor() as usize;
    start..((index + 1) as f64 * inputs_f / outputs_f).ceil() as usize
}

fn dense(layer: &Dense, x: &Values, y: Values, own: &Own<'_>) -> Values {
    let (kernel, bias) = (own.get("kernel").expect("a kernel"), own.get("bias"));
    y.fill(|[n, .., o]| {
        let row = &x.numbers[n * x.channels..][..x.channels];
        let products = row.iter().enumerate().map(|(i, x)| x * kernel[i * layer.units + o]);
        bias.map_or(0.0, |bias| bias[o]) + products.sum::<f64>()
    })
}

fn batch_norm(layer: &BatchNorm, x: &Values, y: Values, own: &Own<'_>) -> Values {
    let of_batch = |c: usize| {
        let mu = mean(x.channel(c));
        (mu, mean(x.channel(c).map(|x| (x - mu).powi(2))))
    };
    let moving = |c: usize| {
        let of = |name: &str| own.get(name).expect("statistics")[c];
        (of("moving_mean"), of("moving_variance"))
    };
    let of_channel = |c: usize| {
        let (mu, variance) = if own.mode == Mode::Train { of_batch(c) } else { moving(c) };
        (mu, (variance + f64::from(layer.epsilon)).sqrt())
    };
    let statistics: Vec<(f64, f64)> = (0..x.channels).map(of_channel).collect();
    y.fill(|at| {
        let (mu, deviation) = statistics[at[3]];
        let gamma = own.get("gamma").map_or(1.0, |gamma| gamma[at[3]]);
        let beta = own.get("beta").map_or(0.0, |beta| beta[at[3]]);
        gamma * (x.numbers[x.index(at)] - mu) / deviation + beta
    })
}

fn pixels(x: &Values, n: usize, c: usize) -> impl Iterator<Item = f64> {
    let each = x.height * x.width;
    x.channel(c).skip(n * each).take(each)
}

fn mean(numbers: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = numbers.fold((0.0, 0), |(sum, count), x| (sum + x, count + 1));
    sum / f64::from(count)
}

fn activate(activation: Activation, x: Values) -> Values {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    match activation {
        Activation::Linear => x,
        Activation::Relu => x.map(|x| x.max(0.0)),
        Activation::Relu6 => x.map(|x| x.clamp(0.0, 6.0)),
        Activation::LeakyRelu { alpha } => x.map(|x| if x > 0.0 { x } else { f64::from(alpha) * x }),
        Activation::Elu { alpha } => x.map(|x| if x > 0.0 { x } else { f64::from(alpha) * x.exp_m1() }),
        Activation::Gelu => x.map(|x| x * normal_distribution(x)),
        Activation::Silu => x.map(|x| x * sigmoid(x)),
        Activation::HardSwish => x.map(|x| x * (x + 3.0).clamp(0.0, 6.0) / 6.0),
        Activation::Tanh => x.map(f64::tanh),
        Activation::Sigmoid => x.map(sigmoid),
        Activation::Softmax => {
            let mut y = x;
            for row in y.numbers.chunks_mut(y.channels) {
                let sum: f64 = row.iter().map(|x| x.exp()).sum();
                for x in row.iter_mut() {
                    *x = x.exp() / sum;
                }
            }
            y
        }
    }
}

/// The share of the normal distribution below `x`, by its Taylor series: ½ + φ(x) · (x + x³/3 + x⁵/(3·5) + …).
fn normal_distribution(x: f64) -> f64 {
    let density = (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let mut term = x;
    let mut sum = 0.0;
    for odd in (3..).step_by(2) {
        sum += term;
        term *= x * x / f64::from(odd);
        if term.abs() < 1e-18 {
            return 0.5 + density * sum;
        }
    }
    unreachable!("the terms vanish")
}

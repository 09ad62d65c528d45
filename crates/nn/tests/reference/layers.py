"""layers.safetensors: each layer's output, the gradients of its parameters and of its input, and what batch norms gather.

A layer's input is made a parameter, so that its gradient can be seen in full: the network is fed the identity matrix, sample i
being one in its feature i alone, and a first layer without bias, called `pictures`, holds in its weights what sample i
becomes. For vectors it is a dense layer. For maps it is a convolution as large as the map, over a single pixel with zeros
around it.
"""

import numpy as np
import torch

from network import Network, node
from values import File, Parameters, as_f32, draw_with, single, under


def pictures(shape, batch):
    """The first layers: `batch` samples of `shape`."""
    if len(shape) == 1:
        return [node("input", shape=[batch]), node("dense", "pictures", units=shape[0], use_bias=False)]
    height, width, channels = shape
    margins = [[height - 1, height - 1], [width - 1, width - 1]]
    return [
        node("input", shape=[1, 1, batch]),
        node("zero_pad2d", "frame", padding=margins),
        node("conv2d", "pictures", filters=channels, kernel=[height, width], use_bias=False),
    ]


BATCH = 3

# The layer's own output becomes the logits, so it can be read as it is.
OPEN_END = [node("flatten", "end"), node("activation", "head", function="sigmoid")]
# A head refuses to stand directly on a sigmoid or softmax.
DENSE_END = [node("flatten", "end"), node("dense", "head", units=7, activation="sigmoid")]

MAP = (7, 6, 5)


def conv(shape=MAP, **settings):
    return shape, [node("conv2d", **{"filters": 6, "kernel": 3, **settings})]


def one(kind, shape=MAP, **settings):
    return shape, [node(kind, **settings)]


CASES = {
    "conv2d valid": conv(),
    "conv2d same": conv(padding="same"),
    "conv2d 1x1": conv(kernel=1),
    "conv2d 1x1 in strides": conv(kernel=1, strides=2, padding="same"),
    "conv2d 2x4 same: more below and right": conv(kernel=[2, 4], padding="same"),
    "conv2d 3x3 in strides of 2, same, even size: padding on one side": conv((6, 8, 3), strides=2, padding="same"),
    "conv2d 5x3 in strides of 2 and 1, same": conv(kernel=[5, 3], strides=[2, 1], padding="same"),
    "conv2d in strides, valid, rest left over": conv((8, 9, 3), strides=[2, 3]),
    "conv2d strides longer than the kernel": conv((9, 8, 3), kernel=2, strides=3, padding="same"),
    "conv2d dilated, same": conv(dilation=2, padding="same"),
    "conv2d dilated by 2 and 1, valid": conv((8, 6, 3), dilation=[2, 1]),
    "conv2d kernel larger than the map, same": conv((3, 4, 2), kernel=7, padding="same"),
    "conv2d without bias": conv(use_bias=False),
    "conv2d with relu": conv(activation="relu", padding="same"),
    "conv2d in 2 groups": conv((6, 5, 6), filters=8, groups=2, padding="same"),
    "conv2d in 3 groups, strides, dilation": conv((8, 9, 6), filters=9, groups=3, strides=2, dilation=2, padding="same"),
    "conv2d depthwise": conv((6, 7, 9), filters=9, groups=9, padding="same"),
    "conv2d depthwise in strides": conv((6, 7, 9), filters=9, groups=9, strides=2, padding="same"),
    "conv2d depthwise, two filters a channel": conv((6, 7, 5), filters=10, groups=5),
    "conv2d one channel, one filter": conv((6, 7, 1), filters=1, padding="same"),
    "conv2d more channels and filters than a vector holds": conv((4, 5, 35), filters=37, padding="same"),
    "dense": one("dense", (13,), units=9),
    "dense without bias": one("dense", (13,), units=9, use_bias=False),
    "dense with tanh": one("dense", (13,), units=9, activation="tanh"),
    "dense one input, one output": one("dense", (1,), units=1),
    "dense wider than a block": one("dense", (131,), units=67),
    "batch_norm of a map": one("batch_norm"),
    "batch_norm of a vector": one("batch_norm", (11,)),
    "batch_norm, other settings": one("batch_norm", momentum=0.75, epsilon=0.125),
    "batch_norm without gamma": one("batch_norm", scale=False),
    "batch_norm without beta": one("batch_norm", center=False),
    "batch_norm with neither": one("batch_norm", center=False, scale=False),
    "max_pool2d": one("max_pool2d", pool=2),
    "max_pool2d overlapping, same": one("max_pool2d", pool=3, strides=2, padding="same"),
    "max_pool2d 3x2 in strides of 1, same": one("max_pool2d", pool=[3, 2], strides=1, padding="same"),
    "max_pool2d strides longer than the window": one("max_pool2d", pool=2, strides=[3, 4]),
    "avg_pool2d": one("avg_pool2d", pool=2),
    "avg_pool2d overlapping, same": one("avg_pool2d", pool=3, strides=2, padding="same"),
    "avg_pool2d 3x2 in strides of 1, same": one("avg_pool2d", pool=[3, 2], strides=1, padding="same"),
    "avg_pool2d strides longer than the window": one("avg_pool2d", pool=2, strides=[3, 4]),
    "global_avg_pool2d": one("global_avg_pool2d"),
    "global_max_pool2d": one("global_max_pool2d"),
    "flatten": (MAP, [node("flatten"), node("dense", units=5)]),
    "zero_pad2d": one("zero_pad2d", padding=[[1, 0], [2, 3]]),
    "rescaling": one("rescaling", scale=0.25, offset=-0.5),
    "normalization, a value for all": one("normalization", mean=[0.5], variance=[0.0625]),
    "normalization, a value a channel": one(
        "normalization", (3, 4, 3), mean=[0.5, -0.25, 0.125], variance=[0.25, 4.0, 1.5]
    ),
    "add": (
        MAP,
        [
            node("conv2d", "left", ["pictures"], filters=5, kernel=1),
            node("conv2d", "right", ["pictures"], filters=5, kernel=3, padding="same"),
            node("add", inputs=["left", "pictures", "right"]),
        ],
    ),
    "add of a thing to itself": (MAP, [node("add", inputs=["pictures", "pictures"])]),
    "concat": (
        MAP,
        [
            node("conv2d", "left", ["pictures"], filters=3, kernel=1),
            node("conv2d", "right", ["pictures"], filters=4, kernel=3, padding="same"),
            node("concat", inputs=["left", "pictures", "right"]),
        ],
    ),
    "concat of vectors": (
        (6,),
        [
            node("dense", "left", ["pictures"], units=3),
            node("concat", inputs=["pictures", "left", "pictures"]),
        ],
    ),
    "residual block": (
        (8, 8, 6),
        [
            node("conv2d", "first", filters=8, kernel=3, strides=2, padding="same", use_bias=False),
            node("batch_norm", "first_norm"),
            node("activation", "first_relu", function="relu"),
            node("conv2d", "second", filters=8, kernel=3, padding="same", use_bias=False),
            node("batch_norm", "second_norm"),
            node("conv2d", "shortcut", ["pictures"], filters=8, kernel=1, strides=2),
            node("add", inputs=["shortcut", "second_norm"]),
            node("activation", "relu", function="relu"),
        ],
    ),
    "inverted bottleneck": (
        (6, 6, 4),
        [
            node("conv2d", "expand", filters=24, kernel=1, use_bias=False),
            node("batch_norm", "expand_norm"),
            node("activation", "expand_hard_swish", function="hard_swish"),
            node("conv2d", "depthwise", filters=24, kernel=3, groups=24, padding="same", use_bias=False),
            node("batch_norm", "depthwise_norm"),
            node("activation", "depthwise_relu6", function="relu6"),
            node("conv2d", "project", filters=4, kernel=1),
            node("add", inputs=["pictures", "project"]),
        ],
    ),
}

FUNCTIONS = [
    "linear",
    "relu",
    "relu6",
    "leaky_relu",
    "leaky_relu(0.1)",
    "elu",
    "elu(0.5)",
    "gelu",
    "silu",
    "hard_swish",
    "tanh",
    "sigmoid",
    "softmax",
]
for function in FUNCTIONS:
    CASES[f"activation {function} of a map"] = one("activation", function=function)
    CASES[f"activation {function} of a vector"] = one("activation", (23,), function=function)


# Put after the others, so that the numbers that those draw stay the same.
CASES |= {
    "conv2d with margins": conv((8, 9, 3), strides=2, padding=[[1, 1], [1, 1]]),
    "conv2d with other margins on each side": conv(kernel=[3, 4], padding=[[0, 2], [3, 1]]),
    "max_pool2d with margins": one("max_pool2d", (8, 9, 3), pool=3, strides=2, padding=[[1, 1], [1, 1]]),
    "avg_pool2d with margins": one("avg_pool2d", (8, 9, 3), pool=3, strides=2, padding=[[1, 0], [2, 1]]),
    "depthwise_conv2d": one("depthwise_conv2d", kernel=3),
    "depthwise_conv2d, two of a channel, same, strides": one(
        "depthwise_conv2d", (8, 9, 5), kernel=[3, 2], strides=2, padding="same", depth_multiplier=2
    ),
    "depthwise_conv2d, three of a channel, dilated, without bias, with relu6": one(
        "depthwise_conv2d", kernel=2, dilation=[2, 1], depth_multiplier=3, use_bias=False, activation="relu6"
    ),
    "separable_conv2d": one("separable_conv2d", filters=6, kernel=3),
    "separable_conv2d, two of a channel, same, strides": one(
        "separable_conv2d", (8, 9, 5), filters=7, kernel=[3, 2], strides=2, padding="same", depth_multiplier=2
    ),
    "separable_conv2d, dilated, without bias, with tanh": one(
        "separable_conv2d", filters=3, kernel=3, dilation=2, use_bias=False, activation="tanh"
    ),
    "adaptive_avg_pool2d": one("adaptive_avg_pool2d", output_size=[3, 4]),
    "adaptive_avg_pool2d, even parts": one("adaptive_avg_pool2d", (8, 6, 3), output_size=[4, 2]),
    "adaptive_avg_pool2d, as it was": one("adaptive_avg_pool2d", output_size=[7, 6]),
    "adaptive_avg_pool2d, one axis as it was": one("adaptive_avg_pool2d", output_size=[7, 4]),
    "adaptive_avg_pool2d, larger": one("adaptive_avg_pool2d", (2, 3, 4), output_size=[7, 5]),
    "adaptive_avg_pool2d of one pixel": one("adaptive_avg_pool2d", (1, 1, 5), output_size=[3, 2]),
}


def with_wide_pictures(draw, rng):
    """Pictures between -4 and 4, so that each bend of an activation lies within."""

    def draw_parameter(name, shape):
        return as_f32(rng.uniform(-4, 4, shape)) if name == "pictures/kernel" else draw(name, shape)

    return draw_parameter


def end_for(layers):
    return DENSE_END if layers[-1]["layer"].get("function") in ("sigmoid", "softmax") else OPEN_END


def reference(network, images, parameters, rng):
    """What the network makes of the images, and what one step of training finds."""
    logits = network.logits(images, parameters, training=False)
    targets = torch.tensor(rng.integers(0, 2, logits.shape), dtype=torch.float64)
    before = parameters.copy()
    loss = network.loss(network.logits(images, parameters, training=True), targets)
    loss.backward()
    tensors = {"images": images, "targets": targets, "logits": logits, "loss": loss.reshape(1)}
    tensors |= under("before", before) | under("gradient", parameters.gradients())
    return single(tensors | under("after", parameters.statistics()))


def make():
    file = File()
    for name, (shape, layers) in CASES.items():
        rng = np.random.default_rng(len(file.cases))
        nodes = [*pictures(shape, BATCH), *layers, *end_for(layers)]
        network = Network("multi_label", nodes)
        images = torch.eye(BATCH, dtype=torch.float64)
        if len(shape) == 3:
            images = images.reshape(BATCH, 1, 1, BATCH)
        parameters = Parameters(with_wide_pictures(draw_with(rng), rng))
        file.case(name, network.description(), reference(network, images, parameters, rng))
    file.write("layers")


if __name__ == "__main__":
    make()

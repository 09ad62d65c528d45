"""initializers.safetensors: what PyTorch's `dirac_` makes of the kernels of convolutions.

As airbench does (Jordan 2024), of each group only as many filters as there are channels are given to it. The others are not a number here: the layer's
default draws them.
"""

import math

import torch

from network import Network, node
from values import File, single, under

MAP = [6, 7, 4]


def dirac(size, channels, filters, groups=1):
    """A kernel in PyTorch's layout, of so many channels in all."""
    kernel = torch.full([filters, channels // groups, *size], math.nan)
    for group in kernel.chunk(groups):
        torch.nn.init.dirac_(group[: group.size(1)])
    whole = torch.nn.init.dirac_(torch.empty_like(kernel), groups)
    assert torch.equal(kernel.nan_to_num(), whole), "a filter beyond the channels is all zero in PyTorch"
    return kernel


def conv2d(size, filters, groups=1, **settings):
    layer = node("conv2d", filters=filters, kernel=size, groups=groups, kernel_initializer="dirac", **settings)
    return layer, {"kernel": dirac(size, MAP[2], filters, groups).permute(2, 3, 1, 0)}


def depthwise(size, multiplier):
    """In Keras's layout, where the filters of a channel have an axis of their own."""
    kernel = dirac(size, MAP[2], MAP[2] * multiplier, groups=MAP[2])
    return kernel.reshape(MAP[2], multiplier, *size).permute(2, 3, 0, 1)


def depthwise_conv2d(size, multiplier):
    layer = node("depthwise_conv2d", kernel=size, depth_multiplier=multiplier, depthwise_initializer="dirac")
    return layer, {"kernel": depthwise(size, multiplier)}


def separable_conv2d(size, multiplier, filters):
    settings = {"depthwise_initializer": "dirac", "pointwise_initializer": "dirac"}
    layer = node("separable_conv2d", filters=filters, kernel=size, depth_multiplier=multiplier, **settings)
    pointwise = dirac([1, 1], MAP[2] * multiplier, filters).permute(2, 3, 1, 0)
    return layer, {"depthwise_kernel": depthwise(size, multiplier), "pointwise_kernel": pointwise}


CASES = {
    "as many filters as channels": conv2d([3, 3], 4),
    "more filters than channels": conv2d([3, 3], 11),
    "fewer filters than channels": conv2d([3, 3], 3),
    "a kernel of one pixel": conv2d([1, 1], 6),
    "an even kernel": conv2d([2, 2], 5),
    "an oblong kernel": conv2d([4, 5], 5, strides=2),
    "two groups of more filters than channels": conv2d([3, 3], 10, groups=2),
    "two groups of fewer filters than channels": conv2d([3, 3], 2, groups=2),
    "as many groups as channels": conv2d([3, 3], 8, groups=4),
    "depthwise": depthwise_conv2d([3, 3], 1),
    "depthwise, three filters a channel": depthwise_conv2d([3, 2], 3),
    "separable": separable_conv2d([3, 3], 2, 9),
}


def make():
    file = File()
    for name, (layer, kernels) in CASES.items():
        end = [node("flatten", "end"), node("activation", "head", function="sigmoid")]
        network = Network("multi_label", [node("input", shape=MAP), layer, *end])
        file.case(name, network.description(), single(under(f"first/{layer['name']}", kernels)))
    file.write("initializers")


if __name__ == "__main__":
    make()

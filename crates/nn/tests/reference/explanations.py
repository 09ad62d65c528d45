"""explanations.safetensors: what Grad-CAM makes of small networks, by PyTorch's own gradients.

For each case the last map before anything is pooled away, the gradient of each class's evidence with respect to it, and the map
that follows from both by equations 1 and 2 of Selvaraju et al., "Grad-CAM: visual explanations from deep networks via
gradient-based localization" (2017).
"""

import numpy as np
import torch

from network import Network, node
from values import File, Parameters, as_f32, draw_with, single, under

BATCH = 4
SAME = {"padding": "same"}


def conv(filters, name, inputs=None, kernel=3, **settings):
    return node("conv2d", name, inputs, filters=filters, kernel=kernel, **SAME, **settings)


def block(name, before, filters):
    """Two convolutions with batch norms, and a shortcut around them."""
    return [
        conv(filters, f"{name}_a", [before], use_bias=False),
        node("batch_norm", f"{name}_norm_a"),
        node("activation", f"{name}_relu_a", function="relu"),
        conv(filters, f"{name}_b", use_bias=False),
        node("batch_norm", f"{name}_norm_b"),
        node("add", f"{name}_sum", [f"{name}_norm_b", before]),
        node("activation", f"{name}_relu", function="relu"),
    ]


RESIDUAL = [
    conv(8, "stem", use_bias=False),
    node("batch_norm", "stem_norm"),
    node("activation", "stem_relu", function="relu"),
    node("max_pool2d", "halved", pool=2),
    *block("first", "halved", 8),
    *block("second", "first_relu", 8),
]
MEAN = [node("global_avg_pool2d", "mean"), node("dropout", "dropped", rate=0.5)]

# name: (task, pictures, layers, the explained layer, the row of logits that speaks for each class)
CASES = {
    "residual, mean pool, softmax": (
        "multi_class",
        (12, 10, 3),
        [*RESIDUAL, *MEAN, node("dense", "head", units=3, activation="softmax")],
        "second_relu",
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    ),
    "residual, maximum pool, one sigmoid": (
        "binary",
        (9, 12, 3),
        [*RESIDUAL, node("global_max_pool2d", "largest"), node("dense", "head", units=1, activation="sigmoid")],
        "second_relu",
        [[-1], [1]],
    ),
    "batch norm after relu, pooled, flattened, two dense layers, labels": (
        "multi_label",
        (8, 10, 1),
        [
            conv(6, "first", activation="relu"),
            node("batch_norm", "first_norm"),
            node("max_pool2d", "pooled", pool=2),
            conv(7, "second", activation="relu"),
            node("batch_norm", "second_norm"),
            node("max_pool2d", "pooled_again", pool=[2, 3], strides=[2, 2]),
            node("flatten"),
            node("dense", "hidden", units=9, activation="relu"),
            node("batch_norm", "hidden_norm"),
            node("dense", "head", units=4, activation="sigmoid"),
        ],
        "second_norm",
        [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    ),
    "two scales, of which only what both are made of counts": (
        "multi_class",
        (12, 12, 2),
        [
            conv(6, "shared", activation="relu"),
            conv(8, "deeper", strides=2, use_bias=False),
            node("batch_norm", "deeper_norm"),
            node("activation", "deeper_silu", function="silu"),
            node("global_avg_pool2d", "deep", ["deeper_silu"]),
            node("global_avg_pool2d", "flat", ["shared"]),
            node("concat", "both", ["deep", "flat"]),
            node("dense", "head", units=3, activation="softmax"),
        ],
        "shared",
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    ),
    "convolutions alone, a number": (
        "regression",
        (7, 6, 3),
        [conv(5, "first", activation="tanh"), conv(1, "last", kernel=1), node("global_avg_pool2d", "mean")],
        "last",
        [[-1], [1]],
    ),
}


def grad_cam(output, gradient):
    """[batch, channels, height, width] both; [batch, height, width]."""
    weights = gradient.mean([2, 3], keepdim=True)
    return torch.relu((weights * output).sum(1))


def make():
    file = File()
    for name, (task, shape, layers, explained, evidence) in CASES.items():
        rng = np.random.default_rng(100 + len(file.cases))
        network = Network(task, [node("input", shape=list(shape)), *layers])
        images = as_f32(rng.uniform(-1, 1, (BATCH, *shape)))
        parameters = Parameters(draw_with(rng))
        values = network.values(images, parameters, training=False)
        output, logits = values[explained], values[network.nodes[-1]["name"]]
        tensors = {"images": images, "logits": logits, "output": output.permute(0, 2, 3, 1)}
        for group, row in enumerate(evidence):
            sum_of_all = (logits * torch.tensor(row, dtype=torch.float64)).sum()
            (gradient,) = torch.autograd.grad(sum_of_all, output, retain_graph=True)
            tensors[f"gradient of {group}"] = gradient.permute(0, 2, 3, 1)
            tensors[f"map of {group}"] = grad_cam(output, gradient)
        description = {"network": network.description(), "explained": explained, "groups": len(evidence)}
        file.case(name, description, single(tensors | under("parameters", parameters.copy())))
    file.write("explanations")


if __name__ == "__main__":
    make()

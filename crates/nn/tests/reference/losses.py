"""losses.safetensors: each loss and its gradient with respect to the logits.

The logits are the kernel of a dense layer without bias that is fed the identity matrix, so that their gradient can be seen.
"""

import numpy as np
import torch

from network import Network, node
from values import File, Parameters, as_f32, single


def one_hot(classes, units):
    return np.eye(units)[classes]


def cases():
    rng = np.random.default_rng(1)
    noise = lambda rows, units: rng.normal(0, 3, (rows, units))
    hot = lambda rows, units: one_hot(rng.integers(0, units, rows), units)
    coin = lambda rows, units: rng.integers(0, 2, (rows, units))
    # Far beyond where an exponential overflows, right and wrong.
    far = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0], [90, -90, 0], [0, -150, 150], [1e4, 1e4, 1e4]])
    column = np.array([[1e4], [-1e4], [1e4], [-1e4], [90], [-90], [17], [-17], [0]])
    return {
        "softmax of 2": ("multi_class", "softmax", noise(6, 2), hot(6, 2)),
        "softmax of 10": ("multi_class", "softmax", noise(9, 10), hot(9, 10)),
        "softmax of 37, one sample": ("multi_class", "softmax", noise(1, 37), hot(1, 37)),
        "softmax, wrong beyond doubt": ("multi_class", "softmax", far, one_hot([1, 0, 1, 1, 0], 3)),
        "softmax, right beyond doubt": ("multi_class", "softmax", np.vstack([far[:4], [[1, 2, 3]]]), one_hot([0, 1, 0, 2, 1], 3)),
        "softmax, shared targets": ("multi_class", "softmax", noise(5, 4), rng.dirichlet(np.ones(4), 5)),
        "one sigmoid": ("binary", "sigmoid", noise(7, 1), coin(7, 1)),
        "one sigmoid, wrong beyond doubt": ("binary", "sigmoid", column, (column < 0)),
        "one sigmoid, right beyond doubt": ("binary", "sigmoid", column, (column > 0)),
        "sigmoids of 6 labels": ("multi_label", "sigmoid", noise(8, 6), coin(8, 6)),
        "sigmoids of 33 labels, one sample": ("multi_label", "sigmoid", noise(1, 33), coin(1, 33)),
        "squared error": ("regression", "linear", noise(8, 1), noise(8, 1)),
        "squared error of large numbers": ("regression", "linear", 1e4 * noise(8, 1), 1e4 * noise(8, 1)),
    }


def weighted_cases():
    """The same with weights of a 1 and of a 0 in each column; softmax heeds those of a 1."""
    rng = np.random.default_rng(2)
    logits = lambda rows, units: rng.normal(0, 3, (rows, units))
    weights = lambda units: rng.uniform(0.1, 9, (2, units))
    coin = lambda rows, units: rng.integers(0, 2, (rows, units))
    return {
        "softmax of 3, weighted": ("multi_class", "softmax", logits(6, 3), one_hot(rng.integers(0, 3, 6), 3), weights(3)),
        "softmax, shared targets, weighted": ("multi_class", "softmax", logits(5, 4), rng.dirichlet(np.ones(4), 5), weights(4)),
        "one sigmoid, weighted": ("binary", "sigmoid", logits(7, 1), coin(7, 1), weights(1)),
        "sigmoids of 19 labels, weighted": ("multi_label", "sigmoid", logits(8, 19), coin(8, 19), weights(19)),
        "sigmoids, shared targets, weighted": ("multi_label", "sigmoid", logits(4, 5), rng.uniform(0, 1, (4, 5)), weights(5)),
    }


def make():
    file = File()
    even = {name: (*case, np.ones((2, case[2].shape[1]))) for name, case in cases().items()}
    for name, (task, activation, logits, targets, weights) in {**even, **weighted_cases()}.items():
        rows, units = logits.shape
        dense = node("dense", units=units, use_bias=False, activation=activation)
        network = Network(task, [node("input", shape=[rows]), dense])
        parameters = Parameters(lambda name, shape: as_f32(logits))
        targets = as_f32(targets)
        weights = as_f32(weights)
        loss = network.loss(network.logits(torch.eye(rows).double(), parameters, training=True), targets, weights)
        loss.backward()
        gradient = parameters.gradients()["dense/kernel"]
        values = {"logits": as_f32(logits), "targets": targets, "weights": weights, "loss": loss.reshape(1), "gradient": gradient}
        file.case(name, network.description(), single(values))
    file.write("losses")


if __name__ == "__main__":
    make()

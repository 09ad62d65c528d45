"""optimizers.safetensors: the parameters of a small network after a few steps of each optimizer.

The rate falls from step to step, so that what an optimizer remembers is told from what it does with it. The network and the
batches are the same in every case; they are stored as the case `start`.
"""

import numpy as np
import torch

from network import Network, node
from values import File, Parameters, as_f32, draw_with, single, under

STEPS, BATCH = 12, 5

NETWORK = Network(
    "multi_class",
    [
        node("input", shape=[6, 5, 2]),
        node("conv2d", filters=4, kernel=3, activation="silu"),
        node("batch_norm"),
        node("flatten"),
        node("dense", units=6, activation="tanh"),
        node("dense", "head", units=3, activation="softmax"),
    ],
)


def rule(kind, **settings):
    return {"type": kind, **settings}


class SGDW(torch.optim.SGD):
    """Decoupled weight decay, as keras.optimizers.SGD(weight_decay=...) has it: before each step a parameter loses rate * decay of itself."""

    def __init__(self, parameters, **settings):
        super().__init__(parameters, **settings)
        for group in self.param_groups:
            group["decoupled"], group["weight_decay"] = group["weight_decay"], 0.0

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.mul_(1 - group["lr"] * group["decoupled"])
        super().step()


# Name: divvy's optimizer, the same in PyTorch, the first rate.
CASES = {
    "sgd": ({"rule": rule("sgd")}, torch.optim.SGD, {}, 0.5),
    "sgd with momentum": ({"rule": rule("sgd", momentum=0.9)}, torch.optim.SGD, {"momentum": 0.9}, 0.125),
    "sgd with nesterov momentum": (
        {"rule": rule("sgd", momentum=0.9, nesterov=True)},
        torch.optim.SGD,
        {"momentum": 0.9, "nesterov": True},
        0.125,
    ),
    "sgd with momentum and weight decay": (
        {"rule": rule("sgd", momentum=0.9), "weight_decay": 0.05},
        torch.optim.SGD,
        {"momentum": 0.9, "weight_decay": 0.05},
        0.125,
    ),
    "sgd with nesterov momentum, weight decay and fast biases": (
        {"rule": rule("sgd", momentum=0.75, nesterov=True), "weight_decay": 0.05, "bias_rate": 8.0},
        torch.optim.SGD,
        {"momentum": 0.75, "nesterov": True, "weight_decay": 0.05, "bias_rate": 8.0},
        0.03125,
    ),
    "sgd_w": (
        {"rule": rule("sgd_w", momentum=0.75, nesterov=True), "weight_decay": 0.25, "bias_rate": 8.0},
        SGDW,
        {"momentum": 0.75, "nesterov": True, "weight_decay": 0.25, "bias_rate": 8.0},
        0.03125,
    ),
    "sgd, clipped": ({"rule": rule("sgd"), "clip_norm": 0.25}, torch.optim.SGD, {"clip": 0.25}, 0.5),
    "sgd, a clip that is never reached": ({"rule": rule("sgd"), "clip_norm": 1e3}, torch.optim.SGD, {"clip": 1e3}, 0.5),
    "adam": ({"rule": rule("adam")}, torch.optim.Adam, {}, 2**-6),
    "adam, other settings": (
        {"rule": rule("adam", beta1=0.75, beta2=0.875, epsilon=0.0625)},
        torch.optim.Adam,
        {"betas": (0.75, 0.875), "eps": 0.0625},
        2**-4,
    ),
    "adam with weight decay": (
        {"rule": rule("adam"), "weight_decay": 0.05},
        torch.optim.Adam,
        {"weight_decay": 0.05},
        2**-6,
    ),
    "adam, clipped, with weight decay": (
        {"rule": rule("adam"), "weight_decay": 0.05, "clip_norm": 0.25},
        torch.optim.Adam,
        {"weight_decay": 0.05, "clip": 0.25},
        2**-6,
    ),
    "adam_w": ({"rule": rule("adam_w"), "weight_decay": 0.25}, torch.optim.AdamW, {"weight_decay": 0.25}, 2**-6),
    "adam_w, of biases and norms as well": (
        {"rule": rule("adam_w"), "weight_decay": 0.25, "decay_all": True},
        torch.optim.AdamW,
        {"weight_decay": 0.25, "decay_all": True},
        2**-6,
    ),
    "sgd with weight decay, of biases and norms as well, and fast biases": (
        {"rule": rule("sgd", momentum=0.75), "weight_decay": 0.05, "decay_all": True, "bias_rate": 8.0},
        torch.optim.SGD,
        {"momentum": 0.75, "weight_decay": 0.05, "decay_all": True, "bias_rate": 8.0},
        0.03125,
    ),
    "rms_prop": ({"rule": rule("rms_prop")}, torch.optim.RMSprop, {}, 2**-8),
    "rms_prop with momentum and weight decay": (
        {"rule": rule("rms_prop", rho=0.75, epsilon=0.0625, momentum=0.5), "weight_decay": 0.05},
        torch.optim.RMSprop,
        {"alpha": 0.75, "eps": 0.0625, "momentum": 0.5, "weight_decay": 0.05},
        2**-6,
    ),
}


def groups(parameters, weight_decay, decay_all, bias_rate):
    """Weight decay is for weights alone unless it is for all, a rate of their own for what is added. `times` is what the rate is multiplied by."""
    ending = lambda *ends: [value for name, value in parameters.items() if name.endswith(ends)]
    return [
        {"params": ending("kernel"), "weight_decay": weight_decay, "times": 1.0},
        {"params": ending("gamma"), "weight_decay": weight_decay * decay_all, "times": 1.0},
        {"params": ending("bias", "beta"), "weight_decay": weight_decay * decay_all, "times": bias_rate},
    ]


def train(start, batches, kind, rate, clip=None, weight_decay=0.0, decay_all=False, bias_rate=1.0, **settings):
    """The parameters after all batches, and the rate at each."""
    parameters = Parameters(lambda name, shape: start[name].clone())
    NETWORK.logits(batches[0][0], parameters, training=False)
    optimizer = kind(groups(parameters.trained(), weight_decay, decay_all, bias_rate), lr=rate, **settings)
    rates = [rate * (1 - step / 16) for step in range(STEPS)]
    for (images, targets), rate in zip(batches, rates):
        for group in optimizer.param_groups:
            group["lr"] = rate * group["times"]
        optimizer.zero_grad()
        NETWORK.loss(NETWORK.logits(images, parameters, training=True), targets).backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(parameters.trained().values(), clip)
        optimizer.step()
    return parameters.values, rates


def make():
    rng = np.random.default_rng(2)
    start = Parameters(draw_with(rng))
    images = as_f32(rng.normal(0, 1, (STEPS, BATCH, 6, 5, 2)))
    targets = as_f32(np.eye(3)[rng.integers(0, 3, (STEPS, BATCH))])
    NETWORK.logits(images[0], start, training=False)
    start = start.copy()
    file = File()
    stored = {"images": images, "targets": targets} | under("before", start)
    file.case("start", NETWORK.description(), single(stored))
    for name, (optimizer, kind, settings, rate) in CASES.items():
        after, rates = train(start, list(zip(images, targets)), kind, rate, **settings)
        file.case(name, optimizer, {"rates": np.array(rates)} | single(under("after", after)))
    file.write("optimizers")


if __name__ == "__main__":
    make()

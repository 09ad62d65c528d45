"""trajectory.safetensors: the losses of 50 Adam steps of the classic network, dropout off.

First weights and batches come from `noise`, which the Rust side repeats bit for bit (engine/noise.rs), so they are not stored.
The losses are given in float32, as PyTorch trains, and in double precision, which tells how far rounding alone carries two
trainings apart: 3e-6 at this rate, on these pictures. At rates a few times higher, or where there is less to learn, a rounding
error decides which ReLU opens and which pixel wins a pool, and trainings part after some 30 steps, whoever computes them.
"""

import math

import numpy as np
import torch

from network import Network, node
from values import File, Parameters

STEPS, BATCH, SIZE, CLASSES = 50, 8, 16, 2
RATE = 2**-15


def noise(stream, count):
    """Numbers in [-1, 1), multiples of 2^-23: the 32-bit mixer lowbias32 over stream and index."""
    with np.errstate(over="ignore"):
        x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9) + np.uint32(stream) * np.uint32(0x85EBCA6B)
        x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
        x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
        x = x ^ (x >> np.uint32(16))
    return ((x >> np.uint32(8)).astype(np.float32) - np.float32(2**23)) / np.float32(2**23)


def draw(name, shape):
    """Kernels uniform with variance 1 / inputs, the stream being the number of values; all else as Keras starts it."""
    if name.endswith("kernel"):
        count = math.prod(shape)
        limit = np.float32(math.sqrt(3 / math.prod(shape[:-1])))
        return torch.tensor((noise(count, count) * limit).reshape(shape))
    return torch.full(shape, 1.0 if name.endswith(("gamma", "moving_variance")) else 0.0)


def batch(step):
    """A quarter of noise; half of a fixed pattern is added for one class and taken away for the other."""
    pixels = SIZE * SIZE * 3
    classes = (np.arange(BATCH) + step) % CLASSES
    signs = np.where(classes == 1, np.float32(0.5), np.float32(-0.5))
    pattern = signs[:, None] * noise(1, pixels)[None, :]
    images = np.float32(0.25) * noise(1000 + step, BATCH * pixels).reshape(BATCH, pixels) + pattern
    return torch.tensor(images.reshape(BATCH, SIZE, SIZE, 3)), torch.tensor(np.eye(CLASSES, dtype=np.float32)[classes])


def convolution(number, filters):
    return node("conv2d", f"conv{number}", filters=filters, kernel=3, padding="same", activation="relu")


CLASSIC = Network(
    "binary",
    [
        node("input", shape=[SIZE, SIZE, 3]),
        convolution(1, 32),
        node("batch_norm", "norm1", momentum=0.9),
        node("max_pool2d", "pool1", pool=2),
        convolution(2, 64),
        node("batch_norm", "norm2", momentum=0.9),
        node("max_pool2d", "pool2", pool=2),
        convolution(3, 128),
        node("flatten"),
        node("dense", "dense1", units=256, activation="relu"),
        node("dense", "dense2", units=128, activation="relu"),
        node("dense", "dense3", units=64, activation="relu"),
        node("dense", "head", units=CLASSES, activation="softmax"),
    ],
)


def train(dtype):
    """The loss at each step, and the logits of one more batch afterwards."""
    parameters = Parameters(lambda name, shape: draw(name, shape).to(dtype))
    CLASSIC.logits(batch(0)[0].to(dtype), parameters, training=False)
    optimizer = torch.optim.Adam(parameters.trained().values(), lr=RATE)
    losses = []
    for step in range(STEPS):
        images, targets = (values.to(dtype) for values in batch(step))
        optimizer.zero_grad()
        loss = CLASSIC.loss(CLASSIC.logits(images, parameters, training=True), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    logits = CLASSIC.logits(batch(STEPS)[0].to(dtype), parameters, training=False)
    return np.array(losses), logits.detach().double()


def make():
    file = File()
    for name, dtype in {"float32": torch.float32, "float64": torch.float64}.items():
        losses, logits = train(dtype)
        file.case(name, CLASSIC.description(), {"losses": losses, "logits": logits})
    file.write("trajectory")


if __name__ == "__main__":
    make()

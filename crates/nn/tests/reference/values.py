"""Values that both sides read, and the files that hold them."""

import json
import math
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

TRAINED = ("kernel", "bias", "gamma", "beta")


def as_f32(values):
    """The nearest numbers that float32 holds, in double precision: both sides compute from the same ones."""
    return torch.as_tensor(values, dtype=torch.float32).double()


class Parameters:
    """Parameters by full name (`conv2d/kernel`), drawn when first asked for: that is when their shapes are known."""

    def __init__(self, draw):
        self.draw, self.values = draw, {}

    def __call__(self, name, shape):
        if name not in self.values:
            values = self.draw(name, shape)
            self.values[name] = values.requires_grad_(name.endswith(TRAINED))
        return self.values[name]

    def trained(self):
        return {name: values for name, values in self.values.items() if values.requires_grad}

    def gradients(self):
        return {name: values.grad for name, values in self.trained().items()}

    def statistics(self):
        return {name: values for name, values in self.values.items() if not values.requires_grad}

    def copy(self):
        return {name: values.detach().clone() for name, values in self.values.items()}


def draw_with(rng):
    """Random parameters of a reasonable size, none of them 0 or 1."""

    def draw(name, shape):
        noise = lambda low, high: as_f32(rng.uniform(low, high, shape))
        match name.split("/")[-1]:
            case "kernel":
                limit = math.sqrt(3 / math.prod(shape[:-1]))
                return noise(-limit, limit)
            case "gamma":
                return noise(0.5, 1.5)
            case "moving_variance":
                return noise(0.5, 2.0)
            case _:
                return noise(-0.5, 0.5)

    return draw


class File:
    """Tensors by name, and a description of each case in JSON."""

    def __init__(self):
        self.tensors, self.cases = {}, {}

    def case(self, name, description, tensors):
        assert name not in self.cases, name
        self.cases[name] = description
        for key, values in tensors.items():
            values = values.detach().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
            self.tensors[f"{name}: {key}"] = np.ascontiguousarray(values)

    def write(self, name):
        path = Path(__file__).with_name(f"{name}.safetensors")
        save_file(self.tensors, path, {"cases": json.dumps(self.cases, indent=0)})
        print(f"{path.name}: {len(self.cases)} cases, {path.stat().st_size / 1024:.0f} KiB")


def single(values):
    """Tensors in float32, for the file."""
    return {key: value.detach().float() for key, value in values.items()}


def under(folder, values):
    return {f"{folder}/{name}": value for name, value in values.items()}

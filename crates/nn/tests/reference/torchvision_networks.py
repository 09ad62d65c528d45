"""torchvision.json: what torchvision's networks make of pictures and parameters of a formula, and torchvision_keys.json: the
names and shapes of all their parameters.

    venv/bin/pip install torchvision==0.29.2    # beside what make.py needs
    venv/bin/python torchvision_networks.py

Pictures and parameters come from `noise`, which the Rust side repeats bit for bit. A gradient is told by its length and by its
sums over three directions of noise: whatever is wrong with it changes those, and the files stay small. All in double precision.
"""

import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
import torchvision

from trajectory import noise

CLASSES, BATCH = 5, 2
DIRECTIONS = (1, 2, 3)


class Setting(NamedTuple):
    """Pictures and parameters on which single precision opens the same rectifiers as double precision does."""

    size: tuple[int, int]
    first_stream: int = 10
    shift: float = 0.5  # the magnitude of the batch norms' beta


# Sizes are no multiples of 32 where that makes a difference: vgg11 pools 2x3 maps to 7x7.
SETTINGS = {
    "resnet18": Setting((64, 64)),
    "resnet34": Setting((64, 64), 2010),
    "resnet50": Setting((64, 64), 2010),
    "mobilenet_v2": Setting((64, 64), 3010, 1.0),
    "vgg11": Setting((72, 104)),
}


def value(stream, kind, shape, shift):
    """A parameter's values: weights that neither fade nor explode, and batch norms that keep most values away from 0.

    At the bend of a rectifier rounding decides whether a gradient passes, and one of these more or less is above what is allowed.
    """
    numbers = noise(stream, math.prod(shape))
    match kind:
        case "weight":
            numbers = numbers * np.float32(math.sqrt(6 / math.prod(shape[1:])))
        case "gamma":
            numbers = np.float32(0.25) + np.float32(0.125) * numbers
        case "beta":
            numbers = np.where(numbers < -0.5, np.float32(-shift), np.float32(shift)) + np.float32(0.125) * numbers
        case "running_var":
            numbers = np.float32(1) + np.float32(0.5) * numbers
        case _:
            numbers = np.float32(0.125) * numbers
    return torch.tensor(numbers.reshape(shape)).double()


def kind_of(model, key):
    module, name = key.rsplit(".", 1)
    is_norm = isinstance(model.get_submodule(module), torch.nn.BatchNorm2d)
    return {"weight": "gamma", "bias": "beta"}.get(name, name) if is_norm else name


def network(name):
    model = torchvision.models.get_model(name, num_classes=CLASSES)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    model.double()
    state = model.state_dict()
    keys = sorted(key for key in state if not key.endswith("num_batches_tracked"))
    stream, shift = SETTINGS[name].first_stream, SETTINGS[name].shift
    values = {key: value(stream + i, kind_of(model, key), state[key].shape, shift) for i, key in enumerate(keys)}
    model.load_state_dict(values, strict=False)
    return model


def remember_counts(model):
    """The number of values over which each batch norm takes its statistics, once the network has run."""
    counts = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            hook = lambda module, inputs, output, name=name: counts.update({name: inputs[0][:, 0].numel()})
            module.register_forward_hook(hook)
    return counts


def sketch(tensor):
    numbers = tensor.detach().numpy().reshape(-1)
    # Where the next batch norm takes away whatever is added, gradients are 0 but for rounding.
    numbers = numbers if np.linalg.norm(numbers) > 1e-9 else np.zeros_like(numbers)
    return [float(np.linalg.norm(numbers))] + [float(noise(it, numbers.size) @ numbers) for it in DIRECTIONS]


def moved_statistics(before, after, counts):
    """PyTorch moves by the variance over n - 1, divvy as Keras by that over n."""
    statistics = {}
    for key, values in after.items():
        if key.endswith("running_mean"):
            statistics[key] = sketch(values)
        if key.endswith("running_var"):
            n = counts[key.removesuffix(".running_var")]
            statistics[key] = sketch(0.9 * before[key] + (values - 0.9 * before[key]) * (n - 1) / n)
    return statistics


def reference(name):
    model = network(name)
    height, width = SETTINGS[name].size
    pixels = torch.tensor(noise(0, BATCH * height * width * 3).reshape(BATCH, height, width, 3)).double()
    images = pixels.permute(0, 3, 1, 2).contiguous()
    with torch.no_grad():
        logits = model.eval()(images)
    before = {key: values.clone() for key, values in model.state_dict().items()}
    counts = remember_counts(model)
    loss = F.cross_entropy(model.train()(images), torch.arange(BATCH))
    loss.backward()
    return {
        **SETTINGS[name]._asdict(),
        "logits": logits.reshape(-1).tolist(),
        "loss": loss.item(),
        "gradients": {key: sketch(parameter.grad) for key, parameter in model.named_parameters()},
        "statistics": moved_statistics(before, model.state_dict(), counts),
    }


def keys(name):
    with torch.device("meta"):
        state = torchvision.models.get_model(name).state_dict()
    return {key: list(values.shape) for key, values in state.items()}


def write(file, contents):
    path = Path(__file__).with_name(file)
    rounded = json.loads(json.dumps(contents), parse_float=lambda text: float(f"{float(text):.9g}"))
    networks = []
    for name, sections in rounded.items():
        lines = [f"{json.dumps(key)}: {json.dumps(section)}" for key, section in sections.items()]
        networks.append(f"{json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n}")
    path.write_text("{\n" + ",\n".join(networks) + "\n}\n")
    print(f"{file}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    write("torchvision_keys.json", {name: keys(name) for name in SETTINGS})
    write("torchvision.json", {name: reference(name) for name in SETTINGS})

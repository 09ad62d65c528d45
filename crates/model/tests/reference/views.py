"""Writes views.json: what airbench's way of looking at pictures makes, in PyTorch, of a network that gives each pixel as a logit.

    python -m venv venv && venv/bin/pip install torch==2.15.0
    venv/bin/python views.py

Pictures are [height, width, channels] and their numbers small whole ones, so that nothing is rounded.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

SHAPES = [(4, 5, 2), (2, 2, 1), (6, 3, 3), (2, 7, 1)]


def network(images):
    """From [pictures, channels, height, width] to logits in the order of height, width, channels."""
    return images.permute(0, 2, 3, 1).flatten(1)


def mirrored(images):
    return (network(images) + network(images.flip(3))) / 2


def shifted(images):
    """The mean of both sides as they are, and of both shifted by a pixel to the one corner and to the other."""
    height, width = images.shape[2:]
    padded = F.pad(images, (1, 1, 1, 1), mode="reflect")
    corners = [padded[:, :, at : at + height, at : at + width] for at in (0, 2)]
    of_corners = torch.stack([mirrored(corner) for corner in corners]).mean(0)
    return (mirrored(images) + of_corners) / 2


def case(height, width, channels, rng):
    images = torch.randint(-99, 100, (2, channels, height, width), generator=rng).double()
    return {
        "shape": [height, width, channels],
        "images": network(images).flatten().tolist(),
        "mirrored": mirrored(images).flatten().tolist(),
        "shifted": shifted(images).flatten().tolist(),
    }


rng = torch.Generator().manual_seed(20261128)
cases = [case(*shape, rng) for shape in SHAPES]
Path(__file__).with_name("views.json").write_text(json.dumps(cases) + "\n")

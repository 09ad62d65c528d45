"""Writes familiarity.json: features of pictures, and what scikit-learn says of how far others are from them.

    python -m venv venv && venv/bin/pip install scikit-learn==1.9.1 numpy==2.4.6
    venv/bin/python make.py

Features are written as the nearest float32, so that both sides read the same numbers.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.covariance import LedoitWolf

rng = np.random.default_rng(20261127)

# name: (pictures in training, in validation, features, groups)
CASES = {
    "many pictures of three groups": (60, 25, 5, 3),
    "fewer pictures than features": (9, 4, 14, 2),
    "one group": (30, 10, 4, 1),
    "one feature": (20, 8, 1, 2),
}


def features(pictures, mixing, means, groups):
    """Correlated features around their group's mean, far from zero, one of them always the same."""
    drawn = rng.standard_normal((pictures, mixing.shape[0])) @ mixing + means[groups] + 10
    if mixing.shape[0] > 4:
        drawn[:, 3] = 2.5
    return drawn.astype(np.float32)


def case(training, validation, width, k):
    mixing = rng.standard_normal((width, width))
    means = 3 * rng.standard_normal((k, width))
    groups = np.arange(training) % k
    x = features(training, mixing, means, groups)
    others = features(validation, mixing, means, rng.integers(0, k, validation))
    asked = np.concatenate([features(3, mixing, means, np.zeros(3, int)), x[:1] + np.float32(4), x[:1] * 0])

    centres = np.stack([x[groups == group].astype(np.float64).mean(0) for group in range(k)])
    fitted = LedoitWolf(assume_centered=True).fit(x.astype(np.float64) - centres[groups])
    scores = lambda rows: np.min([fitted.mahalanobis(rows.astype(np.float64) - centre) for centre in centres], 0)
    reference = scores(others)
    p_values = [(1 + (reference >= score).sum()) / (1 + len(reference)) for score in scores(asked)]
    return {
        "width": width,
        "groups": groups.tolist(),
        "training": x.ravel().tolist(),
        "validation": others.ravel().tolist(),
        "asked": asked.ravel().tolist(),
        "scores": scores(asked).tolist(),
        "p_values": p_values,
    }


cases = {name: case(*sizes) for name, sizes in CASES.items()}
Path(__file__).with_name("familiarity.json").write_text(json.dumps(cases) + "\n")

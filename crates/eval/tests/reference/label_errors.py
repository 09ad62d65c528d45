"""Writes label_errors.json: labels with noise, out-of-fold probabilities, and what cleanlab says of them.

    python -m venv venv && venv/bin/pip install cleanlab==2.9.0 scikit-learn==1.9.1
    venv/bin/python label_errors.py

Probabilities are written as the nearest float32, so that both sides read the same numbers. Where two classes reach their
thresholds cleanlab counts a sample as its likeliest class of all, the paper as the likeliest of the two; cases in which
these differ are not taken.
"""

import numpy as np
from cleanlab.count import compute_confident_joint, get_confident_thresholds
from cleanlab.filter import find_label_issues
from cleanlab.multilabel_classification.filter import find_multilabel_issues_per_class

from plain import write

rng = np.random.default_rng(20261127)


def agree(given, rows, thresholds):
    """Whether cleanlab's choice among several classes is the paper's."""
    reached = rows >= thresholds - 1e-6
    several = reached.sum(axis=1) > 1
    papers = np.where(reached, rows, -1).argmax(axis=1)
    return np.array_equal(papers[several], rows.argmax(axis=1)[several])


def evidence(given, rows):
    classes = rows.shape[1]
    thresholds = get_confident_thresholds(given, rows)
    assert agree(given, rows, thresholds)
    joint = compute_confident_joint(given, rows, calibrate=False)
    labelled = np.bincount(given, minlength=classes)
    shares = joint / joint.sum(axis=1, keepdims=True)
    estimated = len(given) - (shares.diagonal() * labelled).sum()
    suspects = find_label_issues(given, rows, filter_by="confident_learning", n_jobs=1)
    return {
        "thresholds": [t if n else None for t, n in zip(thresholds, labelled)],
        "joint": joint,
        "estimated": estimated,
        "suspects": np.flatnonzero(suspects),
    }


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def exclusive(name, classes, n, sharpness, noise, shares):
    while True:
        truth = rng.choice(classes, size=n, p=shares)
        logits = rng.normal(size=(n, classes))
        logits[np.arange(n), truth] += sharpness
        rows = np.round(softmax(logits), 5).astype(np.float32)
        flips = rng.random(n) < noise
        given = np.where(flips, (truth + rng.integers(1, classes, n)) % classes, truth)
        present = np.bincount(given, minlength=classes) > 0
        thresholds = np.array([rows[given == k, k].mean() if present[k] else 2 for k in range(classes)])
        if agree(given, rows, thresholds):
            return {
                "name": name,
                "classes": classes,
                "given": given,
                "probabilities": rows.ravel(),
                **evidence(given, rows.astype(np.float64)),
            }


def exclusive_cases():
    yield exclusive("two classes", 2, 200, 2.5, 0.05, [0.5, 0.5])
    yield exclusive("two classes, uneven", 2, 200, 2.0, 0.1, [0.85, 0.15])
    yield exclusive("five classes", 5, 300, 4.0, 0.08, [0.2] * 5)
    yield exclusive("ten classes", 10, 300, 5.0, 0.05, [0.1] * 10)
    yield exclusive("a class without a label", 4, 120, 5.0, 0.0, [0.5, 0.3, 0.2, 0.0])


def multi_label_case():
    n, labels = 200, 4
    truth = (rng.random((n, labels)) < [0.5, 0.3, 0.15, 0.4]).astype(int)
    rows = np.round(1 / (1 + np.exp(-rng.normal(size=truth.shape) - 4 * truth + 2)), 5).astype(np.float32)
    given = np.where(rng.random(truth.shape) < 0.05, 1 - truth, truth)
    exact = rows.astype(np.float64)
    per_label = [evidence(column, np.stack([1 - p, p], axis=1)) for column, p in zip(given.T, exact.T)]
    lists = [list(np.flatnonzero(row)) for row in given]
    masks = find_multilabel_issues_per_class(lists, exact, filter_by="confident_learning", n_jobs=1)
    for label, found in enumerate(per_label):
        assert np.array_equal(np.flatnonzero(masks[:, label]), found["suspects"])
    return {"labels": labels, "given": lists, "probabilities": rows.ravel(), "per_label": per_label}


values = {"exclusive": list(exclusive_cases()), "multi_label": multi_label_case()}
write("label_errors.json", values)

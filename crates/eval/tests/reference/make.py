"""Writes values.json: inputs, and what scikit-learn and statsmodels say of them.

    python -m venv venv && venv/bin/pip install scikit-learn==1.9.1 statsmodels==0.15.0
    venv/bin/python make.py

Probabilities are written as the nearest float32, so that both sides read the same numbers. What is undefined is null.
"""

import json
import math
import warnings
from pathlib import Path

import numpy as np
from sklearn import metrics
from statsmodels.stats.proportion import proportion_confint

NAN = float("nan")
rng = np.random.default_rng(20261123)
warnings.filterwarnings("ignore")  # undefined values are what several cases are about


def plain(value):
    """Turns numpy's values into JSON's, NaN into null."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, np.float32):
        return float(str(value))
    if isinstance(value, (float, np.floating)):
        return None if math.isnan(value) else float(value)
    if isinstance(value, (np.integer, np.bool_)):
        return int(value)
    return value


def wilson(successes, trials):
    return list(proportion_confint(successes, trials, alpha=0.05, method="wilson"))


def by_class(truth, predicted, names, **kind):
    columns = metrics.precision_recall_fscore_support(truth, predicted, average=None, zero_division=np.nan, **kind)
    return [
        {"class": name, "precision": p, "recall": r, "f1": f, "support": s} for name, p, r, f, s in zip(names, *columns)
    ]


def ranked(positive, scores):
    both = 0 < positive.sum() < len(positive)
    return {
        "roc_auc": metrics.roc_auc_score(positive, scores) if both else NAN,
        "average_precision": metrics.average_precision_score(positive, scores) if positive.any() else NAN,
    }


def exclusive(name, task, classes, truth, answers, decided, log_loss=NAN, scores=None):
    """One case: `answers` is what the report is given, `decided` the classes that follow from it."""
    k = len(classes)
    correct = int((truth == decided).sum())
    expected = {
        "task": task,
        "classes": classes,
        "n": len(truth),
        "accuracy": metrics.accuracy_score(truth, decided),
        "accuracy_ci95": wilson(correct, len(truth)),
        "majority_baseline": np.bincount(truth).max() / len(truth),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, decided),
        "log_loss": log_loss,
        "per_class": by_class(truth, decided, classes, labels=range(k)),
        "confusion_matrix": metrics.confusion_matrix(truth, decided, labels=range(k)),
    }
    if scores is not None:
        expected |= {"positive_class": classes[1]} | ranked(truth == 1, scores)
    f1_macro = metrics.f1_score(truth, decided, labels=range(k), average="macro", zero_division=np.nan)
    return {"name": name, "classes": classes, "truth": truth, **answers, "f1_macro": f1_macro, "expected": expected}


def from_probabilities(name, classes, truth, rows):
    k = len(classes)
    rows = rows.astype(np.float32)
    return exclusive(
        name,
        "binary" if k == 2 else "multi-class",
        classes,
        truth,
        {"probabilities": rows.ravel()},
        rows.argmax(axis=1),
        metrics.log_loss(truth, rows, labels=range(k)),
        rows[:, 1] if k == 2 else None,
    )


def from_positive(name, classes, truth, p, threshold):
    p = p.astype(np.float32)
    answers = {"positive_probabilities": p, "threshold": threshold}
    decided = (p >= np.float32(threshold)).astype(int)
    return exclusive(name, "binary", classes, truth, answers, decided, metrics.log_loss(truth, p, labels=[0, 1]), p)


def from_scores(name, classes, truth, scores, threshold):
    scores = scores.astype(np.float32)
    answers = {"scores": scores, "threshold": threshold}
    return exclusive(name, "regression", classes, truth, answers, (scores >= threshold).astype(int), scores=scores)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.round(powers / powers.sum(axis=1, keepdims=True), 4)


def guesses(truth, k, skill):
    """Probabilities that favour the truth."""
    return softmax(rng.normal(size=(len(truth), k)) + skill * np.eye(k)[truth])


def exclusive_cases():
    pair = ["healthy", "spotted"]
    truth = (rng.random(157) < 0.3).astype(int)
    yield from_probabilities("two classes", pair, truth, guesses(truth, 2, 1.5))

    # Many equal scores: one decimal only.
    p = np.round(rng.random(120), 1)
    yield from_probabilities("ties", pair, (rng.random(120) < p).astype(int), np.stack([1 - p, p], axis=1))

    truth = np.array([0, 1, 1, 0, 1])
    yield from_probabilities("certain and right", pair, truth, np.eye(2)[truth])
    yield from_probabilities("certain and once wrong", pair, truth, np.eye(2)[np.array([0, 1, 1, 1, 1])])
    yield from_probabilities("one class occurs", pair, np.zeros(6, int), guesses(np.zeros(6, int), 2, 0.5))

    truth = rng.choice(10, size=400, p=np.arange(1, 11) / 55)
    yield from_probabilities("ten classes", [f"class {i}" for i in range(10)], truth, guesses(truth, 10, 2.0))

    # The last class does not occur, the third is never predicted.
    truth = rng.choice(3, size=40)
    rows = guesses(truth, 4, 1.0)
    rows[:, 0] += rows[:, 2]
    rows[:, 2] = 0
    yield from_probabilities("absent and never predicted", ["a", "b", "c", "d"], truth, rows)

    truth = (rng.random(90) < 0.6).astype(int)
    p = np.round(1 / (1 + np.exp(-rng.normal(size=90) - 1.6 * truth + 0.8)), 3)
    yield from_positive("one sigmoid, low threshold", pair, truth, p, 0.3)
    yield from_positive("one sigmoid, no positive decision", pair, truth, p * np.float32(0.5), 0.75)
    yield from_scores("one linear unit", pair, truth, np.round(truth + rng.normal(scale=0.7, size=90), 2), 0.5)

    truth, decided = rng.choice(3, size=60), rng.choice(3, size=60)
    yield exclusive("decisions only", "multi-class", ["x", "y", "z"], truth, {"decisions": decided}, decided)


def multi_label(name, labels, truth, p, thresholds):
    p = p.astype(np.float32)
    thresholds = np.array(thresholds, np.float32)
    given = (p >= thresholds).astype(int)
    exact = (given == truth).all(axis=1)
    sets, counts = np.unique(truth, axis=0, return_counts=True)
    commonest = sets[counts.argmax()]

    def f1(average):
        return metrics.f1_score(truth, given, average=average, zero_division=np.nan)

    average_precision = [
        metrics.average_precision_score(truth[:, i], p[:, i]) if truth[:, i].any() else NAN for i in range(len(labels))
    ]
    per_class = [
        {**scores, "threshold": t, "average_precision": ap}
        for scores, t, ap in zip(by_class(truth, given, labels), thresholds, average_precision)
    ]
    return {
        "name": name,
        "labels": labels,
        "truth": [np.flatnonzero(row) for row in truth],
        "probabilities": p.ravel(),
        "thresholds": thresholds,
        "expected": {
            "task": "multi-label",
            "classes": labels,
            "n": len(truth),
            "accuracy": metrics.accuracy_score(truth, given),
            "accuracy_ci95": wilson(int(exact.sum()), len(truth)),
            "majority_baseline": metrics.accuracy_score(truth, np.tile(commonest, (len(truth), 1))),
            "balanced_accuracy": np.mean(
                [metrics.balanced_accuracy_score(truth[:, i], given[:, i]) for i in range(len(labels))]
            ),
            "f1_macro": f1("macro"),
            "f1_micro": f1("micro"),
            "f1_samples": f1("samples"),
            "exact_match": metrics.accuracy_score(truth, given),
            "exact_match_ci95": wilson(int(exact.sum()), len(truth)),
            "hamming_loss": metrics.hamming_loss(truth, given),
            "mean_average_precision": float(np.nanmean(average_precision)),
            "log_loss": float(
                np.mean([metrics.log_loss(truth[:, i], p[:, i], labels=[0, 1]) for i in range(len(labels))])
            ),
            "per_class": per_class,
            "confusion_matrix": metrics.multilabel_confusion_matrix(truth, given),
        },
    }


def multi_label_cases():
    truth = (rng.random((150, 5)) < [0.5, 0.3, 0.2, 0.1, 0.4]).astype(int)
    p = np.round(1 / (1 + np.exp(-rng.normal(size=truth.shape) - 3 * truth + 1.5)), 3)
    labels = ["red", "green", "blue", "dress", "shirt"]
    yield multi_label("five labels", labels, truth, p, [0.5] * 5)
    yield multi_label("a threshold a label", labels, truth, p, [0.2, 0.35, 0.5, 0.65, 0.8])

    # "green" never occurs, "blue" is never predicted, the first samples have no label and get none.
    truth, p = truth[:40, :3].copy(), p[:40, :3].copy()
    truth[:, 1] = 0
    truth[:5] = 0
    p[:5] = 0.25
    p[:, 2] /= 4
    yield multi_label("absent, never predicted, empty", labels[:3], truth, p, [0.5] * 3)


def wilson_cases():
    pairs = [(0, 1), (1, 1), (0, 10), (10, 10), (1, 10), (7, 10), (50, 100), (9153, 10000), (59999, 60000)]
    return [{"successes": s, "trials": n, "interval": wilson(s, n)} for s, n in pairs]


values = {
    "exclusive": list(exclusive_cases()),
    "multi_label": list(multi_label_cases()),
    "wilson": wilson_cases(),
}
text = json.dumps(plain(values), allow_nan=False, separators=(",", ":"))
Path(__file__).with_name("values.json").write_text(text.replace('{"name"', '\n{"name"') + "\n")

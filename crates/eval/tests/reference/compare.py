"""Writes compare.json: inputs of comparisons, and what scipy, statsmodels, netcal, torchmetrics and scikit-learn say of them.

    python -m venv venv
    venv/bin/pip install scipy==1.17.1 statsmodels==0.15.0 netcal==1.4.0 torchmetrics==1.9.0 torch==2.15.0 scikit-learn==1.9.1
    venv/bin/python compare.py

Probabilities are written as the nearest float32, so that both sides read the same numbers. What is undefined is null.
"""

import numpy as np
import torch
from netcal.metrics import ECE
from scipy import optimize, stats
from sklearn.metrics import brier_score_loss
from statsmodels.stats.contingency_tables import mcnemar
from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error

from plain import write

rng = np.random.default_rng(20261124)
BINS = 15


def likeliest_only_b(a, b, n, difference):
    """The q of largest likelihood p^a q^b (1 - p - q)^(n-a-b) where p = q + difference: a zero of its slope."""
    least, room = max(0, -difference), (1 - abs(difference)) / 2

    def slope(above):
        terms = [(a, 1, above + max(0, difference)), (b, 1, above + least), (n - a - b, -1, room - above)]
        return sum(count * rate / chance for count, rate, chance in terms if count)

    first, last = 1e-16 * room, (1 - 1e-15) * room
    if slope(first) <= 0:
        return least
    if slope(last) >= 0:
        return least + room
    return least + optimize.brentq(slope, first, last, xtol=1e-18, rtol=1e-15)


def score_interval(a, b, n):
    """Tango's interval from its definition: no formula for the constrained estimate or the limits is used."""
    z = stats.norm.ppf(0.975)
    seen = (a - b) / n

    def excess(difference):
        variance = n * (2 * likeliest_only_b(a, b, n, difference) + difference * (1 - difference))
        return (a - b - n * difference) ** 2 - z * z * variance

    def limit(end):
        # Nothing varies at a difference of one, where no limit is looked for.
        outer, inner = end + 1e-13 * (seen - end), seen + 1e-6 * (end - seen)
        return end if seen == end else optimize.brentq(excess, outer, inner, xtol=1e-15)

    return [limit(-1.0), limit(1.0)]


def mid_p(a, b):
    """P(T > t) + P(T = t) / 2 of T = |heads - tails|, outcome by outcome."""
    n = a + b
    chances = stats.binom.pmf(range(n + 1), n, 0.5)
    uneven = np.abs(2 * np.arange(n + 1) - n)
    return chances[uneven > abs(a - b)].sum() + chances[uneven == abs(a - b)].sum() / 2


def mcnemar_cases():
    counts = [(1, 7, 21), (6, 16, 161), (0, 1, 44), (1, 0, 1), (3, 3, 12), (0, 9, 9), (12, 3, 20), (40, 20, 160)]
    counts += [(25, 28, 618), (107, 132, 1144), (0, 60, 2000), (412, 288, 10000), (3, 900, 10000), (9_900, 9_700, 60000)]
    for a, b, n in counts:
        yield {
            "only_a_right": a,
            "only_b_right": b,
            "samples": n,
            "exact_p": mcnemar([[0, a], [b, 0]], exact=True).pvalue,
            "mid_p": mid_p(a, b),
            "difference": (a - b) / n,
            "interval": score_interval(a, b, n),
        }


def mean_cases():
    yield from (rng.normal(0.9, 0.01, size=n) for n in (2, 3, 5, 10))
    yield rng.exponential(size=200)
    yield 1e6 + rng.normal(size=40)


def mean_interval(values):
    error = stats.sem(values)
    interval = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=error)
    return {"values": values, "mean": np.mean(values), "standard_error": error, "interval": interval}


def paired_cases():
    for n, gain in [(2, 0.01), (3, 0.0), (5, 0.004), (5, 0.2), (10, -0.002), (100, 0.001), (1000, 0.004)]:
        first = rng.normal(0.9, 0.02, size=n)
        second = first + rng.normal(gain, 0.01, size=n)
        yield {"first": first, "second": second, "p": stats.ttest_rel(first, second).pvalue}


def calibration(name, classes, truth, rows):
    """Confidences that all differ, and as many in each bin: equal masses without ties can be had in one way only."""
    rows = rows.astype(np.float32)
    binary = classes == 2
    confidences = rows[:, 1] if binary else rows.max(axis=1)
    came_true = truth == (1 if binary else rows.argmax(axis=1))
    exact = rows.astype(np.float64)
    given = exact[:, 1] if binary else exact
    if binary:
        torchs = binary_calibration_error(torch.tensor(exact[:, 1]), torch.tensor(truth), n_bins=BINS, norm="l1")
    else:
        torchs = multiclass_calibration_error(
            torch.tensor(exact), torch.tensor(truth), num_classes=classes, n_bins=BINS, norm="l1"
        )
    equal_width = ECE(BINS).measure(given, truth)
    assert abs(equal_width - float(torchs)) < 1e-6, (name, equal_width, float(torchs))
    assert len(set(confidences)) == len(confidences) and len(truth) % BINS == 0, name
    equal_mass = ECE(BINS, equal_intervals=False).measure(given, truth)
    gaps = (confidences - came_true)[np.argsort(confidences)].reshape(BINS, -1).mean(axis=1)
    assert abs(equal_mass - np.abs(gaps).mean()) < 1e-6, name
    return {
        "name": name,
        "classes": classes,
        "truth": truth,
        "probabilities": rows.ravel(),
        "equal_width": equal_width,
        "equal_mass": equal_mass,
        "brier": brier_score_loss(truth, exact, labels=range(classes), scale_by_half=False),
    }


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def calibration_cases():
    for name, classes, n, sharpness in [
        ("two classes", 2, 300, 1.0),
        ("two classes, too sure", 2, 300, 2.0),
        ("five classes", 5, 300, 1.0),
        ("five classes, not sure enough", 5, 300, 0.4),
    ]:
        logits = rng.normal(size=(n, classes)) * 2
        truth = np.array([rng.choice(classes, p=row) for row in softmax(logits)])
        yield calibration(name, classes, truth, softmax(sharpness * logits))


values = {
    "mcnemar": list(mcnemar_cases()),
    "critical_95": stats.t.ppf(0.975, np.arange(1, 201)),
    "mean": [mean_interval(values) for values in mean_cases()],
    "paired": list(paired_cases()),
    "calibration": list(calibration_cases()),
}
write("compare.json", values, ['{"only_a_right"', '{"values"', '{"first"', '{"name"'])

"""Writes scaling.json: logits, and the temperature, biases, slope and intercept that scipy finds best for them.

    python -m venv venv && venv/bin/pip install scipy==1.17.1 scikit-learn==1.9.1 netcal==1.4.0
    venv/bin/python scaling.py

scipy minimises the losses as they are defined, without derivatives; scikit-learn's logistic regression, or its sigmoid calibration
where logits part the classes, has to be near. With biases held at 0, netcal's temperature has to be. Logits are written as the nearest float32, so that both sides read the same numbers.
"""

import numpy as np
from netcal.scaling import TemperatureScaling
from scipy import optimize, special
from sklearn.calibration import _sigmoid_calibration
from sklearn.linear_model import LogisticRegression

from plain import write

rng = np.random.default_rng(20261127)


def biased_temperature(name, logits, truth):
    logits = logits.astype(np.float32)
    exact = logits.astype(np.float64)
    n, classes = logits.shape
    targets = np.eye(classes)[truth]
    all_right = (logits[np.arange(n), truth] == logits.max(axis=1)).all()
    if all_right:
        targets += (1 / classes - targets) / (n + 2)

    def loss(inverse, biases):
        moved = exact * inverse + biases
        # As if each bias had been drawn from a normal distribution of deviation 0.5.
        return -(targets * special.log_softmax(moved, axis=1)).sum(axis=1).mean() + (biases**2).sum() / (2 * 0.5**2 * n)

    if not all_right:
        alone = optimize.minimize_scalar(lambda log: loss(np.exp(log), np.zeros(classes)), bracket=(-0.5, 0.5), tol=1e-12)
        rows = special.softmax(exact, axis=1)
        theirs = TemperatureScaling()
        theirs.fit(rows[:, 1] if classes == 2 else rows, truth)
        # It gives what logits are multiplied by.
        assert abs(float(theirs.temperature[0]) - np.exp(alone.x)) < 1e-3 * np.exp(alone.x), (name, theirs.temperature)

    def of_numbers(numbers):
        return loss(np.exp(numbers[0]), numbers[1:])

    found = optimize.minimize(of_numbers, np.zeros(classes + 1), method="BFGS", options={"gtol": 1e-9})
    for _ in range(3):
        found = optimize.minimize(of_numbers, found.x, method="Powell", options={"xtol": 1e-12, "ftol": 1e-15, "maxiter": 20000})
    return {
        "name": name,
        "classes": classes,
        "logits": logits.ravel(),
        "truth": truth,
        "temperature": float(np.exp(-found.x[0])),
        "biases": found.x[1:],
        "loss": float(found.fun),
    }


def biased_temperature_cases():
    for name, classes, n, sharpness, leaning in [
        ("two classes", 2, 200, 1.0, 0.0),
        ("two classes, leaning to the second", 2, 200, 1.5, 1.0),
        ("five classes, too sure", 5, 300, 3.0, 0.0),
        ("five classes, not sure enough, leaning to the last", 5, 300, 0.3, 0.7),
        ("ten classes, few samples", 10, 30, 2.0, 0.5),
    ]:
        meant = rng.normal(size=(n, classes)) * 2
        truth = np.array([rng.choice(classes, p=row) for row in special.softmax(meant, axis=1)])
        meant[:, -1] += leaning
        yield biased_temperature(name, sharpness * meant, truth)
    logits = rng.normal(size=(40, 3)) * 3
    yield biased_temperature("all right", logits, logits.argmax(axis=1))
    logits[:, 0] += 4
    yield biased_temperature("one class, some wrong", logits, np.zeros(40, dtype=int))


def platt(name, logits, truth):
    logits = logits.astype(np.float32)
    exact = logits.astype(np.float64)
    positives, negatives = truth.sum(), (~truth).sum()
    parted = exact[truth].min() > exact[~truth].max()
    targets = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2)) if parted else truth.astype(float)

    def loss(parameters):
        scaled = parameters[0] * exact + parameters[1]
        return (np.logaddexp(0, scaled) - targets * scaled).sum()

    found = optimize.minimize(loss, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-11, "fatol": 1e-14, "maxiter": 5000})
    slope, intercept = found.x
    if parted:
        a, b = _sigmoid_calibration(exact, truth)
        theirs = (-a, -b)
    else:
        regression = LogisticRegression(C=np.inf, tol=1e-10).fit(exact[:, None], truth)
        theirs = (regression.coef_[0, 0], regression.intercept_[0])
    for ours, other in zip(found.x, theirs):
        assert abs(ours - other) < 1e-3 * (1 + abs(other)), (name, found.x, theirs)
    return {
        "name": name,
        "logits": logits,
        "truth": truth.tolist(),
        "slope": slope,
        "intercept": intercept,
    }


def platt_cases():
    for name, n, slope, intercept in [
        ("calibrated", 300, 1.0, 0.0),
        ("too sure and too high", 300, 0.3, -1.0),
        ("rare", 400, 1.2, -4.0),
    ]:
        logits = rng.normal(size=n) * 3
        yield platt(name, logits, rng.random(n) < special.expit(slope * logits + intercept))
    logits = np.concatenate([rng.uniform(-3, -1, 20), rng.uniform(0.5, 2, 6)])
    yield platt("parted", logits, logits > 0)


values = {"biased_temperature": list(biased_temperature_cases()), "platt": list(platt_cases())}
write("scaling.json", values)

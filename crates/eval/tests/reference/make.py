"""Writes values.json: inputs, and what scikit-learn and statsmodels say of them.

    python -m venv venv && venv/bin/pip install scikit-learn==1.9.1 statsmodels==0.15.0 scipy==1.17.1
    venv/bin/python make.py

Probabilities are written as the nearest float32, so that both sides read the same numbers. What is undefined is null.
"""

import math
import warnings

import numpy as np
from scipy import optimize, stats
from sklearn import metrics
from statsmodels.stats.proportion import proportion_confint

from plain import write

NAN = float("nan")
rng = np.random.default_rng(20261123)
warnings.filterwarnings("ignore")  # undefined values are what several cases are about


def wilson(successes, trials):
    return list(proportion_confint(successes, trials, alpha=0.05, method="wilson")) if trials else NAN


def share_interval(value, error, at_least):
    """Wilson's interval of as many trials as have this standard error."""
    trials = value * (1 - value) / error**2 if error > 1e-9 and 0 < value < 1 else at_least
    return wilson(value * trials, trials)


def influences(metric, n):
    """How much each sample moves a metric of weighted samples, by finite differences."""
    moved = []
    for sample in range(n):
        up, down = np.ones(n), np.ones(n)
        up[sample] += 1e-4
        down[sample] -= 1e-4
        moved.append(n * (metric(up) - metric(down)) / 2e-4)
    return np.array(moved)


def joined(one, other):
    return [min(one[0], other[0]), max(one[1], other[1])]


def mean(error, n, shares):
    """That of a mean of shares, as if they were independent at least where one is 0 or 1."""
    shares = [(value, interval) for value, interval in shares if not math.isnan(value)]
    own = share_interval(np.mean([value for value, _ in shares]), error, n)
    return own if all(0 < value < 1 for value, _ in shares) else joined(own, mean_of_shares(shares))


def mean_of_shares(shares):
    """Zou and Donner's interval of a mean of independent shares with these intervals."""
    shares = [(value, interval) for value, interval in shares if not math.isnan(value)]
    values, ends = np.array([value for value, _ in shares]), np.array([interval for _, interval in shares])
    room = np.sqrt(((ends - values[:, None]) ** 2).sum(axis=0)) / len(values)
    return [values.mean() - room[0], values.mean() + room[1]]


def f1_interval(both, either):
    return [2 * end / (1 + end) for end in wilson(both, either)] if either else NAN


def by_class(truth, predicted, names, **kind):
    columns = metrics.precision_recall_fscore_support(truth, predicted, average=None, zero_division=np.nan, **kind)
    if truth.ndim == 1:
        truth, predicted = (np.eye(len(names), dtype=int)[classes] for classes in (truth, predicted))
    both, wanted, given = (truth & predicted).sum(axis=0), truth.sum(axis=0), predicted.sum(axis=0)
    return [
        {
            "class": name,
            "precision": p,
            "precision_ci95": wilson(both[i], given[i]),
            "recall": r,
            "recall_ci95": wilson(both[i], wanted[i]),
            "f1": f,
            "f1_ci95": f1_interval(both[i], wanted[i] + given[i] - both[i]),
            "support": s,
        }
        for i, (name, p, r, f, s) in enumerate(zip(names, *columns))
    ]


def roc_auc_interval(positive, scores):
    """DeLong's, from the comparison of each positive sample with each negative one."""
    p, n = int(positive.sum()), int((~positive).sum())
    won = np.sign(scores[positive][:, None] - scores[~positive][None, :].astype(np.float64)) / 2 + 0.5
    error = 0.0
    if min(p, n) > 1:
        error = math.sqrt(won.mean(axis=1).var(ddof=1) / p + won.mean(axis=0).var(ddof=1) / n)
    return share_interval(won.mean(), error, min(p, n))


def average_precisions_without(positive, scores):
    """The average precision without each sample; with it where no positive one would be left."""
    n = len(positive)
    kept = [np.arange(n) != sample if positive.sum() > 1 else np.full(n, True) for sample in range(n)]
    return np.array([metrics.average_precision_score(positive[k], scores[k]) for k in kept])


def jackknife_error(without):
    n = len(without)
    return math.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())


def average_precision_interval(positive, scores):
    error = jackknife_error(average_precisions_without(positive, scores))
    value, p = metrics.average_precision_score(positive, scores), int(positive.sum())
    return joined(share_interval(value, error, p), wilson(value * p, p))


def mean_average_precision_interval(truth, scores):
    """That of independent shares, stretched to the error of their mean, and lower by what that flatters."""
    occurring = np.flatnonzero(truth.any(axis=0))
    columns = [(truth[:, i] == 1, scores[:, i]) for i in occurring]
    values = [metrics.average_precision_score(*column) for column in columns]
    without = [average_precisions_without(*column) for column in columns]
    errors = [jackknife_error(one) for one in without]
    shares = [(v, share_interval(v, e, truth[:, i].sum())) for v, e, i in zip(values, errors, occurring)]
    value, mean_without = np.mean(values), np.mean(without, axis=0)
    error = jackknife_error(mean_without)
    down, up = np.abs(np.array(mean_of_shares(shares)) - value)
    stretch = max(error / (np.linalg.norm(errors) / len(errors)), stats.norm.ppf(0.975) * error / math.sqrt((down**2 + up**2) / 2))
    flattery = max(0, (len(truth) - 1) * (mean_without.mean() - value))
    return [max(0, value - stretch * down - flattery), min(1, value + stretch * up)]


def ranked(positive, scores):
    both = 0 < positive.sum() < len(positive)
    return {
        "roc_auc": metrics.roc_auc_score(positive, scores) if both else NAN,
        "roc_auc_ci95": roc_auc_interval(positive, scores) if both else NAN,
        "average_precision": metrics.average_precision_score(positive, scores) if positive.any() else NAN,
        "average_precision_ci95": average_precision_interval(positive, scores) if positive.any() else NAN,
    }


def matthews(truth, decided):
    """The correlation and its interval, which is never narrower than chance-corrected accuracy's."""
    if len(set(truth)) < 2 or len(set(decided)) < 2:
        return {"mcc": NAN, "mcc_ci95": NAN}
    n = len(truth)
    value = metrics.matthews_corrcoef(truth, decided)
    moved = influences(lambda w: metrics.matthews_corrcoef(truth, decided, sample_weight=w), n)
    own = share_interval((value + 1) / 2, math.sqrt((moved**2).sum()) / n / 2, n)
    right = int((truth == decided).sum())
    k = max(*truth, *decided) + 1
    chance = (np.bincount(truth, minlength=k) * np.bincount(decided, minlength=k)).sum() / n**2
    accuracy = [min(1, max(-1, value + (end - right / n) / (1 - chance))) for end in wilson(right, n)]
    return {"mcc": value, "mcc_ci95": joined([2 * end - 1 for end in own], accuracy)}


def macro_f1(truth, decided, k, per_class):
    def metric(weights):
        return metrics.f1_score(
            truth, decided, labels=range(k), average="macro", zero_division=np.nan, sample_weight=weights
        )

    n = len(truth)
    error = math.sqrt((influences(metric, n) ** 2).sum()) / n
    interval = mean(error, n, [(scores["f1"], scores["f1_ci95"]) for scores in per_class])
    return {"f1_macro": metric(np.ones(n)), "f1_macro_ci95": interval}


def bounded_mean(values, largest):
    """Hall's interval of the mean of skewed values."""
    n, z = len(values), stats.norm.ppf(0.975)
    if np.ptp(values) == 0:
        return [largest * end for end in wilson(n * values[0] / largest, n)]
    skewness = stats.skew(values) / math.sqrt(n)
    ends = [optimize.brentq(lambda t: hall(t, skewness) - end, -60, 60, xtol=1e-14) for end in (z, -z)]
    return [min(largest, max(0, values.mean() - stats.sem(values) * end)) for end in ends]


def hall(t, skewness):
    """His first transformation of a studentised mean, which makes it nearly normal."""
    return t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6


def loss_interval(truth, rows):
    """That of the mean log loss of rows of probabilities, which are clipped as scikit-learn does."""
    epsilon = np.finfo(np.float32).eps
    p = np.clip(rows.astype(np.float64)[np.arange(len(truth)), truth], epsilon, 1 - epsilon)
    return bounded_mean(-np.log(p), -math.log(epsilon))


def exclusive(name, task, classes, truth, answers, decided, log_loss=NAN, scores=None, log_loss_ci95=NAN):
    """One case: `answers` is what the report is given, `decided` the classes that follow from it."""
    k = len(classes)
    correct = int((truth == decided).sum())
    per_class = by_class(truth, decided, classes, labels=range(k))
    expected = {
        "task": task,
        "classes": classes,
        "n": len(truth),
        "accuracy": metrics.accuracy_score(truth, decided),
        "accuracy_ci95": wilson(correct, len(truth)),
        "majority_baseline": np.bincount(truth).max() / len(truth),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, decided),
        "balanced_accuracy_ci95": mean_of_shares([(scores["recall"], scores["recall_ci95"]) for scores in per_class]),
        **matthews(truth, decided),
        **macro_f1(truth, decided, k, per_class),
        "log_loss": log_loss,
        "log_loss_ci95": log_loss_ci95,
        "per_class": per_class,
        "confusion_matrix": metrics.confusion_matrix(truth, decided, labels=range(k)),
    }
    if scores is not None:
        expected |= {"positive_class": classes[1]} | ranked(truth == 1, scores)
    return {"name": name, "classes": classes, "truth": truth, **answers, "expected": expected}


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
        loss_interval(truth, rows),
    )


def from_positive(name, classes, truth, p, threshold):
    p = p.astype(np.float32)
    answers = {"positive_probabilities": p, "threshold": threshold}
    decided = (p >= np.float32(threshold)).astype(int)
    log_loss = metrics.log_loss(truth, p, labels=[0, 1])
    interval = loss_interval(truth, np.stack([1 - p.astype(np.float64), p.astype(np.float64)], axis=1))
    return exclusive(name, "binary", classes, truth, answers, decided, log_loss, p, interval)


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
        {**scores, "threshold": t, **ranked(truth[:, i] == 1, p[:, i])}
        for i, (scores, t) in enumerate(zip(by_class(truth, given, labels), thresholds))
    ]
    n = len(truth)

    def error(metric):
        """That of a metric of weighted samples."""
        return math.sqrt((influences(metric, n) ** 2).sum() / max(n - 1, 1) / n)

    def weighted_f1(average):
        return lambda w: metrics.f1_score(truth, given, average=average, zero_division=np.nan, sample_weight=w)

    def of_label(weights, i):
        recalls = [weights[is_one] @ (given == truth)[is_one, i] / weights[is_one].sum() for is_one in sides[i]]
        return np.mean(recalls)

    sides = [[truth[:, i] == side for side in (0, 1) if (truth[:, i] == side).any()] for i in range(len(labels))]
    balanced = [of_label(np.ones(n), i) for i in range(len(labels))]
    balanced_ends = [
        mean_of_shares([((given == truth)[s, i].mean(), wilson((given == truth)[s, i].sum(), s.sum())) for s in sides[i]])
        for i in range(len(labels))
    ]
    together = error(lambda w: np.mean([of_label(w, i) for i in range(len(labels))]))
    variances = [
        (given == truth)[side, i].var() / side.sum() / len(sides[i]) ** 2 for i in range(len(labels)) for side in sides[i]
    ]
    independent = math.sqrt(sum(variances)) / len(labels)

    epsilon = np.finfo(np.float32).eps
    clipped = np.clip(p.astype(np.float64), epsilon, 1 - epsilon)
    losses = -np.log(np.where(truth == 1, clipped, 1 - clipped)).mean(axis=1)
    by_sample = [
        metrics.f1_score(truth[i], given[i], zero_division=np.nan) for i in range(n) if (truth[i] | given[i]).any()
    ]
    intervals = {
        "balanced_accuracy_ci95": [
            min(1, max(0, np.mean(balanced) + together / independent * (end - np.mean(balanced))))
            for end in mean_of_shares(list(zip(balanced, balanced_ends)))
        ],
        "f1_macro_ci95": mean(
            error(weighted_f1("macro")), n, [(scores["f1"], scores["f1_ci95"]) for scores in per_class]
        ),
        "f1_micro_ci95": share_interval(f1("micro"), error(weighted_f1("micro")), n),
        "f1_samples_ci95": bounded_mean(np.array(by_sample), 1.0),
        "hamming_loss_ci95": bounded_mean((truth != given).mean(axis=1), 1.0),
        "mean_average_precision_ci95": mean_average_precision_interval(truth, p),
        "log_loss_ci95": bounded_mean(losses, -math.log(epsilon)),
    }
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
            **intervals,
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

    # Many labels of few samples, told badly: the interval of their mean is as wide as its standard error has it.
    truth = (rng.random((60, 8)) < 0.3).astype(int)
    p = np.round(1 / (1 + np.exp(-rng.normal(size=truth.shape) - rng.normal(size=(60, 1)) - truth + 0.5)), 3)
    yield multi_label("told badly", [f"label {i}" for i in range(8)], truth, p, [0.5] * 8)


def wilson_cases():
    pairs = [(0, 1), (1, 1), (0, 10), (10, 10), (1, 10), (7, 10), (50, 100), (9153, 10000), (59999, 60000)]
    return [{"successes": s, "trials": n, "interval": wilson(s, n)} for s, n in pairs]


values = {
    "exclusive": list(exclusive_cases()),
    "multi_label": list(multi_label_cases()),
    "wilson": wilson_cases(),
}
write("values.json", values, undefined=lambda value: None)

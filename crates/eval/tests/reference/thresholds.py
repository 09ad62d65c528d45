"""Writes thresholds.json: scores, the thresholds that scikit-learn's metrics choose for each aim, and intervals.

    python -m venv venv && venv/bin/pip install scikit-learn==1.9.1 scipy==1.17.1 statsmodels==0.15.0
    venv/bin/python thresholds.py

Each threshold between two scores is tried, and scikit-learn asked how good it is. What a mean cost is sure to lie between is
worked out from the definition of the method of variance estimates recovery, the matrix of correlations written out.
"""

import numpy as np
from sklearn import metrics
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from plain import write

rng = np.random.default_rng(20261128)


def wilson(successes, trials):
    return proportion_confint(successes, trials, alpha=0.05, method="wilson")


def mean_cost(costs, counts, n):
    """Value and interval of Σ cost · share, shares being those of one multinomial draw."""
    costs, shares = np.array(costs, float), np.array(counts) / n
    ends = np.array([wilson(count, n) for count in counts])
    covariance = np.diag(shares) - np.outer(shares, shares)
    deviation = np.sqrt(np.diag(covariance))
    scale = np.where(deviation == 0, 1, deviation)
    correlation = covariance / np.outer(scale, scale)
    np.fill_diagonal(correlation, 1)
    value = float(costs @ shares)
    interval = []
    for sign in (-1, 1):
        end = np.where(sign * costs > 0, ends[:, 1], ends[:, 0])
        distances = costs * np.abs(end - shares)
        interval.append(value + sign * np.sqrt(distances @ correlation @ distances))
    return value, interval


def youden(truth, decided):
    return metrics.recall_score(truth, decided) + metrics.recall_score(truth, decided, pos_label=0) - 1


def best(truth, scores, key):
    """The highest threshold of the largest key, and what it decides."""
    found = None
    for threshold in np.append(np.inf, np.unique(scores)[::-1]):
        decided = (scores >= threshold).astype(int)
        value = key(truth, decided)
        if value is not None and (found is None or value > found[0]):
            found = (value, decided)
    return found[1] if found else None


def reaching(asked, other, least):
    def key(truth, decided):
        if not decided.any() and asked is metrics.precision_score:
            return None
        value = asked(truth, decided)
        if value < least:
            return None
        return (other(truth, decided) if decided.any() else -1, value)

    return key


def nearest(asked, other):
    return lambda truth, decided: (asked(truth, decided), other(truth, decided)) if decided.any() else None


def choice(aim, truth, scores):
    name, _, share = aim.partition("=")
    precision, recall = metrics.precision_score, metrics.recall_score
    reached = True
    if name == "precision":
        decided = best(truth, scores, reaching(precision, recall, float(share)))
        if decided is None:
            reached, decided = False, best(truth, scores, nearest(precision, recall))
    elif name == "recall":
        decided = best(truth, scores, reaching(recall, precision, float(share)))
    elif name == "f1":
        decided = best(truth, scores, lambda t, d: metrics.f1_score(t, d, zero_division=0))
    else:
        decided = best(truth, scores, youden)
    (tn, fp), (fn, tp) = metrics.confusion_matrix(truth, decided)
    n = len(truth)
    f1_ends = [2 * j / (1 + j) for j in wilson(tp, tp + fp + fn)]
    cost, cost_interval = mean_cost([2.0, 7.5], [fp, fn], n)
    return {
        "aim": aim,
        "reached": reached,
        "counts": [tp, fp, fn, tn],
        "accuracy": [metrics.accuracy_score(truth, decided), *wilson(tp + tn, n)],
        "precision": [precision(truth, decided), *wilson(tp, tp + fp)],
        "recall": [recall(truth, decided), *wilson(tp, tp + fn)],
        "specificity": [recall(truth, decided, pos_label=0), *wilson(tn, tn + fp)],
        "f1": [metrics.f1_score(truth, decided), *f1_ends],
        "youden": [
            youden(truth, decided),
            *confint_proportions_2indep(tp, tp + fn, fp, fp + tn, method="newcomb", compare="diff"),
        ],
        "cost_2_and_7.5": [cost, *cost_interval],
    }


AIMS = ["precision=0.9", "precision=0.6", "recall=0.95", "recall=0.5", "f1", "youden"]


def case(name, n, share, clarity, digits):
    truth = (rng.random(n) < share).astype(int)
    scores = np.round(1 / (1 + np.exp(-rng.normal(size=n) - clarity * (truth - 0.5))), digits).astype(np.float32)
    return {"name": name, "truth": truth, "scores": scores, "choices": [choice(aim, truth, scores) for aim in AIMS]}


def saved_case(cost, gains, losses, n):
    """So many samples cost `cost` less than they would have, so many 1 more."""
    value, interval = mean_cost([cost, -1.0], [gains, losses], n)
    return {"cost": cost, "gains": gains, "losses": losses, "n": n, "saved": [value, *interval]}


values = {
    "choices": [
        case("clear", 200, 0.5, 4.0, 4),
        case("murky", 200, 0.4, 1.0, 4),
        case("rare", 400, 0.05, 2.5, 4),
        case("hopeless", 150, 0.3, 0.1, 4),
        case("coarse", 300, 0.4, 2.0, 1),
    ],
    "newcombe": [
        {"counts": [a, m, b, n], "interval": confint_proportions_2indep(a, m, b, n, method="newcomb", compare="diff")}
        for a, m, b, n in [(56, 70, 48, 80), (9, 10, 3, 10), (0, 10, 0, 20), (10, 10, 0, 20), (950, 1000, 48, 60)]
    ],
    "saved": [saved_case(4.0, 12, 20, 40), saved_case(4.0, 3, 90, 100), saved_case(2.5, 5, 0, 60), saved_case(9.0, 1, 1, 2)],
}
write("thresholds.json", values, ['{"name"', '{"aim"', '{"counts"', '{"cost"'])

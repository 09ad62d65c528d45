"""Writes cutting.json: what MAPIE, scipy and statsmodels say of prediction sets, abstaining and slices.

    python -m venv venv
    venv/bin/pip install mapie==1.6.0 scikit-learn==1.9.1 scipy==1.17.1 statsmodels==0.15.0
    venv/bin/python cutting.py

Probabilities are written as the nearest float32, so that both sides read the same numbers.
"""

import numpy as np
from mapie.classification import SplitConformalClassifier
from mapie.risk_control import MultiLabelClassificationController
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep

from plain import write

rng = np.random.default_rng(20261129)


class Stated(ClassifierMixin, BaseEstimator):
    """Answers with the probabilities that it is shown."""

    def __init__(self, classes):
        self.classes = classes

    def fit(self, rows, truth):
        self.classes_ = np.arange(self.classes)
        self.fitted_ = True
        return self

    def predict_proba(self, rows):
        return rows

    def predict(self, rows):
        return rows.argmax(axis=1)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def answers(n, classes, sharpness):
    truth = rng.choice(classes, size=n)
    logits = rng.normal(size=(n, classes))
    logits[np.arange(n), truth] += 2
    return truth, np.round(softmax(sharpness * logits), 6).astype(np.float32)


def sets_case(classes, n, sharpness, coverage):
    truth, rows = answers(n, classes, sharpness)
    other_truth, other_rows = answers(60, classes, sharpness)
    estimator = Stated(classes).fit(None, None)
    mapie = SplitConformalClassifier(estimator, confidence_level=coverage, conformity_score="lac", prefit=True)
    mapie.conformalize(rows.astype(np.float64), truth)
    _, sets = mapie.predict_set(other_rows.astype(np.float64))
    return {
        "classes": classes,
        "coverage": coverage,
        "truth": truth,
        "probabilities": rows.ravel(),
        "other_truth": other_truth,
        "other_probabilities": other_rows.ravel(),
        "sets": sets[:, :, 0],
    }


def labels_case(labels, n, coverage):
    def draw(n):
        truth = (rng.random((n, labels)) < 0.4).astype(int)
        truth[np.arange(n), rng.choice(labels, size=n)] = 1
        rows = 1 / (1 + np.exp(-rng.normal(size=truth.shape) - 3 * truth + 1.5))
        return truth, np.round(rows, 4).astype(np.float32)

    (truth, rows), (_, other_rows) = draw(n), draw(60)
    exact = rows.astype(np.float64)
    # MAPIE takes what lies above a parameter: ones just below each probability make all the difference there can be.
    parameters = np.unique(exact[truth == 1]) - 1e-9
    controller = MultiLabelClassificationController(
        lambda rows: rows, risk="recall", method="crc", target_level=coverage, predict_params=parameters
    )
    controller.calibrate(exact, truth)
    sets = controller.predict(other_rows.astype(np.float64))
    return {
        "labels": labels,
        "coverage": coverage,
        "truth": [np.flatnonzero(row) for row in truth],
        "probabilities": rows.ravel(),
        "other_probabilities": other_rows.ravel(),
        "sets": sets[:, :, 0],
    }


def shown_case(n, clarity, accuracy):
    """The largest of twenty coverages at which scipy's binomial test shows the accuracy at 1 in 400."""
    confidences = rng.permutation(np.round(np.linspace(0.3, 1, n), 5)).astype(np.float32)
    right = rng.random(n) < confidences.astype(float) ** (1 / clarity)
    order = np.argsort(-confidences)
    answered = 0
    for twentieth in range(1, 21):
        # The sample at which so many are covered is left out, unless all are answered.
        taken = n if twentieth == 20 else n * twentieth // 20 - 1
        if taken > 0:
            p = stats.binomtest(int(right[order[:taken]].sum()), taken, accuracy, alternative="greater").pvalue
            answered = taken if p <= 0.05 / 20 else answered
    risks = np.cumsum(~right[order]) / np.arange(1, n + 1)
    least = np.cumsum(np.sort(~right)) / np.arange(1, n + 1)
    return {
        "confidences": confidences,
        "right": right,
        "accuracy": accuracy,
        "answered": answered,
        "aurc": risks.mean(),
        "least_aurc": least.mean(),
    }


def fisher_cases():
    tables = [(0, 20, 50, 100), (19, 20, 60, 100), (20, 20, 100, 120), (30, 40, 900, 1000), (35, 40, 900, 1000)]
    tables += [(30, 60, 40, 80), (8500, 10000, 54000, 60000), (5900, 6000, 58000, 60000), (1, 30, 1, 90), (29, 30, 89, 90)]
    for right, n, right_in_all, all_ in tables:
        rest = (right_in_all - right, all_ - n)
        table = [[right, n - right], [rest[0], rest[1] - rest[0]]]
        yield {
            "right": right,
            "n": n,
            "right_in_all": right_in_all,
            "all": all_,
            "p": stats.fisher_exact(table, alternative="less").pvalue,
            "difference": [
                right / n - rest[0] / rest[1],
                *confint_proportions_2indep(right, n, *rest, method="newcomb", compare="diff"),
            ],
        }


def fewer_right(right, members):
    """Fisher's p-value for fewer right among some than among the rest."""
    table = [[(right & m).sum(), (~right & m).sum()] for m in (members, ~members)]
    return stats.fisher_exact(table, alternative="less").pvalue


def slices_case():
    """Numbers that all differ, a hundred of each fifth; names; accuracy falls where the numbers are large."""
    n = 500
    numbers = np.round(rng.permutation(np.linspace(1, 99, n)), 3)
    names = rng.choice(["png", "jpeg", "bmp"], size=n, p=[0.5, 0.3, 0.2])
    right = rng.random(n) < np.where(numbers > 80, 0.7, 0.93)
    fifths = np.searchsorted(np.sort(numbers), numbers) // (n // 5)
    members = [fifths == fifth for fifth in range(5)] + [names == name for name in ["bmp", "jpeg", "png"]]
    p = [fewer_right(right, m) for m in members]
    order = np.argsort(p, kind="stable")
    adjusted = multipletests(p, method="holm")[1]
    return {
        "right": right,
        "numbers": numbers,
        "names": list(map(str, names)),
        "n": [members[i].sum() for i in order],
        "p": np.array(p)[order],
        "adjusted_p": adjusted[order],
    }


def tied_case():
    """Few numbers that occur often, one of them in more samples than two slices should hold, and some that are not known.

    Equal numbers go where their mean rank falls."""
    n = 420
    numbers = rng.choice([0.5, 1, 2, 4, 8, 16, 32], size=n, p=[0.06, 0.1, 0.45, 0.12, 0.12, 0.1, 0.05])
    numbers[rng.random(n) < 0.08] = np.nan
    right = rng.random(n) < np.where(numbers >= 16, 0.7, 0.93)
    known = ~np.isnan(numbers)
    fifths = np.full(n, -1)
    fifths[known] = 5 * (stats.rankdata(numbers[known]) - 0.5) // known.sum()
    members = {fifth: fifths == fifth for fifth in np.unique(fifths)}
    slices = [
        {"range": [numbers[m].min(), numbers[m].max()] if fifth >= 0 else None, "n": m.sum(), "p": fewer_right(right, m)}
        for fifth, m in members.items()
    ]
    assert min(cut["n"] for cut in slices) >= 20
    return {"right": right, "numbers": [x if k else None for x, k in zip(numbers, known)], "slices": slices}


values = {
    "sets": [
        sets_case(2, 99, 1.0, 0.9),
        sets_case(4, 200, 1.0, 0.95),
        sets_case(10, 150, 2.0, 0.8),
        sets_case(5, 400, 0.5, 0.99),
    ],
    "labels": [labels_case(3, 120, 0.9), labels_case(6, 300, 0.8), labels_case(4, 200, 0.95)],
    "shown": [shown_case(600, 4, 0.9), shown_case(2000, 4, 0.95), shown_case(300, 1, 0.9), shown_case(1000, 20, 0.95)],
    "fisher": list(fisher_cases()),
    "slices": slices_case(),
    "tied": tied_case(),
}
write("cutting.json", values, ['{"classes"', '{"labels"', '{"confidences"', '{"right"'])

"""How the values that other tools give are written as JSON."""

import json
from pathlib import Path

import numpy as np


def plain(value, undefined=float):
    """Turns numpy's values into JSON's; its truths are 1 and 0, and `undefined` says what becomes of NaN."""
    if isinstance(value, dict):
        return {key: plain(item, undefined) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item, undefined) for item in value]
    if isinstance(value, np.float32):
        return float(str(value))
    if isinstance(value, (float, np.floating)):
        return undefined(value) if np.isnan(value) else float(value)
    if isinstance(value, (np.integer, np.bool_)):
        return int(value)
    return value


def write(name, values, starts=('{"name"',), undefined=float):
    """Writes a file beside the scripts, with a line for each object that begins so. NaN is refused, unless `undefined` makes something else of it."""
    text = json.dumps(plain(values, undefined), allow_nan=False, separators=(",", ":"))
    for start in starts:
        text = text.replace(start, "\n" + start)
    Path(__file__).with_name(name).write_text(text + "\n")

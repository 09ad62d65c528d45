"""schedules.safetensors: the factor on the base rate at each step (or epoch), in double precision."""

import warnings

import numpy as np
import torch
from torch.optim import lr_scheduler

from values import File

STEPS = 40


def factors(make_scheduler, steps, metrics=None):
    """The rate at each step of an optimizer whose base rate is 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make_scheduler(optimizer)
    rates = []
    for step in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(*([] if metrics is None else [metrics[step]]))
    return np.array(rates)


def one_cycle(steps, rise=0.3, start=25.0, finish=1e4):
    return lambda optimizer: lr_scheduler.OneCycleLR(
        optimizer, 1.0, steps, pct_start=rise, div_factor=start, final_div_factor=finish, cycle_momentum=False
    )


# A share of the training is a number of steps in PyTorch.
SCHEDULES = {
    "step, a quarter": ({"type": "step", "every": 0.25, "gamma": 0.5}, lambda o: lr_scheduler.StepLR(o, 10, 0.5)),
    "step, a tenth": ({"type": "step", "every": 0.1, "gamma": 0.3}, lambda o: lr_scheduler.StepLR(o, 4, 0.3)),
    "cosine": ({"type": "cosine", "floor": 0.0}, lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS)),
    "cosine to a floor": (
        {"type": "cosine", "floor": 0.125},
        lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS, eta_min=0.125),
    ),
    "one cycle": ({"type": "one_cycle", "rise": 0.3, "start": 25.0, "finish": 1e4}, one_cycle(STEPS)),
    "one cycle, other settings": (
        {"type": "one_cycle", "rise": 0.6, "start": 5.0, "finish": 50.0},
        one_cycle(STEPS, 0.6, 5.0, 50.0),
    ),
    "one cycle, no whole number of steps up": (
        {"type": "one_cycle", "rise": 0.33, "start": 10.0, "finish": 100.0},
        one_cycle(STEPS, 0.33, 10.0, 100.0),
    ),
}

WARMUPS = {
    "warm-up": ({"steps": 7, "start": 0.1}, lambda o: lr_scheduler.LinearLR(o, 0.1, 1.0, 7)),
    "warm-up of one step": ({"steps": 1, "start": 0.25}, lambda o: lr_scheduler.LinearLR(o, 0.25, 1.0, 1)),
}


def losses():
    """A loss that falls, stays, rises a little, falls too little to count, and falls again."""
    falls, stays = list(np.linspace(2, 1, 6)), [1.0] * 6
    wavers = [1.2, 0.99995, 0.99999, 1.1, 0.9, 1.3, 1.2, 1.1, 1.0, 0.95, 0.92]
    return np.array(falls + stays + wavers + [0.5] * 12 + list(np.linspace(0.5, 0.4, 5)))


PLATEAUS = {
    "plateau": {"factor": 0.1, "patience": 3, "threshold": 1e-4},
    "plateau without patience": {"factor": 0.5, "patience": 0, "threshold": 0.01},
}


def make():
    warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")
    file = File()
    for name, (description, scheduler) in (SCHEDULES | WARMUPS).items():
        file.case(name, description, {"factors": factors(scheduler, STEPS)})
    for name, settings in PLATEAUS.items():
        # PyTorch leaves out reductions of less than `eps`.
        scheduler = lambda optimizer: lr_scheduler.ReduceLROnPlateau(optimizer, eps=0.0, **settings)
        # The first factor is the one before any loss is seen.
        values = factors(scheduler, len(losses()) + 1, [*losses(), 0.0])
        file.case(name, settings, {"losses": losses(), "factors": values[1:]})
    file.write("schedules")


if __name__ == "__main__":
    make()

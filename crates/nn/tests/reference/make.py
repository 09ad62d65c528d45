"""Writes the safetensors beside it: what PyTorch makes of the same networks, losses, optimizers and schedules.

    python -m venv venv && venv/bin/pip install torch==2.15.0 numpy==2.4.6 safetensors==0.8.0
    venv/bin/python make.py

Everything runs on the CPU in double precision, but for the float32 half of trajectory.py.
"""

import explanations
import layers
import losses
import optimizers
import schedules
import trajectory
import whitening

for topic in (explanations, layers, losses, optimizers, schedules, trajectory, whitening):
    topic.make()

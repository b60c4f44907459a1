"""Learning-rate schedules: functions from the number of a step, counted from 0, to a learning rate. Met in week 2.

for step in range(total_steps):
    set_lr(optimizer, cosine_with_warmup(step, 3e-4, total_steps, warmup_steps=100))
"""

import math
from typing import Any


def constant(step: int, peak_lr: float) -> float:
    """The same learning rate at every step."""
    return peak_lr


def warmup(step: int, warmup_steps: int) -> float:
    """The share of the peak that a straight rise has reached: 1/(w+1), 2/(w+1), … and 1 from step w on."""
    return min(1.0, (step + 1) / (warmup_steps + 1))


def linear(
    step: int, peak_lr: float, total_steps: int, warmup_steps: int = 0, final_lr: float = 0.0
) -> float:
    """A straight rise to the peak over warmup_steps, then a straight fall that ends at final_lr at step total_steps."""
    if step < warmup_steps:
        return peak_lr * warmup(step, warmup_steps)
    progress = min(1.0, (step - warmup_steps) / (total_steps - warmup_steps))
    return peak_lr + (final_lr - peak_lr) * progress


def cosine_with_warmup(
    step: int, peak_lr: float, total_steps: int, warmup_steps: int = 0, final_lr: float = 0.0
) -> float:
    """The learning rate of a step: a straight rise to peak_lr, then half a cosine wave down to final_lr.

        rise   step < w:   peak · (step + 1) / (w + 1)
        fall   otherwise:  final + ½ (peak − final) (1 + cos(π · progress))
               with progress = (step − w) / (total − w), at most 1

    step: from 0   total_steps: where the fall ends; later steps stay at final_lr   warmup_steps: w, below total_steps
    Source: Loshchilov & Hutter 2016, arXiv 1608.03983 (the cosine); Goyal et al. 2017, arXiv 1706.02677 (the warm-up).
    """
    if step < warmup_steps:
        return peak_lr * (step + 1) / (warmup_steps + 1)
    progress = min(1.0, (step - warmup_steps) / (total_steps - warmup_steps))
    return final_lr + 0.5 * (peak_lr - final_lr) * (1 + math.cos(math.pi * progress))


def warmup_stable_decay(
    step: int,
    peak_lr: float,
    total_steps: int,
    warmup_steps: int = 0,
    decay_steps: int = 0,
    final_lr: float = 0.0,
) -> float:
    """A straight rise to the peak, a long plateau, and over the last decay_steps a straight fall to final_lr.

    From the plateau a run can go on, or be brought to its end, at any time: only the fall has to know the last step.
    Later steps than total_steps stay at final_lr. Raises ValueError where rise and fall do not both fit.
    Source: Hu et al. 2024, arXiv 2404.06395 (MiniCPM), section 4; Hägele et al. 2024, arXiv 2405.18392.
    """
    if warmup_steps + decay_steps > total_steps:
        raise ValueError(
            f"warmup_steps and decay_steps are {warmup_steps} and {decay_steps}; together they must be at most "
            f"total_steps, which is {total_steps}."
        )
    if step < warmup_steps:
        return peak_lr * warmup(step, warmup_steps)
    left = total_steps - step
    if left >= decay_steps:
        return peak_lr if left > 0 else final_lr
    return final_lr + (peak_lr - final_lr) * max(0, left) / decay_steps


def set_lr(optimizer: Any, lr: float) -> None:
    """Sets the learning rate of one of our optimizers, or of one of torch's."""
    if hasattr(optimizer, "param_groups"):
        for group in optimizer.param_groups:
            group["lr"] = lr
    else:
        optimizer.lr = lr

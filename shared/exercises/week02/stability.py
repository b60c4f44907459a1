"""`optim.clip_grad_norm` and `optim.cosine_with_warmup`: cases, known mistakes, hints."""

import math

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week02.walking import GUIDED
from shared.training import clipping, schedules

LEASH = "A leash on the gradient"
RISE = "Warm up, then cool down"


# --- clip_grad_norm --------------------------------------------------------------------------------------------------


def _clipped(implementation, gradients, max_norm):
    """The gradients afterwards, and the length that was returned."""
    leaves = [torch.zeros(1 if g is None else g.shape, requires_grad=True) for g in gradients]
    for p, g in zip(leaves, gradients, strict=True):
        p.grad = None if g is None else g.clone()
    returned = implementation(leaves, max_norm)
    return {
        "gradients": [None if p.grad is None else p.grad.clone() for p in leaves],
        "length": float(returned) if isinstance(returned, (torch.Tensor, float, int)) else returned,
    }


def _clipped_from_generator(implementation, gradients, max_norm):
    return _clipped(lambda leaves, most: implementation(iter(leaves), most), gradients, max_norm)


def _present(parameters):
    return [p for p in parameters if p.grad is not None]


def _joint(parameters):
    return torch.cat([p.grad.flatten() for p in parameters]).norm()


def clip_each_by_itself(parameters, max_norm):
    parameters = _present(parameters)
    norm = _joint(parameters)
    for p in parameters:
        p.grad *= torch.clamp(max_norm / (p.grad.norm() + 1e-6), max=1.0)
    return norm


def clip_always(parameters, max_norm):
    parameters = _present(parameters)
    norm = _joint(parameters)
    for p in parameters:
        p.grad *= max_norm / (norm + 1e-6)
    return norm


def clip_by_value(parameters, max_norm):
    parameters = _present(parameters)
    norm = _joint(parameters)
    for p in parameters:
        p.grad.clamp_(-max_norm, max_norm)
    return norm


def clip_without_the_root(parameters, max_norm):
    parameters = _present(parameters)
    norm = _joint(parameters) ** 2
    for p in parameters:
        p.grad *= torch.clamp(max_norm / (norm + 1e-6), max=1.0)
    return norm


def clip_by_the_sum_of_norms(parameters, max_norm):
    parameters = _present(parameters)
    norm = sum(p.grad.norm() for p in parameters)
    for p in parameters:
        p.grad *= torch.clamp(max_norm / (norm + 1e-6), max=1.0)
    return norm


def clip_by_absolute_values(parameters, max_norm):
    parameters = _present(parameters)
    norm = sum(p.grad.abs().sum() for p in parameters)
    for p in parameters:
        p.grad *= torch.clamp(max_norm / (norm + 1e-6), max=1.0)
    return norm


def clip_by_the_largest(parameters, max_norm):
    parameters = _present(parameters)
    norm = max(p.grad.norm() for p in parameters)
    for p in parameters:
        p.grad *= torch.clamp(max_norm / (norm + 1e-6), max=1.0)
    return norm


def clip_to_length_one(parameters, max_norm):
    parameters = _present(parameters)
    norm = _joint(parameters)
    if norm > max_norm:
        for p in parameters:
            p.grad /= norm
    return norm


def clip_that_returns_the_new_length(parameters, max_norm):
    parameters = _present(parameters)
    clipping.clip_grad_norm(parameters, max_norm)
    return _joint(parameters)


def clip_that_returns_nothing(parameters, max_norm):
    clipping.clip_grad_norm(parameters, max_norm)


def clip_a_copy(parameters, max_norm):
    parameters = _present(parameters)
    norm = _joint(parameters)
    for p in parameters:
        g = p.grad
        g = g * torch.clamp(max_norm / (norm + 1e-6), max=1.0)
    return norm


def clip_the_weights(parameters, max_norm):
    parameters = list(parameters)
    norm = torch.cat([p.detach().flatten() for p in parameters]).norm()
    with torch.no_grad():
        for p in parameters:
            p *= torch.clamp(max_norm / (norm + 1e-6), max=1.0)
    return norm


def clip_a_spent_generator(parameters, max_norm):
    norm = math.sqrt(sum((p.grad**2).sum().item() for p in parameters if p.grad is not None))
    for p in parameters:
        if p.grad is not None:
            p.grad *= min(1.0, max_norm / (norm + 1e-6))
    return norm


def clip_that_trips_over_none(parameters, max_norm):
    parameters = list(parameters)
    norm = _joint(parameters)
    for p in parameters:
        p.grad *= torch.clamp(max_norm / (norm + 1e-6), max=1.0)
    return norm


def _clip_with_an_if(parameters, max_norm):
    present = [p for p in parameters if p.grad is not None]
    total = math.sqrt(sum(p.grad.norm().item() ** 2 for p in present))
    if total > max_norm:
        for p in present:
            p.grad = p.grad * (max_norm / total)
    return total


CLIP_GRAD_NORM = Exercise(
    name="optim.clip_grad_norm",
    week=2,
    notebook=GUIDED,
    reference=clipping.clip_grad_norm,
    cases=(
        Case(
            "a long gradient",
            lambda: [[torch.tensor([3.0]), torch.tensor([4.0])], 1.0],
            run=_clipped,
            rtol=1e-5,
        ),
        Case("another length", lambda: [[torch.tensor([6.0, -8.0])], 2.0], run=_clipped, rtol=1e-5),
        Case(
            "a short gradient",
            lambda: [[torch.tensor([0.3]), torch.tensor([-0.4])], 1.0],
            run=_clipped,
            says="a gradient that is short enough must stay exactly as it is.",
        ),
        Case(
            "several parameters",
            lambda: [[torch.randn(3, 4) * 5, torch.randn(4), torch.randn(2, 2) * 0.1], 2.0],
            run=_clipped,
            rtol=1e-5,
        ),
        Case(
            "a parameter without gradient",
            lambda: [[torch.tensor([3.0]), None, torch.tensor([4.0])], 1.0],
            run=_clipped,
            rtol=1e-5,
        ),
        Case(
            "network.parameters()",
            lambda: [[torch.randn(3, 4) * 5, torch.randn(4)], 2.0],
            run=_clipped_from_generator,
            rtol=1e-5,
        ),
    ),
    mistakes=(
        Mistake(
            clip_each_by_itself,
            "each gradient is clipped by its own length, which turns the direction of the step: take one length of all "
            "together.",
            LEASH,
        ),
        Mistake(
            clip_always,
            "short gradients are blown up to max_norm: scale only where the length is above it, min(1, …).",
            LEASH,
        ),
        Mistake(
            clip_by_value,
            "each number is cut by itself, which turns the direction of the step: multiply all by one factor.",
            LEASH,
        ),
        Mistake(
            clip_without_the_root,
            "that is the square of the length: take the root of the sum of squares.",
            LEASH,
        ),
        Mistake(
            clip_by_the_sum_of_norms,
            "lengths of parts do not add up to the length of the whole: add the squares, then take the root.",
            LEASH,
        ),
        Mistake(
            clip_by_absolute_values,
            "that is the sum of absolute values: the length is the root of the sum of squares.",
            LEASH,
        ),
        Mistake(
            clip_by_the_largest,
            "only the longest gradient counts: the length of all together is the root of the sum of all squares.",
            LEASH,
        ),
        Mistake(
            clip_to_length_one,
            "the clipped gradient has length 1 whatever max_norm says: multiply by max_norm / length.",
            LEASH,
        ),
        Mistake(
            clip_that_returns_the_new_length,
            "it returns the length after clipping, which says nothing: return the one before.",
            LEASH,
        ),
        Mistake(
            clip_that_returns_nothing,
            "nothing comes back: return the length before clipping.",
            LEASH,
        ),
        Mistake(
            clip_a_copy,
            "g = g * … makes a new tensor and leaves p.grad as it was: p.grad *= …, or p.grad = p.grad * ….",
            LEASH,
        ),
        Mistake(
            clip_the_weights,
            "the parameters themselves are scaled: scale their gradients, p.grad.",
            LEASH,
        ),
        Mistake(
            clip_a_spent_generator,
            "network.parameters() can be gone through only once, and computing the length did so: make a list first.",
            LEASH,
        ),
        Mistake(
            clip_that_trips_over_none,
            "a parameter that took no part has grad None, and nothing can be computed with None: skip it.",
            LEASH,
        ),
    ),
    hints=(
        "Two gradients of lengths 3 and 4 at right angles: how long are they together? By which factor must both "
        "shrink to have length 1?",
        "Collect the gradients in a list. One length for all of them: the root of the sum of all squares. One factor "
        "for all: max_norm / length, but never above 1.",
        "norm = torch.stack([(g**2).sum() for g in gradients]).sum().sqrt(); g *= min(1.0, max_norm / (norm + 1e-6))",
    ),
    alternatives=(_clip_with_an_if, torch.nn.utils.clip_grad_norm_),
)


# --- cosine_with_warmup ----------------------------------------------------------------------------------------------


def _rates(implementation, steps, *settings):
    return {f"step {step}": implementation(step, *settings) for step in steps}


def _progress(step, total_steps, warmup_steps):
    return min(1.0, (step - warmup_steps) / (total_steps - warmup_steps))


def cosine_from_zero(step, peak_lr, total_steps, warmup_steps=0, final_lr=0.0):
    if step < warmup_steps:
        return peak_lr * step / warmup_steps
    return schedules.cosine_with_warmup(step, peak_lr, total_steps, warmup_steps, final_lr)


def cosine_that_peaks_early(step, peak_lr, total_steps, warmup_steps=0, final_lr=0.0):
    if step < warmup_steps:
        return peak_lr * (step + 1) / warmup_steps
    return schedules.cosine_with_warmup(step, peak_lr, total_steps, warmup_steps, final_lr)


def cosine_without_warmup(step, peak_lr, total_steps, warmup_steps=0, final_lr=0.0):
    return schedules.cosine_with_warmup(step, peak_lr, total_steps, 0, final_lr)


def cosine_that_counts_the_warmup(step, peak_lr, total_steps, warmup_steps=0, final_lr=0.0):
    if step < warmup_steps:
        return peak_lr * (step + 1) / (warmup_steps + 1)
    progress = min(1.0, step / total_steps)
    return final_lr + 0.5 * (peak_lr - final_lr) * (1 + math.cos(math.pi * progress))


def cosine_after_the_end_of_the_warmup(step, peak_lr, total_steps, warmup_steps=0, final_lr=0.0):
    if step < warmup_steps:
        return peak_lr * (step + 1) / (warmup_steps + 1)
    progress = min(1.0, (step - warmup_steps) / total_steps)
    return final_lr + 0.5 * (peak_lr - final_lr) * (1 + math.cos(math.pi * progress))


def cosine_that_rises_again(step, peak_lr, total_steps, warmup_steps=0, final_lr=0.0):
    if step < warmup_steps:
        return peak_lr * (step + 1) / (warmup_steps + 1)
    progress = (step - warmup_steps) / (total_steps - warmup_steps)
    return final_lr + 0.5 * (peak_lr - final_lr) * (1 + math.cos(math.pi * progress))


def cosine_that_ends_at_zero(step, peak_lr, total_steps, warmup_steps=0, final_lr=0.0):
    return schedules.cosine_with_warmup(step, peak_lr, total_steps, warmup_steps, 0.0)


def cosine_lifted_by_final(step, peak_lr, total_steps, warmup_steps=0, final_lr=0.0):
    if step < warmup_steps:
        return peak_lr * (step + 1) / (warmup_steps + 1)
    progress = _progress(step, total_steps, warmup_steps)
    return final_lr + 0.5 * peak_lr * (1 + math.cos(math.pi * progress))


def cosine_without_the_half(step, peak_lr, total_steps, warmup_steps=0, final_lr=0.0):
    if step < warmup_steps:
        return peak_lr * (step + 1) / (warmup_steps + 1)
    progress = _progress(step, total_steps, warmup_steps)
    return final_lr + (peak_lr - final_lr) * (1 + math.cos(math.pi * progress))


def cosine_without_pi(step, peak_lr, total_steps, warmup_steps=0, final_lr=0.0):
    if step < warmup_steps:
        return peak_lr * (step + 1) / (warmup_steps + 1)
    progress = _progress(step, total_steps, warmup_steps)
    return final_lr + 0.5 * (peak_lr - final_lr) * (1 + math.cos(progress))


def cosine_of_a_quarter(step, peak_lr, total_steps, warmup_steps=0, final_lr=0.0):
    if step < warmup_steps:
        return peak_lr * (step + 1) / (warmup_steps + 1)
    progress = _progress(step, total_steps, warmup_steps)
    return final_lr + (peak_lr - final_lr) * math.cos(math.pi / 2 * progress)


def cosine_that_is_a_line(step, peak_lr, total_steps, warmup_steps=0, final_lr=0.0):
    return schedules.linear(step, peak_lr, total_steps, warmup_steps, final_lr)


def _cosine_by_numbers(step, peak_lr, total_steps, warmup_steps=0, final_lr=0.0):
    if step <= warmup_steps:
        return peak_lr * (step + 1) / (warmup_steps + 1)
    if step >= total_steps:
        return final_lr
    share = math.cos(math.pi / 2 * (step - warmup_steps) / (total_steps - warmup_steps)) ** 2
    return final_lr * (1 - share) + peak_lr * share


COSINE_WITH_WARMUP = Exercise(
    name="optim.cosine_with_warmup",
    week=2,
    notebook=GUIDED,
    reference=schedules.cosine_with_warmup,
    cases=(
        Case("the fall", lambda: [[0, 2, 4, 7, 8], 1.0, 8], run=_rates),
        Case("the rise", lambda: [[0, 1, 2, 3], 1.0, 11, 3], run=_rates),
        Case("both", lambda: [[0, 3, 4, 5, 8, 11, 12], 0.4, 12, 4], run=_rates),
        Case("the final rate", lambda: [[0, 3, 6, 9, 10], 1.0, 10, 2, 0.1], run=_rates),
        Case(
            "after the end",
            lambda: [[10, 11, 15, 20], 1.0, 10, 2, 0.1],
            run=_rates,
            says="after total_steps the rate must stay at final_lr.",
        ),
    ),
    mistakes=(
        Mistake(
            cosine_from_zero,
            "step 0 gets a rate of 0, so the first batch is wasted: the rise is (step + 1) / (warmup_steps + 1).",
            RISE,
        ),
        Mistake(
            cosine_that_peaks_early,
            "the rise divides by warmup_steps, so the peak comes one step too early and twice: divide by "
            "warmup_steps + 1.",
            RISE,
        ),
        Mistake(cosine_without_warmup, "there is no rise: warmup_steps is not used.", RISE),
        Mistake(
            cosine_that_counts_the_warmup,
            "the fall counts from step 0 and so starts below the peak: its progress counts from the end of the rise.",
            RISE,
        ),
        Mistake(
            cosine_after_the_end_of_the_warmup,
            "the fall is warmup_steps too long: it takes total_steps - warmup_steps steps.",
            RISE,
        ),
        Mistake(
            cosine_that_rises_again,
            "after total_steps the cosine turns and the rate rises again: keep progress at most 1.",
            RISE,
        ),
        Mistake(
            cosine_that_ends_at_zero,
            "it falls to 0 whatever final_lr says: the wave runs between peak_lr and final_lr.",
            RISE,
        ),
        Mistake(
            cosine_lifted_by_final,
            "final_lr is added on top, so the fall starts above the peak: the wave's height is peak_lr - final_lr.",
            RISE,
        ),
        Mistake(
            cosine_without_the_half,
            "1 + cos runs from 2 to 0, so the fall starts at twice the peak: multiply by ½.",
            RISE,
        ),
        Mistake(
            cosine_without_pi,
            "the cosine gets 0 to 1 and falls only a little: half a wave is 0 to π.",
            RISE,
        ),
        Mistake(
            cosine_of_a_quarter,
            "that is a quarter of a wave, which is steepest at the end: ½ (1 + cos(π · progress)) flattens out there.",
            RISE,
        ),
        Mistake(
            cosine_that_is_a_line,
            "the fall is a straight line: use ½ (1 + cos(π · progress)).",
            RISE,
        ),
    ),
    hints=(
        "Which rate does step 0 get with warmup_steps = 3? And what is progress at the peak, and at total_steps?",
        "Two cases. Below warmup_steps a share of the peak. From there on half a cosine wave, which goes from 1 to 0 "
        "as progress goes from 0 to 1, stretched between peak_lr and final_lr.",
        "progress = min(1.0, (step - warmup_steps) / (total_steps - warmup_steps)); final_lr + 0.5 * (peak_lr - "
        "final_lr) * (1 + math.cos(math.pi * progress))",
    ),
    alternatives=(_cosine_by_numbers,),
)

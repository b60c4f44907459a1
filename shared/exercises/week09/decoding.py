"""`decoding.beam_step` and `decoding.fit_temperature`; with `decoding.bleu` and `decoding.rouge_l`, in `overlap`."""

import math

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week09.overlap import BLEU, NOTEBOOK, ROUGE_L
from shared.llm.writing.beam import beam_step
from shared.training.judge import fit_temperature

STEP = "A step of beam search"
COOL = "Cool it down"


# --- beam_step -------------------------------------------------------------------------------------------------------


def _step(
    totals,
    logits,
    n_beams,
    eos_id,
    length,
    length_penalty=1.0,
    log_p=lambda logits: torch.log_softmax(logits.float(), dim=-1),
    add=lambda totals, log_p: totals[:, None] + log_p,
    width=2,
    limit=True,
    place_of=divmod,
    score=lambda total, length, penalty: total / length**penalty,
    ends_go_on=False,
):
    """The reference with single parts that can be replaced."""
    together = add(totals, log_p(logits))
    best = together.flatten().topk(min(width * n_beams, together.numel()))
    going, ended = [], []
    for rank, (total, place) in enumerate(zip(best.values.tolist(), best.indices.tolist())):
        parent, token = place_of(place, logits.shape[-1])
        if token == eos_id and (rank < n_beams or not limit):
            ended.append((score(total, length, length_penalty), total, parent))
        if token != eos_id or ends_go_on:
            going.append((total, parent, token))
    return going[:n_beams], ended


def step_of_raw_logits(*inputs):
    return _step(*inputs, log_p=lambda logits: logits.float())


def step_of_probabilities(*inputs):
    return _step(*inputs, log_p=lambda logits: torch.softmax(logits.float(), dim=-1))


def step_without_the_past(*inputs):
    return _step(*inputs, add=lambda totals, log_p: log_p)


def step_softmax_over_the_wrong_side(*inputs):
    return _step(*inputs, log_p=lambda logits: torch.log_softmax(logits.float(), dim=0))


def step_that_narrows(*inputs):
    return _step(*inputs, width=1)


def step_where_ends_go_on(*inputs):
    return _step(*inputs, ends_go_on=True)


def step_that_takes_every_end(*inputs):
    return _step(*inputs, limit=False)


def step_with_parents_and_tokens_swapped(*inputs):
    return _step(*inputs, place_of=lambda place, size: divmod(place, size)[::-1])


def step_divided_by_the_beams(totals, logits, *rest):
    return _step(totals, logits, *rest, place_of=lambda place, size: divmod(place, len(totals)))


def step_without_lengths(*inputs):
    return _step(*inputs, score=lambda total, length, penalty: total)


def step_that_multiplies_lengths(*inputs):
    return _step(*inputs, score=lambda total, length, penalty: total * length**penalty)


def step_that_ignores_the_penalty(*inputs):
    return _step(*inputs, score=lambda total, length, penalty: total / length)


def step_that_does_not_count_the_end(*inputs):
    return _step(
        *inputs, score=lambda total, length, penalty: total / max(1, length - 1) ** penalty
    )


def step_of_one_child_each(totals, logits, n_beams, eos_id, length, length_penalty=1.0):
    together = totals[:, None] + torch.log_softmax(logits.float(), dim=-1)
    best, tokens = together.max(dim=-1)
    going, ended = [], []
    for parent in best.argsort(descending=True).tolist()[:n_beams]:
        total, token = best[parent].item(), int(tokens[parent])
        if token == eos_id:
            ended.append((total / length**length_penalty, total, parent))
        else:
            going.append((total, parent, token))
    return going, ended


def _step_by_sorted_lists(totals, logits, n_beams, eos_id, length, length_penalty=1.0):
    rows = torch.log_softmax(logits.float(), dim=-1).tolist()
    every = [
        (total + log_p, parent, token)
        for parent, (total, row) in enumerate(zip(totals.tolist(), rows))
        for token, log_p in enumerate(row)
    ]
    every.sort(key=lambda one: -one[0])
    going = [one for one in every if one[2] != eos_id][:n_beams]
    ended = [
        (total / length**length_penalty, total, parent)
        for total, parent, token in every[:n_beams]
        if token == eos_id
    ]
    return going, ended


def _beginnings(seed, k, vocab_size, n_beams, eos_id, length, penalty=1.0, end=0.0):
    """k beginnings of some text and logits after them; end: is added to the logit of eos."""
    generator = torch.Generator().manual_seed(seed)
    totals = (-3 * torch.rand(k, generator=generator)).sort(descending=True).values
    logits = 2 * torch.randn(k, vocab_size, generator=generator) + torch.arange(k)[:, None]
    if eos_id is not None:
        logits[:, eos_id] += end
    return [totals, logits, n_beams, eos_id, length, penalty]


_PAPER = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]).log()

BEAM_STEP = Exercise(
    name="decoding.beam_step",
    week=9,
    notebook=NOTEBOOK,
    reference=beam_step,
    cases=(
        Case(
            "the step on paper",
            lambda: [torch.tensor([0.6, 0.4]).log(), _PAPER.clone(), 2, 2, 2, 1.0],
        ),
        Case("the first step, from one beginning", lambda: _beginnings(1, 1, 5, 3, None, 1)),
        Case("raw logits, several beginnings", lambda: _beginnings(2, 4, 7, 4, None, 3)),
        Case("texts that end", lambda: _beginnings(3, 4, 6, 4, 2, 5, end=3.0)),
        Case("another length penalty", lambda: _beginnings(4, 4, 6, 4, 0, 4, 0.5, end=3.0)),
        Case("an end that is not likely enough", lambda: _beginnings(5, 3, 6, 3, 5, 6, end=0.7)),
        Case("no penalty", lambda: _beginnings(6, 5, 8, 5, 1, 7, 0.0, end=3.0)),
        Case("fewer continuations than beams", lambda: _beginnings(7, 1, 3, 4, 0, 1, end=1.0)),
        *(
            Case(f"beginnings of all kinds {seed}", lambda seed=seed: _many(seed))
            for seed in (11, 12)
        ),
    ),
    mistakes=(
        Mistake(
            step_of_raw_logits,
            "the raw logits were added; those of two beginnings cannot be compared before each row went through "
            "log_softmax.",
            STEP,
        ),
        Mistake(
            step_of_probabilities,
            "probabilities were added to logarithms: take log_softmax, since a product of probabilities is a sum of "
            "logs.",
            STEP,
        ),
        Mistake(
            step_without_the_past,
            "what the beginnings have cost so far is missing: totals[:, None] + the log-probabilities.",
            STEP,
        ),
        Mistake(
            step_softmax_over_the_wrong_side,
            "the softmax runs over the beginnings; it must run over the vocabulary, dim=-1.",
            STEP,
        ),
        Mistake(
            step_that_narrows,
            "texts that end take places from those that go on, so the beam narrows: look at 2 · n_beams continuations, "
            "and let n_beams of them go on.",
            STEP,
        ),
        Mistake(
            step_where_ends_go_on,
            "continuations that end are also among those that go on: nothing is written after the end.",
            STEP,
        ),
        Mistake(
            step_that_takes_every_end,
            "an end counts only if it is among the n_beams likeliest continuations; here later ones were taken, too.",
            STEP,
        ),
        Mistake(
            step_with_parents_and_tokens_swapped,
            "parent and token are swapped: in the flat table a place is parent · vocab_size + token.",
            STEP,
        ),
        Mistake(
            step_divided_by_the_beams,
            "the place was divided by the number of beginnings: a row of the flat table is vocab_size long.",
            STEP,
        ),
        Mistake(
            step_without_lengths,
            "the score is the bare sum: divide it by length ** length_penalty, or short texts win.",
            STEP,
        ),
        Mistake(
            step_that_multiplies_lengths,
            "log P was multiplied by the length; it must be divided by length ** length_penalty.",
            STEP,
        ),
        Mistake(
            step_that_ignores_the_penalty,
            "length_penalty has no effect: it is the power of the length that log P is divided by.",
            STEP,
        ),
        Mistake(
            step_that_does_not_count_the_end,
            "one was taken off the length: `length` is what to divide by, the end is counted in it.",
            STEP,
        ),
        Mistake(
            step_of_one_child_each,
            "each beginning was continued by its best token only: the n_beams best are chosen among the continuations "
            "of all of them together.",
            STEP,
        ),
    ),
    hints=(
        "k beginnings with vocab_size continuations each: what is the log-probability of each of those texts, and in "
        "what shape do you have them?",
        "A table (k, vocab_size): the total of the row plus log_softmax of its logits. Flatten it and take "
        "topk(min(2 · n_beams, how many there are)). divmod(place, vocab_size) gives parent and token. Go through them "
        "in order, with their rank.",
        "best = (totals[:, None] + torch.log_softmax(logits, -1)).flatten().topk(…); if token == eos_id: if rank < "
        "n_beams, ended.append((total / length**length_penalty, total, parent)); otherwise going.append((total, "
        "parent, token)); return going[:n_beams], ended",
    ),
    alternatives=(_step_by_sorted_lists,),
)


def _many(seed):
    generator = torch.Generator().manual_seed(seed)
    k, size = 6, 9
    totals = (-2 * torch.rand(k, generator=generator)).sort(descending=True).values
    logits = 1.5 * torch.randn(k, size, generator=generator)
    logits[:, 4] += 1.2
    logits += 3 * torch.randn(k, 1, generator=generator)
    return [totals, logits, 6, 4, 9, 1.3]


# --- fit_temperature -------------------------------------------------------------------------------------------------


def _halve(value, low=0.01, high=100.0):
    """Where a function of 1/T that falls goes through 0, as T."""
    for _ in range(40):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if value(middle) > 0 else (low, middle)
    return (low * high) ** -0.5


def _best(loss, grid=None):
    """The T of a fine grid with the smallest loss."""
    grid = torch.logspace(-1.5, 1.5, 601, dtype=torch.float64).tolist() if grid is None else grid
    return min(grid, key=loss)


def _nll(logits, targets, t):
    return torch.nn.functional.cross_entropy(logits.double() / t, targets).item()


def temperature_upside_down(logits, targets):
    return 1 / fit_temperature(logits, targets)


def temperature_of_the_targets_logit(logits, targets):
    """Makes the target's logit / T as large as it can: without the sum of the others nothing stops it."""
    wanted = logits.gather(1, targets[:, None]).mean().item()
    return 0.01 if wanted > 0 else 100.0


def temperature_of_mean_probability(logits, targets):
    at = lambda t: -torch.softmax(logits.double() / t, 1).gather(1, targets[:, None]).mean()  # noqa: E731
    return _best(lambda t: at(t).item())


def temperature_of_the_largest_logit(logits, targets):
    """Compares with the mean of the largest logit instead of the target's."""
    largest = logits.double().max(dim=1).values.mean()
    return _halve(
        lambda beta: (
            largest - (torch.softmax(logits.double() * beta, 1) * logits).sum(1).mean() - 1e-9
        ).item()
    )


def temperature_of_confidence(logits, targets):
    """Makes the mean confidence equal to the accuracy."""
    accuracy = (logits.argmax(1) == targets).double().mean()
    return _halve(
        lambda beta: (
            accuracy - torch.softmax(logits.double() * beta, 1).max(dim=1).values.mean()
        ).item()
    )


def temperature_above_one(logits, targets):
    return max(1.0, fit_temperature(logits, targets))


def temperature_below_one(logits, targets):
    return min(1.0, fit_temperature(logits, targets))


def temperature_of_a_few(logits, targets):
    return _best(lambda t: _nll(logits, targets, t), [0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0])


def temperature_of_probabilities(logits, targets):
    """The softmax twice: probabilities are divided by T and go through a softmax again."""
    return fit_temperature(torch.softmax(logits, dim=1), targets)


def temperature_of_entropy(logits, targets):
    """Makes the expected surprise equal to the measured one at T = 1."""
    wanted = _nll(logits, targets, 1.0)

    def entropy(beta):
        log_p = torch.log_softmax(logits.double() * beta, dim=1)
        return -(log_p.exp() * log_p).sum(1).mean().item()

    return _halve(lambda beta: entropy(beta) - wanted)


def _temperature_by_newton(logits, targets):
    """Newton's method on the mean of −ln P, in the logarithm of 1/T, with short steps."""
    logits, u = logits.double(), 0.0
    wanted = logits.gather(1, targets[:, None]).mean().item()
    for _ in range(60):
        beta = math.exp(u)
        p = torch.softmax(logits * beta, dim=1)
        mean = (p * logits).sum(1)
        slope = beta * (mean.mean().item() - wanted)
        spread = ((p * logits**2).sum(1) - mean**2).mean().item()
        bend = max(beta**2 * spread + slope, 1e-3)
        u -= max(-0.5, min(0.5, slope / bend))
    return 1 / math.exp(u)


def _temperature_by_grid(logits, targets):
    """A coarse grid, then a finer one around its best, and once more."""
    best, step = 1.0, 2.0
    for _ in range(22):
        best = _best(lambda t: _nll(logits, targets, t), [best / step, best, best * step])
        step = step**0.75 if step > 1.0001 else step
    grid = [best * (1 + 0.0002 * i) for i in range(-40, 41)]
    return _best(lambda t: _nll(logits, targets, t), grid)


def _answers(seed, n, c, truth, spread=2.0):
    """Logits, and targets drawn from softmax(logits / truth): so `truth` is about what to find."""
    generator = torch.Generator().manual_seed(seed)
    logits = spread * torch.randn(n, c, generator=generator)
    p = torch.softmax(logits / truth, dim=1)
    return [logits, torch.multinomial(p, 1, generator=generator)[:, 0]]


FIT_TEMPERATURE = Exercise(
    name="decoding.fit_temperature",
    week=9,
    notebook=NOTEBOOK,
    reference=fit_temperature,
    cases=(
        Case(
            "the example on paper",
            lambda: [torch.tensor([[math.log(9.0), 0.0]]).expand(4, 2), torch.tensor([0, 0, 0, 1])],
            rtol=3e-3,
        ),
        Case("too sure", lambda: _answers(1, 400, 5, 2.5), rtol=3e-3),
        Case("not sure enough", lambda: _answers(2, 400, 5, 0.6), rtol=3e-3),
        Case("about right", lambda: _answers(3, 600, 8, 1.0), rtol=3e-3),
        Case(
            "logits that are all below 0",
            lambda: [x - 20 if i == 0 else x for i, x in enumerate(_answers(4, 300, 6, 1.7))],
            rtol=3e-3,
        ),
    ),
    mistakes=(
        Mistake(
            temperature_upside_down,
            "that is 1/T: the logits are divided by what you return.",
            COOL,
        ),
        Mistake(
            temperature_of_the_targets_logit,
            "only the target's own logit was made large: the softmax also divides by the sum over all the others.",
            COOL,
        ),
        Mistake(
            temperature_of_mean_probability,
            "the mean of P(target) was made large; it is the mean of its logarithm that counts.",
            COOL,
        ),
        Mistake(
            temperature_of_the_largest_logit,
            "compared was the largest logit of each row; it is the target's that the expectation must meet.",
            COOL,
        ),
        Mistake(
            temperature_of_confidence,
            "the mean confidence was made equal to the accuracy; asked is the T at which the targets are likeliest.",
            COOL,
        ),
        Mistake(
            temperature_above_one,
            "T never falls below 1: some models are not sure enough, so search on both sides of 1.",
            COOL,
        ),
        Mistake(
            temperature_below_one,
            "T never rises above 1: some models are too sure, so search on both sides of 1.",
            COOL,
        ),
        Mistake(
            temperature_of_a_few,
            "only a few values were tried, and the best lies between them: go on halving the interval.",
            COOL,
        ),
        Mistake(
            temperature_of_probabilities,
            "the softmax was taken twice: divide the logits by T, not the probabilities.",
            COOL,
        ),
        Mistake(
            temperature_of_entropy,
            "the entropy was set equal to the loss at T = 1; but the loss changes with T, too. Make the loss least.",
            COOL,
        ),
    ),
    hints=(
        "If 1/T is too small, is the logit that the probabilities expect larger or smaller than the target's?",
        "Keep two bounds of 1/T, 0.01 and 100. Take the middle √(low · high), compute the mean of Σ p · logit there, "
        "and compare with the mean logit of the targets: smaller, then the middle is the new low, otherwise the new "
        "high. Thirty times.",
        "p = torch.softmax(logits * middle, dim=-1); expected = (p * logits).sum(dim=-1).mean(); low, high = (middle, "
        "high) if expected <= wanted else (low, middle); at the end (low * high) ** -0.5",
    ),
    alternatives=(_temperature_by_newton, _temperature_by_grid),
)

DECODING = (BEAM_STEP, BLEU, ROUGE_L, FIT_TEMPERATURE)

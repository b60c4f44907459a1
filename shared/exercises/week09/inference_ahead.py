"""`inference.accept`: which of the tokens that a small model drafted may stand."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.llm.writing.speculative import accept

NOTEBOOK = "week09_llm/4_explore_inference.ipynb"
STAND = "Which of them may stand"


def stood(implementation, target, draft, drafted):
    """How many stand, and the token after them, where chance has no say."""
    n, token = implementation(target, draft, drafted, torch.Generator().manual_seed(4))
    return {"how many stand": int(n), "the token after them": int(token)}


def shares(implementation, target, draft, draws=800):
    """How often each pair (how many stand, the token after them) comes, over many drafts: (k + 1, vocab_size)"""
    generator = torch.Generator().manual_seed(9)
    counts = torch.zeros(len(draft) + 1, target.shape[1])
    all_drafted = torch.multinomial(draft, draws, replacement=True, generator=generator).T
    for drafted in all_drafted.contiguous():
        n, token = implementation(target, draft, drafted, generator)
        counts[int(n), int(token)] += 1
    return {"share of (how many stand, the token after them)": counts / draws}


def repeated(implementation, target, draft, drafted):
    """Whether one seed gives one result, over and over."""

    def some():
        generator = torch.Generator().manual_seed(3)
        found = [implementation(target, draft, drafted, generator) for _ in range(30)]
        return [(int(n), int(token)) for n, token in found]

    first, again = some(), some()
    return {
        "the same seed, the same results": first == again,
        "not always one": len(set(first)) > 1,
    }


# --- mistakes --------------------------------------------------------------------------------------------------------


def _draw(weights, generator):
    return int(torch.multinomial(weights, 1, generator=generator))


def _accept(
    target,
    draft,
    drafted,
    generator=None,
    refuses=lambda chance, p, q, x: chance * q[x] >= p[x],
    instead=lambda p, q: (p - q).clamp(min=0),
    after=lambda target: target[-1],
    draw=_draw,
):
    """The reference with single steps that can be replaced."""
    for n, x in enumerate(drafted.tolist()):
        p, q = target[n], draft[n]
        chance = torch.rand((), generator=generator, dtype=p.dtype)
        if refuses(chance, p, q, x):
            return n, draw(instead(p, q), generator)
    return len(drafted), draw(after(target), generator)


def accept_everything(target, draft, drafted, generator=None):
    return _accept(target, draft, drafted, generator, refuses=lambda *_: False)


def accept_by_the_ratio_turned_round(target, draft, drafted, generator=None):
    return _accept(target, draft, drafted, generator, refuses=lambda c, p, q, x: c * p[x] >= q[x])


def accept_what_should_be_refused(target, draft, drafted, generator=None):
    return _accept(target, draft, drafted, generator, refuses=lambda c, p, q, x: c * q[x] < p[x])


def accept_by_the_large_model_alone(target, draft, drafted, generator=None):
    return _accept(target, draft, drafted, generator, refuses=lambda c, p, q, x: c >= p[x])


def accept_where_it_is_likelier(target, draft, drafted, generator=None):
    return _accept(target, draft, drafted, generator, refuses=lambda c, p, q, x: q[x] > p[x])


def accept_the_likeliest_only(target, draft, drafted, generator=None):
    return _accept(target, draft, drafted, generator, refuses=lambda c, p, q, x: x != p.argmax())


def accept_and_draw_anew_from_the_large_model(target, draft, drafted, generator=None):
    return _accept(target, draft, drafted, generator, instead=lambda p, q: p)


def accept_and_draw_from_the_absolute_difference(target, draft, drafted, generator=None):
    return _accept(target, draft, drafted, generator, instead=lambda p, q: (p - q).abs())


def accept_and_draw_from_what_the_draft_has_more(target, draft, drafted, generator=None):
    def instead(p, q):
        more = (q - p).clamp(min=0)
        return more if more.sum() > 0 else p

    return _accept(target, draft, drafted, generator, instead=instead)


def accept_and_take_the_likeliest(target, draft, drafted, generator=None):
    return _accept(target, draft, drafted, generator, draw=lambda weights, _: int(weights.argmax()))


def accept_with_the_last_but_one(target, draft, drafted, generator=None):
    return _accept(target, draft, drafted, generator, after=lambda target: target[-2])


def accept_one_too_many(target, draft, drafted, generator=None):
    n, token = accept(target, draft, drafted, generator)
    return min(n + 1, len(drafted)), token


def accept_and_go_on(target, draft, drafted, generator=None):
    """Counts all that would be accepted, also behind the first that is not."""
    stand, first = 0, None
    for i, x in enumerate(drafted.tolist()):
        chance = torch.rand((), generator=generator, dtype=target.dtype)
        if chance * draft[i, x] < target[i, x]:
            stand += 1
        elif first is None:
            first = (target[i] - draft[i]).clamp(min=0)
    return stand, _draw(target[-1] if first is None else first, generator)


def accept_by_chances_of_its_own(target, draft, drafted, generator=None):
    return accept(target, draft, drafted)


def accept_by_one_chance(target, draft, drafted, generator=None):
    one = torch.rand((), generator=generator, dtype=target.dtype)
    return _accept(target, draft, drafted, generator, refuses=lambda _, p, q, x: one * q[x] >= p[x])


def _all_chances_at_once(target, draft, drafted, generator=None):
    """Vectorized, with a draw by the running sum."""
    k = len(drafted)
    places = torch.arange(k)
    ratio = target[places, drafted] / draft[places, drafted]
    stands = torch.rand(k, generator=generator, dtype=ratio.dtype) < ratio
    n = int(stands.long().cumprod(0).sum())
    weights = target[k] if n == k else torch.relu(target[n] - draft[n])
    running = weights.cumsum(0)
    chance = torch.rand((), generator=generator, dtype=running.dtype) * running[-1]
    return n, int(torch.searchsorted(running, chance, right=True))


def _p(*rows):
    return torch.tensor(rows, dtype=torch.float64)


_ONE = _p([0.6, 0.3, 0.1], [0.1, 0.2, 0.7]), _p([0.2, 0.3, 0.5])
_TWO = (
    _p([0.3, 0.4, 0.3], [0.3, 0.4, 0.3], [0.05, 0.05, 0.9]),
    _p([0.1, 0.8, 0.1], [0.1, 0.8, 0.1]),
)

ACCEPT = Exercise(
    name="inference.accept",
    week=9,
    notebook=NOTEBOOK,
    reference=accept,
    cases=(
        Case(
            "a draft that is right",
            lambda: [_p([0.5, 0.5], [0.0, 1.0]), _p([0.5, 0.5]), torch.tensor([0])],
            run=stood,
        ),
        Case(
            "a token that the large model never writes",
            lambda: [_p([0.0, 1.0], [0.5, 0.5]), _p([1.0, 0.0]), torch.tensor([0])],
            run=stood,
        ),
        Case(
            "the second of three refused",
            lambda: [
                _p([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]),
                _p([1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0]),
                torch.tensor([0, 2, 2]),
            ],
            run=stood,
        ),
        Case(
            "no draft at all",
            lambda: [_p([0.0, 0.0, 1.0]), _p([0.5] * 3)[:0], torch.tensor([]).long()],
            run=stood,
        ),
        Case("shares of 800 drafts", lambda: list(_ONE), run=shares, rtol=0, atol=0.105),
        Case("two tokens ahead", lambda: list(_TWO), run=shares, rtol=0, atol=0.105),
        Case("a seed is a draw", lambda: [*_ONE, torch.tensor([2])], run=repeated),
    ),
    mistakes=(
        Mistake(
            accept_everything,
            "every drafted token stands: then the small model has written. x may stand with probability min(1, "
            "p(x) / q(x)).",
            STAND,
        ),
        Mistake(
            accept_by_the_ratio_turned_round,
            "the ratio is turned round: what the large model finds likelier than the draft did always stands, so it is "
            "p(x) / q(x).",
            STAND,
        ),
        Mistake(
            accept_what_should_be_refused,
            "it refuses what should stand: x stands where the chance is below p(x) / q(x).",
            STAND,
        ),
        Mistake(
            accept_by_the_large_model_alone,
            "x stands with probability p(x): that it was drafted was itself a chance q(x), so divide by it.",
            STAND,
        ),
        Mistake(
            accept_where_it_is_likelier,
            "there is no chance in it: where p(x) is below q(x), x stands all the same in p(x) / q(x) of the cases.",
            STAND,
        ),
        Mistake(
            accept_the_likeliest_only,
            "only the large model's likeliest token stands: that is greedy writing; here x stands by chance, with "
            "min(1, p(x) / q(x)).",
            STAND,
        ),
        Mistake(
            accept_and_draw_anew_from_the_large_model,
            "the new token is drawn from p: then tokens that the draft likes come too often. Draw it from what p has "
            "more, (p − q).clamp(min=0).",
            STAND,
        ),
        Mistake(
            accept_and_draw_from_the_absolute_difference,
            "the new token is drawn from |p − q|: only what p has more of counts, so what is negative becomes 0, by "
            "clamp(min=0).",
            STAND,
        ),
        Mistake(
            accept_and_draw_from_what_the_draft_has_more,
            "the new token is drawn from q − p, of what the draft wrote too often already: it is p − q.",
            STAND,
        ),
        Mistake(
            accept_and_take_the_likeliest,
            "the last token is the likeliest: draw it, with torch.multinomial.",
            STAND,
        ),
        Mistake(
            accept_with_the_last_but_one,
            "where all stand, the token after them is drawn from the wrong row: it is the last of target, which has "
            "one row more than the draft.",
            STAND,
        ),
        Mistake(
            accept_one_too_many,
            "the token that was refused is counted as one that stands: n is how many stand before it.",
            STAND,
        ),
        Mistake(
            accept_and_go_on,
            "it goes on behind the first refused token: what follows was drafted after a token that is not there. Stop "
            "at once.",
            STAND,
        ),
        Mistake(
            accept_by_chances_of_its_own,
            "the generator is not used, so that one seed gives different texts: hand it to torch.rand and "
            "torch.multinomial.",
            STAND,
        ),
        Mistake(
            accept_by_one_chance,
            "one chance decides about all tokens: draw a new number for each, inside the loop.",
            STAND,
        ),
    ),
    hints=(
        "The draft wrote x with probability 0.5 and the large model would with 0.1. In which share of the cases may x "
        "stand, so that x is written as often as the large model would?",
        "Go through the drafted tokens: a chance from torch.rand; where it is not below p(x) / q(x), return n and a "
        "draw from the positive part of p − q. Behind the loop: all stand, and a draw from the last row of target.",
        "if chance * q[x] >= p[x]: return n, int(torch.multinomial((p - q).clamp(min=0), 1, generator=generator))",
    ),
    alternatives=(_all_chances_at_once,),
    seconds=15.0,
)

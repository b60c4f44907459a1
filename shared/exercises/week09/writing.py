"""`generate.sample`: the choice of the next token."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.llm.writing import sampling

NOTEBOOK = "week09_llm/1_guided_finetune_gpt2.ipynb"
CHOOSE = "Choose the next token"


def drawn(implementation, probabilities, settings=None, draws=20_000):
    """What many draws from one text's probabilities come to."""
    logits = torch.tensor(probabilities).log().expand(draws, -1)
    generator = torch.Generator().manual_seed(9)
    tokens = implementation(logits, **(settings or {}), generator=generator)
    if (
        not isinstance(tokens, torch.Tensor)
        or tokens.shape != (draws,)
        or tokens.is_floating_point()
    ):
        return {"tokens": tokens[:4] if isinstance(tokens, torch.Tensor) else tokens}
    counts = torch.bincount(tokens, minlength=len(probabilities))
    return {
        "tokens that come": counts.nonzero().flatten().tolist(),
        "share of the draws": counts / draws,
    }


def chosen(implementation, logits, settings):
    """The tokens of several texts, where the settings leave no choice."""
    return implementation(logits, **settings)


def repeated(implementation, logits):
    """Whether one seed gives one draw, and a second draw of the same generator another."""
    first, again = (torch.Generator().manual_seed(3) for _ in range(2))
    a, b = implementation(logits, generator=first), implementation(logits, generator=again)
    c = implementation(logits, generator=first)
    return {
        "the same seed, the same tokens": torch.equal(a, b),
        "then others": not torch.equal(a, c),
    }


def _sampled(
    logits,
    temperature=1.0,
    top_k=None,
    top_p=1.0,
    min_p=0.0,
    generator=None,
    heat=lambda logits, t: torch.softmax(logits.float() / t, dim=-1),
    stay=lambda p, before, top_p: before < top_p,
    least=lambda p, min_p: p >= min_p * p[:, :1],
    count=lambda k: k,
):
    """The reference with single steps that can be replaced."""
    if temperature == 0:
        return logits.argmax(dim=-1)
    vocab_size = logits.shape[-1]
    logits, tokens = logits.topk(min(count(top_k) if top_k else vocab_size, vocab_size))
    p = heat(logits, temperature)
    p = p * stay(p, p.cumsum(dim=-1) - p, top_p) * least(p, min_p)
    drawn = torch.multinomial(p, 1, generator=generator)
    return tokens.gather(-1, drawn).squeeze(-1)


def sample_multiplied_by_the_temperature(logits, temperature=1.0, *rest, **more):
    return _sampled(
        logits,
        temperature,
        *rest,
        **more,
        heat=lambda logits, t: torch.softmax(logits * t, dim=-1),
    )


def sample_with_probabilities_divided(logits, temperature=1.0, *rest, **more):
    return _sampled(
        logits,
        temperature,
        *rest,
        **more,
        heat=lambda logits, t: torch.softmax(logits, dim=-1) / t / (1 / t),
    )


def sample_of_the_likeliest(logits, temperature=1.0, **more):
    return logits.argmax(dim=-1)


def sample_that_divides_by_zero(logits, temperature=1.0, **more):
    if temperature == 0:
        p = torch.softmax(logits / temperature, dim=-1)
        return torch.multinomial(p, 1, generator=more.get("generator")).squeeze(-1)
    return _sampled(logits, temperature, **more)


def sample_of_ranks(logits, temperature=1.0, top_k=None, top_p=1.0, min_p=0.0, generator=None):
    if temperature == 0:
        return logits.argmax(dim=-1)
    ordered = logits.sort(dim=-1, descending=True).values
    return _sampled(ordered, temperature, top_k, top_p, min_p, generator)


def sample_without_the_token_that_crosses(logits, temperature=1.0, **more):
    def stay(p, before, top_p):
        inside = before + p <= top_p + 1e-6
        inside[:, 0] = True
        return inside

    return _sampled(logits, temperature, **more, stay=stay)


def sample_with_one_token_after_the_crossing(logits, temperature=1.0, **more):
    def stay(p, before, top_p):
        if top_p == 1:
            return torch.ones_like(before, dtype=torch.bool)
        one_before = torch.cat([torch.zeros_like(before[:, :1]), before[:, :-1]], dim=-1)
        return one_before < top_p

    return _sampled(logits, temperature, **more, stay=stay)


def sample_with_top_p_in_the_order_of_the_vocabulary(
    logits, temperature=1.0, top_k=None, top_p=1.0, min_p=0.0, generator=None
):
    if temperature == 0:
        return logits.argmax(dim=-1)
    if top_k is not None:
        logits = sampling.keep_top_k(logits, top_k)
    p = torch.softmax(logits / temperature, dim=-1)
    p = p * (p.cumsum(dim=-1) - p < top_p)
    p = p * (p >= min_p * p.max(dim=-1, keepdim=True).values)
    return torch.multinomial(p, 1, generator=generator).squeeze(-1)


def sample_with_one_more_than_k(logits, temperature=1.0, **more):
    return _sampled(logits, temperature, **more, count=lambda k: k + 1)


def sample_with_no_k_beyond_the_vocabulary(logits, temperature=1.0, top_k=None, **more):
    if temperature != 0 and top_k is not None:
        logits.topk(top_k)
    return _sampled(logits, temperature, top_k, **more)


def sample_with_zeros_for_logits(
    logits, temperature=1.0, top_k=None, top_p=1.0, min_p=0.0, generator=None
):
    if temperature == 0:
        return logits.argmax(dim=-1)
    heated = logits / temperature
    left = heated
    if top_k is not None:
        left = sampling.keep_top_k(left, top_k)
    if top_p < 1:
        left = sampling.keep_top_p(left, top_p)
    if min_p > 0:
        left = sampling.keep_min_p(left, min_p)
    p = torch.softmax(heated.masked_fill(left == -torch.inf, 0.0), dim=-1)
    return torch.multinomial(p, 1, generator=generator).squeeze(-1)


def sample_with_top_p_before_the_temperature(
    logits, temperature=1.0, top_k=None, top_p=1.0, min_p=0.0, generator=None
):
    if temperature == 0:
        return logits.argmax(dim=-1)
    if top_k is not None:
        logits = sampling.keep_top_k(logits, top_k)
    if top_p < 1:
        logits = sampling.keep_top_p(logits, top_p)
    return _sampled(logits, temperature, min_p=min_p, generator=generator)


def sample_with_top_p_of_all_tokens(
    logits, temperature=1.0, top_k=None, top_p=1.0, min_p=0.0, generator=None
):
    if temperature == 0:
        return logits.argmax(dim=-1)
    if top_p < 1:
        kept = sampling.keep_top_p(logits / temperature, top_p)
        logits = logits.masked_fill(kept == -torch.inf, -torch.inf)
    return _sampled(logits, temperature, top_k, 1.0, min_p, generator)


def sample_one_for_all(logits, temperature=1.0, **more):
    return _sampled(logits[:1], temperature, **more).expand(len(logits))


def sample_with_an_axis_left(logits, temperature=1.0, **more):
    return _sampled(logits, temperature, **more)[:, None]


def sample_from_a_chance_of_its_own(logits, temperature=1.0, generator=None, **more):
    return _sampled(logits, temperature, **more)


def sample_that_seeds(logits, temperature=1.0, generator=None, **more):
    return _sampled(logits, temperature, generator=torch.Generator().manual_seed(0), **more)


def sample_without_top_k(logits, temperature=1.0, top_k=None, **more):
    return _sampled(logits, temperature, **more)


def sample_without_top_p(logits, temperature=1.0, top_k=None, top_p=1.0, **more):
    return _sampled(logits, temperature, top_k, **more)


def sample_without_min_p(logits, temperature=1.0, min_p=0.0, **more):
    return _sampled(logits, temperature, **more)


def sample_with_min_p_of_all(logits, temperature=1.0, **more):
    return _sampled(logits, temperature, **more, least=lambda p, min_p: p >= min_p)


def _sample_by_filters(logits, temperature=1.0, top_k=None, top_p=1.0, min_p=0.0, generator=None):
    """On the vocabulary as it stands, with a threshold for each filter, and a draw by the running sum."""
    if temperature == 0:
        return logits.max(dim=-1).indices
    logits = logits / temperature
    if top_k is not None and top_k < logits.shape[-1]:
        logits = sampling.keep_top_k(logits, top_k)
    if top_p < 1:
        logits = sampling.keep_top_p(logits, top_p)
    if min_p > 0:
        logits = sampling.keep_min_p(logits, min_p)
    running = torch.softmax(logits, dim=-1).cumsum(dim=-1)
    chance = torch.rand(len(logits), 1, generator=generator, dtype=running.dtype)
    return torch.searchsorted(running, chance * running[:, -1:], right=True).squeeze(-1)


FIVE = (0.1, 0.4, 0.05, 0.25, 0.2)


def _draws(settings, proves, says=""):
    inputs = [FIVE, settings] if settings else [FIVE]
    return Case(proves, lambda: list(inputs), run=drawn, rtol=0, atol=0.02, says=says)


SAMPLE = Exercise(
    name="generate.sample",
    week=9,
    notebook=NOTEBOOK,
    reference=sampling.sample,
    cases=(
        Case(
            "temperature 0",
            lambda: [torch.tensor([[1.0, 3.0, 2.0], [0.5, 0.0, -1.0]]), {"temperature": 0}],
            run=chosen,
        ),
        _draws({}, "shares of 20,000 draws"),
        _draws({"temperature": 0.5}, "a low temperature"),
        _draws({"temperature": 2.0}, "a high temperature"),
        _draws({"top_k": 2}, "top-k"),
        _draws({"top_k": 99}, "more k than tokens"),
        _draws({"top_p": 0.8}, "top-p"),
        _draws({"top_p": 0.3}, "the likeliest always stays"),
        _draws({"min_p": 0.45}, "min-p"),
        _draws({"temperature": 2.0, "top_p": 0.8}, "top-p after the temperature"),
        _draws({"top_k": 3, "top_p": 0.7}, "top-p of what top-k left"),
        _draws(
            {"temperature": 1.5, "top_k": 4, "top_p": 0.95, "min_p": 0.45}, "all of them together"
        ),
        Case(
            "each text by itself",
            lambda: [
                torch.tensor([[0.0, 5.0, 1.0], [9.0, 0.0, 8.0], [1.0, 2.0, 3.0]]),
                {"top_k": 1},
            ],
            run=chosen,
        ),
        Case("a seed is a draw", lambda: [torch.randn(8, 50)], run=repeated),
    ),
    mistakes=(
        Mistake(
            sample_multiplied_by_the_temperature,
            "the logits are multiplied by the temperature; they are divided by it, so that a high one makes them more "
            "equal.",
            CHOOSE,
        ),
        Mistake(
            sample_with_probabilities_divided,
            "the temperature has no effect: dividing probabilities changes nothing in their ratios. Divide the logits, "
            "before the softmax.",
            CHOOSE,
        ),
        Mistake(
            sample_of_the_likeliest,
            "it always takes the likeliest token: that is right for temperature 0 only; otherwise draw with "
            "torch.multinomial.",
            CHOOSE,
        ),
        Mistake(
            sample_that_divides_by_zero,
            "temperature 0 divides by zero: it means the likeliest token, so return logits.argmax(dim=-1) before "
            "anything else.",
            CHOOSE,
        ),
        Mistake(
            sample_of_ranks,
            "it returns the rank of the token drawn (0 for the likeliest) in place of the token: look up which token "
            "has that rank, with tokens.gather(-1, drawn).",
            CHOOSE,
        ),
        Mistake(
            sample_without_the_token_that_crosses,
            "top-p leaves out the token with which the sum reaches p: a token stays where those before it have less "
            "than p together.",
            CHOOSE,
        ),
        Mistake(
            sample_with_one_token_after_the_crossing,
            "top-p keeps one token too many: compare p with the sum of the tokens before it, cumsum − p, not with that "
            "of one token earlier.",
            CHOOSE,
        ),
        Mistake(
            sample_with_top_p_in_the_order_of_the_vocabulary,
            "top-p sums in the order of the vocabulary: sort first, likeliest first, and sum in that order.",
            CHOOSE,
        ),
        Mistake(
            sample_with_one_more_than_k,
            "top-k leaves k + 1 tokens: with k = 1 only the likeliest may come.",
            CHOOSE,
        ),
        Mistake(
            sample_with_no_k_beyond_the_vocabulary,
            "it fails where top_k is more than there are tokens; then all of them stay: min(top_k, logits.shape[-1]).",
            CHOOSE,
        ),
        Mistake(
            sample_with_zeros_for_logits,
            "what a filter takes out gets the logit 0, which is a middling chance: its probability must be 0, its "
            "logit −∞.",
            CHOOSE,
        ),
        Mistake(
            sample_with_top_p_before_the_temperature,
            "top-p looks at the probabilities before the temperature: divide the logits first, then sum.",
            CHOOSE,
        ),
        Mistake(
            sample_with_top_p_of_all_tokens,
            "top-p sums over tokens that top-k has taken out: softmax over the k that are left, then sum.",
            CHOOSE,
        ),
        Mistake(
            sample_one_for_all,
            "one token is drawn and given to all texts: each row of the logits has a draw of its own.",
            CHOOSE,
        ),
        Mistake(
            sample_with_an_axis_left,
            "the result has the shape (n, 1): torch.multinomial keeps an axis for the number of draws, so squeeze it.",
            CHOOSE,
        ),
        Mistake(
            sample_from_a_chance_of_its_own,
            "the generator is not used, so one seed gives different texts: hand it to torch.multinomial.",
            CHOOSE,
        ),
        Mistake(
            sample_that_seeds,
            "it seeds anew at each call, so that every draw is the same draw: use the generator that comes in.",
            CHOOSE,
        ),
        Mistake(
            sample_without_top_k,
            "top_k has no effect: keep the k likeliest tokens with logits.topk(k), which also gives their numbers.",
            CHOOSE,
        ),
        Mistake(
            sample_without_top_p,
            "top_p has no effect: a token stays where the likelier ones have less than p together.",
            CHOOSE,
        ),
        Mistake(
            sample_without_min_p,
            "min_p has no effect: a token stays where it has at least min_p times the probability of the likeliest.",
            CHOOSE,
        ),
        Mistake(
            sample_with_min_p_of_all,
            "min_p is taken as a probability: it is a share of the likeliest token's, min_p * p[:, :1].",
            CHOOSE,
        ),
    ),
    hints=(
        "With the tokens sorted, likeliest first: which probabilities would you set to zero for top-p 0.8, and how "
        "does a running sum say so?",
        "logits.topk sorts and gives the tokens' numbers. Softmax of logits / temperature; multiply by the conditions; "
        "draw a place; look up which token stands there.",
        "p = p * (p.cumsum(-1) - p < top_p) * (p >= min_p * p[:, :1]); drawn = torch.multinomial(p, 1, "
        "generator=generator); return tokens.gather(-1, drawn).squeeze(-1)",
    ),
    alternatives=(_sample_by_filters,),
    seconds=15.0,
)

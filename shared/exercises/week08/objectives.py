"""`pretraining.mlm_mask`, `pretraining.causal_targets`: cases, mistakes, hints.

Chance is part of the first: right answers draw differently. So it is judged by shares over many tokens, and exactly
only where nothing is left to chance.
"""

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.training import pretraining

NOTEBOOK = "week08_pretraining/1_guided_finetune_bert.ipynb"
HIDE = "Hide tokens"
NEXT = "Say the next token"
PAD, CLS, SEP, MASK = 0, 1, 2, 3
SPECIAL = (PAD, CLS, SEP)


# --- mlm_mask --------------------------------------------------------------------------------------------------------


def _shares(implementation, tokens, mask_id, vocab_size, special_ids, share):
    """What a right answer does to many tokens, whichever way it draws."""
    generator = torch.Generator().manual_seed(3)
    inputs, targets = implementation(tokens, mask_id, vocab_size, special_ids, share, generator)
    chosen, special = targets != -100, torch.isin(tokens, torch.tensor(special_ids))
    now, before = inputs[chosen], tokens[chosen]
    other = now[(now != mask_id) & (now != before)]
    return {
        "shapes": [tuple(inputs.shape), tuple(targets.shape)],
        "share of the tokens that is chosen": (chosen & ~special).sum() / (~special).sum(),
        "special tokens chosen": int((chosen & special).sum()),
        "targets are the tokens that stood there": torch.equal(targets[chosen], before),
        "of the chosen, [MASK]": (now == mask_id).double().mean(),
        "of the chosen, as before": (now == before).double().mean(),
        "of the chosen, another token": len(other) / max(1, len(now)),
        "other tokens: the lowest": other.min() if len(other) else None,
        "other tokens: the highest": other.max() if len(other) else None,
        "changed without being chosen": int((inputs != tokens)[~chosen].sum()),
    }


def _targets_of(implementation, *inputs):
    return {"targets": implementation(*inputs)[1]}


def _repeatable(implementation, tokens, *settings):
    """Whether two calls with equally seeded generators agree, and whether torch's own generator was left alone."""
    before = torch.get_rng_state()
    first, second = (
        implementation(tokens, *settings, torch.Generator().manual_seed(5)) for _ in range(2)
    )
    return {
        "the same twice": all(torch.equal(a, b) for a, b in zip(first, second)),
        "torch's own generator untouched": torch.equal(before, torch.get_rng_state()),
    }


def _draws(tokens, special_ids, share, generator):
    """Who is chosen, a die for each place, and a random token for each: what the mistakes below need too."""
    special = torch.isin(tokens, torch.tensor(special_ids, dtype=tokens.dtype))
    chosen = (torch.rand(tokens.shape, generator=generator) < share) & ~special
    return chosen, torch.rand(tokens.shape, generator=generator)


def _random_tokens(tokens, vocab_size, generator):
    return torch.randint(vocab_size, tokens.shape, generator=generator)


def mask_all_the_chosen(tokens, mask_id, vocab_size, special_ids=(), share=0.15, generator=None):
    chosen, _ = _draws(tokens, special_ids, share, generator)
    return torch.where(chosen, mask_id, tokens), torch.where(chosen, tokens, -100)


def mask_with_all_tokens_as_targets(
    tokens, mask_id, vocab_size, special_ids=(), share=0.15, generator=None
):
    inputs, _ = pretraining.mlm_mask(tokens, mask_id, vocab_size, special_ids, share, generator)
    return inputs, tokens.clone()


def mask_with_targets_taken_afterwards(
    tokens, mask_id, vocab_size, special_ids=(), share=0.15, generator=None
):
    inputs, targets = pretraining.mlm_mask(
        tokens, mask_id, vocab_size, special_ids, share, generator
    )
    return inputs, torch.where(targets != -100, inputs, -100)


def mask_special_tokens_too(
    tokens, mask_id, vocab_size, special_ids=(), share=0.15, generator=None
):
    return pretraining.mlm_mask(tokens, mask_id, vocab_size, (), share, generator)


def mask_with_the_die_thrown_for_all(
    tokens, mask_id, vocab_size, special_ids=(), share=0.15, generator=None
):
    chosen, dice = _draws(tokens, special_ids, share, generator)
    inputs = torch.where(dice < 0.8, mask_id, tokens)
    inputs = torch.where(dice >= 0.9, _random_tokens(tokens, vocab_size, generator), inputs)
    return inputs, torch.where(chosen, tokens, -100)


def mask_with_ten_per_cent_of_the_rest(
    tokens, mask_id, vocab_size, special_ids=(), share=0.15, generator=None
):
    chosen, dice = _draws(tokens, special_ids, share, generator)
    again = torch.rand(tokens.shape, generator=generator)
    inputs = torch.where(chosen & (dice < 0.8), mask_id, tokens)
    other = _random_tokens(tokens, vocab_size, generator)
    inputs = torch.where(chosen & (dice >= 0.8) & (again < 0.1), other, inputs)
    return inputs, torch.where(chosen, tokens, -100)


def mask_overwritten_by_random_tokens(
    tokens, mask_id, vocab_size, special_ids=(), share=0.15, generator=None
):
    chosen, dice = _draws(tokens, special_ids, share, generator)
    again = torch.rand(tokens.shape, generator=generator)
    inputs = torch.where(chosen & (dice < 0.8), mask_id, tokens)
    other = _random_tokens(tokens, vocab_size, generator)
    inputs = torch.where(chosen & (again < 0.1), other, inputs)
    return inputs, torch.where(chosen, tokens, -100)


def mask_with_twenty_per_cent_random(
    tokens, mask_id, vocab_size, special_ids=(), share=0.15, generator=None
):
    chosen, dice = _draws(tokens, special_ids, share, generator)
    inputs = torch.where(chosen & (dice < 0.8), mask_id, tokens)
    other = _random_tokens(tokens, vocab_size, generator)
    return torch.where(chosen & (dice >= 0.8), other, inputs), torch.where(chosen, tokens, -100)


def mask_with_targets_the_wrong_way_round(
    tokens, mask_id, vocab_size, special_ids=(), share=0.15, generator=None
):
    inputs, targets = pretraining.mlm_mask(
        tokens, mask_id, vocab_size, special_ids, share, generator
    )
    return inputs, torch.where(targets == -100, tokens, -100)


def mask_with_one_random_token_for_all(
    tokens, mask_id, vocab_size, special_ids=(), share=0.15, generator=None
):
    chosen, dice = _draws(tokens, special_ids, share, generator)
    one = torch.randint(vocab_size, (1,), generator=generator)
    inputs = torch.where(chosen & (dice < 0.8), mask_id, tokens)
    return torch.where(chosen & (dice >= 0.9), one, inputs), torch.where(chosen, tokens, -100)


def mask_from_torchs_own_generator(
    tokens, mask_id, vocab_size, special_ids=(), share=0.15, generator=None
):
    return pretraining.mlm_mask(tokens, mask_id, vocab_size, special_ids, share, None)


def mask_written_into_the_tokens(
    tokens, mask_id, vocab_size, special_ids=(), share=0.15, generator=None
):
    inputs, targets = pretraining.mlm_mask(
        tokens, mask_id, vocab_size, special_ids, share, generator
    )
    tokens[:] = inputs
    return tokens, targets


def mask_with_zero_for_the_rest(
    tokens, mask_id, vocab_size, special_ids=(), share=0.15, generator=None
):
    inputs, targets = pretraining.mlm_mask(
        tokens, mask_id, vocab_size, special_ids, share, generator
    )
    return inputs, targets.masked_fill(targets == -100, 0)


def _mask_by_halves(tokens, mask_id, vocab_size, special_ids=(), share=0.15, generator=None):
    """As transformers' collator does it: of the fifth that gets no [MASK], a half."""
    probability = torch.full(tokens.shape, share)
    for one in special_ids:
        probability[tokens == one] = 0.0
    chosen = torch.bernoulli(probability, generator=generator).bool()
    masked = torch.bernoulli(torch.full(tokens.shape, 0.8), generator=generator).bool() & chosen
    random = torch.bernoulli(torch.full(tokens.shape, 0.5), generator=generator).bool()
    random = random & chosen & ~masked
    inputs, targets = tokens.clone(), tokens.clone()
    inputs[masked] = mask_id
    words = torch.randint(vocab_size, tokens.shape, generator=generator)
    inputs[random] = words[random]
    targets[~chosen] = -100
    return inputs, targets


def _texts(n, length, vocab_size):
    """Random texts: [CLS] … [SEP], and padding behind some."""
    tokens = torch.randint(4, vocab_size, (n, length))
    tokens[:, 0], tokens[:, -1] = CLS, SEP
    tokens[: n // 2, -length // 4 :] = PAD
    return tokens


MLM_MASK = Exercise(
    name="pretraining.mlm_mask",
    week=8,
    notebook=NOTEBOOK,
    reference=pretraining.mlm_mask,
    cases=(
        Case(
            "targets where all are chosen",
            lambda: [torch.tensor([[CLS, 7, 8, 9, SEP, PAD]]), MASK, 20, SPECIAL, 1.0],
            run=_targets_of,
        ),
        Case(
            "nothing chosen, nothing changed",
            lambda: [torch.tensor([[CLS, 7, 8, 9, SEP]]), MASK, 20, SPECIAL, 0.0],
        ),
        Case(
            "shares of 80, 10 and 10 %",
            lambda: [_texts(1_000, 250, 40), MASK, 40, SPECIAL, 0.15],
            run=_shares,
            atol=0.012,
        ),
        Case(
            "another share",
            lambda: [_texts(400, 250, 200), MASK, 200, SPECIAL, 0.4],
            run=_shares,
            atol=0.012,
        ),
        Case(
            "no special tokens",
            lambda: [torch.randint(4, 60, (400, 250)), MASK, 60, (), 0.3],
            run=_shares,
            atol=0.012,
        ),
        Case(
            "repeatable",
            lambda: [_texts(20, 30, 50), MASK, 50, SPECIAL, 0.15],
            run=_repeatable,
        ),
    ),
    mistakes=(
        Mistake(
            mask_all_the_chosen,
            "every chosen token becomes [MASK]: of ten, one becomes a random token and one stays. The die that says "
            "which is thrown anew, not taken from the numbers that chose.",
            HIDE,
        ),
        Mistake(
            mask_with_all_tokens_as_targets,
            "every place has a target, also where nothing was hidden: there the answer stands in the question, and "
            "the target must be -100.",
            HIDE,
        ),
        Mistake(
            mask_with_targets_taken_afterwards,
            "the targets are taken from the changed text, so [MASK] is the right answer to [MASK]: take them from "
            "the tokens as they were.",
            HIDE,
        ),
        Mistake(
            mask_special_tokens_too,
            "special tokens are hidden as well: leave out every place whose token is in special_ids.",
            HIDE,
        ),
        Mistake(
            mask_with_the_die_thrown_for_all,
            "tokens are replaced that were not chosen: `dice < 0.8` needs `chosen &` before it, and so has the random "
            "token.",
            HIDE,
        ),
        Mistake(
            mask_with_ten_per_cent_of_the_rest,
            "10 % of the fifth that gets no [MASK] is 2 % of the chosen: a random token goes to 10 % of all the "
            "chosen, which is half of that fifth.",
            HIDE,
        ),
        Mistake(
            mask_overwritten_by_random_tokens,
            "random tokens fall on places that hold [MASK] already, which leaves 72 % of them: one die for each place, "
            "cut into three, keeps the three cases apart.",
            HIDE,
        ),
        Mistake(
            mask_with_twenty_per_cent_random,
            "all that does not become [MASK] becomes a random token; half of it, 10 % of the chosen, stays as it is.",
            HIDE,
        ),
        Mistake(
            mask_with_targets_the_wrong_way_round,
            "the targets stand where nothing was chosen, and -100 where something was: turn the condition round.",
            HIDE,
        ),
        Mistake(
            mask_with_one_random_token_for_all,
            "the same random token is put everywhere: draw one for each place, torch.randint(vocab_size, "
            "tokens.shape, …).",
            HIDE,
        ),
        Mistake(
            mask_from_torchs_own_generator,
            "the generator that is passed in is not used, so that nobody can repeat the draw: give "
            "generator=generator to each draw.",
            HIDE,
        ),
        Mistake(
            mask_written_into_the_tokens,
            "the tokens that came in are changed, and the next epoch would find [MASK] in its texts: make a new "
            "tensor (torch.where, or .clone()).",
            HIDE,
        ),
        Mistake(
            mask_with_zero_for_the_rest,
            "places without a question have the target 0, which is a token like any other: it must be -100, which "
            "cross-entropy passes over.",
            HIDE,
        ),
    ),
    hints=(
        "Three things are left to chance: who is chosen, what becomes of the chosen, and which random token. How many "
        "draws is that?",
        "chosen: a random number below share, and not special. Then one die for each place: below 0.8 it is [MASK], "
        "from 0.9 on a random token, between them nothing changes. The targets come from `chosen` alone.",
        "inputs = torch.where(chosen & (dice < 0.8), mask_id, tokens); then torch.where(chosen & (dice >= 0.9), "
        "any_token, inputs); targets = torch.where(chosen, tokens, -100)",
    ),
    alternatives=(_mask_by_halves,),
)


# --- causal_targets --------------------------------------------------------------------------------------------------


def targets_that_are_the_tokens(tokens, pad_id=None):
    return tokens.clone() if pad_id is None else tokens.masked_fill(tokens == pad_id, -100)


def targets_of_the_token_before(tokens, pad_id=None):
    targets = torch.full_like(tokens, -100)
    targets[:, 1:] = tokens[:, :-1]
    return targets if pad_id is None else targets.masked_fill(targets == pad_id, -100)


def targets_that_go_round(tokens, pad_id=None):
    targets = tokens.roll(-1, dims=1)
    return targets if pad_id is None else targets.masked_fill(targets == pad_id, -100)


def targets_one_too_short(tokens, pad_id=None):
    targets = tokens[:, 1:]
    return targets if pad_id is None else targets.masked_fill(targets == pad_id, -100)


def targets_with_zero_at_the_end(tokens, pad_id=None):
    targets = torch.zeros_like(tokens)
    targets[:, :-1] = tokens[:, 1:]
    return targets if pad_id is None else targets.masked_fill(targets == pad_id, -100)


def targets_with_padding(tokens, pad_id=None):
    return pretraining.causal_targets(tokens)


def targets_that_look_at_the_wrong_place_for_padding(tokens, pad_id=None):
    targets = pretraining.causal_targets(tokens)
    return targets if pad_id is None else targets.masked_fill(tokens == pad_id, -100)


def targets_that_take_zero_for_none(tokens, pad_id=None):
    targets = pretraining.causal_targets(tokens)
    return targets.masked_fill(targets == pad_id, -100) if pad_id else targets


def targets_of_the_next_text(tokens, pad_id=None):
    targets = torch.full_like(tokens, -100)
    targets[:-1] = tokens[1:]
    return targets if pad_id is None else targets.masked_fill(targets == pad_id, -100)


def targets_written_into_the_tokens(tokens, pad_id=None):
    tokens[:] = pretraining.causal_targets(tokens, pad_id)
    return tokens


def _targets_by_cat(tokens, pad_id=None):
    targets = torch.cat([tokens[:, 1:], tokens.new_full((len(tokens), 1), -100)], dim=1)
    return targets if pad_id is None else targets.masked_fill(targets == pad_id, -100)


CAUSAL_TARGETS = Exercise(
    name="pretraining.causal_targets",
    week=8,
    notebook=NOTEBOOK,
    reference=pretraining.causal_targets,
    cases=(
        Case("one text", lambda: [torch.tensor([[5, 6, 7, 8]])]),
        Case("padding", lambda: [torch.tensor([[5, 6, 7, 9, 9], [5, 6, 7, 8, 6]]), 9]),
        Case("padding is token 0", lambda: [torch.tensor([[5, 6, 0, 0], [5, 6, 7, 0]]), 0]),
        Case("one token", lambda: [torch.tensor([[5], [6]])]),
        Case("values", lambda: [torch.randint(0, 50, (4, 12))]),
        Case("values", lambda: [torch.randint(0, 6, (5, 9)), 3]),
    ),
    mistakes=(
        Mistake(
            targets_that_are_the_tokens,
            "each place is asked for the token that stands there, which it can see: shift by one, so that place t is "
            "asked for token t + 1.",
            NEXT,
        ),
        Mistake(
            targets_of_the_token_before,
            "each place is asked for the token before it: shift to the left, tokens[:, 1:] into targets[:, :-1].",
            NEXT,
        ),
        Mistake(
            targets_that_go_round,
            "the last place is asked for the first token of the text (roll goes round): nothing is known there, so it "
            "has -100.",
            NEXT,
        ),
        Mistake(
            targets_one_too_short,
            "the targets have one place less than the tokens: keep the shape, and put -100 in the last place.",
            NEXT,
        ),
        Mistake(
            targets_with_zero_at_the_end,
            "the last place has the target 0, which is a token: it must be -100, which cross-entropy passes over.",
            NEXT,
        ),
        Mistake(
            targets_with_padding,
            "padding is among the answers: where the target would be pad_id it must be -100.",
            NEXT,
        ),
        Mistake(
            targets_that_look_at_the_wrong_place_for_padding,
            "places that hold padding are passed over, and the last real token is still asked for it: look at the "
            "target, not at the token.",
            NEXT,
        ),
        Mistake(
            targets_that_take_zero_for_none,
            "`if pad_id:` is false for pad_id 0, which is BERT's: ask `if pad_id is not None`.",
            NEXT,
        ),
        Mistake(
            targets_of_the_next_text,
            "the rows were shifted, so that each text is asked for the next text: the shift is along a text, "
            "dimension 1.",
            NEXT,
        ),
        Mistake(
            targets_written_into_the_tokens,
            "the tokens that came in are changed, and they are the model's input: write into a new tensor.",
            NEXT,
        ),
    ),
    hints=(
        "The text is 5, 6, 7, 8. What should the model say after the 5? And after the 8?",
        "Make a tensor full of -100 of the same shape, and copy the tokens into it one place to the left. Then look at "
        "the targets: those that are padding become -100.",
        "targets = torch.full_like(tokens, -100); targets[:, :-1] = tokens[:, 1:]",
    ),
    alternatives=(_targets_by_cat,),
)

"""Week 4's challenge: writing greedily, beam search."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week04.seq2seq import NOTEBOOK
from shared.text import decoding

GREEDY = "Writing greedily"
BEAM = "Beam search"
START, END = 0, 1


def _table_step(table):
    """A model without memory: the probabilities of the next token stand in the previous one's row."""
    logits = torch.tensor(table).log()
    return lambda previous, state: (logits[previous], state)


def _recurrent_step(seed, tokens=5, d=6, sharpness=2.0):
    """A random model that remembers: what comes next depends on all tokens before, through a state of d numbers."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((tokens, d), (d, d), (d, tokens))
    read, carry, write = (torch.randn(shape, generator=generator) for shape in shapes)

    def step(previous, state):
        state = torch.tanh(read[previous] + state @ carry)
        return sharpness * state @ write, state

    return step


# --- greedy ----------------------------------------------------------------------------------------------------------


def _greedy_on_table(implementation, table, sentences, max_length):
    return implementation(_table_step(table), torch.zeros(sentences, 2), START, END, max_length)


def _greedy_on_model(implementation, seed, state, max_length):
    return implementation(_recurrent_step(seed), state, START, END, max_length)


def _rows(step, state, start, max_length, keep_state=True, keep_previous=True, choose=None):
    """max_length tokens for every sentence, whether it has ended or not: n lists."""
    previous, written = torch.full((len(state),), start), []
    for _ in range(max_length):
        logits, new = step(previous, state)
        token = logits.argmax(-1) if choose is None else choose(logits)
        state = new if keep_state else state
        previous = token if keep_previous else previous
        written.append(token)
    return torch.stack(written, 1).tolist()


def _until(rows, end):
    return [row[: row.index(end)] if end in row else row for row in rows]


def greedy_that_never_ends(step, state, start, end, max_length):
    return _rows(step, state, start, max_length)


def greedy_with_the_end_kept(step, state, start, end, max_length):
    rows = _rows(step, state, start, max_length)
    return [row[: row.index(end) + 1] if end in row else row for row in rows]


def greedy_with_the_end_taken_out(step, state, start, end, max_length):
    return [[t for t in row if t != end] for row in _rows(step, state, start, max_length)]


def greedy_until_the_first_ends(step, state, start, end, max_length):
    rows = _rows(step, state, start, max_length)
    ends = [row.index(end) if end in row else max_length for row in rows]
    return _until([row[: min(ends) + 1] for row in rows], end)


def greedy_with_the_start_kept(step, state, start, end, max_length):
    return [[start, *row] for row in decoding.greedy(step, state, start, end, max_length)]


def greedy_that_forgets_its_state(step, state, start, end, max_length):
    return _until(_rows(step, state, start, max_length, keep_state=False), end)


def greedy_that_always_reads_start(step, state, start, end, max_length):
    return _until(_rows(step, state, start, max_length, keep_previous=False), end)


def greedy_one_too_short(step, state, start, end, max_length):
    return _until(_rows(step, state, start, max_length - 1), end)


def greedy_one_too_long(step, state, start, end, max_length):
    return _until(_rows(step, state, start, max_length + 1), end)


def greedy_of_the_first_sentence(step, state, start, end, max_length):
    return decoding.greedy(step, state, start, end, max_length)[0]


def greedy_turned_round(step, state, start, end, max_length):
    rows = list(map(list, zip(*_rows(step, state, start, max_length))))
    return _until(rows, end)


def greedy_by_chance(step, state, start, end, max_length):
    draw = lambda logits: torch.multinomial(logits.softmax(-1), 1).squeeze(1)  # noqa: E731
    return _until(_rows(step, state, start, max_length, choose=draw), end)


def greedy_of_the_least_probable(step, state, start, end, max_length):
    return _until(_rows(step, state, start, max_length, choose=lambda x: x.argmin(-1)), end)


def greedy_that_stops_once_one_has_ended_in_the_last_place(step, state, start, end, max_length):
    """Asks only whether all rows write END in the same step: works, and takes longer than it must."""
    return _until(_rows(step, state, start, max_length), end)


def _greedy_one_by_one(step, state, start, end, max_length):
    texts = []
    for i in range(len(state)):
        row, token, own = [], start, state[i : i + 1]
        while len(row) < max_length:
            logits, own = step(torch.tensor([token]), own)
            token = int(logits[0].argmax())
            if token == end:
                break
            row.append(token)
        texts.append(row)
    return texts


# Rows: after START, after END, after 2, after 3. START is never written.
_PLAIN = [[0.01, 0.04, 0.75, 0.2], [0.25] * 4, [0.02, 0.18, 0.2, 0.6], [0.02, 0.58, 0.1, 0.3]]
_ENDLESS = [[0.01, 0.04, 0.75, 0.2], [0.25] * 4, [0.02, 0.18, 0.2, 0.6], [0.02, 0.28, 0.6, 0.1]]

GREEDY_EXERCISE = Exercise(
    name="seq2seq.greedy",
    week=4,
    notebook=NOTEBOOK,
    reference=decoding.greedy,
    cases=(
        Case("one sentence", lambda: [_PLAIN, 1, 6], run=_greedy_on_table),
        Case("cut at max_length", lambda: [_ENDLESS, 1, 5], run=_greedy_on_table),
        Case("two sentences", lambda: [_PLAIN, 2, 6], run=_greedy_on_table),
        Case(
            "the state is carried on",
            lambda: [3, torch.randn(1, 6, generator=torch.Generator().manual_seed(1)), 8],
            run=_greedy_on_model,
        ),
        Case(
            "sentences that end at different places",
            lambda: [3, torch.randn(12, 6, generator=torch.Generator().manual_seed(1)), 9],
            run=_greedy_on_model,
        ),
        Case(
            "another model",
            lambda: [5, torch.randn(9, 6, generator=torch.Generator().manual_seed(2)), 7],
            run=_greedy_on_model,
        ),
    ),
    mistakes=(
        Mistake(
            greedy_that_never_ends,
            "END is kept and writing goes on behind it: cut every row where END first stands.",
            GREEDY,
        ),
        Mistake(
            greedy_with_the_end_kept,
            "END itself comes back as part of the sentence: cut before it.",
            GREEDY,
        ),
        Mistake(
            greedy_with_the_end_taken_out,
            "END is only left out, and what was written behind it stays: cut the row at its first END.",
            GREEDY,
        ),
        Mistake(
            greedy_until_the_first_ends,
            "writing stops for all as soon as one sentence has ended: go on until every one has.",
            GREEDY,
        ),
        Mistake(
            greedy_with_the_start_kept,
            "START stands in the answer: it is read, not written.",
            GREEDY,
        ),
        Mistake(
            greedy_that_forgets_its_state,
            "the state that step returns is thrown away, so each character is written as if it were the first.",
            GREEDY,
        ),
        Mistake(
            greedy_that_always_reads_start,
            "step always gets START: give it the token that was just written.",
            GREEDY,
        ),
        Mistake(
            greedy_one_too_short,
            "it writes one token too few: step is called up to max_length times.",
            GREEDY,
        ),
        Mistake(
            greedy_one_too_long,
            "it writes one token too many: step is called at most max_length times.",
            GREEDY,
        ),
        Mistake(
            greedy_of_the_first_sentence,
            "only the first sentence comes back: return a list for each of the n.",
            GREEDY,
        ),
        Mistake(
            greedy_turned_round,
            "rows and columns are swapped: each list holds one moment of all sentences. Stack along dim=1.",
            GREEDY,
        ),
        Mistake(
            greedy_by_chance,
            "the next token is drawn at random: greedy takes the most probable one, logits.argmax(dim=-1).",
            GREEDY,
        ),
        Mistake(
            greedy_of_the_least_probable,
            "the smallest logit is taken: the largest belongs to the most probable token.",
            GREEDY,
        ),
    ),
    hints=(
        "What does step need to know at each moment, and which two things change from one moment to the next?",
        "Begin with START for all n. In a loop: ask step, take argmax over the last dimension, remember it, and make "
        "it the next `previous`; carry the state on. Stop when all have written END; then cut every row at its first.",
        "logits, state = step(previous, state); previous = logits.argmax(dim=-1); written.append(previous); and at "
        "the end rows = torch.stack(written, dim=1).tolist(), each row[: row.index(end)] where it holds end",
    ),
    alternatives=(
        _greedy_one_by_one,
        greedy_that_stops_once_one_has_ended_in_the_last_place,
    ),
)


# --- beam search -----------------------------------------------------------------------------------------------------


def _beam_on_table(implementation, table, max_length, beam, length_power):
    step = _table_step(table)
    return implementation(step, torch.zeros(1, 2), START, END, max_length, beam, length_power)


def _beam_on_models(implementation, seeds, max_length, beam, length_power, tokens=5):
    """Several random models that remember; a sentence from each."""
    found = []
    for seed in range(seeds):
        start = torch.randn(1, 6, generator=torch.Generator().manual_seed(100 + seed))
        step = _recurrent_step(seed, tokens)
        found.append(implementation(step, start, START, END, max_length, beam, length_power))
    return found


def _search(
    step,
    state,
    start,
    end,
    max_length,
    beam,
    power,
    score=lambda total, length, power: total / length**power,
    log_p=lambda logits: torch.log_softmax(logits, -1),
    parents_of=lambda parents: parents,
    add=lambda totals, new: totals[:, None] + new,
    first_wins=False,
    unfinished_too=False,
    narrow=None,
    ended_go_on=False,
):
    """A beam search in which each part can be set wrong; it never stops early."""
    beginnings, totals, over = [[]], torch.zeros(1), []
    for length in range(1, max_length + 1):
        previous = torch.tensor([b[-1] if b else start for b in beginnings])
        logits, state = step(previous, state)
        candidates = add(totals, log_p(logits))
        if narrow is not None:
            candidates = narrow(candidates)
        totals, places = candidates.flatten().topk(min(beam, candidates.numel()))
        parents, tokens = places // logits.shape[1], places % logits.shape[1]
        longer = [[*beginnings[p], t] for p, t in zip(parents.tolist(), tokens.tolist())]
        ended = [i for i, t in enumerate(tokens.tolist()) if t == end and totals[i] > -1e9]
        over += [(score(totals[i].item(), length, power), longer[i][:-1]) for i in ended]
        if first_wins and over:
            break
        going = [i for i, t in enumerate(tokens.tolist()) if ended_go_on or t != end]
        if not going:
            break
        beginnings, totals = [longer[i] for i in going], totals[going]
        state = state[parents_of(parents[going])]
    if unfinished_too or not over:
        over += [
            (score(t, len(b), power), b)
            for t, b in zip(totals.tolist(), beginnings)
            if end not in b
        ]
    return max(over, key=lambda pair: pair[0])[1]


def beam_of_one(step, state, start, end, max_length, beam=5, length_power=1.0):
    return _search(step, state, start, end, max_length, 1, length_power)


def beam_without_lengths(step, state, start, end, max_length, beam=5, length_power=1.0):
    return _search(step, state, start, end, max_length, beam, 0.0)


def beam_that_multiplies_by_the_length(
    step, state, start, end, max_length, beam=5, length_power=1.0
):
    return _search(
        step, state, start, end, max_length, beam, length_power, score=lambda t, n, p: t * n**p
    )


def beam_that_does_not_count_end(step, state, start, end, max_length, beam=5, length_power=1.0):
    return _search(
        step,
        state,
        start,
        end,
        max_length,
        beam,
        length_power,
        score=lambda t, n, p: t / max(1, n - 1) ** p,
    )


def beam_that_ignores_the_power(step, state, start, end, max_length, beam=5, length_power=1.0):
    return _search(step, state, start, end, max_length, beam, 1.0)


def beam_with_states_in_the_old_order(
    step, state, start, end, max_length, beam=5, length_power=1.0
):
    return _search(
        step,
        state,
        start,
        end,
        max_length,
        beam,
        length_power,
        parents_of=lambda parents: torch.arange(len(parents)) % (int(parents.max()) + 1),
    )


def beam_with_the_best_ones_state_for_all(
    step, state, start, end, max_length, beam=5, length_power=1.0
):
    return _search(
        step, state, start, end, max_length, beam, length_power, parents_of=lambda p: p * 0 + p[0]
    )


def beam_of_raw_logits(step, state, start, end, max_length, beam=5, length_power=1.0):
    return _search(step, state, start, end, max_length, beam, length_power, log_p=lambda x: x)


def beam_of_added_probabilities(step, state, start, end, max_length, beam=5, length_power=1.0):
    return _search(
        step, state, start, end, max_length, beam, length_power, log_p=lambda x: x.softmax(-1)
    )


def beam_of_the_last_step_alone(step, state, start, end, max_length, beam=5, length_power=1.0):
    return _search(
        step, state, start, end, max_length, beam, length_power, add=lambda totals, new: new
    )


def beam_that_takes_the_first_end(step, state, start, end, max_length, beam=5, length_power=1.0):
    return _search(step, state, start, end, max_length, beam, length_power, first_wins=True)


def beam_that_also_counts_the_unfinished(
    step, state, start, end, max_length, beam=5, length_power=1.0
):
    return _search(step, state, start, end, max_length, beam, length_power, unfinished_too=True)


def beam_with_nothing_for_the_unfinished(
    step, state, start, end, max_length, beam=5, length_power=1.0
):
    found = decoding.beam_search(step, state, start, end, max_length, beam, length_power)
    return found if len(found) < max_length else []  # a whole sentence leaves room for its END


def beam_with_one_child_for_each(step, state, start, end, max_length, beam=5, length_power=1.0):
    """Every beginning is continued by its best token alone; only at the start are there several."""

    def narrow(candidates):
        if len(candidates) == 1:
            return candidates
        best = candidates.argmax(-1, keepdim=True)
        return torch.full_like(candidates, -1e30).scatter(1, best, candidates.gather(1, best))

    return _search(step, state, start, end, max_length, beam, length_power, narrow=narrow)


def beam_that_goes_on_after_the_end(step, state, start, end, max_length, beam=5, length_power=1.0):
    return _search(step, state, start, end, max_length, beam, length_power, ended_go_on=True)


def beam_with_the_end_kept(step, state, start, end, max_length, beam=5, length_power=1.0):
    found = decoding.beam_search(step, state, start, end, max_length, beam, length_power)
    return [*found, end] if len(found) < max_length else found


def _beam_by_sorted_lists(step, state, start, end, max_length, beam=5, length_power=1.0):
    """The same with plain lists: (log P, tokens, own state), one call of step for each beginning."""
    live, over = [(0.0, [], state)], []
    for _ in range(max_length):
        children = []
        for total, tokens, own in live:
            logits, new = step(torch.tensor([tokens[-1] if tokens else start]), own)
            for token, log_p in enumerate(torch.log_softmax(logits[0], -1).tolist()):
                children.append((total + log_p, [*tokens, token], new))
        children.sort(key=lambda child: -child[0])
        over += [c for c in children[:beam] if c[1][-1] == end]
        live = [c for c in children[:beam] if c[1][-1] != end]
        if not live:
            break
    if not over:
        return live[0][1]
    return max(over, key=lambda c: c[0] / len(c[1]) ** length_power)[1][:-1]


# The most probable first token, 2, leads to END with P = 0.55 · 0.5; the other one leads to 0.4 · 0.9.
_TRAP = [[0.01, 0.04, 0.55, 0.4], [0.25] * 4, [0.04, 0.5, 0.23, 0.23], [0.02, 0.9, 0.04, 0.04]]
# END at once has P = 0.3; the six tokens 2 2 2 2 2 END have 0.24, and a far better mean.
_SHORT = [[0.01, 0.3, 0.6, 0.09], [0.25] * 4, [0.02, 0.1, 0.85, 0.03], [0.1, 0.2, 0.3, 0.4]]
# 2 END has log P = −0.92 over 2 tokens, 2 3 END −1.61 over 3: the mean of the first is higher, where END counts.
_COUNTED = [[0.01, 0.04, 0.8, 0.15], [0.25] * 4, [0.02, 0.5, 0.08, 0.4], [0.02, 0.63, 0.3, 0.05]]

BEAM_SEARCH = Exercise(
    name="seq2seq.beam_search",
    week=4,
    notebook=NOTEBOOK,
    reference=decoding.beam_search,
    cases=(
        Case("finds what greedy misses", lambda: [_TRAP, 5, 2, 0.0], run=_beam_on_table),
        Case("length", lambda: [_SHORT, 8, 3, 1.0], run=_beam_on_table),
        Case("length", lambda: [_COUNTED, 6, 3, 1.0], run=_beam_on_table),
        Case("length_power 0", lambda: [_SHORT, 8, 3, 0.0], run=_beam_on_table),
        Case("a beam of 1", lambda: [8, 8, 1, 1.0], run=_beam_on_models),
        Case("states follow their beginnings", lambda: [8, 8, 3, 0.0], run=_beam_on_models),
        Case("length_power 0.6", lambda: [8, 8, 4, 0.6], run=_beam_on_models),
        Case("the best of all sentences", lambda: [2, 4, 260, 1.0], run=_beam_on_models),
        Case("nothing has ended", lambda: [_ENDLESS, 3, 1, 1.0], run=_beam_on_table),
    ),
    mistakes=(
        Mistake(
            beam_of_one,
            "only one beginning is kept: keep the `beam` most probable ones of all continuations.",
            BEAM,
        ),
        Mistake(
            beam_without_lengths,
            "sentences are compared by log P, which favours short ones: divide by length ** length_power.",
            BEAM,
        ),
        Mistake(
            beam_that_multiplies_by_the_length,
            "log P is multiplied by the length, which favours short sentences still more: divide by it.",
            BEAM,
        ),
        Mistake(
            beam_that_does_not_count_end,
            "END is left out of the length: its probability is in log P, so it counts as a token.",
            BEAM,
        ),
        Mistake(
            beam_that_ignores_the_power,
            "length_power is not used: divide by length ** length_power.",
            BEAM,
        ),
        Mistake(
            beam_with_states_in_the_old_order,
            "the states stay where they were while the beginnings change places: state[parents] gives each "
            "continuation the state of the beginning it continues.",
            BEAM,
        ),
        Mistake(
            beam_with_the_best_ones_state_for_all,
            "all continuations go on from the best one's state: each takes that of its own beginning, state[parents].",
            BEAM,
        ),
        Mistake(
            beam_of_raw_logits,
            "raw logits are added up; they are not comparable from step to step: take log_softmax of them first.",
            BEAM,
        ),
        Mistake(
            beam_of_added_probabilities,
            "probabilities are added up: they multiply, so add their logarithms.",
            BEAM,
        ),
        Mistake(
            beam_of_the_last_step_alone,
            "a continuation is judged by its last token alone: add what its beginning has cost so far.",
            BEAM,
        ),
        Mistake(
            beam_that_takes_the_first_end,
            "the first sentence that ends is returned: a longer one can still have the better score.",
            BEAM,
        ),
        Mistake(
            beam_that_also_counts_the_unfinished,
            "beginnings that were cut at max_length compete with whole sentences: they count only if nothing has "
            "ended.",
            BEAM,
        ),
        Mistake(
            beam_with_nothing_for_the_unfinished,
            "where nothing has ended after max_length rounds it returns an empty sentence: return the best beginning.",
            BEAM,
        ),
        Mistake(
            beam_with_one_child_for_each,
            "each beginning is continued in one way only: the `beam` best are chosen among all continuations of all "
            "beginnings.",
            BEAM,
        ),
        Mistake(
            beam_that_goes_on_after_the_end,
            "a sentence that has ended stays in the beam and is continued: note its score and take it out.",
            BEAM,
        ),
        Mistake(
            beam_with_the_end_kept,
            "END comes back as part of the sentence: leave it out.",
            BEAM,
        ),
    ),
    hints=(
        "Of k beginnings with c possible next tokens each there are k · c continuations. How do you get the best k of "
        "them, and how do you know which beginning each one continues?",
        "candidates = totals[:, None] + log_softmax(logits): (k, c). topk of the flattened table gives places; place "
        "// c is the beginning it continues, place % c the token. Those with END are noted with their score, the "
        "others are the new beam, with state[parents].",
        "totals, places = candidates.flatten().topk(min(beam, candidates.numel())); parents, tokens = places // c, "
        "places % c; score of an ended one: total / length ** length_power; state = state[parents[going]]",
    ),
    alternatives=(_beam_by_sorted_lists,),
)

"""`text.pad_batch`, `recurrent.masked_mean` and `recurrent.unroll_padded`: cases, known mistakes, hints."""

import torch
from torch import nn

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.exercises.week05.gates import NOTEBOOK
from shared.nn import padded
from shared.nn.recurrent import unroll
from shared.text import padding

PAD_SECTION = "One table for many sentences"
MEAN_SECTION = "Count only the words"
UNROLL_SECTION = "Stop where the sentence stops"


# --- pad_batch -------------------------------------------------------------------------------------------------------


def _padded(implementation, sequences, *pad_id):
    """What comes out, by name where it is a pair."""
    out = implementation(sequences, *pad_id)
    if isinstance(out, (tuple, list)) and len(out) == 2:
        return {"ids": out[0], "lengths": out[1]}
    return out


def pad_batch_in_front(sequences, pad_id=0):
    ids, lengths = padding.pad_batch([list(s)[::-1] for s in sequences], pad_id)
    return ids.flip(1), lengths


def pad_batch_cut_to_the_shortest(sequences, pad_id=0):
    shortest = min(len(s) for s in sequences)
    return padding.pad_batch([s[:shortest] for s in sequences], pad_id)


def pad_batch_with_the_first_ones_length(sequences, pad_id=0):
    _, lengths = padding.pad_batch(sequences, pad_id)
    t = len(sequences[0])
    rows = [[*s[:t], *[pad_id] * (t - len(s))] for s in sequences]
    return torch.tensor(rows), lengths


def pad_batch_with_equal_lengths(sequences, pad_id=0):
    ids, lengths = padding.pad_batch(sequences, pad_id)
    return ids, torch.full_like(lengths, ids.shape[1])


def pad_batch_that_counts_what_is_no_padding(sequences, pad_id=0):
    ids, _ = padding.pad_batch(sequences, pad_id)
    return ids, (ids != pad_id).sum(dim=1)


def pad_batch_that_repeats_the_last(sequences, pad_id=0):
    ids, lengths = padding.pad_batch(sequences, pad_id)
    for row, sequence in zip(ids, sequences):
        row[len(sequence) :] = sequence[-1]
    return ids, lengths


def pad_batch_with_zeros_always(sequences, pad_id=0):
    return padding.pad_batch(sequences, 0)


def pad_batch_with_time_first(sequences, pad_id=0):
    ids, lengths = padding.pad_batch(sequences, pad_id)
    return ids.T.contiguous(), lengths


def pad_batch_from_long_to_short(sequences, pad_id=0):
    return padding.pad_batch(sorted(sequences, key=len, reverse=True), pad_id)


def pad_batch_of_floats(sequences, pad_id=0):
    ids, lengths = padding.pad_batch(sequences, pad_id)
    return ids.float(), lengths


def pad_batch_with_a_mask(sequences, pad_id=0):
    ids, lengths = padding.pad_batch(sequences, pad_id)
    return ids, padded.real_tokens(lengths, ids.shape[1])


def pad_batch_with_one_too_many(sequences, pad_id=0):
    ids, lengths = padding.pad_batch([*sequences, [0] * (max(map(len, sequences)) + 1)], pad_id)
    return ids[:-1], lengths[:-1]


def pad_batch_that_lengthens_the_callers_lists(sequences, pad_id=0):
    lengths = torch.tensor([len(s) for s in sequences])
    longest = max(map(len, sequences))
    for sequence in sequences:
        sequence += [pad_id] * (longest - len(sequence))
    return torch.tensor(sequences), lengths


def pad_batch_with_a_list_of_lengths(sequences, pad_id=0):
    ids, lengths = padding.pad_batch(sequences, pad_id)
    return ids, lengths.tolist()


def pad_batch_without_lengths(sequences, pad_id=0):
    return padding.pad_batch(sequences, pad_id)[0]


def pad_batch_with_the_place_of_the_last(sequences, pad_id=0):
    ids, lengths = padding.pad_batch(sequences, pad_id)
    return ids, lengths - 1


def _pad_batch_by_torch(sequences, pad_id=0):
    rows = [torch.tensor(sequence) for sequence in sequences]
    ids = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=pad_id)
    return ids, torch.tensor([len(row) for row in rows])


def _pad_batch_by_lists(sequences, pad_id=0):
    lengths = [len(sequence) for sequence in sequences]
    rows = [[*s, *[pad_id] * (max(lengths) - len(s))] for s in sequences]
    return torch.tensor(rows), torch.tensor(lengths)


PAD_BATCH = Exercise(
    name="text.pad_batch",
    week=5,
    notebook=NOTEBOOK,
    reference=padding.pad_batch,
    cases=(
        Case("values", lambda: [[[5, 3, 9], [7], [2, 4]]], run=_padded),
        Case("another pad_id", lambda: [[[5], [3, 8, 6]], 1], run=_padded),
        Case("ids that equal pad_id", lambda: [[[0, 4, 0], [0]], 0], run=_padded),
        Case("one sequence", lambda: [[[6, 2]]], run=_padded),
        Case("equal lengths", lambda: [[[1, 2], [3, 4]], 9], run=_padded),
        Case("the order stays", lambda: [[[1], [2, 3, 4, 5], [6, 7]]], run=_padded),
        Case(
            "long ones",
            lambda: [[list(range(1, 41)), list(range(1, 8)), list(range(1, 24))]],
            run=_padded,
        ),
    ),
    mistakes=(
        Mistake(
            pad_batch_in_front,
            "the padding stands in front; a sequence begins at the start of its row, and is filled up behind.",
            PAD_SECTION,
        ),
        Mistake(
            pad_batch_cut_to_the_shortest,
            "all are cut to the shortest, so words are thrown away: the table is as wide as the longest.",
            PAD_SECTION,
        ),
        Mistake(
            pad_batch_with_the_first_ones_length,
            "the table is as wide as the first sequence; take the longest of them all.",
            PAD_SECTION,
        ),
        Mistake(
            pad_batch_with_equal_lengths,
            "lengths holds the width of the table for every row: it is each sequence's own number of ids.",
            PAD_SECTION,
        ),
        Mistake(
            pad_batch_that_counts_what_is_no_padding,
            "the lengths are counted from the table, and an id that equals pad_id is lost: take len of each sequence.",
            PAD_SECTION,
        ),
        Mistake(
            pad_batch_that_repeats_the_last,
            "a row is filled up with its last id; fill it with pad_id.",
            PAD_SECTION,
        ),
        Mistake(
            pad_batch_with_zeros_always,
            "it fills with 0 whatever pad_id is: use the argument.",
            PAD_SECTION,
        ),
        Mistake(
            pad_batch_with_time_first,
            "the table is (t, n); in this course a batch comes first: one row for each sequence.",
            PAD_SECTION,
        ),
        Mistake(
            pad_batch_from_long_to_short,
            "the sequences are sorted by length, so they no longer fit their labels: keep the order.",
            PAD_SECTION,
        ),
        Mistake(
            pad_batch_of_floats,
            "the ids are floats, and an embedding wants whole numbers: make the table int64, as torch.full does from a "
            "whole number.",
            PAD_SECTION,
        ),
        Mistake(
            pad_batch_with_a_mask,
            "the second part is a mask; here it is the lengths, of which the mask is made later.",
            PAD_SECTION,
        ),
        Mistake(
            pad_batch_with_one_too_many,
            "the table has a column more than the longest sequence needs.",
            PAD_SECTION,
        ),
        Mistake(
            pad_batch_that_lengthens_the_callers_lists,
            "+= and append lengthen the caller's own lists, which are then wrong in the next batch: leave them alone.",
            PAD_SECTION,
        ),
        Mistake(
            pad_batch_with_a_list_of_lengths,
            "the lengths are a list: make a tensor of them, torch.tensor([…]).",
            PAD_SECTION,
        ),
        Mistake(
            pad_batch_without_lengths,
            "the lengths are missing; the table alone does not say where a sequence ends: return both.",
            PAD_SECTION,
        ),
        Mistake(
            pad_batch_with_the_place_of_the_last,
            "each length is one too small: it is how many ids there are, not the place of the last.",
            PAD_SECTION,
        ),
    ),
    hints=(
        "How wide must the table be so that nothing is cut off, and what stands in it before you fill it?",
        "A table of pad_id, torch.full((n, t), pad_id), and a loop over its rows that overwrites the first "
        "len(sequence) entries. The lengths are a tensor of the len of each.",
        "for row, sequence in zip(ids, sequences): row[: len(sequence)] = torch.tensor(sequence)",
    ),
    alternatives=(_pad_batch_by_torch, _pad_batch_by_lists),
)


# --- masked_mean -----------------------------------------------------------------------------------------------------


def _mean_with_gradients(implementation, x, mask):
    return call_with_gradients(implementation, x, mask)


def masked_mean_over_the_padding(x, mask):
    return x.mean(dim=1)


def masked_mean_divided_by_the_width(x, mask):
    return x.masked_fill(~mask[..., None], 0).sum(dim=1) / x.shape[1]


def masked_mean_divided_by_all_words(x, mask):
    return x.masked_fill(~mask[..., None], 0).sum(dim=1) / mask.sum()


def masked_mean_of_the_padding(x, mask):
    return padded.masked_mean(x, ~mask)


def masked_mean_by_multiplying(x, mask):
    total = (x * mask[..., None]).sum(dim=1)
    return total / mask.sum(dim=1, keepdim=True).clamp(min=1)


def masked_mean_that_divides_by_zero(x, mask):
    return x.masked_fill(~mask[..., None], 0).sum(dim=1) / mask.sum(dim=1, keepdim=True)


def masked_mean_without_division(x, mask):
    return x.masked_fill(~mask[..., None], 0).sum(dim=1)


def masked_mean_over_the_features(x, mask):
    return x.masked_fill(~mask[..., None], 0).mean(dim=2)


def masked_mean_of_one_too_many(x, mask):
    return x.masked_fill(~mask[..., None], 0).sum(dim=1) / (mask.sum(dim=1, keepdim=True) + 1)


def masked_mean_that_counts_zeros_out(x, mask):
    x = x.masked_fill(~mask[..., None], 0)
    return x.sum(dim=1) / (x != 0).sum(dim=1).clamp(min=1)


def masked_mean_that_writes_into_x(x, mask):
    with torch.no_grad():
        x[~mask] = 0
    return x.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)


def masked_mean_of_the_last(x, mask):
    last = (mask.sum(dim=1) - 1).clamp(min=0)
    return x[torch.arange(len(x)), last] * mask.any(dim=1, keepdim=True)


def masked_mean_of_the_whole_batch(x, mask):
    return x[mask].mean(dim=0)


def masked_mean_cut_from_the_graph(x, mask):
    return padded.masked_mean(x.detach(), mask)


def masked_mean_that_keeps_time(x, mask):
    return padded.masked_mean(x, mask)[:, None]


def _masked_mean_one_by_one(x, mask):
    rows = [some[kept].mean(dim=0) if kept.any() else 0 * some[0] for some, kept in zip(x, mask)]
    return torch.stack(rows)


def _masked_mean_by_where(x, mask):
    kept = torch.where(mask.unsqueeze(-1), x, torch.zeros_like(x))
    return kept.sum(1) / mask.sum(1).clamp(min=1).unsqueeze(-1)


def _unequal(n, t, d, dtype=torch.float32):
    """Random numbers everywhere, and sentences of 1, 2, 3, … words."""
    lengths = torch.arange(n) % t + 1
    return [torch.randn(n, t, d, dtype=dtype), padded.real_tokens(lengths, t)]


def _dirty(x, mask, rubbish):
    return [x.masked_fill(~mask[..., None], rubbish), mask]


MASKED_MEAN = Exercise(
    name="recurrent.masked_mean",
    week=5,
    notebook=NOTEBOOK,
    reference=padded.masked_mean,
    cases=(
        Case(
            "values",
            lambda: [
                torch.tensor([[[2.0], [4.0], [9.0]], [[1.0], [0.0], [5.0]]]),
                torch.tensor([[True, True, False], [True, True, True]]),
            ],
        ),
        Case("several features", lambda: _unequal(3, 3, 3)),
        Case("shapes", lambda: _unequal(4, 6, 5)),
        Case("gradients", lambda: _unequal(3, 4, 2), run=_mean_with_gradients),
        Case("zeros that are words", lambda: [torch.zeros(2, 3, 2), *_unequal(2, 3, 2)[1:]]),
        Case(
            "a mask with a hole", lambda: [torch.randn(1, 4, 2), torch.tensor([[1, 0, 1, 0]]) > 0]
        ),
        Case(
            "no word at all",
            lambda: [torch.randn(2, 3, 2), torch.tensor([[False] * 3, [True] * 3])],
        ),
        Case("inf and nan in the padding", lambda: _dirty(*_unequal(3, 3, 2), torch.nan)),
        Case("inf and nan in the padding", lambda: _dirty(*_unequal(3, 3, 2), torch.inf)),
        Case("float64 kept", lambda: _unequal(3, 4, 2, torch.float64), rtol=1e-12, atol=1e-12),
    ),
    mistakes=(
        Mistake(
            masked_mean_over_the_padding,
            "the mask is not used, so what stands in the padding counts as words.",
            MEAN_SECTION,
        ),
        Mistake(
            masked_mean_divided_by_the_width,
            "it divides by the width of the table; divide by how many words the sentence has, mask.sum(dim=1).",
            MEAN_SECTION,
        ),
        Mistake(
            masked_mean_divided_by_all_words,
            "it divides by the words of the whole batch; each sentence is divided by its own number of words.",
            MEAN_SECTION,
        ),
        Mistake(
            masked_mean_of_the_padding,
            "the mask is turned round: it is True at the words, and those count.",
            MEAN_SECTION,
        ),
        Mistake(
            masked_mean_by_multiplying,
            "0 · nan is nan, so the padding still counts: x.masked_fill(~mask[..., None], 0) replaces it.",
            MEAN_SECTION,
        ),
        Mistake(
            masked_mean_that_divides_by_zero,
            "a sentence without a word gives 0 / 0, which is nan: divide by at least 1, .clamp(min=1).",
            MEAN_SECTION,
        ),
        Mistake(
            masked_mean_without_division,
            "that is the sum; divide it by how many words the sentence has.",
            MEAN_SECTION,
        ),
        Mistake(
            masked_mean_over_the_features,
            "the mean is taken along the features; it runs along time, dimension 1.",
            MEAN_SECTION,
        ),
        Mistake(
            masked_mean_of_one_too_many,
            "the number of words is raised by one; against the division by 0 raise only the zeros, .clamp(min=1).",
            MEAN_SECTION,
        ),
        Mistake(
            masked_mean_that_counts_zeros_out,
            "numbers that happen to be 0 are not counted; the mask says what is a word, not the values.",
            MEAN_SECTION,
        ),
        Mistake(
            masked_mean_that_writes_into_x,
            "it writes zeros into the caller's tensor: masked_fill (without the underscore) makes a new one.",
            MEAN_SECTION,
        ),
        Mistake(
            masked_mean_of_the_last,
            "only the last word is taken; it is the mean over all words of the sentence.",
            MEAN_SECTION,
        ),
        Mistake(
            masked_mean_of_the_whole_batch,
            "x[mask] throws the words of all sentences together: there is one mean for each sentence, (n, d).",
            MEAN_SECTION,
        ),
        Mistake(
            masked_mean_cut_from_the_graph,
            ".detach() (like .data and .numpy()) cuts x out of the graph, so nothing below can learn.",
            MEAN_SECTION,
        ),
        Mistake(
            masked_mean_that_keeps_time,
            "the result is (n, 1, d): the dimension of time is gone once its mean is taken.",
            MEAN_SECTION,
        ),
    ),
    hints=(
        "A sentence of 2 words in a table of width 5: which numbers are in the sum, and what is it divided by?",
        "mask[..., None] has the shape (n, t, 1), and so fits x. Set what is no word to 0, sum over dim=1, and divide "
        "by the number of words, which keepdim=True leaves as (n, 1).",
        "return x.masked_fill(~mask[..., None], 0.0).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)",
    ),
    alternatives=(_masked_mean_one_by_one, _masked_mean_by_where),
)


# --- unroll_padded ---------------------------------------------------------------------------------------------------


def _running_sum(x, state=None):
    """A cell that can be followed by eye: the sum so far, and 1 for each step."""
    return x + 1 if state is None else state + x + 1


def _two_sums(x, state=None):
    """A cell whose state is two tensors, as an LSTM's: what it shows, and what it keeps."""
    kept = x + 1 if state is None else state[1] + x + 1
    return 0.1 * kept, kept


def _sums(implementation, inputs, lengths):
    return _parts(implementation(_running_sum, inputs, lengths))


def _sums_of_two_parts(implementation, inputs, lengths):
    return _parts(implementation(_two_sums, inputs, lengths))


def _sums_from_a_state(implementation, inputs, lengths, state):
    return _parts(implementation(_running_sum, inputs, lengths, state))


def _sums_from_two_parts(implementation, inputs, lengths, shown, kept):
    return _parts(implementation(_two_sums, inputs, lengths, (shown, kept)))


def _parts(out):
    """Outputs and last state by name, where a pair came back."""
    if not isinstance(out, (tuple, list)) or len(out) != 2:
        return out
    return {"outputs": out[0], "last state": out[1]}


def _real_cell(implementation, inputs, lengths):
    """torch's LSTMCell, and the gradients of its weights and of the inputs."""
    inputs = inputs.requires_grad_()
    torch.manual_seed(3)
    cell = nn.LSTMCell(inputs.shape[2], 5)
    outputs, state = implementation(cell, inputs, lengths)
    if not isinstance(state, (tuple, list)):
        return _parts((outputs, state))
    pull = torch.linspace(1.0, 2.0, outputs.numel()).reshape(outputs.shape)
    ((outputs * pull).sum() + state[0].sum() + 3 * state[1].sum()).backward()
    return {
        "outputs": outputs.detach(),
        "last state": [part.detach() for part in state],
        "gradient of inputs": inputs.grad,
        "gradient of weight_hh": cell.weight_hh.grad,
    }


def _stepping(cell, inputs, state, choose, show):
    """An unrolling with rules of its own: choose(moment, new, old) → state, show(moment, part) → output."""
    outputs = []
    for moment, x in enumerate(inputs.unbind(dim=1)):
        new = cell(x, state)
        pair = isinstance(new, tuple)
        parts = new if pair else (new,)
        old = state if pair else (state,)
        if state is None:
            old = tuple(torch.zeros_like(part) for part in parts)
        kept = tuple(choose(moment, k, a, b) for k, (a, b) in enumerate(zip(parts, old)))
        state = kept if pair else kept[0]
        outputs.append(show(moment, kept, parts))
    return torch.stack(outputs, dim=1), state


def _runs(lengths):
    return lambda moment: (moment < lengths)[:, None]


def unroll_padded_that_never_stops(cell, inputs, lengths, state=None):
    return unroll(cell, inputs, state)


def unroll_padded_whose_state_runs_on(cell, inputs, lengths, state=None):
    outputs, state = unroll(cell, inputs, state)
    mask = padded.real_tokens(lengths, inputs.shape[1])
    return outputs.masked_fill(~mask[..., None], 0.0), state


def unroll_padded_whose_outputs_go_on(cell, inputs, lengths, state=None):
    runs = _runs(lengths)
    return _stepping(
        cell,
        inputs,
        state,
        lambda moment, k, new, old: torch.where(runs(moment), new, old),
        lambda moment, kept, new: kept[0],
    )


def unroll_padded_that_wipes_the_state(cell, inputs, lengths, state=None):
    runs = _runs(lengths)
    return _stepping(
        cell,
        inputs,
        state,
        lambda moment, k, new, old: torch.where(runs(moment), new, 0.0),
        lambda moment, kept, new: kept[0],
    )


def unroll_padded_one_step_too_long(cell, inputs, lengths, state=None):
    return padded.unroll_padded(cell, inputs, lengths + 1, state)


def unroll_padded_one_step_too_short(cell, inputs, lengths, state=None):
    return padded.unroll_padded(cell, inputs, lengths - 1, state)


def unroll_padded_that_holds_one_part(cell, inputs, lengths, state=None):
    runs = _runs(lengths)
    return _stepping(
        cell,
        inputs,
        state,
        lambda moment, k, new, old: new if k == 1 else torch.where(runs(moment), new, old),
        lambda moment, kept, new: torch.where(runs(moment), kept[0], 0.0),
    )


def unroll_padded_over_zeroed_inputs(cell, inputs, lengths, state=None):
    mask = padded.real_tokens(lengths, inputs.shape[1])
    return unroll(cell, inputs.masked_fill(~mask[..., None], 0.0), state)


def unroll_padded_that_ends_with_the_shortest(cell, inputs, lengths, state=None):
    return unroll(cell, inputs[:, : int(lengths.min())], state)


def unroll_padded_that_shows_what_is_kept(cell, inputs, lengths, state=None):
    runs = _runs(lengths)
    return _stepping(
        cell,
        inputs,
        state,
        lambda moment, k, new, old: torch.where(runs(moment), new, old),
        lambda moment, kept, new: torch.where(runs(moment), kept[-1], 0.0),
    )


def unroll_padded_without_the_given_state(cell, inputs, lengths, state=None):
    return padded.unroll_padded(cell, inputs, lengths)


def unroll_padded_that_cuts_the_gradient(cell, inputs, lengths, state=None):
    def cut(x, state=None):
        if state is not None:
            state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        return cell(x, state)

    return padded.unroll_padded(cut, inputs, lengths, state)


def unroll_padded_with_the_mask_turned(cell, inputs, lengths, state=None):
    runs = _runs(lengths)
    return _stepping(
        cell,
        inputs,
        state,
        lambda moment, k, new, old: torch.where(runs(moment), old, new),
        lambda moment, kept, new: torch.where(runs(moment), kept[0], 0.0),
    )


def unroll_padded_without_the_last_state(cell, inputs, lengths, state=None):
    return padded.unroll_padded(cell, inputs, lengths, state)[0]


def _unroll_padded_one_by_one(cell, inputs, lengths, state=None):
    """Each sequence alone, cut to its length."""
    rows, states = [], []
    for i, length in enumerate(lengths.tolist()):
        start = state
        if state is not None:
            pair = isinstance(state, tuple)
            start = tuple(s[i : i + 1] for s in state) if pair else state[i : i + 1]
        outputs, last = unroll(cell, inputs[i : i + 1, :length], start)
        rows.append(nn.functional.pad(outputs, (0, 0, 0, inputs.shape[1] - length)))
        states.append(last)
    if isinstance(states[0], tuple):
        return torch.cat(rows), tuple(torch.cat(parts) for parts in zip(*states))
    return torch.cat(rows), torch.cat(states)


def _unroll_padded_by_shares(cell, inputs, lengths, state=None):
    """A share of 1 for what is new while the sequence runs, 0 afterwards."""
    outputs = []
    for moment in range(inputs.size(1)):
        share = (lengths > moment).to(inputs.dtype).unsqueeze(-1)
        new = cell(inputs[:, moment], state)
        if isinstance(new, tuple):
            old = (0.0, 0.0) if state is None else state
            state = tuple(share * n + (1 - share) * o for n, o in zip(new, old))
            outputs.append(share * state[0])
        else:
            state = share * new + (1 - share) * (0.0 if state is None else state)
            outputs.append(share * state)
    return torch.stack(outputs, 1), state


def _column(*rows):
    return torch.tensor(rows)[..., None]


UNROLL_PADDED = Exercise(
    name="recurrent.unroll_padded",
    week=5,
    notebook=NOTEBOOK,
    reference=padded.unroll_padded,
    cases=(
        Case(
            "values",
            lambda: [_column([1.0, 2.0, 3.0], [4.0, 9.0, 9.0]), torch.tensor([3, 1])],
            run=_sums,
        ),
        Case(
            "a state of two tensors",
            lambda: [_column([1.0, 2.0, 3.0], [4.0, 9.0, 9.0]), torch.tensor([3, 1])],
            run=_sums_of_two_parts,
        ),
        Case(
            "a state to go on from",
            lambda: [torch.randn(3, 4, 2), torch.tensor([2, 4, 1]), torch.randn(3, 2)],
            run=_sums_from_a_state,
        ),
        Case(
            "a given state of two tensors",
            lambda: [
                torch.randn(2, 3, 1),
                torch.tensor([2, 3]),
                torch.zeros(2, 1),
                torch.ones(2, 1),
            ],
            run=_sums_from_two_parts,
        ),
        Case("shapes", lambda: [torch.randn(3, 5, 2), torch.tensor([5, 2, 3])], run=_sums),
        # As many sequences as features: there a mask along the wrong dimension raises no error.
        Case(
            "one end for each sequence",
            lambda: [torch.randn(3, 4, 3), torch.tensor([1, 4, 2])],
            run=_sums,
        ),
        Case("equal lengths", lambda: [torch.randn(2, 3, 2), torch.tensor([3, 3])], run=_sums),
        Case("all end early", lambda: [torch.randn(2, 4, 2), torch.tensor([3, 2])], run=_sums),
        Case("gradients", lambda: [torch.randn(3, 6, 3), torch.tensor([6, 2, 4])], run=_real_cell),
    ),
    mistakes=(
        Mistake(
            unroll_padded_that_never_stops,
            "the lengths are not used, so the state goes on through the padding: past its end it holds still.",
            UNROLL_SECTION,
        ),
        Mistake(
            unroll_padded_whose_state_runs_on,
            "the outputs are right, and the state goes on through the padding: what ended keeps its old state.",
            UNROLL_SECTION,
        ),
        Mistake(
            unroll_padded_whose_outputs_go_on,
            "the state is right, and past the end the last output is repeated: outputs there are zero.",
            UNROLL_SECTION,
        ),
        Mistake(
            unroll_padded_that_wipes_the_state,
            "past the end the state becomes zero, and what was read is lost: it keeps its last value.",
            UNROLL_SECTION,
        ),
        Mistake(
            unroll_padded_one_step_too_long,
            "each sequence takes one step into the padding: moments count from 0, so it runs while moment < length.",
            UNROLL_SECTION,
        ),
        Mistake(
            unroll_padded_one_step_too_short,
            "the last word of each sequence is not read: it runs while moment < length, moments counted from 0.",
            UNROLL_SECTION,
        ),
        Mistake(
            unroll_padded_that_holds_one_part,
            "of a state of two tensors only the first holds still: choose between new and old for each part.",
            UNROLL_SECTION,
        ),
        Mistake(
            unroll_padded_over_zeroed_inputs,
            "zeros as inputs do not stop a cell, which has biases and a state: choose the old state past its end.",
            UNROLL_SECTION,
        ),
        Mistake(
            unroll_padded_that_ends_with_the_shortest,
            "all sequences end with the shortest: go on to the end of the table, and hold still those that have ended.",
            UNROLL_SECTION,
        ),
        Mistake(
            unroll_padded_that_shows_what_is_kept,
            "of a state of two tensors the second is put out; the first is what the cell shows: state[0].",
            UNROLL_SECTION,
        ),
        Mistake(
            unroll_padded_without_the_given_state,
            "the state that is passed in is not used: begin with it.",
            UNROLL_SECTION,
        ),
        Mistake(
            unroll_padded_that_cuts_the_gradient,
            "detach in the loop cuts the gradient after one step: hand the state on as it is.",
            UNROLL_SECTION,
        ),
        Mistake(
            unroll_padded_with_the_mask_turned,
            "old and new are swapped: torch.where(runs, new, old) takes the new state while the sequence runs.",
            UNROLL_SECTION,
        ),
        Mistake(
            unroll_padded_without_the_last_state,
            "the last state is not returned: return both, outputs and state.",
            UNROLL_SECTION,
        ),
    ),
    hints=(
        "At moment 2 one of three sentences has ended. Which row of the new state must go, and what stays instead?",
        "Let the cell step for all rows, then choose row by row: runs = (moment < lengths)[:, None], and "
        "torch.where(runs, new, old) for each part of the state. At the first step the old one is zeros.",
        "state = tuple(torch.where(runs, a, b) for a, b in zip(new, old)); "
        "outputs.append(torch.where(runs, state[0], 0.0)), and likewise where the state is one tensor",
    ),
    alternatives=(_unroll_padded_one_by_one, _unroll_padded_by_shares),
)

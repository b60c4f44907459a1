"""Week 4's challenge: character error rate, teacher forcing, a loss that skips padding."""

import torch
import torch.nn.functional as F

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.text import edit_distance as distances
from shared.text import pairs
from shared.text.pairs import END, PAD, START
from shared.training import translate

NOTEBOOK = "week04_rnn/2_challenge_translation.ipynb"
RATE = "How wrong is a translation?"
FORCING = "Teacher forcing"
LOSS = "Padding does not count"


# --- character error rate --------------------------------------------------------------------------------------------


def _edits(a, b, first_row=1, first_column=1, replace=1, keep=0, insert=1):
    """The distance with prices that can be set wrong."""
    row = [j * first_row for j in range(len(b) + 1)]
    for i, x in enumerate(a, start=1):
        above, row = row, [i * first_column]
        for j, y in enumerate(b, start=1):
            diagonal = above[j - 1] + (keep if x == y else replace)
            row.append(min(above[j] + 1, row[j - 1] + insert, diagonal))
    return row[-1]


def _all_edits(outputs, references, **prices):
    return sum(_edits(o, r, **prices) for o, r in zip(outputs, references))


def _characters(texts):
    return sum(len(text) for text in texts)


def rate_averaged_over_sentences(outputs, references):
    rates = [_edits(o, r) / len(r) for o, r in zip(outputs, references)]
    return sum(rates) / len(rates)


def rate_of_the_outputs_length(outputs, references):
    return _all_edits(outputs, references) / max(1, _characters(outputs))


def rate_of_the_longer_text(outputs, references):
    longer = sum(max(len(o), len(r)) for o, r in zip(outputs, references))
    return _all_edits(outputs, references) / longer


def rate_place_by_place(outputs, references):
    wrong = sum(
        sum(a != b for a, b in zip(o, r)) + abs(len(o) - len(r))
        for o, r in zip(outputs, references)
    )
    return wrong / _characters(references)


def rate_without_replacement(outputs, references):
    return _all_edits(outputs, references, replace=2) / _characters(references)


def rate_with_a_price_for_equals(outputs, references):
    return _all_edits(outputs, references, keep=1) / _characters(references)


def rate_with_a_free_beginning(outputs, references):
    return _all_edits(outputs, references, first_row=0) / _characters(references)


def rate_with_free_deletions_at_the_start(outputs, references):
    return _all_edits(outputs, references, first_column=0) / _characters(references)


def rate_with_free_insertions(outputs, references):
    return _all_edits(outputs, references, insert=0) / _characters(references)


def rate_of_words(outputs, references):
    edits = sum(_edits(o.split(), r.split()) for o, r in zip(outputs, references))
    return edits / sum(len(r.split()) for r in references)


def rate_in_percent(outputs, references):
    return 100 * _all_edits(outputs, references) / _characters(references)


def rate_capped_at_one(outputs, references):
    return min(1.0, _all_edits(outputs, references) / _characters(references))


def rate_as_a_count(outputs, references):
    return _all_edits(outputs, references)


def rate_of_sentences(outputs, references):
    return sum(o != r for o, r in zip(outputs, references)) / len(references)


def rate_of_the_common_part(outputs, references):
    return _all_edits(outputs, references) / (_characters(references) + _characters(outputs))


def _rate_by_recursion(outputs, references):
    def edits(a, b, known):
        if not a or not b:
            return len(a) + len(b)
        key = (len(a), len(b))
        if key not in known:
            known[key] = min(
                edits(a[1:], b, known) + 1,
                edits(a, b[1:], known) + 1,
                edits(a[1:], b[1:], known) + (a[0] != b[0]),
            )
        return known[key]

    total = sum(edits(o, r, {}) for o, r in zip(outputs, references))
    return total / len("".join(references))


CHARACTER_ERROR_RATE = Exercise(
    name="evaluate.character_error_rate",
    week=4,
    notebook=NOTEBOOK,
    reference=distances.character_error_rate,
    cases=(
        Case("replacements", lambda: [["chat"], ["chef"]]),
        Case("insertions", lambda: [["cha"], ["chats"]]),
        Case("deletions", lambda: [["lechat"], ["chat"]]),
        Case("a shift", lambda: [["bcdefg"], ["abcdef"]]),
        Case("several sentences", lambda: [["oui", "je suis la"], ["non", "je suis las"]]),
        Case("empty outputs", lambda: [["", ""], ["mot", "et"]]),
        Case("above 1", lambda: [["beaucoup trop long"], ["court"]]),
        Case(
            "sentences",
            lambda: [
                ["Il y a un chat.", "Elles mange la pomme", "Je ne vois pas."],
                ["Il y a des chats.", "Elles mangent des pommes.", "Je ne le vois plus."],
            ],
        ),
        Case("no errors", lambda: [["été", "à côté"], ["été", "à côté"]]),
    ),
    mistakes=(
        Mistake(
            rate_averaged_over_sentences,
            "the rates of the sentences are averaged, so a slip in a short one weighs more: divide the sum of all "
            "edits by the sum of all characters.",
            RATE,
        ),
        Mistake(
            rate_of_the_outputs_length,
            "the edits are divided by the length of the outputs; a model that writes more would look better: divide "
            "by that of the references.",
            RATE,
        ),
        Mistake(
            rate_of_the_longer_text,
            "the edits are divided by the longer of the two texts: divide by the reference's characters alone.",
            RATE,
        ),
        Mistake(
            rate_of_the_common_part,
            "the edits are divided by the characters of both texts: only the references' count.",
            RATE,
        ),
        Mistake(
            rate_place_by_place,
            "the texts are compared place by place, so one missing letter makes all after it wrong: fill the table of "
            "edits.",
            RATE,
        ),
        Mistake(
            rate_without_replacement,
            "a replaced character costs 2 here, a deletion and an insertion: the diagonal step is 1 where the two "
            "differ.",
            RATE,
        ),
        Mistake(
            rate_with_a_price_for_equals,
            "the diagonal step always costs 1: it is free where the two characters are equal, + (x != y).",
            RATE,
        ),
        Mistake(
            rate_with_a_free_beginning,
            "the first row is all 0: from nothing to the first j characters takes j insertions, list(range(len(b) + "
            "1)).",
            RATE,
        ),
        Mistake(
            rate_with_free_deletions_at_the_start,
            "each row begins with 0: from the first i characters to nothing takes i deletions, so it begins with i.",
            RATE,
        ),
        Mistake(
            rate_with_free_insertions,
            "the step from the left costs nothing: an inserted character is one edit, row[j - 1] + 1.",
            RATE,
        ),
        Mistake(
            rate_of_words,
            "words are compared; the rate is one of characters: go through the strings themselves.",
            RATE,
        ),
        Mistake(rate_in_percent, "it is 100 times too large: a rate of 1 means 100 %.", RATE),
        Mistake(
            rate_capped_at_one,
            "it is held at 1; a text that is too long can need more edits than its reference has characters.",
            RATE,
        ),
        Mistake(
            rate_as_a_count,
            "that is the number of edits: divide it by the number of characters in all references.",
            RATE,
        ),
        Mistake(
            rate_of_sentences,
            "that is the share of sentences with any mistake at all: count the edits in each.",
            RATE,
        ),
    ),
    hints=(
        "Say you know the distances of all shorter beginnings. The last step was an insertion, a deletion or a "
        "diagonal one: what does each cost?",
        "entry(i, j) = min(entry(i−1, j) + 1, entry(i, j−1) + 1, entry(i−1, j−1) + (x ≠ y)), with entry(0, j) = j and "
        "entry(i, 0) = i. Add up over the sentences, then divide once.",
        "for each x of the output: above, row = row, [i]; for each y of the reference: row.append(min(above[j] + 1, "
        "row[j - 1] + 1, above[j - 1] + (x != y))); the distance is row[-1]",
    ),
    alternatives=(_rate_by_recursion,),
)


# --- teacher forcing -------------------------------------------------------------------------------------------------


def _forced(implementation, sentences):
    """What matters of both tensors: where the target is padding, what the decoder reads is never judged."""
    inputs, targets = implementation(sentences)
    if inputs.shape != targets.shape:
        return {"shape of inputs": tuple(inputs.shape), "shape of targets": tuple(targets.shape)}
    return {"targets": targets, "inputs": torch.where(targets == PAD, PAD, inputs)}


def _left(sentences):
    longest = max(map(len, sentences))
    return torch.tensor([[PAD] * (longest - len(s)) + [*s] for s in sentences])


def _filled(sentences, value):
    longest = max(map(len, sentences))
    return torch.tensor([[*s] + [value] * (longest - len(s)) for s in sentences])


def forcing_that_shows_the_answer(sentences):
    targets = pairs.pad([[*s, END] for s in sentences])
    return targets.clone(), targets


def forcing_without_start(sentences):
    return pairs.pad(sentences), pairs.pad([[*s[1:], END] for s in sentences])


def forcing_without_end(sentences):
    return pairs.pad([[START, *s[:-1]] for s in sentences]), pairs.pad(sentences)


def forcing_with_start_in_the_targets(sentences):
    full = pairs.pad([[START, *s, END] for s in sentences])
    return full.clone(), full


def forcing_the_wrong_way_round(sentences):
    inputs, targets = pairs.teacher_forcing(sentences)
    return targets, inputs


def forcing_shifted_by_two(sentences):
    return pairs.pad([[START, *s] for s in sentences]), pairs.pad(
        [[*s[1:], END, PAD] for s in sentences]
    )


def forcing_with_unequal_columns(sentences):
    return pairs.pad([[START, *s] for s in sentences]), pairs.pad(sentences)


def forcing_filled_with_end(sentences):
    return (
        _filled([[START, *s] for s in sentences], END),
        _filled([[*s, END] for s in sentences], END),
    )


def forcing_padded_in_front(sentences):
    return _left([[START, *s] for s in sentences]), _left([[*s, END] for s in sentences])


def forcing_with_end_after_the_padding(sentences):
    padded = pairs.pad(sentences).tolist()
    return torch.tensor([[START, *s] for s in padded]), torch.tensor([[*s, END] for s in padded])


def forcing_cut_to_the_shortest(sentences):
    shortest = min(map(len, sentences))
    return pairs.teacher_forcing([s[:shortest] for s in sentences])


def forcing_in_floats(sentences):
    inputs, targets = pairs.teacher_forcing(sentences)
    return inputs.float(), targets.float()


def forcing_in_place(sentences):
    for s in sentences:
        s.append(END)
    targets = pairs.pad(sentences)
    return torch.cat([torch.full((len(targets), 1), START), targets[:, :-1]], dim=1), targets


def _forcing_by_one_tensor(sentences):
    """One tensor, seen twice. A short row keeps its END among the inputs, where nothing is judged."""
    full = torch.full((len(sentences), max(map(len, sentences)) + 2), PAD)
    for row, sentence in enumerate(sentences):
        full[row, : len(sentence) + 2] = torch.tensor([START, *sentence, END])
    return full[:, :-1], full[:, 1:]


TEACHER_FORCING = Exercise(
    name="seq2seq.teacher_forcing",
    week=4,
    notebook=NOTEBOOK,
    reference=pairs.teacher_forcing,
    cases=(
        Case("one sentence", lambda: [[[7, 8, 9]]], run=_forced),
        Case("padding", lambda: [[[7, 8, 9], [5]]], run=_forced),
        Case("equal lengths", lambda: [[[4, 5], [6, 7], [8, 9]]], run=_forced),
        Case("an empty sentence", lambda: [[[], [4, 5, 6]]], run=_forced),
        Case(
            "a batch",
            lambda: [[[4 + (i * j) % 9 for j in range(1, 2 + i % 5)] for i in range(12)]],
            run=_forced,
        ),
    ),
    mistakes=(
        Mistake(
            forcing_that_shows_the_answer,
            "inputs and targets are the same, so the decoder only has to copy what it reads: put START in front of "
            "the inputs.",
            FORCING,
        ),
        Mistake(
            forcing_without_start,
            "the inputs lack START, so nothing asks for the first character: they are START and then the sentence.",
            FORCING,
        ),
        Mistake(
            forcing_without_end,
            "the targets lack END, so the decoder never learns to stop: they are the sentence and then END.",
            FORCING,
        ),
        Mistake(
            forcing_with_start_in_the_targets,
            "START stands in the targets too: it is read, never written.",
            FORCING,
        ),
        Mistake(
            forcing_the_wrong_way_round,
            "inputs and targets are swapped: what is read begins with START, what is answered ends with END.",
            FORCING,
        ),
        Mistake(
            forcing_shifted_by_two,
            "the targets are two places ahead of the inputs: at START the answer is the first character.",
            FORCING,
        ),
        Mistake(
            forcing_with_unequal_columns,
            "the inputs got START and the targets got no END, so they differ in length: both have one column more "
            "than the longest sentence.",
            FORCING,
        ),
        Mistake(
            forcing_filled_with_end,
            "short rows are filled with END, which the loss would then count: fill them with PAD.",
            FORCING,
        ),
        Mistake(
            forcing_padded_in_front,
            "the padding stands in front: sentences begin in the first column, and padding comes after them.",
            FORCING,
        ),
        Mistake(
            forcing_with_end_after_the_padding,
            "END comes after the padding: it belongs right behind the last character, so add it before you pad.",
            FORCING,
        ),
        Mistake(
            forcing_cut_to_the_shortest,
            "the sentences are cut to the shortest of the batch: fill the others up to the longest.",
            FORCING,
        ),
        Mistake(
            forcing_in_floats,
            "the ids are floats, and an embedding looks up whole numbers: torch.zeros makes floats, torch.full(…, PAD) "
            "and torch.tensor(lists) do not.",
            FORCING,
        ),
        Mistake(
            forcing_in_place,
            "append and insert change the caller's sentences: make new lists, [*sentence, END].",
            FORCING,
        ),
    ),
    hints=(
        "For the French mot “sel”: what does the decoder read at its four positions, and what shall it answer at each?",
        "It reads START s e l and answers s e l END. So make two lists of each sentence, and pad both.",
        "inputs = pad([[START, *s] for s in sentences]); targets = pad([[*s, END] for s in sentences])",
    ),
    alternatives=(_forcing_by_one_tensor,),
)


# --- masked cross-entropy --------------------------------------------------------------------------------------------


def _nats(logits, targets):
    """−log P of every target, padding included: (n, t)."""
    log_p = torch.log_softmax(logits, dim=-1)
    return -log_p.gather(-1, targets.unsqueeze(-1)).squeeze(-1)


def loss_of_everything(logits, targets, pad=PAD):
    return _nats(logits, targets).mean()


def loss_divided_by_all_positions(logits, targets, pad=PAD):
    return (_nats(logits, targets) * (targets != pad)).mean()


def loss_summed(logits, targets, pad=PAD):
    return (_nats(logits, targets) * (targets != pad)).sum()


def loss_per_sentence(logits, targets, pad=PAD):
    return (_nats(logits, targets) * (targets != pad)).sum() / len(targets)


def loss_averaged_twice(logits, targets, pad=PAD):
    real = targets != pad
    return ((_nats(logits, targets) * real).sum(1) / real.sum(1).clamp(min=1)).mean()


def loss_of_the_padding(logits, targets, pad=PAD):
    wrong = targets == pad
    return (_nats(logits, targets) * wrong).sum() / wrong.sum().clamp(min=1)


def loss_with_logits_set_to_zero(logits, targets, pad=PAD):
    return _nats(logits * (targets != pad).unsqueeze(-1), targets).mean()


def loss_with_the_softmax_over_time(logits, targets, pad=PAD):
    log_p = torch.log_softmax(logits, dim=1)
    nats = -log_p.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    real = targets != pad
    return (nats * real).sum() / real.sum()


def loss_in_bits(logits, targets, pad=PAD):
    return translate.masked_cross_entropy(logits, targets, pad) / torch.log(torch.tensor(2.0))


def loss_with_the_wrong_sign(logits, targets, pad=PAD):
    return -translate.masked_cross_entropy(logits, targets, pad)


def loss_that_overflows(logits, targets, pad=PAD):
    p = torch.exp(logits) / torch.exp(logits).sum(-1, keepdim=True)
    real = targets != pad
    return -torch.log(p.gather(-1, targets.unsqueeze(-1)).squeeze(-1))[real].mean()


def loss_with_the_mask_of_class_0(logits, targets, pad=PAD):
    return translate.masked_cross_entropy(logits, targets, PAD)


def loss_cut_from_the_graph(logits, targets, pad=PAD):
    return translate.masked_cross_entropy(logits.detach(), targets, pad)


def loss_of_the_first_sentences_length(logits, targets, pad=PAD):
    length = int((targets[0] != pad).sum())
    return _nats(logits[:, :length], targets[:, :length]).mean()


def _loss_by_torch(logits, targets, pad=PAD):
    return F.cross_entropy(logits.transpose(1, 2), targets, ignore_index=pad)


def _loss_by_a_weighted_sum(logits, targets, pad=PAD):
    real = (targets != pad).to(logits.dtype)
    return (_nats(logits, targets) * real).sum() / real.sum()


def _gradient(implementation, logits, targets):
    return call_with_gradients(lambda x: implementation(x, targets), logits)


def _logits_and_targets(n, t, c, lengths):
    targets = torch.randint(1, c, (n, t))
    return [2 * torch.randn(n, t, c), targets * (torch.arange(t) < torch.tensor(lengths)[:, None])]


MASKED_CROSS_ENTROPY = Exercise(
    name="seq2seq.masked_cross_entropy",
    week=4,
    notebook=NOTEBOOK,
    reference=translate.masked_cross_entropy,
    cases=(
        Case(
            "values",
            lambda: [
                torch.tensor([[[0.0, 1.0], [2.0, 0.0]], [[0.0, 3.0], [0.0, 1.0]]]),
                torch.tensor([[1, 0], [1, 1]]),
            ],
        ),
        Case("no padding", lambda: _logits_and_targets(2, 3, 4, [3, 3])),
        Case("sentences of many lengths", lambda: _logits_and_targets(4, 7, 5, [7, 2, 1, 4])),
        Case("gradients", lambda: _logits_and_targets(3, 5, 4, [5, 1, 3]), run=_gradient),
        Case("another number for padding", lambda: [*_logits_and_targets(3, 4, 5, [4, 2, 3]), 3]),
        Case(
            "±1000",
            lambda: [
                torch.tensor([[[1000.0, -1000.0, 0.0], [-1000.0, 1000.0, 0.0]]]),
                torch.tensor([[2, 1]]),
            ],
        ),
        Case(
            "float64 kept",
            lambda: [
                x.double() if x.is_floating_point() else x
                for x in _logits_and_targets(2, 3, 4, [3, 1])
            ],
            rtol=1e-10,
        ),
    ),
    mistakes=(
        Mistake(
            loss_of_everything,
            "padding counts here like text: take the mean over the positions where targets != pad.",
            LOSS,
        ),
        Mistake(
            loss_divided_by_all_positions,
            "padding costs 0 but is still counted in the division: divide by the number of real positions.",
            LOSS,
        ),
        Mistake(
            loss_summed,
            "that is the sum over all characters: divide by their number, or the loss grows with the batch.",
            LOSS,
        ),
        Mistake(
            loss_per_sentence,
            "that is the cost of a sentence: divide by the number of characters, not of sentences.",
            LOSS,
        ),
        Mistake(
            loss_averaged_twice,
            "each sentence is averaged first, so a character of a short one weighs more: take one mean over all "
            "characters.",
            LOSS,
        ),
        Mistake(
            loss_of_the_padding,
            "the mask is the wrong way round, only padding counts: keep the positions where targets != pad.",
            LOSS,
        ),
        Mistake(
            loss_with_logits_set_to_zero,
            "setting the logits of padding to 0 does not take it out: equal logits cost log c. Choose the real "
            "positions instead.",
            LOSS,
        ),
        Mistake(
            loss_with_the_softmax_over_time,
            "the softmax runs over the positions of a sentence: it belongs to the last dimension, the characters that "
            "could come.",
            LOSS,
        ),
        Mistake(
            loss_in_bits, "that is in bits: the loss is in nats, so take the natural log.", LOSS
        ),
        Mistake(
            loss_with_the_wrong_sign,
            "the sign is wrong: the loss is −log P, which is never negative.",
            LOSS,
        ),
        Mistake(
            loss_that_overflows,
            "exp of a large logit is infinite: use torch.log_softmax, or the cross_entropy of week 1.",
            LOSS,
        ),
        Mistake(
            loss_with_the_mask_of_class_0,
            "padding is looked for as 0 and the argument pad is not used: compare with pad.",
            LOSS,
        ),
        Mistake(
            loss_cut_from_the_graph,
            ".detach() (like .item() and .data) cuts the graph, so no gradient comes back: use the logits themselves.",
            LOSS,
        ),
        Mistake(
            loss_of_the_first_sentences_length,
            "all sentences are cut to the length of the first: each has its own end, so make a mask of (n, t).",
            LOSS,
        ),
    ),
    hints=(
        "Which of the n · t positions hold a character? And what is the mean over those alone?",
        "A boolean mask picks rows: logits[real] is (characters, c), targets[real] is (characters,). Week 1's "
        "cross_entropy takes the mean of such rows.",
        "real = targets != pad; return cross_entropy(logits[real], targets[real])",
    ),
    alternatives=(_loss_by_torch, _loss_by_a_weighted_sum),
)

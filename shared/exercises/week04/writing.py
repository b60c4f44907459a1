"""`recurrent.truncated_bptt` and `recurrent.sample`: cases, known mistakes, hints."""

import torch
from torch import nn

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week04.vocabulary import NOTEBOOK
from shared.nn import recurrent_lm
from shared.training.classify import cross_entropy

CUT = "Cut the past off"
WRITE = "Let it write"


# --- truncated_bptt --------------------------------------------------------------------------------------------------


class _Reader(nn.Module):
    """A small network that notes what it is given. Its state: the running sum of what it has read, times a weight."""

    def __init__(self, size, two_parts=False):
        super().__init__()
        self.table = nn.Parameter(torch.arange(float(size * size)).reshape(size, size).sin())
        self.two_parts, self.pieces, self.cut_off = two_parts, [], []

    def forward(self, ids, state=None):
        self.pieces.append(ids.tolist())
        parts = () if state is None else state if isinstance(state, tuple) else (state,)
        self.cut_off += [not part.requires_grad for part in parts]
        before = parts[-1] if parts else torch.zeros(len(ids), self.table.shape[1])
        sums = before[:, None] + 0.3 * self.table[ids].cumsum(dim=1)
        last = sums[:, -1]
        return sums, (2 * last, last) if self.two_parts else last


def _read(implementation, ids, length, two_parts=False):
    """The pieces that were read, and of each its loss and its gradient."""
    network = _Reader(int(ids.max()) + 1, two_parts)
    losses, gradients = [], []
    for loss in implementation(network, ids, length):
        network.table.grad = None
        loss.backward()
        losses.append(loss.detach())
        gradients.append(network.table.grad)
    return {
        "pieces": network.pieces,
        "losses": losses,
        "gradients of each piece": gradients,
        "states cut off": network.cut_off,
    }


def _pieces(implementation, ids, length):
    """Only what is read, and what is asked: a network whose loss says which answers it was asked for."""
    pieces = []

    def network(piece, state=None):
        pieces.append(piece.tolist())
        size = int(ids.max()) + 1
        logits = torch.linspace(0, 1, size).expand(*piece.shape, size)
        return logits, torch.zeros(len(piece))

    losses = [float(loss) for loss in implementation(network, ids, length)]
    return {"pieces": pieces, "losses": losses}


def _read_with_steps(implementation, ids, length):
    """Between two losses the weights change, as in training: each loss is that of the weights of its moment."""
    network = _Reader(int(ids.max()) + 1)
    losses = []
    for loss in implementation(network, ids, length):
        network.table.grad = None
        loss.backward()
        losses.append(loss.detach())
        with torch.no_grad():
            network.table -= 0.5 * network.table.grad
    return losses


def _state_of_two(implementation, ids, length):
    return _read(implementation, ids, length, two_parts=True)


def _loss(network, inputs, targets, state):
    logits, state = network(inputs, state)
    return cross_entropy(logits.flatten(0, 1), targets.flatten()), state


def _starts(ids, length):
    return range(0, ids.shape[1] - 1, length)


def _both(ids, start, length):
    piece = ids[:, start : start + length + 1]
    return piece[:, :-1], piece[:, 1:]


def bptt_without_detach(network, ids, length):
    state = None
    for start in _starts(ids, length):
        loss, state = _loss(network, *_both(ids, start, length), state)
        yield loss


def bptt_that_forgets(network, ids, length):
    for start in _starts(ids, length):
        yield _loss(network, *_both(ids, start, length), None)[0]


def bptt_of_the_same_character(network, ids, length):
    state = None
    for start in _starts(ids, length):
        inputs, _ = _both(ids, start, length)
        loss, state = _loss(network, inputs, inputs, state)
        yield loss
        state = recurrent_lm.detach(state)


def bptt_of_the_character_before(network, ids, length):
    state = None
    for start in _starts(ids, length):
        inputs, targets = _both(ids, start, length)
        loss, state = _loss(network, targets, inputs, state)
        yield loss
        state = recurrent_lm.detach(state)


def bptt_that_skips_a_question(network, ids, length):
    state = None
    for start in range(0, ids.shape[1], length):
        piece = ids[:, start : start + length]
        if piece.shape[1] < 2:
            return
        loss, state = _loss(network, piece[:, :-1], piece[:, 1:], state)
        yield loss
        state = recurrent_lm.detach(state)


def bptt_that_skips_a_question_and_asks_none(network, ids, length):
    state = None
    for start in range(0, ids.shape[1], length):
        piece = ids[:, start : start + length]
        loss, state = _loss(network, piece[:, :-1], piece[:, 1:], state)
        yield loss
        state = recurrent_lm.detach(state)


def bptt_without_the_short_piece(network, ids, length):
    state = None
    for start in range(0, ids.shape[1] - length, length):
        loss, state = _loss(network, *_both(ids, start, length), state)
        yield loss
        state = recurrent_lm.detach(state)


def bptt_with_an_empty_piece(network, ids, length):
    state = None
    for start in range(0, ids.shape[1], length):
        loss, state = _loss(network, *_both(ids, start, length), state)
        yield loss
        state = recurrent_lm.detach(state)


def bptt_that_moves_by_one(network, ids, length):
    state = None
    for start in range(ids.shape[1] - length):
        loss, state = _loss(network, *_both(ids, start, length), state)
        yield loss
        state = recurrent_lm.detach(state)


def bptt_of_the_sum(network, ids, length):
    for start, loss in zip(
        _starts(ids, length), recurrent_lm.truncated_bptt(network, ids, length), strict=True
    ):
        yield loss * _both(ids, start, length)[1].numel()


def bptt_as_a_list(network, ids, length):
    return list(recurrent_lm.truncated_bptt(network, ids, length))


def bptt_of_one_tensor_only(network, ids, length):
    state = None
    for start in _starts(ids, length):
        loss, state = _loss(network, *_both(ids, start, length), state)
        yield loss
        state = state.detach()


def bptt_that_cuts_everywhere(network, ids, length):
    state = None
    for start in _starts(ids, length):
        inputs, targets = _both(ids, start, length)
        losses = []
        for i in range(inputs.shape[1]):
            loss, state = _loss(network, inputs[:, i : i + 1], targets[:, i : i + 1], state)
            state = recurrent_lm.detach(state)
            losses.append(loss)
        yield torch.stack(losses).mean()


def bptt_that_cuts_the_loss(network, ids, length):
    for loss in recurrent_lm.truncated_bptt(network, ids, length):
        yield loss.detach()


def bptt_as_a_plain_number(network, ids, length):
    for loss in recurrent_lm.truncated_bptt(network, ids, length):
        yield loss.item()


def bptt_with_questions_and_answers_mixed(network, ids, length):
    state = None
    for start in _starts(ids, length):
        inputs, targets = _both(ids, start, length)
        logits, state = network(inputs, state)
        yield cross_entropy(logits.flatten(0, 1), targets.T.flatten())
        state = recurrent_lm.detach(state)


def bptt_that_cuts_the_texts(network, ids, length):
    state = None
    for start in range(0, len(ids), length):
        rows = ids[start : start + length]
        loss, state = _loss(network, rows[:, :-1], rows[:, 1:], state)
        yield loss
        state = recurrent_lm.detach(state)


def bptt_of_the_last_character(network, ids, length):
    state = None
    for start in _starts(ids, length):
        inputs, targets = _both(ids, start, length)
        logits, state = network(inputs, state)
        yield cross_entropy(logits[:, -1], targets[:, -1])
        state = recurrent_lm.detach(state)


def _bptt_by_splitting(network, ids, length):
    state = None
    questions, answers = ids[:, :-1], ids[:, 1:]
    for x, y in zip(questions.split(length, dim=1), answers.split(length, dim=1), strict=True):
        logits, state = network(x, state)
        state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        yield nn.functional.cross_entropy(logits.transpose(1, 2), y)


TRUNCATED_BPTT = Exercise(
    name="recurrent.truncated_bptt",
    week=4,
    notebook=NOTEBOOK,
    reference=recurrent_lm.truncated_bptt,
    cases=(
        Case("pieces and answers", lambda: [torch.tensor([[0, 1, 2, 0, 2]]), 2], run=_pieces),
        Case("a short last piece", lambda: [torch.tensor([[0, 1, 2, 0, 2, 1]]), 2], run=_pieces),
        Case("a state that is cut off", lambda: [torch.tensor([[0, 1, 2, 0, 2]]), 2], run=_read),
        Case("several texts", lambda: [torch.randint(0, 4, (3, 9)), 3], run=_read),
        Case(
            "each loss by the weights of its moment",
            lambda: [torch.tensor([[0, 1, 2, 0, 2]]), 2],
            run=_read_with_steps,
        ),
        Case(
            "a state of two tensors",
            lambda: [torch.tensor([[0, 1, 2, 0, 2]]), 2],
            run=_state_of_two,
        ),
        Case("pieces of one", lambda: [torch.tensor([[0, 1, 1]]), 1], run=_read),
        Case("one piece for all", lambda: [torch.tensor([[0, 1, 1]]), 50], run=_read),
    ),
    mistakes=(
        Mistake(
            bptt_without_detach,
            "the state is handed on with its whole history, so the second backward() runs into the first piece again: "
            "detach it between two pieces.",
            CUT,
        ),
        Mistake(
            bptt_that_forgets,
            "each piece starts without a state, as if nothing had been read before: hand the last state on, detached.",
            CUT,
        ),
        Mistake(
            bptt_of_the_same_character,
            "it asks for the character that was just read; the answer is the next one: targets are shifted by one.",
            CUT,
        ),
        Mistake(
            bptt_of_the_character_before,
            "questions and answers are swapped, so it learns to name the character before: read ids[:, :-1], predict "
            "ids[:, 1:].",
            CUT,
        ),
        Mistake(
            bptt_that_skips_a_question,
            "a piece of `length` tokens holds one question fewer, and the one between two pieces is never asked: take "
            "length + 1 tokens.",
            CUT,
        ),
        Mistake(
            bptt_that_skips_a_question_and_asks_none,
            "the question between two pieces is never asked, and a last piece of one token asks none (nan): take "
            "length + 1 tokens, and let the starts end at ids.shape[1] - 1.",
            CUT,
        ),
        Mistake(
            bptt_without_the_short_piece,
            "what is left at the end, shorter than `length`, is dropped: the last piece may be shorter.",
            CUT,
        ),
        Mistake(
            bptt_with_an_empty_piece,
            "the last token has no answer, so it can begin no piece; here a piece without a question gives nan: let "
            "the starts end at ids.shape[1] - 1.",
            CUT,
        ),
        Mistake(
            bptt_that_moves_by_one,
            "the pieces overlap: the next one starts where the last one ended, `length` further on.",
            CUT,
        ),
        Mistake(
            bptt_of_the_sum,
            "it is the sum over a piece; the mean does not depend on how long the piece is.",
            CUT,
        ),
        Mistake(
            bptt_as_a_list,
            "all losses are computed before the first step is taken; `yield` each, so that the next piece is read with "
            "the weights that the last one improved.",
            CUT,
        ),
        Mistake(
            bptt_of_one_tensor_only,
            "an LSTM's state is a tuple, which has no detach(): use detach(state), which cuts each part.",
            CUT,
        ),
        Mistake(
            bptt_that_cuts_everywhere,
            "the state is detached after every token, so the gradient reaches one step back: cut only between pieces.",
            CUT,
        ),
        Mistake(
            bptt_that_cuts_the_loss,
            "the loss itself is detached, so nothing can be learnt from it: detach the state.",
            CUT,
        ),
        Mistake(
            bptt_as_a_plain_number,
            ".item() makes a plain number of the loss, from which no gradient flows: yield the tensor.",
            CUT,
        ),
        Mistake(
            bptt_with_questions_and_answers_mixed,
            "the answers are transposed before they are flattened, so with several texts they meet the wrong logits: "
            "flatten both alike.",
            CUT,
        ),
        Mistake(
            bptt_that_cuts_the_texts,
            "the pieces are cut along dimension 0, text by text; time is dimension 1: ids[:, start : …].",
            CUT,
        ),
        Mistake(
            bptt_of_the_last_character,
            "only the last token of a piece is asked for; every position is a question, and all of them teach.",
            CUT,
        ),
    ),
    hints=(
        "Which token answers the last question of a piece, and does it belong to the piece?",
        "For start in range(0, ids.shape[1] - 1, length): take length + 1 tokens, read all but the last, and compare "
        "the logits with all but the first. Yield the loss; then detach the state for the next piece.",
        "piece = ids[:, start : start + length + 1]; logits, state = network(piece[:, :-1], state); yield "
        "cross_entropy(logits.flatten(0, 1), piece[:, 1:].flatten()); state = detach(state)",
    ),
    alternatives=(_bptt_by_splitting,),
)


# --- sample ----------------------------------------------------------------------------------------------------------


def _counting(ids, state=None):
    """After k it says k + 1, round and round from 0 to 5: greedy text can be read off."""
    wanted = (ids + 1) % 6
    return 4.0 * nn.functional.one_hot(wanted, 6).float(), ids[:, -1:]


def _adding(ids, state=None):
    """It says the sum of all that was read, modulo 10: nothing may be read twice, or forgotten."""
    sums = (0 if state is None else state) + ids.cumsum(dim=1)
    return 4.0 * nn.functional.one_hot(sums % 10, 10).float(), sums[:, -1:]


def _fixed(logits):
    """A network that always believes the same."""

    def network(ids, state=None):
        return logits.expand(*ids.shape, len(logits)), torch.zeros(len(ids))

    return network


def _greedy_count(implementation, prompt, count):
    return implementation(_counting, prompt, count, 0, torch.Generator())


def _greedy_sum(implementation, prompt, count):
    return implementation(_adding, prompt, count, 0, torch.Generator())


def _shares(implementation, logits, temperature, count=800):
    """How often each token is drawn."""
    generator = torch.Generator().manual_seed(5)
    drawn = implementation(_fixed(logits), torch.tensor([0]), count, temperature, generator)
    return drawn.bincount(minlength=len(logits)).double() / count


def _with_seed(implementation, seed, everyones_seed):
    torch.manual_seed(everyones_seed)
    generator = torch.Generator().manual_seed(seed)
    texts = [
        implementation(_fixed(torch.zeros(4)), torch.tensor([0]), 40, 1.0, generator)
        for _ in range(2)
    ]
    return texts


def _repeatable(implementation):
    first, other = _with_seed(implementation, 1, 1), _with_seed(implementation, 2, 1)
    again = _with_seed(implementation, 1, 2)
    return {
        "the same seed gives the same text": torch.equal(first[0], again[0]),
        "another seed gives another": not torch.equal(first[0], other[0]),
        "the second text from one generator is another": not torch.equal(*first),
    }


def _no_gradients(implementation, prompt, count):
    """Whether the network was asked to remember what a backward() would need."""
    asked = []

    def network(ids, state=None):
        asked.append(torch.is_grad_enabled())
        return _counting(ids, state)

    implementation(network, prompt, count, 1.0, torch.Generator().manual_seed(0))
    return {"gradients are recorded": any(asked)}


def _steps_read(implementation, prompt, count):
    """How sure the text is with logits of ±80, at temperature 0.05: e^1600 is too large for any float."""
    logits = torch.tensor([-80.0, 0.0, 80.0])
    generator = torch.Generator().manual_seed(0)
    return implementation(_fixed(logits), prompt, count, 0.05, generator)


def _next_token(logits, temperature, generator):
    if temperature == 0:
        return logits.argmax(keepdim=True)
    return torch.multinomial(torch.softmax(logits / temperature, dim=-1), 1, generator=generator)


def _write(network, prompt, count, temperature, generator, next_token=_next_token):
    ids, state, written = prompt[None], None, []
    with torch.no_grad():
        for _ in range(count):
            logits, state = network(ids, state)
            token = next_token(logits[0, -1], temperature, generator)
            written.append(token)
            ids = token[None]
    return torch.cat(written) if written else prompt[:0]


def sample_times_temperature(network, prompt, count, temperature=1.0, generator=None):
    def drawn(logits, temperature, generator):
        return _next_token(logits, 1 / temperature if temperature else 0, generator)

    return _write(network, prompt, count, temperature, generator, drawn)


def sample_with_temperature_on_probabilities(
    network, prompt, count, temperature=1.0, generator=None
):
    def drawn(logits, temperature, generator):
        if temperature == 0:
            return logits.argmax(keepdim=True)
        p = torch.softmax(logits, dim=-1) / temperature
        return torch.multinomial(p / p.sum(), 1, generator=generator)

    return _write(network, prompt, count, temperature, generator, drawn)


def sample_greedily(network, prompt, count, temperature=1.0, generator=None):
    return _write(network, prompt, count, 0, generator)


def sample_that_divides_by_zero(network, prompt, count, temperature=1.0, generator=None):
    def drawn(logits, temperature, generator):
        return torch.multinomial(torch.softmax(logits / temperature, -1), 1, generator=generator)

    return _write(network, prompt, count, temperature, generator, drawn)


def sample_from_the_first_position(network, prompt, count, temperature=1.0, generator=None):
    ids, state, written = prompt[None], None, []
    with torch.no_grad():
        for _ in range(count):
            logits, state = network(ids, state)
            written.append(_next_token(logits[0, 0], temperature, generator))
            ids = written[-1][None]
    return torch.cat(written) if written else prompt[:0]


def sample_with_the_prompt(network, prompt, count, temperature=1.0, generator=None):
    return torch.cat([prompt, _write(network, prompt, count, temperature, generator)])


def sample_without_state(network, prompt, count, temperature=1.0, generator=None):
    return _write(lambda ids, state: network(ids, None), prompt, count, temperature, generator)


def sample_that_reads_all_again(network, prompt, count, temperature=1.0, generator=None):
    ids, state = prompt[None], None
    with torch.no_grad():
        for _ in range(count):
            logits, state = network(ids, state)
            token = _next_token(logits[0, -1], temperature, generator)
            ids = torch.cat([ids, token[None]], dim=1)
    return ids[0, len(prompt) :]


def sample_that_reads_the_prompt_again(network, prompt, count, temperature=1.0, generator=None):
    state, written = None, []
    with torch.no_grad():
        for _ in range(count):
            logits, state = network(prompt[None], state)
            written.append(_next_token(logits[0, -1], temperature, generator))
    return torch.cat(written) if written else prompt[:0]


def sample_that_reads_the_prompts_end_only(network, prompt, count, temperature=1.0, generator=None):
    return _write(network, prompt[-1:], count, temperature, generator)


def sample_by_everyones_chance(network, prompt, count, temperature=1.0, generator=None):
    return _write(network, prompt, count, temperature, None)


def sample_with_a_seed_inside(network, prompt, count, temperature=1.0, generator=None):
    return _write(network, prompt, count, temperature, torch.Generator().manual_seed(0))


def sample_that_seeds_each_token(network, prompt, count, temperature=1.0, generator=None):
    seed = generator.initial_seed()

    def drawn(logits, temperature, generator):
        generator.manual_seed(seed)
        return _next_token(logits, temperature, generator)

    return _write(network, prompt, count, temperature, generator, drawn)


def sample_by_logits(network, prompt, count, temperature=1.0, generator=None):
    def drawn(logits, temperature, generator):
        if temperature == 0:
            return logits.argmax(keepdim=True)
        weights = torch.clamp(logits / temperature, min=0) + 1e-9
        return torch.multinomial(weights, 1, generator=generator)

    return _write(network, prompt, count, temperature, generator, drawn)


def sample_by_bare_exponentials(network, prompt, count, temperature=1.0, generator=None):
    def drawn(logits, temperature, generator):
        if temperature == 0:
            return logits.argmax(keepdim=True)
        p = torch.exp(logits / temperature)
        return torch.multinomial(p / p.sum(), 1, generator=generator)

    return _write(network, prompt, count, temperature, generator, drawn)


def sample_that_records_gradients(network, prompt, count, temperature=1.0, generator=None):
    def recording(ids, state):
        with torch.enable_grad():
            return network(ids, state)

    return _write(recording, prompt, count, temperature, generator)


def sample_as_a_list(network, prompt, count, temperature=1.0, generator=None):
    return _write(network, prompt, count, temperature, generator).tolist()


def _sample_by_gumbel(network, prompt, count, temperature=1.0, generator=None):
    """argmax(logits / temperature + Gumbel noise) is a draw from the softmax; it reads the whole text each time."""
    text = prompt
    with torch.no_grad():
        for _ in range(count):
            logits = network(text.unsqueeze(0), None)[0][0, -1]
            if temperature > 0:
                u = torch.rand(logits.shape, generator=generator).clamp(min=1e-12)
                logits = logits / temperature - torch.log(-torch.log(u))
            text = torch.cat([text, logits.argmax().view(1)])
    return text[len(prompt) :]


@torch.no_grad()
def _sample_by_running_sum(network, prompt, count, temperature=1.0, generator=None):
    written = torch.empty(count, dtype=torch.long)
    ids, state = prompt.view(1, -1), None
    for i in range(count):
        logits, state = network(ids, state)
        logits = logits[0, -1].double()
        if temperature == 0:
            written[i] = logits.argmax()
        else:
            up_to = (logits / temperature).softmax(-1).cumsum(-1)
            u = torch.rand(1, generator=generator, dtype=torch.float64)
            written[i] = torch.searchsorted(up_to, u).clamp(max=len(up_to) - 1)
        ids = written[i].view(1, 1)
    return written


def _believes():
    """Probabilities 1/11, 2/11, 8/11; logits are known only up to a constant, here 3."""
    return torch.tensor([1.0, 2.0, 8.0]).log() + 3


SAMPLE = Exercise(
    name="recurrent.sample",
    week=4,
    notebook=NOTEBOOK,
    reference=recurrent_lm.sample,
    cases=(
        Case("temperature 0", lambda: [torch.tensor([3]), 4], run=_greedy_count),
        Case("a longer prompt", lambda: [torch.tensor([5, 1, 2]), 4], run=_greedy_count),
        Case("each token is read once", lambda: [torch.tensor([1, 2]), 6], run=_greedy_sum),
        # 800 draws: two right ways of drawing differ by 0.02 or so, two temperatures by 0.2.
        Case("temperature 1", lambda: [_believes(), 1.0], run=_shares, atol=0.1),
        Case("temperature 3", lambda: [_believes(), 3.0], run=_shares, atol=0.1),
        Case("repeatable", list, run=_repeatable),
        Case("no gradients", lambda: [torch.tensor([1]), 2], run=_no_gradients),
        Case("nothing overflows", lambda: [torch.tensor([1]), 3], run=_steps_read),
    ),
    mistakes=(
        Mistake(
            sample_times_temperature,
            "the logits are multiplied by the temperature, so a high one makes the text sure of itself: divide by it.",
            WRITE,
        ),
        Mistake(
            sample_with_temperature_on_probabilities,
            "the probabilities are divided by the temperature, and normalizing takes that back: divide the logits, "
            "before the softmax.",
            WRITE,
        ),
        Mistake(
            sample_greedily,
            "it always takes the likeliest token; only temperature 0 does, otherwise draw with torch.multinomial.",
            WRITE,
        ),
        Mistake(
            sample_that_divides_by_zero,
            "at temperature 0 the logits are divided by zero: there, take the likeliest token, by argmax.",
            WRITE,
        ),
        Mistake(
            sample_from_the_first_position,
            "after a prompt of several tokens the logits of the first are used; what comes next stands at the last: "
            "logits[0, -1].",
            WRITE,
        ),
        Mistake(
            sample_with_the_prompt,
            "the prompt is returned as well; only the `count` new tokens are asked for.",
            WRITE,
        ),
        Mistake(
            sample_without_state,
            "the state is not handed on, so after each token everything before it is forgotten.",
            WRITE,
        ),
        Mistake(
            sample_that_reads_all_again,
            "the whole text is read again with a state that already holds it: read only the new token, or start "
            "without a state.",
            WRITE,
        ),
        Mistake(
            sample_that_reads_the_prompt_again,
            "the prompt is read at every step and the new token never: what was drawn is the next input.",
            WRITE,
        ),
        Mistake(
            sample_that_reads_the_prompts_end_only,
            "only the prompt's last token is read: read all of it first.",
            WRITE,
        ),
        Mistake(
            sample_by_everyones_chance,
            "the generator is not used, so the text cannot be repeated: pass generator=generator to torch.multinomial.",
            WRITE,
        ),
        Mistake(
            sample_with_a_seed_inside,
            "it makes a generator of its own, so every text is the same: use the one that is passed in.",
            WRITE,
        ),
        Mistake(
            sample_that_seeds_each_token,
            "the generator is seeded again for each token, so the same chance comes every time: let it run on.",
            WRITE,
        ),
        Mistake(
            sample_by_logits,
            "it draws by the logits themselves; probabilities come from their softmax.",
            WRITE,
        ),
        Mistake(
            sample_by_bare_exponentials,
            "exp of large logits overflows to inf, and inf / inf is nan: use torch.softmax, which subtracts the "
            "largest first.",
            WRITE,
        ),
        Mistake(
            sample_that_records_gradients,
            "the network runs with gradients recorded, so the memory grows with every token: put the loop under "
            "torch.no_grad().",
            WRITE,
        ),
        Mistake(
            sample_as_a_list,
            "it returns a list; collect the tokens in one tensor, with torch.cat or torch.stack.",
            WRITE,
        ),
    ),
    hints=(
        "Which of the logits says what comes after the prompt, and what is the next input?",
        "Start with ids = prompt[None] and no state. Each time: logits, state = network(ids, state); draw a token from "
        "softmax(logits[0, -1] / temperature), or take its argmax at 0; then ids is that token alone, (1, 1).",
        "token = torch.multinomial(torch.softmax(logits[0, -1] / temperature, dim=-1), 1, generator=generator); "
        "written.append(token); ids = token[None]",
    ),
    alternatives=(_sample_by_gumbel, _sample_by_running_sum),
)

"""`pretraining.text_rows`, `pretraining.masked_batches`, `pretraining.choose_words`,
`evaluate.pseudo_log_probabilities`, `evaluate.linear_probe`."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.text.padding import pad_batch
from shared.training import masking, probing

NOTEBOOK = "week08_pretraining/2_challenge_masked_language_model.ipynb"
ROWS = "Rows"
ANEW = "Hidden anew"
WORDS = "Whole words"
PSEUDO = "Pseudo-perplexity"
PROBE = "A probe"


# --- text_rows -------------------------------------------------------------------------------------------------------


def rows_across_articles(articles, length, first_id, last_id, shortest=8):
    one = [token for article in articles for token in article]
    return masking.text_rows([one], length, first_id, last_id, shortest)


def rows_two_too_long(articles, length, first_id, last_id, shortest=8):
    return masking.text_rows(articles, length + 2, first_id, last_id, shortest)


def rows_that_step_too_far(articles, length, first_id, last_id, shortest=8):
    rows = []
    for article in articles:
        for start in range(0, len(article), length):
            piece = article[start : start + length - 2]
            if len(piece) >= shortest:
                rows.append([first_id, *piece, last_id])
    return rows


def rows_without_the_last_piece(articles, length, first_id, last_id, shortest=8):
    rows = masking.text_rows(articles, length, first_id, last_id, shortest)
    return [row for row in rows if len(row) == length]


def rows_with_everything_short(articles, length, first_id, last_id, shortest=8):
    return masking.text_rows(articles, length, first_id, last_id, 1)


def rows_without_ends(articles, length, first_id, last_id, shortest=8):
    return [row[1:-1] for row in masking.text_rows(articles, length, first_id, last_id, shortest)]


def rows_of_the_beginnings(articles, length, first_id, last_id, shortest=8):
    begun = [article[: length - 2] for article in articles]
    return masking.text_rows(begun, length, first_id, last_id, shortest)


def rows_strictly_longer(articles, length, first_id, last_id, shortest=8):
    return masking.text_rows(articles, length, first_id, last_id, shortest + 1)


def _rows_by_consuming(articles, length, first_id, last_id, shortest=8):
    rows = []
    for article in articles:
        rest = list(article)
        while rest:
            piece, rest = rest[: length - 2], rest[length - 2 :]
            if len(piece) >= shortest:
                rows += [[first_id] + piece + [last_id]]
    return rows


def _articles(*lengths):
    """Lists of ids 10, 11, 12, …: every token of the text is another."""
    start, articles = 10, []
    for length in lengths:
        articles.append(list(range(start, start + length)))
        start += length
    return articles


TEXT_ROWS = Exercise(
    name="pretraining.text_rows",
    week=8,
    notebook=NOTEBOOK,
    reference=masking.text_rows,
    cases=(
        Case("values", lambda: [_articles(7), 5, 2, 3, 1]),
        Case("two articles", lambda: [_articles(4, 5), 6, 2, 3, 1]),
        Case("short ends left out", lambda: [_articles(12, 3, 9), 8, 2, 3, 3]),
        Case("eight unasked", lambda: [_articles(37, 7, 8, 60), 16, 2, 3]),
        Case("no text", lambda: [[[], []], 16, 2, 3]),
    ),
    mistakes=(
        Mistake(
            rows_across_articles,
            "the articles are joined before they are cut, so a row can hold the end of one and the beginning of "
            "another: cut each by itself.",
            ROWS,
        ),
        Mistake(
            rows_two_too_long,
            "the rows are two tokens too long: first_id and last_id count, so a piece has length − 2 tokens.",
            ROWS,
        ),
        Mistake(
            rows_that_step_too_far,
            "two tokens are lost between one row and the next: a piece has length − 2 tokens, so the next begins "
            "length − 2 further on, not length.",
            ROWS,
        ),
        Mistake(
            rows_without_the_last_piece,
            "the last piece of an article is left out even where it is long enough: only what has fewer than "
            "`shortest` tokens goes.",
            ROWS,
        ),
        Mistake(
            rows_with_everything_short,
            "pieces of fewer than `shortest` tokens are kept; leave them out.",
            ROWS,
        ),
        Mistake(
            rows_without_ends,
            "first_id and last_id are missing: each row begins with the one and ends with the other.",
            ROWS,
        ),
        Mistake(
            rows_of_the_beginnings,
            "only the first piece of each article becomes a row: go on to the article's end.",
            ROWS,
        ),
        Mistake(
            rows_strictly_longer,
            "a piece of exactly `shortest` tokens is left out; only those with fewer are.",
            ROWS,
        ),
    ),
    hints=(
        "A row has room for `length` tokens, and two of them are taken. How far is it from the beginning of one piece "
        "to that of the next?",
        "For each article, walk from 0 in steps of length − 2, take a piece of that many tokens, and keep it with its "
        "two ends if it has at least `shortest`.",
        "for start in range(0, len(article), length - 2): piece = article[start : start + length - 2]",
    ),
    alternatives=(_rows_by_consuming,),
)


# --- masked_batches --------------------------------------------------------------------------------------------------


def _hide(tokens):
    """Hides about half of the real tokens; 0 is padding, 4 says hidden."""
    chosen = (torch.rand(tokens.shape) < 0.5) & (tokens != 0)
    return tokens.masked_fill(chosen, 4), torch.where(chosen, tokens, -100)


def _hide_nothing(tokens):
    """Inputs and targets that can be told apart, with nothing left to chance."""
    return tokens + 1000, tokens + 2000


def _some_rows(count):
    """Rows of unequal length; each token tells its row and its place."""
    lengths = [3 + (7 * i) % 6 for i in range(count)]
    return [[100 * (i + 1) + j for j in range(n)] for i, n in enumerate(lengths)]


def _batches(implementation, rows, batch_size, seed):
    """One pass with a hide that hides nothing: the batches themselves."""
    generator = torch.Generator().manual_seed(seed)
    found = implementation(rows, batch_size, _hide_nothing, 0, generator)
    return [tuple(batch) for batch in found]


def _passes(implementation, count, batch_size):
    """Two passes with one generator: what a pass holds, and what differs between the two."""
    rows = _some_rows(count)
    generator = torch.Generator().manual_seed(5)
    passes = []
    for _ in range(2):
        torch.manual_seed(11 + len(passes))
        passes.append(list(implementation(rows, batch_size, _hide, 0, generator)))
    seen, hidden = [], []
    for batches in passes:
        whole = {}
        for inputs, lengths, targets in batches:
            for row, length, target in zip(inputs, lengths, targets):
                real = torch.where(target == -100, row, target)[: int(length)].tolist()
                whole[real[0]] = (real, (target[: int(length)] != -100).tolist())
        seen.append([whole[key][0] for key in sorted(whole)])
        hidden.append([whole[key][1] for key in sorted(whole)])
    firsts = [[int(b[1][0]) for b in batches] for batches in passes]
    return {
        "the rows of both passes": seen,
        "the passes hide the same tokens": hidden[0] == hidden[1],
        "the passes have the same order": firsts[0] == firsts[1],
        "targets in the padding": [
            bool((t[:, n.min() :][torch.arange(n.min(), t.shape[1]) >= n[:, None]] != -100).any())
            for batches in passes
            for _, n, t in batches
        ],
    }


def _pass_over(order, rows, batch_size, hide, pad_id):
    for some in order.split(batch_size):
        tokens, lengths = pad_batch([rows[i] for i in some.tolist()], pad_id)
        inputs, targets = hide(tokens)
        yield inputs, lengths, targets


def batches_in_order(rows, batch_size, hide, pad_id, generator):
    yield from _pass_over(torch.arange(len(rows)), rows, batch_size, hide, pad_id)


def batches_by_a_seed_of_their_own(rows, batch_size, hide, pad_id, generator):
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    yield from _pass_over(order, rows, batch_size, hide, pad_id)


def batches_without_the_last(rows, batch_size, hide, pad_id, generator):
    order = torch.randperm(len(rows), generator=generator)
    order = order[: len(rows) // batch_size * batch_size]
    yield from _pass_over(order, rows, batch_size, hide, pad_id)


def batches_that_hide_nothing(rows, batch_size, hide, pad_id, generator):
    order = torch.randperm(len(rows), generator=generator)
    for some in order.split(batch_size):
        tokens, lengths = pad_batch([rows[i] for i in some.tolist()], pad_id)
        yield tokens, lengths, hide(tokens)[1]


def batches_with_targets_first(rows, batch_size, hide, pad_id, generator):
    for inputs, lengths, targets in masking.masked_batches(
        rows, batch_size, hide, pad_id, generator
    ):
        yield targets, lengths, inputs


def batches_hidden_twice(rows, batch_size, hide, pad_id, generator):
    order = torch.randperm(len(rows), generator=generator)
    for some in order.split(batch_size):
        tokens, lengths = pad_batch([rows[i] for i in some.tolist()], pad_id)
        yield hide(tokens)[0], lengths, hide(hide(tokens)[0])[1]


def batches_with_full_lengths(rows, batch_size, hide, pad_id, generator):
    for inputs, lengths, targets in masking.masked_batches(
        rows, batch_size, hide, pad_id, generator
    ):
        yield inputs, torch.full_like(lengths, inputs.shape[1]), targets


def batches_with_targets_before_inputs_and_lengths_last(rows, batch_size, hide, pad_id, generator):
    for inputs, lengths, targets in masking.masked_batches(
        rows, batch_size, hide, pad_id, generator
    ):
        yield inputs, targets, lengths


def batches_drawn_with_replacement(rows, batch_size, hide, pad_id, generator):
    order = torch.randint(len(rows), (len(rows),), generator=generator)
    yield from _pass_over(order, rows, batch_size, hide, pad_id)


def _batches_as_a_list(rows, batch_size, hide, pad_id, generator):
    shuffled = [rows[i] for i in torch.randperm(len(rows), generator=generator).tolist()]
    found = []
    for start in range(0, len(shuffled), batch_size):
        tokens, lengths = pad_batch(shuffled[start : start + batch_size], pad_id)
        inputs, targets = hide(tokens)
        found.append((inputs, lengths, targets))
    return found


MASKED_BATCHES = Exercise(
    name="pretraining.masked_batches",
    week=8,
    notebook=NOTEBOOK,
    reference=masking.masked_batches,
    cases=(
        Case("one row", lambda: [[[7, 8, 9]], 2, 0], run=_batches),
        Case("order, padding, lengths", lambda: [_some_rows(7), 3, 4], run=_batches),
        Case("every row once, hidden anew", lambda: [41, 8], run=_passes),
    ),
    mistakes=(
        Mistake(
            batches_in_order,
            "the rows come in the order of the text, so a batch is of one article: shuffle them, with torch.randperm "
            "and the generator.",
            ANEW,
        ),
        Mistake(
            batches_by_a_seed_of_their_own,
            "the order is drawn from a generator made inside, so every pass has the same: draw it from the one passed "
            "in.",
            ANEW,
        ),
        Mistake(
            batches_without_the_last,
            "the rows that do not fill a whole batch are left out; the last batch may be smaller.",
            ANEW,
        ),
        Mistake(
            batches_that_hide_nothing,
            "the batch holds the tokens as they are, so the network sees the answers: yield what hide returns first, "
            "the inputs.",
            ANEW,
        ),
        Mistake(
            batches_with_targets_first,
            "inputs and targets are exchanged: a batch is (inputs, lengths, targets); hide returns inputs, targets.",
            ANEW,
        ),
        Mistake(
            batches_hidden_twice,
            "hide is called more than once for a batch, and each time it chooses anew: inputs and targets must come "
            "from one call.",
            ANEW,
        ),
        Mistake(
            batches_with_full_lengths,
            "the lengths are all that of the longest row: pad_batch returns how many tokens of each are real.",
            ANEW,
        ),
        Mistake(
            batches_with_targets_before_inputs_and_lengths_last,
            "lengths and targets are exchanged: a batch is (inputs, lengths, targets).",
            ANEW,
        ),
        Mistake(
            batches_drawn_with_replacement,
            "rows are drawn with replacement, so that some come twice and some never: one pass has each row once "
            "(torch.randperm).",
            ANEW,
        ),
    ),
    hints=(
        "What must be drawn anew in each pass, and what in each batch?",
        "Draw an order of all rows from the generator. For each batch_size of them: pad, hide, yield inputs, lengths "
        "and targets.",
        "for some in torch.randperm(len(rows), generator=generator).split(batch_size): tokens, lengths = pad_batch("
        "[rows[i] for i in some.tolist()], pad_id)",
    ),
    alternatives=(_batches_as_a_list,),
)


# --- choose_words ----------------------------------------------------------------------------------------------------


_GOES_ON = (
    torch.arange(40) >= 25
)  # ids 25 … 39 are pieces that go on with a word; 0 … 4 are special


def _text(n, length):
    """Rows [CLS] … [SEP], a third of the tokens going on with a word, with padding at the end of some."""
    tokens = torch.randint(5, 25, (n, length))
    going_on = torch.rand(n, length) < 1 / 3
    tokens = torch.where(going_on, torch.randint(25, 40, (n, length)), tokens)
    tokens[:, 0], tokens[:, -1] = 2, 3
    tokens[:, 1] = torch.randint(5, 25, (n,))
    tokens[::4, -3:] = torch.tensor([3, 0, 0])
    return tokens


def _chosen(implementation, tokens, share):
    """What can be said of a random choice: which tokens never, whether words stay whole, and how many."""
    torch.manual_seed(2)
    chosen = implementation(tokens, _GOES_ON, (0, 1, 2, 3, 4), share)
    if not isinstance(chosen, torch.Tensor) or chosen.shape != tokens.shape:
        return {"chosen": chosen}
    inside = _GOES_ON[tokens[:, 1:]]
    real = (tokens[:, :-1] > 4) & (tokens[:, 1:] > 4)
    begins = ~_GOES_ON[tokens] & (tokens > 4)
    followed = torch.cat([_GOES_ON[tokens[:, 1:]], torch.zeros(len(tokens), 1).bool()], dim=1)
    alone, split = begins & ~followed, begins & followed
    both = (chosen[:, :-1] & chosen[:, 1:])[real & ~inside]
    return {
        "dtype": str(chosen.dtype),
        "a special token is chosen": bool(chosen[tokens <= 4].any()),
        "a word is chosen in part": bool((chosen[:, 1:] != chosen[:, :-1])[real & inside].any()),
        "share of the words": chosen[begins].double().mean(),
        "share of the words of one piece": chosen[alone].double().mean(),
        "share of the words of several": chosen[split].double().mean(),
        "share of neighbouring words that are both chosen": both.double().mean(),
        "rows are alike": bool((chosen[0] == chosen).all()),
    }


def _from_generator(implementation, tokens):
    """The choice comes from the generator that is passed in, and moves it on."""
    generator = torch.Generator().manual_seed(4)
    draws = [implementation(tokens, _GOES_ON, (0, 1, 2, 3, 4), 0.3, generator) for _ in range(2)]
    again = implementation(tokens, _GOES_ON, (0, 1, 2, 3, 4), 0.3, torch.Generator().manual_seed(4))
    return {
        "repeatable": bool(torch.equal(draws[0], again)),
        "the next is another": not torch.equal(*draws),
    }


def _special(tokens, special_ids):
    return torch.isin(tokens, torch.tensor(special_ids))


def _word(tokens, goes_on):
    return ((~goes_on[tokens]).long().cumsum(dim=1) - 1).clamp(min=0)


def words_piece_by_piece(tokens, goes_on, special_ids, share=0.15, generator=None):
    return (torch.rand(tokens.shape, generator=generator) < share) & ~_special(tokens, special_ids)


def words_by_their_first_piece_only(tokens, goes_on, special_ids, share=0.15, generator=None):
    dice = torch.rand(tokens.shape, generator=generator)
    return (dice < share) & ~goes_on[tokens] & ~_special(tokens, special_ids)


def words_if_any_piece_is_hit(tokens, goes_on, special_ids, share=0.15, generator=None):
    hit = torch.rand(tokens.shape, generator=generator) < share
    word = _word(tokens, goes_on)
    any_hit = torch.zeros_like(tokens).scatter_add(1, word, hit.long()) > 0
    return any_hit.gather(1, word) & ~_special(tokens, special_ids)


def words_with_special_tokens(tokens, goes_on, special_ids, share=0.15, generator=None):
    dice = torch.rand(tokens.shape, generator=generator)
    return dice.gather(1, _word(tokens, goes_on)) < share


def words_with_goes_on_turned(tokens, goes_on, special_ids, share=0.15, generator=None):
    return masking.choose_words(tokens, ~goes_on, special_ids, share, generator)


def words_that_are_kept(tokens, goes_on, special_ids, share=0.15, generator=None):
    dice = torch.rand(tokens.shape, generator=generator)
    return (dice.gather(1, _word(tokens, goes_on)) > share) & ~_special(tokens, special_ids)


def words_alike_in_all_rows(tokens, goes_on, special_ids, share=0.15, generator=None):
    dice = torch.rand(tokens.shape[1], generator=generator).expand(tokens.shape)
    return (dice.gather(1, _word(tokens, goes_on)) < share) & ~_special(tokens, special_ids)


def words_counted_across_rows(tokens, goes_on, special_ids, share=0.15, generator=None):
    word = (~goes_on[tokens]).long().cumsum(dim=0).clamp(max=tokens.shape[1]) - 1
    dice = torch.rand(tokens.shape, generator=generator)
    return (dice.gather(1, word.clamp(min=0)) < share) & ~_special(tokens, special_ids)


def words_without_the_generator(tokens, goes_on, special_ids, share=0.15, generator=None):
    return masking.choose_words(tokens, goes_on, special_ids, share, None)


def _words_by_walking(tokens, goes_on, special_ids, share=0.15, generator=None):
    throws = torch.rand(tokens.shape, generator=generator).tolist()
    rows = []
    for row, dice in zip(tokens.tolist(), throws):
        row_chosen, hit = [], False
        for token, throw in zip(row, dice):
            if not goes_on[token]:
                hit = throw < share
            row_chosen.append(hit and token not in special_ids)
        rows.append(row_chosen)
    return torch.tensor(rows)


CHOOSE_WORDS = Exercise(
    name="pretraining.choose_words",
    week=8,
    notebook=NOTEBOOK,
    reference=masking.choose_words,
    cases=(
        Case("whole words", lambda: [_text(8, 12), 0.5], run=_chosen, atol=0.2),
        Case("the share", lambda: [_text(4000, 24), 0.3], run=_chosen, atol=0.012),
        Case("another share", lambda: [_text(4000, 24), 0.15], run=_chosen, atol=0.01),
        Case("all", lambda: [_text(4, 12), 1.0], run=_chosen),
        Case("repeatable", lambda: [_text(30, 16)], run=_from_generator),
    ),
    mistakes=(
        Mistake(
            words_piece_by_piece,
            "each token is chosen by itself, so a word can be hidden in part: throw once for each word, and give all "
            "its pieces that throw (gather).",
            WORDS,
        ),
        Mistake(
            words_by_their_first_piece_only,
            "only first pieces are chosen, and the rest of the word gives the answer away: the pieces that go on are "
            "chosen with it.",
            WORDS,
        ),
        Mistake(
            words_if_any_piece_is_hit,
            "a word is chosen if any of its pieces is hit, so long words are hidden more often than short ones: one "
            "throw for each word.",
            WORDS,
        ),
        Mistake(
            words_with_special_tokens,
            "special tokens are chosen too; [CLS], [SEP] and the padding are never hidden: & ~special.",
            WORDS,
        ),
        Mistake(
            words_with_goes_on_turned,
            "goes_on is taken the wrong way round: True means that the token belongs to the word before it, so a new "
            "word begins where it is False.",
            WORDS,
        ),
        Mistake(
            words_that_are_kept,
            "the words that should stay are chosen: a word is hidden where its throw is below `share`.",
            WORDS,
        ),
        Mistake(
            words_alike_in_all_rows,
            "all rows get the same throws: draw (n, length) of them, one row for each row of tokens.",
            WORDS,
        ),
        Mistake(
            words_counted_across_rows,
            "words are counted down the columns: a row is a text, so the sum runs along it, cumsum(dim=1).",
            WORDS,
        ),
        Mistake(
            words_without_the_generator,
            "the throws do not come from the generator that is passed in: torch.rand(tokens.shape, "
            "generator=generator).",
            WORDS,
        ),
    ),
    hints=(
        "If each word had a number, 0, 1, 2, …, how would you give all pieces of word 3 the same throw of the dice?",
        "A word begins where goes_on is False; the running sum of that along the row numbers the words. Draw throws "
        "for the whole row, and let each token take the throw of its word's number.",
        "word = (~goes_on[tokens]).long().cumsum(dim=1) - 1; then dice.gather(1, word.clamp(min=0)) < share",
    ),
    alternatives=(_words_by_walking,),
)


# --- pseudo_log_probabilities ----------------------------------------------------------------------------------------

_MASK, _V = 4, 12


def _model(copies):
    """Log-probabilities that depend on the place and on every token of the row, the hidden one included."""
    length = copies.shape[1]
    place = torch.arange(length, dtype=torch.float64)[:, None]
    word = torch.arange(_V, dtype=torch.float64)
    of_row = (copies.double() * torch.arange(1, length + 1)).sum(dim=1)[:, None, None]
    # A token that stands there open is nearly certain: whoever does not hide it reads the answer.
    open_ = 3 * torch.nn.functional.one_hot(copies, _V).double() * (copies != _MASK)[..., None]
    return (torch.sin(place * 1.3 + word * 0.7 + of_row * 0.37) + open_).log_softmax(dim=-1)


def _pseudo(implementation, tokens):
    return implementation(_model, tokens, _MASK, (0, 2, 3, 4))


def _asks_once_for_each(implementation, tokens):
    """What the model was shown: rows with one hidden token each."""
    seen = []

    def model(copies):
        seen.extend(copies.tolist())
        return _model(copies)

    before = tokens.clone()
    implementation(model, tokens, _MASK, (0, 2, 3, 4))
    return {"what the model was shown": sorted(seen), "tokens afterwards": tokens - before}


def _places(tokens, special_ids):
    return (~torch.isin(tokens, torch.tensor(special_ids))).nonzero()[:, 0]


def pseudo_of_open_tokens(log_probabilities, tokens, mask_id, special_ids):
    places = _places(tokens, special_ids)
    return log_probabilities(tokens[None])[0, places, tokens[places]]


def pseudo_with_all_hidden_at_once(log_probabilities, tokens, mask_id, special_ids):
    places = _places(tokens, special_ids)
    hidden = tokens.clone()
    hidden[places] = mask_id
    return log_probabilities(hidden[None])[0, places, tokens[places]]


def pseudo_from_left_to_right(log_probabilities, tokens, mask_id, special_ids):
    places = _places(tokens, special_ids)
    copies = tokens.repeat(len(places), 1)
    for row, place in zip(copies, places):
        row[place:] = torch.where(
            torch.isin(row[place:], torch.tensor(special_ids)), row[place:], mask_id
        )
    copy = torch.arange(len(places))
    return log_probabilities(copies)[copy, places, tokens[places]]


def pseudo_with_special_tokens(log_probabilities, tokens, mask_id, special_ids):
    return probing.pseudo_log_probabilities(log_probabilities, tokens, mask_id, ())


def pseudo_of_the_mask(log_probabilities, tokens, mask_id, special_ids):
    places = _places(tokens, special_ids)
    copy = torch.arange(len(places))
    copies = tokens.repeat(len(places), 1)
    copies[copy, places] = mask_id
    return log_probabilities(copies)[copy, places, copies[copy, places]]


def pseudo_of_the_likeliest(log_probabilities, tokens, mask_id, special_ids):
    places = _places(tokens, special_ids)
    copy = torch.arange(len(places))
    copies = tokens.repeat(len(places), 1)
    copies[copy, places] = mask_id
    return log_probabilities(copies)[copy, places].max(dim=-1).values


def pseudo_as_probabilities(log_probabilities, tokens, mask_id, special_ids):
    return probing.pseudo_log_probabilities(log_probabilities, tokens, mask_id, special_ids).exp()


def pseudo_summed(log_probabilities, tokens, mask_id, special_ids):
    return probing.pseudo_log_probabilities(log_probabilities, tokens, mask_id, special_ids).sum()


def pseudo_that_hides_for_good(log_probabilities, tokens, mask_id, special_ids):
    found, hidden = [], tokens.clone()
    for place in _places(tokens, special_ids):
        answer = int(tokens[place])
        hidden[place] = mask_id
        found.append(log_probabilities(hidden[None])[0, place, answer])
    return torch.stack(found)


def _pseudo_one_by_one(log_probabilities, tokens, mask_id, special_ids):
    found = []
    for place, token in enumerate(tokens.tolist()):
        if token in special_ids:
            continue
        hidden = tokens.clone()
        hidden[place] = mask_id
        found.append(log_probabilities(hidden.unsqueeze(0))[0, place, token])
    return torch.stack(found)


def _sentence(length):
    return torch.cat([torch.tensor([2]), torch.randint(5, _V, (length,)), torch.tensor([3])])


PSEUDO_LOG_PROBABILITIES = Exercise(
    name="evaluate.pseudo_log_probabilities",
    week=8,
    notebook=NOTEBOOK,
    reference=probing.pseudo_log_probabilities,
    cases=(
        Case("one token", lambda: [torch.tensor([2, 7, 3])], run=_pseudo),
        Case("values", lambda: [torch.tensor([2, 7, 5, 9, 3])], run=_pseudo),
        Case("a long text", lambda: [_sentence(19)], run=_pseudo),
        Case("padding", lambda: [torch.tensor([2, 6, 8, 3, 0, 0])], run=_pseudo),
        Case(
            "each hidden once, alone",
            lambda: [_sentence(5)],
            run=_asks_once_for_each,
        ),
    ),
    mistakes=(
        Mistake(
            pseudo_of_open_tokens,
            "nothing is hidden, so the model reads each answer off the input: write mask_id at the place that is asked "
            "for.",
            PSEUDO,
        ),
        Mistake(
            pseudo_with_all_hidden_at_once,
            "all tokens are hidden at once, and the model has nothing to go by: a copy of the text for each token, "
            "with only that one hidden.",
            PSEUDO,
        ),
        Mistake(
            pseudo_from_left_to_right,
            "what comes after the hidden token is hidden too: this model may see both sides, only the one token goes.",
            PSEUDO,
        ),
        Mistake(
            pseudo_with_special_tokens,
            "[CLS] and [SEP] are asked for too, which are no words and are always right: leave out special_ids.",
            PSEUDO,
        ),
        Mistake(
            pseudo_of_the_mask,
            "it looks up the probability of [MASK], which stands in the copy: take that of the token that was there, "
            "tokens[places].",
            PSEUDO,
        ),
        Mistake(
            pseudo_of_the_likeliest,
            "it takes the largest probability of each place, right or wrong: take that of the token that was there.",
            PSEUDO,
        ),
        Mistake(
            pseudo_as_probabilities,
            "these are probabilities; return their logarithms, as the model gives them.",
            PSEUDO,
        ),
        Mistake(
            pseudo_summed,
            "it returns the sum; return one number for each token, whoever calls adds them up.",
            PSEUDO,
        ),
        Mistake(
            pseudo_that_hides_for_good,
            "a token stays hidden after its turn: each copy starts from the whole text again.",
            PSEUDO,
        ),
    ),
    hints=(
        "A text of five words: how many rows does the model read, and what differs between them?",
        "Find the places that are not special. Make as many copies of the text, write mask_id into copy i at place i, "
        "and of the model's answer for copy i take place i and the token that was there.",
        "copies[copy, places] = mask_id, with copy = torch.arange(len(places)); then index the answer by "
        "[copy, places, tokens[places]]",
    ),
    alternatives=(_pseudo_one_by_one,),
)


# --- linear_probe ----------------------------------------------------------------------------------------------------


def _fit(features, targets, test_features, n_classes, strength, center=True, times_n=True):
    """The probe with switches, for its mistakes."""
    n, d = features.shape
    classes = torch.nn.functional.one_hot(targets, n_classes).double()
    shares = classes.mean(dim=0) if center else torch.zeros(n_classes, dtype=torch.float64)
    penalty = strength * (n if times_n else 1) * torch.eye(d, dtype=torch.float64)
    weights = torch.linalg.solve(features.T @ features + penalty, features.T @ (classes - shares))
    return test_features @ weights + shares


def _standardized(features, by):
    spread = by.double().std(dim=0, correction=0).clamp(min=1e-8)
    return (features.double() - by.double().mean(dim=0)) / spread


def probe_not_standardized(features, targets, test_features, n_classes, strength=0.01):
    return _fit(features.double(), targets, test_features.double(), n_classes, strength)


def probe_that_only_centres(features, targets, test_features, n_classes, strength=0.01):
    mean = features.double().mean(dim=0)
    z, z_test = features.double() - mean, test_features.double() - mean
    return _fit(z, targets, z_test, n_classes, strength)


def probe_that_learns_from_the_test(features, targets, test_features, n_classes, strength=0.01):
    z = _standardized(features, features)
    return _fit(z, targets, _standardized(test_features, test_features), n_classes, strength)


def probe_without_the_shares(features, targets, test_features, n_classes, strength=0.01):
    z, z_test = _standardized(features, features), _standardized(test_features, features)
    return _fit(z, targets, z_test, n_classes, strength, center=False)


def probe_with_a_penalty_that_fades(features, targets, test_features, n_classes, strength=0.01):
    z, z_test = _standardized(features, features), _standardized(test_features, features)
    return _fit(z, targets, z_test, n_classes, strength, times_n=False)


def probe_without_a_penalty(features, targets, test_features, n_classes, strength=0.01):
    z, z_test = _standardized(features, features), _standardized(test_features, features)
    return _fit(z, targets, z_test, n_classes, 1e-12)


def probe_with_spreads_by_n_less_one(features, targets, test_features, n_classes, strength=0.01):
    mean, spread = features.double().mean(dim=0), features.double().std(dim=0).clamp(min=1e-8)
    z, z_test = (features.double() - mean) / spread, (test_features.double() - mean) / spread
    return _fit(z, targets, z_test, n_classes, strength)


def probe_on_class_numbers(features, targets, test_features, n_classes, strength=0.01):
    z, z_test = _standardized(features, features), _standardized(test_features, features)
    n, d = z.shape
    number = targets.double()[:, None]
    penalty = strength * n * torch.eye(d, dtype=torch.float64)
    weights = torch.linalg.solve(z.T @ z + penalty, z.T @ (number - number.mean()))
    return -((z_test @ weights + number.mean()) - torch.arange(n_classes)).abs()


def probe_that_answers(features, targets, test_features, n_classes, strength=0.01):
    scores = probing.linear_probe(features, targets, test_features, n_classes, strength)
    return scores.argmax(dim=1)


def probe_of_nearest_means(features, targets, test_features, n_classes, strength=0.01):
    z, z_test = _standardized(features, features), _standardized(test_features, features)
    means = torch.stack([z[targets == k].mean(dim=0) for k in range(n_classes)])
    return -torch.cdist(z_test, means)


def _probe_with_a_column_of_ones(features, targets, test_features, n_classes, strength=0.01):
    """The same by least squares on stacked rows, with a column of ones that is not penalized."""
    mean = features.double().mean(dim=0)
    spread = (features.double() - mean).square().mean(dim=0).sqrt().clamp(min=1e-8)
    n, d = features.shape
    ones = torch.ones(n, 1, dtype=torch.float64)
    z = torch.cat([(features.double() - mean) / spread, ones], dim=1)
    extra = (strength * n) ** 0.5 * torch.eye(d, d + 1, dtype=torch.float64)
    goal = torch.cat(
        [
            torch.eye(n_classes, dtype=torch.float64)[targets],
            torch.zeros(d, n_classes, dtype=torch.float64),
        ]
    )
    stacked = torch.cat([z, extra])
    weights = torch.linalg.lstsq(stacked, goal).solution
    z_test = (test_features.double() - mean) / spread
    return torch.cat([z_test, torch.ones(len(z_test), 1, dtype=torch.float64)], dim=1) @ weights


def _states(n, m, d, classes):
    """Features whose means depend on the class, of very different size, away from zero; and classes of unequal size."""
    targets = (torch.rand(n + m) ** 2 * classes).long()
    centres = torch.randn(classes, d)
    scale = torch.logspace(-1, 1, d)
    features = (centres[targets] + torch.randn(n + m, d)) * scale + 3 * scale
    return features[:n], targets[:n], features[n:], classes


PROBE_ATOL = 1e-5

LINEAR_PROBE = Exercise(
    name="evaluate.linear_probe",
    week=8,
    notebook=NOTEBOOK,
    reference=probing.linear_probe,
    cases=(
        Case(
            "one feature",
            lambda: [
                torch.tensor([[0.0], [2.0], [4.0], [6.0]]),
                torch.tensor([0, 0, 1, 1]),
                torch.tensor([[1.0], [5.0]]),
                2,
                0.25,
            ],
            atol=PROBE_ATOL,
        ),
        Case("several classes", lambda: [*_states(60, 9, 4, 3), 0.05], atol=PROBE_ATOL),
        Case("more features than examples", lambda: [*_states(20, 6, 30, 3), 0.1], atol=PROBE_ATOL),
        Case("strength unasked", lambda: [*_states(80, 5, 6, 4)], atol=PROBE_ATOL),
    ),
    mistakes=(
        Mistake(
            probe_not_standardized,
            "the features are taken as they are; take off their mean and divide by their spread, or the penalty falls "
            "on small features alone.",
            PROBE,
        ),
        Mistake(
            probe_that_only_centres,
            "the features are centred and not divided by their spread, so `strength` means something else for every "
            "layer.",
            PROBE,
        ),
        Mistake(
            probe_that_learns_from_the_test,
            "the test features are standardized by their own mean and spread; use those of the training features for "
            "both.",
            PROBE,
        ),
        Mistake(
            probe_without_the_shares,
            "the classes' means are not taken off before the fit and not added after it, so every score is too low by "
            "its class's share.",
            PROBE,
        ),
        Mistake(
            probe_with_a_penalty_that_fades,
            "the penalty is strength · I; it is strength · n · I, or it fades as the examples become more.",
            PROBE,
        ),
        Mistake(
            probe_without_a_penalty,
            "there is no penalty, and with as many features as examples the probe learns them by heart: add "
            "strength · n to the diagonal.",
            PROBE,
        ),
        Mistake(
            probe_with_spreads_by_n_less_one,
            "the spread divides by n − 1, as std does unasked: std(dim=0, correction=0) divides by n.",
            PROBE,
        ),
        Mistake(
            probe_on_class_numbers,
            "it fits the number of the class, as if class 2 lay between 1 and 3: fit one column of 0 and 1 for each "
            "class.",
            PROBE,
        ),
        Mistake(
            probe_that_answers,
            "it returns the chosen classes; return the scores (m, n_classes), whoever calls takes the largest.",
            PROBE,
        ),
        Mistake(
            probe_of_nearest_means,
            "it compares with each class's mean, which is another classifier: solve (ZᵀZ + strength · n · I) W = ZᵀY.",
            PROBE,
        ),
    ),
    hints=(
        "Which numbers may be taken from the test features before the probe has been fitted?",
        "Mean and spread from the training features, for both. Y: one column of 0 and 1 for each class, less the "
        "column's mean. Solve the one equation, apply it to the test features, add the means again.",
        "weights = torch.linalg.solve(z.T @ z + strength * n * torch.eye(d, dtype=torch.float64), "
        "z.T @ (classes - shares)); return z_test @ weights + shares",
    ),
    alternatives=(_probe_with_a_column_of_ones,),
)

"""`text.build_vocabulary` and `evaluate.bits_per_character`: cases, known mistakes, hints."""

import math
from collections import Counter

import numpy as np
import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.text import evaluate, vocabulary

NOTEBOOK = "week04_rnn/1_guided_character_rnn.ipynb"
NUMBERS = "Characters as numbers"
COST = "What a guess costs"


# --- build_vocabulary ------------------------------------------------------------------------------------------------


def _from_a_stream(implementation, texts):
    """Texts that can be read once only, as from a file that is too large for the memory."""
    return implementation(iter(texts))


def _counted(texts):
    return Counter(token for text in texts for token in text)


def _by_frequency(counts):
    return sorted(counts, key=lambda token: (-counts[token], token))


def _numbered(tokens, start=0):
    return {token: number for number, token in enumerate(tokens, start)}


def _kept(counts, specials, min_count):
    return [t for t in _by_frequency(counts) if counts[t] >= min_count and t not in specials]


def vocabulary_in_order_of_appearance(texts, specials=(), min_count=1):
    counts = _counted(texts)
    kept = [t for t in counts if counts[t] >= min_count and t not in specials]
    return _numbered([*specials, *kept])


def vocabulary_by_the_alphabet(texts, specials=(), min_count=1):
    return _numbered([*specials, *sorted(_kept(_counted(texts), specials, min_count))])


def vocabulary_rarest_first(texts, specials=(), min_count=1):
    counts = _counted(texts)
    kept = sorted(_kept(counts, specials, min_count), key=lambda token: (counts[token], token))
    return _numbered([*specials, *kept])


def vocabulary_with_ties_as_they_came(texts, specials=(), min_count=1):
    common = _counted(texts).most_common()
    return _numbered(
        [*specials, *(t for t, count in common if count >= min_count and t not in specials)]
    )


def vocabulary_with_ties_turned(texts, specials=(), min_count=1):
    counts = _counted(texts)
    kept = sorted(_kept(counts, specials, min_count), key=lambda t: (counts[t], t), reverse=True)
    return _numbered([*specials, *kept])


def vocabulary_with_specials_last(texts, specials=(), min_count=1):
    return _numbered([*_kept(_counted(texts), specials, min_count), *specials])


def vocabulary_without_specials(texts, specials=(), min_count=1):
    return _numbered(_kept(_counted(texts), (), min_count))


def vocabulary_with_specials_counted(texts, specials=(), min_count=1):
    counts = _counted(texts)
    kept = [t for t in specials if counts[t] >= min_count]
    return _numbered([*kept, *_kept(counts, specials, min_count)])


def vocabulary_that_numbers_specials_twice(texts, specials=(), min_count=1):
    return _numbered([*specials, *_kept(_counted(texts), (), min_count)])


def vocabulary_from_one(texts, specials=(), min_count=1):
    return _numbered([*specials, *_kept(_counted(texts), specials, min_count)], start=1)


def vocabulary_from_id_to_token(texts, specials=(), min_count=1):
    return dict(enumerate([*specials, *_kept(_counted(texts), specials, min_count)]))


def vocabulary_as_a_list(texts, specials=(), min_count=1):
    return [*specials, *_kept(_counted(texts), specials, min_count)]


def vocabulary_that_wants_more_than_min_count(texts, specials=(), min_count=1):
    return _numbered([*specials, *_kept(_counted(texts), specials, min_count + 1)])


def vocabulary_without_min_count(texts, specials=(), min_count=1):
    return _numbered([*specials, *_kept(_counted(texts), specials, 1)])


def vocabulary_that_counts_each_text_alone(texts, specials=(), min_count=1):
    counts = Counter()
    for text in texts:
        alone = Counter(text)
        counts.update({t: count for t, count in alone.items() if count >= min_count})
    return _numbered([*specials, *_kept(counts, specials, 1)])


def vocabulary_of_texts(texts, specials=(), min_count=1):
    counts = Counter(tuple(text) if isinstance(text, list) else text for text in texts)
    return _numbered([*specials, *_kept(counts, specials, min_count)])


def vocabulary_of_characters_only(texts, specials=(), min_count=1):
    counts = Counter(character for text in texts for token in text for character in token)
    return _numbered([*specials, *_kept(counts, specials, min_count)])


def vocabulary_in_small_letters(texts, specials=(), min_count=1):
    counts = Counter(token.lower() for text in texts for token in text)
    return _numbered([*specials, *_kept(counts, specials, min_count)])


def vocabulary_that_reads_twice(texts, specials=(), min_count=1):
    tokens = {token for text in texts for token in text}
    counts = _counted(texts)
    kept = [t for t in _by_frequency(counts) if t in tokens and counts[t] >= min_count]
    return _numbered([*specials, *(t for t in kept if t not in specials)])


def _vocabulary_with_setdefault(texts, specials=(), min_count=1):
    counts, ids = {}, {}
    for text in texts:
        for token in text:
            counts[token] = counts.get(token, 0) + 1
    for special in specials:
        ids[special] = len(ids)
    for token, count in sorted(sorted(counts.items()), key=lambda pair: pair[1], reverse=True):
        if count >= min_count:
            ids.setdefault(token, len(ids))
    return ids


BUILD_VOCABULARY = Exercise(
    name="text.build_vocabulary",
    week=4,
    notebook=NOTEBOOK,
    reference=vocabulary.build_vocabulary,
    cases=(
        Case("ids by frequency", lambda: [["abbb"]]),
        Case("ties by the alphabet", lambda: [["zxyxz"]]),
        Case("specials first", lambda: [["add"], ("<end>", "<unknown>")]),
        Case("several texts", lambda: [["ab", "bc", "cb"]]),
        Case("min_count", lambda: [["aab", "bc"], (), 2]),
        Case("specials are never too rare", lambda: [["aab"], ("?",), 2]),
        Case("words", lambda: [[["the", "cat"], ["the", "dog"]]]),
        Case("specials that occur in the text", lambda: [[["b", "#", "b", "a"]], ("#",)]),
        Case("capital letters", lambda: [["aAB", "Abba"]]),
        Case("nothing to read", lambda: [[]]),
        Case("texts that can be read once", lambda: [["ba", "cb"]], run=_from_a_stream),
        Case(
            "a longer text",
            lambda: [["the quick brown fox jumps over the lazy dog"] * 2, ("<unknown>",), 3],
        ),
    ),
    mistakes=(
        Mistake(
            vocabulary_in_order_of_appearance,
            "the tokens are numbered as they appear, so another order of the texts gives other numbers: sort them by "
            "(-count, token).",
            NUMBERS,
        ),
        Mistake(
            vocabulary_by_the_alphabet,
            "the tokens are sorted by the alphabet alone; the more frequent comes first: sort by (-count, token).",
            NUMBERS,
        ),
        Mistake(
            vocabulary_rarest_first,
            "the rarest token comes first: turn the count's sign, and sort by (-count, token).",
            NUMBERS,
        ),
        Mistake(
            vocabulary_with_ties_as_they_came,
            "equally frequent tokens stay in the order of their appearance, as most_common leaves them: among them "
            "the smaller string comes first.",
            NUMBERS,
        ),
        Mistake(
            vocabulary_with_ties_turned,
            "reverse=True turns the alphabet too: sort by (-count, token) without it.",
            NUMBERS,
        ),
        Mistake(
            vocabulary_with_specials_last,
            "the specials come last; they come first, so that their ids are the same for every text.",
            NUMBERS,
        ),
        Mistake(
            vocabulary_without_specials,
            "the specials get no ids of their own: they come first, in the order given.",
            NUMBERS,
        ),
        Mistake(
            vocabulary_with_specials_counted,
            "specials that are rare in the texts, or absent, get no id: min_count is not for them.",
            NUMBERS,
        ),
        Mistake(
            vocabulary_that_numbers_specials_twice,
            "a special that occurs in the text is numbered a second time, and its first id belongs to nobody: leave "
            "specials out of the counted tokens.",
            NUMBERS,
        ),
        Mistake(vocabulary_from_one, "the ids start at 1: the first is 0.", NUMBERS),
        Mistake(
            vocabulary_from_id_to_token,
            "the dictionary leads from ids to tokens: turn each pair round, token → id.",
            NUMBERS,
        ),
        Mistake(
            vocabulary_as_a_list,
            "it returns the tokens in their order; make a dictionary of them: token → its place.",
            NUMBERS,
        ),
        Mistake(
            vocabulary_that_wants_more_than_min_count,
            "a token that occurs exactly min_count times is left out: keep it where count >= min_count.",
            NUMBERS,
        ),
        Mistake(
            vocabulary_without_min_count,
            "min_count is not used: a token with a smaller count gets no id.",
            NUMBERS,
        ),
        Mistake(
            vocabulary_that_counts_each_text_alone,
            "min_count is asked of each text by itself: count over all texts first, then choose.",
            NUMBERS,
        ),
        Mistake(
            vocabulary_of_texts,
            "whole texts are counted as tokens: go through the tokens of each text, in a second loop.",
            NUMBERS,
        ),
        Mistake(
            vocabulary_of_characters_only,
            "words are taken apart into characters: an element of a text is a token, however long it is.",
            NUMBERS,
        ),
        Mistake(
            vocabulary_in_small_letters,
            "capital letters are made small: 'A' and 'a' are two tokens, and each needs its id.",
            NUMBERS,
        ),
        Mistake(
            vocabulary_that_reads_twice,
            "it goes through `texts` twice, and a stream of texts is empty the second time: count in one pass.",
            NUMBERS,
        ),
    ),
    hints=(
        "What do you need to know about each token before you can give the first number away?",
        "Count all tokens of all texts (collections.Counter), leave out the rare and the specials, sort the rest by "
        "(-count, token), and number specials and rest in one go with enumerate.",
        "kept.sort(key=lambda token: (-counts[token], token)), then {token: i for i, token in enumerate([*specials, "
        "*kept])}",
    ),
    alternatives=(_vocabulary_with_setdefault,),
)


# --- bits_per_character ----------------------------------------------------------------------------------------------


def bits_left_in_nats(nats, characters):
    return float(nats.sum()) / characters


def bits_multiplied_by_ln_2(nats, characters):
    return float(nats.sum()) * math.log(2) / characters


def bits_with_the_logarithm_taken_again(nats, characters):
    return float(np.log2(np.maximum(np.asarray(nats), 1e-12)).sum()) / characters


def bits_by_the_logarithm_to_ten(nats, characters):
    return float(nats.sum()) / (math.log10(2) * characters)


def bits_per_token(nats, characters):
    return float(nats.mean()) / math.log(2)


def bits_of_the_mean_per_character(nats, characters):
    return float(nats.mean()) / (math.log(2) * characters)


def bits_of_the_whole_text(nats, characters):
    return float(nats.sum()) / math.log(2)


def bits_as_perplexity(nats, characters):
    return math.exp(min(float(nats.sum()) / characters, 700))


def bits_with_the_sign_flipped(nats, characters):
    return -float(nats.sum()) / (math.log(2) * characters)


def bits_halved(nats, characters):
    return float(nats.sum()) / (2 * characters)


def bits_of_the_first_row(nats, characters):
    return sum(float(x) for x in nats.reshape(-1, nats.shape[-1])[0]) / (math.log(2) * characters)


def bits_as_whole_number(nats, characters):
    return round(float(nats.sum()) / (math.log(2) * characters))


def _bits_by_changing_the_base(nats, characters):
    return (nats * math.log2(math.e)).sum() / characters


def _row(*numbers):
    return torch.tensor(numbers)


BITS_PER_CHARACTER = Exercise(
    name="evaluate.bits_per_character",
    week=4,
    notebook=NOTEBOOK,
    reference=evaluate.bits_per_character,
    cases=(
        Case("one coin toss is one bit", lambda: [_row(math.log(2)), 1]),
        Case("1/8 is three bits", lambda: [_row(math.log(8), math.log(8)), 2]),
        Case("unequal guesses", lambda: [_row(0.1, 2.0, 0.7), 3]),
        Case("tokens longer than a character", lambda: [_row(3.0, 1.0, 0.5), 7]),
        Case("certainty costs nothing", lambda: [_row(0.0, 0.0), 2]),
        Case("any shape", lambda: [torch.rand(3, 5) * 4, 15]),
        Case("NumPy", lambda: [np.array([0.2, 1.5, 3.0, 0.1]), 4]),
    ),
    mistakes=(
        Mistake(
            bits_left_in_nats,
            "these are still nats: one bit is ln 2 = 0.693 nats, so divide by math.log(2).",
            COST,
        ),
        Mistake(
            bits_multiplied_by_ln_2,
            "it multiplies by ln 2; there are more bits than nats, so divide by it.",
            COST,
        ),
        Mistake(
            bits_with_the_logarithm_taken_again,
            "the losses are logarithms already, −ln P: change their unit by dividing by ln 2, and take no other one.",
            COST,
        ),
        Mistake(
            bits_by_the_logarithm_to_ten,
            "log10(2) belongs to logarithms to the base ten; the losses are natural ones: divide by math.log(2).",
            COST,
        ),
        Mistake(
            bits_per_token,
            "it is the mean over tokens; a token may spell several characters: divide the sum by `characters`.",
            COST,
        ),
        Mistake(
            bits_of_the_mean_per_character,
            "the mean is divided by the characters once more: divide the sum.",
            COST,
        ),
        Mistake(
            bits_of_the_whole_text,
            "that is what the whole text costs: divide by the number of characters.",
            COST,
        ),
        Mistake(
            bits_as_perplexity,
            "e to the mean loss is the perplexity; bits are the loss itself in another unit: divide by ln 2.",
            COST,
        ),
        Mistake(
            bits_with_the_sign_flipped,
            "the sign is turned: the losses are −ln P already, and positive.",
            COST,
        ),
        Mistake(
            bits_halved,
            "it divides by 2 and not by the logarithm of 2: divide by math.log(2).",
            COST,
        ),
        Mistake(
            bits_of_the_first_row,
            "only the first row of losses is added up: sum all of them, whatever the shape.",
            COST,
        ),
        Mistake(
            bits_as_whole_number,
            "it rounds to whole bits; a good guess costs a fraction of one: leave the number as it is.",
            COST,
        ),
    ),
    hints=(
        "How many nats is one bit, the cost of a guess that was right with probability 1/2?",
        "Add all losses up, divide by ln 2 to count in bits, and divide by the number of characters.",
        "return float(nats.sum()) / (math.log(2) * characters)",
    ),
    alternatives=(_bits_by_changing_the_base,),
)

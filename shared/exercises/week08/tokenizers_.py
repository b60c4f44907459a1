"""`tokenizer.merge_pair`, `tokenizer.train_bpe`, `tokenizer.encode`, `tokenizer.longest_first`, `tokenizer.viterbi`."""

import random
from collections import Counter
from functools import cache

from shared import data
from shared.exercises.spec import Case, Exercise, Mistake
from shared.text import bpe_by_hand, unigram, wordpiece
from shared.text.bpe_by_hand import merge_pair
from shared.text.bpe_files import signs
from shared.text.pretokenize import split

NOTEBOOK = "week08_pretraining/4_explore_tokenizers.ipynb"
JOIN = "Join a pair"
MERGES = "Learn the merges"
APPLY = "From merges to tokens"
LONGEST = "WordPiece: the longest piece first"
PROBABLE = "Unigram: the most probable cut"


@cache
def _words() -> dict[str, int]:
    """Words of the pocket encyclopedia, a space before them as Ġ."""
    text = " ".join(article.text for article in list(data.encyclopedia().articles)[:6])
    return dict(Counter(signs(word.encode()) for word in split(text)))


# --- merge_pair ------------------------------------------------------------------------------------------------------


def merge_that_keeps_the_right_half(tokens, pair):
    merged = []
    for i, token in enumerate(tokens):
        merged.append(pair[0] + pair[1] if tuple(tokens[i : i + 2]) == tuple(pair) else token)
    return merged


def merge_only_the_first(tokens, pair):
    for i in range(len(tokens) - 1):
        if tuple(tokens[i : i + 2]) == tuple(pair):
            return [*tokens[:i], pair[0] + pair[1], *tokens[i + 2 :]]
    return list(tokens)


def merge_by_the_letters(tokens, pair):
    merged, i = [], 0
    while i < len(tokens):
        found = "".join(tokens[i : i + 2]) == pair[0] + pair[1] and i + 1 < len(tokens)
        merged.append(pair[0] + pair[1] if found else tokens[i])
        i += 2 if found else 1
    return merged


def merge_from_the_right(tokens, pair):
    merged, i = [], len(tokens) - 1
    while i >= 0:
        found = i > 0 and (tokens[i - 1], tokens[i]) == tuple(pair)
        merged.append(pair[0] + pair[1] if found else tokens[i])
        i -= 2 if found else 1
    return merged[::-1]


def merge_that_loses_the_last(tokens, pair):
    merged, i = [], 0
    while i < len(tokens) - 1:
        found = (tokens[i], tokens[i + 1]) == tuple(pair)
        merged.append(pair[0] + pair[1] if found else tokens[i])
        i += 2 if found else 1
    return merged


def merge_in_the_list_itself(tokens, pair):
    i = 0
    while i < len(tokens) - 1:
        if (tokens[i], tokens[i + 1]) == tuple(pair):
            tokens[i : i + 2] = [pair[0] + pair[1]]
        i += 1
    return tokens


def merge_both_orders(tokens, pair):
    merged, i = [], 0
    while i < len(tokens):
        found = sorted(tokens[i : i + 2]) == sorted(pair)
        merged.append("".join(tokens[i : i + 2]) if found else tokens[i])
        i += 2 if found else 1
    return merged


def _merge_onto_the_last(tokens, pair):
    merged = []
    for token in tokens:
        if merged and (merged[-1], token) == tuple(pair):
            merged[-1] += token
        else:
            merged.append(token)
    return merged


MERGE_PAIR = Exercise(
    name="tokenizer.merge_pair",
    week=8,
    notebook=NOTEBOOK,
    reference=bpe_by_hand.merge_pair,
    cases=(
        Case("one pair", lambda: [["h", "u", "g", "s"], ("u", "g")]),
        Case("several places", lambda: [list("abcabab"), ("a", "b")]),
        Case("overlaps", lambda: [list("aaab"), ("a", "a")]),
        Case("at the end", lambda: [list("bba"), ("b", "a")]),
        Case("longer tokens", lambda: [["hu", "g", "h", "ug", "h", "ug"], ("h", "ug")]),
        Case("the order of the two", lambda: [list("baab"), ("a", "b")]),
        Case("nothing to join", lambda: [list("xyz"), ("a", "b")]),
        Case("one token and none", lambda: [["a"], ("a", "a")]),
        Case("one token and none", lambda: [[], ("a", "a")]),
        Case("long rows", lambda: [[random.choice("ab") for _ in range(60)], ("b", "b")]),
    ),
    mistakes=(
        Mistake(
            merge_that_keeps_the_right_half,
            "the right half is still there after the joined token: a pair takes up two places, so go on two further.",
            JOIN,
        ),
        Mistake(
            merge_only_the_first,
            "only the first place is joined: go on to the end of the row.",
            JOIN,
        ),
        Mistake(
            merge_by_the_letters,
            'the letters are compared: "hu" + "g" spells "hug" too, but is not the pair ("h", "ug").',
            JOIN,
        ),
        Mistake(
            merge_from_the_right,
            "the row is read from the right: of a, a, a the first two join, not the last two.",
            JOIN,
        ),
        Mistake(
            merge_that_loses_the_last,
            "the last token is lost where it is no part of a pair: the row ends at len(tokens), not one before.",
            JOIN,
        ),
        Mistake(
            merge_in_the_list_itself,
            "the list that was given is changed: make a new one, since the caller may still need theirs.",
            JOIN,
        ),
        Mistake(
            merge_both_orders,
            "b, a is joined like a, b: a pair has a left and a right token.",
            JOIN,
        ),
    ),
    hints=(
        "You stand at a place of the row. Which two things can happen, and how far do you go on in each?",
        "A while loop with a place. If the tokens at place and place + 1 are the pair, append both as one and go on by "
        "two; otherwise append the token and go on by one.",
        "found = tuple(tokens[place : place + 2]) == pair; then place += 2 if found else 1",
    ),
    alternatives=(_merge_onto_the_last,),
)


# --- train_bpe -------------------------------------------------------------------------------------------------------


def _train(words, n_merges, count=None, choose=None, join=merge_pair):
    """BPE with steps that a mistake can replace."""
    rows = {word: list(word) for word in words}
    tokens = sorted(set("".join(words)))
    merges = []
    for _ in range(n_merges):
        counts = (count or _count)(rows, words)
        if not counts:
            break
        best = (choose or _oldest)(counts, tokens)
        merges.append(best)
        tokens.append(best[0] + best[1])
        rows = {word: join(row, best) for word, row in rows.items()}
    return merges


def _count(rows, words):
    counts = Counter()
    for word, row in rows.items():
        for pair in zip(row, row[1:]):
            counts[pair] += words[word]
    return counts


def _oldest(counts, tokens):
    return min(counts, key=lambda p: (-counts[p], tokens.index(p[0]), tokens.index(p[1])))


def train_without_the_words_counts(words, n_merges):
    return _train(words, n_merges, count=lambda rows, _: _count(rows, dict.fromkeys(words, 1)))


def train_with_the_first_met(words, n_merges):
    return _train(words, n_merges, choose=lambda counts, _: max(counts, key=counts.__getitem__))


def train_by_the_alphabet(words, n_merges):
    return _train(
        words, n_merges, choose=lambda counts, _: min(counts, key=lambda p: (-counts[p], p))
    )


def train_with_the_newest(words, n_merges):
    def newest(counts, tokens):
        return max(counts, key=lambda p: (counts[p], tokens.index(p[0]), tokens.index(p[1])))

    return _train(words, n_merges, choose=newest)


def train_by_counting_once(words, n_merges):
    counts = _count({word: list(word) for word in words}, words)
    tokens = sorted(set("".join(words)))
    order = sorted(counts, key=lambda p: (-counts[p], tokens.index(p[0]), tokens.index(p[1])))
    return order[:n_merges]


def train_by_the_papers_score_for_wordpiece(words, n_merges):
    def most_surprising(counts, tokens):
        left, right = Counter(), Counter()
        for (a, b), count in counts.items():
            left[a] += count
            right[b] += count

        def key(p):
            share = counts[p] / (left[p[0]] * right[p[1]])
            return -share, tokens.index(p[0]), tokens.index(p[1])

        return min(counts, key=key)

    return _train(words, n_merges, choose=most_surprising)


def train_across_words(words, n_merges):
    text = [sign for word, count in words.items() for _ in range(count) for sign in word]
    tokens, merges = sorted(set(text)), []
    for _ in range(n_merges):
        counts = Counter(zip(text, text[1:]))
        if not counts:
            break
        merges.append(_oldest(counts, tokens))
        tokens.append("".join(merges[-1]))
        text = merge_pair(text, merges[-1])
    return merges


def train_that_returns_tokens(words, n_merges):
    return [left + right for left, right in _train(words, n_merges)]


def train_with_each_pair_once_a_word(words, n_merges):
    def count(rows, words):
        counts = Counter()
        for word, row in rows.items():
            for pair in dict.fromkeys(zip(row, row[1:])):
                counts[pair] += words[word]
        return counts

    return _train(words, n_merges, count=count)


def _train_by_numbers(words, n_merges):
    """With ages kept as numbers, and the counts in a plain dictionary."""
    age = {sign: n for n, sign in enumerate(sorted({sign for word in words for sign in word}))}
    rows = [([*word], count) for word, count in words.items()]
    merges = []
    while len(merges) < n_merges:
        counts = {}
        for row, count in rows:
            for i in range(len(row) - 1):
                counts[row[i], row[i + 1]] = counts.get((row[i], row[i + 1]), 0) + count
        if counts == {}:
            return merges
        most = max(counts.values())
        ties = [pair for pair, count in counts.items() if count == most]
        best = sorted(ties, key=lambda pair: (age[pair[0]], age[pair[1]]))[0]
        merges.append(best)
        age.setdefault("".join(best), len(age))
        rows = [(_merge_onto_the_last(row, best), count) for row, count in rows]
    return merges


TRAIN_BPE = Exercise(
    name="tokenizer.train_bpe",
    week=8,
    notebook=NOTEBOOK,
    reference=bpe_by_hand.train_bpe,
    cases=(
        Case("the first merge", lambda: [{"hug": 3, "pug": 1, "hugs": 2}, 1]),
        Case("a merge of merges", lambda: [{"hug": 3, "pug": 1, "hugs": 2}, 3]),
        Case("ties", lambda: [{"yz": 2, "ab": 2, "za": 1}, 3]),
        Case(
            "ties between old and new tokens", lambda: [{"bcd": 3, "ab": 2, "bcda": 2, "zy": 5}, 5]
        ),
        Case(
            "words that occur often",
            lambda: [{"no": 9, "on": 1, "one": 1, "bone": 1, "tone": 1}, 2],
        ),
        Case("a pair twice in a word", lambda: [{"banana": 2, "bx": 3}, 2]),
        Case("words that end", lambda: [{"ab": 1, "c": 9}, 10]),
        Case("no merges", lambda: [{"ab": 3}, 0]),
        Case("sixty merges of an encyclopedia", lambda: [_words(), 60]),
    ),
    mistakes=(
        Mistake(
            train_without_the_words_counts,
            "each different word counts once: a pair counts as often as its word occurs, words[word].",
            MERGES,
        ),
        Mistake(
            train_with_the_first_met,
            "of equally frequent pairs the one met first is taken: take the one of the older tokens, so that the order "
            "of the words does not matter.",
            MERGES,
        ),
        Mistake(
            train_by_the_alphabet,
            "ties are broken by the alphabet, also among merged tokens: a merged token is younger than every letter.",
            MERGES,
        ),
        Mistake(
            train_with_the_newest,
            "of equally frequent pairs the one of the youngest tokens is taken: take the one of the oldest.",
            MERGES,
        ),
        Mistake(
            train_by_counting_once,
            "the pairs are counted once, before the first merge: join the pair in all words, then count anew.",
            MERGES,
        ),
        Mistake(
            train_by_the_papers_score_for_wordpiece,
            "the count is divided by the counts of its two tokens: BPE takes the most frequent pair, as it is.",
            MERGES,
        ),
        Mistake(
            train_across_words,
            "pairs are counted across the end of a word: each word is a row of its own.",
            MERGES,
        ),
        Mistake(
            train_that_returns_tokens,
            "the joined tokens are returned: return the pairs, which also say how a token came about.",
            MERGES,
        ),
        Mistake(
            train_with_each_pair_once_a_word,
            "a pair that stands twice in a word counts once: every place counts.",
            MERGES,
        ),
    ),
    hints=(
        "What has to be counted again after a merge, and in which rows?",
        "Keep for each word its row of tokens. Each time: a Counter of all pairs, weighted by words[word]; the largest "
        "count, of ties the oldest tokens; join it in all rows with merge_pair.",
        "best = max(counts, key=lambda p: (counts[p], -tokens.index(p[0]), -tokens.index(p[1])))",
    ),
    alternatives=(_train_by_numbers,),
    seconds=20.0,
)


# --- encode ----------------------------------------------------------------------------------------------------------


def encode_the_leftmost_pair(word, ranks):
    tokens = list(word)
    while known := [pair for pair in zip(tokens, tokens[1:]) if pair in ranks]:
        tokens = merge_only_the_first(tokens, known[0])
    return tokens


def encode_with_one_merge(word, ranks):
    tokens = list(word)
    known = [pair for pair in zip(tokens, tokens[1:]) if pair in ranks]
    return merge_pair(tokens, min(known, key=ranks.__getitem__)) if known else tokens


def encode_the_last_learned(word, ranks):
    tokens = list(word)
    while known := [pair for pair in zip(tokens, tokens[1:]) if pair in ranks]:
        tokens = merge_pair(tokens, max(known, key=ranks.__getitem__))
    return tokens


def encode_the_longest_token(word, ranks):
    vocabulary = {left + right for left, right in ranks}
    tokens, start = [], 0
    while start < len(word):
        end = next(
            (e for e in range(len(word), start, -1) if word[start:e] in vocabulary), start + 1
        )
        tokens.append(word[start:end])
        start = end
    return tokens


def encode_in_one_sweep(word, ranks):
    tokens = []
    for sign in word:
        if tokens and (tokens[-1], sign) in ranks:
            tokens[-1] += sign
        else:
            tokens.append(sign)
    return tokens


def encode_in_the_mappings_order(word, ranks):
    tokens = list(word)
    for pair in ranks:
        tokens = merge_pair(tokens, pair)
    return tokens


def encode_while_the_word_is_whole(word, ranks):
    return [word] if any(left + right == word for left, right in ranks) else list(word)


def _encode_by_all_merges(word, ranks):
    tokens = list(word)
    for pair in sorted(ranks, key=ranks.get):
        tokens = _merge_onto_the_last(tokens, pair)
    return tokens


def _ranks(*pairs):
    return {tuple(pair.split()): place for place, pair in enumerate(pairs)}


def _shuffled(ranks):
    pairs = list(ranks)
    random.shuffle(pairs)
    return {pair: ranks[pair] for pair in pairs}


@cache
def _encyclopedia_ranks():
    return {pair: place for place, pair in enumerate(bpe_by_hand.train_bpe(_words(), 60))}


ENCODE = Exercise(
    name="tokenizer.encode",
    week=8,
    notebook=NOTEBOOK,
    reference=bpe_by_hand.encode,
    cases=(
        Case("a word", lambda: ["hugs", _ranks("u g", "h ug")]),
        Case("the order of the merges", lambda: ["abc", _ranks("b c", "a b")]),
        Case("the order of the merges", lambda: ["abcd", _ranks("b c", "a b", "ab c", "c d")]),
        Case("several places", lambda: ["banana", _ranks("a n", "b an")]),
        Case("nothing known", lambda: ["xyz", _ranks("u g")]),
        Case("the empty word", lambda: ["", _ranks("u g")]),
        Case(
            "ranks in any order", lambda: ["abcab", {("a", "b"): 1, ("b", "c"): 0, ("a", "bc"): 2}]
        ),
        Case(
            "words of an encyclopedia",
            lambda: [random.choices(sorted(_words()), k=30), _shuffled(_encyclopedia_ranks())],
            run=lambda implementation, words, ranks: [implementation(w, ranks) for w in words],
        ),
    ),
    mistakes=(
        Mistake(
            encode_the_leftmost_pair,
            "the leftmost known pair is joined first: join the one with the smallest rank, wherever it stands.",
            APPLY,
        ),
        Mistake(
            encode_with_one_merge,
            "it stops after one merge: go on until no pair that stands in the word is known.",
            APPLY,
        ),
        Mistake(
            encode_the_last_learned,
            "the pair learned last is joined first: the smallest rank comes first, min and not max.",
            APPLY,
        ),
        Mistake(
            encode_the_longest_token,
            "the longest token is taken from the left, WordPiece's rule: BPE joins pairs in the order learned.",
            APPLY,
        ),
        Mistake(
            encode_in_one_sweep,
            "one sweep from left to right joins each sign to the token before it: look at all pairs, the smallest rank "
            "first.",
            APPLY,
        ),
        Mistake(
            encode_in_the_mappings_order,
            "the merges are applied in the order in which the mapping holds them: their rank is what counts.",
            APPLY,
        ),
        Mistake(
            encode_while_the_word_is_whole,
            "a word is one token or single letters, nothing between: join pair after pair.",
            APPLY,
        ),
    ),
    hints=(
        "In 'abc' both (b, c) and (a, b) are known. (b, c) was learned first. What are the tokens?",
        "While some pair of neighbours is in ranks: join the one with the smallest rank, everywhere.",
        "while known := [pair for pair in zip(tokens, tokens[1:]) if pair in ranks]: tokens = merge_pair(tokens, "
        "min(known, key=ranks.get))",
    ),
    alternatives=(_encode_by_all_merges,),
)


# --- longest_first ---------------------------------------------------------------------------------------------------


def _pieces(word, vocabulary, ends, prefix=lambda start: "##" if start else "", lost=None):
    tokens, start = [], 0
    while start < len(word):
        found = [e for e in ends(start, len(word)) if prefix(start) + word[start:e] in vocabulary]
        if not found:
            return ["[UNK]"] if lost is None else lost(tokens)
        tokens.append(prefix(start) + word[start : found[0]])
        start = found[0]
    return tokens


def _from_long(start, length):
    return range(length, start, -1)


def longest_by_the_shortest(word, vocabulary):
    return _pieces(word, vocabulary, lambda start, length: range(start + 1, length + 1))


def longest_without_the_marks(word, vocabulary):
    return _pieces(word, vocabulary, _from_long, prefix=lambda start: "")


def longest_with_marks_everywhere(word, vocabulary):
    return _pieces(word, vocabulary, _from_long, prefix=lambda start: "##")


def longest_that_keeps_what_was_found(word, vocabulary):
    return _pieces(word, vocabulary, _from_long, lost=lambda tokens: [*tokens, "[UNK]"])


def longest_that_stops_quietly(word, vocabulary):
    return _pieces(word, vocabulary, _from_long, lost=lambda tokens: tokens)


def longest_that_goes_on_after_unknown(word, vocabulary):
    tokens, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        found = [e for e in _from_long(start, len(word)) if mark + word[start:e] in vocabulary]
        tokens.append(mark + word[start : found[0]] if found else "[UNK]")
        start = found[0] if found else start + 1
    return tokens


def longest_from_the_end(word, vocabulary):
    tokens, end = [], len(word)
    while end > 0:
        starts = [s for s in range(end) if ("##" if s else "") + word[s:end] in vocabulary]
        if not starts:
            return ["[UNK]"]
        tokens.append(("##" if starts[0] else "") + word[starts[0] : end])
        end = starts[0]
    return tokens[::-1]


def longest_returned_without_marks(word, vocabulary):
    return [token.removeprefix("##") for token in _pieces(word, vocabulary, _from_long)]


def _longest_by_recursion(word, vocabulary):
    def rest(part, mark):
        if part == "":
            return []
        for size in range(len(part), 0, -1):
            if mark + part[:size] in vocabulary:
                after = rest(part[size:], "##")
                return None if after is None else [mark + part[:size], *after]
        return None

    found = rest(word, "")
    return ["[UNK]"] if found is None else found


_BEES = {
    *("b", "bee", "be", "keep", "##keep", "##k", "##e", "##ee", "##p", "##ing", "##er", "##s"),
    *("u", "un", "##a", "##aff", "##f", "##able", "##ble", "##b", "##i", "##n", "##g", "##r"),
}

LONGEST_FIRST = Exercise(
    name="tokenizer.longest_first",
    week=8,
    notebook=NOTEBOOK,
    reference=wordpiece.longest_first,
    cases=(
        Case("a word", lambda: ["bees", _BEES]),
        Case("pieces", lambda: ["beekeeping", _BEES]),
        Case("pieces", lambda: ["unaffable", _BEES]),
        Case("the longest from the front", lambda: ["abcd", {"a", "abc", "##bcd", "##d"}]),
        Case("no way back", lambda: ["abcd", {"ab", "abc", "##cd"}]),
        Case("unknown words", lambda: ["beez", _BEES]),
        Case("unknown words", lambda: ["zbee", _BEES]),
        Case("marks", lambda: ["ss", {"s", "##s", "ss"}]),
        Case("marks", lambda: ["keepkeep", {"keep", "##keep", "##k"}]),
        Case("marks", lambda: ["keepkeep", {"keep", "k"}]),
        Case("one letter", lambda: ["b", _BEES]),
    ),
    mistakes=(
        Mistake(
            longest_by_the_shortest,
            "the shortest piece is taken: begin with the whole rest of the word, and make it shorter from the end.",
            LONGEST,
        ),
        Mistake(
            longest_without_the_marks,
            "pieces within a word are looked up without their mark: those that go on with a word begin with ##.",
            LONGEST,
        ),
        Mistake(
            longest_with_marks_everywhere,
            "the first piece is looked up with ## too: only pieces that go on with a word have the mark.",
            LONGEST,
        ),
        Mistake(
            longest_that_keeps_what_was_found,
            "what was found before the unknown part is kept: a word that cannot be written whole is one [UNK].",
            LONGEST,
        ),
        Mistake(
            longest_that_stops_quietly,
            "the rest of a word is dropped where no piece fits: the whole word becomes [UNK].",
            LONGEST,
        ),
        Mistake(
            longest_that_goes_on_after_unknown,
            "each unknown letter becomes an [UNK] of its own: the whole word becomes one.",
            LONGEST,
        ),
        Mistake(
            longest_from_the_end,
            "the word is cut from its end: WordPiece begins at the front.",
            LONGEST,
        ),
        Mistake(
            longest_returned_without_marks,
            "the marks are taken off the tokens: return them as they stand in the vocabulary.",
            LONGEST,
        ),
    ),
    hints=(
        "Which pieces do you try first for 'beekeeping', and what do you do with what is left of the word?",
        "From a start, try every end from len(word) downwards, with '##' before the piece unless start is 0. The first "
        "one in the vocabulary is taken, and the next start is its end. If none is: return ['[UNK]'].",
        "for end in range(len(word), start, -1): … if token in vocabulary: break … else: return ['[UNK]']",
    ),
    alternatives=(_longest_by_recursion,),
)


# --- viterbi ---------------------------------------------------------------------------------------------------------


def _ways(word, scores, longest):
    """All ways to cut a word."""
    if word == "":
        return [[]]
    sizes = [k for k in range(1, min(longest, len(word)) + 1) if word[:k] in scores]
    return [[word[:k], *rest] for k in sizes for rest in _ways(word[k:], scores, longest)]


def _total(tokens, scores):
    return sum(scores[token] for token in tokens)


def viterbi_by_the_longest_token(word, scores, longest=16):
    tokens, start = [], 0
    while start < len(word):
        ends = range(min(len(word), start + longest), start, -1)
        end = next(e for e in ends if word[start:e] in scores)
        tokens.append(word[start:end])
        start = end
    return tokens


def viterbi_by_the_best_next_token(word, scores, longest=16):
    tokens, start = [], 0
    while start < len(word):
        ends = range(start + 1, min(len(word), start + longest) + 1)
        end = max([e for e in ends if word[start:e] in scores], key=lambda e: scores[word[start:e]])
        tokens.append(word[start:end])
        start = end
    return tokens


def viterbi_with_the_least_score(word, scores, longest=16):
    return min(_ways(word, scores, longest), key=lambda way: _total(way, scores))


def viterbi_with_the_fewest_tokens(word, scores, longest=16):
    return min(_ways(word, scores, longest), key=lambda way: (len(way), -_total(way, scores)))


def viterbi_without_the_limit(word, scores, longest=16):
    return unigram.viterbi(word, scores, len(word))


def viterbi_with_a_limit_one_too_small(word, scores, longest=16):
    return unigram.viterbi(word, scores, longest - 1 if longest < 16 else longest)


def viterbi_with_the_tokens_backwards(word, scores, longest=16):
    return unigram.viterbi(word, scores, longest)[::-1]


def viterbi_that_forgets_what_came_before(word, scores, longest=16):
    begin = [0]
    for end in range(1, len(word) + 1):
        starts = [s for s in range(max(0, end - longest), end) if word[s:end] in scores]
        begin.append(max(starts, key=lambda s: scores[word[s:end]]))
    tokens, end = [], len(word)
    while end > 0:
        tokens.append(word[begin[end] : end])
        end = begin[end]
    return tokens[::-1]


def viterbi_with_the_mean_score(word, scores, longest=16):
    return max(_ways(word, scores, longest), key=lambda way: _total(way, scores) / max(1, len(way)))


def _viterbi_forward(word, scores, longest=16):
    """The best way from each place onwards, kept whole."""
    best = {len(word): (0.0, [])}
    for start in range(len(word) - 1, -1, -1):
        ways = []
        for end in range(start + 1, min(len(word), start + longest) + 1):
            if word[start:end] in scores and end in best:
                score, rest = best[end]
                ways.append((score + scores[word[start:end]], [word[start:end], *rest]))
        best[start] = max(ways)
    return best[0][1]


_HUGS = {"h": -3.0, "u": -3.5, "g": -3.2, "s": -2.5, "hu": -4.0, "ug": -2.2, "hug": -3.1, "gs": -6}


def _random_scores():
    word = "".join(random.choices("abc", k=10))
    parts = sorted({word[i:j] for i in range(10) for j in range(i + 1, min(10, i + 5) + 1)})
    return {p: -6 * random.random() for p in parts if len(p) == 1 or random.random() < 0.6}, word


VITERBI = Exercise(
    name="tokenizer.viterbi",
    week=8,
    notebook=NOTEBOOK,
    reference=unigram.viterbi,
    cases=(
        Case("a word", lambda: ["hugs", _HUGS]),
        Case("a longer sum of better tokens", lambda: ["ab", {"a": -1.0, "b": -1.5, "ab": -4.0}]),
        Case(
            "not the best token first",
            lambda: ["abc", {"a": -1.0, "b": -5, "c": -5, "ab": -3, "bc": -8}],
        ),
        Case(
            "not the best token last",
            lambda: ["abc", {"a": -6.0, "b": -5, "c": -1, "ab": -9, "bc": -2}],
        ),
        Case(
            "not the longest",
            lambda: ["abcd", {"a": -2.0, "b": -9, "c": -9, "d": -9, "abc": -3, "bcd": -3}],
        ),
        Case("a limit", lambda: ["hugs", _HUGS, 2]),
        Case("a limit", lambda: ["abc", {"a": -5.0, "b": -5, "c": -5, "ab": -4, "abc": -1}, 2]),
        Case("one letter and none", lambda: ["h", _HUGS]),
        Case("one letter and none", lambda: ["", _HUGS]),
        Case(
            "twenty words",
            lambda: [[_random_scores() for _ in range(20)]],
            run=lambda implementation, pairs: [implementation(word, s) for s, word in pairs],
        ),
    ),
    mistakes=(
        Mistake(
            viterbi_by_the_longest_token,
            "the longest token is taken each time, as in WordPiece: two other tokens may have the greater sum.",
            PROBABLE,
        ),
        Mistake(
            viterbi_by_the_best_next_token,
            "the best next token is taken each time: what it leaves over may be dear, so compare sums over the word.",
            PROBABLE,
        ),
        Mistake(
            viterbi_with_the_least_score,
            "the least probable way is taken: scores are logarithms, and −2 is more than −5.",
            PROBABLE,
        ),
        Mistake(
            viterbi_with_the_fewest_tokens,
            "the way with the fewest tokens is taken: the sum of scores counts, however many they are.",
            PROBABLE,
        ),
        Mistake(
            viterbi_without_the_limit,
            "tokens of more than `longest` characters are used: a token that ends at end begins at end − longest or "
            "later.",
            PROBABLE,
        ),
        Mistake(
            viterbi_with_a_limit_one_too_small,
            "tokens of exactly `longest` characters are left out: the first start is end − longest itself.",
            PROBABLE,
        ),
        Mistake(
            viterbi_with_the_tokens_backwards,
            "the tokens come in reverse, since you walk back from the end: turn the list round.",
            PROBABLE,
        ),
        Mistake(
            viterbi_that_forgets_what_came_before,
            "only the last token's score is compared: add the best score of what stands before it, best[start].",
            PROBABLE,
        ),
        Mistake(
            viterbi_with_the_mean_score,
            "the mean score of a token is compared: a way's probability is a product, so its logarithm is the sum.",
            PROBABLE,
        ),
    ),
    hints=(
        "If you know the best way to cut 'h', 'hu' and 'hug', how do you find the best one for 'hugs'?",
        "best[end] is the greatest score of word[:end], begin[end] the place where its last token begins: try every "
        "start, best[start] + scores[word[start:end]]. Then walk back from the end by begin.",
        "tokens, end = [], len(word); while end > 0: tokens.append(word[begin[end]:end]); end = begin[end]",
    ),
    alternatives=(_viterbi_forward,),
)

"""Applying the merges of byte-pair encoding to the bytes of a pre-token, in three ways. Met in week 8.

The rule: of all pairs that stand side by side, the one that was learned first becomes a token, the leftmost where it
stands several times; again and again, until no pair is known. `Merges.word` is the rule, written down. The other two
give the same tokens where that would take long: `long_word` for a million bytes without a space, `many` for thousands
of words at once.
"""

import heapq
from collections import defaultdict
from collections.abc import Sequence
from itertools import repeat

import numpy as np

_NOTHING = 1 << 62  # what an unknown pair becomes: above the number of any token
_END = -1
_INSIDE = -2


class Merges:
    """Merges that were learned in this order.

    Within, a token is a number: a byte is its value, and what merge i makes is 256 + i. So of two pairs the one that
    was learned first becomes the smaller number.

    tokens: the bytes of each number
    Raises ValueError for merges that can't have been learned: of tokens that aren't there yet, or that make one again.
    """

    def __init__(self, merges: Sequence[tuple[bytes, bytes]]) -> None:
        self.tokens = [bytes([byte]) for byte in range(256)]
        self._pairs: list[tuple[int, int]] = []
        self._becomes: dict[tuple[int, int], int] = {}
        number = {token: byte for byte, token in enumerate(self.tokens)}
        for i, (left, right) in enumerate(merges):
            if left not in number or right not in number:
                raise ValueError(f"merge {i} is of {left!r} and {right!r}: one isn't there yet.")
            if left + right in number:
                raise ValueError(f"merge {i} makes {left + right!r}, which is there already.")
            pair = number[left], number[right]
            number[left + right] = self._becomes[pair] = len(self.tokens)
            self._pairs.append(pair)
            self.tokens.append(left + right)
        # The same as `_becomes`, for many pairs at once: a pair is the number left · n + right.
        keys = [left * len(self.tokens) + right for left, right in self._pairs]
        order = np.argsort(np.array(keys, dtype=np.int64))
        self._sorted_keys = np.append(np.array(keys, dtype=np.int64)[order], _NOTHING)
        self._sorted_new = np.append(order + 256, _NOTHING)

    def word(self, data: bytes) -> list[int]:
        """The rule. Its time grows with the square of the length, which is short."""
        numbers = list(data)
        becomes = self._becomes.get
        found = list(map(becomes, zip(numbers, numbers[1:]), repeat(_NOTHING)))
        while found and (new := min(found)) != _NOTHING:
            i = found.index(new)
            numbers[i : i + 2] = [new]
            del found[i]
            if i > 0:
                found[i - 1] = becomes((numbers[i - 1], new), _NOTHING)
            if i < len(found):
                found[i] = becomes((new, numbers[i + 1]), _NOTHING)
        return numbers

    def long_word(self, data: bytes) -> list[int]:
        """The same, and no place is looked at again unless its pair has changed.

        A new token's pairs are all learned after it, so one merge is done at all its places before the next begins. As
        in `learn_merges`, a token's number stands at its first and at its last place.
        """
        row = [_END, *data, _END]
        places: dict[int, list[int]] = defaultdict(
            list
        )  # what a pair becomes → where such pairs begin
        for place, pair in enumerate(zip(row, row[1:])):
            if pair in self._becomes:
                places[self._becomes[pair]].append(place)
        queue = list(places)
        heapq.heapify(queue)
        while queue:
            new = heapq.heappop(queue)
            left, right = self._pairs[new - 256]
            for place in places.pop(new):
                middle = place + len(self.tokens[left])
                end = place + len(self.tokens[new])
                if row[place] != left or row[middle] != right:
                    continue  # one of the two has merged with its other neighbour since
                before, after = row[place - 1], row[end]
                row[middle] = _INSIDE
                row[place] = row[end - 1] = new
                for pair, begin in (
                    ((before, new), place - len(self.tokens[before])),
                    ((new, after), place),
                ):
                    if pair in self._becomes:
                        if self._becomes[pair] not in places:
                            heapq.heappush(queue, self._becomes[pair])
                        places[self._becomes[pair]].append(begin)
        merged, place = [], 1
        while row[place] != _END:
            merged.append(row[place])
            place += len(self.tokens[row[place]])
        return merged

    def many(self, words: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
        """The same for many words, none empty: one merge in each word at once, until none has a known pair.

        Returns the tokens of all words, one word after the other, and how many tokens each has.

        row: the tokens of all words that are at work   word: of each token, the number of its word
        becomes: of each token, what it becomes with the one to its right
        """
        lengths = [len(word) for word in words]
        row = np.frombuffer(b"".join(words), dtype=np.uint8).astype(np.int64)
        word = np.repeat(np.arange(len(words)), lengths)
        becomes = np.full(len(row), _NOTHING)
        self._look_up(becomes, row, word, np.arange(len(row)))
        done_rows, done_words = [], []
        while len(row):
            begins = np.flatnonzero(np.diff(word, prepend=-1))
            sizes = np.diff(begins, append=len(row))
            new = np.minimum.reduceat(becomes, begins)
            goes_on = new != _NOTHING
            here = np.repeat(goes_on, sizes)
            done_rows.append(row[~here])
            done_words.append(word[~here])
            row, word, becomes = row[here], word[here], becomes[here]
            new, sizes = new[goes_on], sizes[goes_on]
            places = np.flatnonzero(becomes == np.repeat(new, sizes))
            places = places[np.diff(word[places], prepend=-1) != 0]  # the leftmost of each word
            row[places] = new
            left = np.ones(len(row), dtype=bool)
            left[places + 1] = False
            row, word, becomes = row[left], word[left], becomes[left]
            places -= np.arange(len(places))  # one token fewer for each word before
            self._look_up(becomes, row, word, places)
            self._look_up(becomes, row, word, places[places > 0] - 1)
        every_word = np.concatenate([*done_words, word])
        order = np.argsort(every_word, kind="stable")
        tokens = np.concatenate([*done_rows, row])[order]
        return tokens, np.bincount(every_word, minlength=len(words))

    def _look_up(
        self, becomes: np.ndarray, row: np.ndarray, word: np.ndarray, places: np.ndarray
    ) -> None:
        """Sets what the tokens at these places become with the one to their right."""
        becomes[places] = _NOTHING
        places = places[places < len(row) - 1]
        places = places[word[places] == word[places + 1]]
        keys = row[places] * len(self.tokens) + row[places + 1]
        found = np.searchsorted(self._sorted_keys, keys)
        becomes[places] = np.where(
            self._sorted_keys[found] == keys, self._sorted_new[found], _NOTHING
        )

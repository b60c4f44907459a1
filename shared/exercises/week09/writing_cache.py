"""`generate.KVCache`: what is kept of the tokens that were read."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.llm.writing import cache

NOTEBOOK = "week09_llm/1_guided_finetune_gpt2.ipynb"
REMEMBER = "Remember what was read"


def _numbers(n, n_kv_heads, length, d, dtype=torch.float32):
    """Keys that say where they stand: text · 100 + head · 10 + place; values are their negatives, minus a half."""
    text, head, place = torch.meshgrid(
        torch.arange(n), torch.arange(n_kv_heads), torch.arange(length), indexing="ij"
    )
    key = (100.0 * text + 10 * head + place)[..., None].expand(n, n_kv_heads, length, d)
    return key.to(dtype).clone(), (-key - 0.5).to(dtype).clone()


def extended(implementation, sizes, pieces, dtype=torch.float32):
    """A cache of (n, n_kv_heads, capacity, d) that gets keys and values in pieces; all that it says."""
    n, n_kv_heads, _, d = sizes
    more = {} if dtype == torch.float32 else {"dtype": dtype}
    cache = implementation(*sizes, **more)
    key, value = _numbers(n, n_kv_heads, sum(pieces), d, dtype)
    said, start = {}, 0
    for number, length in enumerate(pieces):
        span = slice(start, start + length)
        keys, values = cache.extend(key[:, :, span], value[:, :, span])
        said[f"keys after piece {number}"] = keys.clone()
        said[f"values after piece {number}"] = values.clone()
        said[f"length after piece {number}"] = cache.length
        start += length
    return said


def kept(implementation, sizes, rows):
    """Two tokens, then `keep`, then one more token."""
    n, n_kv_heads, _, d = sizes
    cache = implementation(*sizes)
    cache.extend(*_numbers(n, n_kv_heads, 2, d))
    cache.keep(torch.tensor(rows))
    keys, values = cache.extend(*_numbers(len(rows), n_kv_heads, 1, d))
    return {"keys after keep": keys.clone(), "values after keep": values.clone()}


def filled_up(implementation, sizes):
    """What happens where more comes than the cache holds, and what it holds then."""
    n, n_kv_heads, capacity, d = sizes
    cache = implementation(*sizes)
    cache.extend(*_numbers(n, n_kv_heads, capacity - 1, d))
    try:
        cache.extend(*_numbers(n, n_kv_heads, 2, d))
        refused = "no error"
    except Exception as error:
        refused = type(error).__name__
    said = {"where more comes than it holds": refused, "length afterwards": cache.length}
    if refused == "ValueError":
        said["keys afterwards"] = cache.extend(*_numbers(n, n_kv_heads, 1, d))[0].clone()
    return said


def memory(implementation, sizes):
    """Whether the keys of the second call lie in the memory of the first: nothing was copied."""
    n, n_kv_heads, _, d = sizes
    cache = implementation(*sizes)
    first, _ = cache.extend(*_numbers(n, n_kv_heads, 1, d))
    second, _ = cache.extend(*_numbers(n, n_kv_heads, 1, d))
    return {"memory is taken once": first.data_ptr() == second.data_ptr()}


class _Cache(cache.KVCache):
    """The reference; the known mistakes change a method of it."""


class KVCacheThatForgetsItsLength(_Cache):
    def extend(self, key, value):
        self.keys[:, :, : key.shape[-2]] = key
        self.values[:, :, : key.shape[-2]] = value
        return self.keys[:, :, : key.shape[-2]], self.values[:, :, : key.shape[-2]]


class KVCacheThatCountsOneForEachCall(_Cache):
    def extend(self, key, value):
        result = super().extend(key, value)
        self.length -= key.shape[-2] - 1
        return result


class KVCacheThatReturnsOnlyWhatIsNew(_Cache):
    def extend(self, key, value):
        super().extend(key, value)
        return key, value


class KVCacheThatReturnsAllItsRoom(_Cache):
    def __init__(self, *sizes, **more):
        super().__init__(*sizes, **more)
        self.keys.zero_()
        self.values.zero_()

    def extend(self, key, value):
        super().extend(key, value)
        return self.keys, self.values


class KVCacheWithKeysAndValuesSwapped(_Cache):
    def extend(self, key, value):
        return super().extend(key, value)[::-1]


class KVCacheOfKeysOnly(_Cache):
    def extend(self, key, value):
        return super().extend(key, key)


class KVCacheThatGrows(_Cache):
    def __init__(self, *sizes, **more):
        super().__init__(*sizes, **more)
        self.keys, self.values = self.keys[:, :, :0], self.values[:, :, :0]

    def extend(self, key, value):
        self.keys = torch.cat([self.keys, key], dim=-2)
        self.values = torch.cat([self.values, value], dim=-2)
        self.length = self.keys.shape[-2]
        return self.keys, self.values


class KVCacheThatCopies(_Cache):
    def extend(self, key, value):
        return tuple(x.clone() for x in super().extend(key, value))


class KVCacheThatRefusesNothing(_Cache):
    def extend(self, key, value):
        start, end = self.length, self.length + key.shape[-2]
        self.keys[:, :, start:end] = key
        self.values[:, :, start:end] = value
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]


class KVCacheThatDropsWhatDoesNotFit(_Cache):
    def extend(self, key, value):
        room = self.keys.shape[-2] - self.length
        return super().extend(key[:, :, :room], value[:, :, :room])


class KVCacheThatCountsBeforeItRefuses(_Cache):
    def extend(self, key, value):
        self.length += key.shape[-2]
        if self.length > self.keys.shape[-2]:
            raise ValueError("the cache is full.")
        self.length -= key.shape[-2]
        return super().extend(key, value)


class KVCacheThatKeepsTheKeysOnly(_Cache):
    def keep(self, rows):
        self.keys = self.keys[rows]
        self.values = self.values[: len(rows)]


class KVCacheThatKeepsTheFirst(_Cache):
    def keep(self, rows):
        self.keys, self.values = self.keys[: len(rows)], self.values[: len(rows)]


class KVCacheThatKeepsInItsOwnOrder(_Cache):
    def keep(self, rows):
        super().keep(rows.sort().values)


class KVCacheThatForgetsWhenItKeeps(_Cache):
    def keep(self, rows):
        super().keep(rows)
        self.length = 0


class KVCacheOfFloat32(_Cache):
    def __init__(self, n, n_kv_heads, capacity, d, dtype=None, device=None):
        super().__init__(n, n_kv_heads, capacity, d)


class _CacheByNarrow:
    """One tensor for both, and narrow in place of slices."""

    def __init__(self, n, n_kv_heads, capacity, d, dtype=torch.float32, device=None):
        self.both = torch.zeros(2, n, n_kv_heads, capacity, d, dtype=dtype, device=device)
        self.length = 0

    def extend(self, key, value):
        new = key.size(2)
        if self.length + new > self.both.size(3):
            raise ValueError(f"{self.length + new} tokens do not fit into {self.both.size(3)}.")
        self.both.narrow(3, self.length, new).copy_(torch.stack([key, value]))
        self.length += new
        keys, values = self.both.narrow(3, 0, self.length)
        return keys, values

    def keep(self, rows):
        self.both = self.both.index_select(1, rows)


KV_CACHE = Exercise(
    name="generate.KVCache",
    week=9,
    notebook=NOTEBOOK,
    reference=cache.KVCache,
    cases=(
        Case("one token", lambda: [(1, 1, 2, 1), (1,)], run=extended),
        Case("token after token", lambda: [(1, 1, 4, 1), (1, 1, 1)], run=extended),
        Case("a prompt, then tokens", lambda: [(2, 2, 8, 3), (4, 1, 1)], run=extended),
        Case("full to the brim", lambda: [(1, 2, 5, 2), (3, 2)], run=extended),
        Case("float64", lambda: [(1, 1, 3, 2), (2, 1), torch.float64], run=extended),
        Case("keep", lambda: [(3, 1, 4, 1), [2, 0]], run=kept),
        Case("keep one text twice", lambda: [(3, 2, 4, 2), [1, 1, 2, 0]], run=kept),
        Case("more than it holds", lambda: [(1, 1, 3, 1)], run=filled_up),
        Case("memory", lambda: [(2, 2, 4, 3)], run=memory),
    ),
    mistakes=(
        # First, as it is also the best word for an answer that grows and yet refuses.
        Mistake(
            KVCacheThatGrows,
            "torch.cat copies all that was read for each new token: take the memory once, in __init__, write into it, "
            "and refuse what does not fit before anything is changed.",
            REMEMBER,
        ),
        Mistake(
            KVCacheThatForgetsItsLength,
            "each call writes from place 0 on, over what was there: keep a length, write behind it, and move it on.",
            REMEMBER,
        ),
        Mistake(
            KVCacheThatCountsOneForEachCall,
            "the length grows by one at each call, but a call may bring many tokens (a prompt): add key.shape[-2].",
            REMEMBER,
        ),
        Mistake(
            KVCacheThatReturnsOnlyWhatIsNew,
            "only the new keys and values come back: a query must look at all so far, so return everything up to the "
            "length.",
            REMEMBER,
        ),
        Mistake(
            KVCacheThatReturnsAllItsRoom,
            "all the room comes back, with places that nothing was written to: cut at the length, keys[:, :, :end].",
            REMEMBER,
        ),
        Mistake(
            KVCacheWithKeysAndValuesSwapped,
            "keys and values come back in the wrong order: (keys, values).",
            REMEMBER,
        ),
        Mistake(
            KVCacheOfKeysOnly,
            "the keys were stored as values, too: look at the second assignment.",
            REMEMBER,
        ),
        Mistake(
            KVCacheThatCopies,
            "what comes back is a copy: a slice of the memory, without .clone(), costs nothing.",
            REMEMBER,
        ),
        Mistake(
            KVCacheThatRefusesNothing,
            "where more comes than it holds, torch's own error about shapes is raised: test the end first, and raise "
            "a ValueError.",
            REMEMBER,
        ),
        Mistake(
            KVCacheThatDropsWhatDoesNotFit,
            "what does not fit is dropped without a word, and the model would go on with a hole in its memory: raise a "
            "ValueError.",
            REMEMBER,
        ),
        Mistake(
            KVCacheThatCountsBeforeItRefuses,
            "the length is moved on before the error is raised: test first, so that a refused call leaves no trace.",
            REMEMBER,
        ),
        Mistake(
            KVCacheThatKeepsTheKeysOnly,
            "keep picks the rows of the keys only: the values must follow, or texts answer with each other's words.",
            REMEMBER,
        ),
        Mistake(
            KVCacheThatKeepsTheFirst,
            "keep leaves the first rows, however many were asked for: index with rows, keys[rows].",
            REMEMBER,
        ),
        Mistake(
            KVCacheThatKeepsInItsOwnOrder,
            "keep brings the rows into an order of its own: they come in the order of `rows`.",
            REMEMBER,
        ),
        Mistake(
            KVCacheThatForgetsWhenItKeeps,
            "keep sets the length back: the texts that stay have been read, and their keys still count.",
            REMEMBER,
        ),
        Mistake(
            KVCacheOfFloat32,
            "dtype has no effect: hand it, and device, to torch.empty.",
            REMEMBER,
        ),
    ),
    hints=(
        "A prompt of 4 tokens came, then one more. Where in the memory does that one stand, and what must the "
        "attention see?",
        "In __init__: two tensors (n, n_kv_heads, capacity, d) and a length of 0. extend: start = length, end = start "
        "+ new; refuse; write to [start:end]; length = end; return [:end].",
        "self.keys[:, :, start:end] = key; the same for the values; then return self.keys[:, :, :end], "
        "self.values[:, :, :end]; keep: self.keys, self.values = self.keys[rows], self.values[rows]",
    ),
    alternatives=(_CacheByNarrow,),
)

"""`landscape.count_weights`, `landscape.kv_cache_bytes` and `landscape.elo_update`: models read from their config."""

from shared.exercises.spec import Case, Exercise, Mistake
from shared.llm.judging.elo import elo_update
from shared.llm.shapes import Shape, count_weights, kv_cache_bytes

NOTEBOOK = "week09_llm/4_explore_landscape.ipynb"
COUNT = "Count the weights"
CACHE = "What a text costs"
VOTES = "A rating from votes"


_TINY = {
    "vocab_size": 10, "d_model": 4, "n_layers": 2, "n_heads": 2, "n_kv_heads": 1, "d": 2, "d_hidden": 8,
    "n_dense": 2, "n_experts": 0, "n_chosen": 0, "n_shared": 0, "d_expert": 0, "tied": True, "attention": 48,
    "latent": 0, "windows": (None, None),
}  # fmt: skip


class Tiny(Shape):
    """The notebook's small model, shown as what is changed in it."""

    def __repr__(self):
        changed = [f"{name}={value}" for name, value in vars(self).items() if _TINY[name] != value]
        return f"TINY with {', '.join(changed)}" if changed else "TINY"


def _shape(**sizes) -> Shape:
    return Tiny(**_TINY | sizes)


_SPARSE = {"n_dense": 0, "n_experts": 4, "n_chosen": 2, "d_expert": 3, "tied": False}
_MIXED = {
    "n_layers": 5, "n_dense": 2, "n_experts": 6, "n_chosen": 2, "n_shared": 1, "d_expert": 5, "tied": False,
    "attention": 77, "windows": (None,) * 5,
}  # fmt: skip


# --- count_weights ---------------------------------------------------------------------------------------------------


def _count(
    shape,
    matrices=3,
    norms=2,
    last=1,
    router=1,
    shared=1,
    n_dense=None,
    embeddings=None,
    tables=None,
):
    """count_weights with something changed."""
    table, expert = shape.vocab_size * shape.d_model, matrices * shape.d_model * shape.d_expert
    n_dense = shape.n_dense if n_dense is None else n_dense
    n_sparse = shape.n_layers - n_dense
    always = shape.n_layers * (shape.attention + norms * shape.d_model) + last * shape.d_model
    always += n_dense * matrices * shape.d_model * shape.d_hidden
    always += n_sparse * (
        router * shape.d_model * shape.n_experts + shared * shape.n_shared * expert
    )
    tables = (1 if shape.tied else 2) if tables is None else tables
    embeddings = 1 if embeddings is None else embeddings
    return (
        always + n_sparse * shape.n_experts * expert + tables * table,
        always + n_sparse * shape.n_chosen * expert + embeddings * table,
    )


def count_without_norms(shape):
    return _count(shape, norms=0, last=0)


def count_one_norm_in_a_block(shape):
    return _count(shape, norms=1)


def count_without_the_last_norm(shape):
    return _count(shape, last=0)


def count_two_matrices(shape):
    return _count(shape, matrices=2)


def count_two_tables_always(shape):
    return _count(shape, tables=2)


def count_one_table_always(shape):
    return _count(shape, tables=1)


def count_the_embedding_as_met(shape):
    return _count(shape, embeddings=1 if shape.tied else 2)


def count_no_head_as_met(shape):
    return _count(shape, embeddings=0)


def count_all_experts_as_met(shape):
    everything, _ = count_weights(shape)
    table = shape.vocab_size * shape.d_model
    return everything, everything - (0 if shape.tied else table)


def count_without_the_router(shape):
    return _count(shape, router=0)


def count_without_shared_experts(shape):
    return _count(shape, shared=0)


def count_every_block_as_sparse(shape):
    return _count(shape, n_dense=0 if shape.n_experts else None)


def count_one_block(shape):
    small = Shape(**{**vars(shape), "n_layers": 1, "n_dense": min(1, shape.n_dense)})
    return count_weights(small)


def _by_parts(shape):
    """The same, block by block."""
    everything = met = shape.d_model * (1 + shape.vocab_size)
    if not shape.tied:
        everything += shape.d_model * shape.vocab_size
    for block in range(shape.n_layers):
        own = shape.attention + 2 * shape.d_model
        if block < shape.n_dense:
            own += 3 * shape.d_model * shape.d_hidden
            everything, met = everything + own, met + own
            continue
        own += shape.d_model * shape.n_experts
        expert = 3 * shape.d_model * shape.d_expert
        everything += own + (shape.n_shared + shape.n_experts) * expert
        met += own + (shape.n_shared + shape.n_chosen) * expert
    return everything, met


COUNT_WEIGHTS = Exercise(
    name="landscape.count_weights",
    week=9,
    notebook=NOTEBOOK,
    reference=count_weights,
    cases=(
        Case("a dense model", lambda: [_shape()]),
        Case("a head of its own", lambda: [_shape(tied=False)]),
        Case("experts", lambda: [_shape(**_SPARSE)]),
        Case("dense blocks, then experts, some shared", lambda: [_shape(**_MIXED)]),
        Case("experts, and a tied head", lambda: [_shape(**_MIXED | {"tied": True})]),
    ),
    mistakes=(
        Mistake(
            count_without_norms,
            "the norms are missing: two in each block, and one more after the last, of d_model numbers each.",
            COUNT,
        ),
        Mistake(
            count_one_norm_in_a_block,
            "each block has two norms, one before attention and one before the feed-forward layer; one was counted.",
            COUNT,
        ),
        Mistake(
            count_without_the_last_norm,
            "after the last block comes one more norm, of d_model numbers, before the head.",
            COUNT,
        ),
        Mistake(
            count_two_matrices,
            "two matrices were counted: a gated layer has three, gate, up and down, and so has each expert.",
            COUNT,
        ),
        Mistake(
            count_two_tables_always,
            "where the head is tied, it is the embedding's table, which must be counted once and not twice.",
            COUNT,
        ),
        Mistake(
            count_one_table_always,
            "where the head is not tied, it has a table of its own, as large as the embedding's.",
            COUNT,
        ),
        Mistake(
            count_the_embedding_as_met,
            "a token looks up one row of the embedding: of the two tables it meets only the head's.",
            COUNT,
        ),
        Mistake(
            count_no_head_as_met,
            "the head is missing in the second number: every token meets it, vocab_size · d_model numbers.",
            COUNT,
        ),
        Mistake(
            count_all_experts_as_met,
            "a token meets n_chosen of the n_experts experts: in the second number all were counted.",
            COUNT,
        ),
        Mistake(
            count_without_the_router,
            "the router is missing: a matrix of d_model · n_experts numbers in each block that has experts.",
            COUNT,
        ),
        Mistake(
            count_without_shared_experts,
            "shared experts are missing: they work on every token, and so count in both numbers.",
            COUNT,
        ),
        Mistake(
            count_every_block_as_sparse,
            "the first n_dense blocks have one wide layer and no experts: those are in the n_layers − n_dense others.",
            COUNT,
        ),
        Mistake(
            count_one_block,
            "one block was counted, and the model has n_layers of them.",
            COUNT,
        ),
    ),
    hints=(
        "Which parts does every token meet, whatever the router says? Count those first, for all blocks.",
        "always = blocks · (attention + two norms) + dense layers + routers and shared experts + the last norm + head. "
        "Then the first number adds all experts, and the embedding where it is another table; the second adds the "
        "chosen experts.",
        "return always + n_sparse * s.n_experts * expert + (0 if s.tied else table), "
        "always + n_sparse * s.n_chosen * expert",
    ),
    alternatives=(_by_parts,),
)


# --- kv_cache_bytes --------------------------------------------------------------------------------------------------


def _kept(shape, length):
    return sum(length if window is None else min(length, window) for window in shape.windows)


def cache_of_keys_only(shape, length, bytes_each=2):
    return (shape.latent or shape.n_kv_heads * shape.d) * _kept(shape, length) * bytes_each


def cache_of_query_heads(shape, length, bytes_each=2):
    return (shape.latent or 2 * shape.n_heads * shape.d) * _kept(shape, length) * bytes_each


def cache_without_windows(shape, length, bytes_each=2):
    each = shape.latent or 2 * shape.n_kv_heads * shape.d
    return each * length * len(shape.windows) * bytes_each


def cache_of_whole_windows(shape, length, bytes_each=2):
    each = shape.latent or 2 * shape.n_kv_heads * shape.d
    kept = sum(length if window is None else window for window in shape.windows)
    return each * kept * bytes_each


def cache_of_full_blocks_only(shape, length, bytes_each=2):
    each = shape.latent or 2 * shape.n_kv_heads * shape.d
    return each * length * sum(window is None for window in shape.windows) * bytes_each


def cache_without_latent(shape, length, bytes_each=2):
    return 2 * shape.n_kv_heads * shape.d * _kept(shape, length) * bytes_each


def cache_with_latent_twice(shape, length, bytes_each=2):
    return 2 * (shape.latent or shape.n_kv_heads * shape.d) * _kept(shape, length) * bytes_each


def cache_of_one_block(shape, length, bytes_each=2):
    each = shape.latent or 2 * shape.n_kv_heads * shape.d
    window = shape.windows[0]
    return each * (length if window is None else min(length, window)) * bytes_each


def cache_in_numbers(shape, length, bytes_each=2):
    return (shape.latent or 2 * shape.n_kv_heads * shape.d) * _kept(shape, length)


def cache_in_two_bytes_always(shape, length, bytes_each=2):
    return kv_cache_bytes(shape, length)


def _block_by_block(shape, length, bytes_each=2):
    total = 0
    for window in shape.windows:
        tokens = length
        if window is not None and window < length:
            tokens = window
        if shape.latent:
            total += tokens * shape.latent
        else:
            total += tokens * shape.n_kv_heads * shape.d
            total += tokens * shape.n_kv_heads * shape.d
    return total * bytes_each


KV_CACHE_BYTES = Exercise(
    name="landscape.kv_cache_bytes",
    week=9,
    notebook=NOTEBOOK,
    reference=kv_cache_bytes,
    cases=(
        Case("grouped heads", lambda: [_shape(), 5]),
        Case("one byte for each number", lambda: [_shape(), 5, 1]),
        Case("windows", lambda: [_shape(windows=(3, None)), 5]),
        Case("a text shorter than the window", lambda: [_shape(windows=(None, 8)), 5]),
        Case("latent attention", lambda: [_shape(latent=7, n_kv_heads=2), 5]),
        Case("all at once", lambda: [_shape(latent=7, n_layers=3, windows=(None, 4, 4)), 9, 4]),
    ),
    mistakes=(
        Mistake(
            cache_of_keys_only,
            "each head of keys keeps a key and a value: the 2 is missing.",
            CACHE,
        ),
        Mistake(
            cache_of_query_heads,
            "queries are not kept: what counts is n_kv_heads, the heads of keys and values, and not n_heads.",
            CACHE,
        ),
        Mistake(
            cache_without_windows,
            "a block with a window keeps no more tokens than it looks at: min(length, window).",
            CACHE,
        ),
        Mistake(
            cache_of_whole_windows,
            "where the text is shorter than the window, only the text is kept: min(length, window).",
            CACHE,
        ),
        Mistake(
            cache_of_full_blocks_only,
            "blocks with a window keep something too: the last tokens, as many as the window has.",
            CACHE,
        ),
        Mistake(
            cache_without_latent,
            "where latent is above 0, those numbers are kept, and neither keys nor values.",
            CACHE,
        ),
        Mistake(
            cache_with_latent_twice,
            "from the latent vector both are made, keys and values: it is kept once, without the 2.",
            CACHE,
        ),
        Mistake(
            cache_of_one_block,
            "one block was counted: every block keeps its own keys and values.",
            CACHE,
        ),
        Mistake(
            cache_in_numbers,
            "those are numbers; asked are bytes, bytes_each for each number.",
            CACHE,
        ),
        Mistake(
            cache_in_two_bytes_always,
            "bytes_each has no effect: multiply by it, and not by 2.",
            CACHE,
        ),
    ),
    hints=(
        "How many numbers does one block keep of one token? And of how many tokens?",
        "each = latent, or 2 · n_kv_heads · d where latent is 0. Sum over the windows how many tokens a block keeps.",
        "sum(length if window is None else min(length, window) for window in shape.windows) * each * bytes_each",
    ),
    alternatives=(_block_by_block,),
)


# --- elo_update ------------------------------------------------------------------------------------------------------


def elo_with_e(a, b, score, k=32.0):
    change = k * (score - 1 / (1 + 2.718281828459045 ** ((b - a) / 400)))
    return a + change, b - change


def elo_for_the_favourite(a, b, score, k=32.0):
    change = k * (score - 1 / (1 + 10 ** ((a - b) / 400)))
    return a + change, b - change


def elo_without_the_400(a, b, score, k=32.0):
    change = k * (score - 1 / (1 + 10 ** min(300.0, b - a)))
    return a + change, b - change


def elo_without_an_expectation(a, b, score, k=32.0):
    return a + k * (score - 0.5), b - k * (score - 0.5)


def elo_of_the_first_only(a, b, score, k=32.0):
    return elo_update(a, b, score, k)[0], b


def elo_where_both_gain(a, b, score, k=32.0):
    change = k * (score - 1 / (1 + 10 ** ((b - a) / 400)))
    return a + change, b + change


def elo_one_after_the_other(a, b, score, k=32.0):
    a = a + k * (score - 1 / (1 + 10 ** ((b - a) / 400)))
    b = b + k * (1 - score - 1 / (1 + 10 ** ((a - b) / 400)))
    return a, b


def elo_without_draws(a, b, score, k=32.0):
    return elo_update(a, b, 1.0 if score > 0.5 else 0.0, k)


def elo_by_32_always(a, b, score, k=32.0):
    return elo_update(a, b, score)


def _by_both_expectations(a, b, score, k=32.0):
    strong_a, strong_b = 10 ** (a / 400), 10 ** (b / 400)
    expected_a, expected_b = strong_a / (strong_a + strong_b), strong_b / (strong_a + strong_b)
    return a + k * (score - expected_a), b + k * ((1 - score) - expected_b)


ELO_UPDATE = Exercise(
    name="landscape.elo_update",
    week=9,
    notebook=NOTEBOOK,
    reference=elo_update,
    cases=(
        Case("equals", lambda: [1000.0, 1000.0, 1.0]),
        Case("a favourite who wins", lambda: [1200.0, 1000.0, 1.0]),
        Case("a favourite who loses", lambda: [1200.0, 1000.0, 0.0]),
        Case("a draw", lambda: [900.0, 1000.0, 0.5]),
        Case("another k", lambda: [1000.0, 1100.0, 1.0, 8.0]),
        Case("far apart", lambda: [700.0, 1500.0, 0.0]),
    ),
    mistakes=(
        Mistake(
            elo_with_e,
            "the base is 10 and not e, so that 400 points mean ten wins for each defeat.",
            VOTES,
        ),
        Mistake(
            elo_for_the_favourite,
            "the difference is turned round: with b − a above the 400, a is expected to win more, the higher a stands.",
            VOTES,
        ),
        Mistake(
            elo_without_the_400,
            "the difference must be divided by 400 in the exponent; without that a few points decide everything.",
            VOTES,
        ),
        Mistake(
            elo_without_an_expectation,
            "every win moves the same: what is expected of a depends on both ratings, and a favourite gains less.",
            VOTES,
        ),
        Mistake(
            elo_of_the_first_only,
            "b stays where it was: what a gains b loses.",
            VOTES,
        ),
        Mistake(
            elo_where_both_gain,
            "both move the same way: what a gains b must lose, so that the sum stays.",
            VOTES,
        ),
        Mistake(
            elo_one_after_the_other,
            "b was updated with the new a: both expectations belong to the ratings before the vote.",
            VOTES,
        ),
        Mistake(
            elo_without_draws,
            "a draw was taken for a defeat: use the score as it is, also one half.",
            VOTES,
        ),
        Mistake(
            elo_by_32_always,
            "k has no effect: multiply by it, and not by 32.",
            VOTES,
        ),
    ),
    hints=(
        "How probable was it that a would win? And what happened?",
        "expected = 1 / (1 + 10 ** ((b − a) / 400)); a moves by k · (score − expected), b by as much the other way.",
        "change = k * (score - 1 / (1 + 10 ** ((b - a) / 400))); return a + change, b - change",
    ),
    alternatives=(_by_both_expectations,),
)

LANDSCAPE = (COUNT_WEIGHTS, KV_CACHE_BYTES, ELO_UPDATE)

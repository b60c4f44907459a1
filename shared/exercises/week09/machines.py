"""`machines.ring_all_reduce`, `machines.memory_per_rank`: a sum over machines, and what each of them keeps."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week09.machines_split import PARALLEL_MLP, PIPELINE_SCHEDULE
from shared.llm.training.miniature import Wire, memory_per_rank, ring_all_reduce

NOTEBOOK = "week09_llm/4_explore_many_machines.ipynb"
RING = "A sum that goes round"
MEMORY = "What each machine keeps"


# --- ring_all_reduce -------------------------------------------------------------------------------------------------


def _counted(implementation, ranks):
    """The sums, and what went over the wire."""
    wire = Wire(len(ranks))
    sums = implementation(ranks, wire)
    return {"sums": list(sums), "numbers sent": wire.numbers, "messages sent": wire.messages}


def _ring(ranks, send, rounds=None, hand=True, add_again=False, fixed=False, share=1.0):
    """ring_all_reduce with something changed."""
    n = len(ranks)
    chunks = [list(vector.chunk(n)) for vector in ranks]
    rounds = n - 1 if rounds is None else rounds
    for step in range(rounds):
        back = 0 if fixed else step
        received = [send(r, chunks[r][(r - back) % n]) for r in range(n)]
        for r in range(n):
            place = (r - 1 - back) % n
            chunks[r][place] = chunks[r][place] + received[r - 1]
    for step in range(n - 1 if hand else 0):
        received = [send(r, chunks[r][(r + 1 - step) % n]) for r in range(n)]
        for r in range(n):
            place = (r - step) % n
            chunks[r][place] = chunks[r][place] + received[r - 1] if add_again else received[r - 1]
    return [share * torch.cat(own) for own in chunks]


def ring_without_the_wire(ranks, send):
    total = torch.stack(list(ranks)).sum(0)
    return [total.clone() for _ in ranks]


def ring_of_whole_vectors(ranks, send):
    totals, passing = [vector.clone() for vector in ranks], list(ranks)
    for _ in range(len(ranks) - 1):
        received = [send(r, vector) for r, vector in enumerate(passing)]
        passing = [received[r - 1] for r in range(len(ranks))]
        totals = [total + vector for total, vector in zip(totals, passing)]
    return totals


def ring_that_sends_sums_of_whole_vectors(ranks, send):
    own = [vector.clone() for vector in ranks]
    for _ in range(len(ranks) - 1):
        received = [send(r, vector) for r, vector in enumerate(own)]
        own = [own[r] + received[r - 1] for r in range(len(ranks))]
    return own


def ring_not_handed_round(ranks, send):
    return _ring(ranks, send, hand=False)


def ring_that_adds_while_handing_round(ranks, send):
    return _ring(ranks, send, add_again=True)


def ring_once_too_often(ranks, send):
    return _ring(ranks, send, rounds=len(ranks))


def ring_once_too_rarely(ranks, send):
    return _ring(ranks, send, rounds=len(ranks) - 2)


def ring_that_sends_its_own_chunk_only(ranks, send):
    return _ring(ranks, send, fixed=True)


def ring_of_means(ranks, send):
    return _ring(ranks, send, share=1 / len(ranks))


def _from_the_other_end(ranks, send):
    """The same ring: rank r begins with chunk r + 2, and ends with the whole of chunk r + 3 − n."""
    n, length = len(ranks), len(ranks[0]) // len(ranks)
    own = [vector.clone() for vector in ranks]

    def part(place):
        return slice((place % n) * length, (place % n + 1) * length)

    for step in range(n - 1):
        passed = [send(r, own[r][part(r + 2 - step)]) for r in range(n)]
        for r in range(n):
            own[(r + 1) % n][part(r + 2 - step)] += passed[r]
    for step in range(n - 1):
        passed = [send(r, own[r][part(r + 3 - n - step)]) for r in range(n)]
        for r in range(n):
            own[(r + 1) % n][part(r + 3 - n - step)] = passed[r]
    return own


def _vectors(n, length, seed=0):
    def make():
        generator = torch.Generator().manual_seed(seed)
        return [[torch.randint(-9, 10, (length,), generator=generator).float() for _ in range(n)]]

    return make


RING_ALL_REDUCE = Exercise(
    name="machines.ring_all_reduce",
    week=9,
    notebook=NOTEBOOK,
    reference=ring_all_reduce,
    cases=(
        Case(
            "two ranks", lambda: [[torch.tensor([1.0, 2.0]), torch.tensor([10.0, 20.0])]], _counted
        ),
        Case("three ranks", _vectors(3, 3), _counted),
        Case("four ranks, chunks of three", _vectors(4, 12), _counted),
        Case("five ranks", _vectors(5, 10, seed=1), _counted),
    ),
    mistakes=(
        Mistake(
            ring_without_the_wire,
            "the sums are right, but nothing went over the wire: a rank knows only its own vector and what it is sent.",
            RING,
        ),
        Mistake(
            ring_of_whole_vectors,
            "whole vectors went round, (n − 1) times the length: send one chunk of n in each round.",
            RING,
        ),
        Mistake(
            ring_that_sends_sums_of_whole_vectors,
            "each rank passes on its sum so far, so that vectors count again and again; and whole vectors are sent.",
            RING,
        ),
        Mistake(
            ring_not_handed_round,
            "each rank ends with the whole sum of one chunk only: the n − 1 rounds that hand them round are missing.",
            RING,
        ),
        Mistake(
            ring_that_adds_while_handing_round,
            "in the second half a chunk that comes in is the whole sum already: put it in place, do not add it.",
            RING,
        ),
        Mistake(
            ring_once_too_often,
            "a round too many in the first half: after n − 1 a chunk has met all ranks, and then one counts twice.",
            RING,
        ),
        Mistake(
            ring_once_too_rarely,
            "a round is missing in the first half: it takes n − 1, until a chunk has met all n ranks.",
            RING,
        ),
        Mistake(
            ring_that_sends_its_own_chunk_only,
            "each rank sends the same chunk in every round; it must pass on the one that it has just added to.",
            RING,
        ),
        Mistake(
            ring_of_means,
            "those are means; asked are sums, and DDP divides afterwards.",
            RING,
        ),
    ),
    hints=(
        "Follow one chunk of three ranks on paper: who has it after each round, and what has been added to it?",
        "Round step: rank r sends chunk (r − step) % n, and adds what comes from rank r − 1 to its chunk "
        "(r − 1 − step) % n. After n − 1 rounds rank r has the whole of chunk (r + 1) % n, and sends that one first "
        "in the second half.",
        "received = [send(r, chunks[r][(r - step) % n]) for r in range(n)]; then for each r: "
        "chunks[r][(r - 1 - step) % n] = chunks[r][(r - 1 - step) % n] + received[r - 1]",
    ),
    alternatives=(_from_the_other_end,),
)


# --- memory_per_rank -------------------------------------------------------------------------------------------------


def _memory(n, ranks, stage, each=(2, 2, 12), from_stage=(3, 2, 1)):
    return tuple(
        size * n / (ranks if stage >= first else 1) for size, first in zip(each, from_stage)
    )


def memory_in_four_bytes(n_parameters, n_ranks, stage):
    return _memory(n_parameters, n_ranks, stage, each=(4, 4, 12))


def memory_without_the_master_weights(n_parameters, n_ranks, stage):
    return _memory(n_parameters, n_ranks, stage, each=(2, 2, 8))


def memory_of_an_optimizer_in_two_bytes(n_parameters, n_ranks, stage):
    return _memory(n_parameters, n_ranks, stage, each=(2, 2, 6))


def memory_with_weights_first(n_parameters, n_ranks, stage):
    return _memory(n_parameters, n_ranks, stage, from_stage=(1, 2, 3))


def memory_with_gradients_first(n_parameters, n_ranks, stage):
    return _memory(n_parameters, n_ranks, stage, from_stage=(3, 1, 2))


def memory_all_from_the_first_stage(n_parameters, n_ranks, stage):
    return _memory(n_parameters, n_ranks, stage, from_stage=(1, 1, 1))


def memory_all_from_stage_0(n_parameters, n_ranks, stage):
    return _memory(n_parameters, n_ranks, stage, from_stage=(0, 0, 0))


def memory_of_one_thing_at_a_time(n_parameters, n_ranks, stage):
    return tuple(
        size * n_parameters / (n_ranks if stage == only else 1)
        for size, only in ((2, 3), (2, 2), (12, 1))
    )


def memory_one_stage_late(n_parameters, n_ranks, stage):
    return _memory(n_parameters, n_ranks, stage - 1)


def memory_never_spread(n_parameters, n_ranks, stage):
    return _memory(n_parameters, 1, stage)


def _by_a_table(n_parameters, n_ranks, stage):
    shares = {0: (1, 1, 1), 1: (1, 1, n_ranks), 2: (1, n_ranks, n_ranks), 3: (n_ranks,) * 3}
    a, b, c = shares[stage]
    return 2 * n_parameters / a, 2 * n_parameters / b, (4 + 4 + 4) * n_parameters / c


MEMORY_PER_RANK = Exercise(
    name="machines.memory_per_rank",
    week=9,
    notebook=NOTEBOOK,
    reference=memory_per_rank,
    cases=(
        Case("nothing spread", lambda: [1000, 4, 0]),
        Case("stage 1", lambda: [1000, 4, 1]),
        Case("stage 2", lambda: [1000, 4, 2]),
        Case("stage 3", lambda: [1000, 4, 3]),
        Case("one rank", lambda: [500, 1, 3]),
    ),
    mistakes=(
        Mistake(
            memory_in_four_bytes,
            "weights and gradients took 4 bytes each; in 16 bits they take 2, and the optimizer has its own copy in 4.",
            MEMORY,
        ),
        Mistake(
            memory_without_the_master_weights,
            "the optimizer keeps three numbers of 4 bytes: mean and square, and the weight itself, which is missing.",
            MEMORY,
        ),
        Mistake(
            memory_of_an_optimizer_in_two_bytes,
            "the optimizer's numbers take 4 bytes each: small steps would be lost in 16 bits.",
            MEMORY,
        ),
        Mistake(
            memory_with_weights_first,
            "the order is turned: the optimizer's numbers are spread first, and the weights last.",
            MEMORY,
        ),
        Mistake(
            memory_with_gradients_first,
            "stage 1 spreads the optimizer's numbers, and stage 2 the gradients too; here it is the other way round.",
            MEMORY,
        ),
        Mistake(
            memory_all_from_the_first_stage,
            "stage 1 spreads everything here; it spreads the optimizer's numbers only, 2 adds gradients, 3 weights.",
            MEMORY,
        ),
        Mistake(
            memory_all_from_stage_0,
            "everything is spread at each stage; at stage 0, which is DDP, every rank has all of it.",
            MEMORY,
        ),
        Mistake(
            memory_of_one_thing_at_a_time,
            "each stage spreads one thing and takes the others back; the stages add up.",
            MEMORY,
        ),
        Mistake(
            memory_one_stage_late,
            "everything comes one stage too late: stage 1 spreads the optimizer's numbers.",
            MEMORY,
        ),
        Mistake(
            memory_never_spread,
            "n_ranks has no effect: what is spread is divided by it.",
            MEMORY,
        ),
    ),
    hints=(
        "What does a training keep for each parameter, and in how many bytes? Which of it does stage 1 spread?",
        "2, 2 and 12 bytes. From stage 1 on the 12 are divided by n_ranks, from 2 the gradients, from 3 the weights.",
        "optimizer = 12 * n_parameters / (n_ranks if stage >= 1 else 1), and so on with 2 and 3",
    ),
    alternatives=(_by_a_table,),
)

MACHINES = (RING_ALL_REDUCE, MEMORY_PER_RANK, PARALLEL_MLP, PIPELINE_SCHEDULE)

"""Week 9: a chat as text, whose tokens count, the choice of the next token, the cache of what was read; and the cores
of the pipeline's stages."""

from shared.exercises.week09.agents import AGENTS
from shared.exercises.week09.alignment import BRADLEY_TERRY, DPO
from shared.exercises.week09.alignment_rewards import GROUP_ADVANTAGES, KL_ESTIMATE
from shared.exercises.week09.alignment_step import POLICY_LOSS
from shared.exercises.week09.challenge import DOCUMENT_NUMBERS, LEAST_HASHES, PROSE_SHARE
from shared.exercises.week09.challenge_answers import (
    BM25_WEIGHTS,
    CONTINUATION_LOG_P,
    RECIPROCAL_RANK_FUSION,
)
from shared.exercises.week09.data import DATA
from shared.exercises.week09.decoding import DECODING
from shared.exercises.week09.inference import INFERENCE
from shared.exercises.week09.landscape import LANDSCAPE
from shared.exercises.week09.machines import MACHINES
from shared.exercises.week09.responsible import RESPONSIBLE
from shared.exercises.week09.retrieval import RETRIEVAL
from shared.exercises.week09.scaling import SCALING
from shared.exercises.week09.talking import ASSISTANT_MASK, RENDER
from shared.exercises.week09.writing import SAMPLE
from shared.exercises.week09.writing_cache import KV_CACHE

EXERCISES = (
    *(RENDER, ASSISTANT_MASK, SAMPLE, KV_CACHE),
    *(PROSE_SHARE, LEAST_HASHES, DOCUMENT_NUMBERS),
    *(CONTINUATION_LOG_P, BM25_WEIGHTS, RECIPROCAL_RANK_FUSION),
    *LANDSCAPE,
    *INFERENCE,
    *DECODING,
    *(BRADLEY_TERRY, DPO, GROUP_ADVANTAGES, POLICY_LOSS, KL_ESTIMATE),
    *SCALING,
    *RETRIEVAL,
    *AGENTS,
    *DATA,
    *MACHINES,
    *RESPONSIBLE,
)

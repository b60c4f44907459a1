"""Week 8: what a model is asked while it is pretrained, and how a pretrained one is given a task."""

from shared.exercises.week08.adapting import CLASSIFICATION_HEAD, LORA_LINEAR
from shared.exercises.week08.challenge import (
    CHOOSE_WORDS,
    LINEAR_PROBE,
    MASKED_BATCHES,
    PSEUDO_LOG_PROBABILITIES,
    TEXT_ROWS,
)
from shared.exercises.week08.cheaper import (
    DISTILLATION_LOSS,
    LOW_RANK,
    QUANTIZE_INT4,
    SLERP_TENSOR,
)
from shared.exercises.week08.objectives import CAUSAL_TARGETS, MLM_MASK
from shared.exercises.week08.tokenizers_ import (
    ENCODE,
    LONGEST_FIRST,
    MERGE_PAIR,
    TRAIN_BPE,
    VITERBI,
)

EXERCISES = (
    *(MLM_MASK, CAUSAL_TARGETS, CLASSIFICATION_HEAD, LORA_LINEAR),  # guided
    *(TEXT_ROWS, MASKED_BATCHES, CHOOSE_WORDS),  # challenge
    *(PSEUDO_LOG_PROBABILITIES, LINEAR_PROBE),
    *(MERGE_PAIR, TRAIN_BPE, ENCODE, LONGEST_FIRST, VITERBI),  # explore: tokenizers
    *(LOW_RANK, QUANTIZE_INT4, DISTILLATION_LOSS, SLERP_TENSOR),  # explore: cheaper adaptation
)

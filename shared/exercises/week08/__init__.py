"""Week 8: what a model is asked while it is pretrained, and how a pretrained one is given a task."""

from shared.exercises.week08.adapting import CLASSIFICATION_HEAD, LORA_LINEAR
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
    *(MERGE_PAIR, TRAIN_BPE, ENCODE, LONGEST_FIRST, VITERBI),  # explore: tokenizers
)

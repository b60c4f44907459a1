"""Week 8: what a model is asked while it is pretrained, and how a pretrained one is given a task."""

from shared.exercises.week08.adapting import CLASSIFICATION_HEAD, LORA_LINEAR
from shared.exercises.week08.objectives import CAUSAL_TARGETS, MLM_MASK

EXERCISES = (
    *(MLM_MASK, CAUSAL_TARGETS, CLASSIFICATION_HEAD, LORA_LINEAR),  # guided
)

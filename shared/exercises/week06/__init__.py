"""Week 6: softmax, attention, masks and positions; translation with attention; positions compared."""

from shared.exercises.week06.attention import (
    CAUSAL_MASK,
    PADDING_MASK,
    SCALED_DOT_PRODUCT_ATTENTION,
    SOFTMAX,
)
from shared.exercises.week06.positions import ROTARY, SINUSOIDAL
from shared.exercises.week06.relative import ALIBI, INTERPOLATED, RELATIVE_BUCKETS
from shared.exercises.week06.translation import (
    ADDITIVE,
    DOT_PRODUCT,
    LENGTH_QUARTERS,
    WORD_ALIGNMENT,
)

EXERCISES = (
    *(SOFTMAX, SCALED_DOT_PRODUCT_ATTENTION, CAUSAL_MASK, PADDING_MASK, SINUSOIDAL, ROTARY),
    *(DOT_PRODUCT, ADDITIVE, LENGTH_QUARTERS, WORD_ALIGNMENT),
    *(ALIBI, RELATIVE_BUCKETS, INTERPOLATED),
)

"""Week 6: softmax, attention, masks and positions; translation with attention; positions compared."""

from shared.exercises.week06.attention import (
    CAUSAL_MASK,
    PADDING_MASK,
    SCALED_DOT_PRODUCT_ATTENTION,
    SOFTMAX,
)
from shared.exercises.week06.positions import ROTARY, SINUSOIDAL
from shared.exercises.week06.relative import ALIBI, INTERPOLATED, RELATIVE_BUCKETS

EXERCISES = (
    *(SOFTMAX, SCALED_DOT_PRODUCT_ATTENTION, CAUSAL_MASK, PADDING_MASK, SINUSOIDAL, ROTARY),
    *(ALIBI, RELATIVE_BUCKETS, INTERPOLATED),
)

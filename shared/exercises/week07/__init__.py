"""Week 7: heads, norms, feed-forward layers, blocks; texts sorted by topic and judged; what blocks are made of now."""

from shared.exercises.week07.assembly import COUNT_PARAMETERS, FEED_FORWARD, TRANSFORMER_BLOCK
from shared.exercises.week07.blocks import LAYER_NORM, MULTI_HEAD_ATTENTION, SPLIT_HEADS
from shared.exercises.week07.classifying import (
    CALIBRATION_ERROR,
    F1_SCORES,
    PAIRED_BOOTSTRAP,
    TEXT_ENCODER,
)
from shared.exercises.week07.experts import LATENT_ATTENTION, LOAD_BALANCE_LOSS, ROUTE
from shared.exercises.week07.now import (
    GATED_FEED_FORWARD,
    GROUPED_QUERY_ATTENTION,
    REPEAT_HEADS,
    RMS_NORM,
)

EXERCISES = (
    *(SPLIT_HEADS, MULTI_HEAD_ATTENTION, LAYER_NORM, FEED_FORWARD, TRANSFORMER_BLOCK),
    *(COUNT_PARAMETERS, TEXT_ENCODER, F1_SCORES, PAIRED_BOOTSTRAP, CALIBRATION_ERROR),
    *(RMS_NORM, GATED_FEED_FORWARD, REPEAT_HEADS, GROUPED_QUERY_ATTENTION, LATENT_ATTENTION),
    *(ROUTE, LOAD_BALANCE_LOSS),
)

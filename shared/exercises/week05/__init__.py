"""Week 5: the gates of LSTM and GRU, padded batches, a classifier of sequences; forecasting."""

from shared.exercises.week05 import forecasting, scan
from shared.exercises.week05.classifier import SEQUENCE_CLASSIFIER
from shared.exercises.week05.gates import GRU_CELL, LSTM_CELL
from shared.exercises.week05.padding import MASKED_MEAN, PAD_BATCH, UNROLL_PADDED

# In the order of the notebooks.
EXERCISES = (
    *(LSTM_CELL, GRU_CELL, PAD_BATCH, MASKED_MEAN, UNROLL_PADDED, SEQUENCE_CLASSIFIER),
    *forecasting.EXERCISES,
    *scan.EXERCISES,
)

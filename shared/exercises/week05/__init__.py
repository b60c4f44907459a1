"""Week 5: the gates of LSTM and GRU, padded batches, a classifier of sequences; forecasting."""

EXERCISES = ()

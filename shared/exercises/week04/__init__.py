"""Week 4: characters as numbers, recurrent networks, text that goes on; translation; words as numbers."""

from shared.exercises.week04.meaning import (
    EMBEDDINGS_NEAREST,
    NEGATIVE_SAMPLING_LOSS,
    SKIP_GRAM_PAIRS,
)
from shared.exercises.week04.numbers import NORMALIZE, TF_IDF
from shared.exercises.week04.rnn import RNN_CELL, UNROLL
from shared.exercises.week04.search import BEAM_SEARCH, GREEDY_EXERCISE
from shared.exercises.week04.seq2seq import (
    CHARACTER_ERROR_RATE,
    MASKED_CROSS_ENTROPY,
    TEACHER_FORCING,
)
from shared.exercises.week04.vocabulary import BITS_PER_CHARACTER, BUILD_VOCABULARY
from shared.exercises.week04.writing import SAMPLE, TRUNCATED_BPTT

EXERCISES = (
    *(BUILD_VOCABULARY, BITS_PER_CHARACTER, RNN_CELL, UNROLL, TRUNCATED_BPTT, SAMPLE),
    *(CHARACTER_ERROR_RATE, TEACHER_FORCING, MASKED_CROSS_ENTROPY, GREEDY_EXERCISE, BEAM_SEARCH),
    *(NORMALIZE, TF_IDF, SKIP_GRAM_PAIRS, NEGATIVE_SAMPLING_LOSS, EMBEDDINGS_NEAREST),
)

"""Week 3: a split, bias and variance, weight decay, dropout, early stopping; ridge, lasso and how to choose; the
shortest weights that fit, moved pictures, smoothed labels."""

from shared.exercises.week03.beyond import MINIMUM_NORM, RANDOM_SHIFT, SMOOTHED_CROSS_ENTROPY
from shared.exercises.week03.linear import (
    CROSS_VALIDATE,
    LASSO,
    ONE_STANDARD_ERROR,
    RIDGE,
    RIDGE_BY_GRADIENT,
    SOFT_THRESHOLD,
)
from shared.exercises.week03.measuring import BIAS_VARIANCE, TRAIN_VAL_SPLIT
from shared.exercises.week03.restraints import DROPOUT, EARLY_STOPPING, L2_PENALTY

EXERCISES = (
    *(TRAIN_VAL_SPLIT, BIAS_VARIANCE, L2_PENALTY, DROPOUT, EARLY_STOPPING),
    *(RIDGE, RIDGE_BY_GRADIENT, SOFT_THRESHOLD, LASSO, CROSS_VALIDATE, ONE_STANDARD_ERROR),
    *(MINIMUM_NORM, RANDOM_SHIFT, SMOOTHED_CROSS_ENTROPY),
)

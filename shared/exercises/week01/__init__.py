"""Week 1: activations, a layer, the loss, backpropagation, a gradient step, the network; training it on digits."""

from shared.exercises.week01 import mnist
from shared.exercises.week01.activations import RELU, SIGMOID, TANH
from shared.exercises.week01.network import LINEAR, MLP
from shared.exercises.week01.training import BACKWARD, BINARY_CROSS_ENTROPY, SGD_STEP

EXERCISES = (
    *(SIGMOID, RELU, TANH, LINEAR, BINARY_CROSS_ENTROPY, SGD_STEP, BACKWARD, MLP),
    *mnist.EXERCISES,
)

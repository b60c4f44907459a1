"""Week 1: activations, a layer, the loss, backpropagation, the network; digits; an autograd engine; no labels."""

from shared.exercises.week01 import autograd, clusters, components, mnist
from shared.exercises.week01.activations import RELU, SIGMOID, TANH
from shared.exercises.week01.network import LINEAR, MLP
from shared.exercises.week01.training import BACKWARD, BINARY_CROSS_ENTROPY, SGD_STEP

# In the order of the notebooks.
EXERCISES = (
    *(SIGMOID, RELU, TANH, LINEAR, BINARY_CROSS_ENTROPY, SGD_STEP, BACKWARD, MLP),
    *mnist.EXERCISES,
    *autograd.EXERCISES,
    *clusters.EXERCISES,
    *components.EXERCISES,
)

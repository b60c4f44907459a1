"""Week 1: activations, a layer, the loss, backpropagation, a gradient step, the network."""

from shared.exercises.week01 import activations, network, training

EXERCISES = (*activations.EXERCISES, *network.EXERCISES, *training.EXERCISES)

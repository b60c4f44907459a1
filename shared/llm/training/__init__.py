"""Pretraining: the loop, its optimizers, its savepoints, on one process or many."""

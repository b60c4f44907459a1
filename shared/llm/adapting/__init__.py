"""Changing a trained model: fine-tuning, alignment, compression, pruning, merging."""

"""Language models: one configurable model, real checkpoints in it, and the pipeline of week 9."""

"""A trained model as a folder that transformers opens, with its card."""

"""A model in a loop with tools, within limits."""

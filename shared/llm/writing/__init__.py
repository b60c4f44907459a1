"""Writing on from prompts: the KV cache, sampling, beam search."""

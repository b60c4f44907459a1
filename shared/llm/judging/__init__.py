"""What a model is worth: bits per byte beside baselines, cloze, repetition, memorization."""

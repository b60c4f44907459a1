"""Text as data: vocabularies, character n-gram models, and how a model of text is judged."""

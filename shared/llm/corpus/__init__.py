"""From articles to tokens that training reads: collect, clean, filter, deduplicate, split, pack."""

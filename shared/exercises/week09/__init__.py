"""Week 9: a chat as text, whose tokens count, the choice of the next token, the cache of what was read."""

from shared.exercises.week09.talking import ASSISTANT_MASK, RENDER
from shared.exercises.week09.writing import KV_CACHE, SAMPLE

EXERCISES = (RENDER, ASSISTANT_MASK, SAMPLE, KV_CACHE)

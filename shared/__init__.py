"""Bumblebee's own package: the classroom, the data, and every part of the language model, each defined once.

Floors, from the ground up (no import runs back up; `tests/test_floors.py` says so):
`nn`, `text`, `training`  →  `data`  →  `llm`  →  `exercises`  →  `lab`  →  notebooks and `cli`.
"""

__version__ = "0.1.0"

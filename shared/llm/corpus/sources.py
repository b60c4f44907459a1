"""How often each source of text is read, where sources differ in size by powers of ten (week 9).

    weights = source_weights([122e6, 9e6, 1e6], temperature=3.0)     # of Wikipedia, reviews, plays
    epochs = weights * budget / sizes                                # how often each is read from end to end

In proportion to their sizes small sources drown; all alike, they are read a hundred times. A temperature chooses in
between (Lample & Conneau 2019, 1901.07291, section 3.1, with the exponent 1 / T written as α).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def source_weights(sizes: Sequence[float] | np.ndarray, temperature: float) -> np.ndarray:
    """The share of each source in what is read: proportional to size ** (1 / temperature); they sum to 1.

    sizes: (k,), in tokens or bytes   temperature: 1 follows the sizes, a large one makes all alike   →   (k,) floats
    Raises ValueError where the temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; it must be above 0.")
    shares = np.asarray(sizes, dtype=float) / np.sum(sizes)
    heated = shares ** (1 / temperature)
    return heated / heated.sum()

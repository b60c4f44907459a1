"""How long a pass through a model takes at least, from two speeds of the machine. Week 9's notebook on inference.

    pass_seconds(8e9, tokens=1, kept=0, bandwidth=100e9, speed=1e12, bytes_each=2)      # 0.16: one token
    pass_seconds(8e9, tokens=50, kept=0, bandwidth=100e9, speed=1e12, bytes_each=2)     # 0.8: now work decides

Sources: Williams, Waterman & Patterson, "Roofline: An Insightful Visual Performance Model" (CACM 52, 2009); for
language models Pope et al., "Efficiently Scaling Transformer Inference" (2211.05102), section 2.
"""


def pass_seconds(
    weights: float,
    tokens: int,
    kept: float,
    bandwidth: float,
    speed: float,
    bytes_each: float = 4,
) -> float:
    """The least time for one pass, in seconds: what is read and what is computed go on at the same time.

    weights:   numbers that each token meets, read once for all tokens, with bytes_each bytes
    tokens:    new tokens in the pass, of one text or of several; each takes 2 operations for each weight
    kept:      bytes of the KV caches that are read
    bandwidth: bytes per second that the memory delivers   speed: operations per second
    """
    reading = (weights * bytes_each + kept) / bandwidth
    computing = 2 * weights * tokens / speed
    return max(reading, computing)

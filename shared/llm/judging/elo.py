"""Ratings from pairwise votes: which of two answers is better, asked again and again. Met in week 9's explore notebook
on the landscape.

    a, b = elo_update(1000.0, 1000.0, score=1.0)       # (1016.0, 984.0)
    strengths(wins)                                    # of all at once, whatever the order of the votes

Both say that a beats b with probability 1 / (1 + 10^((b − a) / 400)): 200 points more win three votes of four.
Sources: Elo, The Rating of Chessplayers (1978); Bradley & Terry 1952; Hunter, "MM algorithms for generalized
Bradley–Terry models" (2004); as a leaderboard: Chiang et al., "Chatbot Arena" (2403.04132).
"""

from __future__ import annotations

import numpy as np


def elo_update(a: float, b: float, score: float, k: float = 32.0) -> tuple[float, float]:
    """New ratings of both after one vote. score: 1 a won, 0 b won, ½ a draw. k: most that one vote can move.

    What a gains b loses: k times what happened less what was expected.
    """
    expected = 1 / (1 + 10 ** ((b - a) / 400))
    change = k * (score - expected)
    return a + change, b - change


def strengths(wins: np.ndarray, mean: float = 1000.0, rounds: int = 2_000) -> np.ndarray:
    """Ratings under which all votes together are most probable (Bradley and Terry's model), on Elo's scale.

    wins: (n, n), how often row beat column; a draw is half a win for each   →   (n,), around `mean`

    A competitor that always won, or always lost, would have no bound: each pair begins with a tenth of a draw, which
    hardly moves the others. Raises ValueError where wins is not square or negative.
    """
    wins = np.asarray(wins, dtype=float)
    if wins.ndim != 2 or wins.shape[0] != wins.shape[1] or (wins < 0).any():
        raise ValueError(f"wins must be (n, n) and not negative; its shape is {wins.shape}.")
    n = len(wins)
    wins = wins + 0.05 * (1 - np.eye(n))
    games, won = wins + wins.T, wins.sum(axis=1)
    p = np.ones(n)
    for _ in range(rounds):  # Hunter's step: each round makes the votes more probable
        new = won / (games / (p[:, None] + p[None, :]) * (1 - np.eye(n))).sum(axis=1)
        new /= np.exp(np.log(new).mean())
        done = np.abs(np.log(new / p)).max() < 1e-9
        p = new
        if done:
            break
    return mean + 400 * np.log10(p)

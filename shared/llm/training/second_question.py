"""What a BERT is asked beside its hidden tokens, so that [CLS] comes to stand for the text. Week 8.

`Follows`   does the second piece of the row follow the first?   Devlin et al., "BERT" (1810.04805), section 3.1
`SameText`  which of the other rows are from the same text?      Giorgi et al., "DeCLUTR" (2006.03659), section 3

`Follows` has to be judged by comparing two pieces inside one row, which a small model did not learn from 5.7 million
tokens (52.7 % right, measured here). In `SameText` each piece is read alone, and a step compares every piece of the
batch with every other: hundreds of comparisons instead of thirty.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Follows(nn.Module):
    """vectors: (n, d_model), of [CLS]   answers: (n,), 1 where the second piece follows, else 0"""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.judge = nn.Linear(d_model, 2)
        nn.init.normal_(self.judge.weight, std=0.02)
        nn.init.zeros_(self.judge.bias)

    def forward(self, vectors: Tensor, answers: Tensor) -> Tensor:
        """The cross-entropy, a scalar in float32."""
        return F.cross_entropy(self.judge(vectors).float(), answers)

    def right(self, vectors: Tensor, answers: Tensor) -> Tensor:
        """(n,) bool: which rows are judged right."""
        return self.judge(vectors).argmax(-1) == answers


class SameText(nn.Module):
    """vectors: (n, d_model), of [CLS]   answers: (n,), the number of the text that each row is from

    temperature: that the cosines are divided by   weight: of the loss. With 1, and pieces down to
    31 tokens, hidden tokens were at 5.6 nats after 5 million tokens; with ¼, and pieces of 63 or more, at 4.8 after 8.
    It has nothing to learn by itself: the vectors have to become alike.
    """

    def __init__(self, temperature: float = 0.1, weight: float = 0.25) -> None:
        super().__init__()
        self.temperature, self.weight = temperature, weight

    def scores(self, vectors: Tensor) -> Tensor:
        """(n, n): how alike two rows are, over the temperature; −∞ for a row and itself."""
        directions = F.normalize(vectors.float(), dim=-1)
        scores = directions @ directions.T / self.temperature
        itself = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        return scores.masked_fill(itself, -torch.inf)

    def forward(self, vectors: Tensor, answers: Tensor) -> Tensor:
        """weight · −ln of what a softmax over the other rows gives to those of the same text, on average.

        Rows whose text has no other row here are left out; where that is all of them, the loss is 0.
        """
        scores = self.scores(vectors)
        alike = answers[:, None] == answers[None, :]
        asked = alike.sum(1) > 1
        if not asked.any():
            return (vectors.float() * 0).sum()
        scores, alike = scores[asked], alike[asked]
        right = scores.masked_fill(~alike, -torch.inf)
        return self.weight * (scores.logsumexp(1) - right.logsumexp(1)).mean()

    def right(self, vectors: Tensor, answers: Tensor) -> Tensor:
        """(n,) bool: for which rows the most alike other row is from the same text."""
        return answers[self.scores(vectors).argmax(1)] == answers

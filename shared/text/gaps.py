"""What stands in a gap, by counting: the hidden token from its two neighbours. The baseline of week 8's challenge.

A masked language model sees a whole row. What it must beat is a table of which token was seen next to which.
"""

import torch
from torch import Tensor


class GapModel:
    """P(token | left, right) ∝ P(token | left) · P(token | right) / P(token), from counts of pairs.

    The product is Bayes' rule, if the two neighbours are independent given the token between them. They are not quite,
    and so the product is too sure of itself; `trust`, a little below 1, lets each neighbour count less.

    rows: (n, length) of ids, the training text; pairs are counted inside a row
    hidden_id: the token that says "hidden": as a neighbour it tells nothing, and it is never the answer
    discount: what is taken from each count of a pair and given to tokens not seen there, in proportion to how many
              different neighbours they have (Kneser & Ney 1995, as in `ngrams`)
    Memory: two tables of vocab_size² numbers. Raises ValueError for ids outside the vocabulary.
    """

    def __init__(
        self,
        rows: Tensor,
        vocab_size: int,
        hidden_id: int,
        discount: float = 0.75,
        trust: float = 0.9,
    ) -> None:
        if not (int(rows.min()) >= 0 and int(rows.max()) < vocab_size):
            raise ValueError(
                f"rows hold ids from {int(rows.min())} to {int(rows.max())}; "
                f"they must be from 0 to {vocab_size - 1}."
            )
        self.hidden_id, self.trust = hidden_id, trust
        counts = torch.bincount(rows.flatten(), minlength=vocab_size).float() + 0.5
        counts[hidden_id] = 1e-6
        self.alone = (counts / counts.sum()).log()  # (V,)
        pairs = rows[:, :-1].flatten() * vocab_size + rows[:, 1:].flatten()
        table = torch.bincount(pairs, minlength=vocab_size**2).float()
        table = table.reshape(vocab_size, vocab_size)
        self.after = self._smoothed(table, discount)  # (V, V): row = the left neighbour
        self.before = self._smoothed(table.T, discount)  # (V, V): row = the right neighbour

    def log_probabilities(self, left: Tensor, right: Tensor) -> Tensor:
        """(k,) ids of the left neighbours, (k,) of the right → (k, vocab_size)"""
        left_says, right_says = (
            torch.where((ids == self.hidden_id)[:, None], self.alone, table[ids])
            for ids, table in ((left, self.after), (right, self.before))
        )
        scores = self.trust * (left_says + right_says) - (2 * self.trust - 1) * self.alone
        return scores.log_softmax(dim=1)

    def fill(self, inputs: Tensor, places: Tensor) -> Tensor:
        """(n, length) of ids, (n, length) True at the gaps, none at an end of a row → (gaps, vocab_size)"""
        row, column = places.nonzero(as_tuple=True)
        if len(column) and not (int(column.min()) > 0 and int(column.max()) < inputs.shape[1] - 1):
            raise ValueError("places has a gap at the end of a row; a gap needs two neighbours.")
        return self.log_probabilities(inputs[row, column - 1], inputs[row, column + 1])

    def _smoothed(self, table: Tensor, discount: float) -> Tensor:
        """Counts → log-probabilities of each row: absolute discounting, the rest by the number of different pairs."""
        kinds = (table > 0).sum(dim=1, keepdim=True)
        total = table.sum(dim=1, keepdim=True)
        spread = (table > 0).sum(dim=0) + 0.01
        spread[self.hidden_id] = 1e-6
        kept = (table - discount).clamp(min=0) + discount * kinds * (spread / spread.sum())
        return torch.where(total > 0, (kept / total.clamp(min=1)).log(), self.alone)

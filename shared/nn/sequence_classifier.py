"""A classifier of sequences: the verdict over a sentence, the topic of a paragraph. Met in week 5.

Shapes: n sequences, t tokens (the longest), c classes.
"""

import torch
from torch import Tensor, nn

from shared.nn.padded import masked_max, masked_mean, real_tokens
from shared.training.regularization import dropout


class SequenceClassifier(nn.Module):
    """Token ids → embeddings → a reader → mean and largest over the real tokens, side by side → logits.

    forward(ids, lengths): (n, t), (n,) → (n, c)
    reader:  a module reader(x, lengths): (n, t, d_embedding), (n,) → (n, t, d_features), as in `shared.nn.padded`
    dropout: the share p that is dropped, while training, of the embeddings and of what is pooled
    """

    def __init__(
        self,
        n_tokens: int,
        d_embedding: int,
        reader: nn.Module,
        d_features: int,
        n_classes: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, d_embedding)
        self.reader = reader
        self.output = nn.Linear(2 * d_features, n_classes)
        self.p = dropout

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        x = dropout(self.embedding(ids), self.p, self.training)  # (n, t, d_embedding)
        features = self.reader(x, lengths)  # (n, t, d_features)
        mask = real_tokens(lengths, ids.shape[1])  # (n, t)
        pooled = torch.cat([masked_mean(features, mask), masked_max(features, mask)], dim=-1)
        return self.output(dropout(pooled, self.p, self.training))

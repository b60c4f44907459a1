"""What a model is asked while it is pretrained: the next token (GPT), or the hidden ones (BERT). Weeks 8 and 9.

Both turn plain text into questions with known answers, so that nobody has to label anything.
Shapes: n texts of length tokens each.
Source: Radford et al. 2018 ("Improving Language Understanding by Generative Pre-Training"); Devlin et al., "BERT"
(1810.04805), section 3.1.
"""

import torch
from torch import Tensor


def causal_targets(tokens: Tensor, pad_id: int | None = None) -> Tensor:
    """What a causal model should say at each place: the token after it.

    tokens: (n, length) of integers → (n, length): the same, one to the left. The last place, after which nothing is
    known, has −100, which torch's cross-entropy passes over, and so has each place whose answer would be padding.
    """
    targets = torch.full_like(tokens, -100)
    targets[:, :-1] = tokens[:, 1:]
    if pad_id is not None:
        targets[targets == pad_id] = -100
    return targets


def mlm_mask(
    tokens: Tensor,
    mask_id: int,
    vocab_size: int,
    special_ids: tuple[int, ...] = (),
    share: float = 0.15,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Hides a share of the tokens. Returns (inputs, targets), both (n, length).

    tokens: (n, length) of integers   special_ids: tokens that are never chosen, such as [CLS], [SEP] and padding
    Each other token is chosen with probability `share`. Of the chosen, 80 % become [MASK], 10 % a random token, and
    10 % stay as they are: in use there is no [MASK], so the model must mistrust, and predict, real tokens too.
    targets: the chosen tokens, and −100 (which torch's cross-entropy passes over) everywhere else.
    """
    special = torch.isin(tokens, torch.tensor(special_ids, dtype=tokens.dtype))
    chosen = (torch.rand(tokens.shape, generator=generator) < share) & ~special
    targets = torch.where(chosen, tokens, -100)
    dice = torch.rand(tokens.shape, generator=generator)
    any_token = torch.randint(vocab_size, tokens.shape, generator=generator)
    inputs = torch.where(chosen & (dice < 0.8), mask_id, tokens)
    inputs = torch.where(chosen & (dice >= 0.9), any_token, inputs)
    return inputs, targets

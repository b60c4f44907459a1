"""Training a translator, and letting it translate. Met in week 4; week 6 trains one with attention by the same lines.

Shapes: n sentences, t characters of the longest target, c characters in its vocabulary.
Sources: Sutskever, Vinyals & Le (1409.3215); from short to long: Bengio et al., "Curriculum Learning" (2009).
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count

import torch
from torch import Tensor, nn

from shared.text import decoding
from shared.text.pairs import (
    END,
    PAD,
    START,
    Batch,
    Ids,
    count_batches,
    pair_batches,
    teacher_forcing,
)
from shared.text.vocabulary import Vocabulary
from shared.training.classify import cross_entropy
from shared.training.fit import History, fit
from shared.training.schedules import cosine_with_warmup


def masked_cross_entropy(logits: Tensor, targets: Tensor, pad: int = PAD) -> Tensor:
    """Mean of −log P(target) over the positions that hold a character, in nats; padding does not count.

    logits: (n, t, c)   targets: (n, t) ids, `pad` where a sentence is over   →   a scalar
    """
    real = targets != pad  # (n, t)
    return cross_entropy(logits[real], targets[real])  # (characters, c) and (characters,)


def train_translator(
    network: nn.Module,
    pairs: Sequence[tuple[Ids, Ids]],
    validation: Sequence[tuple[Ids, Ids]],
    epochs: int,
    *,
    batch_size: int = 32,
    peak_lr: float = 5e-3,
    loss: Callable[[Tensor, Tensor], Tensor] = masked_cross_entropy,
    force: Callable[[Sequence[Ids]], tuple[Tensor, Tensor]] = teacher_forcing,
    seed: int = 0,
    progress: str | None = "training",
) -> History:
    """Trains network(source, inputs) → logits in place; the history has train_loss and val_loss, in nats a character.

    Adam with a warm-up and a cosine, gradients clipped at norm 1. Training goes from short to long: in epoch e of E
    (from 1 on) it has the shortest 1/4 + e/E of the pairs, at most all. Short sentences are learned sooner, and cost
    less. Products are taken in bfloat16 where the processor does so faster.
    """
    device = next(network.parameters()).device
    by_length = sorted(pairs, key=lambda pair: len(pair[0]) + len(pair[1]))
    parts = [round(min(1.0, 0.25 + e / epochs) * len(pairs)) for e in range(1, epochs + 1)]
    steps = sum(count_batches(by_length[:part], batch_size) for part in parts)
    epoch = count()

    def batches(generator: torch.Generator) -> Iterator[Batch]:
        part = by_length[: parts[next(epoch)]]
        return (b.to(device) for b in pair_batches(part, batch_size, generator, force))

    def batch_loss(network: nn.Module, batch: Batch) -> Tensor:
        with _fast_products(device):
            logits = network(batch.source, batch.inputs)
        return loss(logits.float(), batch.targets)

    def evaluate(network: nn.Module) -> dict[str, float]:
        total, characters = 0.0, 0
        for batch in pair_batches(validation, 256):
            here = int((batch.targets != PAD).sum())
            total += batch_loss(network, batch.to(device)).item() * here
            characters += here
        return {"val_loss": total / characters}

    return fit(
        network,
        batches,
        torch.optim.Adam(network.parameters(), lr=peak_lr),
        epochs,
        loss=batch_loss,
        evaluate=evaluate,
        learning_rate=lambda step: cosine_with_warmup(step, peak_lr, steps, min(200, steps // 4)),
        clip=1.0,
        seed=seed,
        progress=progress,
    )


def _fast_products(device: torch.device) -> torch.autocast:
    """bfloat16 for matrix products where the hardware multiplies it faster than float32, else nothing changes."""
    if device.type == "cuda":
        fast = torch.cuda.get_device_capability(device)[0] >= 8
    else:  # Intel's AMX; torch has no public name for the question yet
        fast = bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=fast)


def decoder_step(network: nn.Module, memory: Tensor) -> decoding.Step:
    """What greedy and beam search ask: the decoder, with n sentences' memory (n, s, d), or one's for all rows."""
    mask = torch.ones(memory.shape[:2], dtype=torch.bool, device=memory.device)

    def step(previous: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        k = len(previous)
        logits, state = network.decoder(
            previous[:, None], state, memory.expand(k, -1, -1), mask.expand(k, -1)
        )
        return logits[:, 0], state

    return step


@torch.no_grad()
def translate(
    network: nn.Module,
    sources: Sequence[str],
    languages: tuple[Vocabulary, Vocabulary],
    greedy: Callable[..., list[list[int]]] = decoding.greedy,
    batch_size: int = 256,
) -> list[str]:
    """The network's translation of each sentence, written greedily, equally long sources side by side.

    A translation is cut at twice the length of its source and 20 characters.
    """
    network.eval()
    device = next(network.parameters()).device
    ids = [languages[0].encode(source)[::-1] for source in sources]  # turned round, as in training
    texts = [""] * len(ids)
    for length in sorted({len(row) for row in ids}):
        alike = [i for i, row in enumerate(ids) if len(row) == length]
        for k in range(0, len(alike), batch_size):
            chosen = alike[k : k + batch_size]
            memory, state = network.encoder(torch.tensor([ids[i] for i in chosen], device=device))
            rows = greedy(decoder_step(network, memory), state, START, END, 2 * length + 20)
            for i, row in zip(chosen, rows, strict=True):
                texts[i] = languages[1].decode(row)
    return texts


def translate_by_beam(
    network: nn.Module,
    sources: Sequence[str],
    languages: tuple[Vocabulary, Vocabulary],
    beam: int = 5,
    length_power: float = 1.0,
    beam_search: Callable[..., list[int]] = decoding.beam_search,
) -> list[str]:
    """The same by beam search, one sentence at a time."""

    def search(step: decoding.Step, state: Tensor, *rest: int) -> list[list[int]]:
        return [beam_search(step, state, *rest, beam, length_power)]

    return translate(network, sources, languages, search, batch_size=1)

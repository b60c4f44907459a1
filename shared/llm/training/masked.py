"""BERT's objectives in the loop of `pretrain`: say the hidden tokens, and answer a second question about the text.

    record = pretrain(bert(4096, …), settings, tokens, validation, folder, objective=Masked.of(tokenizer))

With the second question "follows" a row is [CLS] first piece [SEP] second piece [SEP], and in half of the rows the
second piece is another row's. With "same text" a row is [CLS] piece [SEP], and several rows are pieces of one text.
Source: Devlin et al., "BERT" (1810.04805), section 3.1 and appendix A.2; see also `second_question.py`. Met in week 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.llm.config import ModelConfig
from shared.llm.corpus.batches import Batches
from shared.llm.model import LanguageModel, Parts
from shared.llm.training import savepoint
from shared.llm.training.distributed import World
from shared.llm.training.loss import filled_up
from shared.llm.training.neighbours import look_at_neighbours
from shared.llm.training.second_question import Follows, SameText
from shared.llm.training.validation import HeldOut, TokenSource
from shared.training.pretraining import mlm_mask

if TYPE_CHECKING:
    from shared.llm.tokenizer import LibraryTokenizer


class MaskedBatch(NamedTuple):
    """inputs, targets, token_types: (n, length) int64; targets −100 where nothing is asked

    answers: (n,) int64, to the second question: whether the second piece follows, or the number of the row's text
    """

    inputs: Tensor
    targets: Tensor
    token_types: Tensor
    answers: Tensor


class MaskedBatches:
    """Rows for BERT's two objectives, as `Batches` a pure function of the step.

    share: of the tokens that are hidden   context: of a row, with [CLS] and [SEP]
    """

    def __init__(self, batches: Batches, objective: Masked, share: float, context: int) -> None:
        self.inner, self.objective, self.share, self.context = batches, objective, share, context

    def batch(self, step: int, context: int | None = None) -> MaskedBatch:
        """The batch of a step. Hidden tokens, cuts and pairs are drawn anew each time a text comes."""
        length = self.objective.text_length(self.context if context is None else context)
        text = self.inner.batch(step, length).inputs
        generator = torch.Generator().manual_seed(
            (self.inner.seed << 32) + step * self.inner.world_size + self.inner.rank
        )
        return self.objective.rows(text, self.share, generator)


class MaskedModel(nn.Module):
    """A BERT with what it is pretrained with: the pooler, which reads [CLS], and the second question (or None).

    forward(inputs, targets, token_types, answers): a `MaskedBatch` → (the sum of both losses, that of the hidden
    tokens alone), scalars in float32
    """

    def __init__(self, model: LanguageModel, second: Follows | SameText | None) -> None:
        super().__init__()
        d = model.config.d_model
        self.model, self.pooler, self.second = model, nn.Linear(d, d), second
        nn.init.normal_(self.pooler.weight, std=0.02)
        nn.init.zeros_(self.pooler.bias)

    def pooled(self, hidden: Tensor) -> Tensor:
        """hidden: (n, length, d_model) → (n, d_model), what stands for each text"""
        return torch.tanh(self.pooler(hidden[:, 0]))

    def forward(
        self, inputs: Tensor, targets: Tensor, token_types: Tensor, answers: Tensor
    ) -> tuple[Tensor, Tensor]:
        hidden = self.model.hidden(inputs, token_types=token_types)
        asked = targets != -100
        # Only the hidden tokens go through the head: for all, it would cost nearly what pocket-bert's blocks do.
        rows = hidden[asked]
        count = len(rows)
        if torch.is_autocast_enabled(rows.device.type):
            rows = filled_up(rows)
        logits = self.model.logits(rows)[:count].float()
        # Not the mean of torch, which is no number where nothing happens to be hidden
        loss = F.cross_entropy(logits, targets[asked], reduction="sum") / asked.sum().clamp(min=1)
        if self.second is None:
            return loss, loss.detach()
        return loss + self.second(self.pooled(hidden), answers), loss.detach()


@dataclass(frozen=True)
class Masked:
    """What `pretrain` has to know of BERT's objectives. The ids are those of the tokenizer's special tokens.

    share: of the tokens that are hidden (0.15 in the paper; more teaches more from each row, and up to 0.4
           was found to be no worse: Wettig et al., 2202.08005)
    second: "follows", "same text", or "none"
    neighbours: two heads of each block begin at the tokens before and after, see `neighbours.py`
    """

    cls_id: int
    sep_id: int
    mask_id: int
    pad_id: int
    vocab_size: int
    share: float = 0.3
    second: str = "follows"
    neighbours: bool = True

    def __post_init__(self) -> None:
        if self.second not in ("follows", "same text", "none"):
            raise ValueError(
                f'second is {self.second!r}; it must be "follows", "same text" or "none".'
            )

    @classmethod
    def of(cls, tokenizer: LibraryTokenizer, **others: Any) -> Masked:
        """For a tokenizer of `load_tokenizer`. Raises ValueError where it lacks one of BERT's special tokens."""
        names = ("CLS", "SEP", "MASK", "PAD")
        missing = [f"[{name}]" for name in names if f"[{name}]" not in tokenizer.special]
        if missing:
            raise ValueError(
                f"the tokenizer has no {', '.join(missing)}; hidden tokens cannot be asked for without."
            )
        ids = {f"{name.lower()}_id": tokenizer.special[f"[{name}]"] for name in names}
        return cls(**ids, vocab_size=tokenizer.vocab_size, **others)

    def check(self, config: ModelConfig) -> None:
        """Raises ValueError where the model is not one that can be asked so."""
        if config.causal or config.token_types < 2:
            raise ValueError(
                f"config.causal is {config.causal} and token_types {config.token_types}; a model that fills in hidden "
                "tokens must see both sides, and tell two pieces of text apart: see `config.bert`."
            )

    def batches(
        self, tokens: TokenSource, context: int, batch_size: int, seed: int, world: World
    ) -> MaskedBatches:
        """The batches of a run."""
        # With "same text" a text makes two rows.
        texts = batch_size // 2 if self.second == "same text" else batch_size
        inner = Batches(tokens, self.text_length(context), texts, seed, world.rank, world.size)
        return MaskedBatches(inner, self, self.share, context)

    def text_length(self, context: int) -> int:
        """Tokens of running text that make one row with "follows", and two rows with "same text"."""
        return 2 * (context - 2) if self.second == "same text" else context - 3

    def module(self, config: ModelConfig, parts: Parts, z_loss: float) -> MaskedModel:
        """The model with its loss. z_loss has no meaning here."""
        model = LanguageModel(config, parts)
        if self.neighbours:
            look_at_neighbours(model)
        return MaskedModel(model, self.question(config.d_model))

    def question(self, d_model: int) -> Follows | SameText | None:
        """The module of the second question."""
        if self.second == "none":
            return None
        return SameText() if self.second == "same text" else Follows(d_model)

    def trained(self, module: nn.Module) -> nn.Module:
        """What is saved: pooler and the judge of pairs too."""
        return module

    def arguments(self, batch: list[Tensor], mask_documents: bool) -> list[Tensor]:
        """What the module is called with."""
        return batch

    def held_out(
        self,
        module: nn.Module,
        tokens: TokenSource,
        context: int,
        limit: int,
        world: World,
        mask_documents: bool = False,
    ) -> HeldOut:
        """The loss on hidden tokens of held-out text, in nats; always the same tokens are hidden, 15 % of them.

        There are no bits per byte of such a model: what it says of one token supposes most others known.
        """
        length = min(self.text_length(context), len(tokens) - 1)
        windows = Batches(tokens, length, world.size, 0, world.rank, world.size)
        rows, total, count = max(1, 4096 // context), 0.0, 0
        n = max(1, min(len(windows), limit // (context * world.size)))
        was_training = module.training
        module.eval()
        with torch.no_grad():
            for first in range(0, n, rows):
                text = torch.cat(
                    [windows.batch(k).inputs for k in range(first, min(n, first + rows))]
                )
                batch = self.rows(text, 0.15, torch.Generator().manual_seed(first), pieces=2)
                found = module(*(t.to(world.device) for t in batch))[1].item()
                asked = int((batch.targets != -100).sum())
                total, count = total + found * asked, count + asked
        module.train(was_training)
        total, count = (mean * world.size for mean in world.mean([total, float(count)]))
        return HeldOut(total / max(1.0, count), None, round(count))

    def rows(
        self, text: Tensor, share: float, generator: torch.Generator, pieces: int | None = None
    ) -> MaskedBatch:
        """(n, text_length) of running text → rows of which a share of the tokens is hidden.

        pieces: of "same text", how many rows a text is cut into; None: 2 or 4, so that [CLS] learns short texts too
        """
        special = (self.cls_id, self.sep_id, self.pad_id)
        hidden = mlm_mask(text, self.mask_id, self.vocab_size, special, share, generator)
        if self.second == "same text":
            return self._alone(*hidden, generator, pieces)
        return self._in_pairs(*hidden, generator)

    def _alone(
        self, inputs: Tensor, targets: Tensor, generator: torch.Generator, pieces: int | None
    ) -> MaskedBatch:
        """Each piece is a row; the rows of a text stand together."""
        n, length = inputs.shape
        drawn = 2 ** int(torch.randint(1, 3, (), generator=generator))
        pieces = max(1, min(pieces or drawn, length))
        size = length // pieces
        inputs, targets = (t[:, : pieces * size].reshape(-1, size) for t in (inputs, targets))
        sep, cls, nothing = self._columns(len(inputs))
        inputs = torch.cat([cls, inputs, sep], 1)
        targets = torch.cat([nothing, targets, nothing], 1)
        texts = torch.arange(n).repeat_interleave(pieces)
        return MaskedBatch(inputs, targets, torch.zeros_like(inputs), texts)

    def _in_pairs(self, inputs: Tensor, targets: Tensor, generator: torch.Generator) -> MaskedBatch:
        """Rows of length + 3, cut in two; half get a foreign second piece.

        The foreign piece is that of the row before: batches are drawn from the whole corpus, so it is of another
        article but for rare cases. All rows of a batch are cut at one random place, so that they can be exchanged.
        """
        n, length = inputs.shape
        cut = int(
            torch.randint(length // 4, max(1, length - length // 4) + 1, (), generator=generator)
        )
        foreign = self.second == "follows" and n > 1
        follows = torch.rand(n, generator=generator) < (0.5 if foreign else 1.0)
        place = torch.arange(n)
        second = torch.where(follows, place, (place - 1) % n)
        sep, cls, nothing = self._columns(n)
        inputs = torch.cat([cls, inputs[:, :cut], sep, inputs[second, cut:], sep], 1)
        targets = torch.cat([nothing, targets[:, :cut], nothing, targets[second, cut:], nothing], 1)
        types = torch.zeros_like(inputs)
        types[:, cut + 2 :] = 1
        return MaskedBatch(inputs, targets, types, follows.long())

    def _columns(self, n: int) -> tuple[Tensor, Tensor, Tensor]:
        """(n, 1) each: [SEP], [CLS], and the target where nothing is asked."""
        sep, cls, nothing = (torch.full((n, 1), x) for x in (self.sep_id, self.cls_id, -100))
        return sep, cls, nothing


def load_masked(folder: str | Path, objective: Masked, parts: Parts | None = None) -> MaskedModel:
    """The model of the newest savepoint of a run with this objective, in evaluation mode.

    Raises ValueError where there is none, or where it is of another objective.
    """
    found = savepoint.load_latest(folder)
    if found is None:
        raise ValueError(f"{folder} has no savepoint: train first, with the stage `pretrain`.")
    config = ModelConfig(**found.state["config"])
    model = MaskedModel(LanguageModel(config, parts), objective.question(config.d_model))
    savepoint.load_weights(model, found.model)
    return model.eval()

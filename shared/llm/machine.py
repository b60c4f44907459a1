"""The machine of week 9: which pieces of the course a language model, its training and its writing are made of.

    own = {name: part(name) for name in PIECES if whose(name) == "yours"}     # the learner's, from my_work/
    machine = assemble(own, settings)           # each tried in a training step; what is too slow is replaced
    machine.table()                             # whose is what
    pretrain(…, parts=machine.parts, learning=machine.learning)
    generate(model, tokenizer, prompts, **machine.writing())

A piece that nobody wrote is ours, by torch's kernels. This file knows nothing of the classroom: pieces are given to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from torch import Tensor

from shared.llm.model import Parts
from shared.llm.settings import Settings
from shared.llm.training.learning import Learning
from shared.llm.writing.cache import KVCache


class Piece(NamedTuple):
    """A place in the machine. week: in which its piece is written   group: "model", "training" or "writing"
    place: its name in `Parts`, `Learning` or `Machine`   does: what it does there"""

    week: int
    group: str
    place: str
    does: str


PIECES: dict[str, Piece] = {
    "mlp.sigmoid": Piece(
        1, "model", "silu", "opens the gates of the feed-forward layers: x · σ(x)"
    ),
    "training.cross_entropy": Piece(
        1, "training", "cross_entropy", "the loss: what the right next token costs"
    ),
    "optim.AdamW": Piece(2, "training", "adamw", "moves embeddings and norms"),
    "optim.newton_schulz": Piece(
        2, "training", "newton_schulz", "evens out each step of the matrices, inside Muon"
    ),
    "optim.clip_grad_norm": Piece(
        2, "training", "clip_grad_norm", "no single batch throws the model far"
    ),
    "optim.cosine_with_warmup": Piece(2, "training", "cosine", "the learning rate of every step"),
    "init.xavier_normal": Piece(
        2, "training", "start", "the matrices' first weights, scaled as GPT-2's"
    ),
    "regularization.dropout": Piece(
        3, "model", "dropout", "stands after the embeddings; p = 0, as one text is read about once"
    ),
    "attention.scaled_dot_product_attention": Piece(
        6, "model", "attention", "tokens look back at each other"
    ),
    "attention.causal_mask": Piece(6, "model", "causal_mask", "nobody sees the future"),
    "positions.rotary": Piece(6, "model", "rotary", "tells queries and keys where they stand"),
    "transformer.TransformerBlock": Piece(
        7, "model", "block", "look, then think, around the stream"
    ),
    "transformer.RMSNorm": Piece(7, "model", "rms_norm", "keeps the stream at one size"),
    "transformer.GatedFeedForward": Piece(
        7, "model", "gated_feed_forward", "each token thinks for itself"
    ),
    "attention.GroupedQueryAttention": Piece(
        7, "model", "grouped_attention", "heads that share keys and values"
    ),
    "generate.sample": Piece(9, "writing", "sample", "draws every token that is written"),
    "generate.KVCache": Piece(9, "writing", "cache", "keeps what was read, while writing"),
}


@dataclass(frozen=True)
class Machine:
    """What a model is made of (`parts`), how it learns (`learning`), how it writes (`sample`, `cache`).

    own: names of the learner's pieces that are in it   aside: name → why a learner's piece is not, in a clause
    slowdown: name → by how much a piece of theirs, alone, lengthens a training step (or the writing): 1.0 is not at all
    """

    parts: Parts
    learning: Learning
    sample: Callable[..., Tensor] | None = None
    cache: Callable[..., Any] = KVCache
    own: tuple[str, ...] = ()
    aside: Mapping[str, str] = field(default_factory=dict)
    slowdown: Mapping[str, float] = field(default_factory=dict)

    def writing(self) -> dict[str, Any]:
        """What `generate` and its kin take: sample and cache."""
        return {"sample": self.sample, "cache": self.cache}

    def standing(self, name: str) -> str:
        """Whose piece is in a place: "yours", "ours", or "ours, as yours …" with the reason."""
        if name in self.own:
            slower = self.slowdown.get(name, 1.0)
            return "yours" if slower < 1.2 else f"yours ({slower:.1f}× the time)"
        return f"ours, as yours {self.aside[name]}" if name in self.aside else "ours"

    def table(self) -> list[tuple[str, str, str, str]]:
        """(piece, week, whose, what it does in the machine), in the order of the course."""
        return [
            (name, str(piece.week), self.standing(name), piece.does)
            for name, piece in PIECES.items()
        ]

    def record(self) -> dict[str, Any]:
        """For the model card: whose is what."""
        return {
            "yours": list(self.own),
            "ours": [name for name in PIECES if name not in self.own],
            "aside": dict(self.aside),
        }


def put_together(own: Mapping[str, Any]) -> Machine:
    """The machine with these pieces of the learner's, name → function or class, and ours for the rest; untried.

    Raises ValueError for a name that has no place in it.
    """
    for name in own:
        if name not in PIECES:
            raise ValueError(f"{name!r} has no place in the machine; {', '.join(PIECES)} have.")
    places: dict[str, dict[str, Any]] = {"model": {}, "training": {}, "writing": {}}
    for name, piece in own.items():
        places[PIECES[name].group][PIECES[name].place] = piece
    model = places["model"]
    if "silu" in model:
        model["silu"] = _silu_by(model["silu"])
    if "attention" in model or "causal_mask" in model:  # then the mask is made, and handed over
        model["masks_future"] = False
    return Machine(
        Parts.fused(**model),
        Learning(**places["training"]),
        own=tuple(name for name in PIECES if name in own),
        **places["writing"],
    )


def _silu_by(sigmoid: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """x · σ(x) with a given sigmoid."""
    return lambda x: x * sigmoid(x)


def assemble(own: Mapping[str, Any], settings: Settings, most: float = 2.0) -> Machine:
    """The machine with as many of the learner's pieces as go into a training step of at most `most` times ours.

    Each piece is tried alone in a small step of the very model that will be trained, beside ours: the same logits, the
    same names of weights, and how long it takes. What fails or takes too long stays aside, and `Machine.table` says
    why. Then all that are left are tried together, and the slowest is left out until the step is short enough. So with
    what is written: `generate.…` are tried by writing a few tokens. Raises ValueError for a `most` below 1.
    """
    from shared.llm.machine_trial import Trial

    if most < 1:
        raise ValueError(f"most is {most}; it must be 1 or more.")
    if not own:
        return put_together({})
    trial = Trial(settings)
    found = {name: trial.of(name, piece) for name, piece in own.items()}
    aside = {name: tried.why for name, tried in found.items() if tried.why}
    taken = sorted((n for n in own if n not in aside), key=lambda n: found[n].slowdown)
    for writing, what in ((False, "a training step"), (True, "writing")):
        while of_this := [n for n in taken if (PIECES[n].group == "writing") == writing]:
            last = of_this[-1]  # the slowest
            whole = found[last]
            if len(of_this) > 1:
                whole = trial.together(put_together({n: own[n] for n in of_this}), writing)
            if whole.why:
                crawls = whole.why.startswith("makes")
                aside[last] = (
                    whole.why if crawls else f"does not go with your other pieces: {whole.why}"
                )
            elif whole.slowdown > most:
                aside[last] = f"makes {what} {found[last].slowdown:.1f}× as long" + (
                    f", all of yours together {whole.slowdown:.1f}×" if len(of_this) > 1 else ""
                )
            else:
                break
            taken.remove(last)
    return replace(
        put_together({name: own[name] for name in PIECES if name in taken}),
        aside=aside,
        slowdown={name: found[name].slowdown for name in taken},
    )


def names_of(group: str) -> Sequence[str]:
    """The pieces of a group: "model", "training" or "writing"."""
    return [name for name, piece in PIECES.items() if piece.group == group]

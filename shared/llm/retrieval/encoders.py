"""Vectors from language models: the mean of what a model makes of a text's tokens (week 9).

    TransformerEncoder("sentence-transformers/all-MiniLM-L6-v2")       by name or folder
    ModelEncoder(model, tokenizer).centred(passages)                   our own LanguageModel

A model that was trained to tell texts apart (Reimers & Gurevych, "Sentence-BERT", 2019, 1908.10084) gives vectors that
can be compared as they are. Those of a language model all point much the same way; taking their mean away helps, and
whitening, which makes all directions equally long, may help more (Su et al., 2021, 2103.15316).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shared.llm.retrieval.lsa import unit
from shared.llm.run import read_json, write_json


def mean_of_tokens(hidden: Tensor, real: Tensor) -> Tensor:
    """The mean over a text's tokens, without padding. hidden: (n, length, d), real: (n, length) → (n, d)"""
    weight = real.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weight).sum(1) / weight.sum(1).clamp(min=1)


class TransformerEncoder:
    """A model by its name on the hub or its folder, through `transformers`; tokens pooled by mean, or the first one's
    where the folder's `1_Pooling/config.json` says so (as sentence-transformers writes it).

    prefixes: {"query": …, "passage": …}, words that some models want before a text, such as "query: " for E5
    max_length: tokens; what is longer is cut. dtype: of the computation; bfloat16 is quick where the CPU has it.
    Raises ValueError where the model cannot be had, saying why.
    """

    trust = 1.0

    def __init__(
        self,
        name: str | Path,
        max_length: int = 256,
        batch_size: int = 32,
        prefixes: dict[str, str] | None = None,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        from transformers import AutoModel, AutoTokenizer

        self.name, self.max_length, self.batch_size = str(name), max_length, batch_size
        self.prefixes, self.device = prefixes or {}, device
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(self.name)
            self.model = AutoModel.from_pretrained(self.name, dtype=dtype).to(device).eval()
        except (OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(
                f"the encoder {self.name!r} cannot be opened ({reason}): name a folder with a model, or use lsa."
            ) from error
        pooling = Path(name) / "1_Pooling" / "config.json"
        self.first_token = pooling.is_file() and json.loads(pooling.read_text("utf-8")).get(
            "pooling_mode_cls_token", False
        )

    @property
    def dimension(self) -> int:
        return self.model.config.hidden_size

    @torch.inference_mode()
    def encode(self, texts: Sequence[str], kind: str = "query") -> np.ndarray:
        """(n, d) float32, of length 1. Texts are taken in order of their length, so that little is padding."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        before = self.prefixes.get(kind, "")
        for first in range(0, len(order), self.batch_size):
            places = order[first : first + self.batch_size]
            batch = self.tokenizer(
                [before + texts[place] for place in places],
                padding=True,
                truncation=True,
                max_length=self.max_length,
                return_tensors="pt",
            ).to(self.device)
            hidden = self.model(**batch).last_hidden_state
            pooled = (
                hidden[:, 0] if self.first_token else mean_of_tokens(hidden, batch.attention_mask)
            )
            vectors[places] = pooled.float().cpu().numpy()
        return unit(vectors)

    def save(self, folder: str | Path) -> None:
        """The name, not the model: the model stays where it is."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        place = Path(self.name)
        about = {
            "kind": "transformer",
            "name": str(place.resolve()) if place.is_dir() else self.name,
            "max_length": self.max_length,
            "prefixes": self.prefixes,
        }
        write_json(folder / "encoder.json", about)

    @classmethod
    def open(cls, folder: str | Path) -> TransformerEncoder:
        about = read_json(Path(folder) / "encoder.json")
        return cls(about["name"], about["max_length"], prefixes=about["prefixes"])


class ModelEncoder:
    """Our own `LanguageModel` as an encoder: the mean of its hidden states.

    tokenizer: with the protocol of `shared.llm.tokenizer.Tokenizer`. Texts are cut at `max_length` tokens.
    mean, turn: taken away from every vector, (d,), and multiplied to it after that, (d, m); see `centred`, `whitened`.
    """

    trust = 0.1  # a language model's vectors are no better at this than LSA's unless it was tuned for it

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        max_length: int = 256,
        batch_size: int = 16,
        mean: np.ndarray | None = None,
        turn: np.ndarray | None = None,
    ) -> None:
        self.model, self.tokenizer = model.eval(), tokenizer
        self.max_length, self.batch_size = max_length, batch_size
        self.mean, self.turn = mean, turn

    @property
    def dimension(self) -> int:
        return self.model.config.d_model if self.turn is None else self.turn.shape[1]

    def centred(self, texts: Sequence[str]) -> ModelEncoder:
        """The same, with the mean of these texts' vectors taken away."""
        return self._with(self._raw(texts).mean(0), None)

    def whitened(self, texts: Sequence[str], dimension: int | None = None) -> ModelEncoder:
        """The same, turned and stretched so that these texts' vectors have variance 1 in every direction.

        dimension: keep so many directions, those of largest variance; None: all in which the texts differ.
        """
        raw = self._raw(texts)
        mean = raw.mean(0)
        _, sizes, directions = np.linalg.svd(raw - mean, full_matrices=False)
        kept = sizes > 1e-6 * sizes[0]
        kept[dimension:] = False
        scale = np.sqrt(max(len(texts) - 1, 1)) / sizes[kept]
        return self._with(mean, (directions[kept].T * scale).astype(np.float32))

    def encode(self, texts: Sequence[str], kind: str = "query") -> np.ndarray:
        """(n, d) float32, of length 1."""
        vectors = self._raw(texts)
        if self.mean is not None:
            vectors = vectors - self.mean
        return unit(vectors if self.turn is None else vectors @ self.turn)

    def save(self, folder: str | Path) -> None:
        """Only that such an encoder is needed: give it to `Index.open` again."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        write_json(Path(folder) / "encoder.json", {"kind": "model"})

    def _with(self, mean: np.ndarray, turn: np.ndarray | None) -> ModelEncoder:
        return ModelEncoder(
            self.model, self.tokenizer, self.max_length, self.batch_size, mean, turn
        )

    @torch.inference_mode()
    def _raw(self, texts: Sequence[str]) -> np.ndarray:
        device = next(self.model.parameters()).device
        vectors = np.empty((len(texts), self.model.config.d_model), dtype=np.float32)
        encoded = [
            ids[: self.max_length] or [0] for ids in self.tokenizer.encode_batch(list(texts))
        ]
        order = sorted(range(len(texts)), key=lambda place: len(encoded[place]))
        for first in range(0, len(order), self.batch_size):
            places = order[first : first + self.batch_size]
            longest = max(len(encoded[place]) for place in places)
            tokens = torch.zeros(len(places), longest, dtype=torch.long)
            real = torch.zeros(len(places), longest, dtype=torch.bool)
            for row, place in enumerate(places):
                tokens[row, : len(encoded[place])] = torch.tensor(encoded[place])
                real[row, : len(encoded[place])] = True
            hidden = self.model.hidden(tokens.to(device), real.to(device))
            vectors[places] = mean_of_tokens(hidden.float(), real.to(device)).cpu().numpy()
        return vectors

"""Pieces of texts in the shapes of OpenAI's answers, whole or streamed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any

from shared.llm.serve.texts import Piece, Text
from shared.llm.tokenizer import Tokenizer


class Reply:
    """One answer of the API.

    chat: whether to a chat   likely: whether log-probabilities were asked for
    strip: leave out the spaces that a text begins with, as after "Assistant:"
    """

    def __init__(
        self, model: str, tokenizer: Tokenizer, chat: bool, likely: bool, strip: bool = False
    ) -> None:
        self.tokenizer, self.chat, self.likely, self.strip = tokenizer, chat, likely, strip
        kind = "chatcmpl" if chat else "cmpl"
        self.head = {
            "id": f"{kind}-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": model,
        }
        self.places: dict[int, int] = {}  # of each choice: characters so far, for text_offset
        self.begun: set[int] = set()  # choices of which something other than spaces was said

    def whole(self, texts: Sequence[Text], pieces: Sequence[Piece], **more: Any) -> dict[str, Any]:
        """pieces: for each text all that was written, in one."""
        choices = []
        for number, piece in enumerate(pieces):
            self._strip(number, piece)
            said: dict[str, Any] = {"text": piece.text}
            if self.chat:
                said = {"message": {"role": "assistant", "content": piece.text, "refusal": None}}
            choices.append(self._choice(number, piece, said))
        kind = "chat.completion" if self.chat else "text_completion"
        usage = usage_of(texts)
        return {**self.head, "object": kind, "choices": choices, "usage": usage, **more}

    def opening(self, number: int) -> dict[str, Any]:
        """What begins the stream of a chat: whose turn it is."""
        return self._chunk(number, Piece(), {"delta": {"role": "assistant", "content": ""}})

    def chunk(self, number: int, piece: Piece) -> dict[str, Any]:
        self._strip(number, piece)
        said: dict[str, Any] = {"text": piece.text}
        if self.chat:
            said = {"delta": {"content": piece.text} if piece.text else {}}
        return self._chunk(number, piece, said)

    def last(self, texts: Sequence[Text]) -> dict[str, Any]:
        """What ends a stream, where the usage was asked for."""
        return {**self.head, "object": self._kind(), "choices": [], "usage": usage_of(texts)}

    def _strip(self, number: int, piece: Piece) -> None:
        if self.strip and number not in self.begun:
            piece.text = piece.text.lstrip()
            if piece.text:
                self.begun.add(number)

    def _chunk(self, number: int, piece: Piece, said: dict[str, Any]) -> dict[str, Any]:
        choice = self._choice(number, piece, said)
        return {**self.head, "object": self._kind(), "choices": [choice]}

    def _kind(self) -> str:
        return "chat.completion.chunk" if self.chat else "text_completion"

    def _choice(self, number: int, piece: Piece, said: dict[str, Any]) -> dict[str, Any]:
        likely = None
        if self.likely and (piece.tokens or piece.reason):
            likely = self._of_chat(piece) if self.chat else self._of_completion(number, piece)
        return {"index": number, **said, "logprobs": likely, "finish_reason": piece.reason}

    def _of_chat(self, piece: Piece) -> dict[str, Any]:
        content = [
            {
                **self._token(token, log_probability),
                "top_logprobs": [self._token(*other) for other in others],
            }
            for token, log_probability, others in zip(
                piece.tokens, piece.log_probabilities, piece.likely
            )
        ]
        return {"content": content, "refusal": None}

    def _token(self, token: int, log_probability: float) -> dict[str, Any]:
        text = self.tokenizer.decode([token])
        whole = "\ufffd" not in text  # else it is a part of a character
        spelled = list(text.encode()) if whole else None
        return {"token": text, "logprob": log_probability, "bytes": spelled}

    def _of_completion(self, number: int, piece: Piece) -> dict[str, Any]:
        names = [self.tokenizer.decode([token]) for token in piece.tokens]
        offsets, place = [], self.places.get(number, 0)
        for name in names:
            offsets.append(place)
            place += len(name)
        self.places[number] = place
        return {
            "tokens": names,
            "token_logprobs": piece.log_probabilities,
            # Tokens that are spelled alike, as parts of characters are, share a name: the likeliest has it.
            "top_logprobs": [
                {self.tokenizer.decode([token]): value for token, value in reversed(others)}
                for others in piece.likely
            ],
            "text_offset": offsets,
        }


def joined(pieces: Sequence[Piece]) -> Piece:
    """The pieces of one text as one."""
    whole = Piece("".join(piece.text for piece in pieces), reason=pieces[-1].reason)
    for piece in pieces:
        whole.tokens += piece.tokens
        whole.log_probabilities += piece.log_probabilities
        whole.likely += piece.likely
    return whole


def usage_of(texts: Sequence[Text]) -> dict[str, int]:
    """Tokens read and written; a prompt counts once, however many texts go on from it."""
    read = sum(len(text.prompt) for text in texts if text.first_of_prompt)
    written = sum(len(text.written) for text in texts)
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
    }

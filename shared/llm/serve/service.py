"""What the routes ask for: from the fields of a request to texts for the engine, and their pieces as they come."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from shared.llm.serve.chat_forms import ChatForm
from shared.llm.serve.engine import Engine, Full, Stopped
from shared.llm.serve.errors import ApiError
from shared.llm.serve.limits import Limits
from shared.llm.serve.schemas import ChatRequest, CompletionRequest, Request
from shared.llm.serve.sources import Finder, Source, with_sources
from shared.llm.serve.texts import Piece, Text
from shared.llm.tokenizer import Tokenizer
from shared.llm.writing.generate import Sampling


class Service:
    """A model under a name, its engine, and how it chats. finder: looks up passages for answers, where it can."""

    def __init__(
        self,
        name: str,
        model: Any,
        tokenizer: Tokenizer,
        chat: ChatForm,
        limits: Limits | None = None,
        finder: Finder | None = None,
    ) -> None:
        self.name, self.tokenizer, self.chat, self.finder = name, tokenizer, chat, finder
        self.limits = limits or Limits()
        self.engine = Engine(model, tokenizer, self.limits)
        self.created = int(time.time())
        self.loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Called in the event loop that will serve."""
        self.loop = asyncio.get_running_loop()
        self.engine.start()

    async def stop(self) -> None:
        await asyncio.to_thread(self.engine.stop)

    def check_model(self, name: str | None) -> None:
        if name is not None and name != self.name:
            message = f"There is no model {name[:100]!r} here; there is {self.name!r}."
            raise ApiError(404, message, "model_not_found", "model")

    def of_completion(self, asked: CompletionRequest) -> list[Text]:
        """`n` texts for each prompt, in order."""
        prompts = asked.prompt
        if isinstance(prompts, str) or isinstance(prompts[0], int):
            prompts = [prompts]
        self._check_choices(len(prompts) * asked.n)
        tokens = []
        for prompt in prompts:
            if isinstance(prompt, str):
                prompt = self.tokenizer.encode(prompt)
            elif any(token >= self.tokenizer.vocab_size for token in prompt):
                most = self.tokenizer.vocab_size - 1
                message = f"prompt has the token {max(prompt)}; the model knows 0 to {most}."
                raise ApiError(400, message, "invalid_value", "prompt")
            tokens.append(list(prompt) or [self.tokenizer.eos_id])
        return self._texts(
            asked,
            tokens,
            max_tokens=16 if asked.max_tokens is None else asked.max_tokens,  # as OpenAI's
            ends=frozenset([self.tokenizer.eos_id]),
            likely=asked.logprobs,
        )

    def of_chat(self, asked: ChatRequest, messages: Sequence[dict[str, str]]) -> list[Text]:
        """`n` answers to these messages."""
        self._check_choices(asked.n)
        if asked.top_logprobs is not None and not asked.logprobs:
            message = "top_logprobs is given; then logprobs must be true."
            raise ApiError(400, message, "invalid_value", "top_logprobs")
        most = asked.max_completion_tokens
        return self._texts(
            asked,
            [self.chat.encode(messages)],
            max_tokens=asked.max_tokens if most is None else most,
            ends=self.chat.ends,
            likely=(asked.top_logprobs or 0) if asked.logprobs else None,
            stop=self.chat.stop,
        )

    def with_sources(
        self, messages: Sequence[dict[str, str]], sources: Sequence[Source]
    ) -> tuple[list[dict[str, str]], int]:
        """The messages with as many of the passages, best first, as leave a quarter of the context for the answer; and
        how many these are.
        """
        for count in range(len(sources), 0, -1):
            told = with_sources(messages, sources[:count])
            if len(self.chat.encode(told)) <= 3 * self.engine.context // 4:
                return told, count
        return list(messages), 0

    def _texts(
        self,
        asked: Request,
        prompts: list[list[int]],
        max_tokens: int | None,
        ends: frozenset[int],
        likely: int | None,
        stop: tuple[str, ...] = (),
    ) -> list[Text]:
        context = self.engine.context
        seed = secrets.randbits(63) if asked.seed is None else asked.seed
        deadline = time.monotonic() + self.limits.max_seconds
        seen: dict[tuple[int, ...], int] = {}  # copies count over equal prompts, as in `generate`
        texts = []
        for prompt in prompts:
            if len(prompt) >= context:
                raise ApiError(
                    400,
                    f"The prompt has {len(prompt):,} tokens; the model's context holds {context:,}, "
                    "and the answer needs room too.",
                    "context_length_exceeded",
                    "messages" if isinstance(asked, ChatRequest) else "prompt",
                )
            room = min(context - len(prompt), self.limits.max_tokens or context)
            settings = Sampling(
                max_tokens=room if max_tokens is None else min(max_tokens, room),
                temperature=asked.temperature,
                top_k=asked.top_k,
                top_p=asked.top_p,
                min_p=asked.min_p,
                repetition_penalty=asked.repetition_penalty,
                stop=asked.stops() + stop,
                seed=seed,
                log_probabilities=likely is not None,
            )
            for _ in range(asked.n):
                copy = seen[tuple(prompt)] = seen.get(tuple(prompt), -1) + 1
                texts.append(
                    Text(prompt, settings, self._deliver, ends, copy, likely or 0, deadline)
                )
        return texts

    def _check_choices(self, count: int) -> None:
        if count > self.limits.max_choices:
            raise ApiError(
                400,
                f"The request asks for {count} texts; at most {self.limits.max_choices} may be asked for at once.",
                "invalid_value",
                "n",
            )

    def _deliver(self, pieces: list[tuple[Text, Piece]]) -> None:
        """From the engine's thread into the event loop: one call for all pieces of a step."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(_hand_out, pieces)

    @contextlib.asynccontextmanager
    async def write(self, texts: list[Text]) -> AsyncIterator[Writing]:
        """Has texts written while the block lasts; who leaves it early calls them off."""
        writing = Writing(texts)
        try:
            self.engine.submit(texts)
        except Full as full:
            raise ApiError(
                429,
                f"{len(self.engine.queue)} texts wait already; try again in about {full.seconds} s.",
                "queue_full",
                headers={"Retry-After": str(full.seconds)},
            ) from None
        except Stopped:
            raise ApiError(503, "The server is shutting down.", "unavailable") from None
        try:
            yield writing
        finally:
            for text in writing.going:
                self.engine.cancel(text)


class Writing:
    """The texts of one request while they are written.

    pieces(): async: lists of (number of the text, piece), until all have ended; raises ApiError where one failed
    """

    def __init__(self, texts: list[Text]) -> None:
        self.texts, self.going = texts, set(texts)
        self.arrived: list[tuple[int, Piece]] = []
        self.something = asyncio.Event()
        for number, text in enumerate(texts):
            text.owner = (self, number)

    async def pieces(self) -> AsyncIterator[list[tuple[int, Piece]]]:
        while self.going or self.arrived:
            await self.something.wait()
            self.something.clear()
            arrived, self.arrived = self.arrived, []
            if arrived:
                for _, piece in arrived:
                    _check_reason(piece.reason)
                yield arrived


def _hand_out(pieces: list[tuple[Text, Piece]]) -> None:
    for text, piece in pieces:
        writing, number = text.owner
        writing.arrived.append((number, piece))
        if piece.reason is not None:
            writing.going.discard(text)
        writing.something.set()


def _check_reason(reason: str | None) -> None:
    if reason == "timeout":
        message = "The answer was not done within the time that one request gets."
        raise ApiError(504, message, "timeout")
    if reason == "error":
        raise ApiError(500, "The model failed; the server's log says why.", "model_failed")
    if reason == "cancelled":
        raise ApiError(503, "The server is shutting down.", "unavailable")

"""Continuous batching: one thread writes all texts side by side; between two steps some leave and others come in.

    engine = Engine(model, tokenizer, Limits())
    engine.start()
    text = Text(prompt=[5, 8], settings=Sampling(max_tokens=20), deliver=print)
    engine.submit([text])                 # deliver is called with lists of (text, Piece), from the engine's thread
    engine.cancel(text)
    engine.stop()

Who came first is read first and gets a row first; nobody overtakes. Each text gets what the model writes for it alone:
its own generator, its own stop strings, logits that do not see its neighbours (up to the rounding of the kernels).
Source: Yu et al., "Orca" (OSDI 2022), scheduling by the step instead of by the request. Met in week 9.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from shared.llm.model import LanguageModel
from shared.llm.serve.limits import Limits
from shared.llm.serve.rows import Rows, bytes_of_a_token
from shared.llm.serve.texts import Piece, Text
from shared.llm.tokenizer import Tokenizer
from shared.llm.writing.draw import draw
from shared.llm.writing.generate import generator
from shared.llm.writing.narrow import narrow
from shared.llm.writing.text_pieces import TextPieces

logger = logging.getLogger("bumblebee.serve")


class Full(Exception):
    """The queue is full. seconds: after which it is worth trying again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"the queue is full; try again in {seconds} s.")
        self.seconds = seconds


class Stopped(Exception):
    """The engine is not running: the server is shutting down, or a step has failed."""


class _Row:
    """A text that has a place in the cache."""

    def __init__(self, text: Text, tokenizer: Tokenizer) -> None:
        self.text = text
        self.read = 0  # tokens of the prompt that are in the cache
        self.pieces = TextPieces(tokenizer, text.settings.stop)
        self.source = generator(text.prompt, text.settings.seed, text.copy)


class Engine:
    """Writes texts, in a thread of its own. Raises ValueError for a model that is not causal."""

    def __init__(self, model: LanguageModel, tokenizer: Tokenizer, limits: Limits) -> None:
        if not model.config.causal:
            raise ValueError("the model sees both sides of a token (BERT); it cannot write on.")
        self.model, self.tokenizer, self.limits = narrow(model), tokenizer, limits
        weight = model.embedding.weight
        self.device = weight.device
        self.context = min(model.config.max_length, limits.context or model.config.max_length)
        memory = int(limits.cache_gib * 2**30 / bytes_of_a_token(model.config, weight.dtype))
        self.cache = Rows(
            model.config,
            limits.max_rows,
            max(memory, self.context),  # one text of full length always fits
            weight.dtype,
            self.device,
        )
        self.queue: deque[Text] = deque()
        # Item i has row i of the cache: those that write, then at most one that still reads its prompt.
        self.rows: list[_Row] = []
        self.reading = False  # whether there is that one
        self.changed = threading.Condition()
        self.running = False
        self.thread: threading.Thread | None = None
        self.pieces: list[tuple[Text, Piece]] = []
        self.written = self.read = self.steps = 0  # tokens written, prompt tokens read, steps
        self.ended: dict[str, int] = {}
        self.seconds = 0.0  # spent in steps
        self.on_first_token: Callable[[float], None] | None = None  # told how long each text waited

    # What other threads call

    def start(self) -> None:
        self.running = True
        self.thread = threading.Thread(target=self._run, name="bumblebee-engine", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Ends after the step that is going on; all texts end with the reason "cancelled"."""
        with self.changed:
            self.running = False
            self.changed.notify_all()
        if self.thread is not None:
            self.thread.join()

    def submit(self, texts: Sequence[Text]) -> None:
        """All of them, or none. Raises Full, Stopped, and ValueError for texts that can never be written."""
        for text in texts:
            if not text.prompt or text.reserved > self.context:
                raise ValueError(
                    f"a text has {len(text.prompt)} tokens and asks for {text.settings.max_tokens} more; "
                    f"together they must be from 1 to {self.context}."
                )
        with self.changed:
            if not self.running:
                raise Stopped("the server is shutting down.")
            if len(self.queue) + len(texts) > self.limits.max_queue:
                raise Full(self._seconds_until_room())
            now = time.monotonic()
            for text in texts:
                text.submitted = now
            self.queue.extend(texts)
            self.changed.notify_all()

    def cancel(self, text: Text) -> None:
        """It leaves before the next step. Of a text that has ended, nothing is changed."""
        with self.changed:
            text.cancelled = True
            self.changed.notify_all()

    # The thread

    def _run(self) -> None:
        try:
            with torch.inference_mode():
                while self._wait():
                    started = time.monotonic()
                    self._step()
                    self.seconds += time.monotonic() - started
                    self.steps += 1
        except Exception:
            logger.exception("a step failed; the engine stops")
            self._leave_all("error")
        else:
            self._leave_all("cancelled")

    def _wait(self) -> bool:
        """Until there is something to do. False: the engine stops."""
        with self.changed:
            if self.running and not self.queue and not self.rows:
                self.cache.release()
                while self.running and not self.queue:
                    self.changed.wait()
            return self.running

    def _step(self) -> None:
        self._drop()
        self._read_prompts()
        self._write_tokens()
        self._deliver()

    def _drop(self) -> None:
        """Texts that nobody waits for, or that have waited too long, leave."""
        now = time.monotonic()
        with self.changed:
            gone = {text for text in self.queue if text.cancelled or text.deadline < now}
            if gone:
                self.queue = deque(text for text in self.queue if text not in gone)
        for text in gone:
            self._end(text, Piece(reason="cancelled" if text.cancelled else "timeout"))
        for row in list(self.rows):
            if row.text.cancelled or row.text.deadline < now:
                reason = "cancelled" if row.text.cancelled else "timeout"
                self._leave(row, Piece(row.pieces.rest(), reason=reason))

    def _read_prompts(self) -> None:
        """Reads prompts in the order they came, so many tokens a step that nobody who writes waits for long."""
        budget = self.limits.tokens_per_step
        while budget > 0 and (self.reading or self._admit()):
            row = self.rows[-1]
            some = row.text.prompt[row.read : row.read + budget]
            caches = self.cache.prompt(len(self.rows) - 1, row.read)
            tokens = torch.tensor([some], device=self.device)
            hidden = self.model.hidden(tokens, caches=caches, start=row.read)
            row.read += len(some)
            self.read += len(some)
            budget -= len(some)
            if row.read == len(row.text.prompt):
                self.reading = False
                self._choose([row], self.model.logits(hidden[:, -1]))

    def _admit(self) -> bool:
        """Gives the next text of the queue a row, if there is room for all that it may become."""
        with self.changed:
            if not self.queue:
                return False
            text = self.queue[0]
            n = len(self.rows) + 1
            longest = max([text.reserved, *(row.text.reserved for row in self.rows)])
            if not self.cache.fits(n, longest):
                return False
            self.queue.popleft()
        if text.settings.max_tokens == 0:
            self._end(text, Piece(reason="length"))
            return self._admit()
        self.cache.reserve(n, longest)
        self.rows.append(_Row(text, self.tokenizer))
        self.reading = True
        return True

    def _write_tokens(self) -> None:
        """One token more for each text whose prompt is read."""
        rows = self.rows[: len(self.rows) - self.reading]
        if not rows:
            return
        positions = [len(row.text.prompt) + len(row.text.written) - 1 for row in rows]
        tokens = torch.tensor([[row.text.written[-1]] for row in rows], device=self.device)
        places = torch.tensor(positions, device=self.device)
        mask = None
        if min(positions) < max(positions):
            columns = torch.arange(max(positions) + 1, device=self.device)
            mask = (columns <= places[:, None])[:, None]  # (n, 1, longest)
        hidden = self.model.hidden(
            tokens, positions=places[:, None], mask=mask, caches=self.cache.step(positions)
        )
        self._choose(rows, self.model.logits(hidden[:, -1]))

    def _choose(self, rows: list[_Row], logits: Tensor) -> None:
        """The next token of each of these rows: logits (n, vocab_size)."""
        # A model may have room for more tokens than its tokenizer spells: a round number is quicker.
        logits = logits[:, : self.tokenizer.vocab_size].float().cpu()
        tokens = draw(
            logits,
            [row.text.settings for row in rows],
            [row.source for row in rows],
            [row.text.so_far if row.text.settings.repetition_penalty != 1 else () for row in rows],
        )
        for row, of_row, token in zip(rows, logits, tokens):
            text, settings, piece = row.text, row.text.settings, Piece()
            if text.first is None:
                text.first = time.monotonic()
                if self.on_first_token is not None:
                    self.on_first_token(text.first - text.submitted)
            if token in text.ends:
                piece.reason = "stop"
            else:
                text.written.append(token)
                self.written += 1
                piece.tokens.append(token)
                if settings.log_probabilities:
                    _note_likely(piece, of_row, token, text.likely)
                piece.text = row.pieces.add(token)
                if row.pieces.stopped is not None:
                    piece.reason = "stop"
                elif len(text.written) == settings.max_tokens:
                    piece.reason = "length"
            if piece.reason is None:
                self.pieces.append((text, piece))
            else:
                piece.text += row.pieces.rest()
                self._leave(row, piece)

    def _leave(self, row: _Row, last: Piece) -> None:
        """A text ends; rows behind it close the gap: the last that writes takes its place, and who reads moves up."""
        place, writing = self.rows.index(row), len(self.rows) - self.reading
        if place < writing:
            if place != writing - 1:
                self._move(writing - 1, place)
            if self.reading:
                self._move(writing, writing - 1)
        else:
            self.reading = False
        self.rows.pop()
        self._end(row.text, last)

    def _move(self, source: int, target: int) -> None:
        self.cache.move(source, target)
        self.rows[target] = self.rows[source]

    def _end(self, text: Text, last: Piece) -> None:
        self.ended[last.reason] = self.ended.get(last.reason, 0) + 1
        self.pieces.append((text, last))

    def _leave_all(self, reason: str) -> None:
        with self.changed:
            self.running = False
            texts = [row.text for row in self.rows] + list(self.queue)
            self.rows, self.reading = [], False
            self.queue.clear()
        for text in texts:
            self._end(text, Piece(reason=reason))
        self.cache.release()
        self._deliver()

    def _deliver(self) -> None:
        """Hands out the pieces of this step, in one call for each way in which they are to go."""
        by_way: dict[Callable, list[tuple[Text, Piece]]] = {}
        for text, piece in self.pieces:
            by_way.setdefault(text.deliver, []).append((text, piece))
        self.pieces = []
        for deliver, pieces in by_way.items():
            deliver(pieces)

    def _seconds_until_room(self) -> int:
        """A guess from what was measured: the time in which a sixteenth of the queue is written."""
        if not self.written or not self.seconds:
            return 1
        tokens = sum(text.settings.max_tokens for text in self.queue) / 16
        return max(1, min(60, round(tokens * self.seconds / self.written)))


def _note_likely(piece: Piece, logits: Tensor, token: int, likely: int) -> None:
    spread = logits.log_softmax(-1)
    piece.log_probabilities.append(spread[token].item())
    values, tokens = spread.topk(min(likely, len(spread)))
    piece.likely.append(list(zip(tokens.tolist(), values.tolist())))

"""`TextPieces`: the text of tokens as they come, never half a character, and not past a stop string."""

from __future__ import annotations

from collections.abc import Sequence

from shared.llm.tokenizer import Tokenizer

BROKEN = "\ufffd"  # what decoders write for bytes that are no character, so also for half of one


class TextPieces:
    """Decodes a row of tokens piece by piece.

        pieces = TextPieces(tokenizer, stop=["\\n\\n"])
        for token in tokens:
            print(pieces.add(token), end="")
        print(pieces.rest())

    add(token): the text that is certain by now: a character whose bytes are not all there is held back, and so is what
                may become a stop string
    rest():     what was held back, at the end of the text
    stopped:    the stop string that was found; its text, and what comes after it, is not given out
    text:       all that was given out

    Only the last few tokens are decoded each time, together with those before them, since a token may be spelled
    differently at the beginning of a text.
    """

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str] = ()) -> None:
        if isinstance(stop, str) or not all(stop):
            raise ValueError(f"stop is {stop!r}; it must be a list of strings, none of them empty.")
        self.tokenizer, self.stop = tokenizer, tuple(stop)
        self.text = ""
        self.stopped: str | None = None
        self.tokens: list[int] = []
        self._before = 0  # tokens from here to _given are decoded again, as a run-up
        self._given = 0  # tokens up to here are in the text, or held
        self._held = ""

    def add(self, token: int) -> str:
        self.tokens.append(token)
        if self.stopped is not None:
            return ""
        self._decode(whole=True)
        return self._release(0 if not self.stop else self._may_become_stop())

    def rest(self) -> str:
        if self.stopped is not None:
            return ""
        self._decode(whole=False)
        return self._release(0)

    def _decode(self, whole: bool) -> None:
        known = self.tokenizer.decode(self.tokens[self._before : self._given])
        longer = self.tokenizer.decode(self.tokens[self._before :])
        if whole and longer.endswith(BROKEN):
            return
        self._held += longer[len(known) :]
        self._before, self._given = self._given, len(self.tokens)

    def _release(self, hold: int) -> str:
        found = [(self._held.find(stop), stop) for stop in self.stop if stop in self._held]
        if found:
            end, self.stopped = min(found)
        else:
            end = len(self._held) - hold
        piece, self._held = self._held[:end], self._held[end:]
        self.text += piece
        return piece

    def _may_become_stop(self) -> int:
        """How many of the last characters are the beginning of a stop string."""
        longest = min(max(map(len, self.stop)) - 1, len(self._held))
        return next(
            (
                n
                for n in range(longest, 0, -1)
                if any(s.startswith(self._held[-n:]) for s in self.stop)
            ),
            0,
        )

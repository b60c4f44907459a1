"""From tokens to numbers and back. Met in week 4; every later week that reads text uses it.

A **token** is what a model reads at one moment: a character here, a word in week 5, a piece of a word in week 8.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


def build_vocabulary(
    texts: Iterable[Iterable[str]], specials: Sequence[str] = (), min_count: int = 1
) -> dict[str, int]:
    """Numbers every token that occurs in the texts: token → id, ids 0, 1, 2, … without a gap.

    texts:     each a sequence of tokens: a string is one of characters, a list of strings one of words
    specials:  tokens that stand for something else than text ("<unknown>", "<end>"): they come first, in this order
    min_count: a token that occurs fewer times in all texts together gets no id

    After the specials come the tokens from frequent to rare; of two equally frequent ones the smaller string comes
    first. So the same texts, in any order, always give the same numbers.
    """
    counts = Counter(token for text in texts for token in text)
    kept = [t for t, count in counts.items() if count >= min_count and t not in specials]
    kept.sort(key=lambda token: (-counts[token], token))
    return {token: number for number, token in enumerate([*specials, *kept])}


@dataclass(frozen=True)
class Vocabulary:
    """A numbering of tokens, used both ways: encode and decode.

    ids:     token → id, the ids 0, 1, 2, …, as `build_vocabulary` makes it
    unknown: the token whose id stands for any token that has none; None: such a token is an error
    """

    ids: Mapping[str, int]
    unknown: str | None = None

    def __post_init__(self) -> None:
        if sorted(self.ids.values()) != list(range(len(self.ids))):
            raise ValueError(f"ids must be 0 to {len(self.ids) - 1}, each once.")
        if self.unknown is not None and self.unknown not in self.ids:
            raise ValueError(f"unknown is {self.unknown!r}, which has no id itself.")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def tokens(self) -> list[str]:
        """All tokens, in the order of their ids."""
        return sorted(self.ids, key=self.ids.__getitem__)

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """The id of each token. Raises ValueError, with the token, where one has none and none stands for it."""
        if self.unknown is not None:
            stand_in = self.ids[self.unknown]
            return [self.ids.get(token, stand_in) for token in tokens]
        try:
            return [self.ids[token] for token in tokens]
        except KeyError as error:
            raise ValueError(
                f"the token {error.args[0]!r} is not in the vocabulary of {len(self)} tokens, "
                "and it has no token for unknown ones."
            ) from None

    def decode(self, ids: Iterable[int], between: str = "") -> str:
        """The tokens of these ids as one string; `between` stands between two (" " for words).

        Raises ValueError for a number that is no id.
        """
        tokens = self.tokens
        numbers = [int(number) for number in ids]
        wrong = [number for number in numbers if not 0 <= number < len(tokens)]
        if wrong:
            raise ValueError(f"{wrong[0]} is no id: they run from 0 to {len(tokens) - 1}.")
        return between.join(tokens[number] for number in numbers)

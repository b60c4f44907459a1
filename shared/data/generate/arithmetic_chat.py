"""The conversations of `pack/conversations.jsonl` whose answers a program knows best: sums, counting and letters.

The phrasings, words and sentences are written by hand; numbers are drawn and answers computed. The seed is fixed, so
`python -m shared.data.generate.arithmetic_chat` prints the same records on every machine, one JSON object a line.
Every record asks about other numbers or words than the rest, and two in nine are held out.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from shared.data.checks import NUMBER_WORDS

SEED = 20240229
HELD_OUT = (3, 7)  # of every nine records of a kind, these are held out

Record = dict[str, Any]
Numbers = dict[str, int]
Draw = Callable[[random.Random], Numbers]


def _sum(rng: random.Random) -> Numbers:
    a, b = rng.randint(3, 60), rng.randint(3, 39)
    return {"a": a, "b": b, "r": a + b}


def _small_sum(rng: random.Random) -> Numbers:
    a, b = rng.randint(3, 12), rng.randint(2, 9)
    return {"a": a, "b": b, "r": a + b}


def _three(rng: random.Random) -> Numbers:
    a, b, c = rng.randint(2, 15), rng.randint(2, 12), rng.randint(2, 10)
    return {"a": a, "b": b, "c": c, "r": a + b + c}


def _difference(rng: random.Random) -> Numbers:
    b, r = rng.randint(3, 29), rng.randint(4, 40)
    return {"a": b + r, "b": b, "r": r}


def _small_difference(rng: random.Random) -> Numbers:
    b, r = rng.randint(2, 9), rng.randint(2, 12)
    return {"a": b + r, "b": b, "r": r}


def _product(rng: random.Random) -> Numbers:
    a, b = rng.randint(2, 12), rng.randint(3, 9)
    return {"a": a, "b": b, "r": a * b}


def _quotient(rng: random.Random) -> Numbers:
    b, r = rng.randint(2, 9), rng.randint(2, 12)
    return {"a": b * r, "b": b, "r": r}


def _double(rng: random.Random) -> Numbers:
    a = rng.randint(6, 48)
    return {"a": a, "r": 2 * a}


def _half(rng: random.Random) -> Numbers:
    r = rng.randint(4, 45)
    return {"a": 2 * r, "r": r}


def _next(rng: random.Random) -> Numbers:
    a = rng.randint(11, 98)
    return {"a": a, "r": a + 1}


def _change(rng: random.Random) -> Numbers:
    b = rng.randint(2, 18)
    return {"a": 20, "b": b, "r": 20 - b}


def _product_and_sum(rng: random.Random) -> Numbers:
    a, b, c = rng.randint(2, 6), rng.randint(2, 9), rng.randint(2, 9)
    return {"a": a, "b": b, "c": c, "m": a * b, "r": a * b + c}


def _sum_and_difference(rng: random.Random) -> Numbers:
    a, b = rng.randint(5, 20), rng.randint(3, 15)
    c = rng.randint(2, a)
    return {"a": a, "b": b, "c": c, "m": a + b, "r": a + b - c}


# (how often, how the numbers are drawn, turns as question and answer; `r` is the answer to the last question)
ARITHMETIC: list[tuple[int, Draw, list[tuple[str, str]]]] = [
    (5, _sum, [("What is {a} plus {b}?", "{a} plus {b} is {r}.")]),
    (4, _small_sum, [("{a} + {b} = ?", "{a} + {b} = {r}")]),
    (2, _sum, [("Add {a} and {b}.", "The sum is {r}.")]),
    (1, _sum, [("Could you add up {a} and {b} for me?", "Of course: {a} and {b} make {r}.")]),
    (1, _sum, [("How much is {a} and {b} together?", "Together they are {r}.")]),
    (2, _three, [("What do you get for {a} + {b} + {c}?", "You get {r}.")]),
    (1, _three, [("Please add these three numbers: {a}, {b}, {c}.", "Their sum is {r}.")]),
    (5, _difference, [("What is {a} minus {b}?", "{a} minus {b} is {r}.")]),
    (4, _small_difference, [("{a} - {b} = ?", "{a} - {b} = {r}")]),
    (1, _difference, [("Take {b} away from {a}.", "That leaves {r}.")]),
    (1, _difference, [("What is the difference between {a} and {b}?", "The difference is {r}.")]),
    (1, _difference, [("How much must I add to {b} to reach {a}?", "You must add {r}.")]),
    (5, _product, [("What is {a} times {b}?", "{a} times {b} is {r}.")]),
    (2, _product, [("Multiply {a} by {b}.", "The product is {r}.")]),
    (1, _product, [("{a} x {b}, please", "{a} x {b} = {r}")]),
    (4, _quotient, [("What is {a} divided by {b}?", "{a} divided by {b} is {r}.")]),
    (1, _quotient, [("How many times does {b} go into {a}?", "It goes into it {r} times.")]),
    (2, _double, [("What is twice {a}?", "Twice {a} is {r}.")]),
    (1, _double, [("Double the number {a}.", "Doubled, it is {r}.")]),
    (3, _half, [("What is half of {a}?", "Half of {a} is {r}.")]),
    (2, _next, [("Which number comes after {a}?", "After {a} comes {r}.")]),
    (
        2,
        _small_sum,
        [
            (
                "Ben has {a} marbles and finds {b} more. How many has he now?",
                "He now has {r} marbles.",
            )
        ],
    ),
    (
        1,
        _small_sum,
        [
            (
                "There are {a} ducks on the pond, and {b} more fly in. How many are there?",
                "There are {r} ducks.",
            )
        ],
    ),
    (
        1,
        _sum,
        [
            (
                "A shelf holds {a} novels and {b} atlases. How many books is that?",
                "That is {r} books.",
            )
        ],
    ),
    (
        1,
        _sum,
        [
            (
                "I walked {a} minutes there and {b} minutes back. How long was I on my feet?",
                "For {r} minutes.",
            )
        ],
    ),
    (
        2,
        _small_difference,
        [
            (
                "Rosa bakes {a} rolls, and her family eats {b}. How many are left?",
                "There are {r} rolls left.",
            )
        ],
    ),
    (
        1,
        _difference,
        [
            (
                "Of {a} passengers, {b} get off at the harbour. How many stay on the bus?",
                "{r} passengers stay on the bus.",
            )
        ],
    ),
    (
        1,
        _difference,
        [
            (
                "My book has {a} pages and I have read {b}. How many have I still to read?",
                "You have {r} pages to read.",
            )
        ],
    ),
    (
        2,
        _change,
        [
            (
                "I pay with a note of {a} euros for a hat that costs {b}. What is my change?",
                "Your change is {r} euros.",
            )
        ],
    ),
    (
        2,
        _product,
        [
            (
                "One box holds {a} pencils. How many pencils are in {b} boxes?",
                "In {b} boxes there are {r} pencils.",
            )
        ],
    ),
    (
        1,
        _product,
        [("A ticket costs {a} euros. What do {b} tickets cost?", "They cost {r} euros.")],
    ),
    (
        1,
        _product,
        [
            (
                "Noah swims {a} lengths a day. How many does he swim in {b} days?",
                "In {b} days he swims {r} lengths.",
            )
        ],
    ),
    (
        2,
        _quotient,
        [
            (
                "Share {a} sweets fairly among {b} children. How many does each one get?",
                "Each child gets {r} sweets.",
            )
        ],
    ),
    (
        1,
        _quotient,
        [
            (
                "{a} chairs stand in {b} equal rows. How many are in a row?",
                "Each row has {r} chairs.",
            )
        ],
    ),
    (
        1,
        _quotient,
        [
            (
                "A rope of {a} metres is cut into {b} equal pieces. How long is a piece?",
                "Each piece is {r} metres long.",
            )
        ],
    ),
    (
        2,
        _product_and_sum,
        [
            (
                "I buy {a} bags with {b} oranges each and {c} lemons. How many fruits do I carry?",
                "The bags hold {a} times {b}, so {m} oranges. With the lemons you carry {r} fruits.",
            )
        ],
    ),
    (
        2,
        _sum_and_difference,
        [
            (
                "There were {a} birds in a tree. Then {b} came and {c} flew off. How many are there now?",
                "{a} plus {b} is {m}, and {m} minus {c} is {r}. So there are {r} birds.",
            )
        ],
    ),
    (
        1,
        _product_and_sum,
        [
            (
                "What is {a} times {b}, plus {c}?",
                "{a} times {b} is {m}, and with {c} more it is {r}.",
            )
        ],
    ),
    (
        2,
        _product_and_sum,
        [
            ("What is {a} times {b}?", "{a} times {b} is {m}."),
            ("And if I add {c}?", "{m} plus {c} is {r}."),
        ],
    ),
    (
        2,
        _sum_and_difference,
        [
            ("How much is {a} plus {b}?", "{a} plus {b} is {m}."),
            ("Now take away {c}.", "{m} minus {c} is {r}."),
        ],
    ),
    (
        2,
        _sum_and_difference,
        [
            ("Kira has {a} stickers and gets {b} more. How many has she?", "She has {m} stickers."),
            (
                "She gives {c} of them to a friend. How many does she keep?",
                "She keeps {r} stickers.",
            ),
        ],
    ),
    (
        1,
        _product_and_sum,
        [
            (
                "One minibus has {b} seats. How many seats do {a} minibuses have?",
                "They have {m} seats.",
            ),
            (
                "A van brings {c} more seats. How many are there in all?",
                "In all there are {r} seats.",
            ),
        ],
    ),
]

COUNTED_SENTENCES = [
    ("How many words are in this sentence? {x}", "The small boat sails home."),
    ("Count the words: {x}", "Snow fell on the quiet village."),
    ("How many words do you see here: {x}", "My uncle grows very large pumpkins in his garden."),
    ("Give me the number of words in {x}", "Nobody heard the old door open."),
    ("Please count the words of this line. {x}", "Rain again."),
    ("{x} How many words was that?", "The train to the coast leaves at noon."),
    ("I wrote {x} Number of words?", "Bring warm socks and a torch."),
    ("Word count, please: {x}", "Two swans swam slowly over the lake."),
    ("How long is this sentence, in words? {x}", "Every child likes a good story."),
]
COUNTED_WORDS = [
    ("How many letters does the word {x} have?", "garden"),
    ("How many letters does the word {x} have?", "cloud"),
    ("How many letters does the word {x} have?", "umbrella"),
    ("Count the letters in {x}.", "planet"),
    ("Count the letters in {x}.", "fox"),
    ("Number of letters in {x}?", "morning"),
    ("How long is the word {x}, in letters?", "bread"),
    ("Tell me how many letters there are in {x}.", "notebook"),
    ("How many letters has {x}?", "tiger"),
    ("I spell {x}. How many letters did I need?", "winter"),
]
COUNTED_LETTERS = [
    ("How many times does the letter {y} occur in {x}?", "banana", "a"),
    ("How many times does the letter {y} occur in {x}?", "pepper", "p"),
    ("How often do you find the letter {y} in {x}?", "letter", "t"),
    ("How often do you find the letter {y} in {x}?", "eleven", "e"),
    ("Count the letter {y} in the word {x}.", "sunset", "s"),
    ("Count the letter {y} in the word {x}.", "cocoa", "c"),
    ("In {x}, how many times is there an {y}?", "rainstorm", "r"),
]
COUNTED_LISTS = [
    ("How many things are on this list? {x}", ["milk", "rice", "soap", "tea"]),
    ("Count the animals: {x}", ["cat", "horse", "owl"]),
    ("How many names do I give you? {x}", ["Ada", "Linus", "Grace", "Alan", "Barbara"]),
    ("{x}: how many colours are those?", ["red", "white", "green", "black", "pink", "brown"]),
    ("Guests for Sunday: {x}. How many are coming?", ["Mia", "Otto", "Jan", "Lea"]),
    (
        "How many cities are in this list? {x}",
        ["Rome", "Cairo", "Lima", "Oslo", "Delhi", "Quito", "Tunis"],
    ),
    ("How many of these words begin with b? {x}", ["bear", "lamp", "boat", "ball", "tree"]),
    ("How many of these words begin with s? {x}", ["moon", "star", "sun", "comet"]),
]

FIRST_LAST = [
    ("What is the first letter of {x}?", "window", 0),
    ("What is the first letter of {x}?", "kitchen", 0),
    ("With which letter does {x} begin?", "yellow", 0),
    ("The word {x} starts with which letter?", "river", 0),
    ("What is the last letter of {x}?", "music", -1),
    ("What is the last letter of {x}?", "paper", -1),
    ("Which letter does {x} end with?", "jacket", -1),
    ("Which letter does {x} end with?", "pencil", -1),
    ("What is the second letter of {x}?", "autumn", 1),
    ("What is the third letter of {x}?", "orange", 2),
    ("Which letter comes second in {x}?", "school", 1),
    ("Which letter comes third in {x}?", "bridge", 2),
]
SORTED = [
    ("Put these words in alphabetical order: {x}", ["pear", "apple", "lemon"]),
    ("Put these words in alphabetical order: {x}", ["tiger", "bear", "wolf"]),
    ("Sort alphabetically: {x}", ["rose", "lily", "tulip"]),
    ("Sort alphabetically: {x}", ["violin", "drum", "harp"]),
    ("Please sort these names from A to Z: {x}", ["Nina", "Carl", "Emma"]),
    ("Please sort these names from A to Z: {x}", ["Yara", "Hugo", "Ines", "Bela"]),
    ("Which order would a dictionary give these words? {x}", ["salt", "oil", "honey"]),
]
REVERSED = [
    ("Reverse this list: {x}", ["one", "two", "three"]),
    ("Reverse this list: {x}", ["king", "queen", "knight"]),
    ("Write this list backwards: {x}", ["red", "green", "blue"]),
    ("Turn the order round: {x}", ["egg", "hen", "fox"]),
    ("Say these in the opposite order: {x}", ["north", "east", "south"]),
    ("Last one first, please: {x}", ["sand", "sea", "sky"]),
]
BACKWARDS = [
    ("Write the word {x} backwards.", "sun"),
    ("Write the word {x} backwards.", "door"),
    ("Spell {x} in reverse.", "lamp"),
    ("What is {x} from right to left?", "stop"),
    ("Read {x} backwards.", "tar"),
]
SPELLED = [
    ("Spell {x} with hyphens between the letters.", "cat"),
    ("Spell {x} with hyphens between the letters.", "tree"),
    ("Please spell the word {x}, with a hyphen after each letter but the last.", "moon"),
    ("Spell out {x}, with hyphens.", "bird"),
]
REPEATED = [
    ("Say the word {x} twice.", "hello", 2),
    ("Write {x} three times.", "tick", 3),
    ("Repeat {x} three times, please.", "yes", 3),
]
RANKED = [
    ("Sort these numbers from small to large: {x}", 1),
    ("Sort these numbers from small to large: {x}", 1),
    ("Put in rising order: {x}", 1),
    ("Order these from the largest to the smallest: {x}", -1),
    ("Sort, largest first: {x}", -1),
]

NUMBER_NAMES = list(NUMBER_WORDS)[:11]  # zero to ten


def _record(kind: str, turns: list[tuple[str, str]], check: dict[str, Any]) -> Record:
    messages = []
    for question, answer in turns:
        messages += [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
    return {"kind": kind, "messages": messages, "check": check}


def arithmetic(rng: random.Random) -> Iterator[Record]:
    """Sums in many wordings; no two with the same numbers in the same wording, none whose answer is in the question."""
    asked = set()
    for times, draw, turns in ARITHMETIC:
        for _ in range(times):
            while True:
                numbers = draw(rng)
                said = [
                    (question.format(**numbers), answer.format(**numbers))
                    for question, answer in turns
                ]
                given = {value for name, value in numbers.items() if name != "r"}
                if said[0][0] not in asked and numbers["r"] not in given:
                    break
            asked.add(said[0][0])
            yield _record("arithmetic", said, {"type": "number", "value": numbers["r"]})


def counting(rng: random.Random) -> Iterator[Record]:
    """How many words, letters, things: the answer is the last number said."""

    def record(question: str, count: int, unit: str) -> Record:
        answer = rng.choice([f"There are {count} {unit}.", f"{count} {unit}.", f"I count {count}."])
        return _record("count", [(question, answer)], {"type": "number", "value": count})

    for question, sentence in COUNTED_SENTENCES:
        yield record(question.format(x=f'"{sentence}"'), len(sentence.split()), "words")
    for question, word in COUNTED_WORDS:
        yield record(question.format(x=f'"{word}"'), len(word), "letters")
    for question, word, letter in COUNTED_LETTERS:
        times = word.count(letter)
        answer = rng.choice([f"It occurs {NUMBER_NAMES[times]} times.", f"{times} times."])
        yield _record(
            "count",
            [(question.format(x=word, y=letter), answer)],
            {"type": "number", "value": times},
        )
    for question, things in COUNTED_LISTS:
        count = len(things)
        if "begin with" in question:
            count = sum(thing[0] == question.split("begin with ")[1][0] for thing in things)
        answer = rng.choice([f"There are {count}.", f"I count {count}.", f"{count}."])
        yield _record(
            "count",
            [(question.format(x=", ".join(things)), answer)],
            {"type": "number", "value": count},
        )
    things = ["apple", "plum", "fig"]
    first = ("How many fruits are these? " + ", ".join(things), "There are 3.")
    yield _record(
        "count",
        [first, ("And with two bananas more?", "Then there are 5.")],
        {"type": "number", "value": 5},
    )


def letters(rng: random.Random) -> Iterator[Record]:
    """Pick, sort, reverse, spell: short answers that must be equal to the right one."""

    def equal(question: str, answer: str) -> Record:
        return _record("letters", [(question, answer)], {"type": "equals", "value": answer})

    for question, word, place in FIRST_LAST:
        yield equal(question.format(x=f'"{word}"'), word[place])
    for question, words in SORTED:
        yield equal(question.format(x=", ".join(words)), ", ".join(sorted(words)))
    for question, words in REVERSED:
        yield equal(question.format(x=", ".join(words)), ", ".join(reversed(words)))
    for question, word in BACKWARDS:
        yield equal(question.format(x=f'"{word}"'), word[::-1])
    for question, word in SPELLED:
        yield equal(question.format(x=f'"{word}"'), "-".join(word))
    for question, word, times in REPEATED:
        yield equal(question.format(x=f'"{word}"'), " ".join([word] * times))
    for question, sign in RANKED:
        numbers = rng.sample(range(2, 40), 4)
        ranked = sorted(numbers, reverse=sign < 0)
        yield equal(question.format(x=", ".join(map(str, numbers))), ", ".join(map(str, ranked)))


def records(seed: int = SEED) -> list[Record]:
    """All generated conversations in the pack's form, without ids."""
    made = []
    for kind in (arithmetic, counting, letters):
        rng = random.Random(f"{kind.__name__} {seed}")
        for place, record in enumerate(kind(rng)):
            made.append({**record, "split": "heldout" if place % 9 in HELD_OUT else "train"})
    return made


if __name__ == "__main__":
    for made_record in records():
        print(json.dumps(made_record, ensure_ascii=False))

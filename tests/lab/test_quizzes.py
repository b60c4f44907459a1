"""Reading a quiz from its markdown: what is read, and one sentence with file and line for each mistake in it."""

from pathlib import Path

import pytest

from shared.lab.quizzes import all_quizzes, as_number, load_quiz, quiz_path, read_quiz

ABOUT = "*{kind} · [Some section](1_guided.ipynb) · week 1*"
CHOICES = """# Quiz

## 1. Which?
*One choice · [Some section](1_guided.ipynb) · week 1*

Think of `x`.

- **A** the first
- **B** the second, which
  goes on here
- **C** the third

<details><summary>Answer</summary>

**B**

- **A** not this one
- **B** this one,
  since it goes on
- **C** nor this

More about it.

</details>
"""
NUMBER = """# Quiz

## 1. How many?
*Number · [Some section](1_guided.ipynb) · week 2*

<details><summary>Answer</summary>

**−1,200.5** ± 0.5

Because.

- `1200.5`: The sign is lost.

```python
print(-1200.5)
```

</details>
"""
PRINTS = """# Quiz

## 1. What does this print?
*What does it print · [Some section](1_guided.ipynb) · week 1*

```python
# ## 7. no heading, a comment
print([1, 2])
```

<details><summary>Answer</summary>

```text
[1, 2]
```

A list.

- `(1, 2)`: That is a tuple.

</details>
"""
EXPLAIN = """# Quiz

## 1. Why?
*Explain · [Some section](1_guided.ipynb) · week 1*

<details><summary>Answer</summary>

Because it
is so.

</details>
"""


@pytest.fixture
def read(tmp_path: Path):
    """A function that reads a quiz from a text."""

    def read_text(text: str, name: str = "week01_x/3_quiz.md"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return read_quiz(path)

    return read_text


def test_choices(read) -> None:
    quiz = read(CHOICES)
    assert (quiz.name, quiz.title) == ("week01", "Quiz")
    (question,) = quiz.questions
    assert (question.kind, question.section, question.source, question.week, question.line) == (
        "One choice", "Some section", "1_guided.ipynb", 1, 3,
    )  # fmt: skip
    assert question.text == "**Which?**\n\nThink of `x`."
    assert [(c.letter, c.text, c.right, c.why) for c in question.choices] == [
        ("A", "the first", False, "not this one"),
        ("B", "the second, which goes on here", True, "this one, since it goes on"),
        ("C", "the third", False, "nor this"),
    ]
    assert question.explanation == "More about it."


def test_number(read) -> None:
    (question,) = read(NUMBER).questions
    assert (float(question.answer), question.tolerance, question.week) == (-1200.5, 0.5, 2)
    assert question.known_wrong == (("1200.5", "The sign is lost."),)
    assert (question.explanation, question.code) == ("Because.", "print(-1200.5)\n")


def test_prints(read) -> None:
    (question,) = read(PRINTS).questions
    assert question.answer == "[1, 2]"
    assert "print([1, 2])" in question.code
    assert question.known_wrong == (("(1, 2)", "That is a tuple."),)
    assert question.explanation == "A list."


def test_explain(read) -> None:
    (question,) = read(EXPLAIN).questions
    assert question.answer == question.explanation == "Because it\nis so."


def test_a_review_is_named_by_its_file(read) -> None:
    assert read(CHOICES, "quizzes/review03.md").name == "review03"


def swap(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


MALFORMED = {
    "no title": (swap(CHOICES, "# Quiz", "Quiz"), 1, "a quiz begins with a title"),
    "no question": ("# Quiz\n\nText.\n", 1, "there is no question"),
    "heading without dot": (swap(CHOICES, "## 1. ", "## 1 "), 3, "a question begins like"),
    "heading without number": (CHOICES + "\n## One more\n", 26, "a question begins like"),
    "wrong number": (swap(CHOICES, "## 1.", "## 2."), 3, "question 1 is expected, not 2"),
    "number twice": (CHOICES + CHOICES.replace("# Quiz\n", ""), 26, "question 2 is expected, not 1"),
    "no line about it": (swap(CHOICES, ABOUT.format(kind="One choice"), ""), 6, "has no line '*Kind · [section]"),
    "week missing": (swap(CHOICES, " · week 1*", "*"), 4, "has no line '*Kind"),
    "unknown kind": (swap(CHOICES, "One choice", "Guess"), 4, "is of the kind 'Guess'; it must be one of One choice"),
    "no details": (swap(CHOICES, "<details>", "<detail>"), 3, "has no answer folded in <details>"),
    "details not closed": (swap(CHOICES, "</details>", ""), 3, "has no answer folded in <details>"),
    "two choices": (swap(swap(CHOICES, "- **C** the third", ""), "- **C** nor this", ""), 3, "offers 2 choices"),
    "letter twice": (swap(CHOICES, "- **C** the", "- **B** the"), 3, "names its choices A, B, B"),
    "letter left out": (swap(swap(CHOICES, "- **C** the", "- **D** the"), "- **C** nor", "- **D** nor"), 3,
                        "names its choices A, B, D"),
    "no right choice": (swap(CHOICES, "**B**\n\n", "\n\n"), 3, "does not name its right choices"),
    "right choice not offered": (swap(CHOICES, "**B**\n\n", "**E**\n\n"), 3, "does not name its right choices"),
    "words for a letter": (swap(CHOICES, "**B**\n\n", "**Answer: B**\n\n"), 3, "does not name its right choices"),
    "two right in one choice": (swap(CHOICES, "**B**\n\n", "**A, B**\n\n"), 3,
                                "has 2 right choices; 'One choice' has one"),
    "choice not explained": (swap(CHOICES, "- **C** nor this", ""), 3, "does not explain choice C"),
    "explains what is not there": (swap(CHOICES, "- **C** nor", "- **C** x\n- **D** nor"), 3,
                                   "explains choice D, which"),
    "no number": (swap(NUMBER, "**−1,200.5** ± 0.5", "about 3"), 3, "needs its number as '**0.731** ± 0.001'"),
    "a word for a number": (swap(NUMBER, "**−1,200.5**", "**many**"), 3, "needs its number"),
    "a tolerance that is none": (swap(NUMBER, "± 0.5", "± 0.e5-"), 3, "needs its number"),
    "wrong answer that is no number": (swap(NUMBER, "`1200.5`", "`a lot`"), 3,
                                       "the wrong answer `a lot`, which is no number"),
    "no code": (swap(PRINTS, "```python", "```py"), 3, "needs a ```python block"),
    "no output": (swap(PRINTS, "```text", "```"), 3, "```text block with its output"),
    "open block": (swap(PRINTS, "```\n\nA list", "\n\nA list"), 13, "the block that ``` opens here is not closed"),
    "no model answer": (swap(EXPLAIN, "Because it\nis so.", ""), 3, "has no model answer"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "says"), MALFORMED.values(), ids=MALFORMED)
def test_malformed(read, text: str, line: int, says: str) -> None:
    with pytest.raises(ValueError, match=rf"^week01_x/3_quiz.md, line {line}: ") as raised:
        read(text)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_file_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no quiz file gone.md"):
        read_quiz(tmp_path / "gone.md")
    (tmp_path / "a.md").write_bytes(b"# caf\xe9")
    with pytest.raises(ValueError, match=r"a.md is not UTF-8 text"):
        read_quiz(tmp_path / "a.md")


@pytest.mark.parametrize(
    ("text", "number"),
    [("0.25", 0.25), (" -3 ", -3), ("−3", -3), ("1,200", 1200), ("1,234,567.5", 1234567.5), ("0,25", 0.25),
     ("1200", 1200), ("1e3", 1000), ("+4", 4), ("12,5", 12.5)],
)  # fmt: skip
def test_numbers_as_people_write_them(text: str, number: float) -> None:
    assert as_number(text) == number


@pytest.mark.parametrize("text", ["", "many", "nan", "inf", "1,2,3", "3 apples", "0x10"])
def test_no_numbers(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        as_number(text)


def test_which_quiz() -> None:
    assert quiz_path(1) == quiz_path("1") == quiz_path("week01")
    assert "week01" in all_quizzes()
    assert load_quiz(1).name == "week01"
    for which in (0, 99, "week99", "nothing", "", "../README", "²"):
        with pytest.raises(ValueError, match=r"There is no quiz .+\. There are: week01") as raised:
            quiz_path(which)
        assert repr(which) in str(raised.value)

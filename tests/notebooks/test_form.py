"""Every notebook keeps the form of NOTEBOOKS.md, as far as a form can be checked."""

import ast
import re
from functools import cache
from pathlib import Path

import nbformat
import pytest
from course import CHALLENGES, GUIDED, NOTEBOOKS, ROOT, exercise_names, name_of, setup_index

from shared.exercises import find, names
from shared.lab.cell import exercises_in, find_definition, is_stub, placeholders
from shared.lab.publish import complaints

EXERCISE = re.compile(
    r"^\*Exercise (\d+) · `([\w.]+)` · difficulty ([1-5]) · (\d+) minutes\*$", re.MULTILINE
)
PREDICT = "**Predict.**"
EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u2712\u2714-\u2716\u2718-\u27bf\u2b50\u2b55]")
WEEKS = sorted(path for path in ROOT.glob("week*") if path.is_dir())

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
each_guided = pytest.mark.parametrize("path", GUIDED, ids=name_of)
each_challenge = pytest.mark.parametrize("path", CHALLENGES, ids=name_of)


@cache
def opened(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in opened(path).cells if cell.cell_type == "code"]


def text_of(path: Path) -> str:
    return "\n\n".join(cell.source for cell in opened(path).cells if cell.cell_type == "markdown")


def headings(path: Path) -> list[str]:
    return [match[1] for match in re.finditer(r"^#{1,6} +(.+?)\s*$", text_of(path), re.MULTILINE)]


def prose_of(text: str) -> str:
    """Markdown without its code, formulas, pictures and addresses."""
    text = re.sub(r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$", " ", text, flags=re.DOTALL)
    return re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- the file -------------------------------------------------------------------------------------


@each
def test_file(path: Path) -> None:
    notebook = opened(path)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor >= 5) == (4, True)
    ids = [cell.get("id") for cell in notebook.cells]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata, "GitHub does not render a notebook with widget state"
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)
    assert all(cell.cell_type in ("markdown", "code") for cell in notebook.cells)


@each
def test_was_run_from_top_to_bottom(path: Path) -> None:
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1)), "`make notebooks` runs it in one go"


@each
def test_outputs_are_fit_to_be_committed(path: Path) -> None:
    assert list(complaints(opened(path))) == []
    for number, cell in enumerate(opened(path).cells, 1):
        for output in cell.get("outputs", []):
            assert output.output_type != "error", f"cell {number}"
            assert output.get("name") != "stderr", (
                f"cell {number} writes to stderr, which is shown on red"
            )
            widget = "application/vnd.jupyter.widget-view+json"
            assert widget not in output.get("data", {}), (
                f"cell {number} holds a widget that nothing can show"
            )


@each
def test_was_run_at_laptop_with_nothing_attempted(path: Path) -> None:
    shown = "\n".join(
        output.get("text", "") + output.get("data", {}).get("text/plain", "")
        for cell in code_cells(path)
        for output in cell.outputs
    )
    assert f"profile {'laptop'}" in shown
    for name in exercise_names(opened(path)):
        assert re.search(rf"○ {re.escape(name)}: not (attempted|finished)", shown), (
            f"{name} was answered in this run"
        )


# --- the setup cell -------------------------------------------------------------------------------


def setup_of(path: Path) -> str:
    return opened(path).cells[setup_index(opened(path))].source


@each
def test_setup_cell(path: Path) -> None:
    source = setup_of(path)
    assert source == code_cells(path)[0].source, "the setup cell is the first"
    found = re.search(r'open_lab\("([\w/-]+)"\)$', source)
    assert found, 'it ends with lab = open_lab("…")'
    kind = re.match(r"\d_(guided|challenge|explore)_", path.name)
    assert kind, "a notebook is 1_guided_*, 2_challenge_* or N_explore_*"
    expected = f"{path.parent.name[:6]}/{kind[1]}"
    assert found[1] == expected if kind[1] != "explore" else found[1].startswith(expected)
    first = setup_of(NOTEBOOKS[0])
    assert source.replace(found[1], "NAME") == re.sub(
        r'open_lab\("[\w/-]+"\)', 'open_lab("NAME")', first
    )


def test_lab_names_are_unique() -> None:
    found = [re.search(r'open_lab\("([\w/-]+)"\)', setup_of(path))[1] for path in NOTEBOOKS]
    assert len(set(found)) == len(found), found


# --- code -----------------------------------------------------------------------------------------


@each
def test_code_cells_fit_on_a_screen(path: Path) -> None:
    for number, cell in enumerate(opened(path).cells, 1):
        if cell.cell_type != "code":
            continue
        lines = cell.source.splitlines()
        assert len(lines) <= 25, f"cell {number} has {len(lines)} lines"
        longest = max(map(len, lines), default=0)
        assert longest <= 100, f"cell {number} has a line of {longest} columns"
        assert cell.source == cell.source.strip("\n"), (
            f"cell {number} begins or ends with empty lines"
        )
        assert lines, f"cell {number} is empty"


@each
def test_code_cells_are_plain_python(path: Path) -> None:
    setup = setup_of(path)
    for number, cell in enumerate(opened(path).cells, 1):
        if cell.cell_type != "code":
            continue
        shell = [line for line in cell.source.splitlines() if re.match(r"\s*[!%]", line)]
        assert not shell, f"cell {number}: a failing shell line or magic passes unseen: {shell}"
        ast.parse(cell.source)
        if cell.source != setup:
            assert "sys.path" not in cell.source, f"cell {number} edits sys.path"
            assert "pip install" not in cell.source, f"cell {number} installs something"


# --- exercises ------------------------------------------------------------------------------------


def test_each_exercise_is_defined_once_in_the_course() -> None:
    places: dict[str, list[str]] = {}
    for path in NOTEBOOKS:
        for name in exercise_names(opened(path)):
            places.setdefault(name, []).append(relative(path))
    twice = {name: where for name, where in places.items() if len(where) > 1}
    assert not twice


@pytest.mark.parametrize("name", names())
def test_exercise_is_in_its_notebook(name: str) -> None:
    spec = find(name)
    assert spec.notebook in map(relative, NOTEBOOKS), f"{spec.notebook} is not there"
    assert name in exercise_names(opened(ROOT / spec.notebook))
    assert spec.notebook.startswith(f"week{spec.week:02d}_")
    known = headings(ROOT / spec.notebook)
    for mistake in spec.mistakes:
        assert mistake.section in known, (
            f"{mistake.name} points to “{mistake.section}”, which is no heading there"
        )


@each
def test_exercises_are_labelled_and_open(path: Path) -> None:
    cells = opened(path).cells
    numbers = []
    for before, cell in zip(cells, cells[1:]):
        found = exercises_in(cell.source) if cell.cell_type == "code" else []
        if not found:
            continue
        assert len(found) == 1, f"two exercises in one cell: {found}"
        assert find(found[0]).notebook == relative(path)
        assert before.cell_type == "markdown", f"no text stands before {found[0]}"
        labels = EXERCISE.findall(before.source)
        assert len(labels) == 1, (
            f"the text before {found[0]} holds no line '*Exercise 1 · `…` · difficulty 1 · 5 minutes*'"
        )
        assert labels[0][1] == found[0]
        numbers.append(int(labels[0][0]))
        source = find_definition(cell.source, find(found[0]).piece)
        assert source is not None, f"{found[0]} is not called {find(found[0]).piece}"
        assert is_stub(source) or placeholders(source), f"{found[0]} is answered already"
        assert ast.get_docstring(source.node), f"{found[0]} has no docstring with its shapes"
    assert numbers == list(range(1, len(numbers) + 1)), "exercises are numbered in order"


@each
def test_exercise_is_not_defined_again(path: Path) -> None:
    """A later cell that defines it again would throw the learner's work away."""
    defined: dict[str, str] = {}
    for number, cell in enumerate(opened(path).cells, 1):
        if cell.cell_type != "code":
            continue
        for node in ast.parse(cell.source).body:
            bound = {node.name} if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else set()
            if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                bound = {
                    n.id
                    for n in ast.walk(node)
                    if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
                }
                bound |= {
                    a.asname or a.name
                    for n in ast.walk(node)
                    if isinstance(n, ast.ImportFrom)
                    for a in n.names
                }
            again = bound & set(defined)
            assert not again, (
                f"cell {number} takes the name {again} from {[defined[name] for name in again]}"
            )
        for name in exercises_in(cell.source):
            defined[find(name).piece] = name


@each_guided
def test_guided_has_four_to_eight_exercises(path: Path) -> None:
    assert 4 <= len(exercise_names(opened(path))) <= 8


@each_challenge
def test_challenge_has_three_to_six_exercises(path: Path) -> None:
    assert 3 <= len(exercise_names(opened(path))) <= 6


# --- the parts of a lesson ------------------------------------------------------------------------


@each
def test_title_cell(path: Path) -> None:
    first = opened(path).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith(f"# Week {int(path.parent.name[4:6])} · ")
    badge = re.search(
        r"\[!\[Open in Colab\]\([^)]+\)\]\(https://colab\.research\.google\.com/github/([^)]+)\)",
        first.source,
    )
    assert badge, "the title cell has no Colab badge"
    assert re.fullmatch(rf"[\w.-]+/[\w.-]+/blob/main/{re.escape(relative(path))}", badge[1]), badge[
        1
    ]
    assert re.search(r"\b(minutes|hours?|half a day)\b", first.source), "it says how long it takes"
    assert [h for h in headings(path) if h == headings(path)[0]] == [headings(path)[0]]
    assert len(re.findall(r"^# ", text_of(path), re.MULTILINE)) == 1, "one title"


@each
def test_budgets_are_shown(path: Path) -> None:
    assert any("lab.budgets(" in cell.source for cell in code_cells(path)[:4]), "near the top"


@each
def test_ends_with_what_you_can_do(path: Path) -> None:
    assert "What you can now do" in headings(path)


@each_guided
def test_guided_parts(path: Path) -> None:
    text = text_of(path)
    assert any(h.startswith("Break it") for h in headings(path))
    assert "The real thing" in headings(path)
    assert "**Carried forward" in text
    assert any("take_quiz(" in cell.source for cell in code_cells(path)[-2:])
    assert "3_quiz.md" in text
    assert text.count(PREDICT) >= 3


@each_challenge
def test_challenge_parts(path: Path) -> None:
    text = text_of(path).lower()
    assert "Results" in headings(path)
    assert "baseline" in text
    assert re.search(r"\bbar\b", text), "a bar for each profile"
    assert "Your own experiments" in headings(path)
    assert re.search(r"https?://|\(\d{4}\)", text_of(path)), "what published work reaches is cited"


@each
def test_prediction_comes_before_its_answer(path: Path) -> None:
    """A question, then a cell to type the guess in, and before the next question one that shows both."""
    cells = opened(path).cells
    asked = [
        i for i, cell in enumerate(cells) if cell.cell_type == "markdown" and PREDICT in cell.source
    ]
    for here, following in zip(asked, [*asked[1:], len(cells)]):
        guess, *others = (
            cell.source for cell in cells[here + 1 : following] if cell.cell_type == "code"
        )
        typed = re.fullmatch(r"(\w*guess\w*) = \.\.\.( *#.*)?", guess)
        assert typed, f"cell {here + 1}: the next code cell is no `my_guess = ...`: {guess!r}"
        assert cells[here + 1].source == guess, (
            f"cell {here + 1}: the place to type the guess comes right below"
        )
        assert any(re.search(rf"reveal\(\s*{typed[1]}\b", other) for other in others), (
            f"cell {here + 1}: no reveal follows"
        )


# --- words and links ------------------------------------------------------------------------------


@each
def test_words(path: Path) -> None:
    for number, cell in enumerate(opened(path).cells, 1):
        if cell.cell_type != "markdown":
            continue
        prose = prose_of(cell.source)
        shout = re.search(r".{0,40}\w!.{0,10}", prose)
        assert not shout, f"cell {number}: no exclamation marks: {shout[0]!r}"
        assert not EMOJI.search(cell.source), f"cell {number}: no emojis but the three check marks"
        dollars = re.sub(r"```.*?```|`[^`\n]*`|\\\$", "", cell.source, flags=re.DOTALL).count("$")
        assert dollars % 2 == 0, f"cell {number}: a formula is not closed"
        assert not re.search(r"\\\(|\\\[", cell.source), (
            f"cell {number}: GitHub shows only $…$ and $$…$$"
        )


@each
def test_links(path: Path) -> None:
    anchors = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings(path)}
    for number, cell in enumerate(opened(path).cells, 1):
        if cell.cell_type != "markdown":
            continue
        text = re.sub(r"```.*?```|`[^`\n]*`|\$[^$]*\$", " ", cell.source, flags=re.DOTALL)
        for bang, target in re.findall(r"(!?)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)[^)]*\)", text):
            if target.startswith("#"):
                assert target[1:].lower() in anchors, f"cell {number}: no heading for {target}"
            elif re.match(r"https?://", target):
                hot = bang and "colab-badge" not in target
                assert not hot, f"cell {number}: a picture is linked from a website: {target}"
            else:
                file = path.parent / target.split("#")[0]
                assert file.exists(), f"cell {number} links to {target}, which is not there"


@pytest.mark.parametrize("week", WEEKS, ids=lambda week: week.name)
def test_week_folder_is_complete(week: Path) -> None:
    assert re.fullmatch(r"week0[1-9]_\w+", week.name)
    assert (week / "README.md").is_file()
    assert len(list(week.glob("1_guided_*.ipynb"))) == 1
    assert len(list(week.glob("2_challenge_*.ipynb"))) == 1
    assert (week / "3_quiz.md").is_file()
    other = [
        p.name
        for p in week.iterdir()
        if not re.fullmatch(
            r"README\.md|3_quiz\.md|[12]_(guided|challenge)_\w+\.ipynb|[4-9]_explore_\w+\.ipynb",
            p.name,
        )
        and not p.name.startswith(".")
    ]
    assert not other, f"nobody expects {other}"

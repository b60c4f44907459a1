"""A learner's first evening, in a real JupyterLab in a real browser: open, run all, answer a quiz, solve an exercise.

Pictures of each step are kept under pytest's tmp_path, and in BUMBLEBEE_SHOTS where that names a folder.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from classroom import NOTEBOOK, Desk, copy_of_the_course, jupyterlab

from shared.lab.quizzes import load_quiz

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIGMOID = """@exercise("mlp.sigmoid")
def sigmoid(x, derivative=False):
    value = 1 / (1 + torch.exp(-x))
    return value * (1 - value) if derivative else value
"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


def test_first_evening(tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    course = copy_of_the_course(tmp_path / "course")
    shots = Path(os.environ.get("BUMBLEBEE_SHOTS") or tmp_path / "shots")
    for folder in (shots, tmp_path / "server"):
        folder.mkdir(exist_ok=True)
    with jupyterlab(course, tmp_path / "server") as address, playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(20_000)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        desk = Desk(page, address, course, shots)
        opens_on_the_readme(desk)
        opens_the_notebook_without_a_question(desk)
        runs_to_the_end(desk)
        formulas_are_set(desk)
        exercises_say_that_nothing_was_attempted(desk)
        quiz_explains(desk)
        solved_in_the_browser(desk)
        reads_in_the_dark(desk)
        assert errors == []
        browser.close()


def opens_on_the_readme(desk: Desk) -> None:
    desk.page.goto(desk.address)
    desk.page.wait_for_selector(".jp-MarkdownViewer h1")
    assert desk.page.locator(".jp-MarkdownViewer h1").first.inner_text() == "Bumblebee"
    names = desk.page.locator(".jp-DirListing-itemText").all_inner_texts()
    assert "week01_mlp" in names, "the week folders stand at the left"
    assert "token" not in desk.page.url
    desk.shot("1-readme")


def opens_the_notebook_without_a_question(desk: Desk) -> None:
    desk.open(NOTEBOOK)
    desk.page.wait_for_selector(".jp-Notebook .jp-Cell")
    desk.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    assert desk.page.locator(".jp-Dialog").count() == 0, "no 'select kernel' dialog"
    desk.shot("2-notebook")


def runs_to_the_end(desk: Desk) -> None:
    cells = [cell for cell in desk.saved().cells if cell.cell_type == "code"]
    desk.menu("Run", "Run All Cells")
    desk.wait_until_run(len(cells))
    for cell in desk.saved().cells:
        failed = [
            o
            for o in cell.get("outputs", [])
            if o.output_type == "error" or o.get("name") == "stderr"
        ]
        assert not failed, f"{cell.source[:60]!r}: {failed}"
    assert desk.page.locator('[data-mime-type="application/vnd.jupyter.error"]').count() == 0


def formulas_are_set(desk: Desk) -> None:
    desk.cell("The sigmoid and its derivative:")
    desk.page.wait_for_selector(".jp-RenderedMarkdown mjx-container")
    assert desk.page.locator("mjx-container").count() > 5
    assert desk.page.locator("mjx-merror, [data-mjx-error]").count() == 0
    desk.shot("3-formulas")


def exercises_say_that_nothing_was_attempted(desk: Desk) -> None:
    cell = desk.cell('@exercise("mlp.sigmoid")')
    said = cell.locator(".jp-OutputArea-output").inner_text()
    assert " ".join(said.split()) == "○ mlp.sigmoid not attempted; the reference stands in."
    assert overflow(desk, cell) == 0


def quiz_explains(desk: Desk) -> None:
    """A wrong choice meets its explanation, and then a right answer is praised."""
    first, second = load_quiz(1).questions[:2]
    cell = desk.cell("take_quiz(1)")
    output = cell.locator(".jp-OutputArea")
    output.get_by_text("1 of 16 · One choice").wait_for()
    wrong = next(choice for choice in first.choices if not choice.right)
    letter = output.locator("li", has_text=wrong.text).locator("strong").inner_text()
    output.get_by_role("button", name=letter, exact=True).click()
    output.get_by_text("✗ Not yet.").wait_for()
    assert wrong.why[:40] in output.inner_text()
    desk.shot("4-quiz-wrong")
    output.get_by_role("button", name="Next").click()
    output.get_by_text("2 of 16 · Number").wait_for()
    field = output.locator("input[type=text]")
    field.fill(second.answer)
    field.press("Tab")
    output.get_by_role("button", name="Check").click()
    output.get_by_text("✓ Right.").wait_for()
    assert overflow(desk, cell) == 0
    desk.shot("5-quiz-right")


def solved_in_the_browser(desk: Desk) -> None:
    """First wrong, then right: the box below the cell follows."""
    wrong = SIGMOID.replace("exp(-x)", "exp(x)")
    said = run_in_cell(desk, '@exercise("mlp.sigmoid")', wrong, "✗")
    assert "e^x stands where e^-x belongs" in said
    desk.shot("6-exercise-wrong")
    said = run_in_cell(desk, '@exercise("mlp.sigmoid")', SIGMOID, "✓")
    assert "Kept in my_work/mlp/sigmoid.py" in said
    assert (desk.course / "my_work" / "mlp" / "sigmoid.py").is_file()
    desk.shot("7-exercise-right")


def run_in_cell(desk: Desk, holding: str, text: str, mark: str) -> str:
    """Replaces a cell's text as a person would, runs it, and gives what it says once the mark is there."""
    cell = desk.cell(holding)
    cell.locator(".cm-content").click()
    desk.page.keyboard.press("Control+a")
    desk.page.keyboard.insert_text(text)
    desk.page.keyboard.press("Control+Enter")
    output = cell.locator(".jp-OutputArea")
    output.get_by_text(mark, exact=True).wait_for()
    return " ".join(output.inner_text().split())


def reads_in_the_dark(desk: Desk) -> None:
    desk.menu("Settings", "Theme", "JupyterLab Dark")
    desk.page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
    for name, text in (
        ("table", "lab.budgets("),
        ("exercise", '@exercise("mlp.sigmoid")'),
        ("quiz", "take_quiz(1)"),
    ):
        cell = desk.cell(text)
        for box in cell.locator(".jp-OutputArea-output, .widget-html-content").all():
            assert contrast(box) >= 4.5, f"{name}: text cannot be read on the dark ground"
        desk.page.wait_for_timeout(300)
        desk.shot(f"8-dark-{name}")


def overflow(desk: Desk, cell: Any) -> int:
    """By how many pixels a cell's output is wider than its place."""
    return cell.locator(".jp-OutputArea").evaluate(
        "e => Math.max(0, e.scrollWidth - e.clientWidth)"
    )


def contrast(box: Any) -> float:
    """The contrast of a box's text with the ground it stands on, as WCAG 2 measures it (1 to 21)."""
    return box.evaluate(
        """element => {
        const light = rgb => {
          const [r, g, b] = rgb.map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const numbers = text => text.match(/[\\d.]+/g).map(Number);
        let ground = element;
        while (ground && numbers(getComputedStyle(ground).backgroundColor)[3] === 0) ground = ground.parentElement;
        const a = light(numbers(getComputedStyle(element).color).slice(0, 3));
        const b = light(numbers(getComputedStyle(ground || document.body).backgroundColor).slice(0, 3));
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      }"""
    )

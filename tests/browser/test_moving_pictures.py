"""Week 2's guided notebook in a real browser: its sliders draw anew, and its paths move."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from classroom import Desk, copy_of_the_course, jupyterlab
from test_jupyterlab import CHROMIUM, FLAGS

NOTEBOOK = "week02_optim/1_guided_descent.ipynb"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


def test_sliders_and_paths_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    monkeypatch.setenv("BUMBLEBEE_PROFILE", "smoke")
    monkeypatch.delenv("MPLBACKEND", raising=False)  # plots are to be seen here
    course = copy_of_the_course(tmp_path / "course", NOTEBOOK)
    shots = Path(os.environ.get("BUMBLEBEE_SHOTS") or tmp_path / "shots")
    for folder in (shots, tmp_path / "server"):
        folder.mkdir(exist_ok=True)
    with jupyterlab(course, tmp_path / "server") as address, playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(30_000)
        desk = Desk(page, address, course, shots, NOTEBOOK)
        desk.open(NOTEBOOK)
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        desk.menu("Run", "Run All Cells")
        desk.wait_until_run(sum(cell.cell_type == "code" for cell in desk.saved().cells))
        sliders_draw_anew(desk)
        paths_move(desk)
        browser.close()


def sliders_draw_anew(desk: Desk) -> None:
    text = "momentum_slider = FloatSlider"
    for number in (0, 1):
        before = seen(desk, text, "img").get_attribute("src")
        seen(desk, text, f".noUi-handle >> nth={number}").press("ArrowLeft")
        until = time.monotonic() + 20
        while seen(desk, text, "img").get_attribute("src") == before:
            assert time.monotonic() < until, f"slider {number} moved, and the picture stayed"
            time.sleep(0.2)
    desk.shot("week2-sliders")


def paths_move(desk: Desk) -> None:
    """The animation is a picture that moves by itself: photographs of it differ (it rests a second at the end)."""
    picture = seen(desk, "animate_paths(panels", 'img[alt^="Moving paths"]')
    photographs = set()
    for number in range(5):
        path = desk.shots / f"week2-paths-{number}.png"
        picture.screenshot(path=path)
        photographs.add(path.read_bytes())
        desk.page.wait_for_timeout(600)
    assert len(photographs) >= 3
    desk.shot("week2-paths")


def seen(desk: Desk, text: str, what: str) -> Any:
    """Something in the cell that holds a text, once it can be seen: JupyterLab draws outputs as one scrolls."""
    until = time.monotonic() + 20
    while True:
        found = desk.cell(text).locator(what).first
        if found.is_visible():
            return found
        assert time.monotonic() < until, f"no {what} below {text!r}: {desk.shot('not-seen')}"
        time.sleep(0.3)

"""A model as `bumblebee llm` leaves it, with an index of its articles, served as it is typed, and met in a browser.

What the page does with sure answers is in `test_chat_page`; here the chain holds: run, index, serve, ask, page.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_chat_page import answers, ask, browser, done, opened, shots, until
from test_jupyterlab import CHROMIUM

from tests.llm.test_cli_llm import TINY

__all__ = ["browser", "opened", "shots"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(os.name == "nt", reason="Ctrl+C is sent in another way there"),
]
ROOT = Path(__file__).resolve().parents[2]
QUESTION = "What does an octopus hunt along the sea bed?"


def bumblebee(*words, **how):
    start = (
        "import sys; from shared.cli import main; sys.argv = ['bumblebee', *sys.argv[1:]]; main()"
    )
    return subprocess.Popen(
        [sys.executable, "-u", "-c", start, *map(str, words)],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **how,
    )  # fmt: skip


def told(*words):
    """What a command prints, which must end well."""
    with bumblebee(*words, env={**os.environ, "COLUMNS": "200"}) as process:
        printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0, printed
    return printed


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folders of a run, trained for some seconds, and of an index of its articles."""
    base = tmp_path_factory.mktemp("own")
    told("llm", "pretrain", "--to", base / "run", *TINY, "--set", "context=256")
    told("index", base / "run", "--to", base / "index")
    return base / "run", base / "index"


@pytest.fixture
def served_address(made):
    run, index = made
    with bumblebee("serve", run, "--index", index, "--port", 0) as process:
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl+C" in line:
                break
        address = re.search(r"^chat +(\S+)", said, re.M)
        assert address, said
        yield address[1]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode in (0, 130, -signal.SIGINT)


def test_a_conversation_with_its_sources(served_address, made, opened, shots):
    page = opened(served_address)
    page.get_by_text("trained to go on with texts, not to chat").wait_for()
    page.get_by_text("Answers come with the passages").wait_for()
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Longest answer, in tokens").fill("30")  # so that two turns fit
    page.keyboard.press("Escape")
    for turn, question in enumerate((QUESTION, "And how deep does a blue whale dive?"), 1):
        ask(page, question)
        done(page)
        until(page, lambda turn=turn: answers(page).count() == turn)
        assert page.locator("li.assistant").last.locator(".sources li").count() >= 1
    assert "Octopus" in page.locator("li.assistant .where").first.text_content()
    page.screenshot(path=shots / "own-model.png")
    page.get_by_role("button", name="Regenerate").click()
    done(page)
    assert answers(page).count() == 2


def test_a_question_in_the_terminal(made):
    said = told("ask", QUESTION, "--index", made[1])
    assert "[1]" in said and "Octopus" in said

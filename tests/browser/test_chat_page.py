"""The chat page in a real browser: streams, stops, asks again, shows sources, on a phone and in the dark.

Pictures are kept under pytest's tmp_path, and in BUMBLEBEE_SHOTS where that names a folder.
"""

import json
import os
import time
from pathlib import Path

import pytest
from test_jupyterlab import CHROMIUM, FLAGS

from shared.llm.serve.sources import Source
from tests.llm.serving import idle, saying, served

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]
SAID = (
    'Bees <b>dance</b> <img src=x onerror="window.hurt = 1"> to say where 🐝.\n\n'
    "    A waggle of one second is about a kilometre [1].\n\n<script>window.hurt = 2</script> "
    + "Averyverylongword"
    * 4
)
FOUND = [
    Source("Waggle dance", "A bee that has found flowers dances. " * 20, "In the hive", "https://en.example/wiki/Bee"),
    Source("Bad & <i>worse</i>", "Nobody runs this.", "", "javascript:window.hurt=3"),
]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def shots(tmp_path):
    folder = Path(os.environ.get("BUMBLEBEE_SHOTS") or tmp_path / "shots")
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def opened(browser):
    """A function that opens the page of a server; at the end no page may have met an error."""
    contexts, errors = [], []

    def open_page(address, **how):
        context = browser.new_context(**{"viewport": {"width": 1100, "height": 800}, **how})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        page.goto(address)
        page.errors = errors
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def until(page, true, seconds=10):
    """Waits for something of this side: the page's policy forbids the strings that playwright would evaluate."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, page.locator("body").inner_text()
        page.wait_for_timeout(20)


def answers(page):
    return page.locator("li.assistant .said")


def ask(page, text):
    page.get_by_label("Your message").fill(text)
    page.keyboard.press("Enter")


def done(page):
    page.get_by_role("button", name="Regenerate").wait_for()


def test_a_conversation(opened, shots):
    with served(saying(SAID, 0.008, lambda question: FOUND)) as client:
        page = opened(client.address)
        page.get_by_text("Answers come with the passages").wait_for()
        page.screenshot(path=shots / "chat-empty.png")
        assert page.get_by_role("button", name="Send").is_disabled()
        box = page.get_by_label("Your message")
        box.fill("Why do bees")
        page.keyboard.press("Shift+Enter")
        page.keyboard.type("dance?")
        assert box.input_value() == "Why do bees\ndance?"
        page.keyboard.press("Enter")
        stop = page.get_by_role("button", name="Stop")
        stop.wait_for()
        streams(page)
        page.screenshot(path=shots / "chat-writing.png")
        done(page)
        assert answers(page).text_content() == SAID
        assert "per second" in page.locator(".note").inner_text()
        nothing_ran(page)
        sources_are_shown(page)
        page.screenshot(path=shots / "chat-light.png")
        goes_on_and_stops(page, client)
        asks_again(page)
        new_chat(page)


def streams(page):
    """The text grows while it is written."""
    said = answers(page).first
    until(page, lambda: len(said.inner_text()) > 10)
    first = said.inner_text()
    until(page, lambda: len(said.inner_text()) > len(first) + 10)
    assert SAID.startswith(first.rstrip()) and len(first) < len(SAID)


def nothing_ran(page):
    """What a model or an index says stays text."""
    assert page.evaluate("window.hurt") is None
    for element in ("b", "img", "script", "i"):
        assert page.locator(f"#chat {element}").count() == 0


def sources_are_shown(page):
    assert page.get_by_text("2 sources").is_visible()
    (link,) = page.locator(".sources a").all()
    assert link.inner_text() == "Waggle dance · In the hive"
    assert link.get_attribute("href") == "https://en.example/wiki/Bee"
    assert "noopener" in link.get_attribute("rel")
    assert page.get_by_text("Bad & <i>worse</i>").is_visible()


def goes_on_and_stops(page, client):
    slow = client.service.engine.model
    slow.seconds, before = 0.1, slow.seconds  # a busy machine must not be too late to stop it
    with page.expect_request("**/v1/chat/completions") as sent:
        ask(page, "And then?")
    asked = json.loads(sent.value.post_data)
    assert [m["role"] for m in asked["messages"]] == ["user", "assistant", "user"]
    assert asked["messages"][1]["content"] == SAID and asked["sources"] is True
    until(page, lambda: answers(page).count() == 2 and len(answers(page).nth(1).inner_text()) > 5)
    page.keyboard.press("Escape")
    done(page)
    assert page.get_by_text("stopped", exact=True).is_visible()
    assert len(answers(page).nth(1).inner_text()) < len(SAID)
    assert idle(client.service, 3), "the server still writes for nobody"
    ended = client.service.engine.ended
    until(page, lambda: ended.get("cancelled") == 1)  # counted a moment after the last row is gone
    slow.seconds = before


def asks_again(page):
    page.get_by_role("button", name="Regenerate").click()
    page.get_by_role("button", name="Stop").wait_for()
    done(page)
    assert answers(page).count() == 2
    assert answers(page).nth(1).text_content() == SAID


def new_chat(page):
    page.get_by_role("button", name="New chat").click()
    assert answers(page).count() == 0
    assert page.get_by_text("What would you like to know?").is_visible()


def test_sources_that_the_model_had_no_room_for(opened):
    for words, says in ((1, "2 sources · 1 of them read"), (200, "2 sources · too long for")):
        found = [Source("Bee", "Dance. " * words), Source("Hive", "Comb. " * 200)]
        with served(
            saying("Yes.", 0, lambda question, found=found: found, max_length=400)
        ) as client:
            page = opened(client.address)
            ask(page, "Why do bees dance?")
            done(page)
            assert says in page.locator(".sources summary").inner_text()


def test_settings_are_sent_and_kept(opened, shots):
    with served(saying("Yes.")) as client:
        page = opened(client.address)
        page.get_by_role("button", name="Settings").click()
        page.get_by_label("Temperature").fill("0.3")
        page.get_by_label("Top-p").fill("0.5")
        page.get_by_label("Longest answer, in tokens").fill("77")
        page.get_by_label("Told to the model first").fill("Be kind.")
        page.screenshot(path=shots / "chat-settings.png")
        page.keyboard.press("Escape")
        for _ in range(2):
            with page.expect_request("**/v1/chat/completions") as sent:
                ask(page, "Hello")
            asked = json.loads(sent.value.post_data)
            assert asked["temperature"] == 0.3 and asked["top_p"] == 0.5
            assert asked["max_tokens"] == 77 and "sources" not in asked
            assert asked["messages"][0] == {"role": "system", "content": "Be kind."}
            done(page)
            page.reload()
        page.get_by_role("button", name="Settings").click()
        page.get_by_role("button", name="Defaults").click()
        assert page.get_by_label("Temperature").input_value() == "0.8"


def test_on_a_phone_in_the_dark(opened, shots):
    phone = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "has_touch": True}
    with served(saying(SAID, 0, lambda question: FOUND)) as client:
        page = opened(client.address, **phone)
        page.screenshot(path=shots / "chat-phone-empty.png")
        ask(page, "Why do bees dance, and who found out? " * 4 + "x" * 90)
        done(page)
        page.screenshot(path=shots / "chat-phone-dark.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        box = page.get_by_label("Your message").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 360 and box["y"] + box["height"] <= 740
        page.get_by_role("button", name="Settings").click()
        page.screenshot(path=shots / "chat-phone-settings.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        light = page.evaluate("matchMedia('(prefers-color-scheme: light)').matches")
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert not light and background == "rgb(22, 20, 15)"
    with served(saying(SAID, 0, lambda question: FOUND)) as client:
        page = opened(client.address, color_scheme="dark")
        ask(page, "Why do bees dance?")
        done(page)
        page.screenshot(path=shots / "chat-dark.png")


def test_what_goes_wrong_is_said(opened, shots):
    with served(saying("Yes.", max_length=80), token="secret") as client:
        page = opened(client.address)
        page.get_by_role("dialog").wait_for()
        page.get_by_label("Token", exact=True).fill("secret")
        page.get_by_role("button", name="Done").click()
        page.get_by_text("tiny", exact=True).wait_for()
        ask(page, "long " * 20)
        page.get_by_text("the model's context holds 80").wait_for()
        page.screenshot(path=shots / "chat-problem.png")
        ask(page, "Hi")
        done(page)
        assert answers(page).inner_text() == "Yes."
        assert page.locator("li.user").count() == 1, "what failed makes room for the next question"
        for number in (2, 3):
            ask(page, "Hello again!")
            until(page, lambda n=number: answers(page).all_text_contents() == ["Yes."] * n)
            done(page)
        assert "the beginning of the chat no longer fits" in page.locator(".note").last.inner_text()
        # The browser itself reports each answer that is no success; nothing else may have gone wrong.
        assert all("Failed to load resource" in error for error in page.errors)
        page.errors.clear()


def test_everything_has_a_name(opened):
    with served(saying("Yes.")) as client:
        page = opened(client.address)
        ask(page, "Hi")
        done(page)
        page.get_by_role("button", name="Settings").click()
        unnamed = page.evaluate(
            "[...document.querySelectorAll('button, input, textarea')].filter(e => !(e.textContent.trim()"
            " || e.getAttribute('aria-label') || (e.labels && e.labels.length))).map(e => e.id)"
        )
        assert unnamed == []
        assert page.evaluate("document.documentElement.lang") == "en"

"""The picture of attention: what it shows, escapes and refuses; and, where there is a browser, that pointing works."""

import json
import re
import shutil
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import pytest
import torch

from shared.lab import attention_view
from shared.lab.attention_view import AttentionView, attention_maps, show_attention

WORDS = ["the", "cat", "<b>sat</b>", '"on"', "&", "$x$", " "]
CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


def causal_weights(*leading: int, length: int = len(WORDS)) -> torch.Tensor:
    scores = torch.randn(*leading, length, length, generator=torch.Generator().manual_seed(0))
    return torch.softmax(scores.masked_fill(torch.ones_like(scores).triu(1) > 0, -1e9), -1)


class Tags(HTMLParser):
    """The tags and attributes of a piece of HTML, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_html_holds_the_numbers_and_escapes_the_tokens() -> None:
    weights = causal_weights(2)
    page = Tags(AttentionView(weights, WORDS)._repr_html_())
    assert {tag for tag, _ in page.tags} == {
        "div",
        "b",
        "select",
        "option",
        "span",
        "button",
        "bdi",
    }
    numbers = torch.tensor(json.loads(page.tags[0][1]["data-w"])) / 1000
    torch.testing.assert_close(numbers, weights, rtol=0, atol=0.0006)
    assert [word for word in page.words if word in WORDS] == WORDS[:-1] * 2  # queries and keys
    assert page.words.count("␣") == 2
    assert next(t["title"].split(",")[0] for tag, t in page.tags if tag == "button") == "the 100%"


def test_nothing_comes_from_a_network_and_no_script_tag() -> None:
    text = AttentionView(causal_weights(3), WORDS)._repr_html_()
    assert not re.search(r"https?:|src=|href=|<script|<style", text)


@pytest.mark.parametrize(
    ("leading", "names"),
    [
        ((), ["attention"]),
        ((2,), ["head 1", "head 2"]),
        ((2, 1), ["layer 1, head 1", "layer 2, head 1"]),
    ],
)
def test_names(leading: tuple[int, ...], names: list[str]) -> None:
    view = AttentionView(causal_weights(*leading), WORDS)
    assert view.names == names
    assert ("<select" in view._repr_html_()) == (len(names) > 1)


def test_as_text_each_query_has_its_strongest_key() -> None:
    weights = [[0.1, 0.7, 0.2], [0.0, 0.25, 0.75]]
    view = AttentionView(weights, ["le", "chat"], ["the", "black", "cat"], title="French")
    assert repr(view).splitlines() == [
        "French (attention; each token and the one it looks at most)",
        "  le   → black 70%",
        "  chat → cat 75%",
    ]


@pytest.mark.parametrize(
    ("weights", "more", "message"),
    [
        (
            torch.rand(3, 4),
            {},
            r"shape \(3, 4\); they must end in \(queries, keys\), which is \(7, 7\)",
        ),
        (torch.rand(1, 1, 1, 7, 7), {}, "with at most layers and heads before that"),
        (causal_weights(2), {"names": ["one"]}, "there are 1 names for 2 heads"),
        (causal_weights(900), {}, "44,100 weights make a view of over 90 KB"),
    ],
)
def test_what_does_not_fit_is_refused(weights: torch.Tensor, more: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AttentionView(weights, WORDS, **more)


def test_eight_heads_of_forty_tokens_stay_small() -> None:
    view = AttentionView(causal_weights(8, length=40), [f"word{i}" for i in range(40)])
    assert len(view._repr_html_()) < attention_view.MOST_CHARACTERS


def test_maps() -> None:
    figure = attention_maps(causal_weights(3), WORDS, WORDS, ["a", "b", "c"], "Title")
    figure.canvas.draw()  # a token between dollars is no formula
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in shown] == ["a", "b", "c"]
    assert [label.get_text() for label in shown[0].get_xticklabels()][5] == r"\$x\$"
    plt.close(figure)


def test_shown_outside_a_notebook_it_is_text(capsys: pytest.CaptureFixture) -> None:
    show_attention(causal_weights(), WORDS)
    assert "the one it looks at most" in capsys.readouterr().out
    plt.close("all")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_pointing() -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    weights = causal_weights(2)
    page_text = AttentionView(weights, WORDS)._repr_html_()
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        # As JupyterLab does: set from a script, so that no <script> inside would run.
        page.set_content("<div id='out'></div>")
        page.evaluate("text => document.getElementById('out').innerHTML = text", page_text)

        def bars() -> list[float]:
            heights = "els => els.map(e => parseFloat(e.children[1].firstChild.style.height))"
            return [h / 100 for h in page.locator("[data-k]").evaluate_all(heights)]

        assert bars() == pytest.approx(weights[0, 3].tolist(), abs=0.001)
        page.locator("button").nth(5).hover()
        assert bars() == pytest.approx(weights[0, 5].tolist(), abs=0.001)
        page.locator("select").select_option(index=1)
        assert bars() == pytest.approx(weights[1, 5].tolist(), abs=0.001)
        page.locator("button").nth(2).focus()
        page.keyboard.press("Enter")
        assert bars() == pytest.approx(weights[1, 2].tolist(), abs=0.001)
        browser.close()

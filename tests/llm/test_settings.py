"""One dial decides all; each setting can be given; what is mistyped is said."""

import json
from dataclasses import asdict

import pytest

from shared.llm.config import bert, changes, qwen3
from shared.llm.settings import SIZES, Settings, as_words, changed, from_words, settings


@pytest.mark.parametrize("size", SIZES)
def test_every_size_is_a_model_in_qwen3s_layout_or_berts(size):
    chosen = settings(size)
    layout = bert if chosen.objective == "masked" else qwen3
    switches = changes(layout(chosen.vocab_size), chosen.model())
    assert set(switches) <= {"rope_base"}
    assert chosen.batch_tokens % chosen.context == 0


def test_any_setting_can_be_given():
    chosen = settings("pocket", d_model=384, n_heads=6, minutes=1.5)
    assert (chosen.d_model, chosen.minutes, chosen.n_layers) == (384, 1.5, 6)
    assert chosen.model().head_width == 64
    assert changed(chosen, seed=3).seed == 3 and changed(chosen, seed=3).d_model == 384


def test_words_become_values():
    words = ["muon_lr=0.03", "tokens=1_000_000", "minutes=none", "mask_documents=yes", "source=a b"]
    assert from_words(words) == {
        "muon_lr": 0.03,
        "tokens": 1_000_000,
        "minutes": None,
        "mask_documents": True,
        "source": "a b",
    }


def test_settings_survive_json():
    chosen = settings("nano", megabytes=2.5)
    assert Settings(**json.loads(json.dumps(asdict(chosen)))) == chosen


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["muon_lr"], "'muon_lr' is no setting; write NAME=VALUE"),
        (["learning_rate=1"], "'learning_rate' is no setting; there are adam_lr"),
        (["tokens=many"], "tokens is 'many'; it must be a whole number"),
        (["grow_context=maybe"], "grow_context is 'maybe'; it must be yes or no"),
        (["muon_lr=fast"], "muon_lr is 'fast'; it must be a number"),
        (["n_layers=none"], "n_layers is 'none'; it must be a whole number"),
    ],
)
def test_mistyped_words_are_said(words, message):
    with pytest.raises(ValueError, match=message):
        from_words(words)


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"vocab_size": 100}, "vocab_size is 100; it must be at least 260"),
        ({"muon_lr": 0.0}, "muon_lr is 0.0; it must be above 0"),
        ({"minutes": float("nan")}, "minutes is nan"),
        ({"n_kv_heads": 2}, "n_kv_heads is 2; it must divide n_heads"),
        ({"schedule": "linear"}, "schedule is 'linear'; it must be one of wsd, cosine"),
        ({"batch_tokens": 100}, "batch_tokens is 100; it must be at least 256"),
        ({"validation_share": 1.0}, "validation_share is 1.0"),
    ],
)
def test_what_cannot_be_is_refused(others, message):
    with pytest.raises(ValueError, match=message):
        settings("nano", **others)
    with pytest.raises(ValueError, match="size is 'huge'"):
        settings("huge")


def test_the_words_that_make_the_same_settings():
    chosen = settings("pocket", source="encyclopedia", tokens=5_000_000, muon_lr=0.01)
    words = as_words(chosen)
    assert words[:4] == ["--size", "pocket", "--source", "encyclopedia"]
    assert words[4:] == ["--set", "tokens=5000000", "--set", "muon_lr=0.01"]
    again = from_words([word for word in words if "=" in word])
    assert settings("pocket", source="encyclopedia", **again) == chosen

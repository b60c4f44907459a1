"""Opening a notebook: its line, its budgets, and one sentence for each wrong setting."""

import random
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.lab import open_lab
from shared.lab.session import PROFILES


def test_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    lab = open_lab("week01/guided")
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith("· Bumblebee week01/guided · profile smoke · cpu, ")
    assert shown.endswith("· data: stand-ins, offline · seed 1")
    assert (lab.profile, lab.device.type, lab.seed, lab.data_root) == ("smoke", "cpu", 1, None)


@pytest.mark.parametrize("profile", ["fast", "Laptops", "1"])
def test_unknown_profile(monkeypatch: pytest.MonkeyPatch, profile: str) -> None:
    monkeypatch.setenv("BUMBLEBEE_PROFILE", profile)
    with pytest.raises(
        ValueError, match=r"must be one of smoke, laptop, gpu, or not set\."
    ) as raised:
        open_lab("week01/guided")
    assert f"BUMBLEBEE_PROFILE is {profile.lower()!r}" in str(raised.value)


@pytest.mark.parametrize(("asked", "got"), [(" Laptop ", "laptop"), ("GPU", "gpu"), ("", "laptop")])
def test_profile_is_read_kindly(monkeypatch: pytest.MonkeyPatch, asked: str, got: str) -> None:
    monkeypatch.setenv("BUMBLEBEE_PROFILE", asked)
    monkeypatch.setenv("BUMBLEBEE_DEVICE", "cpu")
    assert open_lab("week01/guided").profile == got


def test_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys) -> None:
    monkeypatch.setenv("BUMBLEBEE_DATA", str(tmp_path))
    assert open_lab("week01/guided").data_root == tmp_path
    assert "data: BUMBLEBEE_DATA" in " ".join(capsys.readouterr().out.split())
    file = tmp_path / "file"
    file.write_text("")
    for wrong in (tmp_path / "gone", file):
        monkeypatch.setenv("BUMBLEBEE_DATA", str(wrong))
        with pytest.raises(
            ValueError, match=r"which is no folder here. Mend the path, or unset it"
        ) as raised:
            open_lab("week01/guided")
        assert repr(str(wrong)) in str(raised.value)


def test_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUMBLEBEE_DEVICE", "toaster")
    with pytest.raises(
        ValueError, match="BUMBLEBEE_DEVICE is 'toaster'; it must be cpu, cuda or mps"
    ):
        open_lab("week01/guided")
    monkeypatch.setenv("BUMBLEBEE_DEVICE", "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="torch finds no CUDA device here"):
        open_lab("week01/guided")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("BUMBLEBEE_DEVICE", "cpu")
    assert open_lab("week01/guided").device.type == "cpu", "a GPU can be left alone"


def test_seeds_everything() -> None:
    def draw() -> tuple[float, float, float]:
        return random.random(), np.random.rand(), torch.rand(1).item()

    lab = open_lab("week01/guided", seed=5)
    first = draw()
    lab.seed_everything()
    assert draw() == first
    generator = lab.seed_everything(1)
    assert draw() != first
    assert generator.initial_seed() == 6


def test_budgets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BUMBLEBEE_DEVICE", "cpu")
    for column, profile in enumerate(PROFILES):
        monkeypatch.setenv("BUMBLEBEE_PROFILE", profile)
        budget = open_lab("week01/guided").budgets(
            epochs=(1, 5, 20), tokens_seen=(1_000, 2_000_000, 3)
        )
        assert budget == types.SimpleNamespace(
            epochs=(1, 5, 20)[column], tokens_seen=(1_000, 2_000_000, 3)[column]
        )
    shown = capsys.readouterr().out
    assert "2,000,000" in shown
    assert "tokens seen" in shown
    assert "[gpu]" in shown


def test_budgets_for_every_profile() -> None:
    with pytest.raises(ValueError, match=r"epochs=\(1, 2\) must hold 3 values, one for each of"):
        open_lab("week01/guided").budgets(epochs=(1, 2))


def test_bar_writes_to_stdout_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    tell = open_lab("week01/guided").bar("learning")
    for done in (1, 3, 4):
        tell(done, 4)
    shown = capsys.readouterr()
    assert "learning: 100%" in shown.out
    assert "4/4" in shown.out
    assert shown.err == ""


def test_track_writes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(open_lab("week01/guided").track([1, 2], "counting")) == [1, 2]
    caught = capsys.readouterr()
    assert "counting" in caught.out
    assert "2/2" in caught.out
    assert caught.err == "", "what stands on stderr is shown on red, like an error"


def test_colab_installs_only_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    import subprocess

    from shared.lab import colab

    asked = []
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setattr(subprocess, "run", lambda command, **_: asked.append(command))
    if sys.version_info >= (3, 11):
        open_lab("week01/guided")
        assert asked == [], "all is here, so pip is not started"
    monkeypatch.setattr(colab, "missing_requirements", lambda: ["nbformat>=5"])
    failing = subprocess.CompletedProcess([], 1, "", "line\nno network")
    monkeypatch.setattr(subprocess, "run", lambda command, **_: asked.append(command) or failing)
    open_lab("week01/guided")
    assert asked[0][1:] == ["-m", "pip", "install", "--quiet", "nbformat>=5"]
    assert "Could not install nbformat>=5" in capsys.readouterr().out

"""`bumblebee llm` as a person types it: from the pocket encyclopedia to a model that transformers opens."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from shared.cli import app, main
from shared.llm.pipeline import STAGES
from shared.llm.training.train_log import read_log

TINY = ["--source", "encyclopedia"]
for word in ("megabytes=0.15", "vocab_size=400", "n_layers=2", "d_model=32", "n_heads=2", "context=64",
             "batch_tokens=512", "tokens=25_000", "minutes=none", "compile=no", "precision=float32"):  # fmt: skip
    TINY += ["--set", word]


def run(*words):
    result = CliRunner().invoke(app, ["llm", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, (SystemExit, ValueError)), (
        result.exception
    )
    return result


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A whole run: (its folder, what was printed)."""
    folder = tmp_path_factory.mktemp("llm") / "run"
    result = run("--to", folder, *TINY)
    assert result.exit_code == 0, result.output
    return folder, result.output


def test_every_stage_leaves_its_record(made):
    folder, output = made
    for stage in STAGES:
        assert json.loads((folder / stage / "record.json").read_text(encoding="utf-8"))
        assert re.search(rf"^{stage} \(", output, re.M)
    assert "Try next" in output and "bits per byte" in output


def test_a_second_call_does_nothing_again(made):
    folder, _ = made
    before = (folder / "pretrain" / "record.json").stat().st_mtime_ns
    result = run("--to", folder)
    assert result.exit_code == 0 and result.output.count("(done before)") == len(STAGES)
    assert (folder / "pretrain" / "record.json").stat().st_mtime_ns == before


def test_other_settings_are_refused_in_one_sentence(made):
    folder, _ = made
    result = run("--to", folder, "--set", "muon_lr=0.5")
    assert result.exit_code != 0 and "--again pretrain" in str(result.exception)


def test_transformers_opens_what_was_exported(made):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, _ = made
    model = AutoModelForCausalLM.from_pretrained(folder / "export")
    tokenizer = AutoTokenizer.from_pretrained(folder / "export")
    ids = tokenizer("Bees dance.", return_tensors="pt").input_ids
    assert model(ids).logits.shape == (1, ids.shape[1], len(tokenizer))
    assert (folder / "export" / "README.md").read_text(encoding="utf-8").strip()


def test_it_goes_on_from_a_prompt(made):
    folder, _ = made
    result = run("--to", folder, "--prompt", "Bees [b]", "--max-tokens", 5)
    assert result.exit_code == 0 and "Bees [b]" in result.output


def test_a_dry_run_runs_nothing(tmp_path):
    result = run("--dry-run", "--to", tmp_path / "none", "--size", "pocket")
    assert result.exit_code == 0 and not (tmp_path / "none").exists()
    for word in ("parameters", "tokens", "FLOP", "GB", "time"):
        assert word in result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--size", "giant"], "size is 'giant'; it must be one of nano"),
        (["--set", "colour=red"], "'colour' is no setting"),
        (["dance"], "there is no stage 'dance'"),
        (["--source", "/nowhere/at/all"], "/nowhere/at/all"),
        (["--prompt", "Bees"], "has no trained model"),
    ],
)
def test_bad_input_meets_one_sentence(tmp_path, words, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bumblebee", "llm", "--to", str(tmp_path / "run"), *words])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows knows no SIGTERM")
def test_sigterm_saves_and_the_same_command_goes_on(tmp_path):
    folder = tmp_path / "run"
    words = [sys.executable, "-m", "shared.cli", "llm", "--to", str(folder), *TINY]
    words[words.index("tokens=25_000")] = "tokens=200_000"
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    log = folder / "pretrain" / "log.jsonl"
    while process.poll() is None and (not log.exists() or len(read_log(log)) < 20):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and "goes on from there" in said
    assert not (folder / "pretrain" / "record.json").exists()
    reached = read_log(log)[-1]["step"]
    again = subprocess.run([*words[:4], "pretrain", *words[4:]], capture_output=True, text=True)
    assert again.returncode == 0 and f"Goes on after step {reached}" in again.stdout
    steps = [line["step"] for line in read_log(log) if "loss" in line]
    assert steps == list(range(1, len(steps) + 1))


@pytest.mark.slow
def test_two_processes_by_torchrun(made, tmp_path):
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(made[0], folder)
    for stage in ("pretrain", "evaluate", "generate", "export"):
        shutil.rmtree(folder / stage)
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*words, "-m", "shared.cli", "llm", "pretrain", "--to", str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    one = read_log(made[0] / "pretrain" / "log.jsonl")
    two = read_log(folder / "pretrain" / "log.jsonl")
    losses = [[line["loss"] for line in log if "loss" in line] for log in (one, two)]
    assert len(losses[0]) == len(losses[1])
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)

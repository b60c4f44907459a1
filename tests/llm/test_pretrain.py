"""Pretraining learns, goes on to the last bit after any interruption, and says what is wrong."""

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.llm.config import bert, gpt2, qwen3
from shared.llm.corpus.array_tokens import ArrayTokens
from shared.llm.model import LanguageModel, Parts
from shared.llm.training import savepoint, train_log
from shared.llm.training.distributed import World
from shared.llm.training.loss import NextTokenLoss
from shared.llm.training.precision import choose_precision, peak_speed
from shared.llm.training.pretrain import Pretraining, pretrain
from shared.llm.training.train_log import TrainLog, read_log
from shared.llm.training.train_settings import TrainSettings
from shared.llm.training.train_watch import Diverged, SpikeDetector
from shared.llm.training.validation import document_numbers, validation_loss

CONFIG = qwen3(
    32, max_length=16, d_model=16, n_layers=2, n_heads=2, n_kv_heads=1, d_head=8, d_hidden=24
)
QUICK = {"precision": "float32", "compile": "no", "tensorboard": False, "measure_peak": False}
QUICK |= {"device": "cpu", "batch_size": 4, "context": 16, "evaluate_tokens": 200}


def _data(n=4000):
    """Counting up and down: easily learned. Every 40th token ends a document."""
    ids = np.abs((np.arange(n) % 62) - 31)
    ids[39::40] = 0
    return ArrayTokens(ids, 32, eos_id=0), ArrayTokens(ids[:500], 32, eos_id=0)


def _settings(**more):
    return TrainSettings(**{**QUICK, "steps": 20, "evaluate_every": 10, "save_every": 5, **more})


def _pretrain(folder, config=CONFIG, say=lambda _: None, **more):
    return pretrain(config, _settings(**more), *_data(), folder, say=say)


def _losses(folder):
    """{step: loss} of a log, each step once."""
    lines = [line for line in read_log(folder / "log.jsonl") if "loss" in line]
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    return [line["loss"] for line in lines]


def _weights(folder):
    return savepoint.load_latest(folder / "checkpoints").model


def _same(one, other):
    assert _losses(one) == _losses(other)
    for name, weight in _weights(one).items():
        assert torch.equal(weight, _weights(other)[name]), name


def test_learns_and_records(tmp_path):
    told = []
    record = pretrain(
        CONFIG, _settings(steps=120), *_data(), tmp_path, progress=lambda *t: told.append(t)
    )
    losses = _losses(tmp_path)
    assert losses[0] == pytest.approx(math.log(32), abs=0.2) and losses[-1] < 1.5
    assert record["ended"] == "all steps" and record["steps"] == 120
    assert record["tokens"] == 120 * 4 * 16 and record["rollbacks"] == 0
    assert record["validation_loss"] < 1.5
    assert record["bits_per_byte"] == pytest.approx(record["validation_loss"] / math.log(2))
    assert told[-1] == (120, 120)
    json.dumps(record)
    assert [p.name for p in savepoint.savepoints(tmp_path / "checkpoints")] == [
        "step-00000110",
        "step-00000115",
        "step-00000120",
    ]
    judged = [line["step"] for line in read_log(tmp_path / "log.jsonl") if "bits_per_byte" in line]
    assert judged == list(range(10, 121, 10))
    model = savepoint.load_model(tmp_path / "checkpoints")
    found = validation_loss(NextTokenLoss(model), _data()[1], 16, 200)
    assert found.loss == pytest.approx(record["validation_loss"], abs=1e-5)


VARIANTS = {
    "plain": {},
    "adamw, cosine": {"optimizer": "adamw", "schedule": "cosine", "lr": 3e-3},
    "growing, documents": {"context_growth": ((0, 4), (0.4, 8), (0.7, 16)), "mask_documents": True},
    "in parts": {"micro_batch": 3, "z_loss": 1e-3, "clip": None},
    "bfloat16": {"precision": "bfloat16"},
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_goes_on_to_the_last_bit(tmp_path, variant, dropout, monkeypatch):
    config, more = CONFIG.with_(dropout=dropout), VARIANTS[variant]
    _pretrain(tmp_path / "whole", config, **more)
    steps = 0
    real = Pretraining.train_step

    def fails(self):
        nonlocal steps
        steps += 1
        if steps in (4, 13):
            raise RuntimeError("the power is cut")
        return real(self)

    monkeypatch.setattr(Pretraining, "train_step", fails)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="power"):
            _pretrain(tmp_path / "broken", config, **more)
    said = []
    _pretrain(tmp_path / "broken", config, say=said.append, **more)
    assert "Goes on after step 5" in said[0]
    _same(tmp_path / "whole", tmp_path / "broken")


def test_a_finished_run_stays_as_it_is(tmp_path):
    first = _pretrain(tmp_path)
    again = _pretrain(tmp_path)
    for name in ("ended", "steps", "loss", "bits_per_byte", "checkpoint"):
        assert again[name] == first[name]


def test_accumulation_gives_the_same_gradient(tmp_path):
    for name, rows in (("at once", None), ("in parts", 1)):
        _pretrain(tmp_path / name, micro_batch=rows)
    for one, other in zip(_losses(tmp_path / "at once"), _losses(tmp_path / "in parts")):
        assert one == pytest.approx(other, abs=1e-4)


def test_recompute_gives_the_same(tmp_path):
    _pretrain(tmp_path / "kept")
    _pretrain(tmp_path / "again", recompute=True)
    assert _losses(tmp_path / "again") == pytest.approx(_losses(tmp_path / "kept"), abs=1e-5)


def test_documents_are_masked():
    """A text in a row after another has the loss that it has alone."""
    torch.manual_seed(0)
    loss = NextTokenLoss(LanguageModel(CONFIG, Parts.fused()).eval())
    first, second = torch.randint(1, 32, (1, 5)), torch.randint(1, 32, (1, 6))
    first[0, -1] = 0
    row = torch.cat([first, second], dim=1)
    numbers = document_numbers(row, 0)
    assert numbers.tolist() == [[0] * 5 + [1] * 6]
    targets = row.roll(-1, 1)
    together = loss(row, targets, numbers)[1] * 11
    apart = loss(first, targets[:, :5])[1] * 5 + loss(second, targets[:, 5:])[1] * 6
    torch.testing.assert_close(together, apart)


def test_a_loss_that_is_no_number_is_rolled_back(tmp_path, monkeypatch):
    real, bad = NextTokenLoss.forward, []

    def forward(self, inputs, targets, documents=None):
        loss, cross_entropy = real(self, inputs, targets, documents)
        if self.training and bad and torch.equal(inputs, bad[0]):
            return loss * math.nan, cross_entropy * math.nan
        return loss, cross_entropy

    run = Pretraining(CONFIG, _settings(), *_data(), tmp_path / "whole", say=lambda _: None)
    bad.append(run.batches.batch(12).inputs)
    monkeypatch.setattr(NextTokenLoss, "forward", forward)
    said = []
    record = _pretrain(tmp_path / "ill", say=said.append)
    assert record["rollbacks"] == 1 and record["ended"] == "all steps"
    assert "After step 12 the loss is nan: back to step 10; 3 batches are left out." in said[0]
    losses = _losses(tmp_path / "ill")
    assert len(losses) == 20 and all(map(math.isfinite, losses))
    event = next(e for e in read_log(tmp_path / "ill" / "log.jsonl") if "event" in e)
    assert (event["step"], event["after"], event["skipped_batches"]) == (10, 12, 3)
    # Interrupted later, it does not see them either.
    for place in savepoint.savepoints(tmp_path / "ill" / "checkpoints")[1:]:
        os.rename(place, tmp_path / place.name)
    _pretrain(tmp_path / "ill")
    assert _losses(tmp_path / "ill") == losses


def test_gives_up_where_the_loss_never_is_a_number(tmp_path, monkeypatch):
    monkeypatch.setattr(
        NextTokenLoss, "forward", lambda self, *_: (_nan(self), torch.tensor(math.nan))
    )
    with pytest.raises(Diverged, match="Lower lr"):
        _pretrain(tmp_path)


def _nan(loss):
    return sum(p.sum() for p in loss.parameters()) * math.nan


def test_spikes():
    watch = SpikeDetector(limit=1.0, window=4)
    assert [watch.complaint(x, 1.0) for x in (9.0, 3.0, 2.0, 2.0, 2.0)] == [None] * 5
    assert "jumped to 3.500 from about 2.000" in watch.complaint(3.5, 1.0)
    assert watch.recent == [3.0, 2.0, 2.0, 2.0]
    assert watch.complaint(2.9, 1.0) is None
    assert "gradient" in watch.complaint(2.0, math.inf)
    assert SpikeDetector(None, window=1, recent=[0.0]).complaint(99.0, 1.0) is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_when_asked_and_goes_on(tmp_path, number):
    _pretrain(tmp_path / "whole")
    said = []

    def ask(done, _):
        if done == 8:
            signal.raise_signal(number)

    stopped = pretrain(
        CONFIG, _settings(), *_data(), tmp_path / "asked", progress=ask, say=said.append
    )
    assert stopped["ended"] == "stopped" and stopped["steps"] in (8, 9)
    assert "Start the same command again" in said[0]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert _pretrain(tmp_path / "asked")["ended"] == "all steps"
    _same(tmp_path / "whole", tmp_path / "asked")


def test_an_altered_savepoint_is_passed_over(tmp_path):
    _pretrain(tmp_path / "whole")
    _pretrain(tmp_path / "altered")
    for place in savepoint.savepoints(tmp_path / "altered" / "checkpoints")[1:]:
        file = place / "model.safetensors"
        file.write_bytes(file.read_bytes()[:-1])
    said = []
    _pretrain(tmp_path / "altered", say=said.append)
    assert len(said) == 3 and "Goes on after step 10" in said[2]
    _same(tmp_path / "whole", tmp_path / "altered")


def test_a_full_disk(tmp_path, monkeypatch):
    real, saved = savepoint.save_file, []

    def save_file(tensors, path):
        saved.append(path)
        if len(saved) > 4:  # two files each: the third savepoint finds no room
            raise OSError(28, "No space left on device")
        real(tensors, path)

    monkeypatch.setattr(savepoint, "save_file", save_file)
    with pytest.raises(OSError, match="disk is full"):
        _pretrain(tmp_path / "full")
    monkeypatch.undo()
    said = []
    _pretrain(tmp_path / "full", say=said.append)
    assert "Goes on after step 5" in said[0]
    _pretrain(tmp_path / "whole")
    _same(tmp_path / "whole", tmp_path / "full")


def test_over_a_time(tmp_path):
    over = {"steps": None, "seconds": 4.0, "evaluate_every": 0, "save_every": 0}
    began = time.monotonic()
    record = _pretrain(tmp_path, **over)
    assert record["ended"] == "time is up"
    assert (
        3.0 < time.monotonic() - began < 16.0
    )  # a busy machine may take long for the last savepoint
    lines = read_log(tmp_path / "log.jsonl")
    laid_over_the_time = _settings(**over)
    for line in lines:
        expected = laid_over_the_time.lr_factor(line["share"], line["step"] - 1)
        assert line["lr"] == pytest.approx(expected, abs=1e-6)
    assert lines[-1]["lr"] < max(line["lr"] for line in lines)
    assert lines[-1]["share"] > 0.5
    # Steps that are done again after an interruption are done as they were.
    losses = [line["loss"] for line in lines]
    for place in savepoint.savepoints(tmp_path / "checkpoints")[-1:]:
        os.rename(place, tmp_path / place.name)
    _pretrain(tmp_path, **over)
    again = [line["loss"] for line in read_log(tmp_path / "log.jsonl")]
    assert again[: len(losses)] == losses


def test_validation_counts_every_token_once():
    torch.manual_seed(0)
    model = LanguageModel(CONFIG, Parts.fused()).eval()
    tokens = _data()[1]
    for length in (2, 16, 17, 40, 100):
        part = ArrayTokens(tokens.ids[:length], 32, n_bytes=3 * length)
        found = validation_loss(NextTokenLoss(model), part, 16, 10_000, rows=2)
        row = torch.from_numpy(part.read(0, length))
        total = 0.0
        for start in range(0, length - 1, 16):
            inputs, targets = row[start : length - 1][:16], row[start + 1 :][:16]
            logits = model(inputs[None])[0]
            total += torch.nn.functional.cross_entropy(logits, targets, reduction="sum").item()
        assert found.tokens == length - 1
        assert found.loss == pytest.approx(total / (length - 1), rel=1e-5)
        assert found.bits_per_byte == pytest.approx(found.loss / math.log(2) / 3)


def test_says_what_does_not_fit(tmp_path):
    tokens, validation = _data()
    short = ArrayTokens(tokens.ids[:1], 32)
    cases = [
        (CONFIG, tokens, short, "hold out more"),
        (CONFIG.with_(vocab_size=20), tokens, validation, "vocabulary of 32"),
        (CONFIG, ArrayTokens(tokens.ids[:10], 32), validation, "larger corpus"),
        (
            gpt2(32, max_length=8, d_model=16, n_layers=1, n_heads=2),
            tokens,
            validation,
            "max_length 8",
        ),
        (bert(32, max_length=16, d_model=16, n_layers=1, n_heads=2), tokens, validation, "causal"),
    ]
    for config, train, held_out, sentence in cases:
        with pytest.raises(ValueError, match=sentence):
            pretrain(config, _settings(), train, held_out, tmp_path / "x", say=lambda _: None)
    _pretrain(tmp_path / "run")
    with pytest.raises(ValueError, match="model with other settings"):
        _pretrain(tmp_path / "run", CONFIG.with_(n_layers=1))
    with pytest.raises(ValueError, match="row of integers"):
        ArrayTokens(np.zeros(3), 8)
    with pytest.raises(ValueError, match="must lie in"):
        ArrayTokens(np.array([8]), 8)


def test_a_corrupt_shard(tmp_path):
    class Altered(ArrayTokens):
        def verify(self):
            raise ValueError("train-00000.bin has another SHA-256 than when it was packed")

    tokens, validation = _data()
    altered = Altered(tokens.ids, 32)
    with pytest.raises(ValueError, match="another SHA-256"):
        pretrain(CONFIG, _settings(), altered, validation, tmp_path / "a", say=lambda _: None)
    tokens.ids[:] = 40  # while the run goes on
    run = Pretraining(CONFIG, _settings(), tokens, validation, tmp_path / "b", say=lambda _: None)
    with pytest.raises(ValueError, match="has the token 40; the model knows 32"):
        run.run()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"steps": None}, "give one of them"),
        ({"steps": -1}, "steps is -1"),
        ({"seconds": 0.0}, "seconds is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"optimizer": "sgd"}, "optimizer is 'sgd'"),
        ({"precision": "float16"}, "precision is 'float16'"),
        ({"warmup": 0.7, "decay": 0.7}, "together at most 1"),
        ({"context_growth": ((0.5, 8),)}, "begin with 0"),
    ],
)
def test_settings_that_are_wrong(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        _settings(**wrong)


def test_settings_over_a_run():
    settings = _settings(steps=100, context_growth=[[0, 4], [0.5, 8]], warmup=0.1, decay=0.2)
    assert [settings.context_at(share) for share in (0, 0.49, 0.5, 1)] == [4, 4, 8, 8]
    assert settings.longest_context == 16
    assert settings.lr_factor(0.5, 50) == 1 and settings.lr_factor(0.9, 90) == pytest.approx(0.5)
    assert settings.momentum_at(0) == 0.85 and settings.momentum_at(1000) == 0.95


def test_the_log_forgets_what_a_crash_cut_off(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')
    log = TrainLog(path)
    assert log.cut(1) == [{"step": 2}, {"step": 3}]
    log.write({"step": 2, "loss": 0.1})
    log.close()
    assert read_log(path) == [{"step": 1}, {"step": 2, "loss": 0.1}]


def test_precision():
    cpu = torch.device("cpu")
    assert choose_precision("bfloat16", cpu, 8) == (torch.bfloat16, "as asked for")
    assert "as fast in bfloat16" in choose_precision("auto", cpu, 8)[1]
    with pytest.raises(ValueError, match="precision is 'half'"):
        choose_precision("half", cpu, 8)
    assert peak_speed(cpu, torch.float32) > 1e8
    assert World().mean([1.0, 2.0]) == [1.0, 2.0]


def test_tensorboard_gets_every_number(tmp_path, monkeypatch):
    shown, closed = [], []

    class Board:
        def __init__(self, folder, purge_step):
            shown.append((folder, purge_step))

        def add_scalar(self, name, value, step):
            shown.append((name, value, step))

        def close(self):
            closed.append(True)

    monkeypatch.setattr(train_log, "_board", Board)
    _pretrain(tmp_path, tensorboard=True, steps=10)
    assert shown[0] == (tmp_path / "tensorboard", 0) and closed
    losses = _losses(tmp_path)
    assert [s[1] for s in shown if s[0] == "loss"] == losses
    assert [s[2] for s in shown if s[0] == "bits_per_byte"] == [10]


def test_tensorboard_itself_shows_the_curve_of_the_log(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    _pretrain(tmp_path, tensorboard=True, steps=6)
    log = train_log.TrainLog(tmp_path / "log.jsonl", tmp_path / "tensorboard")
    log.cut(3)  # as after a crash: the steps from 4 on come once more
    for step in (4, 5):
        log.write({"step": step, "loss": 1 / step})
    log.close()
    files = accumulator.EventAccumulator(str(tmp_path / "tensorboard"), {"scalars": 0}).Reload()
    lines = train_log.read_log(tmp_path / "log.jsonl")
    for name in files.Tags()["scalars"]:
        written = [(line["step"], line[name]) for line in lines if name in line]
        shown = [(event.step, event.value) for event in files.Scalars(name)]
        assert shown == [(step, pytest.approx(value, rel=1e-6)) for step, value in written], name
    assert [event.step for event in files.Scalars("loss")] == [1, 2, 3, 4, 5]


@pytest.mark.slow
def test_compiled_blocks_give_the_same(tmp_path):
    from shared.llm.training.train_setup import _can_compile

    if not _can_compile(torch.device("cpu")):
        pytest.skip("no C++ compiler here")
    config = CONFIG.with_(n_layers=1)
    _pretrain(tmp_path / "plain", config, steps=6)
    _pretrain(tmp_path / "compiled", config, steps=6, compile="yes")
    assert _losses(tmp_path / "compiled") == pytest.approx(_losses(tmp_path / "plain"), abs=1e-3)


KILLED = """
import os, random, signal, sys, time
sys.path.insert(0, {here!r})
import torch, test_pretrain
from pathlib import Path
torch.set_num_threads(1)
folder, moments = Path({folder!r}), random.Random({seed})
for turn in range(20):
    child = os.fork()
    if child == 0:
        test_pretrain._pretrain(folder, steps={steps}, save_every=3)
        os._exit(0)
    time.sleep(moments.uniform(0.02, {longest}))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    names = sorted(p.name for p in (folder / "checkpoints").glob("step-*"))
    print(turn, os.WIFSIGNALED(status), names[-1:], flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_twenty_moments(tmp_path):
    """kill -9, wherever it strikes: the curve is the uninterrupted one to the last bit, and nothing half is left."""
    steps = 160
    whole = tmp_path / "whole"
    began = time.monotonic()
    _pretrain(whole, steps=steps, save_every=3)
    took = time.monotonic() - began
    seed = random.randrange(1000)
    script = KILLED.format(
        here=str(Path(__file__).parent),
        folder=str(tmp_path / "killed"),
        seed=seed,
        steps=steps,
        longest=took / 8,
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )
    assert found.returncode == 0, found.stderr
    turns = found.stdout.splitlines()
    assert sum("True" in turn for turn in turns) >= 5, (
        seed,
        turns,
    )  # it was killed while it worked
    _pretrain(tmp_path / "killed", steps=steps, save_every=3)
    _same(whole, tmp_path / "killed")
    for place in savepoint.savepoints(tmp_path / "killed" / "checkpoints"):
        savepoint.load(place)
    assert not [p for p in (tmp_path / "killed" / "checkpoints").iterdir() if p.name[0] == "."]

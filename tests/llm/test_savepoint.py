"""`shared.llm.training.savepoint`: whole or not at all, known by checksum, the one before where one is damaged."""

import errno
import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from shared.llm.config import qwen3
from shared.llm.model import LanguageModel
from shared.llm.training import savepoint


def _save(folder, step, keep=3, **state):
    numbers = torch.full((4, 4), float(step))
    return savepoint.save(folder, step, {"w": numbers}, {"m": numbers + 0.5}, state, keep)


def _silent(_):
    raise AssertionError("nothing was to be said")


def test_saves_and_loads(tmp_path):
    place = _save(tmp_path, 7, loss=1 / 3, recent=[1.5])
    assert sorted(p.name for p in place.iterdir()) == [
        "model.safetensors",
        "optimizer.safetensors",
        "state.json",
    ]
    found = savepoint.load_latest(tmp_path, _silent)
    assert (found.step, found.folder) == (7, place)
    assert found.state == {"loss": 1 / 3, "recent": [1.5]}
    assert found.model["w"].eq(7).all() and found.optimizer["m"].eq(7.5).all()


def test_keeps_all_while_there_are_fewer(tmp_path):
    for step in range(6):
        _save(tmp_path, step, keep=8)
    assert [place.name for place in savepoint.savepoints(tmp_path)] == [
        f"step-{step:08d}" for step in range(6)
    ]


def test_none_where_there_are_none(tmp_path):
    assert savepoint.load_latest(tmp_path / "nowhere") is None


def test_keeps_the_last(tmp_path):
    for step in (1, 20, 3000, 100_000_000, 5):
        _save(tmp_path, step, keep=3)
    assert [p.name for p in savepoint.savepoints(tmp_path)][-2:] == [
        "step-00003000",
        "step-100000000",
    ]
    assert len(list(tmp_path.iterdir())) == 3
    with pytest.raises(ValueError, match="keep is 0"):
        _save(tmp_path, 6, keep=0)


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("how", ["cut", "altered", "removed", "emptied"])
def test_a_damaged_one_is_passed_over(tmp_path, name, how):
    _save(tmp_path, 1, loss=0.25)
    file = _save(tmp_path, 2, loss=0.125) / name
    data = bytearray(file.read_bytes())
    if how == "removed":
        file.unlink()
    elif how == "altered":
        at = data.index(b"0.125") + 2 if name == "state.json" else len(data) - 3
        data[at] ^= 1
        file.write_bytes(data)
    else:
        file.write_bytes(data[: len(data) // 2] if how == "cut" else b"")
    said = []
    assert savepoint.load_latest(tmp_path, said.append).step == 1
    assert len(said) == 1 and "step-00000002 is damaged" in said[0] and name in said[0]
    _save(tmp_path, 2)  # trained again: takes the damaged one's place
    assert savepoint.load_latest(tmp_path, _silent).step == 2


def test_all_damaged(tmp_path):
    (_save(tmp_path, 1) / "model.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="Remove the folder"):
        savepoint.load_latest(tmp_path, lambda _: None)


def test_what_a_kill_left_is_no_savepoint_and_goes(tmp_path):
    _save(tmp_path, 1)
    left = tmp_path / ".partial-abc"
    left.mkdir()
    (left / "model.safetensors").write_bytes(b"half")
    assert savepoint.load_latest(tmp_path, _silent).step == 1
    _save(tmp_path, 2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000001", "step-00000002"]


@pytest.mark.parametrize("where", ["weights", "state", "rename"])
def test_a_full_disk_leaves_the_older_ones(tmp_path, monkeypatch, where):
    _save(tmp_path, 1)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def full_in_rust(*_, **__):
        raise RuntimeError(
            "Error while serializing: I/O error: No space left on device (os error 28)"
        )

    if where == "weights":
        monkeypatch.setattr(savepoint, "save_file", full_in_rust)
    elif where == "state":
        monkeypatch.setattr(Path, "write_text", full)
    else:
        monkeypatch.setattr(savepoint.os, "replace", full)
    with pytest.raises(OSError, match="disk is full") as error:
        _save(tmp_path, 2)
    assert error.value.errno == errno.ENOSPC
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000001"]
    assert savepoint.load_latest(tmp_path, _silent).step == 1


def test_load_model(tmp_path):
    config = qwen3(20, max_length=8, d_model=16, n_layers=1, n_heads=2, n_kv_heads=1, d_head=8)
    model = LanguageModel(config)
    with pytest.raises(ValueError, match="train first"):
        savepoint.load_model(tmp_path)
    state = {"config": asdict(config)}
    savepoint.save(tmp_path, 3, dict(model.named_parameters()), {}, state)
    json.dumps(state)
    again = savepoint.load_model(tmp_path)
    tokens = torch.arange(6)[None]
    assert not again.training and torch.equal(again(tokens), model(tokens))
    other = LanguageModel(config.with_(n_layers=2))
    with pytest.raises(ValueError, match="other settings"):
        savepoint.load_weights(other, savepoint.load_latest(tmp_path).model)

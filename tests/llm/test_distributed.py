"""Two processes under torchrun (gloo, on CPUs) train as one does, with DDP and FSDP2, and take over from each other."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_pretrain import CONFIG, _data, _losses, _pretrain, _settings, _weights  # noqa: F401

from shared.llm.training import savepoint
from shared.llm.training.distributed import (
    World,
    find_device,
    join_world,
    spread_model,
    whole_tensors,
)
from shared.llm.training.optimize import like
from shared.llm.training.train_log import read_log

HERE = Path(__file__).parent
# What both processes do: each run in a folder of its own, in one launch, as starting takes longest.
SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
import torch
from test_pretrain import _pretrain
torch.set_num_threads(1)
for how in ("ddp", "fsdp"):
    _pretrain(Path({folder!r}) / how, distributed=how, micro_batch=1, evaluate_every=8)
    _pretrain(Path({folder!r}) / (how + " after one"), distributed=how)
    _pretrain(Path({folder!r}) / (how + " adamw"), distributed=how, optimizer="adamw", lr=3e-3)
torch.distributed.destroy_process_group()
"""


def _without_the_end(folder):
    """A copy of a run as if it had been killed after the savepoint of step 10."""
    for place in savepoint.savepoints(folder / "checkpoints"):
        if place.name > "step-00000010":
            shutil.rmtree(place)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with the runs of one process and of two."""
    folder = tmp_path_factory.mktemp("runs")
    _pretrain(folder / "one", evaluate_every=8)
    _pretrain(folder / "one adamw", optimizer="adamw", lr=3e-3)
    for how in ("ddp", "fsdp"):
        shutil.copytree(folder / "one", folder / f"{how} after one")
        _without_the_end(folder / f"{how} after one")
    (folder / "script.py").write_text(SCRIPT.format(here=str(HERE), folder=str(folder)))
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
    ]
    done = subprocess.run(
        [*launch, str(folder / "script.py")], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.distributed.is_available(), reason="needs torch.distributed"),
]


@pytest.mark.parametrize("how", ["ddp", "fsdp"])
def test_two_processes_give_the_curve_of_one(runs, how):
    assert _losses(runs / how) == pytest.approx(_losses(runs / "one"), abs=1e-4)
    judged = [
        [
            line["validation_loss"]
            for line in read_log(runs / name / "log.jsonl")
            if "validation_loss" in line
        ]
        for name in (how, "one")
    ]
    assert len(judged[0]) == 2 and judged[0] == pytest.approx(judged[1], abs=1e-4)


@pytest.mark.parametrize("how", ["ddp", "fsdp"])
def test_so_with_adamw_alone(runs, how):
    assert _losses(runs / f"{how} adamw") == pytest.approx(_losses(runs / "one adamw"), abs=1e-4)


@pytest.mark.parametrize("how", ["ddp", "fsdp"])
def test_two_go_on_where_one_stopped(runs, how):
    assert _losses(runs / f"{how} after one") == pytest.approx(_losses(runs / "one"), abs=1e-4)
    assert _losses(runs / f"{how} after one")[:10] == _losses(runs / "one")[:10]


@pytest.mark.parametrize("how", ["ddp", "fsdp"])
def test_one_goes_on_where_two_stopped(runs, how, tmp_path):
    shutil.copytree(runs / how, tmp_path / "on")
    _without_the_end(tmp_path / "on")
    said = []
    record = _pretrain(tmp_path / "on", say=said.append, evaluate_every=8)
    assert "Goes on after step 10" in said[0] and record["processes"] == 1
    assert _losses(tmp_path / "on") == pytest.approx(_losses(runs / "one"), abs=1e-4)
    for name, weight in _weights(runs / "one").items():
        torch.testing.assert_close(weight, _weights(tmp_path / "on")[name], atol=2e-3, rtol=0)


def test_a_world_of_one():
    world = join_world("cpu")
    assert world == World() and world.is_first
    assert world.mean([0.5]) == [0.5] and world.from_first(3.0) == 3.0
    world.wait()
    module = torch.nn.Linear(2, 2)
    assert spread_model(module, [], world, "fsdp") is module
    with pytest.raises(ValueError, match="distributed is 'horovod'"):
        spread_model(module, [], world, "horovod")
    weight = whole_tensors({"w": module.weight})["w"]
    assert not weight.requires_grad and torch.equal(like(weight, module.weight), module.weight)
    assert find_device("cpu").type == "cpu"

"""`shared.llm.machine`: a learner's pieces tried, put together or left aside; `Learning`: they train as ours do."""

import math
import shutil
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
import torch
from serving import service

from shared.llm.corpus.array_tokens import ArrayTokens
from shared.llm.exporting.card import model_card
from shared.llm.machine import PIECES, assemble, put_together
from shared.llm.model import LanguageModel, Parts
from shared.llm.serve.background import Background, in_background
from shared.llm.settings import settings
from shared.llm.training.learning import Learning
from shared.llm.training.pretrain import pretrain
from shared.llm.training.train_settings import TrainSettings
from shared.nn import attention, norms
from shared.nn.positions import rotary
from shared.training.classify import cross_entropy
from shared.training.clipping import clip_grad_norm
from shared.training.initialization import xavier_normal
from shared.training.modern_optimizers import newton_schulz
from shared.training.optimizers import AdamW
from shared.training.schedules import cosine_with_warmup

TINY = settings(
    "nano", n_layers=2, d_model=16, n_heads=2, vocab_size=300, context=32, batch_tokens=64
)


def attention_without_scale(query, key, value, mask=None, bias=None):
    return attention.scaled_dot_product_attention(query * 3, key, value, mask, bias)


def attention_that_sleeps(query, key, value, mask=None, bias=None):
    time.sleep(0.2)
    return attention.scaled_dot_product_attention(query, key, value, mask, bias)


def rotary_that_fails(x, positions=None, base=10_000.0):
    raise RuntimeError("half precision is not for me\nand more")


class NormWithAnotherName(norms.RMSNorm):
    def __init__(self, d, eps=1e-6):
        super().__init__(d, eps)
        self.scale = self.weight
        del self.weight


def test_without_pieces_all_is_ours():
    machine = assemble({}, TINY)
    assert machine.parts == Parts.fused()
    assert machine.learning == Learning()
    assert [row[2] for row in machine.table()] == ["ours"] * len(PIECES)
    assert machine.record()["yours"] == []


def test_what_does_not_fit_stays_aside_and_the_table_says_why():
    own = {
        "attention.scaled_dot_product_attention": attention_without_scale,
        "positions.rotary": rotary_that_fails,
        "transformer.RMSNorm": NormWithAnotherName,
        "optim.clip_grad_norm": clip_grad_norm,
    }
    machine = assemble(own, TINY, most=50.0)
    assert machine.own == ("optim.clip_grad_norm",)
    said = {name: whose for name, _, whose, _ in machine.table()}
    assert "gives other logits" in said["attention.scaled_dot_product_attention"]
    assert "RuntimeError: half precision is not for me)" in said["positions.rotary"]
    assert "names its weights in another way (" in said["transformer.RMSNorm"]
    assert said["optim.AdamW"] == "ours"
    assert machine.parts == Parts.fused()
    assert set(machine.record()["aside"]) == set(own) - {"optim.clip_grad_norm"}


def test_what_is_slow_is_known_soon():
    started = time.monotonic()
    name = "attention.scaled_dot_product_attention"
    machine = assemble({name: attention_that_sleeps, "positions.rotary": rotary}, TINY, most=20.0)
    assert machine.own == ("positions.rotary",)
    assert machine.aside[name].startswith("makes a training step ")
    assert time.monotonic() - started < 15


def test_a_mask_of_theirs_is_made_and_handed_over():
    seen = []

    def mask(q_len, k_len=None, device=None):
        seen.append((q_len, k_len))
        return attention.causal_mask(q_len, k_len, device)

    machine = put_together({"attention.causal_mask": mask})
    torch.manual_seed(0)
    ours = LanguageModel(TINY.model())
    theirs = LanguageModel(TINY.model(), machine.parts)
    theirs.load_state_dict(ours.state_dict())
    tokens = torch.randint(300, (2, 9))
    assert torch.allclose(ours(tokens), theirs(tokens), atol=1e-5)
    assert seen == [(9, 9)]


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"'mlp\.relu' has no place in the machine"):
        put_together({"mlp.relu": torch.relu})
    with pytest.raises(ValueError, match=r"most is 0\.5; it must be 1 or more"):
        assemble({"positions.rotary": rotary}, TINY, most=0.5)


# --- training --------------------------------------------------------------------------------------------------------

LEARNT_BY = {
    "cross_entropy": cross_entropy,
    "adamw": AdamW,
    "newton_schulz": newton_schulz,
    "clip_grad_norm": clip_grad_norm,
    "cosine": cosine_with_warmup,
}


def _train(folder, learning, **more):
    text = np.tile(np.arange(40), 40)
    tokens = ArrayTokens(text, 64)
    how = TrainSettings(
        **{"steps": 6, "save_every": 3, **more},
        batch_size=4,
        context=16,
        schedule="cosine",
        precision="float32",
        compile="no",
        tensorboard=False,
        measure_peak=False,
        evaluate_every=0,
    )
    sizes = {"vocab_size": 64, "n_layers": 1, "d_model": 16, "n_heads": 2, "d_head": 8}
    from shared.llm.config import qwen3

    config = qwen3(max_length=16, n_kv_heads=1, d_hidden=32, **sizes)
    return pretrain(config, how, tokens, tokens, folder, learning=learning, say=lambda _: None)


def test_with_the_references_training_is_the_same(tmp_path):
    ours = _train(tmp_path / "ours", None)
    theirs = _train(tmp_path / "theirs", Learning(**LEARNT_BY))
    assert math.isclose(ours["loss"], theirs["loss"], rel_tol=1e-4)
    assert math.isclose(ours["validation_loss"], theirs["validation_loss"], rel_tol=1e-4)


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_run_with_optimizers_of_theirs_goes_on_exactly(tmp_path, optimizer):
    whole = _train(tmp_path, Learning(**LEARNT_BY), optimizer=optimizer)
    shutil.rmtree(tmp_path / "checkpoints" / "step-00000006")
    again = _train(tmp_path, Learning(**LEARNT_BY), optimizer=optimizer)
    assert again["loss"] == whole["loss"]
    assert again["validation_loss"] == whole["validation_loss"]


def test_first_weights_of_theirs_at_our_scale(tmp_path):
    _train(tmp_path, Learning(start=xavier_normal), steps=0, save_every=0)
    from shared.llm.training.savepoint import load_latest

    weights = load_latest(tmp_path / "checkpoints").model
    query = weights["stack.blocks.0.attention.query.weight"]  # (16, 16)
    assert 0.014 < query.std() < 0.026
    output = weights["stack.blocks.0.attention.output.weight"]
    assert 0.009 < output.std() < 0.02, "smaller by √2 for one block"


# --- what stands around it -------------------------------------------------------------------------------------------


def test_the_card_says_whose_pieces():
    machine = put_together({"positions.rotary": rotary})
    about = {"kind": "qwen3", "class": "Qwen3ForCausalLM", "parameters": 5, "dtype": "float32"}
    about |= {"sha256": "abc"}
    card = model_card("bee", TINY.model(), about, {"parts": machine.record()})
    assert f"1 of its {len(PIECES)} pieces were written by the learner" in card
    assert "- Written by the learner: `positions.rotary`" in card
    assert "## Parts" not in model_card("bee", TINY.model(), about, {})


def test_a_server_in_the_background():
    with in_background(service()) as address:
        answer = urllib.request.urlopen(f"{address}/v1/models", timeout=20).read()
    assert b'"tiny"' in answer
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{address}/v1/models", timeout=5)
    server = Background(service())
    assert server.runs
    server.close()
    server.close()
    assert not server.runs

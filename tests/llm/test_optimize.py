"""`shared.llm.training.optimize`, `batched_muon`, the new schedule and the loss in chunks, against references."""

import math

import pytest
import torch
import torch.nn.functional as F

from shared.llm.config import bert, qwen3
from shared.llm.model import LanguageModel, Parts
from shared.llm.training.loss import NextTokenLoss, linear_cross_entropy
from shared.llm.training.optimize import Optimizers, parameter_groups
from shared.training.batched_muon import BatchedMuon, batched_newton_schulz
from shared.training.modern_optimizers import Muon, newton_schulz
from shared.training.schedules import warmup_stable_decay

SHAPES = ((8, 8), (8, 20), (20, 8), (8, 8), (3, 5))
SMALL = {"d_model": 32, "n_layers": 2, "n_heads": 2, "n_kv_heads": 1, "d_head": 16, "d_hidden": 48}


def _model(**settings):
    torch.manual_seed(0)
    return LanguageModel(qwen3(50, max_length=16, **{**SMALL, **settings}), Parts.fused())


def test_newton_schulz_of_many_is_that_of_each():
    many = torch.randn(4, 6, 9)
    found = batched_newton_schulz(many)
    for one, matrix in zip(found, many):
        torch.testing.assert_close(one, newton_schulz(matrix), rtol=1e-4, atol=1e-5)


def test_batched_muon_takes_muons_steps():
    torch.manual_seed(0)
    ours = [torch.randn(shape, requires_grad=True) for shape in SHAPES]
    theirs = [p.detach().clone().requires_grad_() for p in ours]
    quick, plain = BatchedMuon(ours, lr=0.02), Muon(theirs, lr=0.02)
    for step in range(6):
        for i, (p, q) in enumerate(zip(ours, theirs)):
            p.grad = torch.randn_like(p)
            q.grad = p.grad.clone()
            if step == 3 and i == 1:  # a parameter that took no part
                p.grad = q.grad = None
        quick.step()
        plain.step()
    for p, q in zip(ours, theirs):
        torch.testing.assert_close(p, q, rtol=1e-4, atol=1e-5)


def test_batched_muon_in_bfloat16_moves_as_far():
    p = torch.randn(16, 24, requires_grad=True)
    start = p.detach().clone()
    optimizer = BatchedMuon([p], lr=1.0, weight_decay=0.0, dtype=torch.bfloat16)
    p.grad = torch.randn_like(p)
    optimizer.step()
    values = torch.linalg.svdvals(p.detach() - start)
    assert values.min() > 0.5 and values.max() < 1.35


def test_batched_muon_refuses_vectors():
    with pytest.raises(ValueError, match="matrices"):
        BatchedMuon([torch.zeros(3, requires_grad=True)])


def test_groups():
    model = _model()
    matrices, rest = parameter_groups(model)
    assert all("blocks" in name and p.ndim == 2 for name, p in matrices.items())
    assert "embedding.weight" in rest and "head.weight" not in rest  # tied: counted once
    assert len(matrices) + len(rest) == len(list(model.parameters()))
    assert {p.ndim for name, p in rest.items() if "blocks" in name} == {1}


@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_state_goes_on_to_the_bit(kind):
    def steps(model, optimizers, numbers):
        for number in numbers:
            torch.manual_seed(number)
            model(torch.randint(50, (2, 8))).square().mean().backward()
            optimizers.set_lr(1 / (1 + number))
            optimizers.step()
            optimizers.zero_grad()

    whole = _model()
    of_whole = Optimizers(whole, kind)
    steps(whole, of_whole, range(6))
    first = _model()
    of_first = Optimizers(first, kind)
    steps(first, of_first, range(3))
    saved = {name: t.clone() for name, t in of_first.state_dict().items()}
    again = _model()
    again.load_state_dict(first.state_dict())
    of_again = Optimizers(again, kind)
    of_again.load_state_dict(saved)
    steps(again, of_again, range(3, 6))
    for (name, p), q in zip(whole.named_parameters(), again.parameters()):
        assert torch.equal(p, q), name


def test_only_matrices_decay():
    model = _model()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizers = Optimizers(model, "adamw", lr=0.1, weight_decay=0.5)
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizers.step()
    for name, p in model.named_parameters():
        shrunk = ".blocks." in name and p.ndim == 2
        torch.testing.assert_close(p.detach(), before[name] * (0.95 if shrunk else 1.0))


def test_wrong_optimizer_and_foreign_state():
    with pytest.raises(ValueError, match="optimizer is 'sgd'"):
        Optimizers(_model(), "sgd")
    with pytest.raises(ValueError, match="another optimizer"):
        Optimizers(_model()).load_state_dict({})


def test_warmup_stable_decay():
    rates = [warmup_stable_decay(s, 2.0, 20, 4, 5, 0.5) for s in range(22)]
    assert rates[:5] == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0])
    assert rates[4:16] == [2.0] * 12
    assert rates[16:] == pytest.approx([1.7, 1.4, 1.1, 0.8, 0.5, 0.5])
    assert [warmup_stable_decay(s, 1.0, 3) for s in range(4)] == [1.0, 1.0, 1.0, 0.0]
    with pytest.raises(ValueError, match="at most total_steps"):
        warmup_stable_decay(0, 1.0, 10, 6, 5)


@pytest.mark.parametrize("z_loss", [0.0, 0.01])
@pytest.mark.parametrize("chunk", [3, 100])
def test_loss_in_chunks_is_cross_entropy(z_loss, chunk):
    torch.manual_seed(1)
    hidden = torch.randn(10, 6, requires_grad=True)
    weight = torch.randn(17, 6, requires_grad=True)
    targets = torch.randint(17, (10,))
    logits = hidden @ weight.T
    squares = logits.logsumexp(-1).square().mean()
    wanted = F.cross_entropy(logits, targets) + z_loss * squares
    slopes = torch.autograd.grad(wanted, (hidden, weight))
    found, found_squares = linear_cross_entropy(hidden, weight, targets, z_loss, chunk)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(found_squares, squares)
    for ours, theirs in zip(torch.autograd.grad(3 * found, (hidden, weight)), slopes):
        torch.testing.assert_close(ours, 3 * theirs)


@pytest.mark.parametrize(("count", "chunk"), [(32, 1024), (200, 1024), (200, 150)])
def test_loss_in_bfloat16_is_near(count, chunk):
    torch.manual_seed(1)
    hidden = torch.randn(count, 64, requires_grad=True)
    weight = (0.1 * torch.randn(50, 64)).requires_grad_()
    targets = torch.randint(50, (count,))
    plain, _ = linear_cross_entropy(hidden, weight, targets)
    slopes = torch.autograd.grad(plain, (hidden, weight))
    with torch.autocast("cpu", torch.bfloat16):
        low, _ = linear_cross_entropy(hidden, weight, targets, chunk=chunk)
    assert low.dtype == torch.float32 and low.item() == pytest.approx(plain.item(), abs=0.01)
    for ours, theirs in zip(torch.autograd.grad(low, (hidden, weight)), slopes):
        assert ours.dtype == torch.float32
        assert (ours - theirs).norm() < 0.02 * theirs.norm()


def test_loss_in_bfloat16_meets_few_numbers_of_rows(monkeypatch):
    """A kernel is made and kept for each number; fine-tuning has another one in every batch."""
    met, mm = set(), torch.mm
    monkeypatch.setattr(torch, "mm", lambda a, b, **more: (met.add(len(a)), mm(a, b, **more)))
    weight = torch.randn(20, 8, requires_grad=True)
    for count in range(1, 130):
        with torch.autocast("cpu", torch.bfloat16):
            hidden = torch.randn(count, 8)
            linear_cross_entropy(hidden, weight, torch.zeros(count, dtype=torch.long))
    assert met == {64, 128, 192}


@pytest.mark.parametrize("tied", [True, False])
def test_next_token_loss(tied):
    model = _model(tied=tied)
    inputs, targets = torch.randint(50, (2, 3, 8))
    loss, cross_entropy = NextTokenLoss(model, z_loss=0.1, chunk=7)(inputs, targets)
    logits = model(inputs).flatten(0, 1)
    wanted = F.cross_entropy(logits, targets.flatten())
    torch.testing.assert_close(cross_entropy, wanted)
    torch.testing.assert_close(loss, wanted + 0.1 * logits.logsumexp(-1).square().mean())
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())
    with torch.no_grad():
        assert not NextTokenLoss(model)(inputs, targets)[0].requires_grad


def test_next_token_loss_with_a_head_of_its_own():
    model = LanguageModel(bert(30, max_length=16, d_model=16, n_layers=1, n_heads=2))
    inputs = torch.randint(30, (2, 8))
    loss, _ = NextTokenLoss(model)(inputs, inputs)
    torch.testing.assert_close(loss, F.cross_entropy(model(inputs).flatten(0, 1), inputs.flatten()))
    assert math.isfinite(loss.item())

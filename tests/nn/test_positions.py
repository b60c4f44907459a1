"""`shared.nn.positions` against transformers' rotary and ALiBi, torch's embedding, and what the formulas promise."""

import math

import pytest
import torch
from torch import nn
from transformers import LlamaConfig
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

from shared.nn.attention import causal_mask, scaled_dot_product_attention
from shared.nn.positions import LearnedPositions, alibi, frequencies, rotary, sinusoidal


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


# --- sinusoidal ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [10_000.0, 50.0])
def test_sinusoidal_is_the_papers_formula(base: float) -> None:
    table = sinusoidal(40, 12, base)
    for t in (0, 1, 7, 39):
        for i in range(6):
            angle = t / base ** (2 * i / 12)
            assert table[t, 2 * i] == pytest.approx(math.sin(angle), abs=1e-5)
            assert table[t, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-5)


def test_a_shift_is_one_turn_for_all_positions() -> None:
    """P[t + 3] is P[t] with each clock turned by the same angle: what makes distances easy to see."""
    table = sinusoidal(30, 8).unflatten(-1, (4, 2))  # sine, cosine
    angle = 3 * frequencies(8)
    turn = torch.stack([angle.cos(), angle.sin(), -angle.sin(), angle.cos()], -1).view(4, 2, 2)
    torch.testing.assert_close(
        torch.einsum("iab,tib->tia", turn, table[:-3]), table[3:], rtol=1e-4, atol=1e-5
    )


# --- rotary ----------------------------------------------------------------------------------------------------------


def llamas(query, key, positions, base: float):
    """Queries and keys (n, n_heads, length, d), turned by transformers' own code."""
    config = LlamaConfig(
        hidden_size=query.shape[1] * query.shape[-1],
        num_attention_heads=query.shape[1],
        max_position_embeddings=4096,
        rope_parameters={"rope_type": "default", "rope_theta": base},
        rope_theta=base,
    )
    cos, sin = LlamaRotaryEmbedding(config)(query, positions)
    return apply_rotary_pos_emb(query, key, cos, sin)


@pytest.mark.parametrize("base", [10_000.0, 500_000.0])
@pytest.mark.parametrize("far", [0, 1000])
def test_rotary_is_llamas(base: float, far: int) -> None:
    query = torch.randn(2, 3, 9, 16, requires_grad=True)
    key = torch.randn(2, 3, 9, 16, requires_grad=True)
    positions = far + torch.arange(9).expand(2, 9)
    for ours, theirs, x in zip(
        (rotary(query, positions[:, None], base), rotary(key, positions[0], base)),
        llamas(query, key, positions, base),
        (query, key),
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
        weights = torch.randn_like(ours)
        grads = [torch.autograd.grad((out * weights).sum(), x)[0] for out in (ours, theirs)]
        torch.testing.assert_close(*grads, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.bfloat16, 0.03), (torch.float16, 0.004)], ids=str
)
def test_rotary_in_half_precision(dtype: torch.dtype, tolerance: float) -> None:
    """As Llama's, and within a step or two of half precision of float32, even far along."""
    query = torch.randn(1, 2, 5, 8).to(dtype)
    positions = torch.arange(900, 905)[None]
    ours = rotary(query, positions)
    assert ours.dtype == dtype
    theirs, _ = llamas(query, query, positions, 10_000.0)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance)
    wide = rotary(query.float(), positions)
    torch.testing.assert_close(ours.float(), wide, rtol=0, atol=tolerance)


@pytest.mark.parametrize("leading", [(), (2,), (2, 3, 4)], ids=str)
def test_rotary_takes_any_leading_dimensions(leading: tuple[int, ...]) -> None:
    x = torch.randn(*leading, 6, 8)
    turned = rotary(x)
    one = rotary(x.reshape(-1, 6, 8)[0])
    torch.testing.assert_close(turned.reshape(-1, 6, 8)[0], one)
    torch.testing.assert_close(turned, rotary(x, torch.arange(6)))
    torch.testing.assert_close(turned[..., 2:, :], rotary(x[..., 2:, :], torch.arange(2, 6)))


def test_only_the_distance_counts() -> None:
    query, key = torch.randn(2, 1, 16, dtype=torch.float64)
    products = [
        (rotary(query, torch.tensor([a])) * rotary(key, torch.tensor([a - 5]))).sum().item()
        for a in (5, 6, 50, 900)
    ]
    assert products == pytest.approx([products[0]] * 4, abs=1e-3)  # angles are float32's
    torch.testing.assert_close(rotary(query, torch.tensor([77])).norm(), query.norm())


def test_rotary_on_another_device() -> None:
    assert rotary(torch.empty(2, 3, 4, device="meta")).device.type == "meta"


@pytest.mark.parametrize("call", [lambda: sinusoidal(3, 5), lambda: rotary(torch.zeros(3, 5))])
def test_an_odd_width_is_refused(call) -> None:
    with pytest.raises(ValueError, match="d is 5; it must be even"):
        call()


# --- learned ---------------------------------------------------------------------------------------------------------


def test_learned_positions_are_an_embedding() -> None:
    ours = LearnedPositions(10, 4)
    theirs = nn.Embedding(10, 4, _weight=ours.weight.detach())
    positions = torch.tensor([[0, 3, 3], [9, 1, 0]])
    torch.testing.assert_close(ours(positions), theirs(positions))
    ours(positions).sum().backward()
    assert ours.weight.grad[:, 0].tolist() == [2, 1, 0, 2, 0, 0, 0, 0, 0, 1]
    with pytest.raises(IndexError):
        ours(torch.tensor([10]))


# --- alibi -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_heads", [1, 4, 8, 16])
def test_alibi_is_blooms(n_heads: int) -> None:
    """Bloom adds slope · position of the key, which differs from −slope · distance by the same number along a row."""
    theirs = build_alibi_tensor(torch.ones(1, 6), n_heads, torch.float32)  # (n_heads, 1, 6)
    ours = alibi(n_heads, 6)
    mask = causal_mask(6)
    for row in range(6):
        gap = (ours[:, row] - theirs[:, 0])[:, mask[row]]
        torch.testing.assert_close(gap, gap[:, :1].expand_as(gap), rtol=1e-5, atol=1e-5)
    query, key, value = torch.randn(3, 2, n_heads, 6, 4)
    torch.testing.assert_close(
        scaled_dot_product_attention(query, key, value, mask, ours),
        scaled_dot_product_attention(query, key, value, mask, theirs),
        rtol=1e-5,
        atol=1e-5,
    )


def test_alibi_with_earlier_keys_is_the_last_rows_of_the_whole() -> None:
    assert torch.equal(alibi(4, 2, 7), alibi(4, 7)[:, 5:])
    assert alibi(2, 3)[0].tolist() == [
        [0, -0.0625, -0.125],
        [-0.0625, 0, -0.0625],
        [-0.125, -0.0625, 0],
    ]


@pytest.mark.parametrize("n_heads", [0, 3, 12])
def test_alibi_wants_a_power_of_two(n_heads: int) -> None:
    with pytest.raises(ValueError, match=f"n_heads is {n_heads}; it must be a power of two"):
        alibi(n_heads, 4)

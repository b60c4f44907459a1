"""`shared.nn.attention` against torch's softmax, F.scaled_dot_product_attention and nn.MultiheadAttention."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared.nn.attention import (
    MultiHeadAttention,
    causal_mask,
    fused_attention,
    join_heads,
    padding_mask,
    scaled_dot_product_attention,
    softmax,
    split_heads,
)

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
LEADING = [(), (3,), (2, 3), (2, 1, 3)]
# Half precision against the same inputs in float32: the numbers are around 1, one step of bfloat16 there is 1/128.
HALF = [(torch.bfloat16, 0.03), (torch.float16, 0.004)]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def look_up(*leading: int, q_len: int = 5, k_len: int = 7, d: int = 8, d_v: int = 6) -> list:
    """Queries, keys and values that want gradients."""
    shapes = ((q_len, d), (k_len, d), (k_len, d_v))
    return [torch.randn(*leading, *shape, requires_grad=True) for shape in shapes]


def gradients(output: Tensor, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    """Those of a sum in which every number has another weight."""
    weights = torch.linspace(-1, 2, output.numel(), dtype=output.dtype).reshape(output.shape)
    return torch.autograd.grad((output * weights).sum(), inputs)


def agree(ours: Tensor, theirs: Tensor, inputs: list[Tensor]) -> None:
    """The same numbers, and the same gradients."""
    torch.testing.assert_close(ours, theirs, **TOLERANCE)
    torch.testing.assert_close(gradients(ours, inputs), gradients(theirs, inputs), **TOLERANCE)


# --- softmax ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -2])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_softmax(dim: int, scale: float) -> None:
    x = (scale * torch.randn(3, 4, 5)).requires_grad_()
    agree(softmax(x, dim), torch.softmax(x, dim), [x])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_softmax_of_extreme_numbers(dtype: torch.dtype) -> None:
    x = torch.tensor([[3e4, 3e4, -3e4], [-3e4, -3e4, -3e4], [0.0, 1.0, 2.0]], dtype=dtype)
    ours, theirs = softmax(x), torch.softmax(x, -1)
    assert ours.dtype == dtype
    torch.testing.assert_close(ours, theirs, rtol=0.01, atol=1e-3)


# --- one attention ---------------------------------------------------------------------------------------------------

ATTENTIONS = [scaled_dot_product_attention, fused_attention]
each_attention = pytest.mark.parametrize("attention", ATTENTIONS)


@each_attention
@pytest.mark.parametrize("leading", LEADING, ids=str)
def test_attention(attention, leading: tuple[int, ...]) -> None:
    inputs = look_up(*leading)
    agree(attention(*inputs), F.scaled_dot_product_attention(*inputs), inputs)


@each_attention
@pytest.mark.parametrize("leading", LEADING, ids=str)
@pytest.mark.parametrize("kind", ["any", "causal", "causal with earlier keys"])
def test_attention_with_a_mask(attention, leading: tuple[int, ...], kind: str) -> None:
    inputs = look_up(*leading, q_len=7 if kind == "causal" else 5)
    mask = torch.rand(5, 7) < 0.6 if kind == "any" else causal_mask(*inputs[0].shape[-2:-1], 7)
    mask[..., 0] = True  # what happens where nothing is allowed has a test of its own
    theirs = F.scaled_dot_product_attention(*inputs, attn_mask=mask)
    agree(attention(*inputs, mask), theirs, inputs)
    if kind == "causal":
        theirs = F.scaled_dot_product_attention(*inputs, is_causal=True)
        agree(attention(*inputs, mask), theirs, inputs)


@each_attention
def test_padding_is_as_if_it_were_not_there(attention) -> None:
    """Each sequence of a padded batch gives what it gives alone, and no gradient reaches the padding."""
    lengths = torch.tensor([4, 7, 1])
    query, key, value = inputs = look_up(3, q_len=7, d_v=8)
    output = attention(query, key, value, padding_mask(lengths))
    grads = gradients(output, inputs)
    for i, n in enumerate(lengths.tolist()):
        alone = F.scaled_dot_product_attention(query[i], key[i, :n], value[i, :n])
        torch.testing.assert_close(output[i], alone, **TOLERANCE)
        for gradient in grads[1:]:
            torch.testing.assert_close(gradient[i, n:], torch.zeros_like(gradient[i, n:]))


@each_attention
def test_masks_join(attention) -> None:
    lengths = torch.tensor([4, 7, 2])
    inputs = look_up(3, q_len=7)
    mask = causal_mask(7) & padding_mask(lengths)
    assert mask.shape == (3, 7, 7)
    agree(attention(*inputs, mask), F.scaled_dot_product_attention(*inputs, mask), inputs)


@each_attention
@pytest.mark.parametrize("leading", LEADING, ids=str)
def test_a_query_that_may_look_nowhere_gets_zeros(attention, leading: tuple[int, ...]) -> None:
    query, key, value = inputs = look_up(*leading)
    mask = torch.rand(5, 7) < 0.6
    mask[2] = False
    output = attention(*inputs, mask)
    assert torch.equal(output[..., 2, :], torch.zeros_like(output[..., 2, :]))
    grads = gradients(output, inputs)
    assert all(g.isfinite().all() for g in grads)
    assert torch.equal(grads[0][..., 2, :], torch.zeros_like(query[..., 2, :]))
    # The other rows do not notice.
    others = [0, 1, 3, 4]
    expected = F.scaled_dot_product_attention(query[..., others, :], key, value, mask[others])
    torch.testing.assert_close(output[..., others, :], expected, **TOLERANCE)


@each_attention
@pytest.mark.parametrize("masked", [False, True])
def test_attention_with_a_bias(attention, masked: bool) -> None:
    inputs = look_up(2, 3)
    bias = torch.randn(3, 5, 7)  # one for each head
    mask = torch.rand(2, 1, 5, 7) < 0.6 if masked else None
    if masked:
        mask[..., 3] = True
    added = bias if mask is None else bias.masked_fill(~mask, -math.inf)
    theirs = F.scaled_dot_product_attention(*inputs, attn_mask=added)
    agree(attention(*inputs, mask, bias), theirs, inputs)


@each_attention
def test_keys_of_one_head_serve_several(attention) -> None:
    query, key, value = look_up(2, 4)[0], *look_up(2, 1)[1:]
    theirs = F.scaled_dot_product_attention(query, key.expand(2, 4, 7, 8), value.expand(2, 4, 7, 6))
    agree(attention(query, key, value), theirs, [query, key, value])


@each_attention
@pytest.mark.parametrize(("dtype", "tolerance"), HALF, ids=str)
@pytest.mark.parametrize("biased", [False, True])
def test_half_precision(attention, dtype: torch.dtype, tolerance: float, biased: bool) -> None:
    """Within a few steps of the half-precision grid of what float32 gives for the same, already rounded inputs."""
    query, key, value = [x.detach().to(dtype) for x in look_up(2, 3, q_len=64, k_len=64, d=64)]
    mask = causal_mask(64)
    more = [mask, -torch.rand(64, 64)] if biased else [mask]  # a bias in float32, as alibi makes it
    output = attention(query, key, value, *more)
    assert output.dtype == dtype
    wide = scaled_dot_product_attention(query.float(), key.float(), value.float(), *more)
    torch.testing.assert_close(output.float(), wide, rtol=0, atol=tolerance)


def test_float64_is_exact() -> None:
    inputs = [x.detach().double() for x in look_up(2)]
    theirs = F.scaled_dot_product_attention(*inputs)
    torch.testing.assert_close(
        scaled_dot_product_attention(*inputs), theirs, rtol=1e-12, atol=1e-12
    )


# --- masks -----------------------------------------------------------------------------------------------------------


def test_causal_mask_with_a_cache_is_the_last_rows_of_the_whole() -> None:
    whole = causal_mask(9)
    assert torch.equal(whole, torch.ones(9, 9).tril().bool())
    for read in range(9):  # tokens that were read before
        assert torch.equal(causal_mask(9 - read, 9), whole[read:])


def test_masks_keep_the_device() -> None:
    assert causal_mask(2, 3, torch.device("meta")).device.type == "meta"
    assert padding_mask(torch.ones(2, dtype=torch.long, device="meta"), 3).device.type == "meta"


def test_padding_mask_takes_any_leading_dimensions() -> None:
    lengths = torch.tensor([[3, 1], [0, 2]])
    mask = padding_mask(lengths, 4)
    assert mask.shape == (2, 2, 1, 4)
    assert torch.equal(mask.sum(-1)[..., 0], lengths)
    assert torch.equal(mask[0], padding_mask(lengths[0], 4))


# --- heads -----------------------------------------------------------------------------------------------------------


def test_heads_are_split_and_joined() -> None:
    x = torch.randn(2, 5, 12)
    heads = split_heads(x, 3)
    assert heads.shape == (2, 3, 5, 4)
    torch.testing.assert_close(heads[:, 1], x[..., 4:8])
    assert torch.equal(join_heads(heads), x)


def pair_of_layers(d_model: int, n_heads: int, bias: bool, attention) -> tuple[nn.Module, ...]:
    """Ours and torch's with the same weights."""
    theirs = nn.MultiheadAttention(d_model, n_heads, bias=bias, batch_first=True)
    ours = MultiHeadAttention(d_model, n_heads, bias, attention)
    if bias:  # torch starts them at zero
        nn.init.normal_(theirs.in_proj_bias)
        nn.init.normal_(theirs.out_proj.bias)
    stacked = theirs.in_proj_weight.chunk(3), theirs.in_proj_bias.chunk(3) if bias else (None,) * 3
    state = {}
    for name, weight, its_bias in zip(("query", "key", "value"), *stacked):
        state[f"{name}.weight"] = weight
        state |= {f"{name}.bias": its_bias} if bias else {}
    state |= {f"output.{k}": v for k, v in theirs.out_proj.state_dict().items()}
    ours.load_state_dict(state)
    return ours, theirs


@each_attention
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("context_length", [None, 7], ids=["self", "cross"])
@pytest.mark.parametrize("masked", [None, "causal", "padding", "both"])
def test_multi_head_attention(attention, bias: bool, context_length, masked) -> None:
    ours, theirs = pair_of_layers(12, 3, bias, attention)
    x = torch.randn(4, 5, 12, requires_grad=True)
    context = torch.randn(4, context_length or 1, 12, requires_grad=True)
    source = x if context_length is None else context
    lengths = torch.tensor([5, 2, 3, 4])
    causal = causal_mask(5, source.shape[1]) if masked in ("causal", "both") else None
    real = padding_mask(lengths, source.shape[1]) if masked in ("padding", "both") else None
    # torch's masks are True where it is forbidden.
    expected, _ = theirs(
        x,
        source,
        source,
        attn_mask=None if causal is None else ~causal,
        key_padding_mask=None if real is None else ~real[:, 0],
    )
    masks = [m for m in (causal, real) if m is not None]
    mask = masks[0] & masks[-1] if masks else None
    output = ours(x, None if context_length is None else context, mask)
    inputs = [x] if context_length is None else [x, context]
    torch.testing.assert_close(output, expected, **TOLERANCE)
    stacked = [ours.query.weight, ours.key.weight, ours.value.weight]
    *mine, q, k, v, mixed = gradients(output, [*inputs, *stacked, ours.output.weight])
    theirs_too = [*inputs, theirs.in_proj_weight, theirs.out_proj.weight]
    torch.testing.assert_close(
        [*mine, torch.cat([q, k, v]), mixed], list(gradients(expected, theirs_too)), **TOLERANCE
    )


@pytest.mark.parametrize("leading", [(), (2, 3)], ids=str)
def test_multi_head_attention_takes_any_leading_dimensions(leading: tuple[int, ...]) -> None:
    ours, theirs = pair_of_layers(8, 2, True, scaled_dot_product_attention)
    x = torch.randn(*leading, 5, 8)
    flat = x.reshape(-1, 5, 8)
    expected, _ = theirs(flat, flat, flat, attn_mask=~causal_mask(5))
    torch.testing.assert_close(ours(x, mask=causal_mask(5)), expected.reshape(x.shape), **TOLERANCE)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="n_heads is 3; it must divide d_model, which is 8"):
        MultiHeadAttention(8, 3)

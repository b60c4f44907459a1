"""Weights of 8 and 4 bits: beside torch's own quantizers and kernels, in layers and in whole models."""

import pytest
import torch
from torch import nn

from shared.llm.adapting.quantize import (
    Int4Linear,
    Int8Embedding,
    Int8Linear,
    dequantize_int4,
    dequantize_int8,
    pack_int4,
    quantize,
    quantize_int4,
    quantize_int8,
    size_in_bytes,
    unpack_int4,
)
from shared.llm.config import gpt2, qwen3
from shared.llm.model import LanguageModel, Parts
from shared.llm.writing.generate import Sampling, generate_tokens

CONFIGS = {
    "gpt2": gpt2(101, d_model=64, n_layers=2, n_heads=4, max_length=64),
    "qwen3": qwen3(101, d_model=64, n_layers=2, n_heads=4, n_kv_heads=2, d_head=16, d_hidden=128),
    "untied": gpt2(101, d_model=64, n_layers=2, n_heads=4, max_length=64, tied=False),
}


@pytest.fixture
def weight():
    return torch.randn(24, 128, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=CONFIGS)
def model(request):
    torch.manual_seed(0)
    model = LanguageModel(CONFIGS[request.param], Parts.fused()).eval()
    model.start_weights(0.2)
    return model


def test_int8_is_torchs_own(weight):
    levels, scale = quantize_int8(weight)
    zeros = torch.zeros(24, dtype=torch.long)
    theirs = torch.quantize_per_channel(weight, scale.double(), zeros, 0, torch.qint8)
    assert torch.equal(levels, theirs.int_repr())
    torch.testing.assert_close(dequantize_int8(levels, scale), theirs.dequantize())
    assert levels.dtype == torch.int8 and levels.abs().amax(1).eq(127).all()
    assert ((dequantize_int8(levels, scale) - weight).abs() <= scale[:, None] / 2 + 1e-6).all()


@pytest.mark.parametrize("symmetric", [True, False])
def test_int4_is_torchs_fake_quantization(weight, symmetric):
    levels, scale, offset = quantize_int4(weight, 32, symmetric)
    groups = weight.reshape(-1, 32)
    if symmetric:
        steps, zeros = scale.flatten(), torch.zeros(96, dtype=torch.int32)
        theirs = torch.fake_quantize_per_channel_affine(groups, steps, zeros, 0, -8, 7)
    else:  # theirs have a whole number as zero; around the least number of each group it is 0
        least = groups.amin(1, keepdim=True)
        zeros = torch.zeros(96, dtype=torch.int32)
        theirs = least + torch.fake_quantize_per_channel_affine(
            groups - least, scale.flatten(), zeros, 0, 0, 15
        )
    ours = dequantize_int4(levels, scale, offset).reshape(-1, 32)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    assert levels.max() <= 15 and scale.shape == offset.shape == (24, 4)


def test_the_finer_the_groups_the_closer(weight):
    def error(group, symmetric):
        return (dequantize_int4(*quantize_int4(weight, group, symmetric)) - weight).norm()

    assert error(16, False) < error(32, False) < error(128, False) < error(128, True)


def test_zeros_and_constants_stay_what_they_are():
    weight = torch.zeros(2, 32)
    weight[1] = 0.25
    assert torch.equal(dequantize_int8(*quantize_int8(weight))[0], weight[0])
    torch.testing.assert_close(dequantize_int4(*quantize_int4(weight, 32, False)), weight)
    torch.testing.assert_close(dequantize_int4(*quantize_int4(weight, 32, True)), weight)


def test_two_levels_in_a_byte():
    levels = torch.randint(0, 16, (3, 5, 8), dtype=torch.uint8)
    packed = pack_int4(levels)
    assert packed.shape == (3, 5, 4) and packed[0, 0, 0] == levels[0, 0, 0] + 16 * levels[0, 0, 1]
    assert torch.equal(unpack_int4(packed), levels)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [(1,), (2, 3), (40,)])
@pytest.mark.parametrize(
    ("kernel", "off"), [("plain", 1e-6), ("weight_only", 0.01), ("dynamic", 0.03)]
)
def test_int8_kernels_give_the_formulas_numbers(kernel, off, rows, bias):
    torch.manual_seed(0)
    linear = nn.Linear(128, 48, bias)
    x = torch.randn(*rows, 128)
    ours = Int8Linear.of(linear, kernel)(x)
    formula = nn.functional.linear(x, dequantize_int8(*quantize_int8(linear.weight)), linear.bias)
    assert ours.shape == formula.shape and ours.dtype == x.dtype
    assert (ours - formula).norm() <= off * formula.norm()


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("rows", [(1,), (2, 3), (40,)])
@pytest.mark.parametrize(("kernel", "off"), [("plain", 1e-6), ("weight_only", 0.01)])
def test_int4_kernels_give_the_formulas_numbers(kernel, off, rows, symmetric):
    torch.manual_seed(0)
    linear = nn.Linear(128, 50)  # 50 rows: not what the kernel likes
    x = torch.randn(*rows, 128)
    layer = Int4Linear.of(linear, 32, symmetric, kernel)
    levels, scale, offset = quantize_int4(linear.weight, 32, symmetric)
    formula = nn.functional.linear(x, dequantize_int4(levels, scale, offset), linear.bias)
    ours = layer(x)
    assert (ours - formula).norm() <= off * formula.norm()
    torch.testing.assert_close(layer.weight, dequantize_int4(levels, scale, offset))
    assert (layer.offset is None) == symmetric


def test_dynamic_is_torchs_quantize_dynamic():
    torch.manual_seed(0)
    linear, x = nn.Linear(64, 32), torch.randn(5, 64)
    qconfig = torch.ao.quantization.per_channel_dynamic_qconfig
    theirs = torch.ao.quantization.quantize_dynamic(nn.Sequential(linear), {nn.Linear: qconfig})
    ours = Int8Linear.of(linear, "dynamic")
    assert (ours(x) - theirs(x)).norm() < 0.02 * linear(x).norm()  # theirs: −128 … 127


@pytest.mark.parametrize("bits", [8, 4])
def test_where_torch_lacks_a_kernel_the_layers_compute_plainly(model, bits, monkeypatch):
    def lacks(*arguments):
        raise RuntimeError("not here")

    monkeypatch.setattr("shared.llm.adapting.int_kernels._dynamic", lacks)
    monkeypatch.setattr(torch.ops.aten, "_convert_weight_to_int4pack_for_cpu", lacks)
    tokens = torch.randint(0, 101, (2, 5))
    with torch.no_grad():
        found = quantize(model, bits, group=32)(tokens)
        plain = quantize(model, bits, group=32, kernel="plain")(tokens)
    torch.testing.assert_close(found, plain, atol=1e-5, rtol=1e-5)


def test_gradients_of_x_flow_through_the_layers():
    x = torch.randn(3, 64, requires_grad=True)
    for layer in (Int8Linear.of(nn.Linear(64, 8)), Int4Linear.of(nn.Linear(64, 8), 32)):
        (grad,) = torch.autograd.grad(layer(x).sum(), x)
        torch.testing.assert_close(grad, layer.weight.sum(0).expand(3, -1))


@pytest.mark.parametrize(
    ("settings", "share"),
    [
        ({"bits": 8, "kernel": "plain"}, 0.05),
        ({"bits": 8, "kernel": "weight_only"}, 0.05),
        ({"bits": 8}, 0.1),
        ({"bits": 4, "group": 32}, 0.5),
        ({"bits": 4, "group": 32, "symmetric": True}, 0.6),
    ],
)
def test_a_whole_model(model, settings, share):
    tokens = torch.randint(0, 101, (2, 12))
    before = {name: t.clone() for name, t in model.state_dict().items()}
    small = quantize(model, **settings)
    with torch.no_grad():
        exact, near = model(tokens), small(tokens)
    assert (near - exact).norm() < share * exact.norm()
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert not any(type(module) is nn.Linear for module in small.modules())
    written = generate_tokens(small, [[1, 2, 3], [4]], Sampling(max_tokens=8, temperature=0))
    assert [len(completion.tokens) for completion in written] == [8, 8]


def test_one_product_for_queries_keys_and_values_gives_what_three_give(model):
    x, small = torch.randn(2, 5, 64), quantize(model, 8)
    attention = small.stack.blocks[1].attention
    layers = [attention.query, attention.key, attention.value]
    joined = [layer(x) for layer in layers]
    for layer in layers:
        layer.kernel.part = None
    assert all(torch.equal(layer(x), y) for layer, y in zip(layers, joined))


def test_what_it_saves(model):
    full, eight = size_in_bytes(model), size_in_bytes(quantize(model, 8))
    four = size_in_bytes(quantize(model, 4, 64))
    assert four < eight < 0.4 * full
    kept = quantize(model, 8, embedding=False)
    assert (kept.head.weight is kept.embedding.weight) == model.config.tied
    assert isinstance(quantize(model, 8).embedding, Int8Embedding)


def test_a_tied_matrix_is_there_once(model):
    small = quantize(model, 8)
    same = small.embedding.levels.data_ptr() == small.head.levels.data_ptr()
    assert same == model.config.tied


def test_bad_input_is_refused(model, weight):
    with pytest.raises(ValueError, match="bits is 3"):
        quantize(model, 3)
    with pytest.raises(ValueError, match=r"attention\.query: group is 48"):
        quantize(model, 4, group=48)
    with pytest.raises(ValueError, match="group is 1"):
        quantize_int4(weight, 1)
    with pytest.raises(ValueError, match="kernel is 'fast'"):
        quantize(model, 8, kernel="fast")
    with pytest.raises(ValueError, match="kernel is 'dynamic'"):
        quantize(model, 4, kernel="dynamic", group=32)

"""The straight way for one token: the numbers of the common way, for all that it knows, and for nothing else."""

import copy

import pytest
import torch
from torch import nn

from shared.llm.adapting.lora import LoRALinear, add_lora
from shared.llm.adapting.quantize import quantize
from shared.llm.compiling import compiler
from shared.llm.config import gpt2, llama, qwen3
from shared.llm.model import LanguageModel, Parts
from shared.llm.writing.cache import KVCache
from shared.llm.writing.narrow import narrow
from shared.llm.writing.straight import StraightModel
from shared.nn.feed_forward import GatedFeedForward
from shared.nn.transformer import TransformerBlock

SIZES = {"d_model": 64, "n_layers": 2, "n_heads": 4, "max_length": 24}
CONFIGS = {
    "gpt2": gpt2(53, **SIZES),
    "llama": llama(53, **SIZES, n_kv_heads=1, d_hidden=96),
    "qwen3": qwen3(53, **SIZES, n_kv_heads=2, d_head=16, d_hidden=96),
}


def model_of(kind, parts=None):
    torch.manual_seed(0)
    model = LanguageModel(CONFIGS[kind], parts or Parts.fused())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def caches_of(model, n):
    config = model.config
    sizes = (n, config.kv_heads, 24, config.head_width)
    return [KVCache(*sizes) for _ in range(config.n_layers)]


def both_ways(model, n=3, mask=None):
    """(the straight, the common) logits after a fifth token; fails where one of them did not go its way."""
    tokens = torch.randint(0, 53, (n, 5))
    found = []
    for straight in (True, False):
        caches = caches_of(model, n)
        with torch.inference_mode():
            model(tokens[:, :4], caches=caches)
            if not straight:
                model.steps = {rows: [] for rows in model.steps}
            found.append(model(tokens[:, 4:], caches=caches, start=4, mask=mask)[:, 0])
        assert bool(model.steps[n]) == straight
    return found


def with_lora(model):
    add_lora(model, 4)
    for module in model.modules():
        if isinstance(module, LoRALinear):
            nn.init.normal_(module.b)
    return model


VARIANTS = {
    "as it is": lambda model: model,
    "int8": quantize,
    "int8, plain": lambda model: quantize(model, kernel="plain"),
    "int4": lambda model: quantize(model, 4, 32),
    "lora": with_lora,
    "lora on int4": lambda model: with_lora(quantize(model, 4, 32)),
}


@pytest.mark.parametrize("rows", [0, 1, 3])
@pytest.mark.parametrize("kind", CONFIGS)
def test_the_numbers_are_those_of_the_common_way(kind, rows):
    for n in (1, 3, 7):
        straight, common = both_ways(narrow(model_of(kind), rows), n)
        torch.testing.assert_close(straight, common, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", CONFIGS)
def test_also_of_layers_that_are_no_longer_plain(kind, variant):
    straight, common = both_ways(narrow(VARIANTS[variant](model_of(kind))))
    # These kernels round x, so that a last digit may tip it over to the next level.
    tolerance = 0.02 if variant in ("int8", "int4", "lora on int4") else 1e-5
    torch.testing.assert_close(straight, common, atol=tolerance, rtol=tolerance)
    assert straight.std() > 0.1


def test_our_own_readable_pieces_are_known_too():
    straight, common = both_ways(narrow(model_of("qwen3", Parts())))
    torch.testing.assert_close(straight, common, atol=1e-5, rtol=1e-5)


def test_a_mask_for_each_text():
    mask = torch.rand(3, 1, 5) > 0.4
    mask[..., -1] = True
    for kind in CONFIGS:
        straight, common = both_ways(narrow(model_of(kind)), mask=mask)
        torch.testing.assert_close(straight, common, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
def test_one_mask_for_all_texts(compiled):
    if compiled and compiler() is None:
        pytest.skip("no C++ compiler here")
    mask = torch.tensor([[True, False, True, False, True]])
    for kind in CONFIGS:
        straight, common = both_ways(narrow(model_of(kind), compiled=compiled), mask=mask)
        torch.testing.assert_close(straight, common, atol=1e-5, rtol=1e-5)


def test_post_norm():
    torch.manual_seed(0)
    config = gpt2(53, **SIZES, pre_norm=False)
    straight, common = both_ways(narrow(LanguageModel(config, Parts.fused())))
    torch.testing.assert_close(straight, common, atol=1e-5, rtol=1e-5)


class OwnBlock(TransformerBlock):
    """A learner's."""


class OwnThinking(GatedFeedForward):
    """A learner's."""


def own_attention(query, key, value, mask=None, bias=None):
    return value.mean(-2, keepdim=True).expand_as(query)


@pytest.mark.parametrize(
    "own", [{"block": OwnBlock}, {"gated_feed_forward": OwnThinking}, {"attention": own_attention}]
)
def test_what_it_does_not_know_goes_the_common_way(own):
    model = model_of("qwen3", Parts.fused(**own))
    quick, tokens = narrow(model), torch.tensor([[1, 2, 3]])
    with torch.inference_mode():
        caches = caches_of(model, 1)
        quick(tokens[:, :2], caches=caches)
        last = quick(tokens[:, 2:], caches=caches, start=2)[:, -1]
        assert quick.steps == {1: []}
        if "attention" not in own:  # which is given no mask for a prompt
            torch.testing.assert_close(last, model(tokens)[:, -1], atol=1e-5, rtol=1e-5)


def test_hooks_are_called():
    model, heard = model_of("gpt2"), []
    model.stack.blocks[1].feed_forward.up.register_forward_hook(lambda *_: heard.append(1))
    model.stack.blocks[1].register_forward_hook(lambda *_: heard.append(2))
    quick = narrow(model)
    with torch.inference_mode():
        quick(torch.tensor([[1]]), caches=caches_of(quick, 1))
    assert 2 in heard and quick.steps == {1: []}


@pytest.mark.parametrize("variant", ["as it is", "lora"])
def test_a_copy_has_weights_of_its_own(variant):
    quick = narrow(VARIANTS[variant](model_of("qwen3")))
    assert isinstance(quick, StraightModel)

    def says(model):
        with torch.inference_mode():
            return model(torch.tensor([[1]]), caches=caches_of(model, 1))

    before = says(quick)
    assert quick.steps[1]
    other = copy.deepcopy(quick)
    with torch.no_grad():
        for parameter in other.stack.parameters():
            parameter.mul_(-0.5)
    straight = says(other)
    assert other.steps[1] and torch.equal(says(quick), before)
    other.steps = {1: []}
    torch.testing.assert_close(straight, says(other), atol=1e-5, rtol=1e-5)
    assert (straight - before).std() > 0.1


@pytest.mark.parametrize("bits", [8, 4])
def test_what_was_joined_moves_with_its_model(bits):
    model = quantize(model_of("gpt2"), bits, 32)
    layers = [getattr(model.stack.blocks[0].attention, name) for name in ("query", "key", "value")]
    joint = type(layers[0]).joined(layers)
    assert type(layers[0]).joined(layers) is joint and joint.weight.shape == (192, 64)
    model.to("meta")
    moved = type(layers[0]).joined(layers)
    assert moved.scale.device.type == "meta" and joint.scale.device.type == "cpu"


def test_gradients_go_the_common_way():
    quick = narrow(model_of("gpt2"))
    logits = quick(torch.tensor([[1]]), caches=caches_of(quick, 1))
    assert quick.steps == {} and logits.requires_grad

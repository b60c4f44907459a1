"""Products of few rows: torch's numbers, whatever the sizes, and a model that writes with them."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from shared.llm.compiling import compiler
from shared.llm.config import gpt2, qwen3
from shared.llm.model import LanguageModel, Parts
from shared.llm.writing import few_rows as module
from shared.llm.writing.few_rows import few_rows
from shared.llm.writing.generate import Sampling, generate_tokens
from shared.llm.writing.narrow import NarrowLinear, narrow

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(compiler() is None, reason="no C++ compiler here")


@pytest.mark.parametrize("n", [*range(1, 10), 16, 17, 40])
@pytest.mark.parametrize(
    "sizes", [(1, 1), (5, 3), (16, 8), (49, 33), (48, 64), (100, 770), (257, 96)]
)
def test_the_numbers_are_torchs(n, sizes):
    weight, x = torch.randn(sizes), torch.randn(n, sizes[1])
    for bias in (None, torch.randn(sizes[0])):
        exact = F.linear(x.double(), weight.double(), None if bias is None else bias.double())
        found = few_rows(weight, bias)(x)
        assert found.shape == (n, sizes[0]) and found.is_contiguous()
        torch.testing.assert_close(found.double(), exact, atol=2e-6 * sizes[1] ** 0.5, rtol=1e-5)


ALONE = """
import torch
from shared.llm.writing.cache import KVCache
from shared.llm.writing.few_rows import few_rows
from shared.llm.writing.one_query import one_query

assert torch.backends.cpu.get_cpu_capability() == {capability!r}
for n in (1, 3, 8, 13):
    weight, bias, x = torch.randn(101, 75), torch.randn(101), torch.randn(n, 75)
    expected = torch.nn.functional.linear(x, weight, bias)
    torch.testing.assert_close(few_rows(weight, bias)(x), expected, atol=1e-4, rtol=1e-5)
    cache, both = KVCache(n, 2, 9, 20), torch.randn(n, 6, 1, 20)
    cache.extend(torch.randn(n, 2, 8, 20), torch.randn(n, 2, 8, 20))
    found, query = one_query(both, value := torch.randn(n, 2, 1, 20), cache), both[:, :4]
    scores = query.view(n, 2, 2, 20) @ cache.keys.mT / 20**0.5
    expected = (scores.softmax(-1) @ cache.values).view(n, -1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(cache.values[:, :, 8:], value)
print("well")
"""


@pytest.mark.parametrize("capability", ["AVX2", "DEFAULT"])
def test_on_processors_of_other_registers(capability):
    """torch is told that the processor knows less than it does, and the compiler then is told the same."""
    if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        pytest.skip("this is another processor")
    told = {**os.environ, "ATEN_CPU_CAPABILITY": capability.lower()}
    code = ALONE.format(capability=capability)
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=told, cwd=ROOT, capture_output=True, text=True)
    assert ended.stdout == "well\n", ended.stderr


@pytest.mark.parametrize("threads", [1, 3])
def test_any_number_of_threads(threads):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        weight, x = torch.randn(130, 64), torch.randn(5, 64)
        torch.testing.assert_close(few_rows(weight)(x), x @ weight.T, atol=2e-5, rtol=1e-5)
    finally:
        torch.set_num_threads(before)


def test_rows_that_lie_apart_and_weights_that_are_held():
    x = torch.randn(64, 6).T
    weight, bias = torch.randn(40, 64), torch.randn(40)
    expected = F.linear(x, weight, bias)
    product = few_rows(weight, bias)
    del weight, bias  # the function holds them
    gc.collect()
    torch.testing.assert_close(product(x), expected, atol=2e-5, rtol=1e-5)


def test_a_row_is_the_same_to_the_last_bit_whatever_stands_beside_it():
    """Else a text would depend on who is written beside it."""
    product, x = few_rows(torch.randn(100, 768), torch.randn(100)), torch.randn(17, 768)
    for row, alone in ((0, product(x[:1])), (4, product(x[4:5])), (16, product(x[16:]))):
        for n in range(row + 1, 18):
            assert torch.equal(product(x[:n])[row], alone[0])


@pytest.mark.parametrize(
    ("weight", "bias", "message"),
    [
        (torch.zeros(3, 4).bfloat16(), None, "weight is torch.bfloat16"),
        (torch.zeros(3, 4).T, None, "without gaps"),
        (torch.zeros(3, 4), torch.zeros(3).double(), "bias is torch.float64"),
        (torch.zeros(3, 4), torch.zeros(4), r"shapes are \(3, 4\), \(4,\)"),
        (torch.zeros(3), None, r"shapes are \(3,\)"),
    ],
)
def test_weights_that_do_not_fit(weight, bias, message):
    with pytest.raises(ValueError, match=message):
        few_rows(weight, bias)


@pytest.mark.parametrize("x", [torch.zeros(2, 5), torch.zeros(4), torch.zeros(2, 4).double()])
def test_x_that_does_not_fit(x):
    with pytest.raises(ValueError, match="it must be float32 of"):
        few_rows(torch.zeros(3, 4))(x)


def models():
    sizes = {"d_model": 64, "n_layers": 2, "n_heads": 4, "max_length": 40}
    torch.manual_seed(0)
    for config in (gpt2(53, **sizes), qwen3(53, **sizes, n_kv_heads=2, d_head=16, d_hidden=96)):
        model = LanguageModel(config, Parts.fused())
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        yield model.eval()


@pytest.mark.parametrize("prompts", [[[3, 1, 4]], [[3, 1, 4], [1], [5, 9, 2, 6, 5, 3, 5]]])
def test_a_model_writes_the_same_with_them(prompts, monkeypatch):
    settings = Sampling(max_tokens=20, temperature=0.7, top_k=20, seed=3)
    counted = []
    linear = module.few_rows

    def counting(*args):
        counted.append(args)
        return linear(*args)

    monkeypatch.setattr(module, "few_rows", counting)
    for model in models():
        expected = [c.tokens for c in generate_tokens(model, prompts, settings)]
        assert not counted
        quick = narrow(model, len(prompts), compiled=True)
        assert [c.tokens for c in generate_tokens(quick, prompts, settings)] == expected
        assert counted, "the products went another way"
        counted.clear()


def test_nothing_is_packed_where_they_serve():
    assert NarrowLinear(torch.nn.Linear(24, 96), 8)._packed is not None
    assert NarrowLinear(torch.nn.Linear(24, 96), 8, compiled=True)._packed is None


def test_half_precision_goes_the_common_way():
    for model in models():
        quick, plain = narrow(model.bfloat16(), 2, compiled=True), narrow(model, 2)
        written = [
            [
                c.tokens
                for c in generate_tokens(one, [[3, 1], [4]], Sampling(max_tokens=8, temperature=0))
            ]
            for one in (quick, plain)
        ]
        assert written[0] == written[1]


def test_a_copy_that_is_asked_for_where_nothing_can_be_built(monkeypatch):
    def nothing(*_):
        raise OSError("there is no C++ compiler")

    monkeypatch.setattr(module, "load", nothing)
    with pytest.raises(OSError, match="no C\\+\\+ compiler"):
        narrow(next(models()), compiled=True)

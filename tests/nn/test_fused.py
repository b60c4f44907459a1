"""torch's kernels give what our own pieces give, forward and backward, and whole models agree."""

import pytest
import torch

from shared.llm.config import bert, gpt2, qwen3
from shared.llm.model import LanguageModel, Parts
from shared.nn import attention, feed_forward, fused, mlp, norms, positions

SMALL = {"vocab_size": 40, "max_length": 24, "d_model": 32, "n_layers": 2, "n_heads": 4}
CONFIGS = {
    "gpt2": gpt2(**SMALL),
    "bert": bert(**SMALL),
    "qwen3": qwen3(**SMALL, n_kv_heads=2, d_head=8, d_hidden=48),
}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (mlp.relu, fused.relu),
        (feed_forward.gelu, fused.gelu),
        (feed_forward.gelu_tanh, fused.gelu_tanh),
        (feed_forward.silu, fused.silu),
        (norms.LayerNorm(16), fused.LayerNorm(16)),
        (norms.RMSNorm(16), fused.RMSNorm(16)),
    ],
)
def test_the_same_numbers_and_gradients(ours, theirs):
    x = torch.randn(5, 7, 16, dtype=torch.float64)
    x = x.float().requires_grad_()
    twin = x.detach().clone().requires_grad_()
    ours(x).square().sum().backward()
    theirs(twin).square().sum().backward()
    torch.testing.assert_close(theirs(twin), ours(x), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(twin.grad, x.grad, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("d", [16, (3, 16)], ids=["stream", "heads"])
def test_a_norm_gives_the_half_precision_that_autocast_asks_for(d):
    """Compiled too: queries in float32 would go to a kernel that is slow with bfloat16."""
    torch.compiler.reset()
    x, weight = torch.randn(5, 3, 16), torch.ones(d)
    for norm in (fused.rms_norm, torch.compile(fused.rms_norm, backend="eager")):
        assert norm(x, weight, 1e-6).dtype == torch.float32
        with torch.autocast("cpu", torch.bfloat16):
            assert norm(x, weight, 1e-6).dtype == torch.bfloat16


@pytest.mark.parametrize(("q_len", "k_len"), [(6, 6), (1, 6), (3, 6)])
def test_the_future_is_masked_without_being_told(q_len, k_len):
    query = torch.randn(2, 3, q_len, 8)
    key, value = torch.randn(2, 3, k_len, 8), torch.randn(2, 3, k_len, 8)
    expected = attention.scaled_dot_product_attention(
        query, key, value, attention.causal_mask(q_len, k_len)
    )
    torch.testing.assert_close(fused.attention(query, key, value), expected, atol=1e-5, rtol=1e-5)


def as_compiled(function):
    """Traced as torch.compile traces it, and then run as it is: no compiler is needed."""
    torch.compiler.reset()
    return torch.compile(function, backend="eager", fullgraph=True)


@pytest.mark.parametrize(
    ("q_len", "k_len"), [(64, 64), (128, 128), (203, 203), (300, 300), (70, 203), (600, 600)]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_compiled_it_comes_in_blocks_and_is_the_same(q_len, k_len, dtype, monkeypatch):
    products = []
    by_two_products = fused._by_two_products

    def counting(query, key, value):
        products.append((query.shape[-2], key.shape[-2]))
        return by_two_products(query, key, value)

    monkeypatch.setattr(fused, "_by_two_products", counting)
    sizes = ((2, 3, q_len, 16), (2, 3, k_len, 16), (2, 3, k_len, 16))
    ours = [torch.randn(size, dtype=dtype).requires_grad_() for size in sizes]
    exact = [x.detach().double().requires_grad_() for x in ours]
    expected = attention.scaled_dot_product_attention(*exact, attention.causal_mask(q_len, k_len))
    found = as_compiled(fused.attention)(*ours)
    slope = torch.randn_like(expected)
    expected.backward(slope)
    found.backward(slope.to(dtype))
    tolerance = 1e-5 if dtype == torch.float32 else 0.05
    torch.testing.assert_close(found.double(), expected, atol=tolerance, rtol=tolerance)
    for x, y in zip(ours, exact):
        torch.testing.assert_close(x.grad.double(), y.grad, atol=2 * tolerance, rtol=tolerance)
    blocks = {(64, 64): 1, (128, 128): 2, (203, 203): 3, (300, 300): 4, (70, 203): 1, (600, 600): 0}
    if dtype == torch.bfloat16:
        blocks = dict.fromkeys(blocks, 1) | {(600, 600): 2}
    assert len(products) == blocks[q_len, k_len]
    assert sum(rows for rows, _ in products) in (0, q_len)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("places", [None, (11,), (2, 1, 11)])
def test_rotary_compiled(dtype, places):
    x = torch.randn(2, 3, 11, 8, dtype=dtype).requires_grad_()
    twin = x.detach().clone().requires_grad_()
    where = None if places is None else torch.randint(0, 50, places)
    expected, found = positions.rotary(x, where), as_compiled(fused.rotary)(twin, where)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)
    slope = torch.randn_like(x)
    expected.backward(slope)
    found.backward(slope)
    torch.testing.assert_close(twin.grad, x.grad, atol=1e-6, rtol=1e-6)


def test_compiled_rotary_asks_for_its_angles_once():
    """And not for each text and head, as it would where torch.compile saw how they are computed."""
    graphs = []

    def keeping(graph, _):
        graphs.append(graph)
        return graph

    torch.compiler.reset()
    torch.compile(fused.rotary, backend=keeping, fullgraph=True)(torch.randn(2, 3, 11, 8))
    called = [str(node.target) for node in graphs[0].graph.nodes if node.op == "call_function"]
    assert called.count("bumblebee.cos_and_sin.default") == 1
    assert not any(name.endswith((".cos", ".sin")) for name in called)


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("how", ["plain", "padded", "documents", "recompute"])
def test_models_of_either_agree(kind, how):
    config = CONFIGS[kind]
    ours, quick = LanguageModel(config), LanguageModel(config, Parts.fused())
    quick.load_state_dict(ours.state_dict())
    tokens = torch.randint(0, 40, (3, 20))
    more = {}
    if how == "padded":
        more["real"] = torch.arange(20) < torch.tensor([[20], [13], [1]])
    elif how == "documents":
        more["documents"] = (torch.arange(20) > torch.tensor([[4], [11], [19]])).long()
    elif how == "recompute":
        quick.recompute = True
    a, b = ours(tokens, **more), quick(tokens, **more)
    if how == "padded":
        a, b = a[more["real"]], b[more["real"]]
    torch.testing.assert_close(b, a, atol=1e-5, rtol=1e-5)
    a.square().mean().backward()
    b.square().mean().backward()
    for (name, p), q in zip(ours.named_parameters(), quick.parameters()):
        if p.grad is not None:
            torch.testing.assert_close(q.grad, p.grad, atol=1e-5, rtol=1e-4, msg=name)


def test_a_document_is_read_as_if_it_stood_alone():
    model = LanguageModel(CONFIGS["qwen3"], Parts.fused())
    first, second = torch.randint(0, 40, (1, 7)), torch.randint(0, 40, (1, 9))
    documents = torch.tensor([[0] * 7 + [1] * 9])
    together = model(torch.cat([first, second], dim=1), documents=documents)
    # Rotary positions count only distances, so where the second one starts makes no difference.
    torch.testing.assert_close(together[:, 7:], model(second), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(together[:, :7], model(first), atol=1e-5, rtol=1e-5)

"""What a dry run says, against what the model is and what torch counts."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from shared.llm.model import LanguageModel
from shared.llm.plan import flops_per_token, plan, spell
from shared.llm.settings import settings
from shared.nn.transformer import count_parameters


@pytest.mark.parametrize("size", ["nano", "pocket"])
def test_flops_are_those_that_torch_counts(size):
    chosen = settings(size)
    config = chosen.model()
    model = LanguageModel(config)
    tokens = torch.randint(config.vocab_size, (1, chosen.context))
    with FlopCounterMode(display=False) as counter:
        logits = model(tokens)
        logits.sum().backward()
    counted = counter.get_total_flops() / chosen.context
    # torch counts attention in full, where half of it is masked, and no gradient of the first layer's input is spared.
    full = config.n_layers * 6 * chosen.context * config.n_heads * config.head_width
    assert flops_per_token(config, chosen.context) + full == pytest.approx(counted, rel=0.02)


def test_parameters_tokens_and_time():
    chosen = settings("pocket")
    planned = plan(chosen, tokens_per_second=1000.0)
    assert planned.parameters == count_parameters(LanguageModel(chosen.model()))
    assert planned.tokens == 20 * planned.parameters
    assert planned.seconds == planned.tokens / 1000
    short = plan(settings("pocket", minutes=2), tokens_per_second=1000.0)
    assert short.tokens == 120_000
    assert plan(settings("pocket", tokens=500), tokens_per_second=1000.0).tokens == 500


def test_a_large_model_is_planned_without_being_made():
    planned = plan(settings("gpt2"))
    assert 1.2e8 < planned.parameters < 1.3e8 and planned.tokens_per_second > 0
    assert any("FLOP" in how_much for _, how_much in planned.lines())


@pytest.mark.parametrize(
    ("seconds", "said"), [(12, "12 s"), (600, "10 min"), (3725 * 2, "2 h 4 min"), (3e6, "35 days")]
)
def test_times_are_spelled(seconds, said):
    assert spell(seconds) == said

"""Randomly initialized models of transformers' own classes, in the course's model: the same logits, both ways."""

import pytest
import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from shared.llm.checkpoints import (
    config_from_transformers,
    from_pretrained,
    from_transformers,
    state_to_transformers,
)
from shared.llm.model import LanguageModel, Parts
from shared.nn.attention import fused_attention

SMALL = {
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 80,
    "vocab_size": 101,
}
MAKERS = {
    "gpt2": lambda **more: GPT2LMHeadModel(
        GPT2Config(vocab_size=101, n_positions=64, n_embd=48, n_layer=3, n_head=4, **more)
    ),
    "bert": lambda **more: BertForMaskedLM(BertConfig(**SMALL, max_position_embeddings=64, **more)),
    "llama": lambda **more: LlamaForCausalLM(LlamaConfig(**SMALL, num_key_value_heads=2, **more)),
    "qwen3": lambda **more: Qwen3ForCausalLM(
        Qwen3Config(**SMALL, num_key_value_heads=2, head_dim=16, **more)
    ),
}


def random_model(kind, **more):
    """A model of theirs whose every tensor is random: norms at one and biases at zero would hide a mistake."""
    torch.manual_seed(0)
    theirs = MAKERS[kind](**more).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return theirs


@pytest.fixture
def tokens():
    return torch.randint(0, 101, (3, 20), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", MAKERS)
def test_same_logits(kind, tokens):
    theirs = random_model(kind)
    ours = from_transformers(theirs)
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), theirs(tokens).logits, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", MAKERS)
def test_same_logits_by_the_fused_kernel(kind, tokens):
    theirs = random_model(kind)
    ours = from_transformers(theirs, Parts(attention=fused_attention))
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), theirs(tokens).logits, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("llama", {"attention_bias": True, "mlp_bias": True}),
        ("llama", {"tie_word_embeddings": True}),
        ("llama", {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}),
        ("qwen3", {"tie_word_embeddings": True}),
        ("gpt2", {"n_inner": 72}),
        ("bert", {"hidden_act": "relu"}),
    ],
)
def test_same_logits_with_other_settings(kind, more, tokens):
    theirs = random_model(kind, **more)
    with torch.no_grad():
        torch.testing.assert_close(
            from_transformers(theirs)(tokens), theirs(tokens).logits, atol=2e-5, rtol=1e-5
        )


@pytest.mark.parametrize("kind", MAKERS)
def test_same_logits_where_padded(kind, tokens):
    theirs = random_model(kind)
    real = torch.arange(20) < torch.tensor([[20], [13], [7]])
    with torch.no_grad():
        ours = from_transformers(theirs)(tokens, real=real)
        expected = theirs(tokens, attention_mask=real.long()).logits
    torch.testing.assert_close(ours[real], expected[real], atol=2e-5, rtol=1e-5)


def test_token_types(tokens):
    theirs = random_model("bert")
    kinds = (torch.arange(20) >= 9).long().expand_as(tokens)
    with torch.no_grad():
        torch.testing.assert_close(
            from_transformers(theirs)(tokens, token_types=kinds),
            theirs(tokens, token_type_ids=kinds).logits,
            atol=2e-5,
            rtol=1e-5,
        )


@pytest.mark.parametrize("kind", MAKERS)
def test_same_gradients(kind, tokens):
    theirs = random_model(kind)
    ours = from_transformers(theirs)
    weight = torch.randn(3, 20, 101, generator=torch.Generator().manual_seed(2))
    (ours(tokens) * weight).sum().backward()
    (theirs(tokens).logits * weight).sum().backward()
    expected = theirs.get_input_embeddings().weight.grad
    torch.testing.assert_close(ours.embedding.weight.grad, expected, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("kind", MAKERS)
def test_back_again(kind):
    theirs = random_model(kind)
    state = state_to_transformers(from_transformers(theirs), kind)
    expected = theirs.state_dict()
    # Two names for one tensor: BERT's head has its bias twice.
    expected.pop("cls.predictions.bias", None)
    assert state.keys() == {name for name in expected if not name.endswith("position_ids")}
    for name, tensor in state.items():
        assert torch.equal(tensor, expected[name]), name


@pytest.mark.parametrize("kind", MAKERS)
def test_by_name_from_a_folder(kind, tmp_path, tokens):
    """The very call that takes a hub name, on a folder that transformers wrote."""
    theirs = random_model(kind)
    theirs.save_pretrained(tmp_path)
    ours = from_pretrained(str(tmp_path))
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), theirs(tokens).logits, atol=2e-5, rtol=1e-5)


def test_what_it_does_not_have():
    with pytest.raises(ValueError, match="model_type is 'mistral'"):
        config_from_transformers(MistralConfig())
    scaled = LlamaConfig(
        **SMALL, rope_parameters={"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}
    )
    with pytest.raises(ValueError, match="rope_type is 'linear'"):
        config_from_transformers(scaled)
    with pytest.raises(ValueError, match="activation is 'mish'"):
        config_from_transformers(LlamaConfig(**SMALL, hidden_act="mish"))


def test_a_checkpoint_without_its_head(tmp_path):
    theirs = random_model("llama")
    state = theirs.state_dict()
    del state["lm_head.weight"]
    from shared.llm.checkpoints import state_from_transformers

    model = LanguageModel(config_from_transformers(theirs.config))
    with pytest.raises(ValueError, match=r"lacks 1 tensors, first of them 'lm_head\.weight'"):
        state_from_transformers(model, "llama", state)

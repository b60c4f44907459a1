"""An exported folder, opened by transformers: the same logits, tokens and ids."""

import json

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

from shared.llm.checkpoints import config_from_transformers, from_pretrained
from shared.llm.config import ModelConfig, bert, gpt2, llama, qwen3
from shared.llm.exporting import export as export_module
from shared.llm.exporting.export import config_to_transformers, export, kind_of
from shared.llm.exporting.gguf_file import export_gguf
from shared.llm.model import LanguageModel, Parts
from shared.llm.tokenizer import load_tokenizer, train_tokenizer
from shared.llm.writing.generate import Sampling, generate_tokens

SIZES = {"d_model": 32, "n_layers": 2, "n_heads": 4, "max_length": 48}
CONFIGS = {
    "gpt2": gpt2(320, **SIZES),
    "gpt2 untied": gpt2(320, **SIZES, tied=False, activation="relu", d_hidden=50),
    "llama": llama(320, **SIZES, n_kv_heads=2, d_hidden=48),
    "llama with biases": llama(
        320,
        **SIZES,
        n_kv_heads=1,
        d_hidden=48,
        attention_bias=True,
        output_bias=True,
        feed_forward_bias=True,
        tied=True,
        rope_base=500.0,
    ),
    "qwen3": qwen3(320, **SIZES, n_kv_heads=2, d_head=16, d_hidden=48),
    "qwen3 untied": qwen3(320, **SIZES, n_kv_heads=4, d_head=8, tied=False, norm_eps=1e-5),
}
TEXT = "The bees dance in the hive, and the dance says where. 🐝 Zürich, 東京! <|im_start|>user"


def model_of(config):
    torch.manual_seed(0)
    model = LanguageModel(config, Parts.fused())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer([TEXT * 3, "where do the bees say the dance is? " * 9], 320, folder)
    return folder


@pytest.fixture(scope="module")
def tokens():
    return torch.randint(4, 290, (2, 30), generator=torch.Generator().manual_seed(1))


@pytest.mark.filterwarnings("ignore:the texts allow only")
@pytest.mark.parametrize("name", CONFIGS)
def test_transformers_gives_the_same(name, tmp_path, tokenizer_folder, tokens):
    model = model_of(CONFIGS[name])
    record = export(model, tokenizer_folder, tmp_path)
    theirs, loading = AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not loading["missing_keys"] and not loading["unexpected_keys"]
    assert type(theirs).__name__ == record["class"] and theirs.dtype == torch.float32
    with torch.no_grad():
        torch.testing.assert_close(
            theirs.eval()(tokens).logits, model(tokens), atol=1e-4, rtol=1e-5
        )
    eos_id = load_tokenizer(tokenizer_folder).eos_id
    assert theirs.generation_config.eos_token_id == theirs.config.eos_token_id == eos_id
    prompt = tokens[:1, :5]
    expected = theirs.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=20, do_sample=False
    )[0, 5:].tolist()
    (ours,) = generate_tokens(model, prompt.tolist(), Sampling(20, temperature=0), eos_id)
    assert ours.tokens == [token for token in expected if token != eos_id]
    again = from_pretrained(str(tmp_path))
    assert again.config == config_from_transformers(theirs.config)
    with torch.no_grad():
        torch.testing.assert_close(again(tokens), model(tokens), atol=1e-4, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:the texts allow only")
def test_the_tokenizer_gives_the_same(tmp_path, tokenizer_folder):
    export(model_of(CONFIGS["qwen3"]), tokenizer_folder, tmp_path)
    theirs, ours = AutoTokenizer.from_pretrained(tmp_path), load_tokenizer(tokenizer_folder)
    for text in (TEXT, "", "  two  spaces\n\nand lines ", "<|endoftext|><|pad|>"):
        assert theirs(text)["input_ids"] == ours.encode(text)
        assert theirs.decode(ours.encode(text)) == ours.decode(ours.encode(text)) == text
    assert theirs.eos_token_id == ours.eos_id


@pytest.mark.parametrize("token_types", [2, 3])
def test_bert(tmp_path, tokens, token_types):
    folder = tmp_path / "tokenizer"
    train_tokenizer([TEXT * 3], 80, folder, kind="wordpiece")
    model = model_of(bert(320, **SIZES, token_types=token_types))
    record = export(model, folder, tmp_path / "model")
    theirs, loading = AutoModelForMaskedLM.from_pretrained(
        tmp_path / "model", output_loading_info=True
    )
    assert not loading["missing_keys"] and record["class"] == type(theirs).__name__
    with torch.no_grad():
        torch.testing.assert_close(
            theirs.eval()(tokens).logits, model(tokens), atol=1e-4, rtol=1e-5
        )
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    ids = tokenizer("the bees dance", add_special_tokens=False)["input_ids"]
    assert ids == load_tokenizer(folder).encode("the bees dance")
    assert not (tmp_path / "model" / "generation_config.json").exists()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(tmp_path, tokenizer_folder, tokens, dtype):
    model = model_of(CONFIGS["qwen3"])
    whole = export(model, tokenizer_folder, tmp_path / "whole")
    half = export(model, tokenizer_folder, tmp_path / "half", dtype=dtype)
    assert half["bytes"] < 0.6 * whole["bytes"]
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "half")
    assert theirs.dtype == dtype
    with torch.no_grad():
        torch.testing.assert_close(
            theirs.float()(tokens).logits, model(tokens), atol=0.3, rtol=0.05
        )


def test_what_the_folder_holds(tmp_path, tokenizer_folder):
    records = {
        "collect": {"data": "Wikipedia · 9 articles", "licence": "CC BY-SA 3.0", "stand_in": True},
        "pack": {
            "splits": {
                name: {"documents": n, "tokens": 10 * n, "bytes": 40 * n}
                for name, n in (("train", 8123), ("validation", 77))
            }
        },
        "pretrain": {"steps": 589, "validation_loss": 4.45495, "device": "cpu"},
        "evaluate": {"lines": ["bits per byte of 77 held-out articles: 2.214"]},
    }
    record = export(model_of(CONFIGS["qwen3"]), tokenizer_folder, tmp_path, records, name="mine")
    names = {path.name for path in tmp_path.iterdir()}
    assert {
        "config.json",
        "model.safetensors",
        "generation_config.json",
        "README.md",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
    } == names
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    for words in (
        "# mine",
        "license: cc-by-sa-3.0",
        "Wikipedia · 9 articles",
        "stand-in",
        "8,123 articles",
        "steps: 589",
        "4.455",
        "2.214",
        "bumblebee llm",
        record["sha256"],
    ):
        assert words in card
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"} and "lm_head.weight" not in file.keys()  # noqa: SIM118
    json.dumps(record)


def test_nothing_is_half_written(tmp_path, tokenizer_folder, monkeypatch):
    model = model_of(CONFIGS["qwen3"])
    export(model, tokenizer_folder, tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_module, "save_file", full)
    with pytest.raises(OSError, match="disk is full"):
        export(model_of(CONFIGS["qwen3 untied"]), tokenizer_folder, tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == before
    assert not (tmp_path / "config.json").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", CONFIGS)
def test_the_configuration_comes_back(name):
    from transformers import AutoConfig

    config = CONFIGS[name]
    settings = config_to_transformers(config, kind_of(config))
    theirs = AutoConfig.for_model(settings.pop("model_type"), **settings)
    back = config_from_transformers(theirs)
    for field in (
        "kv_heads",
        "head_width",
        "hidden_width",
        "tied",
        "activation",
        "rope_base",
        "norm_eps",
    ):
        if field != "rope_base" or config.positions == "rotary":
            assert getattr(back, field) == getattr(config, field)
    assert kind_of(back) == kind_of(config)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (
            qwen3(9, d_model=8, n_layers=1, n_heads=1, n_kv_heads=1, d_head=8, positions="none"),
            "positions is 'none'",
        ),
        (
            qwen3(9, d_model=8, n_layers=1, n_heads=1, n_kv_heads=1, d_head=8, attention_bias=True),
            "output_bias is False",
        ),
        (gpt2(9, d_model=8, n_layers=1, n_heads=2, n_kv_heads=1), "n_kv_heads"),
        (gpt2(9, d_model=8, n_layers=1, n_heads=2, pre_norm=False), "pre_norm is False"),
    ],
)
def test_a_model_that_transformers_does_not_have(config, reason):
    with pytest.raises(ValueError, match=reason):
        kind_of(config)


def test_the_courses_default_is_a_llama():
    assert kind_of(ModelConfig(9)) == "llama"


def test_errors(tmp_path, tokenizer_folder):
    model = model_of(CONFIGS["qwen3"])
    with pytest.raises(ValueError, match=r"dtype is torch\.float64"):
        export(model, tokenizer_folder, tmp_path, dtype=torch.float64)
    with pytest.raises(ValueError, match="of different runs"):
        export(model_of(CONFIGS["qwen3"].with_(vocab_size=100)), tokenizer_folder, tmp_path)
    with torch.no_grad():
        model.embedding.weight[3, 3] = 1e6
    with pytest.raises(ValueError, match=r"embed_tokens.* has numbers that float16 can't hold"):
        export(model, tokenizer_folder, tmp_path, dtype=torch.float16)


# llama.cpp: these run where `gguf` and `llama-cpp-python` are installed.


@pytest.mark.parametrize("name", ["qwen3", "qwen3 untied"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_llama_cpp_writes_the_same(tmp_path, tokenizer_folder, tokens, name, dtype):
    pytest.importorskip("gguf")
    llama_cpp = pytest.importorskip("llama_cpp")
    model, file = model_of(CONFIGS[name]), tmp_path / "model.gguf"
    record = export_gguf(model, tokenizer_folder, file, dtype)
    assert record["bytes"] == file.stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["model.gguf"]
    theirs = llama_cpp.Llama(
        str(file), n_ctx=48, n_threads=1, logits_all=True, verbose=False, type_k=0, type_v=0
    )
    if dtype == torch.float32:
        prompt = tokens[0, :5].tolist()
        written = []
        for token in theirs.generate(prompt, temp=0.0, top_k=1, repeat_penalty=1.0):
            written.append(token)
            if len(written) == 20:
                break
        (ours,) = generate_tokens(model, [prompt], Sampling(20, temperature=0))
        assert written == ours.tokens
    theirs.reset()
    theirs.eval(tokens[0].tolist())
    with torch.no_grad():
        expected = model(tokens[:1])[0]
    logits = torch.tensor(theirs.scores[: tokens.shape[1]])
    wide = 5e-3 if dtype == torch.float32 else 0.1
    torch.testing.assert_close(logits, expected, atol=wide, rtol=wide)
    tokenizer = load_tokenizer(tokenizer_folder)
    for text in (TEXT, "  two  spaces\n\nand lines 123", "it's we'll"):
        ids = theirs.tokenize(text.encode(), add_bos=False, special=True)
        assert ids == tokenizer.encode(text)
        assert theirs.detokenize(ids, special=True).decode() == text
    theirs.close()


def test_gguf_errors(tmp_path, tokenizer_folder):
    pytest.importorskip("gguf")
    with pytest.raises(ValueError, match="of the kind gpt2"):
        export_gguf(model_of(CONFIGS["gpt2"]), tokenizer_folder, tmp_path / "m")
    with pytest.raises(ValueError, match="dtype is"):
        export_gguf(model_of(CONFIGS["qwen3"]), tokenizer_folder, tmp_path / "m", torch.int8)
    small = model_of(CONFIGS["qwen3"].with_(vocab_size=100))
    with pytest.raises(ValueError, match="of different"):
        export_gguf(small, tokenizer_folder, tmp_path / "m")
    assert not list(tmp_path.iterdir())

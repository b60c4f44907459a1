"""The commands: from a folder with a model to a smaller, a taught or an aligned one; bad input, one sentence."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

from shared.llm.adapting.adapt import FinetuneSettings
from shared.llm.adapting.adapt_folder import align_folder, finetune_folder
from shared.llm.adapting.compress import load_quantized, quantize_folder
from shared.llm.chat import save_chat_template
from shared.llm.serve.loading import load
from shared.llm.tokenizer import train_tokenizer

CHAT = {
    "messages": [{"role": "user", "content": "Bees?"}, {"role": "assistant", "content": "Hum."}]
}
PAIR = {"prompt": "Bees?", "chosen": "They hum.", "rejected": "No."}


@pytest.fixture
def folder(tmp_path):
    """A tiny model of transformers' with a tokenizer of ours."""
    torch.manual_seed(0)
    place = tmp_path / "base"
    train_tokenizer(["the bees hum and the bees dance"] * 3, 280, place)
    save_chat_template(place)
    size = AutoTokenizer.from_pretrained(place).vocab_size
    config = Qwen3Config(
        vocab_size=size, hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, intermediate_size=128, max_position_embeddings=128,
        tie_word_embeddings=True,
    )  # fmt: skip
    Qwen3ForCausalLM(config).save_pretrained(place)
    return place


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("bits", [8, 4])
def test_quantized_and_opened_again(folder, tmp_path, bits):
    record = quantize_folder(folder, tmp_path / "small", bits, group=32)
    assert record["bytes"] < 0.4 * record["bytes_before"]
    model, tokenizer = load_quantized(tmp_path / "small")
    tokens = torch.tensor([tokenizer.encode("the bees")])
    with torch.no_grad():
        exact, near = load(str(folder)).model(tokens), model(tokens)
    assert (near - exact).norm() < 0.4 * exact.norm()
    served = load(str(tmp_path / "small"))
    with torch.no_grad():
        assert torch.equal(served.model(tokens), near)
    assert model.embedding.levels.data_ptr() == model.head.levels.data_ptr()


def test_a_truncated_or_foreign_folder_is_recognized(folder, tmp_path):
    quantize_folder(folder, tmp_path / "small")
    settings = tmp_path / "small" / "quantized.json"
    settings.write_text(settings.read_text().replace('"d_hidden": 128', '"d_hidden": 64'))
    with pytest.raises(ValueError, match="is of another model"):
        load_quantized(tmp_path / "small")
    settings.write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        load_quantized(tmp_path / "small")
    with pytest.raises(ValueError, match="holds no quantized model"):
        load_quantized(folder)


@pytest.mark.parametrize("bits", [None, 4])
def test_taught_by_lora_it_opens_in_peft(folder, tmp_path, bits):
    peft = pytest.importorskip("peft")
    data = lines(tmp_path / "chats.jsonl", [CHAT] * 12)
    settings = FinetuneSettings(epochs=2, context=64, lora_rank=2, precision="float32")
    record = finetune_folder(folder, data, tmp_path / "out", settings, bits)
    assert record["held_out_loss"] < record["held_out_loss_before"]
    base = AutoModelForCausalLM.from_pretrained(folder)
    peft.PeftModel.from_pretrained(base, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "adapted.json").read_text())["steps"] == record["steps"]


def test_taught_whole_it_is_served_as_a_chat(folder, tmp_path):
    pytest.importorskip("shared.llm.exporting.export")
    data = lines(tmp_path / "chats.jsonl", [CHAT] * 12)
    settings = FinetuneSettings(epochs=2, context=64, precision="float32")
    finetune_folder(folder, data, tmp_path / "out", settings)
    assert "im_start" in AutoTokenizer.from_pretrained(tmp_path / "out").chat_template
    assert load(str(tmp_path / "out")).model.config.d_model == 64


def test_aligned(folder, tmp_path):
    pytest.importorskip("shared.llm.exporting.export")
    data = lines(tmp_path / "pairs.jsonl", [PAIR] * 20)
    record = align_folder(folder, data, tmp_path / "out", steps=5, lr=1e-3)
    assert record["last_loss"] < record["first_loss"]
    assert record["held_out_reward_in_order"] == 1
    AutoModelForCausalLM.from_pretrained(tmp_path / "out")


def test_bad_input_meets_one_sentence(folder, tmp_path):
    chats, pairs = (
        lines(tmp_path / f"{row}.jsonl", [data]) for row, data in (("c", CHAT), ("p", PAIR))
    )
    out = tmp_path / "out"
    for match, call in (
        ("there is no folder", lambda: quantize_folder(tmp_path / "none", out)),
        ("bits is 5", lambda: quantize_folder(folder, out, 5)),
        ("group is 24", lambda: quantize_folder(folder, out, 4, 24)),
        ("the folder of the model itself", lambda: quantize_folder(folder, folder)),
        ("something is already", lambda: quantize_folder(folder, tmp_path)),
        ("cannot learn", lambda: finetune_folder(folder, chats, out, bits=4)),
        ("data is 'poems'", lambda: finetune_folder(folder, "poems", out)),
        ("line 1 of", lambda: finetune_folder(folder, pairs, out)),
        ("line 1 of", lambda: align_folder(folder, chats, out)),
        ("has no rows", lambda: align_folder(folder, lines(tmp_path / "e", []), out)),
    ):
        with pytest.raises(ValueError, match=match):
            call()
        assert not out.exists()

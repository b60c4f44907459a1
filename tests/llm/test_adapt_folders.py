"""From a folder with a model to a smaller, a taught or an aligned one, by function and by command; bad input."""

import json
from dataclasses import asdict

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from shared.llm.adapting.adapt import FinetuneSettings
from shared.llm.adapting.adapt_data import conversations, preferences
from shared.llm.adapting.adapt_folder import align_folder, finetune_folder
from shared.llm.adapting.compress import load_quantized, quantize_folder
from shared.llm.adapting.quantize import dequantize, quantize
from shared.llm.chat import save_chat_template
from shared.llm.serve.loading import load
from shared.llm.tokenizer import train_tokenizer
from shared.llm.training import savepoint

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
def test_taught_by_lora_it_opens_whole_and_in_peft(folder, tmp_path, bits):
    peft = pytest.importorskip("peft")
    data = lines(tmp_path / "chats.jsonl", [CHAT] * 12)
    settings = FinetuneSettings(epochs=2, context=64, lora_rank=2, precision="float32")
    out = tmp_path / "out"
    record = finetune_folder(folder, data, out, settings, bits)
    assert record["held_out_loss"] < record["held_out_loss_before"]
    assert (record["conversations"], record["held_out"]) == (11, 1)
    assert json.loads((out / "adapted.json").read_text())["steps"] == record["steps"]
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        merged = AutoModelForCausalLM.from_pretrained(out)(ids).logits
        base = AutoModelForCausalLM.from_pretrained(folder)
        plain = base(ids).logits
        layers = peft.PeftModel.from_pretrained(base, out / "lora")(ids).logits
    # With 4 bits, the merged model keeps the rounded weights that the layers learned beside.
    assert (merged - layers).norm() < (1e-4 if bits is None else 0.3) * layers.norm()
    assert not torch.allclose(merged, plain, atol=1e-3)


def test_a_quantized_model_in_plain_layers_says_the_same(folder):
    model = load(str(folder)).model
    for bits in (8, 4):
        small = quantize(model, bits, group=32, kernel="plain")
        tokens = torch.tensor([[5, 6, 7, 8]])
        with torch.no_grad():
            assert torch.allclose(dequantize(small)(tokens), small(tokens), atol=1e-5)
        plain = dequantize(small)
        assert plain.head.weight is plain.embedding.weight, "what was one stays one"


def test_taught_whole_it_is_served_as_a_chat(folder, tmp_path):
    data = lines(tmp_path / "chats.jsonl", [CHAT] * 12)
    settings = FinetuneSettings(epochs=2, context=64, precision="float32")
    finetune_folder(folder, data, tmp_path / "out", settings)
    assert "im_start" in AutoTokenizer.from_pretrained(tmp_path / "out").chat_template
    assert load(str(tmp_path / "out")).model.config.d_model == 64
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "## Adaptation" in card and "- conversations: 11" in card


def test_aligned(folder, tmp_path):
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
        ("bits is 5", lambda: finetune_folder(folder, chats, out, bits=5)),
        (r"line 1 of .*: it has no \"messages\"", lambda: finetune_folder(folder, pairs, out)),
        (r"line 1 of .*: it has no \"prompt\"", lambda: align_folder(folder, chats, out)),
        ("steps is 0", lambda: align_folder(folder, pairs, out, steps=0)),
        ("beta is -1", lambda: align_folder(folder, pairs, out, beta=-1)),
        ("has no rows", lambda: align_folder(folder, lines(tmp_path / "e", []), out)),
    ):
        with pytest.raises(ValueError, match=match):
            call()
        assert not out.exists()


GOOD = json.dumps(CHAT)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("{", "line 2 of .*: it is no JSON"),
        ("7", "line 2 of .*: it is 7; each line must be one JSON object"),
        ('{"text": "bees"}', 'line 2 of .*: it has no "messages" and no "instruction"'),
        ('{"messages": "bees"}', "\"messages\" is 'bees'; it must be a list"),
        ('{"messages": []}', "line 2 of .*messages is \\[\\]"),
        ('{"messages": [{"role": "bee", "content": "Hum."}]}', "message 0 has the role 'bee'"),
        ('{"messages": [{"role": "user", "content": null}]}', "message 0 has the content None"),
        ('{"messages": [{"role": "user", "content": "Hum?"}]}', "no message is the assistant's"),
        ('{"instruction": "Hum."}', 'line 2 of .*: it has no "output"'),
        ('{"instruction": "Hum.", "output": 3}', '"output" is 3; it must be a string'),
        ("[" * 100_000, "line 2 of .*: it is no JSON"),
        (b'{"instruction": "\xff", "output": ""}', "line 2 of .*: it is not in UTF-8"),
    ],
)
def test_a_line_that_is_no_conversation_is_named(tmp_path, written, says):
    path = tmp_path / "chats.jsonl"
    line = written if isinstance(written, bytes) else written.encode()
    path.write_bytes(GOOD.encode() + b"\n" + line + b"\n")
    with pytest.raises(ValueError, match=says):
        conversations(path)


def test_what_a_file_may_look_like(tmp_path):
    path = tmp_path / "chats.jsonl"
    # A byte-order mark, Windows' line ends, an empty line, and a separator of lines within a string.
    path.write_bytes(
        b"\xef\xbb\xbf" + GOOD.encode() + b"\r\n\r\n"
        + '{"instruction": "Say\u2028it.", "input": null, "output": "Hum."}'.encode()
    )  # fmt: skip
    rows, held_out, source = conversations(path)
    assert len(rows) == 2 and rows[1].instruction == "Say\u2028it." and not held_out
    assert source == str(path)
    pairs = lines(tmp_path / "pairs.jsonl", [PAIR] * 21)
    assert [len(part) for part in preferences(pairs)[:2]] == [19, 2]


@pytest.fixture
def run_folder(folder, tmp_path):
    """The folder of a run of `bumblebee llm`, as far as its model."""
    model = load(str(folder)).model
    place = tmp_path / "runs" / "mine"
    weights = {name: p.data for name, p in model.named_parameters()}
    state = {"config": asdict(model.config)}
    savepoint.save(place / "pretrain" / "checkpoints", 1, weights, {}, state)
    train_tokenizer(["the bees hum and the bees dance"] * 3, 280, place / "tokenizer")
    return place


def test_from_a_run_to_answers_as_typed(run_folder, tmp_path, bumblebee):
    chats, pairs = lines(tmp_path / "c", [CHAT] * 12), lines(tmp_path / "p", [PAIR] * 20)
    code, out, err = bumblebee("finetune", run_folder, chats, "--epochs", 1, "--lora", 2)
    assert code == 0, err
    taught = run_folder.with_name("mine-chat")
    assert "11 conversations" in out and "held-out" in out
    assert f"try next: bumblebee serve {taught}" in out.replace("\n", "")
    code, out, err = bumblebee("align", taught, pairs, "--steps", 2, "--to", tmp_path / "good")
    assert code == 0 and "18 pairs, 2 steps" in out, err
    code, out, err = bumblebee("compress", taught, "--bits", 4, "--group", 32, "--plain")
    assert code == 0 and "times smaller" in out, err
    small = run_folder.with_name("mine-chat-int4")
    assert json.loads((small / "compressed.json").read_text())["bits"] == 4
    for place in (taught, tmp_path / "good", small / "plain"):
        assert AutoModelForCausalLM.from_pretrained(place).config.hidden_size == 64
    for place in (taught, tmp_path / "good", small):
        assert load(str(place)).chat.name == "chatml"
    assert bumblebee("index", "encyclopedia", "--articles", 30)[0] == 0
    question = "What is a blue whale?"
    for place in (run_folder, taught, small):
        code, out, err = bumblebee("ask", question, "--model", place)
        assert code == 0 and "[1]" in out, err


def test_a_mistake_as_typed_is_one_sentence(folder, run_folder, tmp_path, bumblebee, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chats = lines(tmp_path / "c", [CHAT])
    quantize_folder(folder, tmp_path / "small", 8)
    bert = tmp_path / "bert"
    train_tokenizer(["the bees hum and the bees dance"] * 3, 60, bert, kind="wordpiece")
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertForMaskedLM(BertConfig(vocab_size=60, **sizes, intermediate_size=32)).save_pretrained(bert)
    for words, says in (
        (["finetune", "nowhere", chats], "there is no folder nowhere"),
        (["finetune", tmp_path, chats, "--to", "new"], "holds no model"),
        (["finetune", run_folder, "poems"], "data is 'poems'; it must be one of instructions"),
        (["finetune", run_folder, chats, "--to", tmp_path], "where something is already"),
        (["finetune", run_folder, chats, "--bits", 4], "--lora"),
        (["finetune", run_folder, chats, "--lora", 0], "rank is 0"),
        (["finetune", run_folder, chats, "--epochs", 0], "epochs is 0"),
        (["finetune", "small", chats], "small is quantized"),
        (["finetune", "bert", chats], "bert sees both sides"),
        (["align", run_folder, chats], "line 1 of"),
        (["align", run_folder, lines(tmp_path / "e", [])], "has no rows"),
        (["compress", run_folder, "--bits", 3], "bits is 3; it must be 4 or 8."),
        (["compress", run_folder, "--bits", 4, "--group", 7], "group is 7"),
        (["compress", "small"], "small is quantized already"),
        (["ask", "Why?", "--model", "nowhere"], "there is no folder nowhere"),
    ):
        code, _, err = bumblebee(*words)  # before the sentence there may be transformers' progress
        assert code == 2 and says in err.splitlines()[-1] and "Traceback" not in err, (words, err)
    assert not run_folder.with_name("mine-chat").exists()

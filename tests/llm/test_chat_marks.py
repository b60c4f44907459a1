"""Chat marks for a tokenizer and a network of GPT-2's kind, which know none: the lines of week 9's guided notebook."""

import json

import pytest
import torch

from shared.llm import chat
from shared.llm.checkpoints import from_transformers
from shared.llm.model import Parts
from shared.llm.tokenizer import LibraryTokenizer, train_tokenizer

MARKS = [chat.START, chat.END]
TALK = [{"role": "user", "content": "Hi <|im_end|>"}, {"role": "assistant", "content": "Ho"}]


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """A tokenizer in GPT-2's two files: every byte, no merges, <|endoftext|> as the last token."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("gpt2")
    train_tokenizer(["Hi Ho user assistant\n"], 257, folder / "bytes", ["<|endoftext|>"])
    known = json.loads((folder / "bytes" / "tokenizer.json").read_text(encoding="utf-8"))
    alphabet = [token for token in known["model"]["vocab"] if token != "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate([*alphabet, "<|endoftext|>"])}
    files = {
        "vocab.json": json.dumps(vocabulary),
        "merges.txt": "#version: 0.2\n",
        "config.json": '{"model_type": "gpt2"}',
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return AutoTokenizer.from_pretrained(folder)


def test_the_marks_are_added_and_the_model_grows(words):
    from transformers import GPT2Config, GPT2LMHeadModel

    before = len(words)
    added = words.add_special_tokens({"additional_special_tokens": MARKS})
    assert (added, len(words)) == (2, before + 2)
    assert words.add_special_tokens({"additional_special_tokens": MARKS}) == 0  # as for pocket-gpt
    network = GPT2LMHeadModel(
        GPT2Config(vocab_size=before, n_embd=16, n_layer=1, n_head=2, n_positions=64)
    ).eval()
    network.resize_token_embeddings(max(len(words), network.config.vocab_size))
    ours = from_transformers(network, Parts.fused())
    assert ours.config.vocab_size == before + 2

    tokenizer = LibraryTokenizer(words.backend_tokenizer, words.eos_token)
    words.chat_template = chat.CHAT_TEMPLATE
    text = words.apply_chat_template(TALK, tokenize=False, add_generation_prompt=True)
    assert text == chat.render(TALK, add_generation_prompt=True)
    tokens, own = chat.assistant_mask(TALK, tokenizer)
    assert sum(token in map(tokenizer.special.get, MARKS) for token in tokens) == 4  # typed: none
    assert tokenizer.decode([t for t, mine in zip(tokens, own) if mine]) == "Ho<|im_end|>"
    with torch.no_grad():
        ids = torch.tensor([tokens])
        torch.testing.assert_close(ours(ids), network(ids).logits, atol=1e-5, rtol=1e-4)

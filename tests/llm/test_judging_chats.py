"""Answers to the last turn of conversations, checked by a program."""

import pytest
import torch

from shared.data.rows import Conversation, Message
from shared.llm import chat
from shared.llm.config import gpt2
from shared.llm.judging.chats import answers, asked, passed
from shared.llm.model import LanguageModel, Parts
from shared.llm.serve.chat_forms import plain
from shared.llm.tokenizer import load_tokenizer, train_tokenizer
from shared.llm.writing.cache import KVCache
from shared.llm.writing.generate import Sampling, generate_tokens
from shared.llm.writing.sampling import sample

TALK = Conversation(
    "1",
    (
        Message("user", "Hi"),
        Message("assistant", "Ho"),
        Message("user", "2 + 2?"),
        Message("assistant", "4"),
    ),
    "sums",
    {"type": "number", "value": 4},
)
FREE = TALK._replace(kind="talk", check=None)
PLACE = TALK._replace(kind="places", check={"type": "contains", "value": "Rome"})


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(["user assistant Hi Ho Rome\n" * 50], 270, folder)
    return load_tokenizer(folder)


@pytest.fixture(scope="module")
def model(tokenizer):
    torch.manual_seed(0)
    config = gpt2(tokenizer.vocab_size, max_length=64, d_model=16, n_layers=1, n_heads=2)
    return LanguageModel(config, Parts.fused()).eval()


def test_the_last_answer_is_not_shown():
    assert [message["content"] for message in asked(TALK)] == ["Hi", "Ho", "2 + 2?"]


def test_answers_are_what_is_written_after_the_opened_turn(model, tokenizer):
    settings = Sampling(max_tokens=6, temperature=0)
    found = answers(model, tokenizer, [TALK, FREE], settings)
    prompt = chat.encode(asked(TALK), tokenizer, add_generation_prompt=True)
    (alone,) = generate_tokens(model, [prompt], settings, eos_id=tokenizer.special["<|im_end|>"])
    assert found[0].tokens == found[1].tokens == alone.tokens
    assert found[0].text == tokenizer.decode(alone.tokens)
    with_pieces = answers(model, tokenizer, [TALK], settings, sample=sample, cache=KVCache)
    assert with_pieces[0].tokens == alone.tokens


def test_a_model_that_ends_its_turn(model, tokenizer):
    """The head's row of the end mark is made the largest: the answer is empty and ended by the model."""
    with torch.no_grad():
        kept = model.head.weight.clone()
        hidden = model.hidden(torch.tensor([chat.encode(asked(TALK), tokenizer, True)]))[0, -1]
        model.head.weight[tokenizer.special["<|im_end|>"]] = hidden
        (found,) = answers(model, tokenizer, [TALK])
        model.head.weight.copy_(kept)
    assert (found.text, found.reason) == ("", "stop")


def test_a_transcript_ends_where_the_next_speaker_begins(model, tokenizer):
    class Scripted:
        """A model's choice, written beforehand."""

        def __init__(self, text):
            self.tokens = tokenizer.encode(text)

        def __call__(self, logits, **settings):
            return torch.tensor([self.tokens.pop(0)])

    script = Scripted(" Four.\nUser: And 3 + 3?")
    (found,) = answers(model, tokenizer, [TALK], form=plain(tokenizer), sample=script)
    assert (found.text, found.reason) == (" Four.", "stop")


def test_passed_counts_by_kind():
    rows = [TALK, TALK, FREE, PLACE]
    assert passed(rows, ["It is 4.", "5", "anything", "In Rome."]) == {
        "places": (1, 1),
        "sums": (1, 2),
        "all": (2, 3),
    }
    assert passed([FREE], ["x"]) == {"all": (0, 0)}
    with pytest.raises(ValueError, match="1 answers to 2"):
        passed([TALK, FREE], ["4"])

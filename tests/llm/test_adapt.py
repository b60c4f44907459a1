"""Fine-tuning, heads for classes, distillation: beside each alone, transformers' head and torch's losses."""

import pytest
import torch
from torch import nn

from shared.data.rows import Conversation, Instruction, Message
from shared.llm.adapting.adapt import (
    Classifier,
    FinetuneSettings,
    classification_head,
    distillation_loss,
    finetune,
)
from shared.llm.adapting.learn import learn, shuffled
from shared.llm.adapting.lora import LoRALinear
from shared.llm.adapting.sft import Example, example, messages_of, pack_examples, sft_loss
from shared.llm.config import bert, gpt2, qwen3
from shared.llm.model import LanguageModel, Parts
from shared.llm.writing.generate import Sampling, generate_tokens

CONFIGS = {
    "qwen3": qwen3(
        260, d_model=32, n_layers=2, n_heads=2, n_kv_heads=1, d_head=16, d_hidden=64, max_length=128
    ),
    "gpt2": gpt2(260, d_model=32, n_layers=2, n_heads=2, max_length=128),
}
CHAT = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Yes"},
    {"role": "user", "content": "?"},
    {"role": "assistant", "content": "No"},
]


class Bytes:
    """Bytes, and the marks of a chat behind them."""

    vocab_size, eos_id = 260, 256

    def __init__(self):
        marks = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>")
        self.special = {mark: 256 + number for number, mark in enumerate(marks)}

    def encode(self, text, special=True):
        return list(text.encode())

    def encode_batch(self, texts, special=True):
        return [self.encode(text) for text in texts]

    def decode(self, ids):
        return bytes(i for i in ids if i < 256).decode("utf-8", "replace")


@pytest.fixture(params=CONFIGS)
def model(request):
    torch.manual_seed(0)
    return LanguageModel(CONFIGS[request.param], Parts.fused())


def test_only_the_assistants_tokens_are_its_own():
    tokens, own = example(CHAT, Bytes())
    assert bytes(t for t, o in zip(tokens, own) if o and t < 256) == b"YesNo"
    assert sum(own) == 7  # with the two marks by which it ends


def test_rows_of_the_courses_data():
    said = [Message("user", "a"), Message("assistant", "b")]
    assert messages_of(Conversation("1", tuple(said))) == messages_of(
        Instruction("1", "a", "", "b")
    )
    assert messages_of({"messages": CHAT}) == messages_of(CHAT) == CHAT
    assert messages_of(Instruction("1", "a", "x", "b"))[0]["content"] == "a\n\nx"
    with pytest.raises(ValueError, match="message 0 has the role 'bee'"):
        messages_of([{"role": "bee", "content": "Sum."}])


def random_examples(n=9):
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(4, 20, (n,), generator=generator).tolist()
    return [
        Example(
            torch.randint(0, 250, (length,), generator=generator).tolist(),
            [
                False,
                False,
                *(torch.rand(length - 2, generator=generator) < 0.6).tolist()[:-1],
                True,
            ],
        )
        for length in lengths
    ]


def test_a_packed_conversation_gets_the_loss_that_it_gets_alone(model):
    examples, total, count = random_examples(), 0.0, 0
    packed = pack_examples(examples, 32)
    assert len(packed.inputs) < len(examples)
    for one in examples:
        logits = model(torch.tensor([one.tokens[:-1]]))[0]
        own = torch.tensor(one.own[1:])
        targets = torch.tensor(one.tokens[1:]).masked_fill(~own, -100)
        total = total + nn.functional.cross_entropy(logits, targets, reduction="sum")
        count += own.sum()
    alone = torch.autograd.grad(total / count, model.parameters())
    loss = sft_loss(model, packed)
    together = torch.autograd.grad(loss, model.parameters())
    torch.testing.assert_close(loss, total / count)
    for a, b in zip(alone, together):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-3)


def test_every_token_is_packed_once_and_nothing_crosses_a_border():
    examples = random_examples(40)
    packed = pack_examples(examples, 24)
    pairs = sorted(p for e in examples for p in zip(e.tokens, e.tokens[1:], e.own[1:]))
    here = packed.documents >= 0
    found = zip(*(t[here].tolist() for t in (packed.inputs, packed.targets, packed.own)))
    assert sorted(found) == pairs
    assert here.float().mean() > 0.85
    begins = packed.positions == 0
    assert (begins & here).sum() == 40


def test_long_ones_are_cut_and_silent_ones_left_out():
    silent = Example([1, 2, 3], [False] * 3)
    late = Example(list(range(50)), [False] * 49 + [True])
    packed = pack_examples([silent, late, Example(list(range(50)), [True] * 50)], 10)
    assert packed.inputs.tolist() == [list(range(10))]
    with pytest.raises(ValueError, match="none of the 2 examples"):
        pack_examples([silent, late], 10)


def test_fine_tuning_learns_to_answer_and_to_stop(model):
    answers = {"bee": "buzz", "cat": "meow", "dog": "woof"}
    rows = [
        [{"role": "user", "content": q}, {"role": "assistant", "content": a}]
        for q, a in answers.items()
    ]
    settings = FinetuneSettings(epochs=60, batch_size=2, context=32, lr=1e-2, precision="float32")
    record = finetune(model, Bytes(), rows, settings, held_out=rows)
    assert record["held_out_loss"] < 0.1 < record["held_out_loss_before"]
    for question, answer in answers.items():
        prompt = [257, *b"user\n", *question.encode(), 258, *b"\n", 257, *b"assistant\n"]
        written = generate_tokens(model, [prompt], Sampling(temperature=0, max_tokens=9), 258)[0]
        assert bytes(written.tokens).decode() == answer and written.reason == "stop"


def test_by_lora_only_the_small_layers_learn(model):
    before = {name: t.clone() for name, t in model.state_dict().items()}
    settings = FinetuneSettings(epochs=5, context=32, lora_rank=2, precision="float32")
    record = finetune(model, Bytes(), [CHAT], settings)
    assert record["last_loss"] < record["first_loss"]
    layers = [m for m in model.modules() if isinstance(m, LoRALinear)]
    assert record["trained_parameters"] == sum(m.a.numel() + m.b.numel() for m in layers) > 0
    for name, tensor in model.state_dict().items():
        if name.endswith((".a", ".b")):
            continue
        assert torch.equal(tensor, before[name.replace(".base.", ".")]), name


def test_the_head_for_classes_is_transformers():
    from transformers import GPT2Config, GPT2ForSequenceClassification

    from shared.llm.checkpoints import from_transformers

    config = GPT2Config(
        vocab_size=101, n_positions=64, n_embd=48, n_layer=2, n_head=4, num_labels=3, pad_token_id=0
    )
    theirs = GPT2ForSequenceClassification(config).eval()
    from transformers import GPT2LMHeadModel

    whole = GPT2LMHeadModel(config).eval()
    whole.transformer.load_state_dict(theirs.transformer.state_dict())
    ours = Classifier(from_transformers(whole), 3).eval()
    with torch.no_grad():
        ours.weight.copy_(theirs.score.weight)
        tokens = torch.randint(1, 101, (3, 10), generator=torch.Generator().manual_seed(0))
        real = torch.arange(10) < torch.tensor([10, 4, 7])[:, None]
        tokens = tokens * real
        expected = theirs(tokens, attention_mask=real.long()).logits
        torch.testing.assert_close(ours(tokens, real), expected, atol=1e-4, rtol=1e-4)


def test_pooling():
    hidden, weight, bias = torch.randn(2, 5, 4), torch.randn(3, 4), torch.randn(3)
    real = torch.tensor([[True] * 5, [True, True, False, False, False]])
    for pooling, pooled in (
        ("first", hidden[:, 0]),
        ("mean", torch.stack([hidden[0].mean(0), hidden[1, :2].mean(0)])),
        ("last", torch.stack([hidden[0, 4], hidden[1, 1]])),
    ):
        expected = nn.functional.linear(pooled, weight, bias)
        found = classification_head(hidden, weight, bias, real, pooling)
        torch.testing.assert_close(found, expected)
    with pytest.raises(ValueError, match="pooling is 'max'"):
        classification_head(hidden, weight, bias, pooling="max")
    assert (
        Classifier(LanguageModel(bert(9, d_model=8, n_layers=1, n_heads=1)), 2).pooling == "first"
    )


def test_distillation_is_torchs_two_losses():
    torch.manual_seed(0)
    student, teacher = torch.randn(2, 6, 11)
    student.requires_grad_()
    targets = torch.randint(0, 11, (6,))
    kl = nn.functional.kl_div(
        torch.log_softmax(student / 3, -1), torch.softmax(teacher / 3, -1), reduction="batchmean"
    )
    expected = 0.3 * nn.functional.cross_entropy(student, targets) + 0.7 * 9 * kl
    found = distillation_loss(student, teacher, targets, 3.0, 0.7)
    torch.testing.assert_close(found, expected)
    (a,) = torch.autograd.grad(found, student)
    (b,) = torch.autograd.grad(expected, student)
    torch.testing.assert_close(a, b)
    assert distillation_loss(teacher, teacher, targets, soft=1.0).abs() < 1e-6


def test_batches_are_seeded_and_see_every_row_once():
    batch = shuffled(10, 4, seed=3)
    assert torch.cat([batch(s) for s in range(3)]).sort().values.tolist() == list(range(10))
    assert torch.equal(batch(4), shuffled(10, 4, seed=3)(4))
    assert not torch.equal(batch(0), batch(3))


def test_bad_input_is_refused(model):
    with pytest.raises(ValueError, match="epochs is 0"):
        FinetuneSettings(epochs=0)
    with pytest.raises(ValueError, match="lr is -1"):
        FinetuneSettings(lr=-1)
    with pytest.raises(ValueError, match="steps is 0"):
        learn(model, lambda step: torch.zeros(()), 0)
    with pytest.raises(ValueError, match="no parameter"):
        learn(nn.Linear(2, 2).requires_grad_(False), lambda step: torch.zeros(()), 1)
    with pytest.raises(ValueError, match="after 0 steps the loss is nan"):
        learn(model, lambda step: torch.tensor(float("nan")), 1)

"""Preferences and rewards: DPO beside trl, formulas, and gains on a task that a program judges."""

import copy
from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch

from shared.data.rows import Preference
from shared.llm.adapting import sorting_task as task
from shared.llm.adapting.grpo import (
    GRPOSettings,
    divergence_from,
    group_advantages,
    kl_estimate,
    mean_reward,
    policy_loss,
    train_grpo,
    write_answers,
)
from shared.llm.adapting.preferences import (
    RewardModel,
    Texts,
    bradley_terry_loss,
    dpo_loss,
    in_batches,
    log_probabilities,
    pad,
    preference_texts,
    train_dpo,
    train_reward,
)
from shared.llm.adapting.sft import Example
from shared.llm.config import qwen3
from shared.llm.model import LanguageModel
from tests.llm.test_adapt import Bytes

CONFIG = qwen3(31, d_model=16, n_layers=1, n_heads=2, n_kv_heads=1, d_head=8, d_hidden=32)


def some_texts(n=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    examples = []
    for length in range(5, 5 + n):
        tokens = torch.randint(0, 31, (length,), generator=generator).tolist()
        examples.append(Example(tokens, [False] * 3 + [True] * (length - 3)))
    return pad(examples)


def a_model(seed=0):
    torch.manual_seed(seed)
    model = LanguageModel(CONFIG).eval()
    model.start_weights(0.3)
    return model


def test_log_probabilities_are_those_of_each_text_alone():
    model, texts = a_model(), some_texts()
    found = log_probabilities(model, texts)
    for row in range(4):
        tokens = texts.tokens[row][texts.real[row]]
        spread = torch.log_softmax(model(tokens[None, :-1])[0], -1)
        alone = sum(spread[i - 1, tokens[i]] for i in range(3, len(tokens)))
        torch.testing.assert_close(found[row], alone)
    torch.testing.assert_close(in_batches(model, texts, log_probabilities, 3), found.detach())


def test_dpo_by_its_formula_and_gradient():
    torch.manual_seed(0)
    chosen, rejected, of_chosen, of_rejected = torch.randn(4, 6, dtype=torch.float64)
    chosen.requires_grad_()
    loss = dpo_loss(chosen, rejected, of_chosen, of_rejected, beta=0.3)
    margin = 0.3 * ((chosen - of_chosen) - (rejected - of_rejected))
    torch.testing.assert_close(loss, torch.log(1 + torch.exp(-margin)).mean())
    (grad,) = torch.autograd.grad(loss, chosen)
    torch.testing.assert_close(grad, -0.3 * torch.sigmoid(-margin) / 6)  # 2305.18290, section 4
    at_first = dpo_loss(of_chosen, of_rejected, of_chosen, of_rejected)
    assert at_first.item() == pytest.approx(0.6931472)


def test_dpo_is_trls():
    """trl's own loss, called with our log-probabilities in the place of its model's."""
    pytest.importorskip("trl")
    from trl import DPOTrainer

    if not hasattr(DPOTrainer, "_compute_loss"):
        pytest.skip("this version of trl computes its loss elsewhere")
    model, reference = a_model(0), a_model(1)
    better, worse = some_texts(), some_texts(seed=1)
    both = Texts(*(torch.cat(pair) for pair in zip(better, worse)))  # trl: chosen, then rejected
    with torch.no_grad():
        of_reference = log_probabilities(reference, both)

    def theirs(input_ids, **more):
        logits = model(input_ids[:, :-1])
        spread = torch.log_softmax(logits, -1)
        log_probs = spread.gather(-1, input_ids[:, 1:, None]).squeeze(-1) * both.own[:, 1:]
        entropy = -(spread.exp() * spread).sum(-1)
        is_top1 = logits.argmax(-1) == input_ids[:, 1:]
        return SimpleNamespace(
            log_probs=log_probs, entropy=entropy, mean_logits=logits.mean(-1), is_top1=is_top1
        )

    theirs.training = True
    same = SimpleNamespace(device="cpu", gather=lambda t: t, gather_for_metrics=lambda t: t)
    trainer = SimpleNamespace(
        model=theirs, accelerator=same, aux_loss_enabled=False, ld_alpha=None, beta=0.3,
        precompute_ref_logps=True, f_divergence_type="reverse_kl", loss_types=["sigmoid"],
        loss_weights=[1.0], label_smoothing=0.0, use_weighting=False, _total_train_tokens=0,
        _tp_size=1, _metrics={"train": defaultdict(list)},
    )  # fmt: skip
    inputs = {
        "input_ids": both.tokens,
        "attention_mask": both.real.long(),
        "completion_mask": both.own.long(),
        "ref_chosen_logps": of_reference[:4],
        "ref_rejected_logps": of_reference[4:],
    }
    expected = DPOTrainer._compute_loss(trainer, theirs, inputs, False)
    now = [log_probabilities(model, texts) for texts in (better, worse)]
    loss = dpo_loss(*now, of_reference[:4], of_reference[4:], beta=0.3)
    torch.testing.assert_close(loss, expected)
    pairs = (torch.autograd.grad(value, model.parameters()) for value in (loss, expected))
    for ours, others in zip(*pairs):
        torch.testing.assert_close(ours, others, atol=1e-6, rtol=1e-4)


def test_bradley_terry_is_a_logistic_regression_of_the_difference():
    torch.manual_seed(0)
    chosen, rejected = torch.randn(2, 7)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        chosen - rejected, torch.ones(7)
    )
    torch.testing.assert_close(bradley_terry_loss(chosen, rejected), expected)


def test_a_reward_reads_the_last_real_token():
    judge, texts = RewardModel(a_model()), some_texts()
    found = judge(texts)
    for row in range(4):
        alone = Texts(*(t[row][texts.real[row]][None] for t in texts))
        torch.testing.assert_close(judge(alone)[0], found[row])


def test_preferences_as_texts():
    rows = [Preference("1", "Hi", "Good day", "Go"), Preference("2", "x" * 99, "a", "b")]
    better, worse = preference_texts(rows, Bytes(), 60)
    assert len(better.tokens) == 1
    assert bytes(better.tokens[better.own].tolist()[:-1]) == b"Good day"
    assert bytes(worse.tokens[worse.own].tolist()[:-1]) == b"Go"
    with pytest.raises(ValueError, match="none of the 2 pairs"):
        preference_texts(rows, Bytes(), 9)


def test_advantages():
    rewards = torch.tensor([[1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    found = group_advantages(rewards)
    torch.testing.assert_close(found[0], torch.tensor([1.0, -1, -1, 1]) * 0.866, atol=1e-3, rtol=0)
    assert found[1].eq(0).all()


def test_at_first_the_gradient_is_that_of_reinforce_and_clipping_ends_it():
    torch.manual_seed(0)
    old, advantages = torch.randn(3, 4), torch.tensor([1.0, -2.0, 0.5])
    new = old.clone().requires_grad_()
    (grad,) = torch.autograd.grad(policy_loss(new, old, advantages).sum(), new)
    torch.testing.assert_close(grad, -advantages[:, None].expand(3, 4))
    for change, moves in ((0.5, [False, True, False]), (-0.5, [True, False, True])):
        new = (old + change).requires_grad_()
        (grad,) = torch.autograd.grad(policy_loss(new, old, advantages).sum(), new)
        assert grad.ne(0).all(1).tolist() == moves  # it may always go back


def test_grpo_is_trls():
    """trl's own loss on given log-probabilities: clipped gains, leash, the mean over all tokens of answers."""
    pytest.importorskip("trl")
    from trl import GRPOTrainer

    torch.manual_seed(0)
    new, old, reference = (-torch.rand(5, 7) - 0.05 for _ in range(3))
    own, advantages = torch.rand(5, 7) < 0.8, torch.randn(5)
    new.requires_grad_()

    def log_probabilities_of(*inputs, **more):
        return new, torch.zeros_like(new), torch.zeros(())

    same = SimpleNamespace(gather=lambda t: t, reduce=lambda t, reduction: t)
    trainer = SimpleNamespace(
        _get_per_token_logps_and_entropies=log_probabilities_of, aux_loss_enabled=False,
        top_entropy_quantile=1.0, off_policy_mask_threshold=None, importance_sampling_level="token",
        beta=0.3, args=SimpleNamespace(use_bias_correction_kl=False, delta=None), loss_type="bnpo",
        epsilon_low=0.2, epsilon_high=0.2, use_vllm=False, model=SimpleNamespace(training=True),
        current_gradient_accumulation_steps=1, _entropy_bonus_enabled=False, accelerator=same,
        _metrics={"train": defaultdict(list)},
    )  # fmt: skip
    inputs = {
        "prompt_ids": torch.zeros(5, 1).long(),
        "prompt_mask": torch.ones(5, 1).long(),
        "completion_ids": torch.zeros(5, 7).long(),
        "completion_mask": own.long(),
        "advantages": advantages,
        "old_per_token_logps": old,
        "ref_per_token_logps": reference,
    }
    try:
        expected = GRPOTrainer._compute_loss(trainer, None, inputs)
    except (AttributeError, TypeError) as error:
        pytest.skip(f"this version of trl asks its trainer for more: {error}")
    loss = (policy_loss(new, old, advantages) + 0.3 * kl_estimate(new, reference))[own].mean()
    torch.testing.assert_close(loss, expected)
    ours, theirs = (torch.autograd.grad(value, new)[0] for value in (loss, expected))
    torch.testing.assert_close(ours, theirs)


def test_the_estimate_of_the_divergence_is_right_in_the_mean():
    p, q = torch.randn(2, 9, generator=torch.Generator().manual_seed(0)).double()
    p, q = torch.log_softmax(p, -1), torch.log_softmax(q, -1)
    estimate = kl_estimate(p, q)
    assert estimate.min() >= 0
    torch.testing.assert_close((p.exp() * estimate).sum(), (p.exp() * (p - q)).sum())


def test_grpo_at_work_begins_at_the_reference():
    model, settings = task.new_model(), GRPOSettings(3, prompts=4, max_tokens=task.MAX_TOKENS)
    history = train_grpo(model, task.draw_prompts, lambda p, a: len(a), task.END, settings)
    assert history[0]["kl"] == pytest.approx(0, abs=1e-6) and history[-1]["kl"] > 0
    assert all(1 <= told["length"] <= task.MAX_TOKENS for told in history)


def test_answers_end_and_repeat_themselves():
    model = task.new_model()
    prompts = [[1, 2, task.EQUALS], [5, task.EQUALS]]
    first, again = (
        write_answers(model, prompts, task.END, 9, generator=torch.Generator().manual_seed(3))
        for _ in range(2)
    )
    assert first == again
    assert all(len(a) == 9 or a[-1] == task.END for a in first)
    assert all(task.END not in a[:-1] for a in first)


def test_the_task():
    generator = torch.Generator().manual_seed(0)
    prompt = [3, 1, 0, 2, 5, 5, task.EQUALS]
    assert task.spell(prompt) == "dbacff=" and task.spell(task.right_answer(prompt)) == "abcdff"
    assert task.reward(prompt, [0, 1, 2, 3, 5, 5]) == 1 and task.reward(prompt, [0, 1]) == 0
    seen, held_out = (task.draw_prompts(200, generator, h) for h in (False, True))
    assert {sum(p[:-1]) % 5 for p in held_out} == {0} and 0 not in {sum(p[:-1]) % 5 for p in seen}


@pytest.fixture(scope="module")
def half_taught():
    model = task.new_model(0)
    task.first_lessons(model, LESSONS, 0)
    return model


LESSONS = 100


def judged(model):
    prompts = task.draw_prompts(300, torch.Generator().manual_seed(9), held_out=True)
    return mean_reward(model, prompts, task.reward, task.END, task.MAX_TOKENS)


@pytest.mark.slow
def test_grpo_gains_on_held_out_prompts(half_taught):
    model = copy.deepcopy(half_taught)
    settings = GRPOSettings(45, epochs=2, warmup_steps=10, max_tokens=task.MAX_TOKENS)
    history = train_grpo(model, task.draw_prompts, task.reward, task.END, settings)
    assert judged(model) > judged(half_taught) + 0.05
    assert history[0]["kl"] == pytest.approx(0, abs=1e-6) and history[-1]["kl"] > 0
    prompts = task.draw_prompts(50, torch.Generator().manual_seed(9), held_out=True)
    moved = divergence_from(model, half_taught, prompts, task.END, task.MAX_TOKENS)
    assert 0 < moved < 20
    assert divergence_from(model, model, prompts, task.END, task.MAX_TOKENS) == 0


def test_dpo_and_a_reward_model_learn_from_pairs(half_taught):
    better, worse = task.pairs(half_taught, 192, 0)
    model = copy.deepcopy(half_taught)
    losses = train_dpo(model, better, worse, 50, 3e-4, 0.3, 32, keep=1.0)
    assert losses[-1] < losses[0]
    assert judged(model) > judged(half_taught)
    judge = RewardModel(copy.deepcopy(half_taught))
    losses = train_reward(judge, better, worse, 80, 1e-3)
    assert sum(losses[-5:]) / 5 < 0.6 < losses[0]


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="group is 1; it must be at least 2"):
        GRPOSettings(group=1)
    with pytest.raises(ValueError, match="nearly always wrong"):
        task.pairs(task.new_model(), 8)

"""What alignment gains on a task that a program can judge (sorting six letters), on held-out prompts, over three seeds.

    python bench/align.py [--lessons 100] [--steps 150] [--seeds 3]

A small model gets a few supervised lessons. From there, each by itself: more lessons are not given, but DPO on pairs of
its own answers (one right, one wrong), and GRPO with the reward 1 for a right answer. A reward model is trained on the
same pairs; its share of held-out pairs in the right order stands beside them. KL: nats for each answer, from the model
after its lessons. Exit status 1 where DPO or GRPO gains nothing on any of the seeds.
"""

import argparse
import copy
import sys
import time

import torch

from shared.llm.adapting import sorting_task as task
from shared.llm.adapting.grpo import GRPOSettings, divergence_from, mean_reward, train_grpo
from shared.llm.adapting.preferences import RewardModel, in_batches, train_dpo, train_reward
from shared.llm.model import LanguageModel


class Table:
    """The lines of one seed: each model on the same held-out prompts."""

    def __init__(self, seed: int, base: LanguageModel) -> None:
        self.seed, self.base, self.drawn = seed, base, {}
        generator = torch.Generator().manual_seed(99)
        self.prompts = task.draw_prompts(500, generator, held_out=True)

    def line(self, name: str, model: LanguageModel, started: float) -> None:
        seconds, ending = time.perf_counter() - started, (task.END, task.MAX_TOKENS)
        drawn, likeliest = (
            mean_reward(model, self.prompts, task.reward, *ending, temperature=t)
            for t in (1.0, 0.0)
        )
        kl = divergence_from(model, self.base, self.prompts, *ending)
        self.drawn[name] = drawn
        print(
            f"{self.seed:4}  {name:8}  {drawn:12.1%}   {likeliest:16.1%}   {kl:8.3f}   {seconds:7.1f}",
            flush=True,
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lessons", type=int, default=100)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--pairs", type=int, default=1024)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--lr", type=float, default=3e-4)
    chosen = parser.parse_args()
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, {chosen}")
    print("seed  model     right, drawn   right, likeliest   KL, nats   seconds")
    fell_short = False
    for seed in range(chosen.seeds):
        started = time.perf_counter()
        base = task.new_model(seed)
        task.first_lessons(base, chosen.lessons, seed)
        show = Table(seed, base)
        show.line("lessons", base, started)
        started = time.perf_counter()
        better, worse = task.pairs(base, chosen.pairs, seed)
        by_dpo = copy.deepcopy(base)
        train_dpo(by_dpo, better, worse, chosen.steps, chosen.lr, 0.3, 32, seed, keep=1.0)
        show.line("DPO", by_dpo, started)
        started = time.perf_counter()
        by_grpo = copy.deepcopy(base)
        settings = GRPOSettings(
            steps=chosen.steps, epochs=2, lr=chosen.lr, max_tokens=task.MAX_TOKENS, seed=seed
        )
        train_grpo(by_grpo, task.draw_prompts, task.reward, task.END, settings)
        show.line("GRPO", by_grpo, started)
        started = time.perf_counter()
        judge = RewardModel(copy.deepcopy(base))
        train_reward(judge, better, worse, chosen.steps, seed=seed)
        pairs = task.pairs(base, 200, seed + 100, held_out=True)
        scores = [in_batches(judge, texts, lambda model, texts: model(texts)) for texts in pairs]
        order = (scores[0] > scores[1]).float().mean().item()
        seconds = time.perf_counter() - started
        print(f"{seed:4}  reward    {order:12.1%} of held-out pairs in order        {seconds:7.1f}")
        fell_short |= min(show.drawn["DPO"], show.drawn["GRPO"]) <= show.drawn["lessons"]
    return int(fell_short)


if __name__ == "__main__":
    sys.exit(main())

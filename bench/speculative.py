"""Writing with a draft model: the share of its tokens that stand, and tokens per second beside writing alone.

    python bench/speculative.py [--tokens 64] [--prompt 32] [--rounds 3] [--ahead 4]
    python bench/speculative.py --run FOLDER --draft FOLDER [--temperature 0.8]

By itself: GPT-2's smallest sizes with random weights, greedy, and as drafts the same model in 8 and in 4 bits. With
--run, a run of `bumblebee llm`, and --draft, what `bumblebee serve` takes: two trained models with one tokenizer, going
on with held-out text. Greedy texts must be the same with and without a draft. Exit status 1 where one is not.

Measured on one core of a busy machine, 4 ahead, greedy: 124M with its int8 copy 1.36 times as fast (100 % of its tokens
stand), with int4 0.86 (71 %). A pocket-size model, whose step costs little more than the calls, is slower with a draft:
0.74 with its int8 copy (96 %), 0.53 with a model of 0.5 million parameters (11 %).
"""

import argparse
import sys

import torch
from writing import gpt2_124m, in_turns

from shared.llm.adapting.quantize import quantize
from shared.llm.corpus.tokens import Tokens
from shared.llm.serve.loading import load
from shared.llm.writing.generate import Sampling, generate_tokens
from shared.llm.writing.narrow import narrow
from shared.llm.writing.speculative import speculate


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--prompt", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ahead", type=int, nargs="+", default=[4])
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--prompts", type=int, default=1, help="so many, one after another")
    parser.add_argument("--run", help="a run of bumblebee llm")
    parser.add_argument("--draft", nargs="+", default=[], help="models that write ahead")
    chosen = parser.parse_args()
    if chosen.run:
        model = load(chosen.run, "cpu").model
        drafts = {name: load(name, "cpu").model for name in chosen.draft}
        drafts |= {"int8": quantize(model, 8)}
        held_out = Tokens.open(f"{chosen.run}/pack", "validation")
        starts = torch.linspace(0, len(held_out) - chosen.prompt, chosen.prompts).long().tolist()
        prompts = [held_out.read(s, chosen.prompt).tolist() for s in starts]
    else:
        model = gpt2_124m()[1]
        drafts = {"int8": quantize(model, 8), "int4, groups of 32": quantize(model, 4, 32)}
        prompts = torch.randint(0, 50_257, (chosen.prompts, chosen.prompt)).tolist()
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, {chosen}")
    alone, ready = narrow(model, 1), {ahead: narrow(model, ahead + 1) for ahead in chosen.ahead}
    settings = Sampling(max_tokens=chosen.tokens, temperature=chosen.temperature, top_p=1.0)

    def by_itself():
        return [c.tokens for p in prompts for c in generate_tokens(alone, [p], settings)]

    def with_draft(draft, ahead):
        more = {"ahead": ahead, "temperature": chosen.temperature}
        return [speculate(ready[ahead], draft, p, chosen.tokens, **more) for p in prompts]

    works = {("alone", 0): by_itself} | {
        (name, ahead): lambda d=draft, a=ahead: with_draft(d, a)
        for name, draft in drafts.items()
        for ahead in chosen.ahead
    }
    seconds, given = in_turns(works, chosen.rounds)
    n_tokens, wrong = len(prompts) * chosen.tokens, 0
    print(f"alone                     {n_tokens / seconds['alone', 0]:7.1f} tokens/s", flush=True)
    for (name, ahead), written in given.items():
        if name == "alone":
            continue
        proposed, stood, read = (
            sum(getattr(w, x) for w in written) for x in ("proposed", "accepted", "rounds")
        )
        same = [w.tokens for w in written] == given["alone", 0]
        wrong += chosen.temperature == 0 and not same
        print(
            f"{name[-20:]:20} {ahead} ahead {n_tokens / seconds[name, ahead]:7.1f} tokens/s   "
            f"{seconds['alone', 0] / seconds[name, ahead]:.2f}×   {stood / proposed:6.1%} of its tokens stand, "
            f"{n_tokens / read:.2f} tokens a reading"
            + (f"   same tokens: {same}" if chosen.temperature == 0 else ""),
            flush=True,
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

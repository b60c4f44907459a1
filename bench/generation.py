"""Tokens per second while writing, beside transformers' `generate`: GPT-2's smallest sizes, random weights, float32.

    python bench/generation.py [--tokens 64] [--prompt 32] [--rounds 3] [--batches 1 8]

Same weights, same prompts, greedy, with caches, in turns; the best round of each counts, and the whole call is timed,
reading the prompt too. Ours is made ready once, as a server does, and that time is printed: "compiled" with our own
routines, as `bumblebee serve --compile`, "packed" without, the weights rearranged for this number of rows.
Exit status 1 where compiled is less than 1.4 times as fast at batch 1, or 2 times at batch 8.
"""

import argparse
import sys
import time

import torch
from writing import gpt2_124m, in_turns

from shared.llm.writing.generate import Sampling, generate_tokens
from shared.llm.writing.narrow import narrow

BARS = {1: 1.4, 8: 2.0}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--prompt", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    chosen = parser.parse_args()
    theirs, ours = gpt2_124m()
    settings = Sampling(max_tokens=chosen.tokens, temperature=0)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, {chosen}")
    fell_short = 0
    for batch in chosen.batches:
        prompts = torch.randint(0, 50_000, (batch, chosen.prompt))

        def they(prompts: torch.Tensor = prompts) -> list[list[int]]:
            written = theirs.generate(
                prompts,
                attention_mask=torch.ones_like(prompts),
                max_new_tokens=chosen.tokens,
                do_sample=False,
                pad_token_id=0,
            )
            return written[:, chosen.prompt :].tolist()

        works, readying = {"transformers": they}, {}
        for name, compiled in (("packed", False), ("compiled", True)):
            started = time.perf_counter()
            ready = narrow(ours, batch, compiled)
            readying[name] = time.perf_counter() - started

            def we(
                prompts: torch.Tensor = prompts, ready: torch.nn.Module = ready
            ) -> list[list[int]]:
                return [c.tokens for c in generate_tokens(ready, prompts.tolist(), settings)]

            works[name] = we
        best, written = in_turns(works, chosen.rounds)
        speed = {name: batch * chosen.tokens / seconds for name, seconds in best.items()}
        print(f"batch {batch:3}   transformers {speed['transformers']:7.1f} tokens/s")
        for name, seconds in readying.items():
            ratio = speed[name] / speed["transformers"]
            same = written[name] == written["transformers"]
            print(
                f"            {name:12} {speed[name]:7.1f} tokens/s   ratio {ratio:.2f}   same tokens: {same}   "
                f"made ready in {seconds:.2f} s",
                flush=True,
            )
        fell_short += speed["compiled"] / speed["transformers"] < BARS.get(batch, 0)
    return 1 if fell_short else 0


if __name__ == "__main__":
    sys.exit(main())

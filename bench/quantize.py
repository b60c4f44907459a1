"""Tokens per second while writing, with weights of 32, 8 and 4 bits: GPT-2's smallest sizes with random weights.

    python bench/quantize.py [--tokens 64] [--prompt 32] [--rounds 3] [--batches 1 8] [--run FOLDER]

In turns, greedy, with caches; the best round of each counts, and the whole call is timed, reading the prompt too. Each
is made ready for its number of rows once, as a server does. What torch itself offers, `quantize_dynamic` on our model,
stands beside them.
With --run, the folder of a run of `bumblebee llm`, only what it costs: bits per byte of its held-out text.
Exit status 1 where int8 at batch 1 is below 2.5 times float32.
"""

import argparse
import copy
import sys
import warnings

import torch
from torch import nn
from writing import gpt2_124m, in_turns

from shared.llm.adapting.compress import held_out_bits_per_byte
from shared.llm.adapting.prune import cut_small, cut_structure
from shared.llm.adapting.quantize import quantize, size_in_bytes
from shared.llm.model import LanguageModel
from shared.llm.serve.loading import load
from shared.llm.writing.generate import Sampling, generate_tokens
from shared.llm.writing.narrow import narrow

BAR = 2.5


def torch_dynamic(model: LanguageModel) -> nn.Module:
    """What torch itself offers: every linear layer by `quantize_dynamic`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(copy.deepcopy(model), {nn.Linear})


def losses(run: str) -> int:
    """Prints bits per byte and the size of a trained model, as it is and quantized and pruned."""
    model = load(run, "cpu").model
    half, two_of_four = copy.deepcopy(model), copy.deepcopy(model)
    cut_small(half, 0.3)
    cut_small(two_of_four, n_of_m=(2, 4))
    variants = {
        "float32": model,
        "int8, plain": quantize(model, 8, kernel="plain"),
        "int8, weights only": quantize(model, 8, kernel="weight_only"),
        "int8": quantize(model, 8),
        "int4, groups of 32": quantize(model, 4, 32),
        "int4, groups of 64": quantize(model, 4, 64),
        "int4, groups of 64, symmetric": quantize(model, 4, 64, symmetric=True),
        "30% of the weights zero": half,
        "2 of 4 weights zero": two_of_four,
        "3/4 of the hidden numbers": cut_structure(model, 3 * model.config.hidden_width // 4),
    }
    before = None
    for name, variant in variants.items():
        bits = held_out_bits_per_byte(variant, run)
        before = before or bits
        size = size_in_bytes(variant) / 1e6
        print(
            f"{name:30} {bits:.4f} bits per byte   {bits - before:+.4f}   {size:6.2f} MB",
            flush=True,
        )
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--prompt", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--run", help="a run of bumblebee llm: measure its loss instead")
    chosen = parser.parse_args()
    if chosen.run:
        return losses(chosen.run)
    model = gpt2_124m()[1]
    models = {
        "float32": model,
        "int8": quantize(model, 8),
        "int8, weights only": quantize(model, 8, kernel="weight_only"),
        "int4, groups of 64": quantize(model, 4, 64),
        "torch's int8": torch_dynamic(model),
    }
    settings = Sampling(max_tokens=chosen.tokens, temperature=0)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, {chosen}")
    reached = 0.0
    for batch in chosen.batches:
        prompts = torch.randint(0, 50_257, (batch, chosen.prompt)).tolist()
        ready = {name: narrow(quantized, batch) for name, quantized in models.items()}
        works = {
            name: lambda m=quantized, p=prompts: generate_tokens(m, p, settings)
            for name, quantized in ready.items()
        }
        best, _ = in_turns(works, chosen.rounds)
        for name, seconds in best.items():
            ratio = best["float32"] / seconds
            print(
                f"batch {batch:3}   {name:20} {batch * chosen.tokens / seconds:7.1f} tokens/s   "
                f"{ratio:5.2f}×   {size_in_bytes(models[name]) / 1e6:6.1f} MB",
                flush=True,
            )
            if batch == 1 and name == "int8":
                reached = ratio
    return 1 if 1 in chosen.batches and reached < BAR else 0


if __name__ == "__main__":
    sys.exit(main())

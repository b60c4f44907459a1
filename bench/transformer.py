"""Forward and backward of our Transformer stack with fused kernels, beside the same stack of torch.nn layers.

    python bench/transformer.py [--d-model 256] [--layers 4] [--length 128] [--batch 16] [--rounds 9]

Same weights, causal, in turns; the best round of each counts. Exit status 1 where ours takes more than 1.1× the time.
"""

import argparse
import sys
import time

import torch
from torch import nn

from shared.nn import fused
from shared.nn.attention import causal_mask, fused_attention, scaled_dot_product_attention
from shared.nn.feed_forward import gelu
from shared.nn.transformer import Stack, encoder


def theirs_like(ours: Stack, d_model: int, n_heads: int) -> nn.TransformerEncoder:
    """torch's stack with our weights."""
    layer = nn.TransformerEncoderLayer(
        d_model,
        n_heads,
        4 * d_model,
        dropout=0.0,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )
    final = nn.LayerNorm(d_model)
    theirs = nn.TransformerEncoder(layer, len(ours.blocks), final, enable_nested_tensor=False)
    with torch.no_grad():
        for block, layer in zip(ours.blocks, theirs.layers):
            look = block.attention
            projections = (look.query, look.key, look.value)
            layer.self_attn.in_proj_weight.copy_(torch.cat([p.weight for p in projections]))
            layer.self_attn.in_proj_bias.copy_(torch.cat([p.bias for p in projections]))
            for mine, other in (
                (look.output, layer.self_attn.out_proj),
                (block.feed_forward.up, layer.linear1),
                (block.feed_forward.down, layer.linear2),
                (block.attention_norm, layer.norm1),
                (block.feed_forward_norm, layer.norm2),
            ):
                other.load_state_dict(mine.state_dict())
    return theirs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--d-model", type=int, default=256)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=9)
    chosen = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    sizes = (chosen.layers, chosen.d_model, chosen.heads)
    kernels = {"activation": fused.gelu, "norm": fused.LayerNorm}
    quick = encoder(*sizes, attention=fused_attention, **kernels).to(device)
    plain = encoder(*sizes, activation=gelu, attention=scaled_dot_product_attention).to(device)
    plain.load_state_dict(quick.state_dict())
    theirs = theirs_like(quick, chosen.d_model, chosen.heads).to(device)
    allowed = causal_mask(chosen.length).to(device)
    x = torch.randn(chosen.batch, chosen.length, chosen.d_model, device=device)
    forward = {
        "ours, fused": lambda: quick(x, mask=allowed),
        "ours, plain": lambda: plain(x, mask=allowed),
        "torch.nn": lambda: theirs(x, mask=~allowed),
    }
    apart = (forward["ours, fused"]() - forward["torch.nn"]()).abs().max().item()
    best = dict.fromkeys(forward, float("inf"))
    for _ in range(chosen.rounds):  # in turns, so that a busy machine slows all
        for name, work in forward.items():
            started = time.perf_counter()
            work().square().mean().backward()
            if device == "cuda":
                torch.cuda.synchronize()
            best[name] = min(best[name], time.perf_counter() - started)
    tokens = chosen.batch * chosen.length
    print(f"{device}, {torch.get_num_threads()} threads, {chosen}; outputs apart by {apart:.1e}")
    for name, seconds in best.items():
        print(
            f"{name:12} {1000 * seconds:8.1f} ms   {tokens / seconds:8,.0f} tokens/s   "
            f"{seconds / best['torch.nn']:.2f} of torch.nn's time"
        )
    return 0 if best["ours, fused"] <= 1.1 * best["torch.nn"] else 1


if __name__ == "__main__":
    sys.exit(main())

"""Right answers to every exercise that has a place in the machine of week 9, written in another way than ours.

Each tells `builtins.own_calls`, where a test has put a Counter there, that it was called.
"""

from pathlib import Path

HEAD = """import builtins
import math

import torch
from torch import nn

from shared.training.optimizers import Optimizer


def called(name):
    calls = getattr(builtins, "own_calls", None)
    if calls is not None:
        calls[name] += 1


"""

SOURCES = {
    "mlp.sigmoid": """
def sigmoid(x, derivative=False):
    called("mlp.sigmoid")
    value = 0.5 * (torch.tanh(0.5 * x) + 1)
    return value - value * value if derivative else value
""",
    "training.cross_entropy": """
def cross_entropy(logits, targets):
    called("training.cross_entropy")
    rows = torch.arange(len(targets), device=logits.device)
    return (torch.logsumexp(logits, dim=1) - logits[rows, targets]).mean()
""",
    "optim.AdamW": """
class AdamW(Optimizer):
    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(parameters, lr)
        self.betas, self.eps, self.weight_decay, self.t = betas, eps, weight_decay, 0
        self.first = [torch.zeros_like(p) for p in self.parameters]
        self.second = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self):
        called("optim.AdamW")
        self.t += 1
        (one, two), t = self.betas, self.t
        for p, first, second in zip(self.parameters, self.first, self.second):
            if p.grad is None:
                continue
            p.mul_(1 - self.lr * self.weight_decay)
            first.lerp_(p.grad, 1 - one)
            second.mul_(two).addcmul_(p.grad, p.grad, value=1 - two)
            root = (second / (1 - two**t)).sqrt_().add_(self.eps)
            p.addcdiv_(first, root, value=-self.lr / (1 - one**t))
""",
    "optim.newton_schulz": """
def newton_schulz(matrix, steps=5):
    called("optim.newton_schulz")
    x = matrix / (matrix.square().sum().sqrt() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.mT if tall else x
    for _ in range(steps):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * (square @ square)) @ x
    return x.mT if tall else x
""",
    "optim.clip_grad_norm": """
def clip_grad_norm(parameters, max_norm):
    called("optim.clip_grad_norm")
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return torch.tensor(0.0)
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
    if norm > max_norm:
        for gradient in gradients:
            gradient.mul_(max_norm / (norm + 1e-6))
    return norm
""",
    "optim.cosine_with_warmup": """
def cosine_with_warmup(step, peak_lr, total_steps, warmup_steps=0, final_lr=0.0):
    called("optim.cosine_with_warmup")
    if step < warmup_steps:
        return (step + 1) * peak_lr / (warmup_steps + 1)
    done = min((step - warmup_steps) / (total_steps - warmup_steps), 1.0)
    share = math.cos(done * math.pi / 2) ** 2
    return share * peak_lr + (1 - share) * final_lr
""",
    "init.xavier_normal": """
def xavier_normal(shape, generator=None):
    called("init.xavier_normal")
    window = math.prod(shape[2:])
    spread = math.sqrt(2 / (window * (shape[0] + shape[1])))
    return torch.normal(0.0, spread, tuple(shape), generator=generator)
""",
    "regularization.dropout": """
def dropout(x, p, training=True):
    called("regularization.dropout")
    if not training:
        return x
    kept = torch.rand_like(x) >= p
    return torch.where(kept, x / (1 - p), torch.zeros_like(x))
""",
    "attention.scaled_dot_product_attention": """
def scaled_dot_product_attention(query, key, value, mask=None, bias=None):
    called("attention.scaled_dot_product_attention")
    scores = torch.matmul(query * query.shape[-1] ** -0.5, key.mT)
    if bias is not None:
        scores = scores + bias.to(scores.dtype)
    if mask is not None:
        scores = scores.masked_fill(mask.logical_not(), -float("inf"))
    return torch.softmax(scores, dim=-1).nan_to_num(0.0) @ value
""",
    "attention.causal_mask": """
def causal_mask(q_len, k_len=None, device=None):
    called("attention.causal_mask")
    k_len = k_len or q_len
    queries = torch.arange(k_len - q_len, k_len, device=device)
    return queries.unsqueeze(1) >= torch.arange(k_len, device=device)
""",
    "positions.rotary": """
def rotary(x, positions=None, base=10_000.0):
    called("positions.rotary")
    half = x.shape[-1] // 2
    if x.shape[-1] % 2:
        raise ValueError("d must be even")
    if positions is None:
        positions = torch.arange(x.shape[-2], device=x.device)
    speeds = torch.exp(-math.log(base) * torch.arange(half, device=x.device) / half)
    angles = torch.cat([positions.unsqueeze(-1).float() * speeds] * 2, dim=-1)
    turned = torch.cat([-x[..., half:], x[..., :half]], dim=-1)
    return x * angles.cos().to(x.dtype) + turned * angles.sin().to(x.dtype)
""",
    "transformer.TransformerBlock": """
class TransformerBlock(nn.Module):
    def __init__(self, d_model, attention, feed_forward, norm, pre_norm=True, dropout=0.0):
        super().__init__()
        self.attention, self.feed_forward = attention, feed_forward
        self.pre_norm, self.dropout = pre_norm, dropout
        self.attention_norm, self.feed_forward_norm = norm(d_model), norm(d_model)

    def forward(self, x, mask=None, **more):
        called("transformer.TransformerBlock")
        for norm, layer, settings in (
            (self.attention_norm, self.attention, {"mask": mask, **more}),
            (self.feed_forward_norm, self.feed_forward, {}),
        ):
            added = layer(norm(x) if self.pre_norm else x, **settings)
            x = x + nn.functional.dropout(added, self.dropout, self.training)
            x = x if self.pre_norm else norm(x)
        return x
""",
    "transformer.RMSNorm": """
class RMSNorm(nn.Module):
    def __init__(self, d, eps=1e-6):
        super().__init__()
        self.eps, self.weight = eps, nn.Parameter(torch.ones(d))

    def forward(self, x):
        called("transformer.RMSNorm")
        wide = x if x.dtype == torch.float64 else x.to(torch.float32)
        size = torch.sqrt((wide * wide).mean(-1, keepdim=True) + self.eps)
        return torch.div(wide, size).to(x.dtype) * self.weight
""",
    "transformer.GatedFeedForward": """
class GatedFeedForward(nn.Module):
    def __init__(self, d_model, d_hidden, activation=nn.functional.silu, bias=False):
        super().__init__()
        self.activation = activation
        self.gate, self.up = (nn.Linear(d_model, d_hidden, bias) for _ in range(2))
        self.down = nn.Linear(d_hidden, d_model, bias)

    def forward(self, x):
        called("transformer.GatedFeedForward")
        opened = self.activation(self.gate(x))
        return self.down(torch.mul(self.up(x), opened))
""",
    "attention.GroupedQueryAttention": """
class GroupedQueryAttention(nn.Module):
    def __init__(self, d_model, n_heads, n_kv_heads=None, d=None, bias=False, output_bias=None,
                 turn=None, norm=None, attention=None):
        super().__init__()
        n_kv_heads, d = n_kv_heads or n_heads, d or d_model // n_heads
        if n_heads % n_kv_heads:
            raise ValueError("n_kv_heads must divide n_heads")
        self.n_heads, self.n_kv_heads, self.d = n_heads, n_kv_heads, d
        self.turn, self.attention = turn, attention or nn.functional.scaled_dot_product_attention
        self.query = nn.Linear(d_model, n_heads * d, bias)
        self.key = nn.Linear(d_model, n_kv_heads * d, bias)
        self.value = nn.Linear(d_model, n_kv_heads * d, bias)
        self.output = nn.Linear(n_heads * d, d_model, bias if output_bias is None else output_bias)
        self.query_norm, self.key_norm = (norm(d), norm(d)) if norm else (None, None)

    def forward(self, x, mask=None, positions=None, cache=None):
        called("attention.GroupedQueryAttention")
        parts = []
        for layer, heads in ((self.query, self.n_heads), (self.key, self.n_kv_heads),
                             (self.value, self.n_kv_heads)):
            made = layer(x)
            parts.append(made.view(*made.shape[:-1], heads, self.d).transpose(-2, -3))
        query, key, value = parts
        if self.query_norm is not None:
            query, key = self.query_norm(query), self.key_norm(key)
        if self.turn is not None:
            if positions is not None and positions.ndim > 1:
                positions = positions.unsqueeze(-2)
            query, key = self.turn(query, positions), self.turn(key, positions)
        if cache is not None:
            key, value = cache.extend(key, value)
        times = self.n_heads // self.n_kv_heads
        key, value = (torch.repeat_interleave(t, times, dim=-3) for t in (key, value))
        if mask is not None and mask.ndim > 2:
            mask = mask.unsqueeze(-3)
        mixed = self.attention(query, key, value, mask).transpose(-2, -3)
        return self.output(mixed.reshape(*mixed.shape[:-2], -1))
""",
    "generate.sample": """
def sample(logits, temperature=1.0, top_k=None, top_p=1.0, min_p=0.0, generator=None):
    called("generate.sample")
    if temperature == 0:
        return logits.argmax(-1)
    ordered, tokens = torch.sort(logits.float(), dim=-1, descending=True, stable=True)
    if top_k is not None:
        ordered, tokens = ordered[:, :top_k], tokens[:, :top_k]
    p = torch.softmax(ordered / temperature, dim=-1)
    before = p.cumsum(-1) - p
    p = torch.where((before < top_p) & (p >= min_p * p[:, :1]), p, torch.zeros_like(p))
    drawn = torch.multinomial(p / p.sum(-1, keepdim=True), 1, generator=generator)
    return tokens.gather(1, drawn)[:, 0]
""",
    "generate.KVCache": """
class KVCache:
    def __init__(self, n, n_kv_heads, capacity, d, dtype=torch.float32, device=None):
        shape = (2, n, n_kv_heads, capacity, d)
        self.both, self.length = torch.zeros(shape, dtype=dtype, device=device), 0

    def extend(self, key, value):
        called("generate.KVCache")
        end = self.length + key.shape[2]
        if end > self.both.shape[3]:
            raise ValueError(f"the cache holds {self.both.shape[3]} tokens")
        self.both[0, :, :, self.length : end] = key
        self.both[1, :, :, self.length : end] = value
        self.length = end
        return self.both[0, :, :, :end], self.both[1, :, :, :end]

    def keep(self, rows):
        self.both = self.both[:, rows]
""",
}

# Right, and far too slow for training: one score after the other.
SLOW_ATTENTION = """
def scaled_dot_product_attention(query, key, value, mask=None, bias=None):
    called("attention.scaled_dot_product_attention")
    q_len, k_len = query.shape[-2], key.shape[-2]
    rows = []
    for i in range(q_len):
        scores = []
        for j in range(k_len):
            score = (query[..., i, :] * key[..., j, :]).sum(-1) / math.sqrt(query.shape[-1])
            if bias is not None:
                score = score + bias[..., i, j]
            if mask is not None:
                allowed = mask.expand(*mask.shape[:-2], q_len, k_len)[..., i, j]
                score = score.masked_fill(~allowed, -float("inf"))
            scores.append(score)
        weights = torch.softmax(torch.stack(scores, dim=-1), -1).nan_to_num(0.0)
        rows.append((weights.unsqueeze(-1) * value).sum(-2))
    return torch.stack(rows, dim=-2)
"""


def write(folder: Path, slow_attention: bool = False) -> list[str]:
    """All of them into a my_work/; their names."""
    for name, source in SOURCES.items():
        if slow_attention and name == "attention.scaled_dot_product_attention":
            source = SLOW_ATTENTION
        family, piece = name.split(".")
        (folder / family).mkdir(parents=True, exist_ok=True)
        (folder / family / f"{piece}.py").write_text(HEAD + source, encoding="utf-8")
    return list(SOURCES)

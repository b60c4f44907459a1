"""`adapt.classification_head`, `adapt.LoRALinear`: cases, mistakes, hints."""

import torch
from torch import nn

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.llm.adapting import adapt, lora

NOTEBOOK = "week08_pretraining/1_guided_finetune_bert.ipynb"
HEAD = "One vector, then scores"
BESIDE = "Learn a small change"


# --- classification_head ---------------------------------------------------------------------------------------------


def head_over_padding(hidden, weight, bias, real=None, pooling="first"):
    if pooling == "mean":
        return hidden.mean(dim=1) @ weight.T + bias
    return adapt.classification_head(hidden, weight, bias, real, pooling)


def head_divided_by_the_length(hidden, weight, bias, real=None, pooling="first"):
    if pooling == "mean" and real is not None:
        return (hidden * real[:, :, None]).mean(dim=1) @ weight.T + bias
    return adapt.classification_head(hidden, weight, bias, real, pooling)


def head_of_the_last_place(hidden, weight, bias, real=None, pooling="first"):
    if pooling == "last":
        return hidden[:, -1] @ weight.T + bias
    return adapt.classification_head(hidden, weight, bias, real, pooling)


def head_one_past_the_last(hidden, weight, bias, real=None, pooling="first"):
    if pooling == "last" and real is not None:
        return hidden[torch.arange(len(hidden)), real.sum(dim=1)] @ weight.T + bias
    return adapt.classification_head(hidden, weight, bias, real, pooling)


def head_of_the_first_text(hidden, weight, bias, real=None, pooling="first"):
    if pooling == "first":
        return hidden[0] @ weight.T + bias
    return adapt.classification_head(hidden, weight, bias, real, pooling)


def head_without_transpose(hidden, weight, bias, real=None, pooling="first"):
    return adapt.classification_head(hidden, weight.T, bias, real, pooling)


def head_without_bias(hidden, weight, bias, real=None, pooling="first"):
    return adapt.classification_head(hidden, weight, 0 * bias, real, pooling)


def head_that_gives_probabilities(hidden, weight, bias, real=None, pooling="first"):
    return adapt.classification_head(hidden, weight, bias, real, pooling).softmax(dim=-1)


def head_that_always_takes_the_first(hidden, weight, bias, real=None, pooling="first"):
    return adapt.classification_head(hidden, weight, bias, real, "first")


def head_of_the_sum(hidden, weight, bias, real=None, pooling="first"):
    if pooling != "mean":
        return adapt.classification_head(hidden, weight, bias, real, pooling)
    real = torch.ones(hidden.shape[:2], dtype=torch.bool) if real is None else real
    return (hidden * real[:, :, None]).sum(dim=1) @ weight.T + bias


def head_cut_from_the_model(hidden, weight, bias, real=None, pooling="first"):
    return adapt.classification_head(hidden.detach(), weight, bias, real, pooling)


def _score_every_token_then_pool(hidden, weight, bias, real=None, pooling="first"):
    scores = hidden @ weight.T + bias  # a linear layer and a mean may change places
    if real is None:
        real = hidden.new_ones(hidden.shape[:2]).bool()
    if pooling == "first":
        return scores[:, 0]
    lengths = real.sum(dim=1)
    if pooling == "mean":
        return (scores * real[:, :, None]).sum(dim=1) / lengths[:, None]
    return torch.stack([row[n - 1] for row, n in zip(scores, lengths.tolist())])


def _small():
    """Two texts of three tokens, the second with one of padding; two numbers for each token, three classes."""
    hidden = torch.tensor([[[1.0, 0], [2, 1], [3, 5]], [[4, 0], [0, 2], [9, 9]]])
    return [hidden, torch.tensor([[1.0, 0], [0, 1], [1, -1]]), torch.tensor([0.0, 10, 20])]


_REAL = torch.tensor([[True, True, True], [True, True, False]])


def _large(n, length, d, classes):
    return [torch.randn(n, length, d), torch.randn(classes, d), torch.randn(classes)]


def _lengths(*lengths):
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


CLASSIFICATION_HEAD = Exercise(
    name="adapt.classification_head",
    week=8,
    notebook=NOTEBOOK,
    reference=adapt.classification_head,
    cases=(
        Case("first", lambda: [*_small(), _REAL, "first"], run=call_with_gradients),
        Case("mean", lambda: [*_small(), _REAL, "mean"], run=call_with_gradients),
        Case("last", lambda: [*_small(), _REAL, "last"], run=call_with_gradients),
        Case("first unasked", lambda: _large(4, 5, 6, 3)),
        Case("mean", lambda: [*_large(3, 7, 6, 4), _lengths(7, 1, 4), "mean"], rtol=1e-4),
        Case("last", lambda: [*_large(3, 7, 6, 4), _lengths(2, 7, 4), "last"]),
        Case("mean of whole texts", lambda: [*_large(3, 5, 6, 2), None, "mean"], rtol=1e-4),
        Case("last of whole texts", lambda: [*_large(3, 5, 6, 2), None, "last"]),
        Case("as many classes as numbers", lambda: [*_large(3, 5, 6, 6), None, "first"]),
    ),
    mistakes=(
        Mistake(
            head_over_padding,
            "the mean goes over padding too, so that a text's scores depend on how long its neighbours are: only "
            "tokens where real is True count.",
            HEAD,
        ),
        Mistake(
            head_divided_by_the_length,
            "the real tokens are summed, and the sum is divided by the padded length: divide by how many are real.",
            HEAD,
        ),
        Mistake(
            head_of_the_last_place,
            "the last place may be padding: a text's last real token stands at place real.sum(dim=1) - 1.",
            HEAD,
        ),
        Mistake(
            head_one_past_the_last,
            "a text of n tokens has its last one at place n - 1: place n is padding, or past the end.",
            HEAD,
        ),
        Mistake(
            head_of_the_first_text,
            "hidden[0] is all tokens of the first text: the first token of every text is hidden[:, 0].",
            HEAD,
        ),
        Mistake(
            head_without_transpose,
            "the weight is (n_classes, d), as in nn.Linear: the product is pooled @ weight.T.",
            HEAD,
        ),
        Mistake(head_without_bias, "the bias is missing: add it, one number for each class.", HEAD),
        Mistake(
            head_that_gives_probabilities,
            "it returns probabilities; scores (logits) are asked for, since cross-entropy does the softmax itself.",
            HEAD,
        ),
        Mistake(
            head_that_always_takes_the_first,
            'the pooling asked for is not looked at: "mean" and "last" need cases of their own.',
            HEAD,
        ),
        Mistake(
            head_of_the_sum,
            "the real tokens are summed and not divided by their number: long texts would get larger scores.",
            HEAD,
        ),
        Mistake(
            head_cut_from_the_model,
            ".detach() cuts the model off: its weights would get no gradient, and only the head could learn.",
            HEAD,
        ),
    ),
    hints=(
        "What do `hidden[:, 0]`, the mean over the real tokens, and the last real token have in common? Which shape?",
        "Make one vector for each text, (n, d). For the mean: put zeros at the padding, sum over dim 1, divide by how "
        "many are real. For the last: hidden[rows, real.sum(dim=1) - 1] with rows = torch.arange(n).",
        "pooled = (hidden * real[:, :, None]).sum(dim=1) / real.sum(dim=1, keepdim=True) for the mean; at the end "
        "return pooled @ weight.T + bias",
    ),
    alternatives=(_score_every_token_then_pool,),
)


# --- LoRALinear ------------------------------------------------------------------------------------------------------


def _used(implementation, d_in, d_out, rank, alpha, bias=True):
    """A layer as it is built, with given small matrices, and merged."""
    base = _fixed(nn.Linear(d_in, d_out, bias), 1)
    before = {name: p.detach().clone() for name, p in base.named_parameters()}
    x = torch.randn(2, 3, d_in, requires_grad=True)
    layer = implementation(base, rank, alpha) if alpha else implementation(base, rank)
    plain = nn.functional.linear(x, *before.values()).detach()
    built = {
        "what learns": {n: tuple(p.shape) for n, p in layer.named_parameters() if p.requires_grad},
        "at first the same as base": torch.allclose(layer(x), plain, atol=1e-5),
        "a is random": bool(getattr(layer, "a", torch.zeros(1)).detach().abs().sum() > 0),
    }
    _fixed(layer, 2, ("a", "b"))
    output = layer(x)
    weights = torch.linspace(1.0, 2.0, output.numel()).reshape(output.shape)
    (output * weights).sum().backward()
    learnt = {n: getattr(layer, n).grad for n in ("a", "b")}
    merged = layer.merged()
    after = {name: p.detach().clone() for name, p in base.named_parameters()}
    return {
        **built,
        "output": output.detach(),
        "gradient of x": x.grad,
        **{f"gradient of {name}": g for name, g in learnt.items()},
        "base gets a gradient": any(p.grad is not None for p in base.parameters()),
        "merged": merged(x.detach()).detach(),
        "merged is a": type(merged).__name__,
        "merged layer learns": {n: tuple(p.shape) for n, p in merged.named_parameters()},
        "base is unchanged": all(torch.equal(before[n], after[n]) for n in before),
    }


def _fixed(module, seed, names=None):
    """The module with the same random numbers each time in all its parameters, or in those named."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(module.named_parameters()):
            if names is None or name in names:
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return module


class LoRAWithoutItsScale(lora.LoRALinear):
    @property
    def change(self):
        return self.b @ self.a

    def forward(self, x):
        return self.base(x) + x @ self.a.T @ self.b.T


class LoRAScaledByAlphaAlone(lora.LoRALinear):
    @property
    def change(self):
        return self.alpha * self.b @ self.a

    def forward(self, x):
        return self.base(x) + self.alpha * (x @ self.a.T @ self.b.T)


class LoRAScaledTheWrongWayRound(lora.LoRALinear):
    @property
    def change(self):
        return self.rank / self.alpha * self.b @ self.a

    def forward(self, x):
        return self.base(x) + self.rank / self.alpha * (x @ self.a.T @ self.b.T)


class LoRAWithAnotherAlphaUnasked(lora.LoRALinear):
    def __init__(self, base, rank=8, alpha=None):
        super().__init__(base, rank, rank if alpha is None else alpha)


class LoRAWithBothRandom(lora.LoRALinear):
    def __init__(self, base, rank=8, alpha=None):
        super().__init__(base, rank, alpha)
        nn.init.normal_(self.b)


class LoRAWithBothZero(lora.LoRALinear):
    def __init__(self, base, rank=8, alpha=None):
        super().__init__(base, rank, alpha)
        nn.init.zeros_(self.a)


class LoRAOverABaseThatLearns(lora.LoRALinear):
    def __init__(self, base, rank=8, alpha=None):
        super().__init__(base, rank, alpha)
        base.requires_grad_(True)


class LoRAInPlaceOfItsBase(lora.LoRALinear):
    def forward(self, x):
        return super().forward(x) - self.base(x)


class LoRAMergedWithoutBias(lora.LoRALinear):
    def merged(self):
        linear = super().merged()
        linear.bias = None
        return linear


class LoRAMergedWithoutItsScale(lora.LoRALinear):
    def merged(self):
        linear = super().merged()
        with torch.no_grad():
            linear.weight.copy_(self.base.weight + self.b @ self.a)
        return linear


class LoRAMergedIntoItsBase(lora.LoRALinear):
    def merged(self):
        with torch.no_grad():
            self.base.weight += self.change
        self.base.requires_grad_(True)
        return self.base


class LoRAMergedWithoutItsChange(lora.LoRALinear):
    def merged(self):
        linear = super().merged()
        with torch.no_grad():
            linear.weight.copy_(self.base.weight)
        return linear


class LoRAOfTensorsThatAreNoParameters(nn.Module):
    def __init__(self, base, rank=8, alpha=None):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.rank, self.alpha = rank, 2.0 * rank if alpha is None else float(alpha)
        self.a = torch.randn(rank, base.in_features) / base.in_features**0.5
        self.b = torch.zeros(base.out_features, rank)

    def forward(self, x):
        return self.base(x) + self.alpha / self.rank * (x @ self.a.T @ self.b.T)

    def merged(self):
        return lora.LoRALinear(self.base, self.rank, self.alpha).merged()


class _LoRAByTheWholeChange(nn.Module):
    """It makes the whole matrix W + α/r · B A first: more work, the same numbers."""

    def __init__(self, base, rank=8, alpha=None):
        super().__init__()
        self.base = base
        for parameter in base.parameters():
            parameter.requires_grad = False
        self.scale = (alpha if alpha is not None else 2 * rank) / rank
        self.a = nn.Parameter(torch.randn(rank, base.in_features) * 0.01)
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))

    def weight(self):
        return self.base.weight + self.scale * (self.b @ self.a)

    def forward(self, x):
        return nn.functional.linear(x, self.weight(), self.base.bias)

    def merged(self):
        linear = nn.Linear(self.base.in_features, self.base.out_features)
        linear.weight = nn.Parameter(self.weight().detach())
        linear.bias = (
            None if self.base.bias is None else nn.Parameter(self.base.bias.detach().clone())
        )
        return linear


LORA_LINEAR = Exercise(
    name="adapt.LoRALinear",
    week=8,
    notebook=NOTEBOOK,
    reference=lora.LoRALinear,
    cases=(
        Case("values, gradients, merging", lambda: [2, 3, 1, 3.0], run=_used, atol=1e-5),
        Case("values, gradients, merging", lambda: [6, 4, 2, 5.0], run=_used, rtol=1e-4, atol=1e-5),
        Case("alpha unasked", lambda: [5, 7, 3, None], run=_used, rtol=1e-4, atol=1e-5),
        Case("no bias", lambda: [6, 6, 2, 4.0, False], run=_used, rtol=1e-4, atol=1e-5),
    ),
    mistakes=(
        Mistake(
            LoRAWithoutItsScale,
            "the small product is added as it is: it is multiplied by alpha / rank, here and when merged.",
            BESIDE,
        ),
        Mistake(
            LoRAScaledByAlphaAlone,
            "the scale is alpha: it must be alpha / rank, so that the change keeps its size when the rank is changed.",
            BESIDE,
        ),
        Mistake(
            LoRAScaledTheWrongWayRound,
            "the scale is rank / alpha: turn the fraction round, alpha / rank.",
            BESIDE,
        ),
        Mistake(
            LoRAWithAnotherAlphaUnasked,
            "where no alpha is given it is twice the rank, so that the scale is 2.",
            BESIDE,
        ),
        Mistake(
            LoRAWithBothRandom,
            "b starts random, so that the layer is spoilt before it learns: b starts at zero, and the change with it.",
            BESIDE,
        ),
        Mistake(
            LoRAWithBothZero,
            "both matrices start at zero, and then neither ever gets a gradient, since each one's is a product with "
            "the other: a starts random.",
            BESIDE,
        ),
        Mistake(
            LoRAOverABaseThatLearns,
            "the base still learns: base.requires_grad_(False) freezes it, and only a and b are trained.",
            BESIDE,
        ),
        Mistake(
            LoRAInPlaceOfItsBase,
            "what the base says is missing: the small product is added to base(x).",
            BESIDE,
        ),
        Mistake(
            LoRAMergedWithoutBias,
            "the merged layer has lost its bias: it is that of the base.",
            BESIDE,
        ),
        Mistake(
            LoRAMergedWithoutItsScale,
            "the merged layer adds b @ a without alpha / rank, so that it is not the layer that was trained.",
            BESIDE,
        ),
        Mistake(
            LoRAMergedIntoItsBase,
            "merging changes the base itself, which other adaptations still need: make a new nn.Linear and copy into "
            "it.",
            BESIDE,
        ),
        Mistake(
            LoRAMergedWithoutItsChange,
            "the merged layer has the base's weight only: add the change, alpha / rank · b @ a.",
            BESIDE,
        ),
        Mistake(
            LoRAOfTensorsThatAreNoParameters,
            "a and b are plain tensors, which no optimizer finds: wrap each in nn.Parameter.",
            BESIDE,
        ),
    ),
    hints=(
        "A change of a whole matrix would be (d_out, d_in). Which two thin matrices have a product of that shape?",
        "Freeze base. a is (rank, d_in), random; b is (d_out, rank), zeros; both nn.Parameter. forward adds to base(x) "
        "the product of x with a, then with b, times alpha / rank. merged copies base.weight + alpha / rank · b @ a "
        "into a new nn.Linear.",
        "return self.base(x) + self.alpha / self.rank * (x @ self.a.T @ self.b.T)",
    ),
    alternatives=(_LoRAByTheWholeChange,),
)

"""`transformer.FeedForward`, `transformer.TransformerBlock`, `transformer.count_parameters`: cases, mistakes, hints."""

import torch
from torch import nn

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week07.blocks import NOTEBOOK
from shared.exercises.week07.running import Plus, called, parameters_of
from shared.nn import feed_forward, transformer
from shared.nn.feed_forward import gelu

THINK = "Each token by itself"
BLOCK = "Put together"
COUNT = "Count"


# --- FeedForward -----------------------------------------------------------------------------------------------------


class FeedForwardWithoutActivation(feed_forward.FeedForward):
    def forward(self, x):
        return self.down(self.up(x))


class FeedForwardThatActivatesAtTheEnd(feed_forward.FeedForward):
    def forward(self, x):
        return self.activation(self.down(self.activation(self.up(x))))


class FeedForwardThatActivatesOnlyAtTheEnd(feed_forward.FeedForward):
    def forward(self, x):
        return self.activation(self.down(self.up(x)))


class FeedForwardThatActivatesFirst(feed_forward.FeedForward):
    def forward(self, x):
        return self.down(self.up(self.activation(x)))


class FeedForwardWithItsOwnResidual(feed_forward.FeedForward):
    def forward(self, x):
        return x + super().forward(x)


class FeedForwardThatIgnoresItsActivation(feed_forward.FeedForward):
    def __init__(self, d_model, d_hidden, activation=torch.relu, bias=True):
        super().__init__(d_model, d_hidden, torch.relu, bias)


class FeedForwardThatIgnoresItsBias(feed_forward.FeedForward):
    def __init__(self, d_model, d_hidden, activation=torch.relu, bias=True):
        super().__init__(d_model, d_hidden, activation, True)


class FeedForwardAlwaysFourTimes(feed_forward.FeedForward):
    def __init__(self, d_model, d_hidden, activation=torch.relu, bias=True):
        super().__init__(d_model, 4 * d_model, activation, bias)


class FeedForwardOverAllTokens(feed_forward.FeedForward):
    def forward(self, x):
        if x.ndim < 3:
            return super().forward(x)
        return super().forward(x.mean(dim=-2, keepdim=True)).expand_as(x)


class _FeedForwardByHand(nn.Module):
    def __init__(self, d_model, d_hidden, activation=torch.relu, bias=True):
        super().__init__()
        self.down = nn.Linear(d_hidden, d_model, bias)
        self.up = nn.Linear(d_model, d_hidden, bias)
        self.bend = activation

    def forward(self, x):
        hidden = self.bend(nn.functional.linear(x, self.up.weight, self.up.bias))
        return nn.functional.linear(hidden, self.down.weight, self.down.bias)


FEED_FORWARD = Exercise(
    name="transformer.FeedForward",
    week=7,
    notebook=NOTEBOOK,
    reference=feed_forward.FeedForward,
    cases=(
        Case("parameters", lambda: [3, 5], run=parameters_of),
        Case("no biases", lambda: [3, 5, torch.relu, False], run=parameters_of),
        Case("values", lambda: [(2, 3), torch.tensor([[1.0, -2.0]])], run=called),
        Case("values", lambda: [(4, 10), torch.randn(2, 5, 4)], run=called),
        Case("the activation given", lambda: [(4, 6, gelu), torch.randn(2, 5, 4)], run=called),
        Case("any leading dimensions", lambda: [(4, 6), torch.randn(2, 3, 5, 4)], run=called),
        Case(
            "float64 kept",
            lambda: [(4, 6), torch.randn(5, 4, dtype=torch.float64)],
            run=called,
            rtol=1e-10,
            atol=1e-10,
        ),
    ),
    mistakes=(
        Mistake(
            FeedForwardWithoutActivation,
            "there is no bend between the two layers, so together they are one straight-line map: "
            "down(activation(up(x))).",
            THINK,
        ),
        Mistake(
            FeedForwardThatActivatesAtTheEnd,
            "the activation is applied a second time, after the last layer: what is added to the stream may have any "
            "sign.",
            THINK,
        ),
        Mistake(
            FeedForwardThatActivatesOnlyAtTheEnd,
            "the activation stands after both layers; it belongs between them, in the wide middle.",
            THINK,
        ),
        Mistake(
            FeedForwardThatActivatesFirst,
            "the activation stands before the first layer, where it cuts the stream itself; it belongs between the "
            "two.",
            THINK,
        ),
        Mistake(
            FeedForwardWithItsOwnResidual,
            "x is added here; the block does that, around each of its two steps, and would add it twice.",
            THINK,
        ),
        Mistake(
            FeedForwardThatIgnoresItsActivation,
            "the activation that is passed in is not used: keep it on self and call that.",
            THINK,
        ),
        Mistake(
            FeedForwardThatIgnoresItsBias,
            "bias=False is not passed on: nn.Linear(d_model, d_hidden, bias) for both layers.",
            THINK,
        ),
        Mistake(
            FeedForwardAlwaysFourTimes,
            "the width is always 4 · d_model; it is d_hidden, which is passed in.",
            THINK,
        ),
        Mistake(
            FeedForwardOverAllTokens,
            "the tokens are averaged first, so all get the same: each goes through the layers by itself, nn.Linear "
            "works on the last axis.",
            THINK,
        ),
    ),
    hints=(
        "How many layers are there, and from how many numbers to how many does each go?",
        "self.up goes from d_model to d_hidden, self.down back; the activation stands between them.",
        "return self.down(self.activation(self.up(x)))",
    ),
    alternatives=(_FeedForwardByHand,),
)


# --- TransformerBlock ------------------------------------------------------------------------------------------------


class _Shift(nn.Module):
    """Stands in for a norm: triples what it gets, so that one too many or too few shows."""

    def __init__(self, d):
        super().__init__()
        self.weight = nn.Parameter(torch.full((d,), 3.0))

    def forward(self, x):
        return x * self.weight + 1


def _run_block(implementation, pre_norm, x, mask=None, dropout=0.0):
    """A block of stand-ins that can be followed on paper: attention 2x + 10, feed-forward x/2 + 100, norm 3x + 1."""
    look, think = Plus(10.0, 2.0), Plus(100.0, 0.5)
    block = implementation(x.shape[-1], look, think, _Shift, pre_norm, dropout)
    x = x.clone().requires_grad_()
    output = block(x, mask=mask) if mask is not None else block(x)
    if not isinstance(output, torch.Tensor):
        return {"output": output}
    gradient = torch.autograd.grad(output.sum(), x)[0] if output.requires_grad else None
    return {
        "output": output.detach(),
        "gradient of x": gradient,
        "norms": sum(p.numel() for p in block.parameters()) // x.shape[-1],
        "masks that the attention saw": [call["mask"] for call in look.seen],
        "calls of the feed-forward part": len(think.seen),
    }


def _run_block_with_more(implementation, x):
    """What else a block is given goes to its attention."""

    class Listens(Plus):
        def forward(self, x, mask=None, positions=None):
            return x + positions[:, None]

    block = implementation(x.shape[-1], Listens(0.0), Plus(0.0), _Shift, True)
    return block(x, positions=torch.arange(x.shape[-2], dtype=x.dtype)).detach()


def _dropped(implementation, p):
    """With dropout, training differs from call to call and evaluation does not; the stream itself is never dropped."""
    x = torch.ones(40, 50)
    block = implementation(50, Plus(1.0, 0.0), Plus(10.0, 0.0), _Shift, True, p)
    values = block(x)
    block.eval()
    still = block(x)
    return {
        "evaluation": still.detach(),
        "values while training": values.detach().unique(),
        "share of the stream that is left alone": (values == 1).double().mean().item(),
    }


def _names(implementation):
    """What the weights of a block are called, where its parts have a weight each."""
    parts = [nn.Linear(3, 3, bias=False) for _ in range(2)]
    block = implementation(3, *parts, lambda d: nn.LayerNorm(d, bias=False), True)
    return sorted(block.state_dict())


class BlockWithNumberedNorms(transformer.TransformerBlock):
    def __init__(self, d_model, attention, feed_forward, norm, pre_norm=True, dropout=0.0):
        super().__init__(d_model, attention, feed_forward, norm, pre_norm, dropout)
        self.norm1, self.norm2 = self.attention_norm, self.feed_forward_norm
        del self.attention_norm, self.feed_forward_norm

    def forward(self, x, mask=None, **more):
        if self.pre_norm:
            x = x + self._drop(self.attention(self.norm1(x), mask=mask, **more))
            return x + self._drop(self.feed_forward(self.norm2(x)))
        x = self.norm1(x + self._drop(self.attention(x, mask=mask, **more)))
        return self.norm2(x + self._drop(self.feed_forward(x)))


class BlockWithoutTheFirstResidual(transformer.TransformerBlock):
    def forward(self, x, mask=None, **more):
        if not self.pre_norm:
            return super().forward(x, mask, **more)
        x = self._drop(self.attention(self.attention_norm(x), mask=mask, **more))
        return x + self._drop(self.feed_forward(self.feed_forward_norm(x)))


class BlockWithoutTheSecondResidual(transformer.TransformerBlock):
    def forward(self, x, mask=None, **more):
        if not self.pre_norm:
            return super().forward(x, mask, **more)
        x = x + self._drop(self.attention(self.attention_norm(x), mask=mask, **more))
        return self._drop(self.feed_forward(self.feed_forward_norm(x)))


class BlockThatAddsToTheNorm(transformer.TransformerBlock):
    def forward(self, x, mask=None, **more):
        if not self.pre_norm:
            return super().forward(x, mask, **more)
        x = self.attention_norm(x)
        x = x + self._drop(self.attention(x, mask=mask, **more))
        x = self.feed_forward_norm(x)
        return x + self._drop(self.feed_forward(x))


class BlockAlwaysPreNorm(transformer.TransformerBlock):
    def forward(self, x, mask=None, **more):
        self.pre_norm = True
        return super().forward(x, mask, **more)


class BlockAlwaysPostNorm(transformer.TransformerBlock):
    def forward(self, x, mask=None, **more):
        self.pre_norm = False
        return super().forward(x, mask, **more)


class BlockWithTheSwitchTurned(transformer.TransformerBlock):
    def forward(self, x, mask=None, **more):
        self.pre_norm = not self.pre_norm
        try:
            return super().forward(x, mask, **more)
        finally:
            self.pre_norm = not self.pre_norm


class BlockWithOneNormForBoth(transformer.TransformerBlock):
    def __init__(self, d_model, attention, feed_forward, norm, pre_norm=True, dropout=0.0):
        super().__init__(d_model, attention, feed_forward, norm, pre_norm, dropout)
        self.feed_forward_norm = self.attention_norm


class BlockThatForgetsItsMask(transformer.TransformerBlock):
    def forward(self, x, mask=None, **more):
        return super().forward(x, None, **more)


class BlockWithItsStepsSwapped(transformer.TransformerBlock):
    def forward(self, x, mask=None, **more):
        if self.pre_norm:
            x = x + self._drop(self.feed_forward(self.feed_forward_norm(x)))
            return x + self._drop(self.attention(self.attention_norm(x), mask=mask, **more))
        x = self.feed_forward_norm(x + self._drop(self.feed_forward(x)))
        return self.attention_norm(x + self._drop(self.attention(x, mask=mask, **more)))


class BlockWithBothStepsBesideEachOther(transformer.TransformerBlock):
    def forward(self, x, mask=None, **more):
        if not self.pre_norm:
            return super().forward(x, mask, **more)
        looked = self.attention(self.attention_norm(x), mask=mask, **more)
        return x + self._drop(looked) + self._drop(self.feed_forward(self.feed_forward_norm(x)))


class BlockWithANormInsideTheResidual(transformer.TransformerBlock):
    def forward(self, x, mask=None, **more):
        if self.pre_norm:
            return super().forward(x, mask, **more)
        x = x + self.attention_norm(self._drop(self.attention(x, mask=mask, **more)))
        return x + self.feed_forward_norm(self._drop(self.feed_forward(x)))


class BlockThatDropsTheStream(transformer.TransformerBlock):
    def forward(self, x, mask=None, **more):
        if not self.pre_norm:
            return super().forward(x, mask, **more)
        x = self._drop(x + self.attention(self.attention_norm(x), mask=mask, **more))
        return self._drop(x + self.feed_forward(self.feed_forward_norm(x)))


class BlockWithoutDropout(transformer.TransformerBlock):
    def _drop(self, x):
        return x


class BlockThatKeepsMoreToItself(transformer.TransformerBlock):
    def forward(self, x, mask=None, **more):
        return super().forward(x, mask)


class _BlockByASublayer(nn.Module):
    """Both kinds by one function around each step."""

    def __init__(self, d_model, attention, feed_forward, norm, pre_norm=True, dropout=0.0):
        super().__init__()
        self.attention, self.attention_norm = attention, norm(d_model)
        self.feed_forward, self.feed_forward_norm = feed_forward, norm(d_model)
        self.pre_norm, self.drop = pre_norm, nn.Dropout(dropout)

    def forward(self, x, mask=None, **more):
        def looks(y):
            return self.attention(y, mask=mask, **more)

        norms = (self.attention_norm, self.feed_forward_norm)
        for step, norm in zip((looks, self.feed_forward), norms):
            added = self.drop(step(norm(x) if self.pre_norm else x))
            x = x + added if self.pre_norm else norm(x + added)
        return x


def _row():
    return torch.tensor([[1.0, 2.0]])


_CALLED = (
    "its norms are called attention_norm and feed_forward_norm, and its steps attention and feed_forward: weights are "
    "loaded into them by these names."
)

TRANSFORMER_BLOCK = Exercise(
    name="transformer.TransformerBlock",
    week=7,
    notebook=NOTEBOOK,
    reference=transformer.TransformerBlock,
    cases=(
        Case("pre-norm", lambda: [True, _row()], run=_run_block),
        Case("post-norm", lambda: [False, _row()], run=_run_block),
        Case("pre-norm", lambda: [True, torch.randn(2, 3, 5, 4)], run=_run_block),
        Case("post-norm", lambda: [False, torch.randn(2, 3, 5, 4)], run=_run_block),
        Case(
            "the mask reaches the attention",
            lambda: [True, torch.randn(3, 4), torch.ones(3, 3).tril().bool()],
            run=_run_block,
        ),
        Case("what else is given", lambda: [torch.ones(3, 4)], run=_run_block_with_more),
        Case("the parts' names", list, run=_names, says=_CALLED),
        Case("dropout", lambda: [0.5], run=_dropped, atol=0.04),
        Case("dropout", lambda: [0.2], run=_dropped, atol=0.04),
    ),
    mistakes=(
        Mistake(BlockWithNumberedNorms, _CALLED, BLOCK),
        Mistake(
            BlockWithoutTheFirstResidual,
            "what the attention found replaces the stream instead of being added to it: x = x + attention(norm(x)).",
            BLOCK,
        ),
        Mistake(
            BlockWithoutTheSecondResidual,
            "what the feed-forward layers made replaces the stream: return x + feed_forward(norm(x)).",
            BLOCK,
        ),
        Mistake(
            BlockThatAddsToTheNorm,
            "the norm is written into the stream itself: give norm(x) to the step, and add what comes back to x as it "
            "was.",
            BLOCK,
        ),
        Mistake(
            BlockAlwaysPreNorm,
            "pre_norm=False is not obeyed: then each norm stands after the sum, norm(x + step(x)).",
            BLOCK,
        ),
        Mistake(
            BlockAlwaysPostNorm,
            "pre_norm=True is not obeyed: then each norm stands before its step, x + step(norm(x)).",
            BLOCK,
        ),
        Mistake(
            BlockWithTheSwitchTurned,
            "pre and post are swapped: pre_norm=True means x + step(norm(x)).",
            BLOCK,
        ),
        Mistake(
            BlockWithOneNormForBoth,
            "both steps share one norm; each has its own weights, so call norm(d_model) twice.",
            BLOCK,
        ),
        Mistake(
            BlockThatForgetsItsMask,
            "the mask does not reach the attention, so tokens see the future: attention(…, mask=mask).",
            BLOCK,
        ),
        Mistake(
            BlockWithItsStepsSwapped,
            "the feed-forward layers come first; tokens look at each other first, then each thinks.",
            BLOCK,
        ),
        Mistake(
            BlockWithBothStepsBesideEachOther,
            "both steps read the same x; the second reads what the first has added (there are models that work in "
            "parallel, this one does not).",
            BLOCK,
        ),
        Mistake(
            BlockWithANormInsideTheResidual,
            "with post-norm only what is added is normalized; the sum is: norm(x + step(x)).",
            BLOCK,
        ),
        Mistake(
            BlockThatDropsTheStream,
            "dropout is applied to the sum, and so wipes out the stream itself: drop only what a step adds.",
            BLOCK,
        ),
        Mistake(
            BlockWithoutDropout,
            "dropout is not applied: drop what each step adds, while self.training is True.",
            BLOCK,
        ),
        Mistake(
            BlockThatKeepsMoreToItself,
            "what else is given (positions, a cache) does not reach the attention: pass **more on to it.",
            BLOCK,
        ),
    ),
    hints=(
        "What is added to what, and does the norm see the stream before or after the sum?",
        "pre-norm: x = x + drop(attention(norm(x))), then the same with the feed-forward part. post-norm: x = norm(x + "
        "drop(attention(x))), then the same. Two norms, one for each step.",
        "found = self.attention(self.attention_norm(x), mask=mask, **more); x = x + dropout(found, self.dropout, "
        "self.training); then the same with self.feed_forward and self.feed_forward_norm",
    ),
    alternatives=(_BlockByASublayer,),
)


# --- count_parameters ------------------------------------------------------------------------------------------------


def counted_tensors(module):
    return sum(1 for p in module.parameters() if p.requires_grad)


def counted_only_matrices(module):
    return sum(p.numel() for p in module.parameters() if p.requires_grad and p.ndim >= 2)


def counted_first_axes(module):
    return sum(len(p) for p in module.parameters() if p.requires_grad)


def counted_frozen_too(module):
    return sum(p.numel() for p in module.parameters())


def counted_shared_twice(module):
    return sum(
        p.numel()
        for part in module.modules()
        for p in part.parameters(recurse=False)
        if p.requires_grad
    )


def counted_state(module):
    return sum(tensor.numel() for tensor in module.state_dict().values())


def counted_own_only(module):
    return sum(p.numel() for p in module.parameters(recurse=False) if p.requires_grad)


def counted_children_only(module):
    return sum(
        p.numel()
        for child in module.children()
        for p in child.parameters(recurse=False)
        if p.requires_grad
    )


def _counted_by_names(module):
    total = 0
    for _, parameter in module.named_parameters():
        if parameter.requires_grad:
            size = 1
            for side in parameter.shape:
                size *= side
            total += size
    return total


class _Tied(nn.Module):
    """An embedding whose weights are also the head's."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 3)
        self.head = nn.Linear(3, 7, bias=False)
        self.head.weight = self.embedding.weight


def _half_frozen():
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    network[0].requires_grad_(False)
    return network


def _nested():
    return nn.Sequential(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), nn.Linear(3, 1))


COUNT_PARAMETERS = Exercise(
    name="transformer.count_parameters",
    week=7,
    notebook=NOTEBOOK,
    reference=transformer.count_parameters,
    cases=(
        Case("one layer", lambda: [nn.Linear(3, 4)]),
        Case("layers in layers", lambda: [_nested()]),
        Case("a parameter of its own", lambda: [nn.LayerNorm(5)]),
        Case("a shared tensor", lambda: [_Tied()]),
        Case("frozen ones", lambda: [_half_frozen()]),
        Case("what is not learnt", lambda: [nn.BatchNorm1d(4)]),
        Case("nothing to learn", lambda: [nn.ReLU()]),
    ),
    mistakes=(
        Mistake(
            counted_tensors,
            "it counts tensors; count the numbers in them, p.numel().",
            COUNT,
        ),
        Mistake(
            counted_only_matrices,
            "the biases and norms are left out: they are learnt too.",
            COUNT,
        ),
        Mistake(
            counted_first_axes,
            "len(p) is only the first side of a matrix: p.numel() is all its numbers.",
            COUNT,
        ),
        Mistake(
            counted_frozen_too,
            "parameters that are frozen (requires_grad is False) are counted: they are not learnt.",
            COUNT,
        ),
        Mistake(
            counted_shared_twice,
            "a tensor that is used in two places is counted twice: module.parameters() gives each once.",
            COUNT,
        ),
        Mistake(
            counted_state,
            "state_dict also holds what is not learnt, and shared tensors twice: go through module.parameters().",
            COUNT,
        ),
        Mistake(
            counted_own_only,
            "only the module's own parameters are counted, and those of its parts are missed: module.parameters() goes "
            "all the way down.",
            COUNT,
        ),
        Mistake(
            counted_children_only,
            "only the direct parts are looked at: module.parameters() goes all the way down.",
            COUNT,
        ),
    ),
    hints=(
        "Which method of a module walks through everything that it learns, its parts' parts included?",
        "Sum p.numel() over module.parameters(), for those with p.requires_grad.",
        "return sum(p.numel() for p in module.parameters() if p.requires_grad)",
    ),
    alternatives=(_counted_by_names,),
)

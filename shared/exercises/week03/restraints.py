"""`regularization.l2_penalty`, `regularization.dropout` and `regularization.EarlyStopping`: cases, mistakes, hints."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week03.measuring import NOTEBOOK
from shared.training import regularization

PRICE = "A price on large weights"
DROP = "Leave some out"
STOP = "Stop in time"


# --- l2_penalty ------------------------------------------------------------------------------------------------------


def _priced(implementation, parameters, strength, wrap=list):
    """The penalty, and what it pushes each parameter with."""
    leaves = [p.clone().requires_grad_() for p in parameters]
    penalty = implementation(wrap(leaves), strength)
    if not isinstance(penalty, torch.Tensor) or not penalty.requires_grad:
        kind = "tensor" if isinstance(penalty, torch.Tensor) else type(penalty).__name__
        return {"penalty": penalty, "gradients flow": False, "kind": kind}
    gradients = torch.autograd.grad(penalty.sum(), leaves, allow_unused=True)
    return {
        "penalty": penalty.detach(),
        "gradients flow": True,
        "gradients": [torch.zeros_like(p) if g is None else g for p, g in zip(leaves, gradients)],
    }


def _priced_from_generator(implementation, parameters, strength):
    return _priced(implementation, parameters, strength, wrap=iter)


def l2_without_the_half(parameters, strength):
    return strength * sum((p**2).sum() for p in parameters if p.ndim >= 2)


def l2_with_biases(parameters, strength):
    return strength / 2 * sum((p**2).sum() for p in parameters)


def l2_of_the_biases_only(parameters, strength):
    return strength / 2 * sum((p**2).sum() for p in parameters if p.ndim < 2)


def l2_of_absolute_values(parameters, strength):
    return strength / 2 * sum(p.abs().sum() for p in parameters if p.ndim >= 2)


def l2_of_lengths(parameters, strength):
    return strength / 2 * sum(p.norm() for p in parameters if p.ndim >= 2)


def l2_of_one_length(parameters, strength):
    return strength / 2 * sum((p**2).sum() for p in parameters if p.ndim >= 2) ** 0.5


def l2_of_means(parameters, strength):
    return strength / 2 * sum((p**2).mean() for p in parameters if p.ndim >= 2)


def l2_that_squares_the_sum(parameters, strength):
    return strength / 2 * sum(p.sum() ** 2 for p in parameters if p.ndim >= 2)


def l2_of_the_last_only(parameters, strength):
    for p in parameters:
        if p.ndim >= 2:
            penalty = strength / 2 * (p**2).sum()
    return penalty


def l2_without_strength(parameters, strength):
    return sum((p**2).sum() for p in parameters if p.ndim >= 2) / 2


def l2_as_a_plain_number(parameters, strength):
    return strength / 2 * sum((p**2).sum().item() for p in parameters if p.ndim >= 2)


def l2_cut_from_the_graph(parameters, strength):
    return strength / 2 * sum((p.detach() ** 2).sum() for p in parameters if p.ndim >= 2)


def l2_with_the_sign_flipped(parameters, strength):
    return -strength / 2 * sum((p**2).sum() for p in parameters if p.ndim >= 2)


def _l2_by_flattening(parameters, strength):
    weights = torch.cat([p.flatten() for p in parameters if p.dim() > 1])
    return 0.5 * strength * weights @ weights


def _layer():
    return [torch.tensor([[1.0, -2.0]]), torch.tensor([3.0])]


def _network():
    return [torch.randn(3, 4), torch.randn(3), torch.randn(2, 3), torch.randn(2)]


L2_PENALTY = Exercise(
    name="regularization.l2_penalty",
    week=3,
    notebook=NOTEBOOK,
    reference=regularization.l2_penalty,
    cases=(
        Case("values", lambda: [_layer(), 0.1], run=_priced),
        Case("every layer", lambda: [_network(), 0.3], run=_priced),
        Case("any iterable", lambda: [_network(), 0.3], run=_priced_from_generator),
        Case("kernels", lambda: [[torch.randn(2, 3, 2, 2), torch.randn(2)], 0.5], run=_priced),
        Case(
            "float64 kept",
            lambda: [[p.double() for p in _network()], 0.01],
            run=_priced,
            rtol=1e-12,
            atol=1e-12,
        ),
    ),
    mistakes=(
        Mistake(
            l2_without_the_half,
            "the factor 1/2 is missing; with it the gradient is strength · w, and not twice that.",
            PRICE,
        ),
        Mistake(
            l2_with_biases,
            "the biases are counted too: only parameters with two or more dimensions are weights.",
            PRICE,
        ),
        Mistake(
            l2_of_the_biases_only,
            "the biases are counted and the weights are not: keep parameters with p.ndim >= 2.",
            PRICE,
        ),
        Mistake(
            l2_of_absolute_values,
            "absolute values make an L1 penalty, which is the challenge's: square the weights here.",
            PRICE,
        ),
        Mistake(
            l2_of_lengths,
            "the norm is the root of the sum of squares: leave the root out, or square the norm.",
            PRICE,
        ),
        Mistake(
            l2_of_one_length,
            "a root is taken of the sum of squares: leave it out, the penalty is the sum itself times strength / 2.",
            PRICE,
        ),
        Mistake(
            l2_of_means,
            "it takes the mean of the squares, so that a larger layer is priced lower for each weight: sum them.",
            PRICE,
        ),
        Mistake(
            l2_that_squares_the_sum,
            "the weights are summed before they are squared, so 1 and −1 cancel: square each, then sum.",
            PRICE,
        ),
        Mistake(
            l2_of_the_last_only,
            "only the last layer is counted: add the layers up instead of overwriting.",
            PRICE,
        ),
        Mistake(
            l2_without_strength,
            "the strength is not used: multiply the sum of squares by strength / 2.",
            PRICE,
        ),
        Mistake(
            l2_as_a_plain_number,
            ".item() makes a plain number of it, from which no gradient flows: stay with tensors.",
            PRICE,
        ),
        Mistake(
            l2_cut_from_the_graph,
            ".detach() (like .data and torch.no_grad) cuts the weights out of the graph, so the penalty would push "
            "nothing: use the parameters themselves.",
            PRICE,
        ),
        Mistake(
            l2_with_the_sign_flipped,
            "the sign is turned: a negative penalty would reward large weights.",
            PRICE,
        ),
    ),
    hints=(
        "Which of a layer's two parameters is the weight, and how do you tell it by its number of dimensions?",
        "For each parameter with p.ndim >= 2, the sum of its squared entries; add them up, multiply by strength / 2.",
        "return strength / 2 * sum((p**2).sum() for p in parameters if p.ndim >= 2)",
    ),
    alternatives=(_l2_by_flattening,),
)


# --- dropout ---------------------------------------------------------------------------------------------------------


def _kept_values(implementation, value, p, count=64):
    """Which numbers come out when every input is the same: 0, and the value that was scaled up."""
    output = implementation(torch.full((count,), value), p)
    return {
        "what is left": output[output != 0].unique(),
        "some are dropped": bool((output == 0).any()),
    }


def _shares(implementation, p, rows=300, columns=400):
    """Counts over many numbers, which vary little from one right answer to another."""
    output = implementation(torch.ones(rows, columns), p, True)
    zero = (output == 0).double()
    return {
        "share of zeros": zero.mean().item(),
        "mean": output.double().mean().item(),
        # A mask that is the same for all rows, or all columns, shows here as 0.25 and not 0.
        "spread of zeros between columns": zero.mean(dim=0).var().item(),
        "spread of zeros between rows": zero.mean(dim=1).var().item(),
    }


def _twice(implementation, p):
    outputs = [implementation(torch.ones(200), p) for _ in range(2)]
    return {"another mask the second time": not torch.equal(*outputs)}


def _dropout_gradients(implementation, p):
    x = torch.linspace(-2, 2, 64).requires_grad_()
    output = implementation(x, p)
    if not output.requires_grad:
        return {"gradient of x": None}
    (gradient,) = torch.autograd.grad(output.sum(), x)
    expected = torch.where(output == 0, 0.0, 1 / (1 - p))
    return {"gradient of x": torch.allclose(gradient, expected)}


def dropout_without_scale(x, p, training=True):
    return x * (torch.rand_like(x) >= p) if training else x


def dropout_scaled_down(x, p, training=True):
    return x * (torch.rand_like(x) >= p) * (1 - p) if training else x


def dropout_divided_by_p(x, p, training=True):
    return x * (torch.rand_like(x) >= p) / p if training else x


def dropout_that_keeps_p(x, p, training=True):
    return x * (torch.rand_like(x) < p) / (1 - p) if training else x


def dropout_that_keeps_p_and_scales(x, p, training=True):
    return x * (torch.rand_like(x) < p) / p if training else x


def dropout_that_never_ends(x, p, training=True):
    return x * (torch.rand_like(x) >= p) / (1 - p)


def dropout_in_evaluation_only(x, p, training=True):
    return x if training else x * (torch.rand_like(x) >= p) / (1 - p)


def dropout_of_the_first_paper(x, p, training=True):
    return x * (torch.rand_like(x) >= p) if training else x * (1 - p)


def dropout_scaled_in_evaluation_too(x, p, training=True):
    return x * (torch.rand_like(x) >= p) / (1 - p) if training else x / (1 - p)


def dropout_with_one_mask_for_all_rows(x, p, training=True):
    return x * (torch.rand(x.shape[-1]) >= p) / (1 - p) if training else x


def dropout_of_whole_rows(x, p, training=True):
    if not training:
        return x
    keep = torch.rand(x.shape[0]) >= p
    return x * keep.reshape(-1, *[1] * (x.ndim - 1)) / (1 - p)


def dropout_with_the_same_mask_always(x, p, training=True):
    torch.manual_seed(0)
    return x * (torch.rand_like(x) >= p) / (1 - p) if training else x


def dropout_scaled_by_the_share_kept(x, p, training=True):
    if not training:
        return x
    keep = (torch.rand_like(x) >= p).to(x.dtype)
    return x * keep / keep.mean()


def dropout_in_place(x, p, training=True):
    if training:
        with torch.no_grad():
            x *= torch.rand_like(x) >= p
            x /= 1 - p
    return x


def dropout_cut_from_the_graph(x, p, training=True):
    return x.detach() * (torch.rand_like(x) >= p) / (1 - p) if training else x


def dropout_of_the_smallest(x, p, training=True):
    if not training:
        return x
    keep = x.abs() >= x.abs().flatten().quantile(p)
    return x * keep / (1 - p)


def _dropout_by_bernoulli(x, p, training=True):
    if not training:
        return x
    mask = torch.bernoulli(torch.full(x.shape, 1 - p, dtype=x.dtype))
    return mask * (x / (1 - p))


def _dropout_by_torch(x, p, training=True):
    return F.dropout(x, p, training)


DROPOUT = Exercise(
    name="regularization.dropout",
    week=3,
    notebook=NOTEBOOK,
    reference=regularization.dropout,
    cases=(
        Case("evaluation", lambda: [torch.tensor([2.0, -4.0, 6.0, 8.0]), 0.5, False]),
        Case("zeros and scale", lambda: [2.0, 0.5], run=_kept_values),
        Case("zeros and scale", lambda: [-3.0, 0.2], run=_kept_values),
        Case("share of zeros", lambda: [0.2], run=_shares, atol=0.02),
        Case("share of zeros", lambda: [0.6], run=_shares, atol=0.02),
        Case("a new mask each time", lambda: [0.5], run=_twice),
        Case("gradients", lambda: [0.5], run=_dropout_gradients),
        Case("inputs unchanged", lambda: [torch.ones(40), 0.5], run=lambda f, *a: f(*a).shape),
        Case("p = 0", lambda: [torch.tensor([1.0, -2.0]), 0.0, True]),
        Case("float64 kept", lambda: [torch.ones(2, dtype=torch.float64), 0.0, True]),
    ),
    mistakes=(
        Mistake(
            dropout_without_scale,
            "what is kept is not scaled up, so in training the next layer gets less than in evaluation: divide by "
            "1 - p.",
            DROP,
        ),
        Mistake(
            dropout_scaled_down,
            "what is kept is multiplied by 1 - p, which makes it smaller still: divide by it.",
            DROP,
        ),
        Mistake(
            dropout_divided_by_p,
            "it divides by p, the chance to be dropped; divide by the chance to be kept, 1 - p.",
            DROP,
        ),
        Mistake(
            dropout_that_keeps_p,
            "p is the chance to become 0, and here it is the chance to stay: keep where torch.rand_like(x) >= p.",
            DROP,
        ),
        Mistake(
            dropout_that_keeps_p_and_scales,
            "p is used throughout as the chance to stay; it is the chance to become 0, so keep 1 - p of them and "
            "divide by 1 - p.",
            DROP,
        ),
        Mistake(
            dropout_that_never_ends,
            "with training=False it still drops, so the same input gets another answer each time: return x then.",
            DROP,
        ),
        Mistake(
            dropout_in_evaluation_only,
            "training and evaluation are swapped: numbers are dropped while training is True.",
            DROP,
        ),
        Mistake(
            dropout_of_the_first_paper,
            "that is dropout as first published, which shrinks everything by 1 - p in evaluation; the inverted form "
            "divides by 1 - p in training and then leaves evaluation alone.",
            DROP,
        ),
        Mistake(
            dropout_scaled_in_evaluation_too,
            "it scales in evaluation as well: the factor makes up for what was dropped, and there nothing was.",
            DROP,
        ),
        Mistake(
            dropout_with_one_mask_for_all_rows,
            "all examples of the batch lose the same neurons: draw a mask of the whole shape, torch.rand_like(x).",
            DROP,
        ),
        Mistake(
            dropout_of_whole_rows,
            "whole examples are dropped; each number is dropped by itself: draw a mask of the whole shape.",
            DROP,
        ),
        Mistake(
            dropout_with_the_same_mask_always,
            "a seed is set inside, so each call drops the same neurons: leave the generator alone.",
            DROP,
        ),
        Mistake(
            dropout_scaled_by_the_share_kept,
            "it divides by the share that happened to be kept, so one neuron's scale depends on all others' luck: "
            "divide by 1 - p.",
            DROP,
        ),
        Mistake(
            dropout_in_place,
            "it writes into the caller's tensor, which the backward pass still needs: make a new one.",
            DROP,
        ),
        Mistake(
            dropout_cut_from_the_graph,
            ".detach() (like .data and .numpy()) cuts x out of the graph, so no gradient flows back: use x itself.",
            DROP,
        ),
        Mistake(
            dropout_of_the_smallest,
            "it drops the smallest numbers; dropout is blind: chance alone decides.",
            DROP,
        ),
    ),
    hints=(
        "If half of ten neurons of value 1 are set to 0, what must the other five be for the sum to stay about 10?",
        "torch.rand_like(x) draws a number from 0 to 1 for each entry; it is >= p with probability 1 - p. Multiply x "
        "by that mask, and make up for what was lost. Not training: give x back.",
        "keep = torch.rand_like(x) >= p; return x * keep / (1 - p) if training else x",
    ),
    alternatives=(_dropout_by_bernoulli, _dropout_by_torch),
)


# --- EarlyStopping ---------------------------------------------------------------------------------------------------


def _watched(implementation, losses, patience, *more):
    """A training whose weight is the number of the epoch: what was said after each, and what was kept."""
    stopper = implementation(patience, *more)
    network = nn.Linear(1, 1, bias=False)
    said = []
    for epoch, loss in enumerate(losses, 1):
        with torch.no_grad():
            network.weight.fill_(epoch)
        said.append(stopper.update(loss, network))
        if said[-1]:
            break
    with torch.no_grad():
        network.weight.fill_(-1.0)  # training goes on; the copy must not notice
    return {
        "stop? after each epoch": said,
        "best": stopper.best,
        "weight in best_state": _kept_weight(stopper.best_state),
    }


def _kept_weight(state):
    return None if state is None else round(float(state["weight"]), 3)


class EarlyStoppingWithoutCopy(regularization.EarlyStopping):
    def update(self, loss, network):
        if loss < self.best - self.min_delta:
            self.best, self.waited, self.best_state = loss, 0, network.state_dict()
        else:
            self.waited += 1
        return self.waited >= self.patience


class EarlyStoppingThatNeverForgets(regularization.EarlyStopping):
    def update(self, loss, network):
        if loss < self.best - self.min_delta:
            self.best, self.best_state = loss, copy.deepcopy(network.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience


class EarlyStoppingByTheLastLoss(regularization.EarlyStopping):
    def update(self, loss, network):
        if loss < self.best - self.min_delta:
            self.waited, self.best_state = 0, copy.deepcopy(network.state_dict())
        else:
            self.waited += 1
        self.best = loss
        return self.waited >= self.patience


class EarlyStoppingAtOnce(regularization.EarlyStopping):
    def update(self, loss, network):
        super().update(loss, network)
        return self.waited > 0


class EarlyStoppingOneTooLate(regularization.EarlyStopping):
    def update(self, loss, network):
        super().update(loss, network)
        return self.waited > self.patience


class EarlyStoppingThatLikesTies(regularization.EarlyStopping):
    def update(self, loss, network):
        if loss <= self.best - self.min_delta:
            self.best, self.waited = loss, 0
            self.best_state = copy.deepcopy(network.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience


class EarlyStoppingWithoutMinDelta(regularization.EarlyStopping):
    def __init__(self, patience, min_delta=0.0):
        super().__init__(patience, 0.0)


class EarlyStoppingWithMinDeltaAdded(regularization.EarlyStopping):
    def __init__(self, patience, min_delta=0.0):
        super().__init__(patience, -min_delta)


class EarlyStoppingThatTrustsNan(regularization.EarlyStopping):
    def update(self, loss, network):
        if loss >= self.best - self.min_delta:
            self.waited += 1
        else:
            self.best, self.waited = loss, 0
            self.best_state = copy.deepcopy(network.state_dict())
        return self.waited >= self.patience


class EarlyStoppingForAccuracy(regularization.EarlyStopping):
    def __init__(self, patience, min_delta=0.0):
        super().__init__(patience, min_delta)
        self.best = -math.inf

    def update(self, loss, network):
        if loss > self.best + self.min_delta:
            self.best, self.waited = loss, 0
            self.best_state = copy.deepcopy(network.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience


class EarlyStoppingThatKeepsTheLast(regularization.EarlyStopping):
    def update(self, loss, network):
        stop = super().update(loss, network)
        self.best_state = copy.deepcopy(network.state_dict())
        return stop


class EarlyStoppingThatKeepsTheFirst(regularization.EarlyStopping):
    def update(self, loss, network):
        first = self.best_state
        stop = super().update(loss, network)
        self.best_state = self.best_state if first is None else first
        return stop


class EarlyStoppingThatStartsAtZero(regularization.EarlyStopping):
    def __init__(self, patience, min_delta=0.0):
        super().__init__(patience, min_delta)
        self.best = 0.0


class EarlyStoppingThatSaysNothing(regularization.EarlyStopping):
    def update(self, loss, network):
        super().update(loss, network)


class _EarlyStoppingByClones:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best, self.best_state, self.bad = float("inf"), None, 0

    def update(self, loss, network):
        if self.best - loss > self.min_delta:
            self.best_state = {k: v.clone() for k, v in network.state_dict().items()}
            self.best, self.bad = loss, 0
            return False
        self.bad += 1
        return self.bad >= self.patience


EARLY_STOPPING = Exercise(
    name="regularization.EarlyStopping",
    week=3,
    notebook=NOTEBOOK,
    reference=regularization.EarlyStopping,
    cases=(
        Case("values", lambda: [[1.0, 0.8, 0.9, 0.85, 0.7], 2], run=_watched),
        Case(
            "a fall starts the count again",
            lambda: [[1.0, 1.2, 0.9, 1.1, 0.8, 1.3, 0.7], 2],
            run=_watched,
        ),
        Case("compared with the best", lambda: [[1.0, 0.5, 0.9, 0.8, 0.7, 0.6], 4], run=_watched),
        Case("equal is not better", lambda: [[0.5, 0.5, 0.5, 0.5], 2], run=_watched),
        Case("patience 1", lambda: [[0.9, 0.8, 0.81, 0.1], 1], run=_watched),
        Case("min_delta", lambda: [[1.0, 0.95, 0.91, 0.7], 3, 0.1], run=_watched),
        Case("min_delta", lambda: [[1.0, 0.95, 0.91, 0.7], 2, 0.1], run=_watched),
        Case("min_delta", lambda: [[1.0, 1.05, 1.08, 0.7], 2, 0.1], run=_watched),
        Case("nan", lambda: [[0.9, math.nan, 0.8, math.nan, math.nan], 2], run=_watched),
    ),
    mistakes=(
        Mistake(
            EarlyStoppingWithoutCopy,
            "state_dict() hands out the network's own tensors, which training goes on changing: keep "
            "copy.deepcopy(network.state_dict()).",
            STOP,
        ),
        Mistake(
            EarlyStoppingThatNeverForgets,
            "the count is never set back: after each new best it starts again at 0.",
            STOP,
        ),
        Mistake(
            EarlyStoppingByTheLastLoss,
            "each loss is compared with the one before it; compare with the best so far, and change best only when it "
            "is beaten.",
            STOP,
        ),
        Mistake(
            EarlyStoppingAtOnce,
            "it stops at the first loss that is no better; wait until there are `patience` of them in a row.",
            STOP,
        ),
        Mistake(
            EarlyStoppingOneTooLate,
            "it waits one evaluation too long: stop when waited >= patience, not when it is above.",
            STOP,
        ),
        Mistake(
            EarlyStoppingThatLikesTies,
            "an equal loss counts as better here, so a flat curve would train for ever: compare with <.",
            STOP,
        ),
        Mistake(
            EarlyStoppingWithoutMinDelta,
            "min_delta is not used: a new best must be lower than the old one by more than that.",
            STOP,
        ),
        Mistake(
            EarlyStoppingWithMinDeltaAdded,
            "min_delta is added, so that a worse loss can count as better: compare with best - min_delta.",
            STOP,
        ),
        Mistake(
            EarlyStoppingThatTrustsNan,
            "nan passes as a new best, since no comparison with nan is true: ask whether the loss is lower, and let "
            "everything else count as waiting.",
            STOP,
        ),
        Mistake(
            EarlyStoppingForAccuracy,
            "it takes higher for better; a loss is better when it is lower.",
            STOP,
        ),
        Mistake(
            EarlyStoppingThatKeepsTheLast,
            "best_state is overwritten at every evaluation: copy the weights only when the loss is a new best.",
            STOP,
        ),
        Mistake(
            EarlyStoppingThatKeepsTheFirst,
            "best_state stays at the first weights: copy them again at each new best.",
            STOP,
        ),
        Mistake(
            EarlyStoppingThatStartsAtZero,
            "best starts at 0, which no loss beats: start at math.inf.",
            STOP,
        ),
        Mistake(
            EarlyStoppingThatSaysNothing,
            "update returns nothing: it must say True when training should stop, False otherwise.",
            STOP,
        ),
    ),
    hints=(
        "What must the object remember between two calls? And what does it do with that when a new best comes?",
        "Remember the best loss (from infinity), the count of evaluations since, and a deep copy of the weights. A new "
        "best resets the count; everything else raises it.",
        "if loss < self.best - self.min_delta: self.best, self.waited = loss, 0; self.best_state = "
        "copy.deepcopy(network.state_dict()); else: self.waited += 1; and at the end return self.waited >= "
        "self.patience",
    ),
    alternatives=(_EarlyStoppingByClones,),
)

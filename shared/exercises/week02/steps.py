"""`optim.SGD` and `optim.RMSProp`: cases, known mistakes, hints."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week02.walking import GUIDED, common_cases, hand_walk, walk
from shared.training import optimizers
from shared.training.optimizers import Optimizer

ROLLING = "A ball that rolls"
EACH = "A step size for each number"


# --- SGD -------------------------------------------------------------------------------------------------------------


class _OwnSGD(optimizers.SGD):
    """The loop, with one line left to the mistakes below."""

    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.parameters):
            if p.grad is not None:
                self.one(p, p.grad + self.weight_decay * p, i)


class SGDUphill(_OwnSGD):
    def one(self, p, g, i):
        self.velocity[i] = self.momentum * self.velocity[i] + g
        p += self.lr * self.velocity[i]


class SGDWithoutLr(_OwnSGD):
    def one(self, p, g, i):
        self.velocity[i] = self.momentum * self.velocity[i] + g
        p -= self.velocity[i]


class SGDThatForgetsItsVelocity(_OwnSGD):
    def one(self, p, g, i):
        v = self.velocity[i]
        v = self.momentum * v + g
        p -= self.lr * v


class SGDWithAnAveragedVelocity(_OwnSGD):
    def one(self, p, g, i):
        self.velocity[i] = self.momentum * self.velocity[i] + (1 - self.momentum) * g
        p -= self.lr * self.velocity[i]


class SGDWithLrInItsVelocity(_OwnSGD):
    def one(self, p, g, i):
        self.velocity[i] = self.momentum * self.velocity[i] + self.lr * g
        p -= self.velocity[i]


class SGDThatStepsBeforeItUpdates(_OwnSGD):
    def one(self, p, g, i):
        p -= self.lr * self.velocity[i]
        self.velocity[i] = self.momentum * self.velocity[i] + g


class SGDThatAddsTheGradientTwice(_OwnSGD):
    def one(self, p, g, i):
        self.velocity[i] = self.momentum * self.velocity[i] + g
        p -= self.lr * (g + self.velocity[i])


class SGDOnACopy(_OwnSGD):
    def one(self, p, g, i):
        self.velocity[i] = self.momentum * self.velocity[i] + g
        p = p - self.lr * self.velocity[i]


class SGDWithoutWeightDecay(optimizers.SGD):
    @torch.no_grad()
    def step(self):
        for p, v in zip(self.parameters, self.velocity, strict=True):
            if p.grad is not None:
                v.mul_(self.momentum).add_(p.grad)
                p -= self.lr * v


class SGDWithWeightGrowth(optimizers.SGD):
    @torch.no_grad()
    def step(self):
        for p, v in zip(self.parameters, self.velocity, strict=True):
            if p.grad is not None:
                v.mul_(self.momentum).add_(p.grad - self.weight_decay * p)
                p -= self.lr * v


class SGDWithDecayBesideTheVelocity(optimizers.SGD):
    @torch.no_grad()
    def step(self):
        for p, v in zip(self.parameters, self.velocity, strict=True):
            if p.grad is not None:
                v.mul_(self.momentum).add_(p.grad)
                p -= self.lr * (v + self.weight_decay * p)


class SGDThatChangesTheGradient(optimizers.SGD):
    @torch.no_grad()
    def step(self):
        for p, v in zip(self.parameters, self.velocity, strict=True):
            if p.grad is not None:
                p.grad += self.weight_decay * p
                v.mul_(self.momentum).add_(p.grad)
                p -= self.lr * v


class SGDWithASpentGenerator(_OwnSGD):
    def __init__(self, parameters, lr, momentum=0.0, weight_decay=0.0):
        super().__init__(parameters, lr, momentum, weight_decay)
        self.velocity = [torch.zeros_like(p) for p in parameters]

    @torch.no_grad()
    def step(self):
        for p, v in zip(self.parameters, self.velocity):
            if p.grad is not None:
                v.mul_(self.momentum).add_(p.grad + self.weight_decay * p)
                p -= self.lr * v


class SGDThatTripsOverNone(optimizers.SGD):
    @torch.no_grad()
    def step(self):
        for p, v in zip(self.parameters, self.velocity, strict=True):
            v.mul_(self.momentum).add_(p.grad + self.weight_decay * p)
            p -= self.lr * v


class SGDThatIsRecorded(optimizers.SGD):
    def step(self):
        for p, v in zip(self.parameters, self.velocity, strict=True):
            if p.grad is not None:
                v.mul_(self.momentum).add_(p.grad + self.weight_decay * p)
                p -= self.lr * v


class _SGDByTorchsOperations(Optimizer):
    def __init__(self, parameters, lr, momentum=0.0, weight_decay=0.0):
        super().__init__(parameters, lr)
        self.momentum, self.weight_decay = momentum, weight_decay
        self.buffers = [torch.zeros_like(p) for p in self.parameters]

    def step(self):
        with torch.no_grad():
            for i, p in enumerate(self.parameters):
                if p.grad is not None:
                    g = p.grad.add(p, alpha=self.weight_decay)
                    self.buffers[i] = self.momentum * self.buffers[i] + g
                    p.sub_(self.buffers[i], alpha=self.lr)


_FULL = {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.1}

SGD = Exercise(
    name="optim.SGD",
    week=2,
    notebook=GUIDED,
    reference=optimizers.SGD,
    cases=(
        Case(
            "one step",
            hand_walk({"lr": 0.1}, [[10.0, -20.0]]),
            run=walk,
            says="after the step each parameter must hold its old value minus lr · v, written into its own memory, "
            "and its gradient must be as it was.",
        ),
        Case(
            "momentum",
            hand_walk({"lr": 0.1, "momentum": 0.9}, [[1.0, -2.0], [1.0, 0.0], [1.0, 4.0]]),
            run=walk,
        ),
        Case(
            "weight decay",
            hand_walk({"lr": 0.1, "weight_decay": 0.5}, [[1.0, -2.0], [0.0, 0.0]]),
            run=walk,
        ),
        *common_cases(_FULL),
    ),
    mistakes=(
        Mistake(
            SGDUphill,
            "the step goes uphill: the gradient points to where the loss grows, so subtract lr · v.",
            ROLLING,
        ),
        Mistake(
            SGDWithoutLr,
            "the learning rate is not used: subtract self.lr * v.",
            ROLLING,
        ),
        Mistake(
            SGDThatForgetsItsVelocity,
            "v = momentum * v + g makes a new tensor that is gone after the step: change the kept one in place "
            "(v *= …; v += …), or store it back on self.",
            ROLLING,
        ),
        Mistake(
            SGDWithAnAveragedVelocity,
            "the new gradient is multiplied by (1 - momentum); here it enters whole: v ← momentum · v + g.",
            ROLLING,
        ),
        Mistake(
            SGDWithLrInItsVelocity,
            "the learning rate is multiplied into the velocity, so a change of lr reaches old gradients too late: "
            "v ← momentum · v + g, and lr only in the step.",
            ROLLING,
        ),
        Mistake(
            SGDThatStepsBeforeItUpdates,
            "the parameter moves before the new gradient is in the velocity: update v first, then step.",
            ROLLING,
        ),
        Mistake(
            SGDThatAddsTheGradientTwice,
            "the gradient counts twice, once in the velocity and once beside it: step by lr · v alone.",
            ROLLING,
        ),
        Mistake(
            SGDOnACopy,
            "p = p - … makes a new tensor and leaves the network's own as it was: change it in place with -=.",
            ROLLING,
        ),
        Mistake(
            SGDWithoutWeightDecay,
            "weight_decay is not used: add weight_decay · θ to the gradient first.",
            ROLLING,
        ),
        Mistake(
            SGDWithWeightGrowth,
            "weight_decay · θ is subtracted from the gradient, so the weights grow: add it.",
            ROLLING,
        ),
        Mistake(
            SGDWithDecayBesideTheVelocity,
            "weight_decay · θ acts beside the velocity; it is part of the gradient here, so it goes into v as well.",
            ROLLING,
        ),
        Mistake(
            SGDThatChangesTheGradient,
            "p.grad += … writes into the gradient, which others may still read: make a new tensor, "
            "gradient = p.grad + weight_decay * p.",
            ROLLING,
        ),
        Mistake(
            SGDWithASpentGenerator,
            "network.parameters() can be gone through only once, and super().__init__ has done so: make the buffers "
            "from self.parameters.",
            ROLLING,
        ),
        Mistake(
            SGDThatTripsOverNone,
            "a parameter that took no part has grad None, and nothing can be computed with None: skip it.",
            ROLLING,
        ),
        Mistake(
            SGDThatIsRecorded,
            "torch refuses, since it would record the step as part of the function being differentiated: keep "
            "@torch.no_grad() above step.",
            ROLLING,
        ),
    ),
    hints=(
        "What must an optimizer with momentum remember between two steps, and what shape does it have? With which "
        "value does it start?",
        "In __init__: super().__init__(parameters, lr), keep the two settings, and one torch.zeros_like(p) for each p "
        "of self.parameters. In step: the gradient with its weight decay, then the velocity, then the parameter.",
        "for p, v in zip(self.parameters, self.velocity): skip None; g = p.grad + self.weight_decay * p; "
        "v *= self.momentum; v += g; p -= self.lr * v",
    ),
    alternatives=(_SGDByTorchsOperations,),
)


# --- RMSProp ---------------------------------------------------------------------------------------------------------


class _OwnRMSProp(optimizers.RMSProp):
    @torch.no_grad()
    def step(self):
        for p, s in zip(self.parameters, self.square, strict=True):
            if p.grad is not None:
                self.one(p, s, p.grad)


class RMSPropWithoutTheRoot(_OwnRMSProp):
    def one(self, p, s, g):
        s.mul_(self.alpha).add_((1 - self.alpha) * g**2)
        p -= self.lr * g / (s + self.eps)


class RMSPropWithEpsInTheRoot(_OwnRMSProp):
    def one(self, p, s, g):
        s.mul_(self.alpha).add_((1 - self.alpha) * g**2)
        p -= self.lr * g / (s + self.eps).sqrt()


class RMSPropWithoutEps(_OwnRMSProp):
    def one(self, p, s, g):
        s.mul_(self.alpha).add_((1 - self.alpha) * g**2)
        p -= self.lr * g / s.sqrt()


class RMSPropOfTheGradientItself(_OwnRMSProp):
    def one(self, p, s, g):
        s.mul_(self.alpha).add_((1 - self.alpha) * g)
        p -= self.lr * g / (s.abs().sqrt() + self.eps)


class RMSPropThatSumsSquares(_OwnRMSProp):
    def one(self, p, s, g):
        s += g**2
        p -= self.lr * g / (s.sqrt() + self.eps)


class RMSPropWithSharesSwapped(_OwnRMSProp):
    def one(self, p, s, g):
        s.mul_(1 - self.alpha).add_(self.alpha * g**2)
        p -= self.lr * g / (s.sqrt() + self.eps)


class RMSPropWithoutTheShare(_OwnRMSProp):
    def one(self, p, s, g):
        s.mul_(self.alpha).add_(g**2)
        p -= self.lr * g / (s.sqrt() + self.eps)


class RMSPropWithoutMemory(_OwnRMSProp):
    def one(self, p, s, g):
        s = self.alpha * s + (1 - self.alpha) * g**2
        p -= self.lr * g / (s.sqrt() + self.eps)


class RMSPropThatStepsBeforeItUpdates(_OwnRMSProp):
    def one(self, p, s, g):
        p -= self.lr * g / (s.sqrt() + self.eps)
        s.mul_(self.alpha).add_((1 - self.alpha) * g**2)


class RMSPropWithOneNumberForAll(_OwnRMSProp):
    def one(self, p, s, g):
        s.mul_(self.alpha).add_((1 - self.alpha) * (g**2).mean())
        p -= self.lr * g / (s.sqrt() + self.eps)


class RMSPropThatMultiplies(_OwnRMSProp):
    def one(self, p, s, g):
        s.mul_(self.alpha).add_((1 - self.alpha) * g**2)
        p -= self.lr * g * (s.sqrt() + self.eps)


class RMSPropUphill(_OwnRMSProp):
    def one(self, p, s, g):
        s.mul_(self.alpha).add_((1 - self.alpha) * g**2)
        p += self.lr * g / (s.sqrt() + self.eps)


class _RMSPropByTorchsOperations(Optimizer):
    def __init__(self, parameters, lr=0.01, alpha=0.99, eps=1e-8):
        super().__init__(parameters, lr)
        self.alpha, self.eps = alpha, eps
        self.s = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self):
        for p, s in zip(self.parameters, self.s, strict=True):
            if p.grad is not None:
                s.mul_(self.alpha).addcmul_(p.grad, p.grad, value=1 - self.alpha)
                p.addcdiv_(p.grad, s.sqrt().add_(self.eps), value=-self.lr)


RMSPROP = Exercise(
    name="optim.RMSProp",
    week=2,
    notebook=GUIDED,
    reference=optimizers.RMSProp,
    cases=(
        Case("one step", hand_walk({"lr": 0.1, "alpha": 0.75}, [[4.0, -0.5]]), run=walk),
        Case(
            "memory",
            hand_walk({"lr": 0.1, "alpha": 0.75}, [[4.0, -0.5], [1.0, 0.5], [0.0, 2.0]]),
            run=walk,
        ),
        Case(
            "eps",
            hand_walk({"lr": 0.1, "alpha": 0.75, "eps": 0.5}, [[4.0, 0.0], [1.0, 0.5]]),
            run=walk,
            says="with a gradient of 0, or a large eps, something is off: add eps to the root, and to nothing else.",
        ),
        *common_cases({"lr": 0.1, "alpha": 0.9}),
        Case("the usual settings", hand_walk({}, [[4.0, -0.5], [1.0, 0.5]]), run=walk),
    ),
    mistakes=(
        Mistake(
            RMSPropWithoutTheRoot,
            "it divides by the mean square; its root has the unit of a gradient, so divide by s.sqrt() + eps.",
            EACH,
        ),
        Mistake(
            RMSPropWithEpsInTheRoot,
            "eps stands inside the root; here, as in torch, it is added after it: s.sqrt() + eps.",
            EACH,
        ),
        Mistake(
            RMSPropWithoutEps,
            "without eps a gradient that was always 0 gives 0 / 0 = nan: divide by s.sqrt() + eps.",
            EACH,
        ),
        Mistake(
            RMSPropOfTheGradientItself,
            "the mean is taken of the gradient, where signs cancel: take it of the gradient's square.",
            EACH,
        ),
        Mistake(
            RMSPropThatSumsSquares,
            "the squares are summed for ever, so steps only shrink (that is Adagrad): s ← α s + (1 - α) g².",
            EACH,
        ),
        Mistake(
            RMSPropWithSharesSwapped,
            "the shares are swapped: alpha is what is kept of the old mean, 1 - alpha the share of the new square.",
            EACH,
        ),
        Mistake(
            RMSPropWithoutTheShare,
            "the new square enters whole, so s grows 1 / (1 - α) times too large: multiply it by 1 - alpha.",
            EACH,
        ),
        Mistake(
            RMSPropWithoutMemory,
            "s = … makes a new tensor that is gone after the step: change the kept one in place (s *= …; s += …).",
            EACH,
        ),
        Mistake(
            RMSPropThatStepsBeforeItUpdates,
            "the step is taken with the mean of before, which is 0 at first: put the new square in, then divide.",
            EACH,
        ),
        Mistake(
            RMSPropWithOneNumberForAll,
            "one mean is used for the whole tensor: each number keeps its own, so square without taking .mean().",
            EACH,
        ),
        Mistake(
            RMSPropThatMultiplies,
            "the gradient is multiplied by the root: divide, so that steep directions get small steps.",
            EACH,
        ),
        Mistake(RMSPropUphill, "the step goes uphill: subtract it.", EACH),
    ),
    hints=(
        "Which number says how large the recent gradients of one weight were, whatever their sign?",
        "Keep the mean of squares, one tensor for each parameter, starting at 0. Update it with the new gradient "
        "first, then divide the gradient by its root.",
        "s *= self.alpha; s += (1 - self.alpha) * p.grad**2; p -= self.lr * p.grad / (s.sqrt() + self.eps)",
    ),
    alternatives=(_RMSPropByTorchsOperations,),
)

"""`optim.Adam` and `optim.AdamW`: cases, known mistakes, hints."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week02.walking import GUIDED, common_cases, hand_walk, walk
from shared.training import optimizers
from shared.training.optimizers import Optimizer

BOTH = "Both at once"
SHRINK = "Shrinking the weights"


# --- Adam ------------------------------------------------------------------------------------------------------------


class _OwnAdam(optimizers.Adam):
    """Adam in parts that the mistakes below change: how the means are kept, corrected and used."""

    @torch.no_grad()
    def step(self):
        self.steps += 1
        for p, m, v in zip(self.parameters, self.m, self.v, strict=True):
            if p.grad is not None:
                self.keep(m, v, p.grad)
                self.move(p, m, v)

    def keep(self, m, v, g):
        beta1, beta2 = self.betas
        m.mul_(beta1).add_((1 - beta1) * g)
        v.mul_(beta2).add_((1 - beta2) * g**2)

    def move(self, p, m, v):
        m_hat, v_hat = self.corrected(m, v)
        p -= self.lr * m_hat / (v_hat.sqrt() + self.eps)

    def corrected(self, m, v):
        return m / (1 - self.betas[0] ** self.steps), v / (1 - self.betas[1] ** self.steps)


class AdamWithoutCorrection(_OwnAdam):
    def corrected(self, m, v):
        return m, v


class AdamThatCorrectsOnlyM(_OwnAdam):
    def corrected(self, m, v):
        return m / (1 - self.betas[0] ** self.steps), v


class AdamThatCorrectsOnlyV(_OwnAdam):
    def corrected(self, m, v):
        return m, v / (1 - self.betas[1] ** self.steps)


class AdamThatCorrectsBothWithBeta1(_OwnAdam):
    def corrected(self, m, v):
        return m / (1 - self.betas[0] ** self.steps), v / (1 - self.betas[0] ** self.steps)


class AdamThatNeverCounts(_OwnAdam):
    def corrected(self, m, v):
        return m / (1 - self.betas[0]), v / (1 - self.betas[1])


class AdamThatCountsFromZero(_OwnAdam):
    def corrected(self, m, v):
        t = self.steps - 1
        one = torch.ones_like(m)
        return m / (one - self.betas[0] ** t), v / (one - self.betas[1] ** t)


class AdamThatCountsEachParameter(_OwnAdam):
    @torch.no_grad()
    def step(self):
        for p, m, v in zip(self.parameters, self.m, self.v, strict=True):
            self.steps += 1
            if p.grad is not None:
                self.keep(m, v, p.grad)
                self.move(p, m, v)


class AdamThatStoresTheCorrection(_OwnAdam):
    def corrected(self, m, v):
        m /= 1 - self.betas[0] ** self.steps
        v /= 1 - self.betas[1] ** self.steps
        return m, v


class AdamThatMultipliesByT(_OwnAdam):
    def corrected(self, m, v):
        return m / (1 - self.betas[0] * self.steps), v / (1 - self.betas[1] * self.steps)


class AdamWithBetasSwapped(_OwnAdam):
    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(parameters, lr, betas[::-1], eps)


class AdamWithoutTheRoot(_OwnAdam):
    def move(self, p, m, v):
        m_hat, v_hat = self.corrected(m, v)
        p -= self.lr * m_hat / (v_hat + self.eps)


class AdamWithEpsInTheRoot(_OwnAdam):
    def move(self, p, m, v):
        m_hat, v_hat = self.corrected(m, v)
        p -= self.lr * m_hat / (v_hat + self.eps).sqrt()


class AdamWithEpsBeforeTheCorrection(_OwnAdam):
    def move(self, p, m, v):
        m_hat, _ = self.corrected(m, v)
        p -= self.lr * m_hat / ((v.sqrt() + self.eps) / (1 - self.betas[1] ** self.steps) ** 0.5)


class AdamWithTheSquareOfTheMean(_OwnAdam):
    def keep(self, m, v, g):
        beta1, beta2 = self.betas
        m.mul_(beta1).add_((1 - beta1) * g)
        v.mul_(beta2).add_((1 - beta2) * m**2)


class AdamWithoutMemory(_OwnAdam):
    @torch.no_grad()
    def step(self):
        self.steps += 1
        for p, m, v in zip(self.parameters, self.m, self.v, strict=True):
            if p.grad is not None:
                m, v = m.clone(), v.clone()
                self.keep(m, v, p.grad)
                self.move(p, m, v)


class AdamThatStepsByTheGradient(_OwnAdam):
    @torch.no_grad()
    def step(self):
        self.steps += 1
        for p, m, v in zip(self.parameters, self.m, self.v, strict=True):
            if p.grad is not None:
                self.keep(m, v, p.grad)
                self.move(p, p.grad * (1 - self.betas[0] ** self.steps), v)


class AdamUphill(_OwnAdam):
    def move(self, p, m, v):
        m_hat, v_hat = self.corrected(m, v)
        p += self.lr * m_hat / (v_hat.sqrt() + self.eps)


class _AdamByTorchsOperations(Optimizer):
    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(parameters, lr)
        self.betas, self.eps, self.t = betas, eps, 0
        self.first = [torch.zeros_like(p) for p in self.parameters]
        self.second = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self):
        self.t += 1
        one, two = (1 - beta**self.t for beta in self.betas)
        for p, m, v in zip(self.parameters, self.first, self.second, strict=True):
            if p.grad is None:
                continue
            m.lerp_(p.grad, 1 - self.betas[0])
            v.mul_(self.betas[1]).addcmul_(p.grad, p.grad, value=1 - self.betas[1])
            p.addcdiv_(m, v.sqrt().div_(two**0.5).add_(self.eps), value=-self.lr / one)


_SMALL = {"lr": 0.1, "betas": (0.5, 0.75)}

ADAM = Exercise(
    name="optim.Adam",
    week=2,
    notebook=GUIDED,
    reference=optimizers.Adam,
    cases=(
        Case("the first step", hand_walk(_SMALL, [[4.0, -0.5]]), run=walk),
        Case("three steps", hand_walk(_SMALL, [[4.0, -0.5], [1.0, 0.5], [-2.0, 1.0]]), run=walk),
        Case(
            "eps",
            hand_walk({**_SMALL, "eps": 0.5}, [[4.0, 0.0], [1.0, 0.5]]),
            run=walk,
            says="with a large eps the numbers differ: eps is added to the root of the corrected mean.",
        ),
        *common_cases({"lr": 0.1, "betas": (0.8, 0.95)}),
        Case("the usual settings", hand_walk({}, [[4.0, -0.5], [1.0, 0.5]]), run=walk),
    ),
    mistakes=(
        Mistake(
            AdamWithoutCorrection,
            "the means start at 0 and are too small at first: divide m by 1 - β₁ᵗ and v by 1 - β₂ᵗ.",
            BOTH,
        ),
        Mistake(
            AdamThatCorrectsOnlyM,
            "only m is corrected: v starts at 0 as well, and needs division by 1 - β₂ᵗ.",
            BOTH,
        ),
        Mistake(
            AdamThatCorrectsOnlyV,
            "only v is corrected: m starts at 0 as well, and needs division by 1 - β₁ᵗ.",
            BOTH,
        ),
        Mistake(
            AdamThatCorrectsBothWithBeta1,
            "v is corrected with β₁: each mean is corrected by its own beta.",
            BOTH,
        ),
        Mistake(
            AdamThatNeverCounts,
            "the correction stays that of step 1: count the steps on self, and use 1 - β**self.steps.",
            BOTH,
        ),
        Mistake(
            AdamThatCountsFromZero,
            "at the first step t is 0, so 1 - β⁰ = 0 and it divides by 0: count the step before you use it.",
            BOTH,
        ),
        Mistake(
            AdamThatCountsEachParameter,
            "the step count grows inside the loop, once for each parameter: count once in each call of step.",
            BOTH,
        ),
        Mistake(
            AdamThatStoresTheCorrection,
            "the corrected means are written back into m and v, and corrected again at the next step: keep m and v as "
            "they are, and put m_hat and v_hat in new tensors.",
            BOTH,
        ),
        Mistake(
            AdamThatMultipliesByT,
            "β * t stands where β to the power of t belongs: beta**self.steps.",
            BOTH,
        ),
        Mistake(
            AdamWithBetasSwapped,
            "the betas are swapped: the first is for the mean m, the second for the mean square v.",
            BOTH,
        ),
        Mistake(
            AdamWithoutTheRoot,
            "it divides by the mean square v̂: divide by its root, v_hat.sqrt() + eps.",
            BOTH,
        ),
        Mistake(
            AdamWithEpsInTheRoot,
            "eps stands inside the root; here, as in the paper and in torch, it is added after it.",
            BOTH,
        ),
        Mistake(
            AdamWithEpsBeforeTheCorrection,
            "eps is added before v is corrected, and grows with the correction: correct, take the root, then add eps.",
            BOTH,
        ),
        Mistake(
            AdamWithTheSquareOfTheMean,
            "v averages the squares of m: it must average the squares of the gradient, g².",
            BOTH,
        ),
        Mistake(
            AdamWithoutMemory,
            "m and v are new tensors that are gone after the step: change the kept ones in place (m *= …; m += …).",
            BOTH,
        ),
        Mistake(
            AdamThatStepsByTheGradient,
            "the gradient itself is divided, as in RMSProp: step by the mean m_hat.",
            BOTH,
        ),
        Mistake(AdamUphill, "the step goes uphill: subtract it.", BOTH),
    ),
    hints=(
        "What is m after the first step, if it was 0 before? How many times too small is that, and what does dividing "
        "by 1 - β₁ give?",
        "Three things to remember: the number of steps, m and v. Count first; update both means in place; correct "
        "into new tensors; step.",
        "m_hat = m / (1 - beta1**self.steps); v_hat = v / (1 - beta2**self.steps); "
        "p -= self.lr * m_hat / (v_hat.sqrt() + self.eps)",
    ),
    alternatives=(_AdamByTorchsOperations,),
)


# --- AdamW -----------------------------------------------------------------------------------------------------------


class _OwnAdamW(optimizers.AdamW):
    @torch.no_grad()
    def step(self):
        self.before()
        optimizers.Adam.step(self)
        self.after()

    def before(self):
        pass

    def after(self):
        pass

    def moving(self):
        return [p for p in self.parameters if p.grad is not None]


class AdamWWithDecayInTheGradient(_OwnAdamW):
    def before(self):
        self.old = [p.grad for p in self.moving()]
        for p in self.moving():
            p.grad = p.grad + self.weight_decay * p

    def after(self):
        for p, old in zip(self.moving(), self.old, strict=True):
            p.grad = old
        del self.old


class AdamWWithoutLr(_OwnAdamW):
    def before(self):
        for p in self.moving():
            p *= 1 - self.weight_decay


class AdamWThatGrows(_OwnAdamW):
    def before(self):
        for p in self.moving():
            p *= 1 + self.lr * self.weight_decay


class AdamWWithoutDecay(_OwnAdamW):
    pass


class AdamWThatDecaysAfterwards(_OwnAdamW):
    def after(self):
        for p in self.moving():
            p *= 1 - self.lr * self.weight_decay


class AdamWThatDecaysByTheSquare(_OwnAdamW):
    def before(self):
        for p in self.moving():
            p -= self.lr * self.weight_decay * p**2


class AdamWThatDecaysByTheSign(_OwnAdamW):
    def before(self):
        for p in self.moving():
            p -= self.lr * self.weight_decay * p.sign()


class AdamWThatKeepsOnlyTheDecay(_OwnAdamW):
    @torch.no_grad()
    def step(self):
        for p in self.moving():
            p *= 1 - self.lr * self.weight_decay


class AdamWThatDecaysTwice(_OwnAdamW):
    def before(self):
        for p in self.moving():
            p *= (1 - self.lr * self.weight_decay) ** 2


class AdamWThatDecaysWhatTookNoPart(_OwnAdamW):
    def before(self):
        for p in self.parameters:
            p *= 1 - self.lr * self.weight_decay


class _AdamWInOneLoop(Optimizer):
    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(parameters, lr)
        self.betas, self.eps, self.weight_decay, self.t = betas, eps, weight_decay, 0
        self.m = [torch.zeros_like(p) for p in self.parameters]
        self.v = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self):
        self.t += 1
        b1, b2 = self.betas
        for p, m, v in zip(self.parameters, self.m, self.v, strict=True):
            if p.grad is None:
                continue
            m.copy_(b1 * m + (1 - b1) * p.grad)
            v.copy_(b2 * v + (1 - b2) * p.grad.square())
            adam = m / (1 - b1**self.t) / ((v / (1 - b2**self.t)).sqrt() + self.eps)
            p -= self.lr * (adam + self.weight_decay * p)


ADAMW = Exercise(
    name="optim.AdamW",
    week=2,
    notebook=GUIDED,
    reference=optimizers.AdamW,
    cases=(
        Case(
            "decay alone",
            hand_walk({"lr": 0.5, "weight_decay": 0.2}, [[0.0, 0.0], [0.0, 0.0]]),
            run=walk,
        ),
        Case(
            "decay and step",
            hand_walk(
                {"lr": 0.5, "betas": (0.5, 0.75), "weight_decay": 0.2}, [[4.0, -0.5], [1.0, 2.0]]
            ),
            run=walk,
        ),
        *common_cases({"lr": 0.3, "betas": (0.8, 0.95), "weight_decay": 0.3}),
        Case(
            "the usual settings",
            hand_walk({}, [[4.0, -0.5], [1.0, 0.5]]),
            run=walk,
            rtol=1e-7,
            atol=1e-7,
        ),
    ),
    mistakes=(
        Mistake(
            AdamWWithDecayInTheGradient,
            "the decay goes through the gradient and is divided by √v̂, so weights with large gradients hardly shrink "
            "(that is Adam with L2): shrink the parameter itself.",
            SHRINK,
        ),
        Mistake(
            AdamWWithoutLr,
            "the decay is not multiplied by the learning rate: θ ← θ - lr · weight_decay · θ.",
            SHRINK,
        ),
        Mistake(AdamWThatGrows, "the parameters grow: subtract lr · weight_decay · θ.", SHRINK),
        Mistake(AdamWWithoutDecay, "nothing shrinks: weight_decay is not used.", SHRINK),
        Mistake(
            AdamWThatDecaysAfterwards,
            "the decay comes after Adam's step and shrinks that step too: decay first.",
            SHRINK,
        ),
        Mistake(
            AdamWThatDecaysByTheSquare,
            "the decay is proportional to θ², which never shrinks a negative number: multiply by θ itself.",
            SHRINK,
        ),
        Mistake(
            AdamWThatDecaysByTheSign,
            "every parameter shrinks by the same amount (that is L1): each must shrink by the same share of itself.",
            SHRINK,
        ),
        Mistake(
            AdamWThatKeepsOnlyTheDecay,
            "Adam's own step is missing after the decay: call super().step().",
            SHRINK,
        ),
        Mistake(
            AdamWThatDecaysTwice,
            "the decay is applied twice: once for each step.",
            SHRINK,
        ),
        Mistake(
            AdamWThatDecaysWhatTookNoPart,
            "a parameter whose grad is None took no part, and must not shrink either: skip it.",
            SHRINK,
        ),
    ),
    hints=(
        "If all gradients are 0, what should one step with lr 0.5 and weight_decay 0.2 make of a weight of 1?",
        "Build on your Adam: in step, first multiply every parameter that has a gradient by a number just below 1, "
        "in place, then let Adam do its step.",
        "p *= 1 - self.lr * self.weight_decay for each p with a gradient; then super().step()",
    ),
    alternatives=(_AdamWInOneLoop,),
)

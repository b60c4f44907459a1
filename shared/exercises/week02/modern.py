"""`optim.Lion`, `optim.newton_schulz` and `optim.ScheduleFreeSGD`: cases, known mistakes, hints."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week02.walking import EXPLORE, common_cases, hand_walk, walk
from shared.training import modern_optimizers as modern
from shared.training.optimizers import Optimizer

SIGN = "Lion: only the sign"
MATRIX = "Muon: a matrix is not a list of numbers"
FREE = "No schedule at all"


# --- Lion ------------------------------------------------------------------------------------------------------------


class _OwnLion(modern.Lion):
    @torch.no_grad()
    def step(self):
        for p, m in zip(self.parameters, self.m, strict=True):
            if p.grad is not None:
                self.one(p, m, p.grad, *self.betas)


class LionWithoutTheSign(_OwnLion):
    def one(self, p, m, g, beta1, beta2):
        p -= self.lr * (beta1 * m + (1 - beta1) * g + self.weight_decay * p)
        m.mul_(beta2).add_((1 - beta2) * g)


class LionOfTheGradientsSign(_OwnLion):
    def one(self, p, m, g, beta1, beta2):
        p -= self.lr * ((beta1 * m + (1 - beta1) * g.sign()) + self.weight_decay * p)
        m.mul_(beta2).add_((1 - beta2) * g.sign())


class LionThatUpdatesFirst(_OwnLion):
    def one(self, p, m, g, beta1, beta2):
        m.mul_(beta2).add_((1 - beta2) * g)
        p -= self.lr * ((beta1 * m + (1 - beta1) * g).sign() + self.weight_decay * p)


class LionWithOneBeta(_OwnLion):
    def one(self, p, m, g, beta1, beta2):
        m.mul_(beta1).add_((1 - beta1) * g)
        p -= self.lr * (m.sign() + self.weight_decay * p)


class LionWithBetasSwapped(_OwnLion):
    def one(self, p, m, g, beta1, beta2):
        p -= self.lr * ((beta2 * m + (1 - beta2) * g).sign() + self.weight_decay * p)
        m.mul_(beta1).add_((1 - beta1) * g)


class LionWithDecayInTheSign(_OwnLion):
    def one(self, p, m, g, beta1, beta2):
        p -= self.lr * (beta1 * m + (1 - beta1) * g + self.weight_decay * p).sign()
        m.mul_(beta2).add_((1 - beta2) * g)


class LionWithoutDecay(_OwnLion):
    def one(self, p, m, g, beta1, beta2):
        p -= self.lr * (beta1 * m + (1 - beta1) * g).sign()
        m.mul_(beta2).add_((1 - beta2) * g)


class LionWithoutMemory(_OwnLion):
    def one(self, p, m, g, beta1, beta2):
        p -= self.lr * ((beta1 * m + (1 - beta1) * g).sign() + self.weight_decay * p)


class LionUphill(_OwnLion):
    def one(self, p, m, g, beta1, beta2):
        p += self.lr * ((beta1 * m + (1 - beta1) * g).sign() - self.weight_decay * p)
        m.mul_(beta2).add_((1 - beta2) * g)


class _LionByTorchsOperations(Optimizer):
    def __init__(self, parameters, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(parameters, lr)
        self.betas, self.weight_decay = betas, weight_decay
        self.memory = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self):
        for p, m in zip(self.parameters, self.memory, strict=True):
            if p.grad is not None:
                update = torch.sign(m.lerp(p.grad, 1 - self.betas[0]))
                p.mul_(1 - self.lr * self.weight_decay).sub_(update, alpha=self.lr)
                m.lerp_(p.grad, 1 - self.betas[1])


_SMALL = {"lr": 0.1, "betas": (0.5, 0.75), "weight_decay": 0.5}

LION = Exercise(
    name="optim.Lion",
    week=2,
    notebook=EXPLORE,
    reference=modern.Lion,
    cases=(
        Case("one step", hand_walk({"lr": 0.1}, [[4.0, -0.5]]), run=walk),
        Case("memory", hand_walk(_SMALL, [[4.0, -0.5], [-1.0, 0.25], [-2.0, 3.0]]), run=walk),
        *common_cases({"lr": 0.1, "betas": (0.6, 0.9), "weight_decay": 0.3}),
        Case("many steps", hand_walk(_SMALL, [[1.0, -1.0], [-0.4, 0.2]] * 3), run=walk),
    ),
    mistakes=(
        Mistake(
            LionWithoutTheSign,
            "the mix of momentum and gradient is used with its size: take its sign, so that every number moves by lr.",
            SIGN,
        ),
        Mistake(
            LionOfTheGradientsSign,
            "the sign is taken of the gradient: take it of the mix, β₁ m + (1 - β₁) g.",
            SIGN,
        ),
        Mistake(
            LionThatUpdatesFirst,
            "the momentum is updated before the step, so the new gradient counts twice: step first, then update m.",
            SIGN,
        ),
        Mistake(
            LionWithOneBeta,
            "one beta does both jobs: β₁ mixes for the step, β₂ for what is kept.",
            SIGN,
        ),
        Mistake(
            LionWithBetasSwapped,
            "the betas are swapped: the first mixes for the step, the second for what is kept.",
            SIGN,
        ),
        Mistake(
            LionWithDecayInTheSign,
            "weight decay went into the sign, where its size is lost: add weight_decay · θ after taking the sign.",
            SIGN,
        ),
        Mistake(
            LionWithoutDecay, "weight_decay is not used: add weight_decay · θ to the sign.", SIGN
        ),
        Mistake(
            LionWithoutMemory,
            "m is never updated, so only the sign of the last gradient counts: m ← β₂ m + (1 - β₂) g after the step.",
            SIGN,
        ),
        Mistake(LionUphill, "the step goes uphill: subtract it.", SIGN),
    ),
    hints=(
        "How far does each number move, if only a sign is left? Which mean decides the sign, which one is kept?",
        "First the step, with the mix by β₁; then the kept mean, with the mix by β₂.",
        "p -= self.lr * ((beta1 * m + (1 - beta1) * p.grad).sign() + self.weight_decay * p); then "
        "m *= beta2; m += (1 - beta2) * p.grad",
    ),
    alternatives=(_LionByTorchsOperations,),
)


# --- newton_schulz ---------------------------------------------------------------------------------------------------


def _iterate(x, steps, a=3.4445, b=-4.7750, c=2.0315):
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def newton_schulz_without_scaling(matrix, steps=5):
    return _iterate(matrix, steps)


def newton_schulz_scaled_by_the_largest(matrix, steps=5):
    return _iterate(matrix / matrix.abs().max(), steps)


def newton_schulz_with_the_product_turned(matrix, steps=5):
    x = matrix / matrix.norm()
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram) @ x
    return x


def newton_schulz_elementwise(matrix, steps=5):
    x = matrix / matrix.norm()
    for _ in range(steps):
        x = 3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5
    return x


def newton_schulz_of_one_round(matrix, steps=5):
    return _iterate(matrix / matrix.norm(), 1)


def newton_schulz_with_one_round_more(matrix, steps=5):
    return _iterate(matrix / matrix.norm(), steps + 1)


def newton_schulz_of_signs(matrix, steps=5):
    return matrix.sign()


def newton_schulz_that_only_scales(matrix, steps=5):
    return matrix / matrix.norm()


def newton_schulz_with_b_positive(matrix, steps=5):
    return _iterate(matrix / matrix.norm(), steps, b=4.7750)


def newton_schulz_without_c(matrix, steps=5):
    return _iterate(matrix / matrix.norm(), steps, c=0.0)


def newton_schulz_left_transposed(matrix, steps=5):
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    return _iterate(wide / wide.norm(), steps)


def newton_schulz_exactly(matrix, steps=5):
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    return u @ vh


def _newton_schulz_by_columns(matrix, steps=5):
    x = matrix / (matrix.norm() + 1e-7)
    for _ in range(steps):
        gram = x.T @ x
        x = 3.4445 * x + x @ (-4.7750 * gram + 2.0315 * gram @ gram)
    return x


def _newton_schulz_by_svd(matrix, steps=5):
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    s = s / s.norm()
    for _ in range(steps):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return u @ torch.diag(s) @ vh


def _even(rows, columns, dtype=torch.float32):
    """A random matrix whose singular values lie between 1 and 3: rounding then stays small."""
    u, _, vh = torch.linalg.svd(
        torch.randn(rows, columns, dtype=torch.float64), full_matrices=False
    )
    values = torch.linspace(1, 3, min(rows, columns), dtype=torch.float64)
    return (u @ torch.diag(values) @ vh).to(dtype)


NEWTON_SCHULZ = Exercise(
    name="optim.newton_schulz",
    week=2,
    notebook=EXPLORE,
    reference=modern.newton_schulz,
    cases=(
        Case("by hand", lambda: [torch.tensor([[3.0, 0.0], [0.0, 4.0]]), 1]),
        Case("five rounds", lambda: [torch.tensor([[3.0, 0.0], [0.0, 4.0]])], rtol=1e-4, atol=1e-4),
        Case("wide", lambda: [_even(3, 5), 3], rtol=1e-4, atol=1e-4),
        Case("tall", lambda: [_even(6, 2), 3], rtol=1e-4, atol=1e-4),
        Case("float64 kept", lambda: [_even(4, 4, torch.float64), 5], rtol=1e-5, atol=1e-5),
    ),
    mistakes=(
        Mistake(
            newton_schulz_without_scaling,
            "singular values above 1 explode: divide the matrix by its norm first.",
            MATRIX,
        ),
        Mistake(
            newton_schulz_scaled_by_the_largest,
            "it divides by the largest number, which does not bound the singular values: divide by matrix.norm().",
            MATRIX,
        ),
        Mistake(
            newton_schulz_with_the_product_turned,
            "c multiplies A where A² belongs: c * A @ A.",
            MATRIX,
        ),
        Mistake(
            newton_schulz_elementwise,
            "powers are taken of each number: s³ of the singular values comes from matrix products, A = X Xᵀ.",
            MATRIX,
        ),
        Mistake(
            newton_schulz_of_one_round,
            "only one round is made: repeat it `steps` times.",
            MATRIX,
        ),
        Mistake(
            newton_schulz_with_one_round_more,
            "there is one round too many: range(steps).",
            MATRIX,
        ),
        Mistake(
            newton_schulz_of_signs,
            "that is the sign of each number (Lion's idea): here the singular values become about 1.",
            MATRIX,
        ),
        Mistake(
            newton_schulz_that_only_scales,
            "the matrix is only divided by its norm: the rounds are missing.",
            MATRIX,
        ),
        Mistake(
            newton_schulz_with_b_positive,
            "b is negative, -4.7750: it holds back what a lifts too far.",
            MATRIX,
        ),
        Mistake(
            newton_schulz_without_c,
            "the term with A² is missing: b A + c A².",
            MATRIX,
        ),
        Mistake(
            newton_schulz_left_transposed,
            "a tall matrix was turned to save work and comes out turned: turn it back.",
            MATRIX,
        ),
        Mistake(
            newton_schulz_exactly,
            "that is the exact answer by the singular value decomposition, which is slow on a GPU: make the rounds, "
            "which leave values near 1.",
            MATRIX,
        ),
    ),
    hints=(
        "If X = U S Vᵀ, what is X Xᵀ X? Which power of the singular values is that?",
        "Scale by the norm. In each round A = X Xᵀ, and the new X is a X plus (b A + c A²) times X.",
        "gram = x @ x.T; x = a * x + (b * gram + c * gram @ gram) @ x",
    ),
    alternatives=(_newton_schulz_by_columns, _newton_schulz_by_svd),
)


# --- ScheduleFreeSGD -------------------------------------------------------------------------------------------------


def _walk_free(implementation, values, gradients, settings):
    """Training steps, then the weights for evaluation, then one more step."""
    leaves = [v.clone().requires_grad_() for v in values]
    optimizer = implementation(leaves, **settings)
    outcome = {}
    for number, each in enumerate(gradients, 1):
        for p, g in zip(leaves, each, strict=True):
            p.grad = g.clone()
        optimizer.step()
        outcome[f"parameters after step {number}"] = [p.detach().clone() for p in leaves]
    optimizer.evaluate()
    outcome["parameters for evaluation"] = [p.detach().clone() for p in leaves]
    optimizer.train()
    outcome["parameters for training again"] = [p.detach().clone() for p in leaves]
    return outcome


class _OwnFree(modern.ScheduleFreeSGD):
    @torch.no_grad()
    def step(self):
        self.steps += 1
        for p, z, x in zip(self.parameters, self.z, self.x, strict=True):
            if p.grad is not None:
                self.one(p, z, x)


class FreeWithZAndXSwapped(modern.ScheduleFreeSGD):
    @torch.no_grad()
    def step(self):
        self.steps += 1
        for p, z, x in zip(self.parameters, self.z, self.x, strict=True):
            z -= self.lr * p.grad
            x += (z - x) / self.steps
            p.copy_(self.beta * z + (1 - self.beta) * x)

    @torch.no_grad()
    def train(self):
        for p, z, x in zip(self.parameters, self.z, self.x, strict=True):
            p.copy_(self.beta * z + (1 - self.beta) * x)


class FreeThatAveragesTheStart(_OwnFree):
    def one(self, p, z, x):
        z -= self.lr * p.grad
        x += (z - x) / (self.steps + 1)
        p.copy_((1 - self.beta) * z + self.beta * x)


class FreeWithARunningMean(_OwnFree):
    def one(self, p, z, x):
        z -= self.lr * p.grad
        x += (z - x) * (1 - self.beta)
        p.copy_((1 - self.beta) * z + self.beta * x)


class FreeThatSteppedFromY(_OwnFree):
    def one(self, p, z, x):
        z.copy_(p - self.lr * p.grad)
        x += (z - x) / self.steps
        p.copy_((1 - self.beta) * z + self.beta * x)


class FreeThatAveragesBeforeTheStep(_OwnFree):
    def one(self, p, z, x):
        x += (z - x) / self.steps
        z -= self.lr * p.grad
        p.copy_((1 - self.beta) * z + self.beta * x)


class FreeThatLeavesParametersAtZ(_OwnFree):
    def one(self, p, z, x):
        z -= self.lr * p.grad
        x += (z - x) / self.steps
        p.copy_(z)


class FreeWithBuffersThatAreTheParameters(_OwnFree):
    def one(self, p, z, x):
        p -= self.lr * p.grad
        z.copy_(p)
        x.copy_(p)


class FreeThatEvaluatesAtZ(modern.ScheduleFreeSGD):
    @torch.no_grad()
    def evaluate(self):
        for p, z in zip(self.parameters, self.z, strict=True):
            p.copy_(z)


class FreeThatCountsEachParameter(modern.ScheduleFreeSGD):
    @torch.no_grad()
    def step(self):
        for p, z, x in zip(self.parameters, self.z, self.x, strict=True):
            self.steps += 1
            z -= self.lr * p.grad
            x += (z - x) / self.steps
            p.copy_((1 - self.beta) * z + self.beta * x)


class _FreeBySums(modern.ScheduleFreeSGD):
    """The mean as a sum over the number of steps."""

    def __init__(self, parameters, lr, beta=0.9):
        super().__init__(parameters, lr, beta)
        self.total = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self):
        self.steps += 1
        for i, p in enumerate(self.parameters):
            if p.grad is not None:
                self.z[i] = self.z[i] - self.lr * p.grad
                self.total[i] = self.total[i] + self.z[i]
                self.x[i] = self.total[i] / self.steps
        self.train()


_FREE = {"lr": 0.1, "beta": 0.75}


def _random_free():
    shapes = ((2, 3), (2,))
    values = [torch.randn(s) for s in shapes]
    return [values, [[torch.randn(s) for s in shapes] for _ in range(5)], {"lr": 0.2, "beta": 0.9}]


SCHEDULE_FREE_SGD = Exercise(
    name="optim.ScheduleFreeSGD",
    week=2,
    notebook=EXPLORE,
    reference=modern.ScheduleFreeSGD,
    cases=(
        Case("one step", hand_walk(_FREE, [[10.0, -20.0]]), run=_walk_free),
        Case(
            "three steps", hand_walk(_FREE, [[1.0, -2.0], [2.0, 0.0], [-1.0, 4.0]]), run=_walk_free
        ),
        Case("several parameters", _random_free, run=_walk_free),
    ),
    mistakes=(
        Mistake(
            FreeWithZAndXSwapped,
            "the shares are swapped: gradients are taken near the average, (1 - β) z + β x.",
            FREE,
        ),
        Mistake(
            FreeThatAveragesTheStart,
            "the starting point counts in the average: after step t it is the mean of t points, x += (z - x) / t.",
            FREE,
        ),
        Mistake(
            FreeWithARunningMean,
            "x forgets old points at a fixed rate: it is the plain mean of all z so far, x += (z - x) / t.",
            FREE,
        ),
        Mistake(
            FreeThatSteppedFromY,
            "the step starts from the network's weights y: it starts from the fast point, z ← z - lr · g.",
            FREE,
        ),
        Mistake(
            FreeThatAveragesBeforeTheStep,
            "the average takes in the old z: step first, then average.",
            FREE,
        ),
        Mistake(
            FreeThatLeavesParametersAtZ,
            "the network is left at the fast point z: put y = (1 - β) z + β x into it.",
            FREE,
        ),
        Mistake(
            FreeWithBuffersThatAreTheParameters,
            "that is plain SGD: keep z and x apart from the parameters.",
            FREE,
        ),
        Mistake(
            FreeThatEvaluatesAtZ,
            "evaluate puts the fast point z into the network: it is the average x that is worth judging.",
            FREE,
        ),
        Mistake(
            FreeThatCountsEachParameter,
            "the step count grows inside the loop, once for each parameter: count once in each call of step.",
            FREE,
        ),
    ),
    hints=(
        "Three points play a part: where gradients are taken, where the steps go, and the mean. Which of them does the "
        "network hold while it trains?",
        "z and x start as copies of the parameters. In each step: z moves by the gradient, x takes in the new z with "
        "share 1/t, the parameters become the mix.",
        "z -= self.lr * p.grad; x += (z - x) / self.steps; p.copy_((1 - self.beta) * z + self.beta * x)",
    ),
    alternatives=(_FreeBySums,),
)

"""`lora.low_rank`, `quantize.quantize_int4`, `adapt.distillation_loss`, `merge.slerp_tensor`."""

import torch
from torch import nn

from shared.exercises.spec import Case, Exercise, Mistake
from shared.llm.adapting import adapt, lora, merge, quantize

NOTEBOOK = "week08_pretraining/4_explore_cheaper_adaptation.ipynb"
RANKS = "Why so few numbers are enough"
BITS = "Sixteen levels"
TEACHER = "A small model learns from a large one"
ARC = "Along an arc"


# --- low_rank --------------------------------------------------------------------------------------------------------


def _product(implementation, change, rank):
    """Signs and scales of the two matrices are free: their product and their shapes are compared."""
    b, a = implementation(change, rank)
    return {"shape of b": tuple(b.shape), "shape of a": tuple(a.shape), "b @ a": b @ a}


def _usv(change):
    return torch.linalg.svd(change, full_matrices=False)


def low_rank_of_the_smallest(change, rank):
    u, s, vt = _usv(change)
    return u[:, -rank:] * s[-rank:], vt[-rank:]


def low_rank_without_the_values(change, rank):
    u, _, vt = _usv(change)
    return u[:, :rank], vt[:rank]


def low_rank_with_the_values_twice(change, rank):
    u, s, vt = _usv(change)
    return u[:, :rank] * s[:rank], s[:rank, None] * vt[:rank]


def low_rank_in_another_order(change, rank):
    u, s, vt = _usv(change)
    return u[:, :rank] * s[:rank], vt[:rank].flip(0)


def low_rank_of_columns_of_vt(change, rank):
    u, s, vt = _usv(change)
    return u[:, :rank] * s[:rank], vt[:, :rank].T


def low_rank_by_cutting(change, rank):
    return change[:, :rank], torch.eye(rank, change.shape[1], dtype=change.dtype)


def low_rank_with_one_too_many(change, rank):
    u, s, vt = _usv(change)
    return u[:, : rank + 1] * s[: rank + 1], vt[: rank + 1]


def low_rank_that_keeps_all(change, rank):
    u, s, vt = _usv(change)
    return u * s, vt


def _low_rank_with_equal_shares(change, rank):
    u, s, v = torch.svd(change)
    root = s[:rank].sqrt()
    return u[:, :rank] @ torch.diag(root), torch.diag(root) @ v[:, :rank].T


LOW_RANK = Exercise(
    name="lora.low_rank",
    week=8,
    notebook=NOTEBOOK,
    reference=lora.low_rank,
    cases=(
        Case("a small matrix", lambda: [torch.tensor([[3.0, 0], [0, 1]]), 1], run=_product),
        Case("rank 1", lambda: [torch.randn(5, 4), 1], run=_product, atol=1e-5),
        Case("rank 2", lambda: [torch.randn(4, 6), 2], run=_product, atol=1e-5),
        Case("rank 3", lambda: [torch.randn(9, 5), 3], run=_product, atol=1e-5),
        Case(
            "what has this rank already",
            lambda: [torch.randn(6, 2) @ torch.randn(2, 6), 2],
            run=_product,
            atol=1e-4,
        ),
    ),
    mistakes=(
        Mistake(
            low_rank_of_the_smallest,
            "the smallest singular values are kept: they come sorted, the largest first, so take the first ones.",
            RANKS,
        ),
        Mistake(
            low_rank_without_the_values,
            "the singular values are left out: the columns of u (or the rows of vt) are multiplied by them.",
            RANKS,
        ),
        Mistake(
            low_rank_with_the_values_twice,
            "the singular values are multiplied into both matrices: into one, or their roots into both.",
            RANKS,
        ),
        Mistake(
            low_rank_in_another_order,
            "the rows of vt are in another order than the columns of u: row k belongs to column k.",
            RANKS,
        ),
        Mistake(
            low_rank_of_columns_of_vt,
            "columns of vt are taken: svd gives V transposed, so its first rows are wanted, vt[:rank].",
            RANKS,
        ),
        Mistake(
            low_rank_by_cutting,
            "the first columns of the matrix are kept: take its largest singular values, not its first columns.",
            RANKS,
        ),
        Mistake(
            low_rank_with_one_too_many,
            "one singular value too many is kept: [:rank].",
            RANKS,
        ),
        Mistake(
            low_rank_that_keeps_all,
            "nothing is left out: keep only the first `rank` of the singular values.",
            RANKS,
        ),
    ),
    hints=(
        "The change is a sum of matrices of rank 1, the largest first. Which of them do you keep?",
        "u, s, vt = torch.linalg.svd(change, full_matrices=False): the first columns of u, times s, and the first rows "
        "of vt.",
        "return u[:, :rank] * s[:rank], vt[:rank]",
    ),
    alternatives=(_low_rank_with_equal_shares,),
)


# --- quantize_int4 ---------------------------------------------------------------------------------------------------


def _quantized(implementation, *inputs):
    levels, scale, offset = implementation(*inputs)
    return {"levels": levels, "scale": scale, "offset": offset}


def _int4(weight, group=64, steps=15, low=None, high=None, rounded=torch.round, clip=(0, 15)):
    """Rounding by groups with steps that a mistake can replace."""
    d_out, d_in = weight.shape
    groups = weight.reshape(d_out, -1, group)
    offset = groups.amin(dim=-1) if low is None else low(groups)
    scale = ((groups.amax(dim=-1) if high is None else high(groups)) - offset) / steps
    divisor = torch.where(scale > 0, scale, torch.ones_like(scale))
    levels = rounded((groups - offset[..., None]) / divisor[..., None]).clamp(*clip)
    return levels.to(torch.uint8).reshape(d_out, d_in), scale, offset


def int4_with_sixteen_steps(weight, group=64):
    return _int4(weight, group, steps=16)


def int4_rounded_down(weight, group=64):
    return _int4(weight, group, rounded=torch.floor)


def int4_from_zero(weight, group=64):
    return _int4(weight, group, low=lambda groups: torch.zeros_like(groups[..., 0]))


def int4_by_the_absolute_largest(weight, group=64):
    return _int4(weight, group, high=lambda groups: groups.abs().amax(dim=-1))


def int4_of_the_whole_row(weight, group=64):
    levels, scale, offset = _int4(weight, weight.shape[1])
    n = weight.shape[1] // group
    return levels, scale.expand(-1, n).clone(), offset.expand(-1, n).clone()


def int4_of_columns(weight, group=64):
    levels, scale, offset = _int4(weight.T.reshape(weight.shape), group)
    return levels, scale, offset


def int4_with_eight_bits(weight, group=64):
    return _int4(weight, group, steps=255, clip=(0, 255))


def int4_kept_as_floats(weight, group=64):
    levels, scale, offset = _int4(weight, group)
    return levels.to(weight.dtype), scale, offset


def int4_divided_by_zero(weight, group=64):
    d_out, d_in = weight.shape
    groups = weight.reshape(d_out, -1, group)
    offset = groups.amin(dim=-1)
    scale = (groups.amax(dim=-1) - offset) / 15
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    levels = torch.round((groups - offset[..., None]) / scale[..., None])
    return levels.to(torch.uint8).reshape(d_out, d_in), scale, offset


def _int4_by_a_loop(weight, group=64):
    levels = torch.zeros_like(weight, dtype=torch.uint8)
    scales, offsets = [], []
    for start in range(0, weight.shape[1], group):
        part = weight[:, start : start + group]
        low, high = part.min(dim=1).values, part.max(dim=1).values
        scale = (high - low) / 15
        safe = scale.clone()
        safe[safe == 0] = 1
        levels[:, start : start + group] = ((part - low[:, None]) / safe[:, None]).round().byte()
        scales.append(scale)
        offsets.append(low)
    return levels, torch.stack(scales, dim=1), torch.stack(offsets, dim=1)


QUANTIZE_INT4 = Exercise(
    name="quantize.quantize_int4",
    week=8,
    notebook=NOTEBOOK,
    reference=quantize.quantize_int4,
    cases=(
        Case("one group", lambda: [torch.tensor([[0.0, 0.1, 0.62, 1.5]]), 4], run=_quantized),
        Case(
            "negative numbers", lambda: [torch.tensor([[-1.0, 0.25, 0.5, -3.0]]), 4], run=_quantized
        ),
        Case(
            "two groups",
            lambda: [torch.tensor([[0.0, 1.0, 2.0, 3.0], [4, 9, -8, -2]]), 2],
            run=_quantized,
        ),
        Case("many rows and groups", lambda: [torch.randn(6, 32), 8], run=_quantized),
        Case("equal numbers", lambda: [torch.full((2, 4), 0.5), 2], run=_quantized),
        Case("a group of 64", lambda: [torch.randn(3, 128) - 0.7], run=_quantized),
    ),
    mistakes=(
        Mistake(
            int4_with_sixteen_steps,
            "the span is divided by 16: sixteen levels, 0 to 15, have fifteen steps between them.",
            BITS,
        ),
        Mistake(
            int4_rounded_down,
            "the levels are rounded down, so that errors are twice as large: take the nearest level, torch.round.",
            BITS,
        ),
        Mistake(
            int4_from_zero,
            "the levels begin at zero: they reach from the group's least number, the offset, to its largest.",
            BITS,
        ),
        Mistake(
            int4_by_the_absolute_largest,
            "the largest absolute number is the upper end: it is the group's largest number, with its sign.",
            BITS,
        ),
        Mistake(
            int4_of_the_whole_row,
            "one scale serves a whole row: each group of neighbours has its own scale and offset.",
            BITS,
        ),
        Mistake(
            int4_of_columns,
            "the groups are not neighbours in a row: reshape to (d_out, groups, group) and look at the last axis.",
            BITS,
        ),
        Mistake(
            int4_with_eight_bits,
            "256 levels are 8 bits: 4 bits are 16 levels, 0 to 15.",
            BITS,
        ),
        Mistake(
            int4_kept_as_floats,
            "the levels are floats: make them torch.uint8, which is what saves memory.",
            BITS,
        ),
        Mistake(
            int4_divided_by_zero,
            "the scale of a group of equal numbers becomes 1: it stays 0; only the divisor must not be 0.",
            BITS,
        ),
    ),
    hints=(
        "A group reaches from −3 to 1.5. Sixteen levels, the first at −3, the last at 1.5: how far apart are they?",
        "Reshape to (d_out, groups, group). offset is the least of each group, scale (largest − least) / 15. levels = "
        "round((number − offset) / scale), where a scale of 0 is replaced by 1 in the division.",
        "levels = torch.round((groups - offset[..., None]) / steps[..., None]).to(torch.uint8).reshape(d_out, d_in)",
    ),
    alternatives=(_int4_by_a_loop,),
)


# --- distillation_loss -----------------------------------------------------------------------------------------------


def _distilled(implementation, student, teacher, targets, *settings):
    """The loss and both gradients; the teacher must get none."""
    student, teacher = student.clone().requires_grad_(), teacher.clone().requires_grad_()
    loss = implementation(student, teacher, targets, *settings)
    if not isinstance(loss, torch.Tensor) or not loss.requires_grad:
        return {"loss": loss, "gradient of student": None}
    loss.sum().backward()
    none = teacher.grad is None or not teacher.grad.any()
    return {"loss": loss.detach(), "gradient of student": student.grad, "teacher stays": bool(none)}


def _distil(student, teacher, targets, temperature=2.0, soft=0.5, **change):
    """The loss with steps that a mistake can replace."""
    p = torch.softmax(change.get("teacher", teacher.detach()) / temperature, dim=-1)
    log_q = torch.log_softmax(student / change.get("student_temperature", temperature), dim=-1)
    divergence = (p * (p.log() - log_q)).sum(dim=-1)
    divergence = divergence.sum() if change.get("sum") else divergence.mean()
    hard = nn.functional.cross_entropy(student, targets)
    factor = change.get("factor", temperature**2)
    return change.get("hard", 1 - soft) * hard + soft * factor * divergence


def distil_without_the_square(student, teacher, targets, temperature=2.0, soft=0.5):
    return _distil(student, teacher, targets, temperature, soft, factor=1.0)


def distil_with_the_temperature_once(student, teacher, targets, temperature=2.0, soft=0.5):
    return _distil(student, teacher, targets, temperature, soft, factor=temperature)


def distil_only_the_teacher_softened(student, teacher, targets, temperature=2.0, soft=0.5):
    return _distil(student, teacher, targets, temperature, soft, student_temperature=1.0)


def distil_with_the_shares_swapped(student, teacher, targets, temperature=2.0, soft=0.5):
    return _distil(student, teacher, targets, temperature, 1 - soft)


def distil_with_the_two_swapped(student, teacher, targets, temperature=2.0, soft=0.5):
    q = torch.softmax(student / temperature, dim=-1)
    log_p = torch.log_softmax(teacher.detach() / temperature, dim=-1)
    divergence = (q * (q.log() - log_p)).sum(dim=-1).mean()
    hard = nn.functional.cross_entropy(student, targets)
    return (1 - soft) * hard + soft * temperature**2 * divergence


def distil_that_teaches_the_teacher(student, teacher, targets, temperature=2.0, soft=0.5):
    return _distil(student, teacher, targets, temperature, soft, teacher=teacher)


def distil_by_cross_entropy(student, teacher, targets, temperature=2.0, soft=0.5):
    p = torch.softmax(teacher.detach() / temperature, dim=-1)
    log_q = torch.log_softmax(student / temperature, dim=-1)
    soft_loss = -(p * log_q).sum(dim=-1).mean()
    hard = nn.functional.cross_entropy(student, targets)
    return (1 - soft) * hard + soft * temperature**2 * soft_loss


def distil_averaged_over_classes(student, teacher, targets, temperature=2.0, soft=0.5):
    log_p = torch.log_softmax(teacher.detach() / temperature, dim=-1)
    log_q = torch.log_softmax(student / temperature, dim=-1)
    divergence = nn.functional.kl_div(log_q, log_p, reduction="mean", log_target=True)
    hard = nn.functional.cross_entropy(student, targets)
    return (1 - soft) * hard + soft * temperature**2 * divergence


def distil_with_a_softened_hard_loss(student, teacher, targets, temperature=2.0, soft=0.5):
    hard = nn.functional.cross_entropy(student / temperature, targets)
    return _distil(student, teacher, targets, temperature, soft, hard=0.0) + (1 - soft) * hard


def _distil_by_kl_div(student, teacher, targets, temperature=2.0, soft=0.5):
    with torch.no_grad():
        p = (teacher / temperature).softmax(-1)
    q = (student / temperature).log_softmax(-1)
    soft_loss = nn.functional.kl_div(q, p, reduction="batchmean") * temperature * temperature
    return soft * soft_loss + (1 - soft) * nn.functional.cross_entropy(student, targets)


DISTILLATION_LOSS = Exercise(
    name="adapt.distillation_loss",
    week=8,
    notebook=NOTEBOOK,
    reference=adapt.distillation_loss,
    cases=(
        Case(
            "one place",
            lambda: [torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 0.0]]), torch.tensor([0])],
            run=_distilled,
        ),
        Case(
            "several places",
            lambda: [torch.randn(5, 4), 2 * torch.randn(5, 4), torch.randint(4, (5,))],
            run=_distilled,
        ),
        Case(
            "another temperature and share",
            lambda: [torch.randn(6, 3), torch.randn(6, 3), torch.randint(3, (6,)), 3.0, 0.2],
            run=_distilled,
        ),
        Case(
            "soft targets only",
            lambda: [torch.randn(4, 3), torch.randn(4, 3), torch.randint(3, (4,)), 1.0, 1.0],
            run=_distilled,
        ),
        Case(
            "a student that agrees",
            lambda: [torch.eye(3), torch.eye(3), torch.arange(3), 4.0, 0.9],
            run=_distilled,
        ),
        Case(
            "large logits",
            lambda: [60 * torch.randn(4, 3), 4 * torch.randn(4, 3), torch.randint(3, (4,))],
            run=_distilled,
            rtol=1e-4,
        ),
    ),
    mistakes=(
        Mistake(
            distil_without_the_square,
            "the factor T² is missing: the soft part's gradients shrink with T² and would count for little.",
            TEACHER,
        ),
        Mistake(
            distil_with_the_temperature_once,
            "the soft part is multiplied by T: its gradients shrink with T², so T² it is.",
            TEACHER,
        ),
        Mistake(
            distil_only_the_teacher_softened,
            "only the teacher's logits are divided by T: the student's are too, or it could never match.",
            TEACHER,
        ),
        Mistake(
            distil_with_the_shares_swapped,
            "`soft` weighs the wrong part: it belongs to the teacher's, 1 − soft to the right answers.",
            TEACHER,
        ),
        Mistake(
            distil_with_the_two_swapped,
            "student and teacher are swapped in the divergence: Σ p (log p − log q), with p the teacher's.",
            TEACHER,
        ),
        Mistake(
            distil_that_teaches_the_teacher,
            "a gradient flows into the teacher: take teacher.detach().",
            TEACHER,
        ),
        Mistake(
            distil_by_cross_entropy,
            "the teacher's own entropy is not taken off: Σ p (log p − log q) is 0 where the two agree.",
            TEACHER,
        ),
        Mistake(
            distil_averaged_over_classes,
            "the divergence is averaged over the classes too: sum over classes, mean over places (batchmean).",
            TEACHER,
        ),
        Mistake(
            distil_with_a_softened_hard_loss,
            "the right answers are compared at the temperature T: only the soft part is softened.",
            TEACHER,
        ),
    ),
    hints=(
        "What is the divergence of a student that gives exactly the teacher's logits?",
        "p = softmax(teacher.detach() / T), log q = log_softmax(student / T): Σ p (log p − log q) over the classes, "
        "mean over the places, times T². Then (1 − soft) times the cross-entropy plus soft times that.",
        "divergence = (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()",
    ),
    alternatives=(_distil_by_kl_div,),
)


# --- slerp_tensor ----------------------------------------------------------------------------------------------------


def _arc(a, b, t, cosine=None):
    x, y = a.double(), b.double()
    if cosine is None:
        lengths = x.norm() * y.norm()
        cosine = ((x * y).sum() / lengths).clamp(-1, 1) if lengths > 0 else torch.ones(())
    angle = torch.arccos(cosine)
    if angle.sin() < 1e-6:
        return ((1 - t) * x + t * y).to(a.dtype)
    of_a, of_b = torch.sin((1 - t) * angle), torch.sin(t * angle)
    return ((of_a * x + of_b * y) / torch.sin(angle)).to(a.dtype)


def slerp_along_the_straight_line(a, b, t):
    return (1 - t) * a + t * b


def slerp_the_other_way_round(a, b, t):
    return merge.slerp_tensor(b, a, t)


def slerp_without_dividing(a, b, t):
    x, y = a.double(), b.double()
    cosine = ((x * y).sum() / (x.norm() * y.norm()).clamp(min=1e-30)).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if angle.sin() < 1e-6 or x.norm() == 0 or y.norm() == 0:
        return ((1 - t) * x + t * y).to(a.dtype)
    return (torch.sin((1 - t) * angle) * x + torch.sin(t * angle) * y).to(a.dtype)


def slerp_with_lengths_forgotten(a, b, t):
    return _arc(a, b, t, cosine=(a.double() * b.double()).sum().clamp(-1, 1))


def slerp_of_unit_vectors(a, b, t):
    x, y = a.double(), b.double()
    x, y = x / x.norm().clamp(min=1e-30), y / y.norm().clamp(min=1e-30)
    return merge.slerp_tensor(x, y, t).to(a.dtype)


def slerp_row_by_row(a, b, t):
    if a.ndim < 2:
        return merge.slerp_tensor(a, b, t)
    return torch.stack([merge.slerp_tensor(x, y, t) for x, y in zip(a, b)])


def slerp_that_divides_by_zero(a, b, t):
    x, y = a.double(), b.double()
    angle = torch.arccos(((x * y).sum() / (x.norm() * y.norm())).clamp(-1, 1))
    mixed = torch.sin((1 - t) * angle) * x + torch.sin(t * angle) * y
    return (mixed / torch.sin(angle)).to(a.dtype)


def slerp_with_the_sine_of_the_mix(a, b, t):
    x, y = a.double(), b.double()
    lengths = x.norm() * y.norm()
    cosine = ((x * y).sum() / lengths).clamp(-1, 1) if lengths > 0 else torch.ones(())
    angle = torch.arccos(cosine)
    if angle.sin() < 1e-6:
        return ((1 - t) * x + t * y).to(a.dtype)
    return ((1 - t) * torch.sin(angle) * x + t * torch.sin(angle) * y).to(a.dtype)


def _slerp_by_turning(a, b, t):
    """Along a, and along what of b stands at a right angle to it."""
    x, y = a.double().flatten(), b.double().flatten()
    lengths = float(x.norm() * y.norm())
    cosine = float((x @ y).item() / lengths) if lengths > 0 else 1.0
    angle = torch.acos(torch.tensor(max(-1.0, min(1.0, cosine)), dtype=torch.float64))
    if torch.sin(angle) < 1e-6:
        return torch.lerp(x, y, t).reshape(a.shape).to(a.dtype)
    weights = torch.sin(torch.stack([(1 - t) * angle, t * angle])) / torch.sin(angle)
    return (weights[0] * x + weights[1] * y).reshape(a.shape).to(a.dtype)


SLERP_TENSOR = Exercise(
    name="merge.slerp_tensor",
    week=8,
    notebook=NOTEBOOK,
    reference=merge.slerp_tensor,
    cases=(
        Case("a right angle", lambda: [torch.tensor([1.0, 0]), torch.tensor([0, 1.0]), 0.5]),
        Case("a third of the way", lambda: [torch.tensor([1.0, 0]), torch.tensor([0, 1.0]), 0.3]),
        Case("longer vectors", lambda: [torch.tensor([2.0, 1]), torch.tensor([-1, 3.0]), 0.25]),
        Case("matrices", lambda: [torch.randn(4, 3), torch.randn(4, 3), 0.4]),
        Case("the ends", lambda: [torch.randn(5), torch.randn(5), 0.0]),
        Case("the ends", lambda: [torch.randn(5), torch.randn(5), 1.0]),
        Case("one direction", lambda: [torch.tensor([1.0, 2]), torch.tensor([3.0, 6]), 0.25]),
        Case("zeros", lambda: [torch.zeros(3), torch.tensor([3.0, 6, 1]), 0.5]),
    ),
    mistakes=(
        Mistake(
            slerp_along_the_straight_line,
            "this is the straight line, whose middle is shorter: the weights are sines of parts of the angle.",
            ARC,
        ),
        Mistake(
            slerp_the_other_way_round,
            "it runs from b to a: t = 0 is a, so a has the weight sin((1 − t) Ω).",
            ARC,
        ),
        Mistake(
            slerp_without_dividing,
            "the division by sin Ω is missing: without it the ends are too short.",
            ARC,
        ),
        Mistake(
            slerp_with_lengths_forgotten,
            "the angle is taken from the product alone: divide by both lengths before arccos.",
            ARC,
        ),
        Mistake(
            slerp_of_unit_vectors,
            "the vectors are shortened to length 1 and stay so: lengths count in the angle only.",
            ARC,
        ),
        Mistake(
            slerp_row_by_row,
            "each row is turned by itself: the whole tensor is one long vector.",
            ARC,
        ),
        Mistake(
            slerp_that_divides_by_zero,
            "where the two point the same way, or one is zero, sin Ω is 0: take the straight line there.",
            ARC,
        ),
        Mistake(
            slerp_with_the_sine_of_the_mix,
            "t stands outside the sine: it is sin(t Ω) / sin Ω, not t sin Ω.",
            ARC,
        ),
    ),
    hints=(
        "Between (1, 0) and (0, 1): where is the middle of the arc, and where that of the straight line?",
        "Ω = arccos of (Σ a b) / (|a| |b|). The result is sin((1 − t) Ω) / sin Ω · a + sin(t Ω) / sin Ω · b; where "
        "sin Ω is nearly 0, the straight line.",
        "return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)",
    ),
    alternatives=(_slerp_by_turning,),
)

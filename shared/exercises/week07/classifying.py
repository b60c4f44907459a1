"""`transformer.TextEncoder`, `evaluate.f1_scores`, `evaluate.paired_bootstrap`, `evaluate.calibration_error`."""

import math

import torch
from torch import nn

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week07.running import Plus
from shared.nn import text_encoder
from shared.nn.attention import padding_mask
from shared.nn.positions import sinusoidal
from shared.nn.transformer import encoder
from shared.training import judge

NOTEBOOK = "week07_transformer/2_challenge_text_classification.ipynb"
READ = "A reader made of blocks"
CLASSES = "Class by class"
PAIRS = "Is the difference real"
TRUST = "How far to trust it"


# --- TextEncoder -----------------------------------------------------------------------------------------------------


def _read(implementation, inputs, lengths, norm=None):
    """Through two blocks of stand-ins that add 1 and 10: what comes out, and which masks the blocks saw."""
    blocks = [Plus(1.0), Plus(10.0)]
    reader = implementation(blocks, inputs.shape[-1], 9, norm)
    x = inputs.clone().requires_grad_()
    output = reader(x, lengths)
    if not isinstance(output, torch.Tensor):
        return {"output": output}
    (output * torch.linspace(1, 2, output.numel()).reshape(output.shape)).sum().backward()
    return {
        "output": output.detach(),
        "gradient of inputs": x.grad,
        "masks that the blocks saw": [block.seen[0]["mask"] for block in blocks],
        "blocks that are learnt with it": len([m for m in reader.modules() if isinstance(m, Plus)]),
    }


def _read_by_real_blocks(implementation, inputs, lengths):
    """Through real blocks with given weights."""
    torch.manual_seed(3)
    stack = encoder(2, inputs.shape[-1], 2)
    return implementation(stack.blocks, inputs.shape[-1], 9, stack.norm)(inputs, lengths).detach()


def _what_is_learnt(implementation, d):
    """Sinusoidal positions are no parameters."""
    return sum(p.numel() for p in implementation([nn.Linear(d, d)], d, 9).parameters())


def _root(x):
    return math.sqrt(x.shape[-1])


class ReaderWithoutTheRoot(text_encoder.TextEncoder):
    def forward(self, inputs, lengths):
        return super().forward(inputs / _root(inputs), lengths)


class ReaderThatDividesByTheRoot(text_encoder.TextEncoder):
    def forward(self, inputs, lengths):
        return super().forward(inputs / _root(inputs) ** 2, lengths)


class ReaderThatScalesPositionsToo(text_encoder.TextEncoder):
    def forward(self, inputs, lengths):
        t, root = inputs.shape[1], _root(inputs)
        return super().forward(inputs + self.positions[:t] * (1 - 1 / root), lengths)


class ReaderWithoutPositions(text_encoder.TextEncoder):
    def forward(self, inputs, lengths):
        return super().forward(inputs - self.positions[: inputs.shape[1]] / _root(inputs), lengths)


class ReaderThatAddsPositionsInEveryBlock(text_encoder.TextEncoder):
    def forward(self, inputs, lengths):
        t = inputs.shape[1]
        mask, x = padding_mask(lengths, t), _root(inputs) * inputs
        for block in self.blocks:
            x = block(x + self.positions[:t], mask=mask)
        x = x if self.norm is None else self.norm(x)
        return x.masked_fill(~mask.transpose(-2, -1), 0.0)


class ReaderWithoutItsMask(text_encoder.TextEncoder):
    def forward(self, inputs, lengths):
        t = inputs.shape[1]
        x = _root(inputs) * inputs + self.positions[:t]
        for block in self.blocks:
            x = block(x)
        x = x if self.norm is None else self.norm(x)
        return x.masked_fill(~padding_mask(lengths, t).transpose(-2, -1), 0.0)


class ReaderThatLeavesThePadding(text_encoder.TextEncoder):
    def forward(self, inputs, lengths):
        t = inputs.shape[1]
        mask, x = padding_mask(lengths, t), _root(inputs) * inputs + self.positions[:t]
        for block in self.blocks:
            x = block(x, mask=mask)
        return x if self.norm is None else self.norm(x)


class ReaderThatEmptiesBeforeTheNorm(text_encoder.TextEncoder):
    def forward(self, inputs, lengths):
        t = inputs.shape[1]
        mask, x = padding_mask(lengths, t), _root(inputs) * inputs + self.positions[:t]
        for block in self.blocks:
            x = block(x, mask=mask)
        x = x.masked_fill(~mask.transpose(-2, -1), 0.0)
        return x if self.norm is None else self.norm(x)


class ReaderWithACausalMask(text_encoder.TextEncoder):
    def forward(self, inputs, lengths):
        t = inputs.shape[1]
        mask, x = padding_mask(lengths, t), _root(inputs) * inputs + self.positions[:t]
        for block in self.blocks:
            x = block(x, mask=mask & torch.ones(t, t).tril().bool())
        x = x if self.norm is None else self.norm(x)
        return x.masked_fill(~mask.transpose(-2, -1), 0.0)


class ReaderWithTheMaskTurned(text_encoder.TextEncoder):
    def forward(self, inputs, lengths):
        t = inputs.shape[1]
        mask, x = padding_mask(lengths, t), _root(inputs) * inputs + self.positions[:t]
        for block in self.blocks:
            x = block(x, mask=~mask)
        x = x if self.norm is None else self.norm(x)
        return x.masked_fill(~mask.transpose(-2, -1), 0.0)


class ReaderWithoutItsNorm(text_encoder.TextEncoder):
    def forward(self, inputs, lengths):
        self.norm = None
        return super().forward(inputs, lengths)


class ReaderOfOneBlock(text_encoder.TextEncoder):
    def forward(self, inputs, lengths):
        self.blocks = self.blocks[:1]
        return super().forward(inputs, lengths)


class ReaderThatLearnsItsPositions(text_encoder.TextEncoder):
    def __init__(self, blocks, d_model, max_length, norm=None):
        super().__init__(blocks, d_model, max_length, norm)
        start = self.positions.clone()
        del self.positions
        self.positions = nn.Parameter(start)


class _ReaderByMultiplying(nn.Module):
    def __init__(self, blocks, d_model, max_length, norm=None):
        super().__init__()
        self.layers = nn.ModuleList(blocks)
        self.last = norm if norm is not None else nn.Identity()
        self.d_model = d_model

    def forward(self, inputs, lengths):
        n, t, d = inputs.shape
        real = torch.arange(t).expand(n, t) < lengths.unsqueeze(1)
        x = inputs * d**0.5 + sinusoidal(t, d)
        for layer in self.layers:
            x = layer(x, mask=real.unsqueeze(1))
        return self.last(x) * real.unsqueeze(2)


TEXT_ENCODER = Exercise(
    name="transformer.TextEncoder",
    week=7,
    notebook=NOTEBOOK,
    reference=text_encoder.TextEncoder,
    cases=(
        Case("one token", lambda: [torch.tensor([[[1.0, -1.0]]]), torch.tensor([1])], run=_read),
        Case("positions", lambda: [torch.zeros(1, 3, 2), torch.tensor([3])], run=_read),
        Case("padding", lambda: [torch.zeros(2, 3, 2), torch.tensor([3, 1])], run=_read),
        Case(
            "a last norm",
            lambda: [torch.randn(2, 5, 4), torch.tensor([2, 5]), Plus(0.5, 3.0)],
            run=_read,
        ),
        Case(
            "real blocks",
            lambda: [torch.randn(3, 6, 8), torch.tensor([6, 2, 4])],
            run=_read_by_real_blocks,
        ),
        Case("what is learnt", lambda: [6], run=_what_is_learnt),
    ),
    mistakes=(
        Mistake(
            ReaderWithoutTheRoot,
            "the inputs are not multiplied by √d_model: embeddings of spread 1/√d_model would drown in the positions.",
            READ,
        ),
        Mistake(
            ReaderThatDividesByTheRoot,
            "the inputs are divided by √d_model; multiply them, so that they stand level with the positions.",
            READ,
        ),
        Mistake(
            ReaderThatScalesPositionsToo,
            "the positions are multiplied by √d_model too: the factor is for the inputs alone.",
            READ,
        ),
        Mistake(
            ReaderWithoutPositions,
            "no positions are added, so a text in any order of its words gives the same: add self.positions[:t] to the "
            "inputs.",
            READ,
        ),
        Mistake(
            ReaderThatAddsPositionsInEveryBlock,
            "the positions are added again before every block: once, to the inputs, is enough, the stream carries "
            "them on.",
            READ,
        ),
        Mistake(
            ReaderWithoutItsMask,
            "the blocks get no mask, so real tokens look at the padding, and a text's result depends on its "
            "neighbours in "
            "the batch: block(x, mask=mask).",
            READ,
        ),
        Mistake(
            ReaderThatLeavesThePadding,
            "the rows past a text's end are not set to zero at the end: whoever takes a maximum or a mean would "
            "count them.",
            READ,
        ),
        Mistake(
            ReaderThatEmptiesBeforeTheNorm,
            "the padding is emptied before the last norm, which fills it again: empty it as the very last step.",
            READ,
        ),
        Mistake(
            ReaderWithACausalMask,
            "tokens may see only what is before them; a text that is judged whole may be seen whole: the padding "
            "mask is all.",
            READ,
        ),
        Mistake(
            ReaderWithTheMaskTurned,
            "the mask is turned round: True means that a token may be looked at, as padding_mask returns it.",
            READ,
        ),
        Mistake(
            ReaderWithoutItsNorm,
            "the last norm is not applied: a pre-norm stack needs it, or the stream leaves as large as it has grown.",
            READ,
        ),
        Mistake(
            ReaderOfOneBlock,
            "only the first block is used: go through all of them, each reads what the one before returned.",
            READ,
        ),
        Mistake(
            ReaderThatLearnsItsPositions,
            "the positions are a parameter, and would be learnt: keep them as a buffer (self.register_buffer), they "
            "are "
            "computed and stay.",
            READ,
        ),
    ),
    hints=(
        "What do the blocks need besides x, so that a short text does not look past its end?",
        "√d_model times the inputs, plus self.positions[:t]; go through the blocks with mask=padding_mask(lengths, "
        "t), apply the norm, set what is "
        "past each end to zero.",
        "mask = padding_mask(lengths, t); … return x.masked_fill(~mask.transpose(-2, -1), 0.0)",
    ),
    alternatives=(_ReaderByMultiplying,),
)


# --- f1_scores -------------------------------------------------------------------------------------------------------


def _counts(predicted, targets, classes):
    table = torch.zeros(classes, classes, dtype=torch.float64)
    for answer, truth in zip(predicted.tolist(), targets.tolist()):
        table[truth, answer] += 1
    return table.diagonal(), table.sum(dim=1), table.sum(dim=0)


def f1_that_is_recall(predicted, targets, classes):
    right, true, _ = _counts(predicted, targets, classes)
    return right / true.clamp(min=1)


def f1_that_is_precision(predicted, targets, classes):
    right, _, said = _counts(predicted, targets, classes)
    return right / said.clamp(min=1)


def f1_as_a_plain_mean(predicted, targets, classes):
    right, true, said = _counts(predicted, targets, classes)
    return (right / true.clamp(min=1) + right / said.clamp(min=1)) / 2


def f1_with_nan(predicted, targets, classes):
    right, true, said = _counts(predicted, targets, classes)
    return 2 * right / (said + true)


def f1_without_the_two(predicted, targets, classes):
    right, true, said = _counts(predicted, targets, classes)
    return right / (said + true).clamp(min=1)


def f1_as_overlap(predicted, targets, classes):
    right, true, said = _counts(predicted, targets, classes)
    return right / (said + true - right).clamp(min=1)


def f1_of_everything(predicted, targets, classes):
    return (predicted == targets).double().mean().expand(classes).clone()


def f1_averaged(predicted, targets, classes):
    return judge.f1_scores(predicted, targets, classes).mean()


def f1_by_loops(predicted, targets, classes):
    scores = []
    for k in range(classes):
        right = ((predicted == k) & (targets == k)).sum().item()
        wrong = ((predicted == k) != (targets == k)).sum().item()
        scores.append(2 * right / (2 * right + wrong) if right + wrong else 0.0)
    return torch.tensor(scores, dtype=torch.float64)


F1_SCORES = Exercise(
    name="evaluate.f1_scores",
    week=7,
    notebook=NOTEBOOK,
    reference=judge.f1_scores,
    cases=(
        Case("values", lambda: [torch.tensor([0, 0, 1, 1, 1]), torch.tensor([0, 1, 1, 1, 0]), 2]),
        Case(
            "unequal classes", lambda: [torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 1, 1]), 2]
        ),
        Case(
            "a class that nobody has",
            lambda: [torch.tensor([0, 2, 2]), torch.tensor([0, 0, 2]), 4],
        ),
        Case("many", lambda: [torch.randint(0, 5, (90,)), torch.randint(0, 5, (90,)), 5]),
    ),
    mistakes=(
        Mistake(
            f1_that_is_recall,
            "that is recall, right / true: a class that is said of everything would have it at 1. F1 weighs it with "
            "precision.",
            CLASSES,
        ),
        Mistake(
            f1_that_is_precision,
            "that is precision, right / said: a class that is said once, rightly, would have it at 1. F1 weighs it "
            "with "
            "recall.",
            CLASSES,
        ),
        Mistake(
            f1_as_a_plain_mean,
            "precision and recall are averaged plainly; F1 is their harmonic mean, 2 · right / (said + true), which "
            "is low "
            "where either is.",
            CLASSES,
        ),
        Mistake(
            f1_with_nan,
            "a class that nobody says and nobody has gives 0/0, which is nan: its score is 0 (clamp the divisor at 1).",
            CLASSES,
        ),
        Mistake(
            f1_without_the_two,
            "the factor 2 is missing: a perfect class would have the score 1/2.",
            CLASSES,
        ),
        Mistake(
            f1_as_overlap,
            "it divides by said + true − right, which is the overlap of the two sets (Jaccard): divide twice the right "
            "ones by said + true.",
            CLASSES,
        ),
        Mistake(
            f1_of_everything,
            "every class gets the accuracy of all examples: count right, said and true for each class by itself.",
            CLASSES,
        ),
        Mistake(
            f1_averaged,
            "it returns the mean over the classes: return one score for each, (classes,).",
            CLASSES,
        ),
    ),
    hints=(
        "For one class: how many were said to be it, how many are it, and how many are both?",
        "In the confusion matrix (row = truth, column = answer) right is the diagonal, true the sum of a row, said "
        "the sum "
        "of a column. F1 is 2 · right / (said + true), and 0 where that is 0/0.",
        "table = confusion_matrix(predicted, targets, classes).double(); return 2 * table.diagonal() / (table.sum(0) + "
        "table.sum(1)).clamp(min=1)",
    ),
    alternatives=(f1_by_loops,),
)


# --- paired_bootstrap ------------------------------------------------------------------------------------------------


def _rounded(implementation, right_a, right_b, repeats=2000, share=0.95):
    """Difference and interval; right ways of drawing differ by chance, which the tolerance allows for."""
    generator = torch.Generator().manual_seed(11)
    found = implementation(right_a, right_b, repeats, generator, share)
    if not isinstance(found, (tuple, list)) or len(found) != 3:
        return {"difference, low, high": found}
    return {"difference": found[0], "low": found[1], "high": found[2]}


def _repeatable(implementation, right_a, right_b):
    """Whether two calls with equally seeded generators agree, and whether torch's own generator was left alone."""
    before = torch.get_rng_state()
    found = [
        implementation(right_a, right_b, 50, torch.Generator().manual_seed(5)) for _ in range(2)
    ]
    return {
        "the same twice": found[0] == found[1],
        "torch's generator untouched": torch.equal(before, torch.get_rng_state()),
    }


def _interval(difference, values, share):
    tail = (1 - share) / 2
    low, high = torch.quantile(values, torch.tensor([tail, 1 - tail], dtype=torch.float64))
    return difference.mean().item(), low.item(), high.item()


def _repeats(values, repeats, generator):
    return values[torch.randint(len(values), (repeats, len(values)), generator=generator)].mean(1)


def bootstrap_unpaired(right_a, right_b, repeats, generator, share=0.95):
    a, b = (_repeats(x.double(), repeats, generator) for x in (right_a, right_b))
    return _interval(right_a.double() - right_b.double(), a - b, share)


def bootstrap_turned(right_a, right_b, repeats, generator, share=0.95):
    difference = right_b.double() - right_a.double()
    return _interval(difference, _repeats(difference, repeats, generator), share)


def bootstrap_without_replacement(right_a, right_b, repeats, generator, share=0.95):
    difference = right_a.double() - right_b.double()
    n = len(difference)
    drawn = torch.stack([torch.randperm(n, generator=generator) for _ in range(repeats)])
    return _interval(difference, difference[drawn].mean(1), share)


def bootstrap_with_one_tail(right_a, right_b, repeats, generator, share=0.95):
    difference = right_a.double() - right_b.double()
    values = _repeats(difference, repeats, generator)
    limits = torch.tensor([1 - share, share], dtype=torch.float64)
    low, high = torch.quantile(values, limits)
    return difference.mean().item(), low.item(), high.item()


def bootstrap_of_single_examples(right_a, right_b, repeats, generator, share=0.95):
    difference = right_a.double() - right_b.double()
    return _interval(difference, difference, share)


def bootstrap_with_one_standard_error(right_a, right_b, repeats, generator, share=0.95):
    difference = right_a.double() - right_b.double()
    half = _repeats(difference, repeats, generator).std().item()
    return (
        difference.mean().item(),
        difference.mean().item() - half,
        difference.mean().item() + half,
    )


def bootstrap_of_the_smallest_and_largest(right_a, right_b, repeats, generator, share=0.95):
    difference = right_a.double() - right_b.double()
    values = _repeats(difference, repeats, generator)
    return difference.mean().item(), values.min().item(), values.max().item()


def bootstrap_in_per_cent(right_a, right_b, repeats, generator, share=0.95):
    found = judge.paired_bootstrap(right_a, right_b, repeats, generator, share)
    return tuple(100 * number for number in found)


def bootstrap_with_a_seed_of_its_own(right_a, right_b, repeats, generator, share=0.95):
    torch.manual_seed(0)
    difference = right_a.double() - right_b.double()
    return _interval(difference, _repeats(difference, repeats, None), share)


def _bootstrap_by_multinomial(right_a, right_b, repeats, generator, share=0.95):
    difference = right_a.double() - right_b.double()
    n = len(difference)
    chances = torch.full((repeats, n), 1 / n)
    drawn = torch.multinomial(chances, n, replacement=True, generator=generator)
    return _interval(difference, difference[drawn].mean(1), share)


def _answers(n, a, both):
    """n answers of two: a is right with that chance, b mostly where a is."""
    right_a = torch.rand(n) < a
    right_b = torch.where(torch.rand(n) < both, right_a, torch.rand(n) < a - 0.2)
    return right_a, right_b


PAIRED_BOOTSTRAP = Exercise(
    name="evaluate.paired_bootstrap",
    week=7,
    notebook=NOTEBOOK,
    reference=judge.paired_bootstrap,
    cases=(
        Case(
            "no difference",
            lambda: [torch.tensor([True, False, True]), torch.tensor([True, False, True])],
            run=_rounded,
        ),
        Case("difference", lambda: [*_answers(400, 0.9, 0.8)], run=_rounded, atol=0.0035),
        Case(
            "another share",
            lambda: [*_answers(400, 0.8, 0.7), 2000, 0.5],
            run=_rounded,
            atol=0.0035,
        ),
        Case("repeatable", lambda: [*_answers(50, 0.8, 0.7)], run=_repeatable),
    ),
    mistakes=(
        Mistake(
            bootstrap_unpaired,
            "the examples of a and of b are drawn separately, so that hard examples look like noise: draw once, and "
            "take "
            "both answers of each example.",
            PAIRS,
        ),
        Mistake(
            bootstrap_turned,
            "the sign is turned: positive means that a is right more often.",
            PAIRS,
        ),
        Mistake(
            bootstrap_without_replacement,
            "a new order of the same examples always has the same mean: draw with replacement (torch.randint).",
            PAIRS,
        ),
        Mistake(
            bootstrap_with_one_tail,
            "what is left out of the middle lies at both ends, half at each: quantiles (1 − share) / 2 and its mirror.",
            PAIRS,
        ),
        Mistake(
            bootstrap_of_single_examples,
            "these are quantiles of single examples, −1, 0 or 1: take the mean of each repeat first, then the "
            "quantiles "
            "of the means.",
            PAIRS,
        ),
        Mistake(
            bootstrap_with_one_standard_error,
            "that is one standard error to both sides, about 68 %: take the quantiles of the repeats for the share "
            "asked "
            "for.",
            PAIRS,
        ),
        Mistake(
            bootstrap_of_the_smallest_and_largest,
            "the smallest and the largest repeat lie further apart the more repeats there are: take quantiles.",
            PAIRS,
        ),
        Mistake(
            bootstrap_in_per_cent,
            "it returns per cent; accuracies here are shares from 0 to 1, and so are their differences.",
            PAIRS,
        ),
        Mistake(
            bootstrap_with_a_seed_of_its_own,
            "chance comes from a seed that is set inside: draw from the generator that is passed in.",
            PAIRS,
        ),
    ),
    hints=(
        "If both models find the same examples hard, what must be drawn together?",
        "Make one number of each example, right_a − right_b. Draw `repeats` rows of n example numbers with "
        "replacement, "
        "take each row's mean, and of these means the two quantiles.",
        "drawn = torch.randint(n, (repeats, n), generator=generator); repeated = difference[drawn].mean(dim=1)",
    ),
    alternatives=(_bootstrap_by_multinomial,),
)


# --- calibration_error -----------------------------------------------------------------------------------------------


def _calibration(probabilities, targets, bins, closed="right", weigh=True, absolute=True):
    confidence, answers = probabilities.double().max(dim=-1)
    right = (answers == targets).double()
    scaled = confidence * bins
    place = (scaled.ceil() - 1 if closed == "right" else scaled.floor()).long().clamp(0, bins - 1)
    total, used = 0.0, 0
    for b in range(bins):
        inside = place == b
        if inside.any():
            gap = (right[inside].mean() - confidence[inside].mean()).item()
            total += (abs(gap) if absolute else gap) * (
                inside.double().mean().item() if weigh else 1
            )
            used += 1
    return total if weigh else total / used


def calibration_without_weights(probabilities, targets, bins=10):
    return _calibration(probabilities, targets, bins, weigh=False)


def calibration_that_cancels(probabilities, targets, bins=10):
    return abs(_calibration(probabilities, targets, bins, absolute=False))


def calibration_of_single_answers(probabilities, targets, bins=10):
    confidence, answers = probabilities.double().max(dim=-1)
    return ((answers == targets).double() - confidence).abs().mean().item()


def calibration_of_the_targets_probability(probabilities, targets, bins=10):
    confidence = probabilities.double().gather(1, targets[:, None])[:, 0]
    answers = probabilities.argmax(dim=-1)
    right = (answers == targets).double()
    place = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gap = torch.zeros(bins, dtype=torch.float64).index_add(0, place, right - confidence)
    return (gap.abs().sum() / len(targets)).item()


def calibration_against_the_middle(probabilities, targets, bins=10):
    confidence, answers = probabilities.double().max(dim=-1)
    right = (answers == targets).double()
    place = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gap = torch.zeros(bins, dtype=torch.float64).index_add(0, place, right - (place + 0.5) / bins)
    return (gap.abs().sum() / len(targets)).item()


def calibration_that_is_the_error_rate(probabilities, targets, bins=10):
    return (probabilities.argmax(dim=-1) != targets).double().mean().item()


def calibration_squared(probabilities, targets, bins=10):
    confidence, answers = probabilities.double().max(dim=-1)
    right = (answers == targets).double()
    place = (confidence * bins).ceil().long().clamp(1, bins) - 1
    total = 0.0
    for b in range(bins):
        inside = place == b
        if inside.any():
            gap = (right[inside].mean() - confidence[inside].mean()).item()
            total += gap**2 * inside.double().mean().item()
    return total


def _calibration_by_loop(probabilities, targets, bins=10):
    return _calibration(probabilities, targets, bins)


def _guesses(n, c):
    probabilities = (2 * torch.randn(n, c)).softmax(dim=-1)
    return probabilities, torch.randint(0, c, (n,))


CALIBRATION_ERROR = Exercise(
    name="evaluate.calibration_error",
    week=7,
    notebook=NOTEBOOK,
    reference=judge.calibration_error,
    cases=(
        Case(
            "values",
            lambda: [
                torch.tensor([[0.75, 0.25], [0.25, 0.75], [0.75, 0.25], [0.55, 0.45]]),
                torch.tensor([0, 1, 1, 0]),
                5,
            ],
        ),
        Case("sure and right", lambda: [torch.eye(3), torch.arange(3), 10]),
        Case("sure and wrong", lambda: [torch.eye(3), torch.tensor([1, 2, 0]), 10]),
        Case("many", lambda: [*_guesses(300, 4), 10]),
        Case("other bins", lambda: [*_guesses(300, 3), 4]),
        Case("ten bins unasked", lambda: [*_guesses(200, 5)]),
    ),
    mistakes=(
        Mistake(
            calibration_without_weights,
            "every bin counts the same, also one with a single answer: weigh each with its share of the answers.",
            TRUST,
        ),
        Mistake(
            calibration_that_cancels,
            "gaps of opposite sign cancel: take the absolute value in each bin before you add them up.",
            TRUST,
        ),
        Mistake(
            calibration_of_single_answers,
            "the gap is taken for each answer by itself, which is never 0 for a confidence below 1: average within a "
            "bin "
            "first.",
            TRUST,
        ),
        Mistake(
            calibration_of_the_targets_probability,
            "the confidence of an answer is the largest probability of its row, not that of the right class.",
            TRUST,
        ),
        Mistake(
            calibration_against_the_middle,
            "the accuracy is compared with the middle of the bin: compare it with the mean confidence of the answers "
            "in it.",
            TRUST,
        ),
        Mistake(
            calibration_that_is_the_error_rate,
            "that is the share of wrong answers; how sure the model was does not enter.",
            TRUST,
        ),
        Mistake(
            calibration_squared,
            "the gaps are squared; their absolute values are added.",
            TRUST,
        ),
    ),
    hints=(
        "Of the answers given with about 80 % confidence, how many should be right?",
        "Confidence is the largest probability of a row. Sort the answers into bins by it; in each bin take "
        "|accuracy − mean "
        "confidence|, and add these up, each times the share of the answers in the bin.",
        "place = (confidence * bins).ceil().long().clamp(1, bins) - 1; then for each bin the absolute sum of (right − "
        "confidence), all divided by n",
    ),
    alternatives=(_calibration_by_loop,),
)

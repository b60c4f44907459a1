"""Week 1's challenge: batches, the loss over classes, one epoch, accuracy, the confusion matrix."""

import torch
import torch.nn.functional as F
from torch import nn

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.training import classify

NOTEBOOK = "week01_mlp/2_challenge_mnist.ipynb"
BATCHES = "Batches"
LOSS = "The loss for ten classes"
EPOCH = "One epoch"
RIGHT = "How many are right"
CONFUSED = "Who is taken for whom"


# --- minibatches -----------------------------------------------------------------------------------------------------


def _passes(implementation, n, batch_size, passes=2):
    """Two passes from one generator: the batches, and what must hold of them."""
    x, targets = torch.arange(n).float().unsqueeze(1), torch.arange(n)
    generator = torch.Generator().manual_seed(3)
    seen = [
        [(a.clone(), b.clone()) for a, b in implementation(x, targets, batch_size, generator)]
        for _ in range(passes)
    ]
    orders = [torch.cat([targets for _, targets in one]) for one in seen]
    pairs = torch.cat([torch.stack([a.flatten(), b.float()], 1) for a, b in seen[0]])
    return {
        "batch sizes": [len(a) for a, _ in seen[0]],
        "every example once": [sorted(order.tolist()) == list(range(n)) for order in orders],
        "targets stay with their x": bool((pairs[:, 0] == pairs[:, 1]).all()),
        "shuffled": not torch.equal(orders[0], torch.arange(n)),
        "another order the next time": not torch.equal(orders[0], orders[1]),
    }


def _shape(implementation, x, targets, batch_size):
    batches = implementation(x, targets, batch_size, torch.Generator().manual_seed(0))
    return [(tuple(a.shape), tuple(b.shape)) for a, b in batches]


def _from_generator(implementation, n):
    """The same seed gives the same batches, whatever happened to torch's global generator."""
    orders = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(0)
        batches = implementation(torch.arange(n), torch.arange(n), 4, generator)
        orders.append(torch.cat([b for _, b in batches]))
    return torch.equal(*orders)


def minibatches_in_order(x, targets, batch_size, generator):
    for start in range(0, len(x), batch_size):
        yield x[start : start + batch_size], targets[start : start + batch_size]


def minibatches_shuffled_apart(x, targets, batch_size, generator):
    first, second = (
        torch.randperm(len(x), generator=generator),
        torch.randperm(len(x), generator=generator),
    )
    for start in range(0, len(x), batch_size):
        yield x[first[start : start + batch_size]], targets[second[start : start + batch_size]]


def minibatches_that_drop_the_rest(x, targets, batch_size, generator):
    order = torch.randperm(len(x), generator=generator)
    for start in range(0, len(x) - batch_size + 1, batch_size):
        yield x[order[start : start + batch_size]], targets[order[start : start + batch_size]]


def minibatches_with_replacement(x, targets, batch_size, generator):
    for start in range(0, len(x), batch_size):
        size = min(batch_size, len(x) - start)
        chosen = torch.randint(0, len(x), (size,), generator=generator)
        yield x[chosen], targets[chosen]


def minibatches_with_the_same_order_always(x, targets, batch_size, generator):
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    for start in range(0, len(x), batch_size):
        yield x[order[start : start + batch_size]], targets[order[start : start + batch_size]]


def minibatches_by_the_global_generator(x, targets, batch_size, generator):
    order = torch.randperm(len(x))
    for start in range(0, len(x), batch_size):
        yield x[order[start : start + batch_size]], targets[order[start : start + batch_size]]


def minibatches_only_the_first(x, targets, batch_size, generator):
    order = torch.randperm(len(x), generator=generator)[:batch_size]
    yield x[order], targets[order]


def minibatches_that_overlap(x, targets, batch_size, generator):
    order = torch.randperm(len(x), generator=generator)
    for start in range(len(x)):
        yield x[order[start : start + batch_size]], targets[order[start : start + batch_size]]


def _minibatches_by_split(x, targets, batch_size, generator):
    order = torch.randperm(len(x), generator=generator)
    return [(x[part], targets[part]) for part in order.split(batch_size)]


MINIBATCHES = Exercise(
    name="training.minibatches",
    week=1,
    notebook=NOTEBOOK,
    reference=classify.minibatches,
    cases=(
        Case("every example once", lambda: [10, 4], run=_passes),
        Case("sizes that divide", lambda: [12, 4], run=_passes),
        Case("shapes", lambda: [torch.randn(7, 2, 2), torch.arange(7), 3], run=_shape),
        Case(
            "a batch larger than the data",
            lambda: [torch.randn(3, 2), torch.arange(3), 8],
            run=_shape,
        ),
        Case("the generator given", lambda: [12], run=_from_generator),
    ),
    mistakes=(
        Mistake(
            minibatches_in_order,
            "the examples come in their stored order: walk through a random permutation, torch.randperm(n).",
            BATCHES,
        ),
        Mistake(
            minibatches_shuffled_apart,
            "x and targets are shuffled by two different orders, so the labels no longer belong to their pictures: use "
            "one order for both.",
            BATCHES,
        ),
        Mistake(
            minibatches_that_drop_the_rest,
            "the last, smaller batch is left out: let the start run up to n; slicing cuts the batch short by itself.",
            BATCHES,
        ),
        Mistake(
            minibatches_with_replacement,
            "examples are drawn anew for each batch, so some come twice and others never: cut one permutation into "
            "pieces.",
            BATCHES,
        ),
        Mistake(
            minibatches_with_the_same_order_always,
            "every pass has the same order: draw it from the generator that was passed in, not from a fresh seed.",
            BATCHES,
        ),
        Mistake(
            minibatches_by_the_global_generator,
            "the order comes from torch's global generator: pass generator=generator to torch.randperm, so that a run "
            "can be repeated.",
            BATCHES,
        ),
        Mistake(
            minibatches_only_the_first,
            "only one batch comes: a pass goes on until every example was seen.",
            BATCHES,
        ),
        Mistake(
            minibatches_that_overlap,
            "the start moves on by 1, so the batches overlap: let it step by batch_size.",
            BATCHES,
        ),
    ),
    hints=(
        "If the numbers 0 … n-1 stand in a random order, which of them make the first batch, which the second?",
        "torch.randperm(n, generator=generator) is such an order. range(0, n, batch_size) gives the starts of the "
        "pieces; x[chosen] picks rows. `yield` hands out one batch and goes on where it stopped.",
        "for start in range(0, len(x), batch_size): chosen = order[start : start + batch_size]; yield x[chosen], "
        "targets[chosen]",
    ),
    alternatives=(_minibatches_by_split,),
)


# --- cross-entropy over classes --------------------------------------------------------------------------------------


def cross_entropy_that_overflows(logits, targets):
    p = torch.exp(logits) / torch.exp(logits).sum(-1, keepdim=True)
    return -torch.log(p[torch.arange(len(targets)), targets]).mean()


def cross_entropy_with_an_epsilon(logits, targets):
    p = torch.softmax(logits, -1)
    return -torch.log(p[torch.arange(len(targets)), targets] + 1e-9).mean()


def cross_entropy_over_the_batch(logits, targets):
    return -torch.log_softmax(logits, 0)[torch.arange(len(targets)), targets].mean()


def cross_entropy_without_the_log(logits, targets):
    return -torch.softmax(logits, -1)[torch.arange(len(targets)), targets].mean()


def cross_entropy_of_the_logits(logits, targets):
    return -logits[torch.arange(len(targets)), targets].mean()


def cross_entropy_summed(logits, targets):
    return F.cross_entropy(logits, targets, reduction="sum")


def cross_entropy_of_all_classes(logits, targets):
    return -torch.log_softmax(logits, -1).mean()


def cross_entropy_softmaxed_twice(logits, targets):
    return F.cross_entropy(torch.softmax(logits, -1), targets)


def cross_entropy_with_the_sign_flipped(logits, targets):
    return -F.cross_entropy(logits, targets)


def cross_entropy_with_slices(logits, targets):
    return -torch.log_softmax(logits, -1)[:, targets].mean()


def _cross_entropy_by_logsumexp(logits, targets):
    right = logits.gather(1, targets.unsqueeze(1)).squeeze(1)
    return (torch.logsumexp(logits, 1) - right).mean()


CROSS_ENTROPY = Exercise(
    name="training.cross_entropy",
    week=1,
    notebook=NOTEBOOK,
    reference=classify.cross_entropy,
    cases=(
        Case("values", lambda: [torch.tensor([[1.0, 2.0, 0.0]]), torch.tensor([1])]),
        Case("a batch", lambda: [torch.randn(5, 3), torch.tensor([0, 2, 1, 1, 0])]),
        Case(
            "gradients",
            lambda: [torch.randn(4, 3), torch.tensor([0, 2, 1, 1])],
            run=call_with_gradients,
        ),
        Case(
            "±1000",
            lambda: [torch.tensor([[1000.0, 0.0], [0.0, -1000.0]]), torch.tensor([1, 0])],
            says="with logits of ±1000 something overflows or is cut off: subtract each row's largest logit first.",
        ),
    ),
    mistakes=(
        Mistake(
            cross_entropy_that_overflows,
            "exp(1000) is inf: subtract each row's largest logit before the exponential; softmax does not change.",
            LOSS,
        ),
        Mistake(
            cross_entropy_with_an_epsilon,
            "an epsilon inside the log caps the loss near 21: work with log softmax, z - log Σ e^z, instead.",
            LOSS,
        ),
        Mistake(
            cross_entropy_over_the_batch,
            "softmax runs down the batch: the probabilities of one example's classes sum to 1, so use dim=-1.",
            LOSS,
        ),
        Mistake(
            cross_entropy_without_the_log,
            "the logarithm is missing: the loss is -log of the right class's probability, not the probability itself.",
            LOSS,
        ),
        Mistake(
            cross_entropy_of_the_logits,
            "the logits are not yet log-probabilities: subtract the logarithm of the sum of their exponentials.",
            LOSS,
        ),
        Mistake(
            cross_entropy_summed, "the losses are summed: take the mean over the examples.", LOSS
        ),
        Mistake(
            cross_entropy_of_all_classes,
            "all classes are averaged: only the log-probability of the right class counts.",
            LOSS,
        ),
        Mistake(
            cross_entropy_softmaxed_twice,
            "softmax is applied twice (F.cross_entropy and log_softmax do it themselves): give them the logits.",
            LOSS,
        ),
        Mistake(
            cross_entropy_with_the_sign_flipped,
            "the sign is flipped: a loss falls when the right class becomes more probable.",
            LOSS,
        ),
        Mistake(
            cross_entropy_with_slices,
            "[:, targets] takes every target for every row: pair each row with its own, [torch.arange(n), targets].",
            LOSS,
        ),
    ),
    hints=(
        "Which single number of each row of probabilities does the loss look at? How is it picked for all rows?",
        "log softmax(z) = z - log Σ e^z. Shift each row by its maximum first. Then pick [torch.arange(n), targets].",
        "shifted = logits - logits.max(dim=-1, keepdim=True).values; log_p = shifted - shifted.exp().sum(dim=-1, "
        "keepdim=True).log()",
    ),
    alternatives=(_cross_entropy_by_logsumexp, F.cross_entropy),
)


# --- one epoch -------------------------------------------------------------------------------------------------------


def _toy_network():
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.0), nn.Tanh(), nn.Linear(4, 3))


def _toy_batches(sizes):
    torch.manual_seed(6)
    return [(torch.randn(n, 3), torch.randint(0, 3, (n,))) for n in sizes]


def _trained(implementation, sizes, lr=0.3):
    network = _toy_network()
    network.eval()
    optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=0.9)
    steps = []
    optimizer.register_step_post_hook(lambda *_: steps.append(1))
    loss = implementation(network, _toy_batches(sizes), optimizer)
    return {
        "mean loss": loss,
        "in training mode": network.training,
        "steps": len(steps),
        "parameters": [p.detach().clone() for p in network.parameters()],
    }


def _trained_once_through(implementation, sizes):
    """The batches can be walked through only once, as a generator's can."""
    network = _toy_network()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    implementation(network, iter(_toy_batches(sizes)), optimizer)
    return [p.detach().clone() for p in network.parameters()]


def _epoch(network, batches, optimizer, zero=True, step=True, back=True, each=True):
    """The epoch with one thing left out, and the losses with their weights."""
    network.train()
    losses = []
    for x, targets in batches:
        if zero:
            optimizer.zero_grad()
        loss = F.cross_entropy(network(x), targets)
        if back:
            loss.backward()
        if step and each:
            optimizer.step()
        losses.append((loss.item(), len(x)))
    if step and not each:
        optimizer.step()
    return losses


def _mean(losses):
    return sum(loss * n for loss, n in losses) / sum(n for _, n in losses)


def train_epoch_without_zero_grad(network, batches, optimizer):
    return _mean(_epoch(network, batches, optimizer, zero=False))


def train_epoch_without_step(network, batches, optimizer):
    return _mean(_epoch(network, batches, optimizer, step=False))


def train_epoch_that_steps_at_the_end(network, batches, optimizer):
    return _mean(_epoch(network, batches, optimizer, each=False))


def train_epoch_that_zeroes_too_late(network, batches, optimizer):
    network.train()
    losses = []
    for x, targets in batches:
        loss = F.cross_entropy(network(x), targets)
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
        losses.append((loss.item(), len(x)))
    return _mean(losses)


def train_epoch_with_the_last_loss(network, batches, optimizer):
    return _epoch(network, batches, optimizer)[-1][0]


def train_epoch_with_the_mean_of_batches(network, batches, optimizer):
    losses = _epoch(network, batches, optimizer)
    return sum(loss for loss, _ in losses) / len(losses)


def train_epoch_with_the_sum(network, batches, optimizer):
    return sum(loss for loss, _ in _epoch(network, batches, optimizer))


def train_epoch_without_train_mode(network, batches, optimizer):
    mode = network.training
    losses = _epoch(network, batches, optimizer)
    network.train(mode)
    return _mean(losses)


def _train_epoch_by_set_to_none(network, batches, optimizer):
    network.train()
    weighted, n = torch.zeros(()), 0
    for x, targets in batches:
        loss = F.cross_entropy(network(x), targets)
        for parameter in network.parameters():
            parameter.grad = None
        loss.backward()
        optimizer.step()
        weighted += loss.detach() * len(x)
        n += len(x)
    return (weighted / n).item()


TRAIN_EPOCH = Exercise(
    name="training.train_epoch",
    week=1,
    notebook=NOTEBOOK,
    reference=classify.train_epoch,
    cases=(
        Case("one batch", lambda: [(4,)], run=_trained, rtol=1e-4),
        Case("several batches", lambda: [(4, 4, 4)], run=_trained, rtol=1e-4),
        Case("a smaller last batch", lambda: [(6, 6, 1)], run=_trained, rtol=1e-4),
        Case("any iterable", lambda: [(4, 3)], run=_trained_once_through, rtol=1e-4),
    ),
    mistakes=(
        Mistake(
            train_epoch_without_zero_grad,
            "the gradients of all batches so far add up: call optimizer.zero_grad() before each backward().",
            EPOCH,
        ),
        Mistake(
            train_epoch_without_step,
            "the network never moves: optimizer.step() is missing after backward().",
            EPOCH,
        ),
        Mistake(
            train_epoch_that_steps_at_the_end,
            "there is one step for the whole epoch: put optimizer.step() inside the loop, one for each batch.",
            EPOCH,
        ),
        Mistake(
            train_epoch_that_zeroes_too_late,
            "the gradients are thrown away before they are used: zero_grad comes before backward(), not between "
            "backward() and step().",
            EPOCH,
        ),
        Mistake(
            train_epoch_with_the_last_loss,
            "it returns the last batch's loss: the mean over the whole epoch is asked for.",
            EPOCH,
        ),
        Mistake(
            train_epoch_with_the_mean_of_batches,
            "every batch counts the same, also the smaller last one: weigh each loss with its number of examples.",
            EPOCH,
        ),
        Mistake(
            train_epoch_with_the_sum,
            "the losses are summed, so the number grows with the number of batches: divide by the number of examples.",
            EPOCH,
        ),
        Mistake(
            train_epoch_without_train_mode,
            "network.train() is missing: layers such as week 3's dropout behave differently in training.",
            EPOCH,
        ),
    ),
    hints=(
        "What happens in each batch, in which order: the old gradients, the loss, the new gradients, the step?",
        "zero_grad, forward, loss, backward, step. Add loss.item() * len(x) to a total; divide by the examples seen.",
        "optimizer.zero_grad(); loss = cross_entropy(network(x), targets); loss.backward(); optimizer.step()",
    ),
    alternatives=(_train_epoch_by_set_to_none,),
)


# --- accuracy --------------------------------------------------------------------------------------------------------


def accuracy_as_a_count(logits, targets):
    return float((logits.argmax(-1) == targets).sum())


def accuracy_in_percent(logits, targets):
    return (logits.argmax(-1) == targets).double().mean().item() * 100


def accuracy_over_the_batch(logits, targets):
    return (logits.argmax(0) == targets[: logits.shape[1]]).double().mean().item()


def accuracy_of_the_largest_value(logits, targets):
    return (logits.max(-1).values == targets).double().mean().item()


def accuracy_as_an_error(logits, targets):
    return (logits.argmax(-1) != targets).double().mean().item()


def accuracy_of_the_smallest(logits, targets):
    return (logits.argmin(-1) == targets).double().mean().item()


def accuracy_rounded(logits, targets):
    return (logits.argmax(-1) == targets).all().double().item()


def _accuracy_by_topk(logits, targets):
    return sum(int(a) == int(b) for a, b in zip(logits.topk(1).indices.flatten(), targets)) / len(
        targets
    )


ACCURACY = Exercise(
    name="training.accuracy",
    week=1,
    notebook=NOTEBOOK,
    reference=classify.accuracy,
    cases=(
        Case(
            "values",
            lambda: [
                torch.tensor([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0], [5.0, 4.0]]),
                torch.tensor([0, 1, 1, 0]),
            ],
        ),
        Case("ten classes", lambda: [torch.randn(40, 10), torch.arange(40) % 10]),
        Case("all right", lambda: [torch.eye(4) * 3, torch.arange(4)]),
    ),
    mistakes=(
        Mistake(
            accuracy_as_a_count,
            "that is how many are right: divide by the number of examples.",
            RIGHT,
        ),
        Mistake(
            accuracy_in_percent, "that is in percent: a share from 0 to 1 is asked for.", RIGHT
        ),
        Mistake(
            accuracy_over_the_batch,
            "the largest is sought down the batch: each row holds one example's classes, so use argmax(dim=-1).",
            RIGHT,
        ),
        Mistake(
            accuracy_of_the_largest_value,
            "the largest logit itself is compared with the target: compare its place, argmax.",
            RIGHT,
        ),
        Mistake(
            accuracy_as_an_error, "that is the share of errors: count where they are equal.", RIGHT
        ),
        Mistake(
            accuracy_of_the_smallest,
            "it picks the smallest logit: the answer is the largest, argmax.",
            RIGHT,
        ),
        Mistake(
            accuracy_rounded,
            ".all() asks whether every single one is right: take the mean of the comparisons instead.",
            RIGHT,
        ),
    ),
    hints=(
        "A row of ten logits: which class does the network answer?",
        "argmax gives the place of the largest number in each row; a comparison gives True and False, with a mean.",
        "return (logits.argmax(dim=-1) == targets).double().mean().item()",
    ),
    alternatives=(_accuracy_by_topk,),
)


# --- confusion matrix ------------------------------------------------------------------------------------------------


def confusion_matrix_transposed(predicted, targets, classes):
    return classify.confusion_matrix(targets, predicted, classes)


def confusion_matrix_of_the_right_only(predicted, targets, classes):
    matrix = torch.zeros(classes, classes, dtype=torch.int64)
    for p, t in zip(predicted, targets):
        if p == t:
            matrix[t, p] += 1
    return matrix


def confusion_matrix_that_counts_once(predicted, targets, classes):
    matrix = torch.zeros(classes, classes, dtype=torch.int64)
    matrix[targets, predicted] += 1
    return matrix


def confusion_matrix_as_shares(predicted, targets, classes):
    matrix = classify.confusion_matrix(predicted, targets, classes).double()
    return matrix / matrix.sum(1, keepdim=True)


def confusion_matrix_as_floats(predicted, targets, classes):
    matrix = torch.zeros(classes, classes)
    for p, t in zip(predicted, targets):
        matrix[t, p] += 1
    return matrix


def confusion_matrix_too_small(predicted, targets, classes):
    size = int(max(predicted.max(), targets.max())) + 1
    return classify.confusion_matrix(predicted, targets, size)


def confusion_matrix_of_the_errors_only(predicted, targets, classes):
    wrong = predicted != targets
    return classify.confusion_matrix(predicted[wrong], targets[wrong], classes)


def _confusion_matrix_by_loop(predicted, targets, classes):
    matrix = torch.zeros(classes, classes, dtype=torch.int64)
    for p, t in zip(predicted.tolist(), targets.tolist()):
        matrix[t, p] += 1
    return matrix


CONFUSION_MATRIX = Exercise(
    name="training.confusion_matrix",
    week=1,
    notebook=NOTEBOOK,
    reference=classify.confusion_matrix,
    cases=(
        Case("values", lambda: [torch.tensor([0, 1, 1, 1, 1]), torch.tensor([0, 0, 0, 1, 1]), 2]),
        Case("ten classes", lambda: [torch.randint(0, 10, (60,)), torch.randint(0, 10, (60,)), 10]),
        Case("a class that never occurs", lambda: [torch.tensor([0, 1]), torch.tensor([0, 1]), 3]),
    ),
    mistakes=(
        Mistake(
            confusion_matrix_transposed,
            "rows and columns are swapped: the row is the truth, the column the answer.",
            CONFUSED,
        ),
        Mistake(
            confusion_matrix_of_the_right_only,
            "only right answers are counted: the errors, off the diagonal, are what we want to see.",
            CONFUSED,
        ),
        Mistake(
            confusion_matrix_that_counts_once,
            "matrix[targets, predicted] += 1 adds only once where a pair occurs again: use torch.bincount, or a loop.",
            CONFUSED,
        ),
        Mistake(
            confusion_matrix_as_shares,
            "the rows are divided by their sums: counts are asked for.",
            CONFUSED,
        ),
        Mistake(
            confusion_matrix_as_floats,
            "the counts are floating-point numbers: start from zeros with dtype=torch.int64.",
            CONFUSED,
        ),
        Mistake(
            confusion_matrix_too_small,
            "its size follows from the classes that happen to occur: it is always classes × classes.",
            CONFUSED,
        ),
        Mistake(
            confusion_matrix_of_the_errors_only,
            "only errors are counted: right answers belong on the diagonal.",
            CONFUSED,
        ),
    ),
    hints=(
        "For one example with truth 3 and answer 5: which entry grows by one? What if the pair comes again?",
        "A loop over both does it. Without a loop: turn each pair into the single number truth * classes + answer, and "
        "count those with torch.bincount(…, minlength=classes * classes).",
        "return torch.bincount(targets * classes + predicted, minlength=classes * classes).reshape(classes, classes)",
    ),
    alternatives=(_confusion_matrix_by_loop,),
)

EXERCISES = (MINIBATCHES, CROSS_ENTROPY, TRAIN_EPOCH, ACCURACY, CONFUSION_MATRIX)

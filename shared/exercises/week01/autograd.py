"""`autograd.*`, the parts of a reverse-mode autograd engine: cases, known mistakes, hints."""

import numpy as np

from shared.exercises.spec import Case, Exercise, Mistake
from shared.nn import autograd
from shared.nn.autograd import Value, topological_order, unbroadcast

NOTEBOOK = "week01_mlp/4_explore_autograd.ipynb"
NUDGING = "Slopes by nudging"
STRETCHED = "Broadcasting, backwards"
TIMES = "Times"
MATRICES = "Matrix product"
ORDER = "Who comes first?"
WALK = "The walk back"


def _random(*shapes):
    return [np.random.normal(size=shape) for shape in shapes]


# --- the gradient by nudging -----------------------------------------------------------------------------------------


def sum_of_cubes(x):
    return float((x**3).sum())


def product_of_the_entries(x):
    return float(np.prod(x))


def _numerical(implementation, function, x, *step):
    before = x.copy()
    gradient = implementation(function, x, *step)
    if isinstance(gradient, np.generic):
        gradient = np.asarray(gradient)
    return {"gradient": gradient, "x left as it was": bool(np.allclose(x, before, rtol=1e-12))}


def numerical_gradient_from_one_side(function, x, step=1e-5):
    x = np.asarray(x, dtype=np.float64)
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        nudge = np.zeros_like(x)
        nudge[index] = step
        gradient[index] = (function(x + nudge) - function(x)) / step
    return gradient


def numerical_gradient_over_one_step(function, x, step=1e-5):
    return 2 * autograd.numerical_gradient(function, x, step)


def numerical_gradient_not_divided(function, x, step=1e-5):
    return autograd.numerical_gradient(function, x, step) * (2 * step)


def numerical_gradient_downhill(function, x, step=1e-5):
    return -autograd.numerical_gradient(function, x, step)


def numerical_gradient_of_all_at_once(function, x, step=1e-5):
    x = np.asarray(x, dtype=np.float64)
    return np.full_like(x, (function(x + step) - function(x - step)) / (2 * step))


def numerical_gradient_never_put_back(function, x, step=1e-5):
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        x[index] += step
        up = function(x)
        x[index] -= step
        down = function(x)
        gradient[index] = (up - down) / (2 * step)
        x[index] -= step
    return gradient


def numerical_gradient_in_whole_numbers(function, x, step=1e-5):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        nudge = np.zeros_like(x)
        nudge[index] = step
        gradient[index] = (function(x + nudge) - function(x - nudge)) / (2 * step)
    return gradient


def numerical_gradient_as_a_row(function, x, step=1e-5):
    return autograd.numerical_gradient(function, x, step).ravel()


def numerical_gradient_with_its_own_step(function, x, step=1e-5):
    return autograd.numerical_gradient(function, x, 1e-5)


def _numerical_by_putting_back(function, x, step=1e-5):
    point = np.array(x, dtype=float)
    slopes = []
    for i in range(point.size):
        kept = point.flat[i]
        point.flat[i] = kept + step
        up = function(point)
        point.flat[i] = kept - step
        slopes.append((up - function(point)) / (2 * step))
        point.flat[i] = kept
    return np.array(slopes).reshape(point.shape)


NUMERICAL_GRADIENT = Exercise(
    name="autograd.numerical_gradient",
    week=1,
    notebook=NOTEBOOK,
    reference=autograd.numerical_gradient,
    cases=(
        Case(
            "values",
            lambda: [sum_of_cubes, np.array([1.0, -2.0, 0.5])],
            run=_numerical,
            rtol=1e-3,  # loose, so that what only "both sides" tells apart is shown there, with a large step
            says="each entry must hold (f(x + step) - f(x - step)) / (2 step), with only that entry nudged.",
        ),
        Case("both sides", lambda: [sum_of_cubes, np.array([1.0, 2.0]), 0.5], run=_numerical),
        Case("a matrix", lambda: [product_of_the_entries, *_random((2, 3))], run=_numerical),
        Case("whole numbers", lambda: [sum_of_cubes, np.array([1, 2])], run=_numerical),
    ),
    mistakes=(
        Mistake(
            numerical_gradient_from_one_side,
            "only one side is nudged: (f(x + step) - f(x)) / step is off by about half a step; look to both sides, "
            "(f(x + step) - f(x - step)) / (2 step).",
            NUDGING,
        ),
        Mistake(
            numerical_gradient_over_one_step,
            "everything is twice too large: from x - step to x + step it is two steps, so divide by 2 * step.",
            NUDGING,
        ),
        Mistake(
            numerical_gradient_not_divided,
            "that is how much f changed; the slope is that change divided by the distance, 2 * step.",
            NUDGING,
        ),
        Mistake(
            numerical_gradient_downhill,
            "the sign is flipped: the value at x - step is subtracted from the value at x + step.",
            NUDGING,
        ),
        Mistake(
            numerical_gradient_of_all_at_once,
            "x + step nudges every entry at once, which gives the sum of all slopes: nudge one entry at a time.",
            NUDGING,
        ),
        Mistake(
            numerical_gradient_never_put_back,
            "x itself is changed, and not put back as it was before f is run: nudge a copy, and take x - step from the "
            "old value.",
            NUDGING,
        ),
        Mistake(
            numerical_gradient_in_whole_numbers,
            "an array of whole numbers cannot hold 0.00001, which becomes 0: turn x into float64 first.",
            NUDGING,
        ),
        Mistake(
            numerical_gradient_as_a_row,
            "the gradient must have the shape of x, also when x is a matrix; this one is flat.",
            NUDGING,
        ),
        Mistake(
            numerical_gradient_with_its_own_step,
            "the argument step is not used: the stride must be the caller's.",
            NUDGING,
        ),
    ),
    hints=(
        "The gradient asks about one entry at a time. What do you add to x so that only that entry moves?",
        "For each index of np.ndindex(x.shape), make an array of zeros with step at that index. Run the function at x "
        "plus and x minus that array.",
        "gradient[index] = (function(x + nudge) - function(x - nudge)) / (2 * step), with x as float64.",
    ),
    alternatives=(_numerical_by_putting_back,),
)


# --- unbroadcast -----------------------------------------------------------------------------------------------------


def unbroadcast_not_at_all(grad, shape):
    return grad


def unbroadcast_by_the_mean(grad, shape):
    return unbroadcast(grad, shape) * (np.prod(shape) / grad.size)


def unbroadcast_in_front_only(grad, shape):
    while grad.ndim > len(shape):
        grad = grad.sum(axis=0)
    return grad


def unbroadcast_stretched_only(grad, shape):
    for axis, size in enumerate(shape):
        if size == 1:
            grad = grad.sum(axis=axis, keepdims=True)
    return grad


def unbroadcast_that_drops_the_ones(grad, shape):
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    return grad.sum(axis=tuple(axis for axis, size in enumerate(shape) if size == 1))


def unbroadcast_by_the_first(grad, shape):
    grad = grad[(0,) * (grad.ndim - len(shape))]
    return grad[tuple(slice(0, size) for size in shape)]


def unbroadcast_from_the_left(grad, shape):
    while grad.ndim > len(shape):
        grad = grad.sum(axis=-1)
    for axis, size in enumerate(shape):
        if size == 1:
            grad = grad.sum(axis=axis, keepdims=True)
    return grad


def unbroadcast_everything(grad, shape):
    return grad if grad.shape == tuple(shape) else np.full(shape, grad.sum())


def _unbroadcast_step_by_step(grad, shape):
    while grad.ndim > len(shape):
        grad = grad.sum(axis=0)
    for axis, size in enumerate(shape):
        if size == 1 and grad.shape[axis] > 1:
            grad = grad.sum(axis=axis, keepdims=True)
    return grad


def _unbroadcast_by_reshaping(grad, shape):
    padded = (1,) * (grad.ndim - len(shape)) + tuple(shape)
    axes = tuple(i for i, (a, b) in enumerate(zip(grad.shape, padded)) if a != b)
    return np.asarray(grad.sum(axis=axes)).reshape(shape)


UNBROADCAST = Exercise(
    name="autograd.unbroadcast",
    week=1,
    notebook=NOTEBOOK,
    reference=autograd.unbroadcast,
    cases=(
        # Square first: there a sum over the wrong axis gives wrong numbers instead of a wrong shape.
        Case("values", lambda: [np.array([[1.0, 2.0], [3.0, 4.0]]), (2,)]),
        Case("axes in front", lambda: [*_random((3, 2)), (2,)]),
        Case("stretched axes", lambda: [np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), (3, 1)]),
        Case("stretched axes", lambda: [*_random((3, 2)), (1, 2)]),
        Case("nothing to undo", lambda: [*_random((3, 2)), (3, 2)]),
        Case("a single number", lambda: [*_random((3, 2)), ()]),
        Case("both at once", lambda: [*_random((5, 4, 3)), (4, 1)]),
    ),
    mistakes=(
        Mistake(
            unbroadcast_not_at_all,
            "the gradient comes back as it went in: where shape is smaller, the uses of each entry must be added up.",
            STRETCHED,
        ),
        Mistake(
            unbroadcast_by_the_mean,
            "that is the mean over the uses: blames add up, so take the sum.",
            STRETCHED,
        ),
        Mistake(
            unbroadcast_in_front_only,
            "axes that were put in front are summed, but not those that were stretched from 1: sum these too, with "
            "keepdims=True.",
            STRETCHED,
        ),
        Mistake(
            unbroadcast_stretched_only,
            "axes that were stretched from 1 are summed, but not those that broadcasting put in front: sum the first "
            "grad.ndim - len(shape) axes before.",
            STRETCHED,
        ),
        Mistake(
            unbroadcast_that_drops_the_ones,
            "an axis of size 1 has vanished: sum a stretched axis with keepdims=True, so that it stays as 1.",
            STRETCHED,
        ),
        Mistake(
            unbroadcast_by_the_first,
            "only the first use of each entry counts: sum over the axis instead of taking its first entry.",
            STRETCHED,
        ),
        Mistake(
            unbroadcast_from_the_left,
            "shapes are lined up from the left: broadcasting lines them up from the right, so the surplus axes are the "
            "first ones.",
            STRETCHED,
        ),
        Mistake(
            unbroadcast_everything,
            "everything is added into one number: sum only the axes along which that entry was repeated.",
            STRETCHED,
        ),
    ),
    hints=(
        "A bias of shape (2,) was added to 3 rows. How many numbers of the result does its first entry feed?",
        "First sum the axes that broadcasting put in front (grad.ndim - len(shape) of them). Then sum, with "
        "keepdims=True, every axis whose size in shape is 1.",
        "grad = grad.sum(axis=tuple(range(grad.ndim - len(shape)))), then the same over the axes where shape has a 1.",
    ),
    alternatives=(_unbroadcast_step_by_step, _unbroadcast_by_reshaping),
)


# --- the rule of a product -------------------------------------------------------------------------------------------


def multiply_backward_by_its_own_factor(grad, a, b):
    return unbroadcast(grad * a, a.shape), unbroadcast(grad * b, b.shape)


def multiply_backward_without_grad(grad, a, b):
    return b, a


def multiply_backward_without_unbroadcast(grad, a, b):
    return grad * b, grad * a


def multiply_backward_summed_too_early(grad, a, b):
    return unbroadcast(grad, a.shape) * b, unbroadcast(grad, b.shape) * a


def multiply_backward_like_a_sum(grad, a, b):
    return unbroadcast(grad, a.shape), unbroadcast(grad, b.shape)


def multiply_backward_with_the_shapes_swapped(grad, a, b):
    return unbroadcast(grad * b, b.shape), unbroadcast(grad * a, a.shape)


def multiply_backward_by_both(grad, a, b):
    return unbroadcast(grad * a * b, a.shape), unbroadcast(grad * a * b, b.shape)


def multiply_backward_for_the_first_only(grad, a, b):
    return unbroadcast(grad * b, a.shape)


def _multiply_backward_in_steps(grad, a, b):
    grads = []
    for own, other in ((a, b), (b, a)):
        grads.append(unbroadcast(grad * other, own.shape))
    return grads


MULTIPLY_BACKWARD = Exercise(
    name="autograd.multiply_backward",
    week=1,
    notebook=NOTEBOOK,
    reference=autograd.multiply_backward,
    cases=(
        Case("values", lambda: [np.array([10.0, 1.0]), np.array([2.0, 3.0]), np.array([5.0, 7.0])]),
        Case("same shapes", lambda: _random((2, 3), (2, 3), (2, 3))),
        Case("a row", lambda: _random((3, 2), (3, 2), (2,))),
        Case("a column", lambda: _random((3, 2), (3, 1), (3, 2))),
        Case("a single number", lambda: _random((3, 2), (3, 2), ())),
        Case("both stretched", lambda: _random((3, 2), (3, 1), (2,))),
    ),
    mistakes=(
        Mistake(
            multiply_backward_by_its_own_factor,
            "each factor got the gradient times itself: a grows the product by b, so a gets grad * b, and b gets "
            "grad * a.",
            TIMES,
        ),
        Mistake(
            multiply_backward_without_grad,
            "these are the local slopes alone: multiply them by grad, the blame of the product (the chain rule), and "
            "unbroadcast the result.",
            TIMES,
        ),
        Mistake(
            multiply_backward_without_unbroadcast,
            "where a or b was stretched, its gradient has the product's shape: unbroadcast it to the shape of a or b.",
            TIMES,
        ),
        Mistake(
            multiply_backward_summed_too_early,
            "the gradient is summed before it is multiplied: multiply first, unbroadcast then, since each use has its "
            "own factor.",
            TIMES,
        ),
        Mistake(
            multiply_backward_like_a_sum,
            "that is the rule for a + b; in a product each factor's gradient is multiplied by the other factor.",
            TIMES,
        ),
        Mistake(
            multiply_backward_with_the_shapes_swapped,
            "the shapes are swapped: grad * b is a's gradient and gets a's shape, grad * a is b's and gets b's shape.",
            TIMES,
        ),
        Mistake(
            multiply_backward_by_both,
            "the gradient is multiplied by both factors: a gets grad times b only, and b gets grad times a only.",
            TIMES,
        ),
        Mistake(
            multiply_backward_for_the_first_only,
            "only a's gradient is returned: return two, that of a and that of b.",
            TIMES,
        ),
    ),
    hints=(
        "With b = 5, by how much does a * b grow when a grows by 1? And the loss, when it grows by grad for each unit?",
        "Each factor gets grad times the other factor. Then mind the shapes: which of your tools undoes broadcasting?",
        "return unbroadcast(grad * b, a.shape), and the same for b with a in the place of b.",
    ),
    alternatives=(_multiply_backward_in_steps,),
)


# --- the rule of a matrix product ------------------------------------------------------------------------------------


def matmul_backward_without_transpose(grad, a, b):
    return grad @ b, a @ grad


def matmul_backward_in_the_wrong_order(grad, a, b):
    return b.T @ grad, grad @ a.T


def matmul_backward_entry_by_entry(grad, a, b):
    return grad * b, grad * a


def matmul_backward_with_the_answers_swapped(grad, a, b):
    return a.T @ grad, grad @ b.T


def matmul_backward_transposed(grad, a, b):
    return b @ grad.T, grad.T @ a


def matmul_backward_without_grad(grad, a, b):
    return b.T, a.T


def matmul_backward_by_its_own_matrix(grad, a, b):
    return grad @ a.T, b.T @ grad


def matmul_backward_averaged(grad, a, b):
    return grad @ b.T, a.T @ grad / len(a)


def _matmul_backward_by_einsum(grad, a, b):
    return np.einsum("nm,km->nk", grad, b), np.einsum("nk,nm->km", a, grad)


def _matmul_backward_by_transposes(grad, a, b):
    return (b @ grad.T).T, (grad.T @ a).T


MATMUL_BACKWARD = Exercise(
    name="autograd.matmul_backward",
    week=1,
    notebook=NOTEBOOK,
    reference=autograd.matmul_backward,
    cases=(
        # Square first: there a forgotten transpose gives wrong numbers instead of an error about shapes.
        Case(
            "values",
            lambda: [
                np.array([[1.0, 0.0], [0.0, 2.0]]),
                np.array([[1.0, 2.0], [3.0, 4.0]]),
                np.array([[5.0, 6.0], [7.0, 8.0]]),
            ],
        ),
        Case("square matrices", lambda: _random((3, 3), (3, 3), (3, 3))),
        Case("any shapes", lambda: _random((4, 2), (4, 3), (3, 2))),
        Case("one row", lambda: _random((1, 2), (1, 3), (3, 2))),
    ),
    mistakes=(
        Mistake(
            matmul_backward_without_transpose,
            "the transposes are missing: a's gradient is grad @ b.T, and b's is a.T @ grad.",
            MATRICES,
        ),
        Mistake(
            matmul_backward_in_the_wrong_order,
            "the factors stand in the wrong order: grad takes the place of the product, so it is grad @ b.T for a, and "
            "a.T @ grad for b.",
            MATRICES,
        ),
        Mistake(
            matmul_backward_entry_by_entry,
            "* multiplies entry by entry; a matrix product goes back by matrix products (@), with a transpose.",
            MATRICES,
        ),
        Mistake(
            matmul_backward_with_the_answers_swapped,
            "both are right, in the wrong order: return a's gradient first, then b's.",
            MATRICES,
        ),
        Mistake(
            matmul_backward_transposed,
            "both gradients come out transposed: each must have the shape of its own matrix.",
            MATRICES,
        ),
        Mistake(
            matmul_backward_without_grad,
            "grad is not used: these are the local slopes, and the chain rule multiplies them by grad.",
            MATRICES,
        ),
        Mistake(
            matmul_backward_by_its_own_matrix,
            "each matrix got its own numbers back: a's gradient is made of grad and b, b's of a and grad.",
            MATRICES,
        ),
        Mistake(
            matmul_backward_averaged,
            "b's gradient is divided by the number of rows: the mean belongs to the loss, which has put it into grad; "
            "here blames are summed.",
            MATRICES,
        ),
    ),
    hints=(
        "Write the shapes down: a (n, k), b (k, m), grad (n, m). Which product of grad and b has the shape of a?",
        "An entry of a meets one row of b, and feeds a whole row of the result: its blame is that row of grad times "
        "that row of b, summed.",
        "return grad @ b.T, a.T @ grad",
    ),
    alternatives=(_matmul_backward_by_einsum, _matmul_backward_by_transposes),
)


# --- parents first ---------------------------------------------------------------------------------------------------


def _made_of(parents_of, equal_numbers=False):
    """The Values of a graph by name, from {name: names of its parents}, parents before children."""
    nodes = {}
    for i, (name, parents) in enumerate(parents_of.items()):
        nodes[name] = Value(1.0 if equal_numbers else i, [nodes[p] for p in parents])
    return nodes


def _in_order(implementation, parents_of, equal_numbers=False):
    """What must hold of any right order: every Value once, its parents before it, the output at the end."""
    nodes = _made_of(parents_of, equal_numbers)
    name_of = {node: name for name, node in nodes.items()}
    order = implementation(list(nodes.values())[-1])
    if order is None:
        return None
    names = [name_of[node] for node in order]
    late = [
        f"{parent} after {child}"
        for child, parents in parents_of.items()
        for parent in parents
        if {parent, child} <= set(names) and names.index(parent) > names.index(child)
    ]
    return {"each once": sorted(names), "parents that come late": sorted(late)}


def _long_chain(implementation, length):
    nodes = [Value(0.0)]
    for _ in range(length - 1):
        nodes.append(Value(0.0, [nodes[-1]]))
    try:
        order = implementation(nodes[-1])
    except RecursionError:  # its message differs with the place where the depth was reached
        raise RecursionError("too many calls inside each other") from None
    return None if order is None else {"length": len(list(order))}


def _depth_first(output, seen, order):
    seen.add(output)
    for parent in output.parents:
        if parent not in seen:
            _depth_first(parent, seen, order)
    order.append(output)


def topological_order_by_recursion(output):
    order = []
    _depth_first(output, set(), order)
    return order


def topological_order_with_repeats(output):
    order, stack = [], [output]
    while stack:
        node = stack.pop()
        order.append(node)
        stack.extend(node.parents)
    return order[::-1]


def topological_order_from_the_output(output):
    return topological_order(output)[::-1]


def topological_order_as_met(output):
    order, seen, stack = [], set(), [output]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            order.append(node)
            stack.extend(node.parents)
    return order


def topological_order_level_by_level(output):
    order, seen = [output], {output}
    for node in order:
        for parent in node.parents:
            if parent not in seen:
                seen.add(parent)
                order.append(parent)
    return order[::-1]


def topological_order_of_the_parents_only(output):
    return [*dict.fromkeys(output.parents), output]


def topological_order_without_the_output(output):
    return topological_order(output)[:-1]


def topological_order_without_the_leaves(output):
    return [node for node in topological_order(output) if node.parents]


def topological_order_by_their_numbers(output):
    order, seen = [], set()
    for node in topological_order(output):
        number = float(node.data)
        if number not in seen:
            seen.add(number)
            order.append(node)
    return order


def _topological_order_by_counting(output):
    """Kahn's algorithm: a Value is placed when all that was made of it is placed; then turned round."""
    uses, stack, reached = {}, [output], {output}
    while stack:
        for parent in stack.pop().parents:
            uses[parent] = uses.get(parent, 0) + 1
            if parent not in reached:
                reached.add(parent)
                stack.append(parent)
    order, ready = [], [output]
    while ready:
        node = ready.pop()
        order.append(node)
        for parent in node.parents:
            uses[parent] -= 1
            if uses[parent] == 0:
                ready.append(parent)
    return order[::-1]


TOPOLOGICAL_ORDER = Exercise(
    name="autograd.topological_order",
    week=1,
    notebook=NOTEBOOK,
    reference=autograd.topological_order,
    cases=(
        Case("a leaf", lambda: [{"x": ()}], run=_in_order),
        Case("a chain", lambda: [{"x": (), "y": ("x",), "loss": ("y",)}], run=_in_order),
        Case(
            "two uses of one Value",
            lambda: [{"x": (), "y": (), "p": ("x", "y"), "s": ("p", "x"), "loss": ("s",)}],
            run=_in_order,
            says="every Value must stand in the list once, after all its parents.",
        ),
        Case("x · x", lambda: [{"x": (), "loss": ("x", "x")}], run=_in_order),
        Case(
            "long and short paths",
            lambda: [{"x": (), "a": ("x",), "b": ("a",), "c": ("b", "x"), "loss": ("c", "a")}],
            run=_in_order,
        ),
        Case(
            "equal numbers",
            lambda: [{"x": (), "y": (), "loss": ("x", "y")}, True],
            run=_in_order,
        ),
        Case("5,000 in a row", lambda: [5000], run=_long_chain),
    ),
    mistakes=(
        Mistake(
            topological_order_by_recursion,
            "right on small graphs, but Python allows only about 1,000 nested calls, and this one calls itself once "
            "for each operation in a row: keep a stack (a list) of your own.",
            ORDER,
        ),
        Mistake(
            topological_order_with_repeats,
            "a Value that was used twice stands in the list twice: remember in a set which ones you have seen.",
            ORDER,
        ),
        Mistake(
            topological_order_from_the_output,
            "the order is turned round: parents come before what was made of them, the output comes last.",
            ORDER,
        ),
        Mistake(
            topological_order_as_met,
            "a Value is written down when it is met, before its parents: it may be written down only when all its "
            "parents are.",
            ORDER,
        ),
        Mistake(
            topological_order_level_by_level,
            "level by level, a Value with one short and one long path to the output comes too late for the long one: "
            "go deep first, and place a Value after its parents.",
            ORDER,
        ),
        Mistake(
            topological_order_of_the_parents_only,
            "only the output's own parents are there: their parents belong in the list too, down to the leaves.",
            ORDER,
        ),
        Mistake(
            topological_order_without_the_output, "the output itself is missing at the end.", ORDER
        ),
        Mistake(
            topological_order_without_the_leaves,
            "the leaves are missing: a Value without parents belongs in the list too; its gradient is the one we want.",
            ORDER,
        ),
        Mistake(
            topological_order_by_their_numbers,
            "two different Values that hold the same number are taken for one: ask whether this very Value was seen "
            "(`node in seen`), not its data.",
            ORDER,
        ),
    ),
    hints=(
        "On paper, for L = s², s = p + x, p = x · y: when may you write s down? What must be written before?",
        "Keep a list as a stack of pairs (Value, parents are placed?). When a Value comes up for the first time, push "
        "it again with True, and its parents on top with False. When it comes up with True, append it.",
        "if placed: order.append(node), elif node not in seen: seen.add(node), stack.append((node, True)), then "
        "stack.extend((parent, False) for parent in node.parents).",
    ),
    alternatives=(_topological_order_by_counting,),
)


# --- the walk back ---------------------------------------------------------------------------------------------------


def _product(x, y):
    return x * y


def _two_paths(x, y):
    return (x * y + x) ** 2


def _three_uses(x, y):
    return x * x * x


def _layer(x, y):
    return ((x @ y).tanh() + x * x).sum()


def _long_sum(x, y):
    for _ in range(2000):
        y = y + x
    return y


EXPRESSIONS = {
    "x * y": _product,
    "(x * y + x) ** 2": _two_paths,
    "x * x * x": _three_uses,
    "(tanh(x @ y) + x * x).sum()": _layer,
    "y + x + x + …, 2,000 times x": _long_sum,
}


def _walked(implementation, given, walks=1):
    """The gradients after the walk; `given` is {"loss": expression, "x": number or array, "y": …}.

    More walks go through new graphs on the same leaves, as in training: the last must not remember those before.
    """
    leaves = {name: Value(given[name]) for name in ("x", "y")}
    for _ in range(walks):
        output = EXPRESSIONS[given["loss"]](**leaves)
        implementation(output)
    nodes = leaves | {"the loss itself": output}
    # A single number as a number: it reads better than an array without axes.
    return {n: v.grad if np.ndim(v.grad) else float(v.grad) for n, v in nodes.items()}


def _walk(output, order, clear=True, add=True, seed=np.ones_like, handed_on=lambda node: node.grad):
    """`backward` with one thing wrong."""
    for node in order:
        if clear:
            node.grad = np.zeros_like(node.data)
    output.grad = seed(output.data)
    for node in reversed(order):
        if node.grad_fn is not None:
            for parent, blame in zip(node.parents, node.grad_fn(handed_on(node))):
                parent.grad = parent.grad + blame if add else blame


def backward_that_overwrites(output):
    _walk(output, topological_order(output), add=False)


def backward_without_a_start(output):
    _walk(output, topological_order(output), seed=np.zeros_like)


def backward_that_starts_with_the_loss(output):
    _walk(output, topological_order(output), seed=np.copy)


def backward_from_the_leaves(output):
    _walk(output, topological_order(output)[::-1])


def backward_that_remembers(output):
    _walk(output, topological_order(output), clear=False)


def backward_that_asks_the_leaves(output):
    order = topological_order(output)
    for node in order:
        node.grad = np.zeros_like(node.data)
    output.grad = np.ones_like(output.data)
    for node in reversed(order):
        for parent, blame in zip(node.parents, node.grad_fn(node.grad)):
            parent.grad = parent.grad + blame


def backward_with_data_for_grad(output):
    _walk(output, topological_order(output), handed_on=lambda node: node.data)


def backward_to_the_first_parent(output):
    order = topological_order(output)
    for node in order:
        node.grad = np.zeros_like(node.data)
    output.grad = np.ones_like(output.data)
    for node in reversed(order):
        if node.grad_fn is not None:
            first = node.parents[0]
            first.grad = first.grad + node.grad_fn(node.grad)[0]


def _backward_with_a_table(output):
    table = {output: np.ones_like(output.data)}
    for node in topological_order(output)[::-1]:
        node.grad = table[node]
        if node.parents:
            for parent, blame in zip(node.parents, node.grad_fn(node.grad)):
                table[parent] = table.get(parent, 0) + blame


def _given(loss, x, y):
    return lambda: [{"loss": loss, "x": x, "y": y}]


def _given_arrays():
    x, y = _random((2, 2), (2, 2))
    return [{"loss": "(tanh(x @ y) + x * x).sum()", "x": x, "y": y}]


BACKWARD = Exercise(
    name="autograd.backward",
    week=1,
    notebook=NOTEBOOK,
    reference=autograd.backward,
    cases=(
        Case(
            "a product",
            _given("x * y", 3.0, 4.0),
            run=_walked,
            says="after the call each grad must hold the derivative of the loss by that Value, the loss's own being 1.",
        ),
        Case("two paths", _given("(x * y + x) ** 2", 3.0, 4.0), run=_walked),
        Case("one Value used often", _given("x * x * x", 2.0, 1.0), run=_walked),
        Case(
            "a second walk",
            _given("(x * y + x) ** 2", 3.0, 4.0),
            run=lambda implementation, given: _walked(implementation, given, walks=2),
        ),
        Case("arrays", _given_arrays, run=_walked),
        Case("2,000 in a row", _given("y + x + x + …, 2,000 times x", 1.0, 0.0), run=_walked),
    ),
    mistakes=(
        Mistake(
            backward_that_overwrites,
            "a parent's grad is set, so that its last use wipes out the others: add each blame to what is there (+=).",
            WALK,
        ),
        Mistake(
            backward_without_a_start,
            "the walk starts with 0, and 0 times any slope is 0: the output's own grad must be 1 before it begins.",
            WALK,
        ),
        Mistake(
            backward_that_starts_with_the_loss,
            "the walk starts with the loss itself: the derivative of the loss by the loss is 1, whatever its size.",
            WALK,
        ),
        Mistake(
            backward_from_the_leaves,
            "only the output's own parents get a gradient: go through all of topological_order(output), and since it "
            "gives parents first, in reverse.",
            WALK,
        ),
        Mistake(
            backward_that_remembers,
            "the grads of the last walk are still there and are added to: set every grad in the graph to 0 first.",
            WALK,
        ),
        Mistake(
            backward_that_asks_the_leaves,
            "a leaf has no grad_fn (it is None, and cannot be called): skip Values without one.",
            WALK,
        ),
        Mistake(
            backward_with_data_for_grad,
            "grad_fn is given the node's data: it wants the node's grad, the blame that is to be passed on.",
            WALK,
        ),
        Mistake(
            backward_to_the_first_parent,
            "only the first parent is blamed: grad_fn gives one gradient for each parent, so zip the two.",
            WALK,
        ),
    ),
    hints=(
        "What is the derivative of the loss by itself? And what if a Value gets blame from two children?",
        "Set all grads to zeros, the output's to ones. Go through the order in reverse; ask each node that has a "
        "grad_fn for its parents' gradients, and add each to that parent's grad.",
        "for parent, blame in zip(node.parents, node.grad_fn(node.grad)): parent.grad = parent.grad + blame",
    ),
    alternatives=(_backward_with_a_table,),
)

EXERCISES = (
    NUMERICAL_GRADIENT,
    UNBROADCAST,
    MULTIPLY_BACKWARD,
    MATMUL_BACKWARD,
    TOPOLOGICAL_ORDER,
    BACKWARD,
)

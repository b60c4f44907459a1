"""`@exercise` in a notebook's shell: what each kind of answer is met with, and what is left under its name."""

import builtins
import dataclasses
import signal
import sys
import threading
import time

import pytest
import torch

from conftest import SIGMOID, Notebook
from shared.exercises import find
from shared.lab import exercise, hint, part, solution
from shared.nn import mlp

HEAD = '@exercise("mlp.sigmoid")\ndef sigmoid(x, derivative=False):\n'
RIGHT = (
    "    value = 1 / (1 + torch.exp(-x))\n    return value * (1 - value) if derivative else value\n"
)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check gives up after 0.4 s instead of 5."""
    spec = dataclasses.replace(find("mlp.sigmoid"), seconds=0.4)
    # By its module: `shared.lab.exercise` is also the function of that name.
    monkeypatch.setattr(sys.modules["shared.lab.exercise"], "find", lambda name: spec)


def assert_reference_stands_in(notebook: Notebook) -> None:
    assert notebook.names["sigmoid"] is mlp.sigmoid


# --- the three outcomes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        '    """Only a docstring."""\n',
        "    ...  # your code\n",
        "    pass\n",
        "    raise NotImplementedError\n",
        '    raise NotImplementedError("your code")\n',
    ],
)
def test_stub_is_not_attempted(notebook: Notebook, body: str) -> None:
    shown = notebook.run(HEAD + body)
    assert shown.strip() == "○ mlp.sigmoid: not attempted; the reference stands in."
    assert_reference_stands_in(notebook)
    assert notebook.kept() is None


def test_stub_of_a_class(notebook: Notebook) -> None:
    cell = (
        '@exercise("mlp.MLP")\nclass MLP(nn.Module):\n    """Layers."""\n\n'
        "    def __init__(self, sizes, activation=None):\n        super().__init__()\n        ...\n\n"
        "    def forward(self, x):\n        ...\n"
    )
    assert "○ mlp.MLP: not attempted" in notebook.run(cell)
    assert notebook.names["MLP"] is mlp.MLP


def test_right_answer_is_kept(notebook: Notebook) -> None:
    shown = notebook.run(SIGMOID)
    assert shown.startswith("✓ mlp.sigmoid: right. Checked: values, derivative, gradients")
    assert "Kept in `my_work/mlp/sigmoid.py`" in " ".join(shown.split())
    assert notebook.names["sigmoid"].__module__ == "__main__"
    assert "value = 1 / (1 + torch.exp(-x))" in notebook.kept()


def test_wrong_answer_is_diagnosed(notebook: Notebook) -> None:
    shown = notebook.run(HEAD + RIGHT.replace("exp(-x)", "exp(x)"))
    assert shown.startswith("✗ mlp.sigmoid: e^x stands where e^-x belongs")
    assert "input     x = [-1, 0, 2]" in shown
    assert "yours     [0.7311, 0.5, 0.1192]" in shown
    assert "expected  [0.2689, 0.5, 0.8808]" in shown
    assert "Read again: “Squashing a number”" in shown
    assert "until it passes, the reference stands in" in " ".join(shown.split())
    assert_reference_stands_in(notebook)
    assert notebook.kept() is None


def test_last_passing_answer_stands_in_for_a_wrong_one(notebook: Notebook) -> None:
    notebook.run(SIGMOID)
    kept = notebook.kept()
    shown = notebook.run(HEAD + "    return x\n")
    assert "your last passing version stands in" in " ".join(shown.split())
    assert notebook.names["sigmoid"] is not mlp.sigmoid
    assert notebook.names["sigmoid"](torch.zeros(1)).item() == 0.5
    assert notebook.kept() == kept


def test_a_line_still_open_is_not_finished(notebook: Notebook) -> None:
    shown = notebook.run(HEAD + "    value = ...\n    return value\n")
    assert "○ mlp.sigmoid: not finished: line 3 of the cell is still `...`" in shown
    assert_reference_stands_in(notebook)


# --- cells that cannot be defined -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "line", "says"),
    [
        (HEAD + "    return x.exp(\n", 3, "'(' was never closed"),
        (HEAD.replace(":\n", "\n") + "    return x\n", 2, "expected ':'"),
        (HEAD + "  return x\n    return x\n", 4, "unindent does not match|unexpected indent"),
        (HEAD + "return x\n", 3, "expected an indented block"),
        (HEAD + "    return x\nreturn 3\n", 4, "'return' outside function"),
        (HEAD.replace("derivative=False", "x") + "    return x\n", 2, "duplicate argument"),
    ],
)
def test_syntax_error(notebook: Notebook, cell: str, line: int, says: str) -> None:
    shown = " ".join(notebook.run(cell).split())
    assert shown.startswith("✗ mlp.sigmoid: ")
    assert f"in line {line} of the cell" in shown
    assert any(words in shown for words in says.split("|")), shown
    assert_reference_stands_in(notebook)


def test_syntax_error_with_a_helper_below(notebook: Notebook) -> None:
    """The reference goes under the exercise's name, not under the next function's."""
    notebook.run(
        '@exercise("mlp.sigmoid")\ndf sigmoid(x):\n    return x\n\ndef helper():\n    pass\n'
    )
    assert_reference_stands_in(notebook)
    assert "helper" not in notebook.names


def test_syntax_error_before_exercise_was_imported(notebook: Notebook) -> None:
    del notebook.names["exercise"]
    assert "✗ mlp.sigmoid: SyntaxError" in notebook.run(HEAD + "    return (\n")
    assert_reference_stands_in(notebook)
    shown = notebook.run(SIGMOID)
    assert "NameError in line 1 of the cell: name 'exercise' is not defined" in " ".join(
        shown.split()
    )


def test_error_while_defining(notebook: Notebook) -> None:
    shown = notebook.run(
        '@exercise("mlp.MLP")\nclass MLP(nn.Modul):\n    def forward(self, x):\n        return x\n'
    )
    shown = " ".join(shown.split())
    assert "✗ mlp.MLP: AttributeError in line 2 of the cell" in shown
    assert "has no attribute 'Modul'" in shown
    assert "line class MLP(nn.Modul):" in shown
    assert notebook.names["MLP"] is mlp.MLP


def test_error_inside_a_class_body_names_the_inner_line(notebook: Notebook) -> None:
    shown = notebook.run(
        '@exercise("mlp.MLP")\nclass MLP(nn.Module):\n    size = 1\n    half = size / 0\n'
    )
    assert "ZeroDivisionError in line 4 of the cell" in shown


def test_exit_while_defining(notebook: Notebook) -> None:
    shown = notebook.run('@exercise("mlp.MLP")\nclass MLP(nn.Module):\n    sys.exit()\n')
    assert "✗ mlp.MLP: SystemExit in line 3" in shown


def test_unknown_exercise_names_its_neighbours(notebook: Notebook) -> None:
    error = notebook.fails('@exercise("mlp.sigmod")\ndef sigmod(x):\n    return x\n')
    assert isinstance(error, ValueError)
    assert "There is no exercise 'mlp.sigmod'. Did you mean 'mlp.sigmoid'" in str(error)
    assert error.__suppress_context__, "the same sentence would be shown twice"


def test_a_cell_may_await(notebook: Notebook) -> None:
    assert "✓" in notebook.run(SIGMOID + "import asyncio\nawait asyncio.sleep(0)\n")


# --- answers that misbehave -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "    while True: pass\n",
        "    while True:\n        try: x = x + 1\n        except Exception: pass\n",
        "    while True:\n        try: x = x + 1\n        except BaseException: pass\n",
        "    while True: print(x)\n",
        "    time.sleep(1.5)\n",
    ],
)
def test_time_limit(notebook: Notebook, impatient: None, body: str) -> None:
    started = time.monotonic()
    shown = " ".join(notebook.run(HEAD + body).split())
    assert time.monotonic() - started < 3
    assert "✗ mlp.sigmoid: it was still running after 0.4 s" in shown
    assert "is there a loop whose condition never becomes false?" in shown
    assert "input x = [-1, 0, 2]" in shown
    assert len(shown) < 800
    assert_reference_stands_in(notebook)


def test_thread_left_behind_is_heard_no_more(notebook: Notebook, impatient: None) -> None:
    """It sleeps through every attempt to stop it, and prints when it wakes: later checks and cells do not notice."""
    before = torch.get_rng_state()
    sleeper = (
        "    torch.rand(1)\n"
        "    try: time.sleep(1.3)\n"
        "    finally: woken.append(1); print('still here'); print('and here', file=sys.stderr)\n"
    )
    notebook.run("woken = []")
    shown = " ".join(notebook.run(HEAD + sleeper).split())
    assert "could not be stopped (restart the kernel if the computer stays busy)" in shown
    assert torch.equal(before, torch.get_rng_state()), "what it drew in its time is undone"
    shown = notebook.run(SIGMOID + "time.sleep(0.7)\nprint('a cell of its own')\n")
    assert notebook.names["woken"] == [1]
    assert "✓ mlp.sigmoid: right" in shown
    assert "a cell of its own" in shown
    assert "here" not in shown


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("    x.exp()\n", "the output is None: is a return missing?"),
        ("    return 0.5\n", "the output is a float, and a Tensor is expected."),
        ("    return x.numpy()\n", "the output is a ndarray, and a Tensor is expected."),
        ("    return torch.zeros(2)\n", "the output has the shape (2,), and (3,) is expected."),
        ("    return torch.sigmoid(x).double()\n", "has the dtype torch.float64, and torch.float32 is"),
        ("    return x * float('nan')\n", "holds nan or inf where it must be a finite number."),
        ("    return torch.sigmoid(x).to_sparse()\n", "is stored as torch.sparse_coo"),
        ("    return [v for v in torch.sigmoid(x)]\n", "the output is a list, and a Tensor is expected."),
        ("    return print\n", "the output is a builtin_function_or_method, and a Tensor"),
        ("    return unknown(x)\n", "a name that is not defined: name 'unknown' is not defined"),
        ("    return x @ x @ x\n", "it raises RuntimeError:"),
        ("    sys.exit(1)\n", "it ends the program (exit, or sys.exit): use return."),
        ("    raise SystemExit\n", "it ends the program"),
        ("    raise KeyboardInterrupt\n", "it raises KeyboardInterrupt"),
        ("    return (lambda f: f(f))(lambda f: f(f))\n", "it calls itself without end"),
        ("    return torch.empty(10**13)\n", "it asks for more memory than there is"),
        ("    return [0] * 10**15\n", "it asks for more memory than there is"),
        ("    assert False, 'mine'\n", "it raises AssertionError: mine"),
        ("    raise Odd\n", "it raises Odd"),
    ],
)  # fmt: skip
def test_wrong_kinds_of_answer(notebook: Notebook, body: str, says: str) -> None:
    notebook.run("class Odd(Exception):\n    def __str__(self):\n        raise ValueError\n")
    shown = " ".join(notebook.run(HEAD + body).split())
    assert shown.startswith("✗ mlp.sigmoid: ")
    assert says in shown
    assert "expected [0.2689, 0.5, 0.8808]" in shown or "expected torch.strided" in shown
    assert_reference_stands_in(notebook)


def test_the_learners_line_is_shown(notebook: Notebook) -> None:
    assert "(at: return x @ x @ x)" in " ".join(
        notebook.run(HEAD + "    return x @ x @ x\n").split()
    )


def test_prints_are_caught_and_shown_shortly(notebook: Notebook) -> None:
    noisy = RIGHT.replace(
        "    value", "    print('looking', 7); print('there', file=sys.stderr)\n    value", 1
    )
    shown = notebook.run(HEAD + noisy)
    assert "✓" in shown
    assert "printed   looking 7 there" in shown
    assert len(shown.splitlines()) < 8
    assert notebook.run("sigmoid(torch.zeros(1))").startswith("looking 7"), (
        "later it prints as always"
    )


def test_change_in_place(notebook: Notebook) -> None:
    shown = notebook.run(
        HEAD + "    value = torch.sigmoid(x)\n    x.zero_()\n"
        "    return value * (1 - value) if derivative else value\n"
    )
    shown = " ".join(shown.split())
    assert "it changes its input x in place: work on a new tensor" in shown
    assert "input x = [-1, 0, 2]" in shown


def test_interrupt_stops_the_check_and_is_raised(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only once the learner's code runs: before that, on a busy machine, IPython's own hooks would swallow it.
    running = threading.Event()
    monkeypatch.setattr(builtins, "running", running, raising=False)

    def press_stop() -> None:
        running.wait(60)
        time.sleep(0.2)
        # The signal arrives in the main thread, as from the stop button.
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=press_stop, daemon=True).start()
    error = notebook.fails(HEAD + "    running.set()\n    while True: pass\n")
    assert isinstance(error, KeyboardInterrupt)
    assert "✓" in notebook.run(SIGMOID)


# --- order, form, names ---------------------------------------------------------------------------


def test_out_of_order(notebook: Notebook) -> None:
    tanh = (
        '@exercise("mlp.tanh")\ndef tanh(x, derivative=False):\n    value = 2 * sigmoid(2 * x) - 1\n'
        "    return 1 - value**2 if derivative else value\n"
    )
    shown = " ".join(notebook.run(tanh).split())
    assert "name 'sigmoid' is not defined. Run the cell that defines it first" in shown
    notebook.run(SIGMOID)
    assert "✓ mlp.tanh" in notebook.run(tanh)
    assert 'sigmoid = part("mlp.sigmoid")' in notebook.kept("mlp.tanh")
    notebook.run(HEAD + "    return x\n")  # the earlier cell again, now wrong
    assert "✓ mlp.tanh" in notebook.run(tanh)


def test_two_exercises_that_use_each_other_after_a_restart(notebook: Notebook, forgetful) -> None:
    """Defined out of order they can; in a new kernel one of them meets the reference, and both pass."""
    notebook.run(SIGMOID)
    notebook.run(
        '@exercise("mlp.tanh")\ndef tanh(x, derivative=False):\n    value = 2 * sigmoid(2 * x) - 1\n'
        "    return 1 - value**2 if derivative else value\n"
    )
    notebook.run(
        HEAD
        + "    value = (tanh(x / 2) + 1) / 2\n    return value * (1 - value) if derivative else value\n"
    )
    assert 'tanh = part("mlp.tanh")' in notebook.kept()
    forgetful()
    assert part("mlp.sigmoid")(torch.zeros(1)).item() == 0.5
    assert part("mlp.sigmoid") is not mlp.sigmoid
    assert part("mlp.tanh") is not mlp.tanh


def test_assigned_lambda(notebook: Notebook, forgetful) -> None:
    shown = notebook.run(
        'sigmoid = exercise("mlp.sigmoid")(lambda x, derivative=False: '
        "torch.sigmoid(x) * (1 - torch.sigmoid(x)) if derivative else torch.sigmoid(x))"
    )
    assert "✓ mlp.sigmoid: right" in shown
    assert "lives only until this kernel stops" in " ".join(shown.split())
    assert part("mlp.sigmoid") is notebook.names["sigmoid"]
    assert "your last passing version stands in" in " ".join(
        notebook.run(HEAD + "    return x\n").split()
    )
    forgetful()
    assert part("mlp.sigmoid") is mlp.sigmoid


def test_assigned_function_of_another_name_is_carried(notebook: Notebook, forgetful) -> None:
    notebook.run("def squash(x, derivative=False):\n" + RIGHT)
    notebook.run('sigmoid = exercise("mlp.sigmoid")(squash)')
    assert "sigmoid = squash" in notebook.kept()
    forgetful()
    assert part("mlp.sigmoid") is not mlp.sigmoid


def test_no_function_at_all(notebook: Notebook) -> None:
    assert "✗ mlp.sigmoid: it raises TypeError" in notebook.run(
        'sigmoid = exercise("mlp.sigmoid")(3)'
    )
    assert_reference_stands_in(notebook)


def test_random_state_of_the_notebook_is_untouched(notebook: Notebook) -> None:
    seed = "import random, numpy\nrandom.seed(3); numpy.random.seed(3); torch.manual_seed(3)\n"
    draw = "drawn = (random.random(), numpy.random.rand(), torch.rand(1).item())"
    notebook.run(seed + draw)
    expected = notebook.names["drawn"]
    notebook.run(seed)
    notebook.run(
        HEAD
        + "    torch.manual_seed(0); numpy.random.seed(0); random.seed(0)\n    return torch.rand(3)\n"
    )
    notebook.run(SIGMOID)
    notebook.run(draw)
    assert notebook.names["drawn"] == expected


def test_warnings_are_not_shown(notebook: Notebook, recwarn: pytest.WarningsRecorder) -> None:
    shown = notebook.run(HEAD + "    import warnings; warnings.warn('mine')\n" + RIGHT)
    assert "✓" in shown
    assert not [w for w in recwarn if "mine" in str(w.message)]


def test_grad_mode_of_the_notebook_does_not_matter(notebook: Notebook) -> None:
    indented = "\n".join("    " + line for line in SIGMOID.splitlines())
    assert "✓" in notebook.run(f"with torch.no_grad():\n{indented}\n")


# --- hint, solution, part -------------------------------------------------------------------------


def test_hints_come_in_steps_and_start_again(my_work, capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for _ in range(4):
        hint("mlp.relu")
        shown.append(capsys.readouterr().out)
    assert [f"hint {i} of 3" in shown[i - 1] for i in (1, 2, 3)] == [True] * 3
    assert "Run it again for the next" in shown[0]
    assert '`solution("mlp.relu")` shows the whole' in shown[2]
    assert shown[3] == shown[0]


def test_solution_is_the_reference(my_work, capsys: pytest.CaptureFixture[str]) -> None:
    solution("mlp.sigmoid")
    shown = capsys.readouterr().out
    assert shown.startswith("def sigmoid(x: Tensor")
    assert "1 / (1 + torch.exp(-x))" in shown


@pytest.mark.parametrize("ask", [exercise, hint, solution, part])
@pytest.mark.parametrize(
    ("name", "says"),
    [("mlp.sigmid", "Did you mean 'mlp.sigmoid'"), ("zzzz", "names() lists them all")],
)
def test_unknown_names(ask, name: str, says: str) -> None:
    with pytest.raises(ValueError, match="There is no exercise") as raised:
        ask(name)
    assert says in str(raised.value)

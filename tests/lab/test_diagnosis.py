"""What is said to a wrong answer: the known mistake, else the first property that fails. On exercises made up here."""

import random
import time

import numpy as np
import pytest
import torch

from shared.exercises import Case, Exercise, Mistake, call_with_gradients
from shared.lab.diagnosis import examine


def double(x):
    return 2 * x


def an_exercise(*cases: Case, reference=double, mistakes=(), seconds: float = 5.0) -> Exercise:
    return Exercise(
        name="made.up",
        week=1,
        notebook="",
        reference=reference,
        cases=cases,
        mistakes=mistakes,
        hints=(),
        seconds=seconds,
    )


VECTOR = Case("values", lambda: [torch.tensor([1.0, 2.0, 4.0])])
MATRIX = Case("values", lambda: [torch.tensor([[1.0, 2.0], [4.0, 5.0]])])
GRADIENT = Case("gradients", lambda: [torch.tensor([1.0, 2.0])], run=call_with_gradients)
NUMBER = Case("values", lambda: [3.0])


@pytest.mark.parametrize(
    ("answer", "case", "why"),
    [
        (lambda x: -2 * x, VECTOR, "the output has the wrong sign."),
        (lambda x: -2 * x, NUMBER, "the output has the wrong sign."),
        (lambda x: 3 * x, VECTOR, "the output is 1.5 times what it should be, everywhere: a constant factor is off."),
        (lambda x: 3 * x, NUMBER, "the output differs from what is expected (values)."),
        (lambda x: 2 * x * (1 + 3e-5), VECTOR, "the output is nearly right and differs in the last digits: "),
        (lambda x: 2 * x * (1 + 3e-5), NUMBER, "the output is nearly right and differs in the last digits: "),
        (lambda x: 2 * x + 1, VECTOR, "the output is off by the same 1 everywhere."),
        (lambda x: 2 * x.T, MATRIX, "the output is transposed: rows and columns are swapped."),
        (lambda x: 2 * x.flip(0), VECTOR, "the output comes out in reversed order."),
        (lambda x: 2 * x[:2], VECTOR, "the output has the shape (2,), and (3,) is expected."),
        (lambda x: 2 * x.double(), VECTOR, "the output has the dtype torch.float64, and torch.float32 is expected: "
         "keep the input's."),
        (lambda x: x * x, VECTOR, "the output differs from what is expected (values)."),
        (lambda x: x / 0, VECTOR, "the output holds nan or inf where it must be a finite number."),
        (lambda x: None, VECTOR, "the output is None: is a return missing?"),
        (lambda x: None, NUMBER, "the output is None: is a return missing?"),
        (lambda x: "6", NUMBER, "the output is a str, and a float is expected."),
        (lambda x: 2 * torch.tensor([1.0, 2.0]), GRADIENT, "no gradient can flow back from its output: .item()"),
        (lambda x: 2 * x.detach() + 0 * x.sum() * 0, GRADIENT, "the gradient of x differs"),
        (lambda x: (2 * x, 1), VECTOR, "the output is a tuple, and a Tensor is expected."),
    ],
)  # fmt: skip
def test_properties(answer, case: Case, why: str) -> None:
    verdict = examine(an_exercise(case), answer)
    assert not verdict.passed
    assert verdict.why.startswith(why)
    assert verdict.mistake is None
    assert verdict.beside[0][0] == "input"


def test_gradient_that_is_cut() -> None:
    def reference(x, y):
        return x * y

    case = Case(
        "gradients",
        lambda: [torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])],
        run=call_with_gradients,
    )
    verdict = examine(an_exercise(case, reference=reference), lambda x, y: x * y.detach())
    assert verdict.why == (
        "there is no gradient of y: .item(), .detach(), .data, .numpy() or torch.tensor(…) cut the graph."
    )
    assert ("yours", "gradient of y: None") in verdict.beside
    assert ("expected", "gradient of y: [1, 4]") in verdict.beside


def test_several_outputs_are_named_by_their_place() -> None:
    def reference(x):
        return x, 2 * x

    verdict = examine(an_exercise(VECTOR, reference=reference), lambda x: (x, -2 * x))
    assert verdict.why == "output 1 has the wrong sign."
    assert ("yours", "output 1: [-2, -4, -8]") in verdict.beside
    verdict = examine(an_exercise(VECTOR, reference=reference), lambda x: (x,))
    assert "holds" in verdict.why


def test_dictionaries_are_named_by_their_keys() -> None:
    def reference(x):
        return {"mean": x.mean(), "total": x.sum()}

    exercise = an_exercise(VECTOR, reference=reference)
    assert (
        examine(exercise, lambda x: {"mean": x.mean(), "total": -x.sum()}).why
        == "the total has the wrong sign."
    )
    assert "mean" in examine(exercise, lambda x: {"mean": x.mean()}).why


def test_texts_and_lists() -> None:
    exercise = an_exercise(Case("words", lambda: ["a b"]), reference=lambda text: text.split())
    verdict = examine(exercise, lambda text: text.split("b"))
    assert not verdict.passed
    assert ("yours", "output 0: 'a '") in verdict.beside
    assert examine(exercise, lambda text: ("a", "b")).passed, "a tuple is as good as a list"
    assert "holds" in examine(exercise, lambda text: ["a"]).why


def test_numpy_and_booleans() -> None:
    arrays = an_exercise(Case("values", lambda: [np.array([1.0, 2.0])]))
    assert examine(arrays, lambda x: x + x).passed
    assert (
        examine(arrays, lambda x: torch.tensor(2 * x)).why
        == "the output is a Tensor, and a ndarray is expected."
    )
    assert "dtype float32" in examine(arrays, lambda x: (2 * x).astype("float32")).why
    assert examine(arrays, lambda x: -2 * x).why == "the output has the wrong sign."
    assert "dtype object" in examine(arrays, lambda x: np.array([2, "a"], dtype=object)).why
    texts = an_exercise(Case("values", lambda: [np.array(["a", "b"])]), reference=lambda x: x[::-1])
    assert examine(texts, lambda x: x[::-1].copy()).passed
    assert not examine(texts, lambda x: x).passed
    truth = an_exercise(NUMBER, reference=lambda x: x > 2)
    assert examine(truth, lambda x: np.float64(x) > 2).passed
    assert not examine(truth, lambda x: 1).passed


def test_change_in_place_comes_after_the_values() -> None:
    def in_place(x):
        return x.mul_(2)

    verdict = examine(an_exercise(VECTOR), in_place)
    assert verdict.why == (
        "it changes its input x in place: work on a new tensor, the caller still needs it."
    )
    allowed = Case("values", VECTOR.inputs, in_place=True)
    assert examine(an_exercise(allowed), in_place).passed


def test_the_cases_own_sentence_is_used_last() -> None:
    case = Case("edges", VECTOR.inputs, says="at the edge it must stay put.")
    assert examine(an_exercise(case), lambda x: x * x).why == "at the edge it must stay put."
    assert examine(an_exercise(case), lambda x: -2 * x).why == "the output has the wrong sign."


def test_large_outputs_show_the_entry_that_differs_most() -> None:
    def one_off(x):
        y = 2 * x
        y[3, 4] += 5
        return y

    verdict = examine(an_exercise(Case("values", lambda: [torch.ones(8, 8)])), one_off)
    assert ("yours", "7   at [3, 4]") in verdict.beside
    assert ("expected", "2   at [3, 4]") in verdict.beside


# --- known mistakes -------------------------------------------------------------------------------


def without_the_last(x):
    return 2 * x[:-1]


def with_a_sign(x):
    return -2 * x


def that_fails_on_one_number(x):
    return 2 * x if len(x) > 1 else x.unknown


MISTAKES = (
    Mistake(without_the_last, "the last element is lost: go to the end.", "Ends"),
    Mistake(with_a_sign, "the sign is turned: drop the minus.", "Signs"),
    Mistake(that_fails_on_one_number, "a single number has no neighbours.", "Few"),
)
ONE = Case("one number", lambda: [torch.tensor([3.0])])
WITH_MISTAKES = an_exercise(ONE, VECTOR, MATRIX, mistakes=MISTAKES)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.name)
def test_known_mistake_is_named(mistake: Mistake) -> None:
    verdict = examine(WITH_MISTAKES, mistake.wrong)
    assert verdict.mistake is mistake
    assert (verdict.why, verdict.section) == (mistake.why, mistake.section)


def test_two_flaws_name_the_one_that_gives_values() -> None:
    """It turns the sign, and fails on a matrix: the sign is named, where it gives values at all."""

    def two_flaws(x):
        if x.ndim > 1:
            raise ValueError("one dimension only")
        return -2 * x

    verdict = examine(WITH_MISTAKES, two_flaws)
    assert verdict.mistake is MISTAKES[1]


def test_no_mistake_is_named_for_another_wrong_answer() -> None:
    verdict = examine(WITH_MISTAKES, lambda x: x * x)
    assert verdict.mistake is None
    assert verdict.section == ""


def test_a_mistake_that_explains_most_is_said_and_not_named() -> None:
    """It loses the last element, and on a matrix does something else besides."""
    verdict = examine(WITH_MISTAKES, lambda x: 2 * x[:-1] if x.ndim == 1 else x)
    assert verdict.mistake is None
    assert verdict.why.startswith(MISTAKES[0].why) and "perhaps not all" in verdict.why
    assert verdict.section == "Ends"


def test_the_same_error_is_the_same_mistake_only_by_type_and_message() -> None:
    def raises_otherwise(x):
        return 2 * x if len(x) > 1 else x.nothing

    assert examine(WITH_MISTAKES, that_fails_on_one_number).mistake is MISTAKES[2]
    assert examine(WITH_MISTAKES, raises_otherwise).mistake is None


def test_proved_names_only_what_always_passed() -> None:
    cases = (
        VECTOR,
        Case("sign", lambda: [torch.tensor([-1.0])]),
        Case("values", lambda: [torch.tensor([-5.0])]),
    )
    verdict = examine(an_exercise(*cases), lambda x: 2 * x.abs())
    assert not verdict.passed
    assert verdict.proved == []
    assert examine(an_exercise(*cases), double).proved == ["values", "sign"]


# --- time, randomness, the reference --------------------------------------------------------------


def test_one_time_limit_for_all_cases() -> None:
    cases = [Case(str(i), VECTOR.inputs) for i in range(20)]

    def slow(x):
        time.sleep(0.1)
        return 2 * x

    started = time.monotonic()
    verdict = examine(an_exercise(*cases, seconds=0.45), slow)
    assert time.monotonic() - started < 2
    assert verdict.too_slow
    assert verdict.why.startswith("it was still running after 0.45 s")


def test_random_answers_meet_the_same_numbers() -> None:
    def reference(x):
        return x + torch.rand(3) + random.random() + np.random.rand()

    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    exercise = an_exercise(VECTOR, reference=reference)
    assert examine(
        exercise, lambda x: torch.rand(3) + x + random.random() + np.random.rand()
    ).passed
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


def test_a_failing_reference_is_the_courses_fault() -> None:
    def reference(x):
        raise ValueError("broken")

    with pytest.raises(
        RuntimeError, match=r"made.up: the reference itself fails on 'values': ValueError: broken"
    ):
        examine(an_exercise(VECTOR, reference=reference), double)

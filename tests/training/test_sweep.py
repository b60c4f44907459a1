"""`shared.training.sweep` against NumPy."""

import numpy as np
import pytest

from shared.training import sweep


@pytest.mark.parametrize(("low", "high", "count"), [(1e-4, 1.0, 5), (0.003, 0.3, 7), (0.1, 0.2, 2)])
def test_learning_rates_are_numpys(low, high, count):
    assert sweep.learning_rates(low, high, count) == pytest.approx(np.geomspace(low, high, count))


def test_best_rate():
    nan = float("nan")
    assert sweep.best_rate({0.1: [0.5, 0.7], 0.2: [0.65, 0.6], 0.4: [0.9, nan]}) == 0.2
    assert sweep.best_rate({0.4: [0.5], 0.1: [0.5], 0.2: [0.5]}) == 0.1


def test_steps_to_target():
    steps, accuracies = [50, 100, 150], [0.2, 0.5, 0.6]
    assert sweep.steps_to_target(steps, accuracies, 0.4) == pytest.approx(
        np.interp(0.4, accuracies, steps)
    )
    assert sweep.steps_to_target(steps, accuracies, 0.6) == 150
    assert sweep.steps_to_target(steps, accuracies, 0.1) == 50
    assert sweep.steps_to_target(steps, accuracies, 0.7) is None
    assert sweep.steps_to_target(steps, [0.5, 0.3, 0.6], 0.45) == 50


def test_band_is_numpys():
    curves = np.random.default_rng(0).random((4, 6))
    mean, low, high = sweep.band(curves.tolist())
    assert mean == pytest.approx(curves.mean(0))
    assert (low, high) == (curves.min(0).tolist(), curves.max(0).tolist())


def test_changed_code_is_another_run():
    def one(lr):
        return lr

    def other(lr):
        return 2 * lr

    no_source = eval("lambda lr: lr")
    codes = [
        sweep.code_of(*each) for each in ((one,), (other,), (one, other), (no_source,), (max,))
    ]
    assert len(set(codes)) == 5
    assert all(len(code) == 8 for code in codes)
    assert sweep.code_of(one, other) == codes[2]


def test_runs_resume_after_an_interruption(tmp_path):
    path = tmp_path / "kept" / "sweep.json"
    done = []

    def work(i):
        done.append(i)
        if i == 2 and len(done) == 3:
            raise KeyboardInterrupt
        return {"accuracy": i / 10}

    def all_runs():
        runs = sweep.Runs(path)
        return [runs.get({"lr": i, "seed": 0}, lambda i=i: work(i)) for i in range(4)]

    with pytest.raises(KeyboardInterrupt):
        all_runs()
    assert all_runs() == [{"accuracy": i / 10} for i in range(4)]
    assert done == [0, 1, 2, 2, 3]
    path.write_text("{ half a fi")
    assert len(sweep.Runs(path)) == 0

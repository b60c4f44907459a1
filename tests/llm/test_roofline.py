"""The least time of a pass, by numbers that were worked out on paper."""

import pytest

from shared.llm.roofline import pass_seconds


def test_one_token_waits_for_memory_and_many_for_arithmetic():
    machine = {"bandwidth": 10e9, "speed": 50e9}
    assert pass_seconds(1_000_000, 1, 0, **machine) == pytest.approx(0.0004)
    assert pass_seconds(1_000_000, 10, 0, **machine) == pytest.approx(0.0004)
    assert pass_seconds(1_000_000, 100, 0, **machine) == pytest.approx(0.004)


def test_caches_and_the_size_of_a_weight_count():
    assert pass_seconds(1_000_000, 1, 2_000_000, 10e9, 50e9) == pytest.approx(0.0006)
    assert pass_seconds(1_000_000, 1, 0, 10e9, 50e9, bytes_each=0.5) == pytest.approx(0.00005)

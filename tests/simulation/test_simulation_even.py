"""The real top-ups code in 1,000 simulated worlds; the other half of the seeds is in a file for the second core."""

from __future__ import annotations

import pytest

from tests.simulation.seeds import broken


@pytest.mark.parametrize("first", range(0, 2000, 200))
def test_no_promise_about_money_breaks_in_any_world_of_even_seed(first: int) -> None:
    violations = broken(range(first, first + 200, 2))
    assert not violations, violations[0]

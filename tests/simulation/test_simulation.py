"""The real top-ups code in a few hundred simulated worlds; ``make simulate``, and so CI, lives through thousands."""

import pytest

from tests.simulation.seeds import broken


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_no_promise_about_money_breaks_in_any_world(first: int) -> None:
    violations = broken(range(first, first + 100))
    assert not violations, violations[0]

"""Each safeguard is needed: without it the simulation breaks a promise. A safeguard nobody misses would rot unseen."""

import pytest

from tests.simulation.kinds import KINDS
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.stage import stage
from tests.simulation.truth import Violation
from tests.simulation.world import live


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_without_this_safeguard_a_promise_breaks(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = next(kind for kind in KINDS if kind.name == mutant.kind)
    mutant.apply(monkeypatch)
    with stage() as opened:
        for seed in (*range(mutant.first, mutant.seeds), *range(mutant.first)):
            try:
                live(opened, seed, kind, **mutant.policy)
            except Violation as violation:
                promise = str(violation.__cause__).split(":")[0]
                if promise in mutant.promises.split():
                    return
    pytest.fail(f"{mutant.name}: not noticed in {mutant.seeds} seeds")

"""A defect inside a command of the top-ups: one line, one JSON document, exit 1, the traceback in the log only."""

import dagster as dg
import pytest

from pipelines.defs.topup_jobs import fail_in_one_line
from pipelines.topups.service import TopUpService

METHODS = {"run": "request_topup", "plan": "preview", "reconcile": "reconcile", "list": "payments"}


def defect(*_, **__):
    raise OverflowError("date value out of range")


@pytest.mark.parametrize("name", METHODS)
def test_defect_is_one_line_and_one_document(command, home, vendor, monkeypatch, caplog, name):
    monkeypatch.setattr(TopUpService, METHODS[name], defect)
    result = command("topup", name, "--json")
    assert result.code == 1
    (line,) = result.error_lines
    assert "a defect stopped the command (OverflowError)" in line
    assert "smsonline topup reconcile" in line
    assert result.document == {"error": line.removeprefix("error: ")}
    assert "date value out of range" in caplog.text
    assert "Traceback" not in result.err


def test_defect_in_a_run_of_dagster_is_one_line(caplog):
    with pytest.raises(dg.Failure) as caught, fail_in_one_line():
        defect()
    assert caught.value.description.startswith("a defect stopped the run (OverflowError)")
    assert "\n" not in caught.value.description
    assert not caught.value.allow_retries
    assert "date value out of range" in caplog.text

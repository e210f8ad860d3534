"""Odd JSON of the vendor, through the commands: a decision or one line, whatever it is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from topup_shop import POLICY

from tests.scripted_vendor import ScriptedVendor, invoice, serve_scripted
from tests.topups.topup_fakes import ACCOUNT

ODD_ROWS = [
    *({"expires_at": "9999-12-31 23:59:59"}, {"expires_at": 253402300799, "created": 253402300799000}, {"amount": []}),
    *({"created": "0001-01-01T00:00:00+14:00"}, {"status": {"a": 1}}, {"status": "succeeded", "expires_at": None}),
    *({"payId": None, "sesid": None}, {"userId": 7}, {"amount": "1e999999999"}, {"sesid": "\ud800"}, {"method": [1]}),
]
BODIES = [
    *([invoice(**row)] for row in ODD_ROWS),
    *({}, {"0": invoice()}, {"items": None}, None, "text", [None], [[]], 5, {"data": {"3": invoice()}}),
]


@pytest.fixture(scope="module")
def served() -> Iterator[ScriptedVendor]:
    with serve_scripted() as vendor:
        yield vendor


@pytest.fixture
def scripted(served: ScriptedVendor, home: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptedVendor:
    served.reset()
    names = {"USER_ID": ACCOUNT, "API_KEY": "key-of-the-account", "BASE_URL": served.base_url}
    names |= {f"TOPUP_{name}": value for name, value in POLICY.items()}
    for name, value in {**names, "V2_BASE_URL": served.base_url}.items():
        monkeypatch.setenv(f"SMSONLINE_{name}", value)
    return served


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_odd_lists_end_in_a_decision_or_one_line(scripted: ScriptedVendor, command: Any, body: Any) -> None:
    scripted.bodies["payments"] = {"ok": True, "body": body}
    for arguments in (("run",), ("reconcile",), ("plan",), ("list",)):
        result = command("topup", *arguments, "--json")
        assert result.code in (0, 1), result
        assert "Traceback" not in result.out + result.err
        assert "defect" not in result.err
        assert json.loads(result.out) is not None


@pytest.mark.parametrize("balance", [[], {}, None, {"balance": 1e300}, {"balance": "NaN"}, "text", {"balance": True}])
def test_odd_balances_end_in_one_line(scripted: ScriptedVendor, command: Any, balance: Any) -> None:
    scripted.bodies["balance"] = {"ok": True, "body": balance}
    result = command("topup", "run", "--json")
    assert (result.code, json.loads(result.out)["reason"]) == (0, "BALANCE_UNREADABLE")
    assert command("status").code in (0, 1)

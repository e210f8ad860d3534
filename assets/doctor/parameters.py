"""Takes from the answers so far what later calls need: one country and carrier, a service, an order, a payment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.doctor.probe_result import Visit

LACKS = {
    "country": "no country is known",
    "carrier": "no carrier is known",
    "service": "no service is known",
    "order_id": "no order in the inventory",
}
PRICED = ("statistics", "popular")


class Known:
    """What the visits so far tell."""

    def __init__(self, visits: Mapping[str, Visit] | None = None) -> None:
        self._visits = visits or {}

    def parameters(self, endpoint: str, names: Sequence[str]) -> dict[str, str]:
        """Examples for those of ``names`` that are known."""
        found = self._place() | self._payment() if endpoint == "transaction" else self._place() | self._order()
        return {name: found[name] for name in names if name in found}

    @staticmethod
    def lack(endpoint: str, name: str) -> str:
        """Why a call without this parameter was not made."""
        return "no crypto payment among the invoices" if endpoint == "transaction" else LACKS.get(name, f"no {name}")

    def _place(self) -> dict[str, str]:
        place = self._first("countries") or self._first("statistics") or self._first("popular")
        found = {"country": place.get("country_code"), "carrier": place.get("carrier")}
        offers = [self._first(dataset, found["country"]) for dataset in PRICED] + [self._first(d) for d in PRICED]
        found["service"] = next((row["service_code"] for row in offers if row), None)
        return {name: value for name, value in found.items() if value}

    def _order(self) -> dict[str, str]:
        order = self._first("inventory")
        return {"order_id": order["order_id"]} if order else {}

    def _payment(self) -> dict[str, str]:
        rows = self._rows("invoices")
        payments = rows.select(["method", "payment_id"]).to_pylist() if rows is not None else []
        crypto = [row["payment_id"] for row in payments if "crypt" in (row["method"] or "").lower()]
        return {"order_id": crypto[0]} if crypto else {}

    def _first(self, dataset: str, country: str | None = None) -> dict[str, Any]:
        rows = self._rows(dataset)
        if rows is not None and country is not None:
            rows = rows.filter(pc.equal(rows["country_code"], country))
        return rows.slice(0, 1).to_pylist()[0] if rows is not None and rows.num_rows else {}

    def _rows(self, dataset: str) -> pa.Table | None:
        return next((rows for visit in self._visits.values() if (rows := visit.rows(dataset)) is not None), None)

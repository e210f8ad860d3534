"""A vendor over HTTP on loopback that differs from the documentation: its rows pass through functions of a test."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from topup_fakes import ACCOUNT, FakeVendor

from tests.scripted_vendor import ScriptedVendor
from topups.gateway import PaymentRequest, VendorPayment

Row = dict[str, Any]


class DifferingVendor:
    """Serves the state of a ``FakeVendor``. ``lists`` says which rows are listed, ``spell`` changes their JSON."""

    def __init__(self, state: FakeVendor, server: ScriptedVendor) -> None:
        self.state, self.server = state, server
        self.lists: Callable[[VendorPayment], bool] = lambda _: True
        self.spell: Callable[[Row], Row] = lambda row: row
        self.dollars_per_unit = 0.01
        server.respond = self.respond

    def respond(self, path: str) -> Any:
        """The body of the response to a path."""
        steps = path.partition("?")[0].strip("/").split("/")
        if "invoice" in steps:
            return self.created(int(steps[-1]))
        if "transaction" in steps:
            return self.transaction(unquote(steps[-1]))
        if "payments" in steps:
            return {"ok": True, "body": [self.spell(_row(row)) for row in self.state.rows if self.lists(row)]}
        charges = {} if self.state.charges is None else {"totalCharges": str(self.state.charges)}
        return {"ok": True, "body": {"userId": ACCOUNT, "balance": self.state.cents, **charges}}

    def created(self, amount: int) -> Row:
        self.state.created.append(PaymentRequest("v3_invoice", amount))
        return {"ok": True, "body": self.state.url(self.state.bill(amount))}

    def transaction(self, order_id: str) -> Row:
        found = self.state.transaction(order_id)
        if found is None:
            return {"ok": False, "errorMessage": "no such transaction"}
        amount = f"{(found.amount_cents or 0) * self.dollars_per_unit:.2f}"
        coin = {"currency": found.currency, "network": found.network, "to_address": found.address}
        return {
            "ok": True,
            "body": {"order_id": order_id, "status": found.status, "amountInUSD": amount, "url": found.url, **coin},
        }


def _row(row: VendorPayment) -> Row:
    times = {"created": f"{row.created_at:%Y-%m-%d %H:%M:%S}", "expires_at": f"{row.ends_at:%Y-%m-%d %H:%M:%S}"}
    ids = {"payId": row.vendor_id, "sesid": row.session_id, "method": row.method, "userId": ACCOUNT}
    return {**ids, **times, "amount": row.amount_cents, "status": row.status}

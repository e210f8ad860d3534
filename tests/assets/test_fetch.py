from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from assets.datasets import DATASETS
from assets.errors import AnswerRefused
from assets.fetch import Fetcher
from assets.privacy import Privacy
from smsonline.client import Client
from smsonline.endpoints import ENDPOINTS, with_overrides
from smsonline.errors import ServerError
from smsonline.sandbox import Sandbox

LANES = 27


def fetcher(client: Client, catalogue: Any = ENDPOINTS, **more: Any) -> Fetcher:
    return Fetcher(client, catalogue, DATASETS, "sandbox", Privacy(b"k"), **more)


def test_one_request_brings_one_share_named_after_the_account_where_rows_have_one(vendor_client: Client) -> None:
    fetch = fetcher(vendor_client).fetch
    assert [share.part for share in fetch(DATASETS["statistics"]).shares] == [""]
    assert [share.part for share in fetch(DATASETS["invoices"]).shares] == ["sandbox"]
    assert fetch(DATASETS["invoices"]).requested is None


def test_a_fan_out_asks_once_per_country_and_carrier(sandbox: Sandbox, vendor_client: Client) -> None:
    found = fetcher(vendor_client).fetch(DATASETS["services"])
    lanes = {f"{row['country_code']}/{row['carrier']}" for row in sandbox.truth()["countries"]}
    assert {share.part for share in found.shares} == lanes == found.requested
    assert [share.part for share in found.shares] == sorted(lanes)
    assert len(lanes) == LANES
    assert sandbox.requests.by_endpoint()["services"] == LANES
    assert found.shares[0].params == dict(zip(("country", "carrier"), found.shares[0].part.split("/"), strict=True))


def test_an_answer_that_two_datasets_read_is_asked_for_once(sandbox: Sandbox, vendor_client: Client) -> None:
    fetch = fetcher(vendor_client).fetch
    names = ["balances", "discount_tiers", "countries", "services"]
    with ThreadPoolExecutor(4) as pool:
        found = dict(zip(names, pool.map(fetch, (DATASETS[name] for name in names)), strict=True))
    counts = sandbox.requests.by_endpoint()
    assert (counts["balance"], counts["countries"]) == (1, 1)
    assert found["balances"].shares[0].source is found["discount_tiers"].shares[0].source


def test_one_failure_is_told_to_everyone_who_waits_for_the_answer(sandbox: Sandbox, vendor_client: Client) -> None:
    sandbox.faults.add("balance", "http_500")
    fetch = fetcher(vendor_client).fetch
    for name in ("balances", "discount_tiers"):
        with pytest.raises(ServerError):
            fetch(DATASETS[name])
    assert sandbox.requests.by_endpoint()["balance"] == 4  # one call with its repeats


def test_a_failed_part_is_missing_and_the_others_came(sandbox: Sandbox, vendor_client: Client) -> None:
    sandbox.faults.add("services", "http_404", times=3)
    found = fetcher(vendor_client).fetch(DATASETS["services"])
    assert (len(found.shares), len(found.missing), len(found.requested or ())) == (LANES - 3, 3, LANES)
    assert {share.part for share in found.shares}.isdisjoint(each.part for each in found.missing)


def test_a_list_that_cannot_be_read_in_full_says_nothing_of_what_is_gone(
    sandbox: Sandbox, vendor_client: Client
) -> None:
    sandbox.faults.add("countries", "null_keys")
    found = fetcher(vendor_client).fetch(DATASETS["services"])
    assert found.requested is None
    assert 0 < len(found.shares) < LANES


def test_a_list_of_another_shape_refuses_the_fan_out(sandbox: Sandbox, vendor_client: Client) -> None:
    sandbox.faults.add("countries", "missing_field=cShort")
    with pytest.raises(AnswerRefused, match="countries: the required field 'cShort'"):
        fetcher(vendor_client).fetch(DATASETS["services"])


def test_a_private_answer_is_clean_in_every_form(sandbox: Sandbox, vendor_client: Client) -> None:
    (share,) = fetcher(vendor_client).fetch(DATASETS["inventory"]).shares
    orders = list(sandbox.state.account.orders.values())
    kept = share.source.body.decode() + repr(share.source.document)  # type: ignore[attr-defined]
    assert orders
    for order in orders:
        assert order.phone not in kept
    assert orders[-1].order_id in kept
    assert '"text"' not in kept
    assert '"code"' not in kept


def test_the_place_of_the_records_is_the_datasets_own_or_the_endpoints(vendor_client: Client) -> None:
    moved = with_overrides({"statistics": {"records": "data"}})
    assert fetcher(vendor_client, moved).place(DATASETS["statistics"]) == "data"
    assert fetcher(vendor_client).place(DATASETS["coupons"]) == "body.codes"
    assert fetcher(vendor_client).place(DATASETS["discount_tiers"]) == "body.discountRates"

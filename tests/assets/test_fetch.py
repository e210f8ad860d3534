from concurrent.futures import ThreadPoolExecutor

import pytest

from assets.datasets import DATASETS
from assets.fetch import Fetcher, FetchResult, records_path
from assets.pii_policy import PiiPolicy
from smsonline.client import Client
from smsonline.endpoints import ENDPOINTS, with_overrides
from smsonline.errors import ServerError
from smsonline.response import VendorResponse
from smsonline.sandbox import Sandbox

# Pairs of country and carrier that the sandbox offers.
PARTITIONS = 27


@pytest.fixture
def fetcher(vendor_client: Client) -> Fetcher:
    return Fetcher(vendor_client, ENDPOINTS, DATASETS, "sandbox", PiiPolicy(b"k"))


def names(fetched: FetchResult) -> list[str]:
    return [response.partition for response in fetched.responses]


def test_partition_is_named_after_account(fetcher: Fetcher) -> None:
    assert names(fetcher.fetch(DATASETS["statistics"])) == [""]
    invoices = fetcher.fetch(DATASETS["invoices"])
    assert names(invoices) == ["sandbox"]
    assert invoices.expected_partitions is None


def test_fan_out_requests_each_country_and_carrier_once(fetcher: Fetcher, sandbox: Sandbox) -> None:
    fetched = fetcher.fetch(DATASETS["services"])
    listed = {f"{row['country_code']}/{row['carrier']}" for row in sandbox.truth()["countries"]}
    assert len(listed) == PARTITIONS
    assert names(fetched) == sorted(listed)
    assert fetched.expected_partitions == listed
    assert sandbox.requests.by_endpoint()["services"] == PARTITIONS
    first = fetched.responses[0]
    assert first.params == dict(zip(("country", "carrier"), first.partition.split("/"), strict=True))


def test_response_of_two_datasets_is_requested_once(fetcher: Fetcher, sandbox: Sandbox) -> None:
    datasets = ["balances", "discount_tiers", "countries", "services"]
    with ThreadPoolExecutor(4) as pool:
        fetched = dict(zip(datasets, pool.map(fetcher.fetch, (DATASETS[name] for name in datasets)), strict=True))
    counts = sandbox.requests.by_endpoint()
    assert (counts["balance"], counts["countries"]) == (1, 1)
    assert fetched["balances"].responses[0].source is fetched["discount_tiers"].responses[0].source


def test_failed_request_fails_each_dataset_that_reads_it(fetcher: Fetcher, sandbox: Sandbox) -> None:
    sandbox.faults.add("balance", "http_500")
    for name in ("balances", "discount_tiers"):
        with pytest.raises(ServerError):
            fetcher.fetch(DATASETS[name])
    assert sandbox.requests.by_endpoint()["balance"] == 4  # one call with its retries


def test_failed_partitions_are_listed_beside_the_others(fetcher: Fetcher, sandbox: Sandbox) -> None:
    sandbox.faults.add("services", "http_404", times=3)
    fetched = fetcher.fetch(DATASETS["services"])
    assert (len(fetched.responses), len(fetched.failures)) == (PARTITIONS - 3, 3)
    assert len(fetched.expected_partitions or ()) == PARTITIONS
    assert set(names(fetched)).isdisjoint(failure.partition for failure in fetched.failures)


def test_incomplete_parent_list_expects_no_partitions(fetcher: Fetcher, sandbox: Sandbox) -> None:
    sandbox.faults.add("countries", "null_keys")
    fetched = fetcher.fetch(DATASETS["services"])
    assert fetched.expected_partitions is None
    assert 0 < len(fetched.responses) < PARTITIONS


def test_unreadable_parent_list_fails_the_fan_out(fetcher: Fetcher, sandbox: Sandbox) -> None:
    sandbox.faults.add("countries", "missing_field=cShort")
    fetched = fetcher.fetch(DATASETS["services"])
    (failure,) = fetched.failures
    assert str(failure.error).startswith("countries: the required field 'cShort'")
    assert [source.response_id for source in fetched.sources] == [failure.response_id]
    assert fetched.expected_partitions is None


def test_private_response_is_redacted_in_every_form(fetcher: Fetcher, sandbox: Sandbox) -> None:
    (inventory,) = fetcher.fetch(DATASETS["inventory"]).responses
    assert isinstance(inventory.source, VendorResponse)
    orders = list(sandbox.state.account.orders.values())
    readable = inventory.source.body.decode() + repr(inventory.source.payload)
    assert orders
    for order in orders:
        assert order.phone not in readable
    assert orders[-1].order_id in readable
    for name in ("text", "code"):
        assert f'"{name}"' not in readable
        assert f"'{name}'" not in readable


def test_records_path_is_the_datasets_own_or_the_endpoints() -> None:
    moved = with_overrides({"statistics": {"records": "data"}})
    assert records_path(DATASETS["statistics"], moved) == "data"
    assert records_path(DATASETS["coupons"], ENDPOINTS) == "body.codes"
    assert records_path(DATASETS["discount_tiers"], ENDPOINTS) == "body.discountRates"

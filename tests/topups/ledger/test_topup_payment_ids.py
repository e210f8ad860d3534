"""An id may be shortened to eight characters of its beginning or end where they name one payment."""

from datetime import timedelta

import pytest
from topup_fakes import ACCOUNT, START

from topups.gateway import VendorPayment, uuid7
from topups.ledger.models import ExternalPayment
from topups.ledger.payment_ids import PaymentNotFound, find_payment, shorten_ids
from topups.payment_states import PaymentException


def add(ledger, payment_id: str, vendor_id: str) -> str:
    row = VendorPayment(vendor_id, "", "stripe", 100, "paid", START, None)
    external = ExternalPayment(payment_id, row, PaymentException.EXTERNAL, None)
    assert ledger.insert_external(ACCOUNT, [external], [], START)
    return payment_id


@pytest.fixture
def ids(any_ledger):
    times = (START, START + timedelta(seconds=1), START + timedelta(hours=1))
    given = [uuid7(at, (number + 1) << 60 | number + 1) for number, at in enumerate(times)]
    return [add(any_ledger, payment_id, f"vendor_{number}%_id") for number, payment_id in enumerate(given)]


def test_short_id_names_the_payment(any_ledger, ids):
    last = (ids[2][:8], ids[2][:13], ids[2][-8:], f" {ids[2]} ", "vendor_2", "_2%_id", "vendor_2%_id")
    assert [find_payment(any_ledger, text).payment_id for text in last if len(text) >= 8] == [ids[2]] * 6
    assert find_payment(any_ledger, ids[0][-8:]).payment_id == ids[0]


def test_ambiguous_id_lists_the_candidates(any_ledger, ids):
    with pytest.raises(PaymentNotFound) as caught:
        find_payment(any_ledger, ids[0][:8])
    line = str(caught.value)
    assert ids[0] in line
    assert ids[1] in line
    assert ids[2] not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        *((text, "is too short for an id: give 8 characters") for text in ("", "0", "vendor_")),
        *((text, "there is no payment") for text in ("________", "%%%%%%%%", "no such payment")),
    ],
)
def test_fewer_characters_and_wildcards_name_nothing(any_ledger, ids, text, line):
    with pytest.raises(PaymentNotFound, match=line):
        find_payment(any_ledger, text)


def test_ids_are_shown_short_where_they_are_unique():
    ids = [
        "01a22119-4753-73d1-a85e-b8c38615b64f",
        "01a22118-d1f3-70e0-9ea5-c7a2c3005588",
        "01a22118-d1f3-735b-b712-a6df975dc97d",
    ]
    assert list(shorten_ids(ids).values()) == ["01a22119", "c3005588", "975dc97d"]
    same = ["12345678-a-12345678", "12345678-b-12345678"]
    assert shorten_ids(same) == {id_: id_ for id_ in same}

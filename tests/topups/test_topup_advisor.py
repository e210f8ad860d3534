"""Advice on tiers, coupons and the target: what it would bring, never what is done."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from topup_fakes import POLICY, START

from topups.advisor import Coupon, Standing, Tier, advise
from topups.policy import Policy

TIERS = (Tier(8000, 0.8, "-20%"), Tier(6000, 0.85, "-15%"), Tier(2000, 0.95, "-5%"), Tier(0, 1.0, "0%"))
STANDING = Standing(500, 5000, "-5%", TIERS)
MONTH = 3000.0  # spent per month, US cents


def coupon(**changes) -> Coupon:
    given = {
        "code": "TEN",
        "status": "issued",
        "percent": 10,
        "target": "crypto",
        "expires_at": START + timedelta(days=3),
    }
    return Coupon(**{**given, **changes})


def given(standing=STANDING, policy=POLICY, a_month=MONTH, reorder=0, planned=None):
    return advise(standing, policy, START, a_month, reorder, planned)


def test_the_next_tiers_are_named_with_what_they_cost_and_save():
    near, far = given()
    assert (near.facts["missing_cents"], near.facts["saves_cents_a_month"]) == (1000, 316)  # 1 - 0.85 / 0.95
    assert near.text.startswith("another 10.00 USD of top-ups reaches the -15% tier: prices fall by 10.5 %, about 3.16")
    assert near.facts["reached_anyway_in_days"] == pytest.approx(10.1)
    assert (far.facts["label"], far.facts["missing_cents"]) == ("-20%", 3000)


def test_a_tier_that_takes_months_to_use_up_is_not_advised():
    assert [entry.facts["label"] for entry in given(a_month=MONTH / 2)] == ["-15%", "-20%"]
    assert [entry.facts["label"] for entry in given(a_month=MONTH / 4)] == ["-15%"]
    assert given(a_month=MONTH / 12) == given(a_month=0) == []


def test_a_tier_that_the_planned_payment_reaches_needs_no_advice():
    assert [entry.facts["label"] for entry in given(planned=1000)] == ["-20%"]


def test_advice_beyond_the_limits_says_so():
    near, far = given(policy=replace(POLICY, amount_max_cents=2000))
    assert (near.facts["within_limits"], far.facts["within_limits"]) == (True, False)
    assert far.text.endswith("; one payment may be 20.00 USD at most")
    _, far = given(policy=replace(POLICY, exposure_cents=3000))
    assert far.text.endswith("; no more than 30.00 USD may be prepaid")
    assert given(policy=Policy())  # without limits there is nothing to exceed


@pytest.mark.parametrize(
    "standing",
    [
        replace(STANDING, charged_cents=None),
        replace(STANDING, tiers=()),
        replace(STANDING, charged_cents=9000, label="-20%"),
        replace(STANDING, tiers=(Tier(0, 1.0, "0%"), Tier(6000, 1.2, "+20%"), Tier(6000, 0.0, "free")), label=""),
    ],
)
def test_without_a_better_tier_there_is_no_advice(standing):
    assert given(standing) == []


def test_where_the_vendors_own_tier_contradicts_its_thresholds_nothing_is_advised():
    # The documented example: 500 charged, and the tier of 8000.
    (entry,) = given(replace(STANDING, charged_cents=500, label="-20%"))
    assert (entry.kind, entry.facts) == ("tier_unclear", {})


def test_the_best_coupon_that_can_be_used_is_named_with_its_worth():
    coupons = (coupon(code="FIVE", percent=5), coupon(), coupon(code="LATER", expires_at=START + timedelta(days=9)))
    (entry,) = given(Standing(500, coupons=coupons), planned=2500)
    assert (entry.facts["code"], entry.facts["worth_cents"], entry.facts["usable_coupons"]) == ("TEN", 250, 3)
    assert "10 % on a crypto payment until 2026-03-05 09:00 UTC, about 2.50 USD on the planned payment" in entry.text


@pytest.mark.parametrize(
    "changes",
    [{"status": "used"}, {"status": "expired"}, {"target": "stripe"}, {"percent": 0}, {"expires_at": START}],
)
def test_a_coupon_that_cannot_be_used_is_not_named(changes):
    assert given(Standing(500, coupons=(coupon(**changes),))) == []


def test_a_coupon_without_an_end_or_a_kind_is_usable():
    (entry,) = given(Standing(500, coupons=(coupon(expires_at=None, target=""),)))
    assert (entry.facts["expires_at"], entry.facts["worth_cents"]) == (None, None)


def test_a_target_too_low_for_the_lead_time_is_told():
    assert given(Standing(500), reorder=2000) == []
    (entry,) = given(Standing(500), reorder=2500)
    assert (entry.kind, entry.facts["target_cents"]) == ("target", 3750)
    assert entry.facts["target_cents"] * 2 // 3 >= entry.facts["reorder_cents"]


def test_advice_is_plain_values_in_json():
    entry = given()[0].as_json()
    assert entry["kind"] == "tier"
    assert all(isinstance(value, str | int | float | bool) for value in entry.values())

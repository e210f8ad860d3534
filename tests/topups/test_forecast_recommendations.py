"""Recommendations on tiers, coupons and the target: their worth, and when there are none."""

from dataclasses import replace
from datetime import timedelta

import pytest
from topup_fakes import POLICY, START

from topups.forecast.recommendations import AccountTerms, DiscountCoupon, DiscountTier, recommend
from topups.policy import Policy

TIERS = (
    DiscountTier(8000, 0.8, "-20%"),
    DiscountTier(6000, 0.85, "-15%"),
    DiscountTier(2000, 0.95, "-5%"),
    DiscountTier(0, 1.0, "0%"),
)
TERMS = AccountTerms(500, 5000, "-5%", TIERS)
MONTH = 3000.0  # spent per month, US cents


def coupon(**changes) -> DiscountCoupon:
    fields = {
        "code": "TEN",
        "status": "issued",
        "percent": 10,
        "target": "crypto",
        "expires_at": START + timedelta(days=3),
    }
    return DiscountCoupon(**{**fields, **changes})


def recommendations(terms=TERMS, policy=POLICY, a_month=MONTH, reorder=0, planned=None):
    return recommend(terms, policy, START, a_month, reorder, planned)


def test_next_tiers_have_price_and_saving():
    near, far = recommendations()
    assert (near.figures["missing_cents"], near.figures["saves_cents_a_month"]) == (1000, 316)  # 1 - 0.85 / 0.95
    assert near.text.startswith("another 10.00 USD of top-ups reaches the -15% tier: prices fall by 10.5 %, about 3.16")
    assert near.figures["reached_anyway_in_days"] == pytest.approx(10.1)
    assert (far.figures["label"], far.figures["missing_cents"]) == ("-20%", 3000)


def test_a_tier_of_months_of_spend_is_not_recommended():
    assert [entry.figures["label"] for entry in recommendations(a_month=MONTH / 2)] == ["-15%", "-20%"]
    assert [entry.figures["label"] for entry in recommendations(a_month=MONTH / 4)] == ["-15%"]
    assert recommendations(a_month=MONTH / 12) == recommendations(a_month=0) == []


def test_a_tier_that_the_planned_payment_reaches_is_left_out():
    assert [entry.figures["label"] for entry in recommendations(planned=1000)] == ["-20%"]


def test_a_tier_beyond_the_limits_names_the_limit():
    near, far = recommendations(policy=replace(POLICY, amount_max_cents=2000))
    assert (near.figures["within_limits"], far.figures["within_limits"]) == (True, False)
    assert far.text.endswith("; one payment may be 20.00 USD at most")
    _, far = recommendations(policy=replace(POLICY, exposure_cents=3000))
    assert far.text.endswith("; no more than 30.00 USD may be prepaid")
    assert recommendations(policy=Policy())  # without limits there is nothing to exceed


@pytest.mark.parametrize(
    "terms",
    [
        replace(TERMS, charged_cents=None),
        replace(TERMS, tiers=()),
        replace(TERMS, charged_cents=9000, label="-20%"),
        replace(
            TERMS,
            tiers=(DiscountTier(0, 1.0, "0%"), DiscountTier(6000, 1.2, "+20%"), DiscountTier(6000, 0.0, "free")),
            label="",
        ),
    ],
)
def test_without_a_better_tier_nothing_is_recommended(terms):
    assert recommendations(terms) == []


def test_a_tier_that_contradicts_its_threshold_is_ignored():
    # The documented example: 500 charged, and the tier of 8000.
    assert recommendations(replace(TERMS, charged_cents=500, label="-20%")) == []


def test_the_best_usable_coupon_is_named_with_its_worth():
    coupons = (coupon(code="FIVE", percent=5), coupon(), coupon(code="LATER", expires_at=START + timedelta(days=9)))
    (entry,) = recommendations(AccountTerms(500, coupons=coupons), planned=2500)
    assert (entry.figures["code"], entry.figures["worth_cents"], entry.figures["usable_coupons"]) == ("TEN", 250, 3)
    assert "10 % on a crypto payment until 2026-03-05 09:00 UTC, about 2.50 USD on the planned payment" in entry.text


@pytest.mark.parametrize(
    "changes",
    [{"status": "used"}, {"status": "expired"}, {"target": "stripe"}, {"percent": 0}, {"expires_at": START}],
)
def test_an_unusable_coupon_is_left_out(changes):
    assert recommendations(AccountTerms(500, coupons=(coupon(**changes),))) == []


def test_a_coupon_without_end_or_kind_is_usable():
    (entry,) = recommendations(AccountTerms(500, coupons=(coupon(expires_at=None, target=""),)))
    assert (entry.figures["expires_at"], entry.figures["worth_cents"]) == (None, None)


def test_a_target_too_low_for_the_lead_time_is_raised():
    assert recommendations(AccountTerms(500), reorder=2000) == []
    (entry,) = recommendations(AccountTerms(500), reorder=2500)
    assert (entry.kind, entry.figures["target_cents"]) == ("target", 3750)
    assert entry.figures["target_cents"] * 2 // 3 >= entry.figures["reorder_cents"]


def test_json_holds_plain_values():
    entry = recommendations()[0].as_json()
    assert entry["kind"] == "tier"
    assert all(isinstance(value, str | int | float | bool) for value in entry.values())

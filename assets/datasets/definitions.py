"""The definition of every dataset.

The endpoint in ``smsonline.endpoints`` tells which of the vendor's spellings are documented and which are assumed.
"""

from collections.abc import Mapping
from typing import Any

from assets.datasets.spec import Dataset, FanOut, Field
from smsonline.pii import mask_phone

COUNTRY_CODE = Field(
    "country_code", ("cShort",), presence="required", comment="The vendor's own country code, not ISO."
)
COUNTRY = Field("country", ("country",), comment="Display name.")
CARRIER = Field("carrier", ("carrier",), presence="required", comment="Carrier name, or 'any'.")
SERVICE_CODE = Field("service_code", ("sShort",), presence="required", comment="The vendor's own service code.")
SERVICE = Field("service", ("service",), comment="Display name.")
PRICE = Field("price_cents", ("price",), "cents", comment="Price of one number, US cents.")
STOCK = Field("stock", ("count",), "integer", comment="Numbers available.")


def count_of(items: Any) -> int | None:
    """The number of messages in a list, which PHP sends as ``{}`` when it is empty; ``None`` for anything else."""
    return len(items) if isinstance(items, list) or items == {} else None


def first_received(items: Any) -> Any:
    """The earliest ``receivedAtUTC`` of a list of messages, ``None`` without one."""
    times = [item.get("receivedAtUTC") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return min((time for time in times if isinstance(time, str)), default=None)


def masked(number: Any) -> Any:
    """The last four digits of a phone number; raw may store the full one."""
    return number if "*" in str(number) else mask_phone(str(number))


COUNTRIES = Dataset(
    "countries",
    "countries",
    key=("country_code", "carrier"),
    fields=(COUNTRY_CODE, COUNTRY, CARRIER),
    cadence_minutes=1440,
    description="Countries on offer and the carriers in each.",
    nesting_keys=("cShort", "carrier"),
    explode=("carriers", "carrier"),
)
SERVICES = Dataset(
    "services",
    "services",
    key=("country_code", "carrier", "service_code"),
    fields=(
        Field("country_code", from_param="country", presence="required", comment=COUNTRY_CODE.comment),
        Field("carrier", from_param="carrier", presence="required", comment=CARRIER.comment),
        SERVICE_CODE,
        SERVICE,
        PRICE,
        STOCK,
        Field("success_rate", ("successRate",), "rate", "optional", comment="Delivered share, fraction 0..1."),
    ),
    cadence_minutes=60,
    description="Price and stock per country, carrier and service: one request per country and carrier.",
    fan_out=FanOut("countries", {"country": "country_code", "carrier": "carrier"}),
    nesting_keys=("sShort",),
    ignored_fields=("cShort", "country", "carrier"),
)
POPULAR = Dataset(
    "popular",
    "popular",
    key=("country_code", "service_code"),
    fields=(
        COUNTRY_CODE,
        COUNTRY,
        SERVICE_CODE,
        SERVICE,
        Field("rank", ("rank",), "integer", comment="1 is the most popular."),
        PRICE,
        STOCK,
    ),
    cadence_minutes=60,
    description="What others buy most.",
    high_churn=True,
    nesting_keys=("cShort", "sShort"),
)
STATISTICS = Dataset(
    "statistics",
    "statistics",
    key=("country_code", "carrier", "service_code"),
    fields=(
        COUNTRY_CODE,
        COUNTRY,
        CARRIER,
        SERVICE_CODE,
        SERVICE,
        Field(
            "success_rate", ("successRate",), "rate", comment="The vendor's claim of delivered orders, fraction 0..1."
        ),
        Field("attempts", ("total",), "integer", comment="Orders that the claim rests on."),
        Field("successes", ("success",), "integer", comment="Orders that received a message."),
        Field("average_seconds", ("averageSeconds",), "number", comment="Mean wait for the message, seconds."),
    ),
    cadence_minutes=15,
    description="Claimed success rate per country, carrier and service.",
    nesting_keys=("cShort", "sShort", "carrier"),
)
INVENTORY = Dataset(
    "inventory",
    "inventory",
    key=("account_id", "order_id"),
    fields=(
        Field("order_id", ("orderId",), presence="required", comment="The vendor's order number."),
        COUNTRY_CODE,
        COUNTRY,
        Field("carrier", ("carrier",), comment=CARRIER.comment),
        SERVICE_CODE,
        SERVICE,
        Field("phone_masked", ("phoneNumber",), transform=masked, comment="Only the last four digits are kept."),
        Field("phone_hash", ("phoneHash",), comment="Keyed hash of the full number, to join on."),
        Field("purchase_price_cents", ("purchasePrice",), "cents", comment="What the number cost, US cents."),
        Field("status", ("status",), comment="As the vendor spells it."),
        Field("created_at", ("createdAtUTC",), "instant", comment="When it was bought, UTC."),
        Field("expires_at", ("expiredAtUTC",), "instant", comment="When it ends, UTC."),
        Field("sms_count", ("sms",), "integer", transform=count_of, comment="Messages received."),
        Field("first_sms_at", ("sms",), "instant", transform=first_received, comment="First message received, UTC."),
    ),
    cadence_minutes=5,
    description="The account's numbers: all active ones, and the newest expired ones up to the request's limit.",
    params={"limit": "100"},
    nesting_keys=("orderId",),
    full_snapshot=False,
)
INVOICES = Dataset(
    "invoices",
    "invoices",
    key=("account_id", "payment_id"),
    fields=(
        Field("payment_id", ("payId", "sesid"), presence="required", comment="The vendor's payment id."),
        Field("session_id", ("sesid",), comment="The vendor's session id."),
        Field("method", ("method",), comment="Payment method, as the vendor spells it."),
        Field("amount_cents", ("amount",), "cents", presence="required", comment="Amount, US cents."),
        Field("status", ("status",), comment="As the vendor spells it."),
        Field("created_at", ("created",), "instant", comment="When it was created, UTC."),
        Field("expires_at", ("expires_at",), "instant", comment="When it can no longer be paid, UTC."),
    ),
    cadence_minutes=2,
    description="Top-ups of the account, paid or not.",
    nesting_keys=("payId",),
    ignored_fields=("userId",),
)
BALANCES = Dataset(
    "balances",
    "balance",
    key=("account_id",),
    fields=(
        Field("balance_cents", ("balance",), "cents", presence="required", comment="Money left, US cents."),
        Field(
            "total_charges_cents", ("totalCharges",), "cents", numeric_text=True, comment="Topped up ever, US cents."
        ),
        Field("coupon_count", ("couponCount",), "integer", comment="Coupons held."),
        Field("discount_label", ("currentDiscountRate",), comment="The current tier's label, such as '-20%'."),
        Field("status", ("status",), comment="As the vendor spells it."),
        Field("language", ("lang",), comment="Language of the account."),
        Field("referral", ("referral",), comment="Referral code."),
        Field("vip_support", ("vipSupport",), "flag", comment="Whether the account has VIP support."),
        Field("vip_telegram", ("vipTelegram",), comment="VIP support contact."),
        Field("stripe_id", ("stripeId",), comment="Customer id at Stripe."),
        Field("cryptomus_id", ("cryptomusId",), comment="Customer id at Cryptomus."),
    ),
    cadence_minutes=2,
    description="The account's balance.",
    ignored_fields=("userId", "discountRates"),
    is_object=True,
)
DISCOUNT_TIERS = Dataset(
    "discount_tiers",
    "balance",
    key=("account_id", "threshold_cents"),
    fields=(
        Field(
            "threshold_cents",
            ("threshold",),
            "cents",
            presence="required",
            comment="Total charges from here on, US cents.",
        ),
        Field("multiplier", ("multiplier",), "number", comment="Prices are multiplied by this."),
        Field("label", ("label",), comment="Such as '-20%'."),
    ),
    cadence_minutes=1440,
    description="Discount tiers by what was topped up so far.",
    records_path="body.discountRates",
    array_columns=("threshold", "multiplier", "label"),
    # The account around the tiers. Its numbers are no paging.
    envelope_members=(*BALANCES.ignored_fields, *(field.aliases[0] for field in BALANCES.fields), "total", "count"),
)
COUPONS = Dataset(
    "coupons",
    "coupons",
    key=("account_id", "code"),
    fields=(
        Field("code", ("code",), presence="required", comment="The coupon's code."),
        Field("status", ("status",), comment="As the vendor spells it."),
        Field("percent", ("percentage",), "integer", comment="Discount, percent."),
        Field("target", ("targetPay",), comment="Payment method it applies to."),
        Field("timing", ("timing",), "integer", comment="Not explained by the vendor; 30 in its example."),
        Field("issued_at", ("issuedAt",), "instant", comment="When it was issued, UTC."),
        Field("expires_at", ("expiredAt",), "instant", comment="When it ends, UTC."),
    ),
    cadence_minutes=1440,
    description="Coupons the account holds.",
    nesting_keys=("code",),
    ignored_fields=("userId",),
    envelope_members=("totalReceived",),
)
FAVOURITES = Dataset(
    "favourites",
    "favourites",
    key=("account_id", "country_code", "service_code"),
    fields=(COUNTRY_CODE, COUNTRY, SERVICE_CODE, SERVICE),
    cadence_minutes=1440,
    description="Services the account has marked.",
    nesting_keys=("cShort", "sShort"),
)

DATASETS: Mapping[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        COUNTRIES,
        SERVICES,
        POPULAR,
        STATISTICS,
        INVENTORY,
        INVOICES,
        BALANCES,
        DISCOUNT_TIERS,
        COUPONS,
        FAVOURITES,
    )
}

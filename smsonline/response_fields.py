"""Which fields of which answer the vendor documents, and which are assumed.

Documented fields come from the readable part of the endpoint's page; assumed ones stand in where the page was cut or
could not be found at all. Both are fields of one record, or of the answer itself where it has no list. The tests hold
every answer of the sandbox against this table.
"""

from __future__ import annotations

from typing import NamedTuple

Names = tuple[str, ...]


class Shape(NamedTuple):
    """Fields of one record of an answer. A shape without fields is plain text: a URL."""

    documented: Names = ()
    assumed: Names = ()

    @property
    def fields(self) -> frozenset[str]:
        """All field names."""
        return frozenset(self.documented + self.assumed)


ACCOUNT: Names = (
    *("userId", "stripeId", "cryptomusId", "balance", "status", "lang", "referral", "totalCharges", "couponCount"),
    *("currentDiscountRate", "vipSupport", "vipTelegram", "discountRates"),
)
INVOICE: Names = ("method", "sesid", "payId", "amount", "created", "expires_at", "status", "userId")
COUPON: Names = ("userId", "code", "issuedAt", "expiredAt", "status", "timing", "percentage", "targetPay")
ORDER: Names = (
    *("sShort", "cShort", "orderId", "country", "service", "carrier", "phoneNumber", "purchasePrice", "status"),
)
MESSAGES: Names = ("createdAtUTC", "expiredAtUTC", "sms")
PURCHASE: Names = ("orderId", "phoneNumber", "expiredAtUTC", "purchasePrice")
TRANSACTION: Names = (
    *("to_address", "currency", "network", "amountInUSD", "amountInCrypto", "expire_at", "url", "order_id"),
)
FAVOURITE: Names = ("sShort", "service", "cShort", "country")
COUNTRY: Names = ("cShort", "country", "carriers")
OFFER: Names = ("sShort", "service", "price", "count")
DETAIL: Names = ("sShort", "service", "cShort", "country", "carrier", "price", "count", "successRate")
POPULAR: Names = ("rank", "sShort", "service", "cShort", "country", "price", "count")
STATISTIC: Names = (
    *("cShort", "country", "sShort", "service", "carrier", "total", "success", "successRate", "averageSeconds"),
)

SHAPES: dict[str, Shape] = {
    "balance": Shape(ACCOUNT),
    "invoices": Shape(INVOICE),
    "coupons": Shape(COUPON),
    "favourites": Shape(assumed=FAVOURITE),
    "toggle_favourite": Shape(assumed=("sShort", "cShort", "favourite")),
    "countries": Shape(assumed=COUNTRY),
    "popular": Shape(assumed=POPULAR),
    "services": Shape(assumed=OFFER),
    "service_detail": Shape(assumed=DETAIL),
    "statistics": Shape(assumed=STATISTIC),
    "inventory": Shape(assumed=ORDER + MESSAGES),
    "order": Shape(ORDER, MESSAGES),
    "create_order": Shape(PURCHASE),
    "change_order": Shape(assumed=("orderId", "status")),
    "create_invoice": Shape(),
    "create_wallet": Shape(("order_id",), (*TRANSACTION[:-1], "status")),
    "transaction": Shape(TRANSACTION, ("status",)),
    "create_card_invoice": Shape(),
    "v2_balance": Shape(assumed=("error", "balance", "total")),
    "v2_create_invoice": Shape(),
    "v2_create_wallet": Shape(assumed=(*TRANSACTION, "status")),
    "v2_countries": Shape(assumed=COUNTRY),
    "v2_services": Shape(assumed=OFFER),
    "v2_service_detail": Shape(assumed=DETAIL),
    "v2_country_statistics": Shape(assumed=STATISTIC),
    "v2_purchase": Shape(("error", *PURCHASE)),
    "v2_refund": Shape(assumed=("error", "orderId")),
    "v2_phone_status": Shape(assumed=ORDER + MESSAGES),
    "v2_bulk_phone_status": Shape(assumed=ORDER + MESSAGES),
}

"""The fields of each endpoint's response: documented by the vendor, or assumed.

Documented fields come from the readable part of the endpoint's page; assumed ones replace a page that was cut or could
not be found at all. Both are fields of one record, or of the response itself where it has no list. The tests compare
every response of the sandbox with this table.
"""

from typing import NamedTuple

Names = tuple[str, ...]


class ResponseFields(NamedTuple):
    """Fields of one record of a response. Without any field the response is plain text: a URL."""

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

RESPONSE_FIELDS: dict[str, ResponseFields] = {
    "balance": ResponseFields(ACCOUNT),
    "invoices": ResponseFields(INVOICE),
    "coupons": ResponseFields(COUPON),
    "favourites": ResponseFields(assumed=FAVOURITE),
    "toggle_favourite": ResponseFields(assumed=("sShort", "cShort", "favourite")),
    "countries": ResponseFields(assumed=COUNTRY),
    "popular": ResponseFields(assumed=POPULAR),
    "services": ResponseFields(assumed=OFFER),
    "service_detail": ResponseFields(assumed=DETAIL),
    "statistics": ResponseFields(assumed=STATISTIC),
    "inventory": ResponseFields(assumed=ORDER + MESSAGES),
    "order": ResponseFields(ORDER, MESSAGES),
    "create_order": ResponseFields(PURCHASE),
    "change_order": ResponseFields(assumed=("orderId", "status")),
    "create_invoice": ResponseFields(),
    "create_wallet": ResponseFields(("order_id",), (*TRANSACTION[:-1], "status")),
    "transaction": ResponseFields(TRANSACTION, ("status",)),
    "create_card_invoice": ResponseFields(),
    "v2_balance": ResponseFields(assumed=("error", "balance", "total")),
    "v2_create_invoice": ResponseFields(),
    "v2_create_wallet": ResponseFields(assumed=(*TRANSACTION, "status")),
    "v2_countries": ResponseFields(assumed=COUNTRY),
    "v2_services": ResponseFields(assumed=OFFER),
    "v2_service_detail": ResponseFields(assumed=DETAIL),
    "v2_country_statistics": ResponseFields(assumed=STATISTIC),
    "v2_purchase": ResponseFields(("error", *PURCHASE)),
    "v2_refund": ResponseFields(assumed=("error", "orderId")),
    "v2_phone_status": ResponseFields(assumed=ORDER + MESSAGES),
    "v2_bulk_phone_status": ResponseFields(assumed=ORDER + MESSAGES),
}

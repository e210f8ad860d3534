"""Countries, carriers and services that the sandbox sells. Codes are the vendor's internal ones, not ISO."""

from dataclasses import dataclass
from typing import Literal

Scale = Literal["small", "large"]


@dataclass(frozen=True)
class Country:
    """``code`` is a digit string; ``carriers`` always begins with ``any``."""

    code: str
    name: str
    dial: str
    carriers: tuple[str, ...]


@dataclass(frozen=True)
class Service:
    """``price_cents`` is the usual price of a number for this service."""

    code: str
    name: str
    price_cents: int


COUNTRIES = (
    Country("12", "United States", "1", ("any", "tmobile", "verizon")),
    Country("16", "United Kingdom", "44", ("any", "o2", "three")),
    Country("43", "Germany", "49", ("any", "vodafone")),
    Country("78", "France", "33", ("any", "orange", "sfr")),
    Country("48", "Netherlands", "31", ("any", "lebara")),
    Country("15", "Poland", "48", ("any", "play", "plus")),
    Country("6", "Indonesia", "62", ("any", "telkomsel")),
    Country("22", "India", "91", ("any", "airtel", "jio")),
    Country("4", "Philippines", "63", ("any",)),
    Country("73", "Brazil", "55", ("any", "claro")),
    Country("36", "Canada", "1", ("any", "rogers")),
    Country("46", "Sweden", "46", ("any",)),
)

# Code, name, usual price in US cents.
SERVICE_LIST = (
    "ds:Discord:16,tg:Telegram:62,wa:WhatsApp:55,go:Google:24,fb:Facebook:14,ig:Instagram:12,tw:X:11,"
    "oi:Tinder:38,ub:Uber:13,am:Amazon:15,mm:Microsoft:9,wx:Apple:21,nf:Netflix:10,lf:TikTok:12,ts:PayPal:33,"
    "hb:Twitch:8,mt:Steam:19,vi:Viber:17,dr:OpenAI:22,ot:Any other:28"
)
SERVICES = tuple(
    Service(code, name, int(price_cents))
    for code, name, price_cents in (service.split(":") for service in SERVICE_LIST.split(","))
)

FURTHER_COUNTRIES = (
    "Afghanistan,Albania,Algeria,Angola,Argentina,Armenia,Australia,Austria,Azerbaijan,Bahamas,Bahrain,"
    "Bangladesh,Barbados,Belarus,Belgium,Belize,Benin,Bhutan,Bolivia,Bosnia,Botswana,Brunei,Bulgaria,"
    "Burkina Faso,Burundi,Cambodia,Cameroon,Cape Verde,Chad,Chile,Colombia,Comoros,Congo,Costa Rica,Croatia,"
    "Cuba,Cyprus,Czechia,Denmark,Djibouti,Dominica,Ecuador,Egypt,El Salvador,Eritrea,Estonia,Eswatini,"
    "Ethiopia,Fiji,Finland,Gabon,Gambia,Georgia,Ghana,Greece,Grenada,Guatemala,Guinea,Guyana,Haiti,Honduras,"
    "Hong Kong,Hungary,Iceland,Iran,Iraq,Ireland,Israel,Italy,Ivory Coast,Jamaica,Japan,Jordan,Kazakhstan,"
    "Kenya,Kuwait,Kyrgyzstan,Laos,Latvia,Lebanon,Lesotho,Liberia,Libya,Lithuania,Luxembourg,Madagascar,Malawi,"
    "Malaysia,Maldives,Mali,Malta,Mauritania,Mauritius,Mexico,Moldova,Mongolia,Montenegro,Morocco,Mozambique,"
    "Myanmar,Namibia,Nepal,New Zealand,Nicaragua,Niger,Nigeria,North Macedonia,Norway,Oman,Pakistan,Panama,"
    "Paraguay,Peru,Portugal,Qatar,Romania,Rwanda,Saudi Arabia,Senegal,Serbia,Sierra Leone,Singapore,Slovakia,"
    "Slovenia,Somalia,South Africa,South Korea,Spain,Sri Lanka,Sudan,Switzerland,Taiwan,Tanzania,Thailand,"
    "Tunisia,Turkey,Uganda,Ukraine"
)
FURTHER_CARRIERS = ("airtel", "digicel", "mtn", "orange", "telenor", "vodafone")
LARGE_SERVICES = 460


def countries(scale: Scale) -> tuple[Country, ...]:
    """12 countries, or 150 with three carriers each."""
    if scale == "small":
        return COUNTRIES
    main = (Country(c.code, c.name, c.dial, (*c.carriers, "lycamobile", "virgin")[:3]) for c in COUNTRIES)
    further = (
        Country(str(200 + i), name, str(200 + i), ("any", FURTHER_CARRIERS[i % 6], FURTHER_CARRIERS[(i + 1) % 6]))
        for i, name in enumerate(FURTHER_COUNTRIES.split(","))
    )
    return (*main, *further)


def services(scale: Scale) -> tuple[Service, ...]:
    """20 services, or 460."""
    if scale == "small":
        return SERVICES
    further = (Service(f"z{n}", f"Service {n}", 5 + n * 7 % 60) for n in range(len(SERVICES), LARGE_SERVICES))
    return (*SERVICES, *further)

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

SERVICES = (
    Service("ds", "Discord", 16),
    Service("tg", "Telegram", 62),
    Service("wa", "WhatsApp", 55),
    Service("go", "Google", 24),
    Service("fb", "Facebook", 14),
    Service("ig", "Instagram", 12),
    Service("tw", "X", 11),
    Service("oi", "Tinder", 38),
    Service("ub", "Uber", 13),
    Service("am", "Amazon", 15),
    Service("mm", "Microsoft", 9),
    Service("wx", "Apple", 21),
    Service("nf", "Netflix", 10),
    Service("lf", "TikTok", 12),
    Service("ts", "PayPal", 33),
    Service("hb", "Twitch", 8),
    Service("mt", "Steam", 19),
    Service("vi", "Viber", 17),
    Service("dr", "OpenAI", 22),
    Service("ot", "Any other", 28),
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
    further = (_further_country(i, name) for i, name in enumerate(FURTHER_COUNTRIES.split(",")))
    return (*main, *further)


def _further_country(position: int, name: str) -> Country:
    carriers = ("any", FURTHER_CARRIERS[position % 6], FURTHER_CARRIERS[(position + 1) % 6])
    return Country(str(200 + position), name, str(200 + position), carriers)


def services(scale: Scale) -> tuple[Service, ...]:
    """20 services, or 460."""
    if scale == "small":
        return SERVICES
    further = (Service(f"z{n}", f"Service {n}", 5 + n * 7 % 60) for n in range(len(SERVICES), LARGE_SERVICES))
    return (*SERVICES, *further)

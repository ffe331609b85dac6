"""What a shipment costs: made up from service, weight and province alone, always the same; pure."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

_BASE = {"DOM.RP": "9.10", "DOM.EP": "11.40", "DOM.XP": "15.25", "DOM.XP.CERT": "17.80", "DOM.PC": "24.90"}
_PER_KILOGRAM = Decimal("1.35")
_ZONES = {
    **dict.fromkeys(("ON", "QC"), Decimal("1.00")),
    **dict.fromkeys(("NB", "NS", "PE", "MB", "SK"), Decimal("1.20")),
    **dict.fromkeys(("AB", "BC", "NL"), Decimal("1.35")),
    **dict.fromkeys(("NT", "NU", "YT"), Decimal("2.10")),
}
_FUEL = Decimal("0.115")
_HARMONIZED = {"ON": "0.13", "NB": "0.15", "NL": "0.15", "NS": "0.14", "PE": "0.15"}
_GOODS = Decimal("0.05")


@dataclass(frozen=True)
class Price:
    """Dollars; `due` is what is paid."""

    base: Decimal
    fuel: Decimal
    gst: Decimal
    hst: Decimal

    @property
    def before_tax(self) -> Decimal:
        return self.base + self.fuel

    @property
    def due(self) -> Decimal:
        return self.before_tax + self.gst + self.hst


def price(service: str, weight: Decimal, province: str) -> Price:
    base = _cents((Decimal(_BASE.get(service, "5.00")) + _PER_KILOGRAM * weight) * _ZONES[province])
    fuel = _cents(base * _FUEL)
    harmonized = province in _HARMONIZED
    hst = _cents((base + fuel) * Decimal(_HARMONIZED[province])) if harmonized else Decimal("0.00")
    gst = Decimal("0.00") if harmonized else _cents((base + fuel) * _GOODS)
    return Price(base, fuel, gst, hst)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)

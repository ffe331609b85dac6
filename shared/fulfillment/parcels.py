"""How heavy and how large an order's parcel is: by SKU from a table, with a default for the rest. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from shared.fulfillment.ports import Parcel

HEAVIEST = Decimal(30)  # kilograms; Canada Post's limit for a parcel
LONGEST = Decimal(200)  # centimetres of any side


class ParcelSize(BaseModel):
    """Of one piece: kilograms and centimetres."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: Decimal = Field(gt=0, le=HEAVIEST, decimal_places=3)
    length: Decimal = Field(gt=0, le=LONGEST, decimal_places=1)
    width: Decimal = Field(gt=0, le=LONGEST, decimal_places=1)
    height: Decimal = Field(gt=0, le=LONGEST, decimal_places=1)


def parcel_of(
    lines: Sequence[tuple[str, str, int]], table: Mapping[str, ParcelSize], default: ParcelSize
) -> Parcel | str:
    """One parcel for all lines (line id, SKU, quantity), the pieces stacked on their height.

    Returns the reason instead when the carrier would not take it.
    """
    pieces = [(table.get(sku, default), quantity) for _, sku, quantity in lines]
    if not pieces:
        return "the order has no lines"
    parcel = Parcel(
        weight=sum((size.weight * quantity for size, quantity in pieces), Decimal(0)).quantize(
            Decimal("0.001")
        ),
        length=max(size.length for size, _ in pieces),
        width=max(size.width for size, _ in pieces),
        height=sum((size.height * quantity for size, quantity in pieces), Decimal(0)).quantize(
            Decimal("0.1")
        ),
    )
    if parcel.weight > HEAVIEST:
        return f"the parcel weighs {parcel.weight} kg, more than {HEAVIEST}"
    if parcel.height > LONGEST:
        return f"the parcel is {parcel.height} cm high, more than {LONGEST}"
    return parcel

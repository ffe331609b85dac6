"""Weight and size of an order's parcel, by SKU from the store's table or from a default. Pure."""

from collections.abc import Sequence
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from shared.fulfillment.carrier import Parcel

HEAVIEST = Decimal(30)  # kilograms; Canada Post's limit for a parcel
LONGEST = Decimal(200)  # centimetres of any side


class ParcelSize(BaseModel):
    """One piece, in kilograms and centimetres."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: Decimal = Field(gt=0, le=HEAVIEST, decimal_places=3)
    length: Decimal = Field(gt=0, le=LONGEST, decimal_places=1)
    width: Decimal = Field(gt=0, le=LONGEST, decimal_places=1)
    height: Decimal = Field(gt=0, le=LONGEST, decimal_places=1)


def parcel_of(pieces: Sequence[tuple[ParcelSize | None, int]], default: ParcelSize) -> Parcel | str:
    """One parcel for all pieces (size of one, how many), stacked on their height.

    Returns the reason instead when the carrier would not take it.
    """
    sized = [(size or default, quantity) for size, quantity in pieces if quantity > 0]  # 0: cancelled
    if not sized:
        return "the order has nothing to send"
    parcel = Parcel(
        weight=sum((size.weight * quantity for size, quantity in sized), Decimal(0)).quantize(
            Decimal("0.001")
        ),
        length=max(size.length for size, _ in sized),
        width=max(size.width for size, _ in sized),
        height=sum((size.height * quantity for size, quantity in sized), Decimal(0)).quantize(Decimal("0.1")),
    )
    if parcel.weight > HEAVIEST:
        return f"the parcel weighs {parcel.weight} kg, more than {HEAVIEST}"
    if parcel.height > LONGEST:
        return f"the parcel is {parcel.height} cm high, more than {LONGEST}"
    return parcel

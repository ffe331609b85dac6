"""Weight and size of an order's parcel, by SKU from the store's table or from a default. Pure."""

from collections.abc import Sequence
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from shared.fulfillment.carrier import Parcel

HEAVIEST = Decimal(30)  # kilograms; Canada Post's limit for a parcel
LONGEST = Decimal(200)  # centimetres of any side
MOST_PIECES = 1000  # of one line, when they are distributed


class ParcelSize(BaseModel):
    """One piece, in kilograms and centimetres."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    weight: Decimal = Field(gt=0, le=HEAVIEST, decimal_places=3)
    length: Decimal = Field(gt=0, le=LONGEST, decimal_places=1)
    width: Decimal = Field(gt=0, le=LONGEST, decimal_places=1)
    height: Decimal = Field(gt=0, le=LONGEST, decimal_places=1)


def parcel_of(pieces: Sequence[tuple[ParcelSize | None, int]], default: ParcelSize) -> Parcel | str:
    """One parcel for all pieces (size of one, how many), stacked on their height.

    Returns the reason instead when the carrier would not take it.
    """
    sized = [(size or default, quantity) for size, quantity in pieces if quantity > 0]  # 0: cancelled
    return _stacked(sized) if sized else "the order has nothing to send"


def parcels_of(
    pieces: Sequence[tuple[ParcelSize | None, int]], default: ParcelSize, number: int
) -> Sequence[Parcel] | str:
    """So many parcels for all pieces, the heaviest piece first, each piece into the lightest parcel that can take it.

    Returns the reason instead when they cannot be distributed.
    """
    if number == 1:
        whole = parcel_of(pieces, default)
        return whole if isinstance(whole, str) else [whole]
    if any(quantity > MOST_PIECES for _, quantity in pieces):
        return f"a line of more than {MOST_PIECES} pieces is not distributed"
    single = [size or default for size, quantity in pieces for _ in range(quantity)]
    if len(single) < number:
        return f"the order has {len(single)} pieces, too few for {number} parcels"
    places: list[list[tuple[ParcelSize, int]]] = [[] for _ in range(number)]
    for size in sorted(single, key=lambda each: (each.weight, each.height), reverse=True):
        for place in sorted(places, key=lambda content: sum(each.weight for each, _ in content)):
            if not isinstance(_stacked([*place, (size, 1)]), str):
                place.append((size, 1))
                break
        else:
            return f"the pieces do not fit into {number} parcels of {HEAVIEST} kg and {LONGEST} cm"
    stacked = [_stacked(place) for place in places]
    return [parcel for parcel in stacked if isinstance(parcel, Parcel)]


def fewest(pieces: Sequence[tuple[ParcelSize | None, int]], default: ParcelSize, most: int) -> int | str:
    """The fewest parcels, up to `most`, that can carry all pieces; else the reason why one cannot."""
    reason = parcel_of(pieces, default)
    if not isinstance(reason, str):
        return 1
    for number in range(2, most + 1):
        if not isinstance(parcels_of(pieces, default, number), str):
            return number
    return reason


def _stacked(sized: Sequence[tuple[ParcelSize, int]]) -> Parcel | str:
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

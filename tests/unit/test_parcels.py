from decimal import Decimal

import pytest
from pydantic import ValidationError

from shared.fulfillment.carrier import Parcel
from shared.fulfillment.parcels import ParcelSize, fewest, parcel_of, parcels_of


def size(weight: str, length: str = "30", width: str = "20", height: str = "10") -> ParcelSize:
    return ParcelSize(
        weight=Decimal(weight), length=Decimal(length), width=Decimal(width), height=Decimal(height)
    )


DEFAULT = size("1")
DISC = size("0.125", "12.5", "8", "0.9")


@pytest.mark.parametrize(
    ("pieces", "parcel"),
    [
        ([(None, 1)], ("1.000", "30", "20", "10.0")),
        ([(DISC, 1)], ("0.125", "12.5", "8", "0.9")),
        ([(DISC, 3)], ("0.375", "12.5", "8", "2.7")),
        ([(DISC, 2), (None, 1)], ("1.250", "30", "20", "11.8")),  # 2 x .125 + 1; 2 x .9 + 10
        ([(None, 0), (DISC, 1)], ("0.125", "12.5", "8", "0.9")),  # the first line was cancelled
        ([(size("30", "200", "200", "200"), 1)], ("30.000", "200", "200", "200.0")),
    ],
)
def test_pieces_are_stacked_into_one_parcel(
    pieces: list[tuple[ParcelSize | None, int]], parcel: tuple[str, str, str, str]
) -> None:
    assert parcel_of(pieces, DEFAULT) == Parcel(*map(Decimal, parcel))


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([], "the order has nothing to send"),
        ([(DISC, 0), (None, 0)], "the order has nothing to send"),
        ([(size("15.001", height="1"), 2)], "the parcel weighs 30.002 kg, more than 30"),
        ([(size("0.1"), 21)], "the parcel is 210.0 cm high, more than 200"),
        ([(None, 2**63 - 1)], "the parcel weighs 9223372036854775807.000 kg, more than 30"),
    ],
)
def test_a_parcel_that_the_carrier_would_not_take_is_refused(
    pieces: list[tuple[ParcelSize | None, int]], reason: str
) -> None:
    assert parcel_of(pieces, DEFAULT) == reason


@pytest.mark.parametrize("weight", ["0", "-1", "30.001", "0.0001", "NaN", "Infinity"])
def test_a_size_out_of_range_is_refused(weight: str) -> None:
    with pytest.raises(ValidationError):
        size(weight)


ANVIL = size("20")


@pytest.mark.parametrize(
    ("pieces", "number", "weights"),
    [
        ([(ANVIL, 1)], 1, ["20.000"]),
        ([(ANVIL, 2)], 2, ["20.000", "20.000"]),
        ([(ANVIL, 2), (None, 3)], 2, ["22.000", "21.000"]),  # 20 + 1 + 1, 20 + 1
        ([(ANVIL, 3), (None, 0)], 3, ["20.000"] * 3),
        ([(size("1", height="100"), 4)], 2, ["2.000", "2.000"]),  # 2 x 100 cm each
    ],
)
def test_pieces_are_distributed_over_so_many_parcels(
    pieces: list[tuple[ParcelSize | None, int]], number: int, weights: list[str]
) -> None:
    parcels = parcels_of(pieces, DEFAULT, number)
    assert not isinstance(parcels, str)
    assert [str(parcel.weight) for parcel in parcels] == weights
    assert sum(parcel.weight for parcel in parcels) == sum((s or DEFAULT).weight * n for s, n in pieces)


@pytest.mark.parametrize(
    ("pieces", "number", "reason"),
    [
        ([(ANVIL, 2)], 1, "the parcel weighs 40.000 kg, more than 30"),
        ([(ANVIL, 3)], 2, "the pieces do not fit into 2 parcels of 30 kg and 200 cm"),
        ([(ANVIL, 1)], 2, "the order has 1 pieces, too few for 2 parcels"),
        ([(ANVIL, 0)], 2, "the order has 0 pieces, too few for 2 parcels"),
    ],
)
def test_pieces_that_cannot_be_distributed_give_the_reason(
    pieces: list[tuple[ParcelSize | None, int]], number: int, reason: str
) -> None:
    assert parcels_of(pieces, DEFAULT, number) == reason


@pytest.mark.parametrize(
    ("pieces", "most", "needed"),
    [
        ([(ANVIL, 1)], 5, 1),
        ([(ANVIL, 3)], 5, 3),
        ([(ANVIL, 3)], 2, "the parcel weighs 60.000 kg, more than 30"),
        ([(ANVIL, 2)], 1, "the parcel weighs 40.000 kg, more than 30"),
    ],
)
def test_the_fewest_parcels_are_used(
    pieces: list[tuple[ParcelSize | None, int]], most: int, needed: int | str
) -> None:
    assert fewest(pieces, DEFAULT, most) == needed

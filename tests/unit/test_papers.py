"""Labels in picking order as one PDF, packing slips and the names of the files, read back as PDFs."""

import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from io import BytesIO

import pytest
from fpdf import FPDF
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter

from shared.errors import Conflict
from shared.fulfillment.papers import (
    Item,
    SlipOrder,
    bookmark,
    joined,
    label_name,
    labels_name,
    packing_slip,
    picking_order,
    slip_name,
)
from shared.fulfillment.ports import Address

EST = timezone(timedelta(hours=-5), "EST")
LETTER, FOUR_BY_SIX = (612.0, 792.0), (288.0, 432.0)
ADDRESS = Address(
    name="Nguyễn Thị Ánh",
    company="Ateliers Nord Ltée",
    street_1="1200 rue Sainte-Catherine Ouest",
    street_2="app. 14",
    city="Montréal",
    state="QC",
    postal_code="H3B 1A1",
    country="CAN",
    phone="514 555 1234",
    additional_info="Buzz 14",
)
ORDER = SlipOrder(
    order_id="248190001-A",
    commercial_id="248190001",
    shop="Électronique Wójcik Ltée",
    ordered_at=datetime(2026, 11, 25, 14, 5, tzinfo=EST),
    ship_before=datetime(2026, 11, 28, 23, 59, tzinfo=EST),
    ship_to=ADDRESS,
    items=(Item("MX-12-BLK", "Wireless headphones", 2), Item("CB-7", "Câble USB-C tressé", 11)),
    tracking_number="1234567890123456",
)


def pages(pdf: bytes) -> list[str]:
    """The text of each page, with single blanks."""
    return [" ".join(page.extract_text().split()) for page in PdfReader(BytesIO(pdf), strict=True).pages]


def slip(**changes: object) -> list[str]:
    return pages(packing_slip(replace(ORDER, **changes)))  # type: ignore[arg-type]  # any field may be changed


@cache
def label(text: str, *sizes: tuple[float, float]) -> bytes:
    paper = FPDF(unit="pt")
    for number, size in enumerate(sizes or (FOUR_BY_SIX,), 1):
        paper.add_page(format=size)
        paper.set_font("helvetica", size=12)
        paper.cell(text=f"{text} page {number}")
    return bytes(paper.output())


# --- packing slips


def test_a_slip_says_what_goes_where_until_when_and_nothing_of_money_or_telephone() -> None:
    [page] = slip()

    for text in (
        *("Électronique Wójcik Ltée", "Packing slip", "Page 1 of 1"),
        *("248190001-A", "Commercial id 248190001", "2026-11-25 14:05 EST", "2026-11-28 23:59 EST"),
        *("Nguyễn Thị Ánh", "Ateliers Nord Ltée", "1200 rue Sainte-Catherine Ouest", "app. 14", "Buzz 14"),
        *("Montréal QC H3B 1A1", "CAN", "Tracking 1234567890123456", "Parcels 1"),
        *("MX-12-BLK Wireless headphones 2", "CB-7 Câble USB-C tressé 11", "13 pieces"),
    ):
        assert text in page
    assert "514" not in page
    assert "$" not in page


def test_a_slip_is_made_before_the_label_too() -> None:
    [page] = slip(tracking_number=None, ship_before=None, parcels=3, items=[Item("A", "b", 1)])

    assert "Tracking none yet" in page
    assert "Ship before not given" in page
    assert "Parcels 3" in page
    assert "1 piece" in page
    assert "1 pieces" not in page


def test_an_address_has_only_the_lines_that_it_needs() -> None:
    plain = Address("Ada Roy", None, "1 Main St", " ", "Halifax", None, None, "CAN", None)

    assert "Ship to Ada Roy 1 Main St Halifax CAN" in " ".join(slip(ship_to=plain))


def test_a_slip_is_on_letter_paper_and_the_same_bytes_for_the_same_order() -> None:
    first = packing_slip(ORDER)

    assert size_of(first, 0) == LETTER
    assert packing_slip(ORDER) == first


def size_of(pdf: bytes, page: int) -> tuple[float, float]:
    box = PdfReader(BytesIO(pdf)).pages[page].mediabox
    return float(box.width), float(box.height)


def test_300_items_go_over_several_numbered_pages_each_with_the_heading() -> None:
    items = [Item(f"SKU-{number:03}", f"Title {number}", 2) for number in range(300)]

    found = slip(items=items)

    assert len(found) > 5
    for number, page in enumerate(found, 1):
        assert f"Page {number} of {len(found)}" in page
        assert "Order 248190001-A" in page
    assert all("SKU Title Quantity" in page for page in found[:-1])
    assert re.findall(r"SKU-\d{3}", " ".join(found)) == [item.sku for item in items]
    assert "600 pieces" in found[-1]


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Nguye\u0302\u0303n", "Nguyễn"),
        ("Zażółć Ŵŷ Ελληνικά Кириллица", "Zażółć Ŵŷ Ελληνικά Кириллица"),
        ("김민지 & 東京", "??? & ??"),
        ("two\nlines\r\n\tand\x00more\x1b[31m", "two lines and more [31m"),
        ("left\u202eright\u2066\u200b\u00ad\ufeff", "leftright"),
        ("\ud83d", "?"),
        ("half of {nb} **bold** __under__", "half of {nb} **bold** __under__"),
        ("wide\u2007\u2007blank", "wide blank"),
    ],
)
def test_a_text_is_printed_as_far_as_the_font_goes(title: str, shown: str) -> None:
    [page] = slip(items=[Item("S", title, 7)])

    assert f"S {shown} 7" in page


@pytest.mark.parametrize("many", [39, 45])
@pytest.mark.parametrize("text", ["W" * 5000, "a b " * 5000, "\u0300" * 5000, "\u202e" * 5000])
def test_a_text_without_end_is_cut_and_breaks_nothing(text: str, many: int) -> None:
    endless = Address(text, text, text, text, text, text, text, text, text, text)
    order = SlipOrder(
        order_id=text,
        commercial_id=text,
        shop=text,
        ordered_at=ORDER.ordered_at,
        ship_before=None,
        ship_to=endless,
        items=[Item(text, text, 3)] * many,
        tracking_number=text,
    )

    found = pages(packing_slip(order))

    assert f"Page {len(found)} of {len(found)}" in found[-1]
    assert f"{3 * many} pieces" in found[-1]


@settings(max_examples=20, deadline=None)
@given(st.text(max_size=400), st.text(max_size=150), st.integers())
def test_any_text_and_number_gives_a_slip(title: str, name: str, quantity: int) -> None:
    found = slip(items=[Item(name, title, quantity)], shop=name, ship_to=replace(ADDRESS, name=name))

    assert f"Page 1 of {len(found)}" in found[0]


def test_an_order_without_items_gives_an_empty_slip() -> None:
    [page] = slip(items=())

    assert "0 pieces" in page


# --- many labels as one PDF


def test_labels_are_joined_in_the_given_order_and_every_page_stays_as_it_is() -> None:
    whole = joined(
        [("b", label("second order", LETTER, LETTER)), ("a", label("first order")), ("c", label("third"))]
    )

    assert pages(whole) == [
        "second order page 1",
        "second order page 2",
        "first order page 1",
        "third page 1",
    ]
    assert [size_of(whole, number) for number in range(4)] == [LETTER, LETTER, FOUR_BY_SIX, FOUR_BY_SIX]


def test_each_label_has_a_bookmark_to_its_first_page() -> None:
    names = ["248190001-A · MX-12 x 2", "248190002-A · Ł 김 x 1"]
    whole = PdfReader(BytesIO(joined([(names[0], label("one", LETTER, LETTER)), (names[1], label("two"))])))

    found = [entry for entry in whole.outline if not isinstance(entry, list)]
    assert [entry.title for entry in found] == names
    assert [whole.get_destination_page_number(entry) for entry in found] == [0, 2]
    assert whole.page_mode == "/UseOutlines"


def test_500_labels_join() -> None:
    whole = joined([(f"order {number}", label(f"label {number % 7}")) for number in range(500)])

    reader = PdfReader(BytesIO(whole))
    assert len(reader.pages) == len(reader.outline) == 500
    assert reader.pages[499].extract_text().strip() == "label 2 page 1"


def test_no_labels_give_no_pages() -> None:
    assert pages(joined([])) == []


def locked() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(*FOUR_BY_SIX)
    writer.encrypt("secret", algorithm="RC4-128")
    written = BytesIO()
    writer.write(written)
    return written.getvalue()


def without_pages() -> bytes:
    written = BytesIO()
    PdfWriter().write(written)
    return written.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"", b"%PDF-1.7", b"<html>not a label</html>", label("cut")[:300], locked(), without_pages()],
    ids=["empty", "only a head", "a page of the web", "cut", "locked", "no pages"],
)
def test_a_label_that_cannot_be_read_is_named(content: bytes) -> None:
    with pytest.raises(Conflict, match=r"the label of 248190002-A · B x 1 is not a PDF that can be read"):
        joined([("248190001-A · A x 1", label("good")), ("248190002-A · B x 1", content)])


def test_what_pypdf_repairs_is_not_logged_for_it_may_be_an_address(caplog: pytest.LogCaptureFixture) -> None:
    joined([("an order", b"noise " + label("good"))])

    assert caplog.records == []


GOOD = label("good", LETTER)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=20), st.integers(0, 20))
def test_a_damaged_label_is_joined_or_named_and_never_anything_else(
    place: int, noise: bytes, lost: int
) -> None:
    damaged = GOOD[:place] + noise + GOOD[place + lost :]

    with suppress(Conflict):
        whole = joined([("an order", damaged), ("another", GOOD)])
        assert len(PdfReader(BytesIO(whole)).pages) >= 2


# --- the order of picking


def order(order_id: str, *skus: str, hour: int | None = 12) -> SlipOrder:
    before = None if hour is None else datetime(2026, 11, 27, hour, tzinfo=UTC)
    return replace(ORDER, order_id=order_id, ship_before=before, items=[Item(sku, "", 1) for sku in skus])


def test_the_same_items_are_picked_together_the_most_urgent_order_first() -> None:
    orders = [
        order("5", "B"),
        order("4", "A", "C", hour=18),
        order("3", "A", hour=None),
        order("2", "A", hour=9),
        order("10", "B"),
        order("1", "A", "B", hour=18),
    ]

    assert [each.order_id for each in picking_order(orders)] == ["2", "1", "4", "3", "10", "5"]


def test_an_order_without_items_or_zone_of_its_own_is_sorted_like_any_other() -> None:
    elsewhere = replace(order("1", "A"), ship_before=datetime(2026, 11, 27, 8, tzinfo=EST))  # 13:00 UTC

    found = picking_order([elsewhere, order("2", "A", hour=12), order("3")])

    assert [each.order_id for each in found] == ["3", "2", "1"]


def test_a_bookmark_names_order_item_and_how_much_more_there_is() -> None:
    assert bookmark(ORDER) == "248190001-A · MX-12-BLK x 2 + 1 more"
    assert bookmark(order("7", "A")) == "7 · A x 1"
    assert bookmark(order("7")) == "7"


# --- the names of the files


def test_the_files_have_names_that_a_person_understands() -> None:
    assert labels_name(date(2026, 11, 27), 25) == "labels 2026-11-27 (25 orders).pdf"
    assert labels_name(date(2026, 11, 27), 1) == "labels 2026-11-27 (1 order).pdf"
    assert label_name("248190001-A") == "label 248190001-A.pdf"
    assert slip_name("248190001-A") == "packing slip 248190001-A.pdf"


@pytest.mark.parametrize(
    ("order_id", "name"),
    [
        ("../../etc/passwd", "label .._.._etc_passwd.pdf"),
        ('a"b\r\nc:d', "label a_b_c_d.pdf"),
        ("김", "label _.pdf"),
        ("x" * 500, f"label {'x' * 100}.pdf"),
    ],
)
def test_the_name_of_a_file_holds_only_safe_characters(order_id: str, name: str) -> None:
    assert label_name(order_id) == name

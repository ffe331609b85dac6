"""Draws a packing slip. Only `papers` imports it, and only when a slip is asked for: fpdf2 takes 0.3 s to import."""

import unicodedata
from collections.abc import Container, Iterator
from datetime import datetime
from functools import cached_property
from pathlib import Path

from fpdf import FPDF, FontFace, XPos, YPos
from fpdf.fonts import TTFFont

from shared.fulfillment.papers import SlipOrder
from shared.fulfillment.ports import Address

FONT = Path(__file__).parent / "fonts" / "DejaVuSansCondensed.ttf"

LONGEST = 300
LONGEST_IN_HEAD = 100
LONGEST_IN_FOOT = 30
"""Characters of a text that are printed; a longer one ends with an ellipsis, so that the head leaves room for rows."""

# points: a letter page has 612 x 792
_MARGIN = 54.0
_WIDTH = 612 - 2 * _MARGIN
_COLUMNS = (136, 318, 50)
_BESIDE = (4, 12, 4, 0)
_FACTS_LEFT = _MARGIN + 290
_FACT_NAME = 76.0
_LINE = 15.0
_FOOT = 40.0

_BLACK, _GREY, _PALE = 20, 110, 205
_DIGIT = "\u2007"
"""Reserves room for the number of pages. It is a blank as wide as a digit, which `printable` leaves in no text."""
_FEW = 40  # items, which fit on fewer than ten pages even if each title is as long as can be


def drawn(order: SlipOrder) -> bytes:
    slip = _Slip(order)
    slip.head()
    slip.rows()
    return bytes(slip.output())


def printable(text: str, glyphs: Container[int], longest: int) -> str:
    """One line without control and direction marks; a character without a glyph becomes a question mark."""
    shown = "".join(map(_blank, unicodedata.normalize("NFC", text[: 10 * longest])))
    line = "".join(c if ord(c) in glyphs else "?" for c in " ".join(shown.split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _blank(character: str) -> str:
    match unicodedata.category(character):
        case "Cf":
            return ""
        case "Cc" | "Zs" | "Zl" | "Zp":
            return " "
        case _:
            return character


class _Slip(FPDF):
    def __init__(self, order: SlipOrder) -> None:
        super().__init__(unit="pt", format="letter")
        self._order = order
        self.add_font("slip", fname=FONT)
        self._pages = _DIGIT * (1 if len(order.items) < _FEW else 5)
        self.alias_nb_pages(self._pages)
        self.set_margin(_MARGIN)
        self.c_margin = 0.0  # texts begin exactly where the rules do
        self.set_auto_page_break(True, _MARGIN + 18)
        self.set_creation_date(order.ordered_at)
        self.set_title(f"Packing slip {self._printable(order.order_id)}")
        self.add_page()

    @cached_property
    def _glyphs(self) -> Container[int]:
        font = self.fonts["slip"]
        assert isinstance(font, TTFFont)
        return font.cmap

    def _printable(self, text: str, longest: int = LONGEST_IN_HEAD) -> str:
        return printable(text, self._glyphs, longest)

    def _pen(self, size: float, grey: int = _BLACK) -> None:
        self.set_font("slip", size=size)
        self.set_text_color(grey)

    def head(self) -> None:
        self._pen(13, _GREY)
        self.cell(_WIDTH, 22, "Packing slip", align="R", new_x=XPos.LMARGIN, new_y=YPos.TOP)
        self._pen(18)
        self.multi_cell(_WIDTH - 150, 22, self._printable(self._order.shop), align="L", new_y=YPos.NEXT)
        top = self.get_y() + 8
        self._rule(top)
        ends = [self._address(top + 14), self._facts(top + 14)]
        self.set_xy(_MARGIN, max(ends) + 16)

    def _rule(self, y: float) -> None:
        self.set_draw_color(_PALE)
        self.line(_MARGIN, y, _MARGIN + _WIDTH, y)

    def _address(self, top: float) -> float:
        self.set_xy(_MARGIN, top)
        self._pen(9, _GREY)
        self.cell(0, _LINE, "Ship to", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._pen(11)
        for line in address_lines(self._order.ship_to):
            width = _FACTS_LEFT - _MARGIN - 20
            self.multi_cell(
                width, _LINE, self._printable(line), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
            )
        return self.get_y()

    def _facts(self, top: float) -> float:
        order = self._order
        facts = {
            "Order": order.order_id,
            "Commercial id": order.commercial_id,
            "Ordered at": _moment(order.ordered_at),
            "Ship before": _moment(order.ship_before),
            "Tracking": order.tracking_number or "none yet",
            "Parcels": str(order.parcels),
        }
        self.set_y(top)
        for name, value in facts.items():
            self.set_x(_FACTS_LEFT)
            self._pen(9, _GREY)
            self.cell(_FACT_NAME, _LINE, name)
            self._pen(10)
            self.multi_cell(0, _LINE, self._printable(value), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        return self.get_y()

    def rows(self) -> None:
        """Its heading stands again on every page; a row is never broken."""
        self._pen(10)
        self.set_draw_color(_PALE)
        with self.table(
            col_widths=_COLUMNS,
            text_align=("LEFT", "LEFT", "RIGHT"),
            v_align="TOP",
            borders_layout="HORIZONTAL_LINES",
            headings_style=FontFace(color=_GREY, size_pt=9),
            line_height=13,
            padding=(4, 0),
        ) as table:
            table.row(("SKU", "Title", "Quantity"))
            for item in self._order.items:
                cells = table.row()
                cells.cell(self._printable(item.sku), padding=_BESIDE)
                cells.cell(self._printable(item.title, LONGEST), padding=_BESIDE)
                cells.cell(str(item.quantity))
        self._rule(self.get_y())
        self.set_y(self.get_y() + 4)
        pieces = sum(item.quantity for item in self._order.items)
        self.cell(_WIDTH, _LINE, f"{pieces} piece{'' if pieces == 1 else 's'}", align="R")

    def footer(self) -> None:
        self.set_y(-_FOOT)
        self._pen(8, _GREY)
        self.cell(_WIDTH / 2, 12, f"Order {self._printable(self._order.order_id, LONGEST_IN_FOOT)}")
        self.cell(_WIDTH / 2, 12, f"Page {self.page_no()} of {self._pages}", align="R")


def address_lines(address: Address) -> Iterator[str]:
    """The lines as an envelope has them, without the phone number."""
    place = " ".join(filter(None, [address.city, address.state, address.postal_code]))
    lines = (
        address.name,
        address.company,
        address.street_1,
        address.street_2,
        address.additional_info,
        place,
        address.country,
    )
    return (line for line in lines if line and line.strip())


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M %Z}".strip() if moment else "not given"

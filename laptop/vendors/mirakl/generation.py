"""Makes up buyers, orders and messages, always the same ones for the same seed; pure.

The buyers live in every province and territory, in real cities, with postal codes of the right shape.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any


@dataclass(frozen=True)
class Place:
    """`names` are the names that an address may have for the province, besides its code."""

    code: str
    names: tuple[str, ...]
    city: str
    area: str
    phone: str


PLACES = (
    Place("ON", ("Ontario",), "Toronto", "M5V", "416"),
    Place("ON", ("Ontario", "ontario"), "Ottawa", "K1P", "613"),
    Place("QC", ("Québec", "Quebec"), "Montréal", "H2X", "514"),
    Place("QC", ("Quebec", "QUÉBEC"), "Trois-Rivières", "G9A", "819"),
    Place("BC", ("British Columbia",), "Vancouver", "V6B", "604"),
    Place("AB", ("Alberta",), "Calgary", "T2P", "403"),
    Place("MB", ("Manitoba",), "Winnipeg", "R3C", "204"),
    Place("SK", ("Saskatchewan",), "Saskatoon", "S7K", "306"),
    Place("NS", ("Nova Scotia",), "Halifax", "B3J", "902"),
    Place("NB", ("New Brunswick", "Nouveau-Brunswick"), "Moncton", "E1C", "506"),
    Place("NL", ("Newfoundland and Labrador", "Newfoundland"), "St. John's", "A1C", "709"),
    Place("PE", ("Prince Edward Island",), "Charlottetown", "C1A", "902"),
    Place("YT", ("Yukon",), "Whitehorse", "Y1A", "867"),
    Place("NT", ("Northwest Territories",), "Yellowknife", "X1A", "867"),
    Place("NU", ("Nunavut",), "Iqaluit", "X0A", "867"),
)

FIRST_NAMES = (
    "Alex", "Chloé", "Wei", "Priya", "François", "Marie-Ève", "Liam", "Olivia", "Siobhán", "Mohammed",
    "Zoë", "Noah", "Amélie", "Jürgen", "Ngọc", "Kateri",
)  # fmt: skip
LAST_NAMES = (
    "Tremblay", "Gagnon", "O'Brien", "Singh", "Nguyễn", "Lévesque", "MacDonald", "Chen", "St-Pierre",
    "Côté", "Patel", "Van der Meer", "Wójcik", "Smith",
)  # fmt: skip
STREETS = (
    "Example Street", "rue Sainte-Catherine Ouest", "Bloor St W", "chemin de la Côte-des-Neiges",
    "Granville Street", "boul. René-Lévesque Est", "Portage Avenue", "Barrington Street", "8 Avenue SW",
)  # fmt: skip
LONG_STREETS = (
    "chemin du Grand-Lac-Saint-François de la Rivière-aux-Outardes Ouest",
    "Old Confederation Memorial Parkway North, Building C, Rear Entrance",
)
ITEMS = (  # SKU, title, price in cents
    ("ACME-SSD-1TB", "Acme 1TB Internal SSD", 12_999),
    ("ACME-SSD-2TB", "Acme 2TB Internal SSD", 21_499),
    ("HUB-USB-C-7", "7-Port USB-C Hub", 5_999),
    ("CAM-4K-01", "4K Webcam with Microphone", 8_950),
    ("KB-MECH-FR", "Mechanical Keyboard, Canadian French", 11_495),
    ("CABLE-HDMI-2M", "HDMI Cable 2 m", 1_299),
    ("MON-ARM-DUO", "Dual Monitor Arm", 9_999),
    ("HEADSET-BT-9", "Bluetooth Headset", 14_999),
)

_LETTERS = "ABCEGHJKLMNPRSTVWXYZ"  # in the second half of a postal code
_QUESTIONS = (
    ("Where is my order?", "Hello,<br />when will it ship?"),
    ("Adresse", "Bonjour,<br/>puis-je changer l'adresse de livraison&nbsp;? Merci,<br/>Amélie"),
    ("Invoice", "<p>Please send me an <b>invoice</b> &amp; a receipt.</p>"),
    ("Damaged", "The box arrived <i>open</i>. See the photo: 5 < 6 parts 😕"),
)
_ANSWERS = ("Thank you, it ships today.", "<p>Bonjour, c'est fait.</p>")


def buyer(draw: Random) -> dict[str, Any]:
    """First name, last name and shipping address, as OR11 has them."""
    place = draw.choice(PLACES)
    first, last = draw.choice(FIRST_NAMES), draw.choice(LAST_NAMES)
    address = {
        "firstname": first,
        "lastname": last,
        "company": draw.choice((None, None, None, "Northern Parts Ltée", "")),
        "company_2": None,
        **_street(draw),
        "city": place.city,
        "state": draw.choice((place.code, place.code, *place.names)),
        "zip_code": _postal_code(draw, place),
        "country": "Canada",
        "country_iso_code": "CAN",
        "phone": _phone(draw, place),
        "phone_secondary": None,
        "civility": None,
        "additional_info": draw.choice((None, None, None, "Leave at the side door / porte de côté")),
    }
    return {"firstname": first, "lastname": last, "shipping_address": address}


def _street(draw: Random) -> dict[str, str | None]:
    number = draw.randint(1, 9999)
    unit = draw.choice((None, None, None, f"Unit {draw.randint(1, 40)}", f"App. {draw.randint(1, 900)}", ""))
    match draw.randrange(12):
        case 0:
            return {"street_1": f"PO Box {number}", "street_2": None}
        case 1:
            return {"street_1": f"{number} {draw.choice(LONG_STREETS)}", "street_2": unit}
        case 2:
            return {"street_1": f"{draw.randint(1, 60)}-{number} {draw.choice(STREETS)}", "street_2": None}
        case _:
            return {"street_1": f"{number} {draw.choice(STREETS)}", "street_2": unit}


def _postal_code(draw: Random, place: Place) -> str:
    rest = f"{draw.randrange(10)}{draw.choice(_LETTERS)}{draw.randrange(10)}"
    code = draw.choice((f"{place.area}{rest}", f"{place.area} {rest}"))
    return code if draw.randrange(8) else code.lower()


def _phone(draw: Random, place: Place) -> str | None:
    last = f"{draw.randrange(100, 200):04}"  # 555-0100 to 555-0199 belong to nobody
    return draw.choice(
        (f"{place.phone}-555-{last}", f"+1 ({place.phone}) 555 {last}", f"{place.phone}555{last}", None)
    )


def lines(draw: Random) -> list[dict[str, Any]]:
    """One to three different items; `price` is for one unit, in cents."""
    chosen = draw.sample(ITEMS, draw.choice((1, 1, 1, 2, 3)))
    return [
        {"sku": sku, "title": title, "price": price, "quantity": draw.choice((1, 1, 1, 2, 5))}
        for sku, title, price in chosen
    ]


def conversation(draw: Random) -> tuple[str, Sequence[Mapping[str, str]]]:
    """A topic and its messages: the buyer's question and perhaps the shop's answer."""
    topic, question = draw.choice(_QUESTIONS)
    messages = [{"sender_type": "CUSTOMER_USER", "body": question}]
    if draw.randrange(3) == 0:
        messages.append({"sender_type": "SHOP_USER", "body": draw.choice(_ANSWERS)})
    return topic, messages

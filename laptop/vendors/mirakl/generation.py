"""Makes up buyers, orders and messages, always the same ones for the same seed; pure."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from laptop.vendors.mirakl.places import (
    FIRST_NAMES,
    ITEMS,
    LAST_NAMES,
    LONG_STREETS,
    PLACES,
    STREETS,
    Place,
)

_LETTERS = "ABCEGHJKLMNPRSTVWXYZ"  # of the second half of a postal code
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
    """One to three different items; `price` of one unit, in cents."""
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

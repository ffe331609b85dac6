"""Any answer of the carrier has an outcome, and only a success is a purchase."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shared.fulfillment.carrier import Bought
from shared.fulfillment.ports import NotSent, Refused, Unclear
from shared.vendors.canada_post.json_mapper import JsonDialect
from shared.vendors.canada_post.links import LinkRule
from shared.vendors.canada_post.outcomes import Dialect, creation, label, search_result
from shared.vendors.canada_post.xml_mapper import XmlDialect
from shared.vendors.response import Response

RULE = LinkRule("https://host.example", "/rs/")
NAMES = some.sampled_from(
    [
        "shipmentId",
        "shipmentPrice",
        "dueAmount",
        "links",
        "href",
        "rel",
        "errors",
        "errorCode",
        "messages",
        "title",
    ]
)
TAGS = some.sampled_from(
    ["shipment-info", "shipment-id", "links", "link", "messages", "message", "code", "shipments"]
)
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=9),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


def _element(tag: str, within: list[str]) -> str:
    return f"<{tag}>{''.join(within)}</{tag}>"


ELEMENTS = some.recursive(
    some.sampled_from(["", "9111", "already", "7"]),
    lambda inner: some.builds(
        lambda tag, within: f"<{tag}>{''.join(within)}</{tag}>", TAGS, some.lists(inner, max_size=3)
    ),
    max_leaves=12,
)
JSON_BODIES = VALUES.map(lambda value: json.dumps(value).encode())
BODIES = some.binary(max_size=60) | JSON_BODIES | ELEMENTS.map(str.encode)


@pytest.mark.parametrize("dialect", [JsonDialect(), XmlDialect()])
@given(status=some.integers(min_value=200, max_value=599), body=BODIES)
def test_no_body_makes_a_reader_raise(dialect: Dialect, status: int, body: bytes) -> None:
    answer = Response(status, {}, body)
    match creation(answer, dialect, RULE, "order"):
        case Bought():
            assert 200 <= status <= 299
        case Refused():
            assert 400 <= status <= 500
        case NotSent(retry_after=seconds):
            assert (status, seconds) in {(401, 300), (403, 300), (429, 60)}
        case Unclear(message):
            assert message
    assert isinstance(search_result(answer, dialect), Unclear) or status in {200, 401, 403, 404, 429}
    assert not isinstance(label(answer, dialect), Refused) or status in {404, 410}

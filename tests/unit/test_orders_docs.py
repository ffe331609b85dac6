"""docs/orders.md names every state, stage and count, and the limits as they are in the code."""

import re
from datetime import timedelta

import pytest

from shared.fulfillment import accept, label, messages, reading, track
from shared.fulfillment.address import CITY, PHONE
from shared.fulfillment.orders import OrderState
from shared.fulfillment.parcels import HEAVIEST, LONGEST
from shared.fulfillment.pipeline import load_pipeline
from shared.fulfillment.sequence import MOST_ERRORS
from shared.fulfillment.street import LINE
from tests.web_support import ROOT

PAGE = (ROOT / "docs" / "orders.md").read_text(encoding="utf-8")
ADDRESSES = (ROOT / "docs" / "addresses.md").read_text(encoding="utf-8")
SOURCES = [
    (ROOT / "shared" / "fulfillment" / f"{module.__name__.rpartition('.')[2]}.py").read_text(encoding="utf-8")
    for module in (accept, label, messages, reading, track)
]
COUNTS = {name for source in SOURCES for name in re.findall(r'counts\["([a-z_]+)"', source)}


@pytest.mark.parametrize("state", OrderState)
def test_each_state_is_on_the_page(state: OrderState) -> None:
    assert f"`{state}`" in PAGE


@pytest.mark.parametrize("stage", [stage.name for stage in load_pipeline().stages])
def test_each_stage_is_on_the_page(stage: str) -> None:
    assert f"| `{stage}` |" in PAGE


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_each_count_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_the_limits_are_those_of_the_code() -> None:
    assert f"{LINE} characters a line" in PAGE
    assert f"phone number ({PHONE}) and the additional information ({LINE})" in PAGE
    assert f"at most {HEAVIEST} kg and {LONGEST / 100} m" in PAGE
    assert f"unknown for {label.ATTENTION_AFTER} cycles" in PAGE
    assert f"unconfirmed for {reading.OVERDUE_AFTER // timedelta(hours=1)} hours" in PAGE
    assert f"{label.SETTLING // timedelta(minutes=1)} minutes after the call" in PAGE
    assert f"first {MOST_ERRORS} orders" in PAGE


def test_the_limits_of_an_address_are_those_of_the_code() -> None:
    assert f"| city | {CITY} |" in ADDRESSES
    assert f"| street | 2 lines of {LINE} |" in ADDRESSES
    assert f"| additional information | {LINE} |" in ADDRESSES
    assert f"| name, company | {LINE} each |" in ADDRESSES
    assert f"| phone number | {PHONE} |" in ADDRESSES

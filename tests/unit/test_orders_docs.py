"""docs/orders.md names every state, stage, count, clock and finding, and the limits as they are in the code."""

import re
from datetime import timedelta

import pytest

from shared.fulfillment import accept, label, messages, reading, reconcile, sequence, shelving, track
from shared.fulfillment.address import PHONE
from shared.fulfillment.findings import Kind
from shared.fulfillment.orders import OrderState
from shared.fulfillment.parcels import HEAVIEST, LONGEST
from shared.fulfillment.pipeline import load_pipeline
from shared.fulfillment.sequence import MOST_ERRORS
from shared.fulfillment.street import LINE
from tests.web_support import ROOT

PAGE = (ROOT / "docs" / "orders.md").read_text(encoding="utf-8")
MODULES = (accept, label, messages, reading, reconcile, sequence, shelving, track)
SOURCES = [
    (ROOT / "shared" / "fulfillment" / f"{module.__name__.rpartition('.')[2]}.py").read_text(encoding="utf-8")
    for module in MODULES
]
COUNTS = {name for source in SOURCES for name in re.findall(r'counts\["([a-z_]+)"', source)}
(TABLES,) = (ROOT / "infra" / "supabase" / "migrations").glob("*_fulfillment_tables.sql")
LIMIT = re.compile(r"^\('([^']+)', '([^']+)', (?:null|'([^']+)'), '([^']+)'\)", re.MULTILINE)
CLOCKS = LIMIT.findall(TABLES.read_text(encoding="utf-8"))
REPORTS = "".join(
    file.read_text(encoding="utf-8")
    for file in (ROOT / "infra" / "supabase" / "migrations").glob("*_fulfillment_reports.sql")
)
UNMATCHED = set(re.findall(r"'(\w+)'", REPORTS.partition("p_kind in (")[2].partition(")")[0]))


@pytest.mark.parametrize("state", OrderState)
def test_each_state_is_on_the_page(state: OrderState) -> None:
    assert f"`{state}`" in PAGE


@pytest.mark.parametrize("stage", [stage.name for stage in load_pipeline().stages])
def test_each_stage_is_on_the_page(stage: str) -> None:
    assert f"| `{stage}` |" in PAGE


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_each_count_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_the_page_s_clocks_are_those_of_the_table() -> None:
    shown = PAGE.partition("then a person looks, because |")[2].partition("A *finding*")[0]
    rows = [
        tuple(cell.strip().strip("`") for cell in row.split("|")[1:-1]) for row in shown.splitlines() if row
    ]
    assert rows[1:] == [
        (what, "at once" if within == "0" else within, before, reason)
        for what, within, before, reason in CLOCKS
    ]


def test_each_state_that_is_not_final_has_a_clock() -> None:
    final = {OrderState.SHIPPED, OrderState.REFUSED, OrderState.CANCELLED}
    assert {str(state) for state in OrderState if state not in final} <= {what for what, *_ in CLOCKS}


def test_each_kind_of_finding_is_on_the_page_and_says_whether_it_contradicts_the_account() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (yes|no) \|", PAGE, re.MULTILINE)
    shown = {kind: word for cell, word in rows for kind in re.findall(r"`(\w+)`", cell)}
    assert set(shown) == {str(kind) for kind in Kind}
    assert {kind for kind, word in shown.items() if word == "yes"} == UNMATCHED


def test_the_limits_are_those_of_the_code() -> None:
    assert f"{LINE} characters a line" in PAGE
    assert f"phone number ({PHONE}) and the additional information ({LINE})" in PAGE
    assert f"at most {HEAVIEST} kg and {LONGEST / 100} m" in PAGE
    assert f"{label.SETTLING // timedelta(minutes=1)} minutes after the call" in PAGE
    assert f"within {label.CALL_WITHIN // timedelta(minutes=1)} minutes of the commit" in PAGE
    assert f"first {MOST_ERRORS} orders" in PAGE

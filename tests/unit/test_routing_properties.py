"""Properties that hold for every record."""

import json
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.enrichment.routing.decision import Decision, decide
from shared.enrichment.routing.features import History
from shared.enrichment.routing.policy import Policy
from shared.enrichment.routing.policy_file import load_policy
from shared.enrichment.routing.record import COLUMNS, PartRecord, read_record
from shared.enrichment.routing.route import Route
from shared.workflow_config import WorkflowConfig

CONFIG = WorkflowConfig()
POLICIES = st.sampled_from([load_policy("flow"), load_policy("score")])

VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=10)
JUNK = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
SCORES = st.floats(0, 1) | st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
HISTORIES = st.builds(
    lambda known, failed, successes, recent: History(known, failed + successes, successes, recent),
    st.booleans(),
    st.integers(0, 50),
    st.integers(0, 50),
    st.integers(0, 5),
)
ROWS = st.fixed_dictionaries(
    {
        "pn": st.text(min_size=1, max_size=10),
        "priority_score": st.builds(lambda score: {"score": score}, SCORES),
    },
    optional={column: JUNK for column in COLUMNS if column not in ("pn", "priority_score")},
).map(lambda row: row | {"pn": f"A{row['pn']}"})


def read(row: dict[str, Any]) -> PartRecord:
    record = read_record(row)
    assert isinstance(record, PartRecord)
    return record


def flow(row: dict[str, Any], history: History, force: Route | None = None) -> Decision:
    return decide(read(row), history, load_policy("flow"), CONFIG, force)


@given(st.dictionaries(st.sampled_from(COLUMNS), JUNK), HISTORIES, POLICIES)
def test_junk_is_decided_without_an_error(row: dict[str, Any], history: History, policy: Policy) -> None:
    record = read_record({"pn": "LM317T"} | row)
    if isinstance(record, PartRecord):
        found = decide(record, history, policy, CONFIG)
        assert found.rule != "error"
        json.dumps(found.to_json(), allow_nan=False)


@given(ROWS, HISTORIES, POLICIES, st.none() | st.sampled_from(Route))
def test_deciding_twice_gives_the_same_decision(
    row: dict[str, Any],
    history: History,
    policy: Policy,
    force: Route | None,
) -> None:
    assert decide(read(row), history, policy, CONFIG, force) == decide(
        read(row), history, policy, CONFIG, force
    )


@given(ROWS, HISTORIES, st.randoms())
def test_the_order_of_the_columns_changes_nothing(
    row: dict[str, Any], history: History, shuffle: Random
) -> None:
    columns = list(row.items())
    shuffle.shuffle(columns)
    assert flow(dict(columns), history) == flow(row, history)


@given(ROWS, HISTORIES, POLICIES)
def test_the_rule_that_wins_is_the_first_that_holds(
    row: dict[str, Any], history: History, policy: Policy
) -> None:
    found = decide(read(row), history, policy, CONFIG)
    order = [rule.name for rule in policy.document.rules]
    looked_at = [made.rule for made in found.comparisons if made.rule != "raise_automation"]
    assert [order.index(name) for name in looked_at] == sorted(order.index(name) for name in looked_at)
    assert all(order.index(name) <= order.index(found.rule) for name in looked_at)
    assert set(order[: order.index(found.rule)]) <= set(looked_at)
    assert 0 <= found.confidence <= 1
    assert found.route in Route


@given(ROWS, HISTORIES)
def test_each_recorded_comparison_can_be_done_again(row: dict[str, Any], history: History) -> None:
    for made in flow(row, history).comparisons:
        expected = {"gte": made.actual >= made.threshold, "lt": made.actual < made.threshold}  # type: ignore[operator]  # forced, a text, is only compared by eq
        assert made.outcome is expected.get(made.operator, made.actual == made.threshold)


@given(ROWS, HISTORIES, st.sampled_from(Route))
def test_a_forced_route_is_always_taken(row: dict[str, Any], history: History, force: Route) -> None:
    assert flow(row, history, force).route is force


@given(ROWS, HISTORIES, SCORES)
def test_a_higher_score_never_lowers_the_urgency_of_automation(
    row: dict[str, Any], history: History, other: float
) -> None:
    low, high = sorted([row["priority_score"]["score"], other])
    before = flow(row | {"priority_score": {"score": low}}, history)
    after = flow(row | {"priority_score": {"score": high}}, history)
    if before.route is Route.AUTOMATION:
        assert after.route is Route.AUTOMATION
        assert after.priority.rank <= before.priority.rank
        assert after.confidence >= before.confidence


@given(ROWS, HISTORIES, st.integers(1, 5))
def test_more_failures_never_send_a_record_back_to_automation(
    row: dict[str, Any], history: History, more: int
) -> None:
    worse = History(history.known, history.attempts, history.successes, history.recent_failures + more)
    if flow(row, history).route is Route.MANUAL:
        assert flow(row, worse).route is Route.MANUAL

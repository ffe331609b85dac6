"""The figures of alerts: each changes with its subject and with nothing else."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.contract.enrichment_calls import Enrichment
from tests.contract.fulfillment_calls import Fulfillment, finding, move
from tests.contract.schema_rows import GRACE, NOW, Json, item

NOTHING = {
    "enrichment_figures": {
        "in_flight": 0,
        "oldest_in_flight_seconds": 0,
        "manual_open": 0,
        "manual_overdue": 0,
        "hand_over_overdue": 0,
        "oldest_hand_over_seconds": 0,
        "never_enqueued_overdue": 0,
        "waiting_for_vendor": 0,
        "vendor_down_seconds": 0,
        "account_refused_seconds": 0,
        "daily_share": 0,
    },
    "fulfillment_figures": {
        "labels_unknown": 0,
        "oldest_label_unknown_seconds": 0,
        "orders_for_person": 0,
        "orders_unmatched": 0,
        "marketplace_look_seconds": 0,
        "carrier_look_seconds": 0,
        "breakers_open": 0,
    },
}


def figures(caller: Enrichment | Fulfillment) -> Json:
    """The figures, of both functions, that differ from those of an empty database."""
    changed: Json = {}
    for function, nothing in NOTHING.items():
        found: Json = caller.call(function)
        assert found.keys() == nothing.keys()
        changed |= {name: value for name, value in found.items() if value != nothing[name]}
    return changed


def test_the_figures_of_an_empty_database_are_0(enrichment: Enrichment) -> None:
    assert figures(enrichment) == {}


def test_records_in_flight_age_until_they_end(enrichment: Enrichment) -> None:
    enrichment.begin()
    first = enrichment.open([item("A")], daily_limit=4)["automation"][0]["id"]
    later = replace(enrichment, now=NOW + timedelta(minutes=5))
    second = later.open([item("B")], daily_limit=4)["automation"][0]["id"]
    later.progress(first, second)
    later = replace(enrichment, now=NOW + timedelta(minutes=12))
    assert figures(later) == {"in_flight": 2, "oldest_in_flight_seconds": 720, "daily_share": 0.5}
    later.claim(first)
    later.fail(first, to_manual=False)
    assert figures(later) == {"in_flight": 1, "oldest_in_flight_seconds": 420, "daily_share": 0.5}


def test_a_record_that_waits_for_the_vendor_s_next_day_does_not_age_until_then(
    enrichment: Enrichment,
) -> None:
    enrichment.begin()
    task = enrichment.open([item("A")], daily_limit=4)["automation"][0]["id"]
    enrichment.claim(task)
    enrichment.postpone(task, NOW + timedelta(hours=10))
    enrichment.enqueued(task, 1)
    later = replace(enrichment, now=NOW + timedelta(hours=9))
    assert figures(later) == {"in_flight": 1, "waiting_for_vendor": 1, "daily_share": 0.25}
    later = replace(enrichment, now=NOW + timedelta(hours=10, minutes=3))
    assert figures(later)["oldest_in_flight_seconds"] == 180


@pytest.mark.parametrize(
    ("cause", "figure"), [("down", "vendor_down_seconds"), ("account", "account_refused_seconds")]
)
def test_an_outage_ages_until_the_vendor_answers(enrichment: Enrichment, cause: str, figure: str) -> None:
    enrichment.begin()
    tasks = [each["id"] for each in enrichment.open([item(pn) for pn in "ABCD"], daily_limit=8)["automation"]]
    for task in tasks[:3]:
        owner = uuid.uuid4()
        enrichment.claim(task, owner)
        enrichment.blame(task, owner, cause)
    later = replace(enrichment, now=NOW + timedelta(minutes=7))
    assert figures(later)[figure] == 420
    later.claim(tasks[3])
    later.finish(tasks[3], answer={"a": 1})
    assert figure not in figures(later)


def test_manual_tasks_are_overdue_by_their_own_time_and_until_they_end(enrichment: Enrichment) -> None:
    enrichment.begin()
    enrichment.open([item("A", "manual", priority="high"), item("B", "manual", priority="low")])
    later = replace(enrichment, now=NOW + timedelta(seconds=3601))
    assert figures(later) == {"manual_open": 2, "manual_overdue": 1, "daily_share": 0.002}
    urgent = later.one("select id from manual_tasks where pn = 'A'")["id"]
    later.take(urgent)
    assert figures(later)["manual_overdue"] == 1
    later.give_up(urgent)
    assert figures(later) == {"manual_open": 1, "daily_share": 0.002}


def test_a_hand_over_is_overdue_from_the_grace_until_a_person_has_it(enrichment: Enrichment) -> None:
    letter = enrichment.failed("A")
    enrichment.later(seconds=30).failed("B")
    assert figures(enrichment.later(seconds=GRACE - 1)) == {"daily_share": 0.002}
    late = enrichment.later(seconds=GRACE + 29)
    assert figures(late) == {
        "hand_over_overdue": 1,
        "oldest_hand_over_seconds": GRACE + 29,
        "daily_share": 0.002,
    }
    later = enrichment.later(hours=3)
    assert figures(later)["hand_over_overdue"] == 2
    assert figures(later)["oldest_hand_over_seconds"] == 10_800
    later.fall_back(letter)
    assert figures(later)["oldest_hand_over_seconds"] == 10_770


def test_a_task_that_never_reached_the_queue_is_overdue_from_the_grace_on(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    assert "never_enqueued_overdue" not in figures(enrichment.later(seconds=GRACE - 1))
    late = enrichment.later(seconds=GRACE)
    assert figures(late)["never_enqueued_overdue"] == 1
    late.enqueued(task, 0)
    assert "never_enqueued_overdue" not in figures(late.later(days=1))


def test_the_share_of_a_day_starts_again_at_midnight(enrichment: Enrichment) -> None:
    enrichment.begin()
    enrichment.open([item("A", "manual")], daily_limit=2)
    later = replace(enrichment, now=NOW.replace(hour=0) + timedelta(days=1))
    assert "daily_share" not in figures(later)


def test_a_label_is_unknown_from_the_call_until_its_end_is_known(fulfillment: Fulfillment) -> None:
    fulfillment.accepted()
    shipment = fulfillment.open()
    later = replace(fulfillment, now=NOW + timedelta(minutes=50))
    assert figures(later) == {"labels_unknown": 1, "oldest_label_unknown_seconds": 3000}
    later.unknown(shipment)
    assert figures(later) == {"labels_unknown": 1, "oldest_label_unknown_seconds": 3000}
    later.buy(shipment)
    assert figures(later) == {}


def test_a_label_that_was_certainly_not_asked_for_is_not_unknown(fulfillment: Fulfillment) -> None:
    fulfillment.accepted()
    fulfillment.not_sent(fulfillment.open())
    assert figures(fulfillment) == {}


def test_orders_that_cannot_go_on_and_those_with_open_money_wait_for_a_person(
    fulfillment: Fulfillment,
) -> None:
    for name in ("A", "B", "C"):
        fulfillment.accepted(name)
    fulfillment.move(move("A", "accepted", "label_failed"))
    fulfillment.find(finding("label_unusable", "B"))
    assert figures(fulfillment) == {"orders_for_person": 2}
    fulfillment.retry("A", anyway=True)
    assert figures(fulfillment) == {"orders_for_person": 1}


def test_a_finding_counts_as_unmatched_only_while_it_contradicts_the_outside(
    fulfillment: Fulfillment,
) -> None:
    fulfillment.find(
        finding("sold_unknown", "S9", order_id=None), finding("undo_refused", "S8", order_id=None)
    )
    assert figures(fulfillment) == {"orders_unmatched": 1}
    fulfillment.close("sold_unknown", "S9")
    assert figures(fulfillment) == {}


def test_each_look_has_an_age_of_its_own(fulfillment: Fulfillment) -> None:
    fulfillment.looked("carrier")
    replace(fulfillment, now=NOW + timedelta(hours=1)).looked("marketplace")
    later = replace(fulfillment, now=NOW + timedelta(hours=2))
    assert figures(later) == {"carrier_look_seconds": 7200, "marketplace_look_seconds": 3600}


def test_a_breaker_is_open_from_a_stop_to_the_next_run_that_works(fulfillment: Fulfillment) -> None:
    for cycle, fault in (("1", {"cause": "account", "reason": "no", "hold_seconds": 300}), ("2", None)):
        owner = uuid.uuid4()
        fulfillment.begin_stage(owner=owner, cycle=cycle)
        assert fulfillment.end_stage(owner, cycle=cycle, fault=fault)
        assert figures(fulfillment) == ({"breakers_open": 1} if fault else {})

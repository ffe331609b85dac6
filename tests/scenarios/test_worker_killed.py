import pytest

from tests.faults import held_after, held_before, rpc
from tests.scenarios_support import LOOK_UPS, RunningEnrichment, row
from tests.waiting import wait_until

AT_ONCE = 5
RECORDS = 15


@pytest.mark.parametrize(
    ("part", "fault", "look_ups_of_the_held"),
    [
        pytest.param("rest", held_before(rpc("claim_automation_task")), 1, id="before the claim"),
        pytest.param("rest", held_after(rpc("claim_automation_task")), 1, id="before the vendor call"),
        pytest.param("digikey", held_before(LOOK_UPS), 1, id="during the vendor call"),
        pytest.param("digikey", held_after(LOOK_UPS), 2, id="after the vendor call"),
        pytest.param("rest", held_before(rpc("finish_automation_task")), 2, id="before storing the answer"),
        pytest.param("rest", held_after(rpc("finish_automation_task")), 1, id="after storing it"),
    ],
)
def test_a_worker_killed(
    enrichment: RunningEnrichment, part: str, fault: dict[str, object], look_ups_of_the_held: int
) -> None:
    enrichment.disturb(part, fault)
    parts = enrichment.offer_parts(RECORDS)
    batch = enrichment.batch()
    enrichment.orchestrate(batch)
    wait_until(lambda: enrichment.struck(part) == AT_ONCE)
    enrichment.kill("automate")
    enrichment.undisturb(part)
    enrichment.restart("automate")

    enrichment.drain(batch)
    places = enrichment.assert_accounted_for([batch], parts)
    assert {place.state for place in places} == {"completed"}
    looked_up = [enrichment.looked_up()[pn] for pn in parts]
    assert sorted(looked_up) == [1] * (RECORDS - AT_ONCE) + [look_ups_of_the_held] * AT_ONCE


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(held_before(rpc("fail_automation_task")), id="before the dead letter"),
        pytest.param(
            held_after(rpc("fail_automation_task")), id="between marking the failure and sending it"
        ),
    ],
)
def test_a_worker_killed_while_it_gives_up_a_record(
    enrichment: RunningEnrichment, fault: dict[str, object]
) -> None:
    enrichment.disturb("rest", fault)
    unknown = [f"UNKNOWN-{pn}" for pn in enrichment.fresh_parts(AT_ONCE)]
    enrichment.offer([row(pn) for pn in unknown])
    batch = enrichment.batch()
    enrichment.orchestrate(batch)
    wait_until(lambda: enrichment.struck("rest") == AT_ONCE)
    enrichment.kill("automate")
    enrichment.undisturb("rest")
    enrichment.restart("automate")

    enrichment.drain(batch)
    places = enrichment.assert_accounted_for([batch], unknown)
    assert {(place.state, place.cause) for place in places} == {("failed", "not_found")}

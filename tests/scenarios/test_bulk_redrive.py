"""A bulk redrive on the running stack: none of its records is called resolved before its work is completed."""

from typing import Any

from tests.scenarios_support import LOOK_UPS, RunningEnrichment, row
from tests.waiting import wait_until

REPAIRED, BROKEN = 54, 6
COMPLETED = "automation_tasks where batch_id like %s and state = 'completed'"
OLGA = {"by": "olga", "note": "the address is mended"}


def dead_letters(enrichment: RunningEnrichment) -> str:
    """A batch whose every record is a dead letter with a person; the vendor never knows `BROKEN` of them."""
    known, unknown = enrichment.fresh_parts(REPAIRED), enrichment.fresh_parts(BROKEN)
    enrichment.offer([row(pn) for pn in (*known, *(f"UNKNOWN-{pn}" for pn in unknown))])
    enrichment.disturb("digikey", {"kind": "error_before", "status": 404, "path": LOOK_UPS})
    batch = enrichment.batch()
    enrichment.orchestrate(batch).raise_for_status()
    enrichment.drain(batch)
    enrichment.undisturb("digikey")
    assert enrichment.reconcile(batch)["with_a_person"] == REPAIRED + BROKEN
    return batch


def shown(enrichment: RunningEnrichment, job: str) -> dict[str, Any]:
    view: dict[str, Any] = (
        enrichment.http.get(f"{enrichment.url('workflow')}/jobs/{job}").raise_for_status().json()
    )
    came_back = sum(each["count"] for each in view["came_back"])
    assert view["total"] == view["refused"] + view["resolved"] + came_back + view["waiting"]
    return view


def test_a_job_goes_on_without_its_browser_and_calls_nothing_resolved_before_it_is(
    enrichment: RunningEnrichment,
) -> None:
    wanted = {"batch": f"{dead_letters(enrichment)}_fallback"}
    request = {"kind": "redrive", "wanted": wanted, **OLGA}
    dry = enrichment.post_to_workflow("/jobs", request | {"dry_run": True}).raise_for_status().json()
    assert (dry["matched"], dry["would"], dry["refused"]) == (60, 60, [])

    job = enrichment.post_to_workflow("/jobs", request).raise_for_status().json()
    assert job["total"] == dry["matched"]
    batches = f"redrive-{job['id']}-%"

    def followed() -> bool:
        enrichment.sweep()
        before = enrichment.count(COMPLETED, batches)
        view = shown(enrichment, job["id"])
        assert before <= view["resolved"] <= enrichment.count(COMPLETED, batches)
        return bool(view["state"] == "finished")

    wait_until(followed)
    view = shown(enrichment, job["id"])
    assert (view["resolved"], view["refused"], view["waiting"]) == (REPAIRED, 0, 0)
    assert view["came_back"] == [{"cause": "not_found", "count": BROKEN, "given_up": 0}]

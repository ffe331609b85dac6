from tests.scenarios_support import RunningEnrichment, row

OFF = {"WORKFLOW_AUTOMATION_FAILURE_TO_MANUAL": "false"}


def test_with_failure_to_manual_off_failures_stay_failed_and_nobody_gets_a_task(
    enrichment: RunningEnrichment,
) -> None:
    parts = enrichment.fresh_parts(15)
    unknown = [f"UNKNOWN-{pn}" for pn in enrichment.fresh_parts(5)]
    enrichment.offer([row(pn) for pn in (*parts, *unknown)])
    batch = enrichment.batch()
    with enrichment.deployed("automate", "fallback", **OFF):
        enrichment.orchestrate(batch)
        enrichment.drain(batch)

    equation = enrichment.reconcile(batch)
    assert (equation["completed"], equation["failed"], equation["with_a_person"]) == (15, 5, 0)
    assert equation["balanced"]
    assert (
        enrichment.count(
            "manual_tasks where record_key like 'UNKNOWN-%%' and batch_id = %s", f"{batch}_fallback"
        )
        == 0
    )
    assert enrichment.orchestrate(enrichment.batch()).json()["opened"] == 0, "not before a day has passed"
    status = enrichment.http.get(f"{enrichment.url('workflow')}/batches/{batch}").json()
    assert status["state"] == "completed_with_failures"


def test_a_record_that_stayed_failed_is_taken_again_when_its_turn_has_come(
    enrichment: RunningEnrichment,
) -> None:
    unknown = f"UNKNOWN-{enrichment.fresh_parts(1)[0]}"
    enrichment.offer([row(unknown)])
    first, second = enrichment.batch(), enrichment.batch()
    with enrichment.deployed("automate", "fallback", "orchestrate", **OFF, REPROCESS_AFTER_DAYS="0"):
        enrichment.orchestrate(first)
        enrichment.drain(first)
    assert enrichment.orchestrate(second).json()["opened"] == 1
    enrichment.drain(second)
    assert enrichment.reconcile(first)["failed"] == 1
    assert enrichment.reconcile(second)["with_a_person"] == 1

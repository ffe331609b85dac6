from tests.scenarios_support import RecordLine, row

OFF = {"WORKFLOW_AUTOMATION_FAILURE_TO_MANUAL": "false"}


def test_with_failure_to_manual_off_failures_stay_failed_and_nobody_gets_a_task(line: RecordLine) -> None:
    parts = line.fresh_parts(15)
    unknown = [f"UNKNOWN-{pn}" for pn in line.fresh_parts(5)]
    line.offer([row(pn) for pn in (*parts, *unknown)])
    batch = line.batch()
    with line.deployed("automate", "fallback", **OFF):
        line.orchestrate(batch)
        line.drain(batch)

    equation = line.reconcile(batch)
    assert (equation["completed"], equation["failed"], equation["with_a_person"]) == (15, 5, 0)
    assert equation["balanced"]
    assert (
        line.count("manual_tasks where record_key like 'UNKNOWN-%%' and batch_id = %s", f"{batch}_fallback")
        == 0
    )
    status = line.http.get(f"{line.url('workflow')}/batches/{batch}").json()
    assert status["state"] == "completed_with_failures"


def test_a_record_that_stayed_failed_is_taken_again_by_a_later_run(line: RecordLine) -> None:
    unknown = f"UNKNOWN-{line.fresh_parts(1)[0]}"
    line.offer([row(unknown)])
    first, second = line.batch(), line.batch()
    with line.deployed("automate", "fallback", **OFF):
        line.orchestrate(first)
        line.drain(first)
    assert line.orchestrate(second).json()["opened"] == 1
    line.drain(second)
    assert line.reconcile(first)["failed"] == 1
    assert line.reconcile(second)["with_a_person"] == 1

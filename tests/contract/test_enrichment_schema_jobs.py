"""Bulk jobs on a filter: the dry run's count is the job's, and each member is followed to its real end."""

from functools import partial
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.contract.job_calls import OPEN, Jobs
from tests.contract.schema_connection import let_go_at_once
from tests.contract.schema_rows import CLAIM, OWNER, Json, item
from tests.postgres_support import Database


def parts(count: int) -> list[str]:
    return [f"P{number:02}" for number in range(count)]


def letters(jobs: Jobs, count: int) -> list[UUID]:
    return [jobs.fallback(pn) for pn in parts(count)]


def test_a_dry_run_says_what_would_be_done_and_refused_and_why_and_changes_nothing(jobs: Jobs) -> None:
    for task in letters(jobs, 4)[:1]:
        jobs.take(task)
    jobs.take(jobs.fallback("ENDED"))
    ended = jobs.one("select id from manual_tasks where pn = 'ENDED'")["id"]
    jobs.give_up(ended)
    jobs.person("OWN")

    assert jobs.preview(wanted=OPEN) == {
        "matched": 5,
        "would": 3,
        "today": 3,
        "refused": [
            {"why": "held by ana", "count": 1, "examples": ["P00"]},
            {"why": "no dead letter", "count": 1, "examples": ["OWN"]},
        ],
    }
    assert jobs.preview(wanted={"state": "failed"})["refused"] == [
        {"why": "already failed by ana", "count": 1, "examples": ["ENDED"]}
    ]
    assert jobs.preview(wanted=OPEN, daily_limit=7)["today"] == 1  # six of the day's seven are used
    assert jobs.all("select from batches where trigger = 'redrive'") == []
    assert jobs.all("select from jobs") == []


@pytest.mark.parametrize(
    ("kind", "change"),
    [("redrive", {}), ("assign", {"assign_to": "ben"}), ("reprioritise", {"priority": "high"})],
)
def test_a_job_has_as_many_members_as_its_dry_run_said(jobs: Jobs, kind: str, change: Json) -> None:
    for task in letters(jobs, 8)[:3]:
        jobs.take(task, "cyd")
    wanted = {"state": "open", "cause": "not_found"}
    dry = jobs.preview(kind, wanted, **change)

    job = jobs.create(kind, wanted, **change)

    assert (jobs.job(job)["total"], jobs.job(job)["waiting"]) == (dry["matched"], 8)
    jobs.work(job)
    view = jobs.job(job)
    assert view["total"] - view["refused"] == dry["would"] == 5
    assert [(each["why"], each["count"]) for each in view["refusals"]] == [("held by cyd", 3)]


def test_the_members_are_fixed_when_the_job_is_created(jobs: Jobs) -> None:
    letters(jobs, 3)
    job = jobs.create()
    jobs.fallback("LATER")

    jobs.work(job)

    assert jobs.job(job)["total"] == 3
    assert jobs.record("LATER")["open"]
    assert jobs.one("select state::text from manual_tasks where pn = 'LATER'")["state"] == "initialized"


def test_a_job_goes_chunk_by_chunk_the_most_urgent_first_and_each_chunk_is_a_batch(jobs: Jobs) -> None:
    for pn, priority in (("LOW", "low"), ("HIGH", "high"), ("MEDIUM", "medium")):
        jobs.fallback(pn, fields={"priority": priority})
    job = jobs.create()

    assert [jobs.work(job, limit=2), jobs.work(job, limit=2), jobs.work(job, limit=2)] == [2, 1, 0]

    found = jobs.all(
        "select batch_id, pn from automation_tasks where redrives is not null order by batch_id, pn"
    )
    assert [(row["batch_id"], row["pn"]) for row in found] == [
        (f"redrive-{job}-1", "HIGH"),
        (f"redrive-{job}-1", "MEDIUM"),
        (f"redrive-{job}-2", "LOW"),
    ]
    assert jobs.reconcile(f"redrive-{job}-1")["balanced"]
    assert jobs.reconcile("b1")["balanced"]


def finish(jobs: Jobs, task: UUID) -> None:
    jobs.claim(task)
    jobs.save(task)
    assert jobs.finish(task)


def test_a_member_is_resolved_only_when_its_work_is_completed(jobs: Jobs) -> None:
    letters(jobs, 1)
    job = jobs.create()
    assert jobs.standing(job) == (0, 0, 0, 1)
    jobs.work(job)
    assert jobs.job(job)["waits_for"] == [{"what": "automation", "count": 1}]
    (task,) = jobs.redriven(job)
    jobs.claim(task)
    assert jobs.standing(job) == (0, 0, 0, 1)
    jobs.save(task)
    assert (jobs.standing(job), jobs.job(job)["state"]) == ((0, 0, 0, 1), "following")
    jobs.finish(task)
    assert (jobs.standing(job), jobs.job(job)["state"]) == ((0, 1, 0, 0), "finished")
    (item,) = jobs.items(job)["items"]
    assert (item["stands"], item["who"], item["pn"]) == ("resolved", "automation", "P00")


def test_a_member_comes_back_when_it_is_a_manual_task_again_with_the_new_cause(jobs: Jobs) -> None:
    letters(jobs, 1)
    job = jobs.create()
    jobs.work(job)
    (task,) = jobs.redriven(job)
    jobs.claim(task)
    jobs.fail(task, category="ambiguous")
    assert jobs.job(job)["waits_for"] == [{"what": "its way to a person", "count": 1}]

    manual = UUID(jobs.fall_back(task)["manual_task_id"])

    view = jobs.job(job)
    assert (view["came_back"], view["state"]) == (
        [{"cause": "ambiguous", "count": 1, "given_up": 0}],
        "finished",
    )
    assert jobs.items(job, "came_back")["items"][0]["manual_task_id"] == str(manual)
    jobs.take(manual, "ben")
    assert jobs.standing(job) == (0, 0, 1, 0)
    jobs.complete(manual, "ben")
    view = jobs.job(job)
    assert (view["resolved"], view["resolved_by_people"], view["came_back"]) == (1, 1, [])
    assert jobs.items(job)["items"][0]["who"] == "ben"


def test_a_member_that_a_person_gives_up_is_not_resolved(jobs: Jobs) -> None:
    letters(jobs, 1)
    job = jobs.create()
    jobs.work(job)
    (task,) = jobs.redriven(job)
    jobs.claim(task)
    jobs.fail(task)
    manual = UUID(jobs.fall_back(task)["manual_task_id"])
    jobs.take(manual)
    jobs.give_up(manual)
    assert jobs.job(job)["came_back"] == [{"cause": "not_found", "count": 1, "given_up": 1}]


def test_where_failures_are_not_handed_over_a_member_came_back_and_says_so(jobs: Jobs) -> None:
    letters(jobs, 1)
    job = jobs.create()
    jobs.work(job)
    (task,) = jobs.redriven(job)
    jobs.claim(task)
    jobs.fail(task, to_manual=False)
    (item,) = jobs.items(job)["items"]
    assert (item["stands"], item["why"]) == ("came_back", "failures are not handed over")


def test_a_member_is_followed_through_a_second_redrive(jobs: Jobs) -> None:
    letters(jobs, 1)
    first = jobs.create()
    jobs.work(first)
    (task,) = jobs.redriven(first)
    jobs.claim(task)
    jobs.fail(task)
    jobs.fall_back(task)
    second = jobs.create()
    jobs.work(second)
    assert (jobs.standing(first), jobs.standing(second)) == ((0, 0, 0, 1), (0, 0, 0, 1))
    finish(jobs, *jobs.redriven(second))
    assert (jobs.standing(first), jobs.standing(second)) == ((0, 1, 0, 0), (0, 1, 0, 0))


def test_assigning_writes_the_person_and_who_and_why_beside_the_task(jobs: Jobs) -> None:
    task = jobs.person()
    job = jobs.create("assign", assign_to="ben", by="olga", note="ana is away")
    assert jobs.work(job) == 1

    assert jobs.manual(task)["assigned_to"] == "ben"
    event = jobs.one("select * from task_events where task_id = %s order by id desc limit 1", task)
    assert (event["from_state"], event["to_state"]) == ("initialized", "initialized")
    assert event["detail"] == {
        "job": str(job),
        "by": "olga",
        "note": "ana is away",
        "assigned_to": "ben",
        "assigned_before": None,
    }
    assert jobs.job(job)["applied"] == 1
    again = jobs.create("assign", assign_to="ben")
    jobs.work(again)
    assert jobs.job(again)["refusals"] == [{"why": "already assigned to ben", "count": 1}]
    nobody = jobs.create("assign", assign_to=None)
    jobs.work(nobody)
    assert jobs.manual(task)["assigned_to"] is None


def test_reprioritising_writes_the_priority_and_moves_the_task_up(jobs: Jobs) -> None:
    jobs.person("FIRST", fields={"priority": "medium"})
    task = jobs.person("SECOND", batch="b2", fields={"priority": "low"})
    job = jobs.create("reprioritise", {"state": "open", "priority": "low"}, priority="high")
    jobs.work(job)
    assert [each["pn"] for each in jobs.pending()] == ["SECOND", "FIRST"]
    event = jobs.one("select detail from task_events where task_id = %s order by id desc limit 1", task)
    assert event["detail"] | {"job": ""} == {
        "job": "",
        "by": "olga",
        "note": "the account is paid",
        "priority": "high",
        "priority_before": "low",
    }


def test_a_task_that_somebody_else_holds_is_refused_one_of_ones_own_is_not(jobs: Jobs) -> None:
    for pn, person in (("MINE", "olga"), ("HERS", "ana")):
        jobs.take(jobs.person(pn, batch=pn), person)
    job = jobs.create("reprioritise", priority="high")
    jobs.work(job)
    assert {item["pn"]: item["why"] for item in jobs.items(job)["items"]} == {
        "MINE": None,
        "HERS": "held by ana",
    }
    late = jobs.later(seconds=CLAIM)
    again = late.create("reprioritise", priority="high")
    late.work(again)
    assert late.job(again)["applied"] == 1


def test_a_release_that_is_repeated_after_an_assignment_is_the_same_release(jobs: Jobs) -> None:
    task = jobs.person()
    jobs.take(task)
    jobs.give_back(task)
    jobs.work(jobs.create("assign", assign_to="ben"))
    assert jobs.give_back(task)["state"] == "initialized"


def test_a_task_that_is_claimed_between_dry_run_and_job_is_refused_and_counted(jobs: Jobs) -> None:
    tasks = letters(jobs, 3)
    assert jobs.preview()["would"] == 3
    job = jobs.create()
    jobs.take(tasks[1], "ana")
    jobs.work(job)
    assert jobs.standing(job) == (1, 0, 0, 2)
    assert jobs.items(job, "refused")["items"][0]["why"] == "held by ana"


def test_the_days_quota_stops_a_job_and_it_goes_on_the_next_day(jobs: Jobs) -> None:
    letters(jobs, 5)  # five of the day's seven are used by these
    job = jobs.create()
    assert jobs.work(job, daily_limit=7) == 2
    assert jobs.work(job, daily_limit=7) == 0
    view = jobs.job(job, daily_limit=7)
    assert (view["state"], view["waiting"]) == ("waiting_for_tomorrow", 5)
    assert jobs.due(daily_limit=7) == []
    assert jobs.one("select used from daily_usage")["used"] == 7

    month_later = jobs.later(days=31)
    assert month_later.job(job, daily_limit=7)["state"] == "working"
    assert month_later.due(daily_limit=7) == [str(job)]
    month_later.call("keep_partitions")
    assert month_later.work(job, daily_limit=7) == 3
    assert month_later.job(job, daily_limit=7)["state"] == "following"
    for task in month_later.redriven(job):
        finish(month_later, task)
    assert month_later.standing(job) == (0, 5, 0, 0)


def test_a_cancelled_job_refuses_what_is_left_and_follows_what_was_begun(jobs: Jobs) -> None:
    letters(jobs, 5)
    job = jobs.create()
    jobs.work(job, limit=2)
    for _ in range(2):  # the second after a lost answer
        jobs.cancel(job)
    assert jobs.work(job) == 0
    assert jobs.due() == []
    view = jobs.job(job)
    assert view["refusals"] == [{"why": "cancelled by olga", "count": 3}]
    assert (view["state"], view["cancelled"]["note"]) == ("following", "enough")
    for task in jobs.redriven(job):
        finish(jobs, task)
    assert (jobs.standing(job), jobs.job(job)["state"]) == ((3, 2, 0, 0), "finished")
    assert len(jobs.pending()) == 3
    with pytest.raises(psycopg.Error, match="cancelled by olga") as refusal:
        jobs.cancel(job, "ana")
    assert refusal.value.sqlstate == "PT409"


def test_a_job_that_has_ended_cannot_be_cancelled(jobs: Jobs) -> None:
    letters(jobs, 1)
    job = jobs.create()
    jobs.work(job)
    with pytest.raises(psycopg.Error, match="nothing left to cancel") as refusal:
        jobs.cancel(job)
    assert refusal.value.sqlstate == "PT409"


def test_the_same_call_again_creates_nothing_and_another_job_of_that_id_is_refused(jobs: Jobs) -> None:
    letters(jobs, 2)
    job = jobs.create()
    jobs.fallback("LATER")
    jobs.create(job=job)
    assert jobs.job(job)["total"] == 2
    jobs.work(job)
    jobs.create(job=job)
    assert (jobs.job(job)["total"], len(jobs.redriven(job))) == (2, 2)
    changes: list[Json] = [{"note": "other"}, {"by": "ana"}, {"wanted": {"state": "free"}}]
    for change in changes:
        with pytest.raises(psycopg.Error, match="is another one") as refusal:
            jobs.create(job=job, **change)
        assert refusal.value.sqlstate == "PT409"


def test_the_same_job_created_by_many_at_once_is_one(jobs: Jobs, database: Database) -> None:
    letters(jobs, 12)
    job = uuid4()
    answers = let_go_at_once(database, [partial(Jobs.create, job=job)] * 8, Jobs)
    assert answers == [job] * 8
    assert jobs.one("select count(*) as n from job_items")["n"] == 12


def test_many_at_work_on_one_job_do_nothing_twice(jobs: Jobs, database: Database) -> None:
    letters(jobs, 30)
    job = jobs.create()

    def drive(caller: Jobs) -> int:
        return sum(caller.work(job, limit=5) for _ in range(8))

    answers = let_go_at_once(database, [drive] * 6, Jobs)
    while worked := jobs.work(job):
        answers.append(worked)
    assert sum(each for each in answers if isinstance(each, int)) == 30, answers
    found = jobs.all("select pn from automation_tasks where redrives is not null order by pn")
    assert [row["pn"] for row in found] == parts(30)
    assert jobs.one("select count(distinct redriven_as) as n from job_items")["n"] == 30


def test_of_two_jobs_on_the_same_tasks_each_task_goes_back_once_and_both_add_up(
    jobs: Jobs, database: Database
) -> None:
    letters(jobs, 24)
    both = [jobs.create(), jobs.create(by="ana")]

    def drive(caller: Jobs, job: UUID) -> int:
        return sum(caller.work(job, limit=4) for _ in range(8))

    let_go_at_once(database, [partial(drive, job=job) for job in both], Jobs)
    for job in both:
        while jobs.work(job):
            pass
    views = [jobs.job(job) for job in both]
    assert sum(view["waiting"] for view in views) == 24
    assert sum(view["refused"] for view in views) == 24
    assert {each["why"] for view in views for each in view["refusals"]} <= {
        "already given back to automation"
    }


def test_a_chunk_whose_worker_is_killed_leaves_no_trace_and_is_done_by_the_next(
    jobs: Jobs, database: Database
) -> None:
    letters(jobs, 6)
    job = jobs.create()
    with database.connect(role="service_role", autocommit=False) as killed:
        assert Jobs(killed).work(job, limit=4) == 4
        assert jobs.work(job, limit=4) == 0  # it is at work on the job
        killed.rollback()
    assert jobs.standing(job) == (0, 0, 0, 6)
    assert [jobs.work(job, limit=4), jobs.work(job, limit=4)] == [4, 2]
    assert len(jobs.redriven(job)) == 6


def test_a_task_that_is_locked_now_is_left_for_a_later_call(jobs: Jobs, database: Database) -> None:
    tasks = letters(jobs, 3)
    job = jobs.create()
    with database.connect(role="service_role", autocommit=False) as other:
        other.execute("select from manual_tasks where id = %s for update", (tasks[0],))
        assert jobs.work(job) == 2
        assert jobs.job(job)["state"] == "working"
        other.rollback()
    assert jobs.work(job) == 1


def test_the_sweep_is_told_the_jobs_with_work_left_the_longest_unattended_first(jobs: Jobs) -> None:
    letters(jobs, 3)
    first, second = jobs.create("assign", assign_to="ben"), jobs.create("reprioritise", priority="high")
    done = jobs.create()
    jobs.later(seconds=1).work(first, limit=1)
    jobs.later(seconds=2).work(done)
    assert jobs.due() == [str(second), str(first)]


def test_a_job_of_nothing_is_finished(jobs: Jobs) -> None:
    job = jobs.create()
    assert (jobs.job(job)["total"], jobs.job(job)["state"], jobs.due()) == (0, "finished", [])


@pytest.mark.parametrize(
    "call",
    [lambda jobs: jobs.job(uuid4()), lambda jobs: jobs.work(uuid4()), lambda jobs: jobs.cancel(uuid4())],
)
def test_an_unknown_job_is_not_found(jobs: Jobs, call: partial[None]) -> None:
    with pytest.raises(psycopg.Error, match="no job") as refusal:
        call(jobs)
    assert refusal.value.sqlstate == "PT404"


def test_the_jobs_are_listed_by_key_the_latest_first(jobs: Jobs) -> None:
    made = [str(jobs.later(seconds=n).create(note=f"n{n}")) for n in range(5)]
    made.reverse()
    first = jobs.call("list_jobs", limit=3, after=None, daily_limit=9)
    second = jobs.call("list_jobs", limit=3, after=first["next"], daily_limit=9)
    assert (first["total"], second["next"]) == (5, None)
    assert [job["id"] for job in [*first["jobs"], *second["jobs"]]] == made


def test_the_members_are_listed_by_key_with_a_true_total(jobs: Jobs) -> None:
    for task in letters(jobs, 5)[:2]:
        jobs.take(task)
    job = jobs.create()
    jobs.work(job)
    first = jobs.items(job, "waiting", limit=2)
    second = jobs.items(job, "waiting", limit=2, after=first["next"])
    assert (first["total"], second["total"], second["next"]) == (3, 3, None)
    assert sorted(item["pn"] for item in [*first["items"], *second["items"]]) == ["P02", "P03", "P04"]


def test_of_a_thousand_dead_letters_a_hundred_come_back_and_none_is_called_resolved_before_it_is(
    jobs: Jobs,
) -> None:
    """The sums are checked after each delivery, against what was delivered."""
    names = [f"P{number:04}" for number in range(1000)]
    jobs.begin()
    opened = jobs.open([item(pn) for pn in names])["automation"]
    for each in opened:
        jobs.claim(UUID(each["id"]))
        jobs.fail(UUID(each["id"]))
        jobs.fall_back(UUID(each["id"]))
    assert jobs.preview()["would"] == 1000
    job = jobs.create()
    while jobs.work(job, limit=200):
        pass
    resolved = came_back = 0
    for number, task in enumerate(jobs.redriven(job)):
        jobs.claim(task, OWNER)
        if number % 10:
            jobs.save(task)
            jobs.finish(task)
            resolved += 1
        else:
            jobs.fail(task, category="timeout")
            jobs.fall_back(task)
            came_back += 1
        assert jobs.standing(job) == (0, resolved, came_back, 1000 - resolved - came_back)
    view = jobs.job(job)
    assert (view["resolved"], view["state"]) == (900, "finished")
    assert view["came_back"] == [{"cause": "timeout", "count": 100, "given_up": 0}]


def test_one_note_ends_all_tasks_of_a_filter_and_each_can_be_taken_back(jobs: Jobs) -> None:
    tasks = [jobs.person(pn, batch=pn) for pn in ("ONE", "TWO")]
    held = jobs.person("HELD", batch="HELD")
    jobs.take(held, "ana")
    job = jobs.create("fail")
    jobs.work(job)
    assert [(jobs.manual(task)["state"], jobs.manual(task)["assignee"]) for task in tasks] == [
        ("failed", "olga")
    ] * 2
    assert {jobs.manual(task)["note"] for task in tasks} == {"the account is paid"}
    assert jobs.manual(held)["state"] == "processing"
    status = jobs.job(job)
    assert (status["applied"], status["refused"], status["total"]) == (2, 1, 3)
    jobs.one("select undo_manual_task(%s, 'olga', null, 3600, %s) as undone", tasks[0], jobs.now)
    assert jobs.manual(tasks[0])["state"] == "processing"

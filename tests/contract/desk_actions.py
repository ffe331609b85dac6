"""Actions of people, runs and deliveries, for random stories. Each action picks its target by `step.pick`.

A new action of the desk belongs into `ACTIONS`: the account has to balance after it, whatever came before.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg

from tests.contract.desk_work_calls import DeskWork
from tests.contract.job_calls import OPEN, Jobs
from tests.contract.schema_rows import Json, item, product

PARTS = ("A", "B", "C")
MAKERS: tuple[str | None, ...] = ("Texas Instruments", "onsemi", None)
EDITS: tuple[Json, ...] = (
    {},
    {"category": "Linear", "attributes": {"Current": "1 A"}},
    {"removed": {"attributes": ["Voltage"], "docs": ["https://vendor.example/a.pdf"]}},
    {"manufacturer": "onsemi"},
    {"manufacturer": "Texas Instruments", "description": "typed"},
)
WANTED: tuple[Json, ...] = (
    OPEN,
    {"state": "free"},
    {"state": "open", "search": "a"},
    {"state": "open", "type": "automation_fallback"},
    {"state": "failed"},
)
BULK: Mapping[str, Json] = {
    "assign": {"assign_to": "bo"},
    "reprioritise": {"priority": "high"},
    "redrive": {},
    "fail": {},
}
WHOLE = 100
REFUSALS = ("PT404", "PT409")


@dataclass(frozen=True)
class Step:
    """`pick` and `variant` are any numbers: each action takes what they point at."""

    action: str
    person: str
    pick: int
    variant: int


def manual_task(desk: DeskWork, step: Step) -> UUID:
    tasks = desk.all("select id from manual_tasks order by created_at, record_key, batch_id")
    return UUID(str(tasks[step.pick % len(tasks)]["id"])) if tasks else uuid4()


def own_task(desk: DeskWork, step: Step) -> UUID:
    """A task that the person holds, or any."""
    held = desk.all(
        "select id from manual_tasks where state = 'processing' and assignee = %s order by created_at, record_key",
        step.person,
    )
    return UUID(str(held[step.pick % len(held)]["id"])) if held else manual_task(desk, step)


def automation_task(desk: DeskWork, step: Step, condition: str) -> UUID:
    tasks = desk.all(f"select id from automation_tasks where {condition} order by created_at, record_key")
    return UUID(str(tasks[step.pick % len(tasks)]["id"])) if tasks else uuid4()


def batch(desk: DeskWork, step: Step) -> str:
    batches = desk.all("select id from batches where parent_batch_id is null order by created_at, id")
    return str(batches[step.pick % len(batches)]["id"]) if batches else "none"


def open_records(desk: DeskWork, step: Step) -> None:
    name = f"b{uuid4()}"
    desk.begin(name)
    items = [
        item(
            pn,
            ("automation", "manual")[(step.variant >> place) % 2],
            manufacturer=MAKERS[step.pick % len(MAKERS)],
            content_hash=f"{pn} {step.pick % len(MAKERS)} {step.variant % 3}",
            source_record={"pn": pn, "category": f"of row {step.variant}", "specs": {"Voltage": "37 V"}},
        )
        for place, pn in enumerate(PARTS)
    ]
    desk.open(items, batch=name)
    desk.progress(batch=name, closed=True)


def deliver(desk: DeskWork, step: Step) -> None:
    task = automation_task(desk, step, "state not in ('completed', 'failed')")
    owner = uuid4()
    if desk.claim(task, owner)["outcome"] != "claimed":
        return
    match step.variant % 4:
        case 0:
            desk.finish(task, owner, answer={"a": 1}, written=found(desk, task, step))
        case 1:
            desk.fail(task, owner)
        case 2:
            desk.save(task, owner)
        case _:
            desk.release(task, owner, refund=True)


def found(desk: DeskWork, task: UUID, step: Step) -> Json:
    """The vendor's part: sometimes the one that another record is, too."""
    pn, maker = desk.task(task)["pn"], MAKERS[step.pick % 2] or ""
    return product(maker, pn=pn, manufacturer_key=maker.lower(), part_key=f"{pn}|{maker.lower()}")


def hand_over(desk: DeskWork, step: Step) -> None:
    desk.fall_back(automation_task(desk, step, "hand_over = 'due'"))


def complete(desk: DeskWork, step: Step, task: UUID | None = None) -> None:
    fields = EDITS[step.variant % len(EDITS)]
    maker = fields.get("manufacturer")
    desk.complete(
        task or own_task(desk, step), step.person, fields=fields, manufacturer_key=maker and maker.lower()
    )


def take_and_complete(desk: DeskWork, step: Step) -> None:
    task = manual_task(desk, step)
    desk.take(task, step.person)
    complete(desk, step, task)


def undo(desk: DeskWork, step: Step) -> None:
    """Takes back a task that has ended, as the person who has ended it or as any."""
    ended = desk.all(
        "select id, assignee from manual_tasks where state in ('completed', 'failed') order by finished_at desc, id"
    )
    task: Json = ended[step.pick % len(ended)] if ended else {"id": uuid4(), "assignee": "nobody"}
    desk.undo(task["id"], task["assignee"] if step.variant else step.person)


def end_and_undo(desk: DeskWork, step: Step) -> None:
    """An end that is taken back at once has changed nothing."""
    task = manual_task(desk, step)
    desk.take(task, step.person)
    before = desk.world()
    if step.variant % 2:
        desk.give_up(task, step.person)
    else:
        complete(desk, step, task)
    desk.undo(task, step.person)
    assert desk.world() == before


def preview(desk: DeskWork, step: Step) -> None:
    before = desk.world()
    desk.preview(manual_task(desk, step), step.person, EDITS[step.variant % 3])
    assert desk.world() == before


def redrive(desk: DeskWork, step: Step) -> None:
    desk.redrive(batch(desk, step), f"r{uuid4()}", limit=1 + step.variant)


def take_again(desk: DeskWork, step: Step) -> None:
    records = desk.all("select record_key from records order by record_key")
    desk.again(records[step.pick % len(records)]["record_key"] if records else "none", step.person)


@contextmanager
def never_refused() -> Iterator[None]:
    """A job refuses single members; a call that is refused whole would stop the job for ever."""
    try:
        yield
    except psycopg.Error as error:
        raise AssertionError("a job was refused whole") from error


@never_refused()
def start_job(desk: DeskWork, step: Step, kind: str) -> None:
    """Works on the whole job at once, which then has done what its preview said; or on its first members alone."""
    jobs, wanted = Jobs(desk.connection, desk.now), WANTED[step.pick % len(WANTED)]
    before = desk.world()
    would = jobs.preview(kind, wanted, by=step.person, **BULK[kind])
    assert desk.world() == before
    job = jobs.create(kind, wanted, by=step.person, **BULK[kind])
    whole = step.variant % 2 == 0
    worked = jobs.work(job, WHOLE if whole else 1 + step.variant // 2)
    if whole:
        refused = sum(each["count"] for each in would["refused"])
        assert (worked, jobs.job(job)["refused"]) == (would["matched"], refused)


@never_refused()
def work_on_a_job(desk: DeskWork, step: Step) -> None:
    due = Jobs(desk.connection, desk.now).due()
    if due:
        Jobs(desk.connection, desk.now).work(UUID(due[step.pick % len(due)]), 1 + step.variant)


def cancel_a_job(desk: DeskWork, step: Step) -> None:
    jobs = desk.all("select id from jobs order by at desc, ended_at desc nulls first, id")
    Jobs(desk.connection, desk.now).cancel(
        jobs[step.pick % len(jobs)]["id"] if jobs else uuid4(), step.person
    )


def assert_sums_of_jobs(desk: DeskWork) -> None:
    """Each member of each job has one outcome."""
    for job in desk.all("select id from jobs"):
        Jobs(desk.connection, desk.now).job(job["id"])


Action = Callable[[DeskWork, Step], object]
ACTIONS: Mapping[str, Action] = {
    "open": open_records,
    "deliver": deliver,
    "hand over": hand_over,
    "claim": lambda desk, step: desk.take(manual_task(desk, step), step.person),
    "draft": lambda desk, step: desk.draft(manual_task(desk, step), step.person, {"category": "Dra"}),
    "release": lambda desk, step: desk.give_back(own_task(desk, step), step.person),
    "skip": lambda desk, step: desk.skip(manual_task(desk, step), step.person),
    "next": lambda desk, step: desk.next(step.person),
    "preview": preview,
    "complete": complete,
    "take and complete": take_and_complete,
    "fail": lambda desk, step: desk.give_up(own_task(desk, step), step.person),
    "undo": undo,
    "end and undo": end_and_undo,
    "redrive": redrive,
    "take again": take_again,
    "assign many": lambda desk, step: start_job(desk, step, "assign"),
    "reprioritise many": lambda desk, step: start_job(desk, step, "reprioritise"),
    "redrive many": lambda desk, step: start_job(desk, step, "redrive"),
    "fail many": lambda desk, step: start_job(desk, step, "fail"),
    "work on a job": work_on_a_job,
    "cancel a job": cancel_a_job,
}
OFTEN = ("deliver", "hand over", "take and complete", "fail", "undo", "open")
"""These actions make others possible."""
PASSING = {"a minute": 60, "twenty minutes": 1_200, "two hours": 7_200}
"""Time that passes between two actions: within the undo, beyond it, and beyond a claim."""


def act(desk: DeskWork, step: Step) -> bool:
    """False: the action was refused, as it may be. Any other error is a defect."""
    try:
        ACTIONS[step.action](desk, step)
    except psycopg.Error as error:
        if error.sqlstate not in REFUSALS:
            raise
        return False
    return True

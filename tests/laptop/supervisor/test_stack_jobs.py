from collections.abc import Iterator
from pathlib import Path

import pytest

from laptop.supervisor.errors import JobFailed
from laptop.supervisor.plan import Plan
from tests.laptop.supervisor.stack_support import StandIns, stand_ins


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[StandIns]:
    with stand_ins(tmp_path) as stack:
        yield stack


def test_a_job_runs_between_the_parts_that_it_comes_after_and_those_that_need_it(stack: StandIns) -> None:
    parts = (stack.part("rest", after="migrations"), stack.part("postgres"))

    stack.supervisor.start(Plan(parts, (stack.job("migrations", after="postgres"),)))

    assert stack.events() == ["start postgres", "ran migrations", "start rest"]


def test_a_job_is_not_repeated_on_a_running_stack_until_its_content_changes(stack: StandIns) -> None:
    part = stack.part("postgres")
    first = Plan((part,), (stack.job("migrations", after="postgres", content="one"),))
    stack.supervisor.start(first)
    stack.supervisor.start(first)
    assert stack.events() == ["start postgres", "ran migrations"]

    stack.supervisor.start(Plan((part,), (stack.job("migrations", after="postgres", content="two"),)))

    assert stack.events() == ["start postgres", "ran migrations", "ran migrations"]


def test_a_job_is_repeated_when_a_part_that_it_prepares_was_started_anew(stack: StandIns) -> None:
    plan = Plan((stack.part("tasks"), stack.part("rest")), (stack.job("queues", after="tasks"),))
    stack.supervisor.start(plan)
    stack.supervisor.kill("rest")
    stack.supervisor.start(plan)
    assert stack.events().count("ran queues") == 1

    stack.supervisor.kill("tasks")
    stack.supervisor.start(plan)

    assert stack.events().count("ran queues") == 2


def test_a_job_with_a_marker_is_done_once_for_each_content_however_often_the_stack_starts(
    stack: StandIns,
) -> None:
    part = stack.part("bigquery")
    for content in ("one", "one", "two"):
        job = stack.job("parts-data", after="bigquery", content=content, marker=True)
        stack.supervisor.start(Plan((part,), (job,)))
        stack.supervisor.stop()

    assert stack.events().count("ran parts-data") == 2


def test_a_failed_load_is_not_marked_as_done(stack: StandIns) -> None:
    part = stack.part("bigquery")
    with pytest.raises(JobFailed):
        stack.supervisor.start(
            Plan((part,), (stack.job("load", "raise SystemExit(3)", after="bigquery", marker=True),))
        )

    stack.supervisor.start(Plan((part,), (stack.job("load", after="bigquery", marker=True),)))

    assert stack.events().count("ran load") == 2


def test_a_failed_job_undoes_the_start_and_its_last_lines_are_shown(stack: StandIns) -> None:
    job = stack.job("migrations", "print('no such column'); raise SystemExit(3)", after="postgres")

    with pytest.raises(JobFailed) as failure:
        stack.supervisor.start(Plan((stack.part("postgres"),), (job,)))

    assert "migrations ended with status 3" in str(failure.value)
    assert "  | no such column" in str(failure.value)
    assert stack.alive() == []


def test_a_job_that_never_ends_fails_the_start_and_is_killed(stack: StandIns) -> None:
    stack.start_timeout = 2
    hang = "import os, time; open('{}', 'a').write(f'start job {{os.getpid()}}\\n'); time.sleep(600)"
    job = stack.job("load", hang.format(stack.folder / "events"), after="bigquery")

    with pytest.raises(JobFailed, match="load did not end within 2 s"):
        stack.supervisor.start(Plan((stack.part("bigquery"),), (job,)))

    assert "start job" in stack.events()
    assert stack.alive() == []


def test_a_warning_of_a_job_is_shown_to_the_person_who_starts_the_stack(stack: StandIns) -> None:
    said = "print('12 rows'); print('warning: line 3 is no record'); print('a warning: of something else')"

    stack.supervisor.start(Plan((stack.part("bigquery"),), (stack.job("data", said, after="bigquery"),)))

    assert [line for line in stack.lines if "warning" in line] == ["    warning: line 3 is no record"]

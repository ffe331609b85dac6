"""`python -m infra.local scheduler`: runs the pipeline on a running stack and shows what it does."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from cli.screen import Screen, shown
from laptop.supervisor.errors import StackError
from shared.cloud.scheduler import CloudSchedulerJobs, SchedulerAddress
from shared.errors import SwitchyardError
from shared.fulfillment.pipeline import Pipeline

_LOOK_SECONDS = 0.2
_CALL_SECONDS = 10.0
_CYCLE_SECONDS = 7_200.0
"""The longest time for one cycle: every stage at its limit, with every retry."""

_ANSWER_WIDTH = 160
_STYLES = {"succeeded": "green", "retried": "yellow", "failed": "red"}

Firing = dict[str, Any]


@dataclass(frozen=True)
class Pace:
    """`every`: real seconds for a cycle; None: the pipeline's interval. `once`: one cycle, without waits."""

    every: float | None
    once: bool


class Foreground:
    """`control` calls the scheduler's control API."""

    def __init__(
        self, pipeline: Pipeline, jobs: CloudSchedulerJobs, control: httpx.Client, screen: Screen
    ) -> None:
        self._pipeline = pipeline
        self._jobs = jobs
        self._control = control
        self._screen = screen
        self._stages: Sequence[str] = ()
        self._seen = 0
        self._open: dict[int, Firing] = {}
        self._failed = 0

    def go(self, pace: Pace) -> int:
        """Returns the exit status: with `once`, 1 when a stage failed. Without it, only KeyboardInterrupt ends it."""
        self._news()
        self._open.clear()
        with self._resumed():
            self._screen.line(f"firing {', '.join(self._stages)}; Ctrl+C ends it", style="bold")
            if pace.once:
                self._one_cycle()
            else:
                self._follow(pace.every)
        return 1 if pace.once and self._failed else 0

    @contextmanager
    def _resumed(self) -> Iterator[None]:
        """At the end, pauses what was paused before and sets the clock's rate to 1; the clock may stay ahead."""
        states = {job.name: job.state for job in self._jobs.jobs()}
        self._stages = [stage.name for stage in self._pipeline.stages if stage.name in states]
        if not self._stages:
            raise StackError("The scheduler has no job of a stage. `make up` makes them.")
        try:
            yield
        finally:
            for name in self._stages:
                if states[name] == "PAUSED":
                    self._jobs.pause(name)
            self._clock({"rate": 1})

    def _start(self) -> None:
        for name in self._stages:
            self._jobs.resume(name)

    def _one_cycle(self) -> None:
        """Runs in the scheduler's own time, which skips the waits between two stages."""
        self._go_to_next_cycle()
        self._start()
        with ThreadPoolExecutor(1) as aside:
            order = {"advance": self._pipeline.interval_minutes * 60}
            cycle = aside.submit(self._clock, order, _CYCLE_SECONDS)
            try:
                self._show_until(cycle)
            except KeyboardInterrupt:
                self._screen.line("waiting for the stage that is running", style="yellow")
                for name in self._stages:
                    self._jobs.pause(name)
                raise

    def _go_to_next_cycle(self) -> None:
        """Within a running cycle, later stages would wait for the earlier ones, which are not fired again."""
        now = datetime.fromisoformat(self._clock({"running": False})["now"])
        begin = self._pipeline.cycle_begin(now) + timedelta(minutes=self._pipeline.interval_minutes)
        self._clock({"now": (begin - timedelta(seconds=1)).isoformat()})

    def _show_until(self, cycle: "Future[dict[str, Any]]") -> None:
        while not cycle.done():
            self._show_news()
            time.sleep(_LOOK_SECONDS)
        cycle.result()
        self._show_news()

    def _follow(self, every: float | None) -> None:
        if every:
            self._go_to_next_cycle()
        self._start()
        if every:
            self._clock({"rate": self._pipeline.interval_minutes * 60 / every})
        while True:
            self._show_news()
            time.sleep(_LOOK_SECONDS)

    def _show_news(self) -> None:
        for firing in self._news():
            name = firing["job"].rpartition("/")[2]
            due = _moment(firing["schedule_time"] or firing["sent"])
            again = f", again at {_moment(firing['retry_at'])}" if firing["retry_at"] else ""
            answer = " ".join(firing["answer"].split())[:_ANSWER_WIDTH]
            text = f"{due}  {name:<16} {firing['status']} {firing['verdict']}{again}  {shown(answer)}"
            self._screen.line(text, style=_STYLES.get(firing["verdict"], ""))
            self._failed += firing["verdict"] == "failed"

    def _news(self) -> list[Firing]:
        """Returns the stages' firings that ended since the last call, in the order in which they were sent."""
        since = min(self._open, default=self._seen + 1) - 1
        answer = self._control.get("/firings", params={"after": since})
        answer.raise_for_status()
        rows: list[Firing] = [row for row in answer.json()["firings"] if self._is_news(row)]
        for row in rows:
            self._seen = max(self._seen, row["id"])
            if row["verdict"] == "in flight":
                self._open[row["id"]] = row
            else:
                self._open.pop(row["id"], None)
        return [row for row in rows if row["verdict"] != "in flight"]

    def _is_news(self, row: Firing) -> bool:
        stages = {stage.name for stage in self._pipeline.stages}
        new = row["id"] > self._seen or row["id"] in self._open
        return new and row["job"].rpartition("/")[2] in stages

    def _clock(self, order: dict[str, Any], timeout: float = _CALL_SECONDS) -> dict[str, Any]:
        answer = self._control.put("/clock", json=order, timeout=timeout)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def run_pipeline(
    pipeline: Pipeline, address: SchedulerAddress, control: str, pace: Pace, screen: Screen
) -> int:
    """Raises StackError when the scheduler does not run, or stops meanwhile."""
    with (
        closing(CloudSchedulerJobs(address, timeout=_CALL_SECONDS)) as jobs,
        httpx.Client(base_url=control, timeout=_CALL_SECONDS, trust_env=False) as client,
    ):
        try:
            return Foreground(pipeline, jobs, client, screen).go(pace)
        except KeyboardInterrupt:
            screen.line("stopped")
            return 0
        except (httpx.HTTPError, SwitchyardError) as error:
            raise StackError(f"The scheduler does not answer: {error}. `make up` starts it.") from error

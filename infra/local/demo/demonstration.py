"""The whole demo: input files, stack, run, queue, account, orders."""

import io
import json
import shlex
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from cli.addresses import Address, Function
from cli.answers import BatchStatus, Equation, RunReport, parsed
from cli.failures import Failure
from cli.functions import Functions
from cli.inbox_answers import TaskList
from cli.screen import Screen, shown
from cli.views import show_batch, show_equation
from infra.local.demo import report
from infra.local.demo.backstage import Backstage
from infra.local.demo.drain import Work, drain, shown_progress
from infra.local.demo.inputs import CATALOGUE, INTAKE, Inputs, check_inputs
from infra.local.demo.orders import ORDERS, OrderDay
from infra.local.demo.report import most_completed
from infra.local.demo.stage import Stage
from infra.local.errors import DemoFailed
from infra.local.local_stack import LocalStack
from infra.local.settings import LocalSettings
from shared.workflow_config import WorkflowConfig

_UNAVAILABLE_EVERY, _SLOWED_EVERY = 20, 50
FAULTS: list[dict[str, Any]] = [
    {"kind": "error_before", "status": 503, "path": "/products", "every": _UNAVAILABLE_EVERY},
    {"kind": "rate_limited", "limit": "burst", "seconds": 1, "path": "/products", "every": _SLOWED_EVERY},
]
"""Errors that the sandbox makes on purpose, so that the demo shows how they are handled."""

_REAL_BURST_LIMIT = 120
_MOST_TASKS = 1000

PURPOSES: Mapping[str, str] = {
    "postgres": "Supabase's database",
    "migrations": "its tables and SQL functions",
    "rest": "Supabase's REST interface",
    "bigquery": "BigQuery",
    "parts-data": "the part records, into BigQuery",
    "tasks": "Cloud Tasks",
    "queues": "its two queues",
    "scheduler": "Cloud Scheduler",
    "schedules": "its jobs: the stages, and the sweep",
    "digikey": "DigiKey's product API, answering from the catalogue",
    "orchestrate": "function: decides who completes each record",
    "automate": "function: looks a part up, stores the product",
    "fallback": "function: hands to people what automation cannot finish",
    "workflow": "function: people's tasks, and reports",
    "desk": "the page where people work, and see whether all is well",
    "mirakl": "the marketplace, Mirakl as Best Buy Canada runs it",
    "canada-post": "the carrier, Canada Post",
    "accept-orders": "function: accepts new orders, follows all",
    "create-labels": "function: buys labels, none twice",
    "update-tracking": "function: pushes tracking numbers",
    "sync-messages": "function: fetches customer messages",
    "reconcile-orders": "function: compares orders and labels with theirs",
}
"""A description of each part and job of the stack, for a person who sees it for the first time."""


@dataclass(frozen=True)
class DemoRequest:
    limit: int
    intake: Path | None
    catalogue: Path | None
    keep: bool


def demonstrate(request: DemoRequest, settings: LocalSettings, environment: Mapping[str, str]) -> int:
    """Raises StackError, SettingsInvalid, and KeyboardInterrupt after all is stopped again."""
    begun = time.monotonic()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # a record's text must not fail in an encoding such as ASCII
        sys.stdout.reconfigure(errors="backslashreplace")
    screen = Screen(sys.stdout)
    threshold = WorkflowConfig.from_environment(environment).manual_priority_threshold
    inputs = check_inputs(
        request.intake or settings.intake or INTAKE,
        request.catalogue or settings.catalogue or CATALOGUE,
        threshold,
    )
    _introduce(screen, request, inputs, threshold)
    stage = Stage(
        settings.state_dir / "demo",
        inputs.intake,
        inputs.catalogue,
        lambda line: screen.line(_explained(line)),
    )
    report.heading(screen, "Starting the laptop cloud")
    try:
        with stage.opened(keep=request.keep) as stack:
            screen.line(f"  {len(stack.state.parts)} processes run after {time.monotonic() - begun:.1f} s")
            Demonstration(screen, stack, request.limit).perform()
            if not request.keep:
                report.heading(screen, "Stopping everything")
    except (Failure, httpx.HTTPError) as failure:
        raise DemoFailed(f"{failure}\nThe logs: {_near(stage.logs)}") from failure
    except DemoFailed as failure:
        raise DemoFailed(f"{failure}\nThe logs: {_near(stage.logs)}") from failure
    _show_next_steps(screen, stage, time.monotonic() - begun, kept=request.keep)
    return 0


@dataclass(frozen=True)
class Demonstration:
    """One batch and one day of orders on a running stack."""

    screen: Screen
    stack: LocalStack
    limit: int

    def perform(self) -> None:
        """Raises DemoFailed, cli.failures.Failure and httpx.HTTPError."""
        with ExitStack() as open_:
            functions = open_.enter_context(Functions(self._address, None, timeout=None, notify=self._warn))
            backstage = open_.enter_context(Backstage(self.stack))
            backstage.control("digikey", "PUT", "faults", {"faults": FAULTS})
            batch_id = self._take_in(functions)
            self._work_through(functions, backstage, batch_id)
            self._account(functions, backstage, batch_id)
            OrderDay(self.screen, backstage, self.stack.state.parts["reconcile-orders"].url).perform()

    def _address(self, function: Function) -> Address:
        return Address(function, self.stack.url(function), "its log says why")

    def _warn(self, text: str) -> None:
        self.screen.line(f"  {self.screen.symbol('warning')} {shown(text)}", style="yellow")

    def _take_in(self, functions: Functions) -> str:
        report.heading(self.screen, "Taking records in")
        request = {"limit": self.limit}
        body = shlex.quote(json.dumps(request))
        self.screen.line(
            f"  curl -X POST -H 'Content-Type: application/json' -d {body} {self.stack.url('orchestrate')}"
        )
        begun = time.monotonic()
        run = parsed(RunReport, functions.run(request))
        self.screen.line(
            f"  {run.read} records read, {run.opened} opened in {time.monotonic() - begun:.1f} s:"
            f" {run.automation} for automation, {run.manual} for people, {run.rejected} rejected"
        )
        for note in [
            *run.notes,
            *(["the day's limit of tasks is reached"] if run.daily_limit_reached else []),
        ]:
            self._warn(note)
        return run.batch_id

    def _work_through(self, functions: Functions, backstage: Backstage, batch_id: str) -> None:
        limit = backstage.control("digikey", "GET", "limits")["burst"]
        report.heading(self.screen, "Working through the queue")
        self.screen.line(
            f"  DigiKey's sandbox takes {limit:,} calls a minute here; a real account has {_REAL_BURST_LIMIT}."
            f" It answers\n  every {_UNAVAILABLE_EVERY}th look-up with 503,"
            f" and every {_SLOWED_EVERY}th with 429, on purpose."
        )
        work = Work(
            lambda: parsed(Equation, functions.reconcile(batch_id, None)), backstage.queued, backstage.sweep
        )
        begun = time.monotonic()
        with shown_progress(self.screen) as show:
            swept = drain(work, show)
        self.screen.line(f"  drained in {time.monotonic() - begun:.1f} s; {swept.in_words}")

    def _account(self, functions: Functions, backstage: Backstage, batch_id: str) -> None:
        batch = parsed(BatchStatus, functions.batch(batch_id))
        report.heading(self.screen, "The batch")
        show_batch(self.screen, batch)
        if batch.state == "in_progress":
            self.screen.line(
                "It stays in progress until people have done their part; automation has nothing left to do."
            )
        report.heading(self.screen, "Completed by automation: the record before -> the product after")
        report.show_products(self.screen, most_completed(backstage.products(batch_id, 100), 3))
        waiting = parsed(TaskList, functions.manual_tasks({"limit": _MOST_TASKS})).manual_tasks
        report.heading(self.screen, f"Waiting for a person: {len(waiting)} tasks, most urgent first")
        report.show_manual_tasks(self.screen, waiting)
        report.heading(self.screen, "The vendor's own books")
        report.show_books(self.screen, backstage.control("digikey", "GET", "books"), backstage.faults_hit())
        report.heading(self.screen, "The account")
        equation = parsed(Equation, functions.reconcile(batch_id, None))
        show_equation(self.screen, equation)
        if not equation.holds:
            raise DemoFailed("The equation does not balance: this is a defect.")


def _introduce(screen: Screen, request: DemoRequest, inputs: Inputs, threshold: float) -> None:
    screen.line(
        f"Switchyard: {request.limit} part records and {ORDERS} orders, enrichment and fulfillment, on this machine",
        style="bold",
    )
    screen.line(
        f"  {inputs.records:,} records   {_near(inputs.intake)},"
        f" {inputs.eligible:,} of them with a score of {threshold:g} or more"
    )
    screen.line(f"  {inputs.parts:,} parts     {_near(inputs.catalogue)}, known to the DigiKey sandbox")
    if {inputs.intake, inputs.catalogue} & {INTAKE, CATALOGUE}:
        screen.line("  real parts, from the KiCad symbol libraries (CC BY-SA 4.0; data/README.md)")
    for warning in inputs.warnings:
        screen.line(f"  {screen.symbol('warning')} {shown(warning)}", style="yellow")


def _explained(line: str) -> str:
    """Adds the part's description to the stack's line about it."""
    match line.split():
        case [name, state, seconds, "s"] if name in PURPOSES:
            return f"  {name:<16} {state:<5} {seconds:>5} s   {PURPOSES[name]}"
    return line


def _near(path: Path) -> str:
    """The path, relative to the current folder when it is below it."""
    whole = path.absolute()
    return str(whole.relative_to(Path.cwd())) if whole.is_relative_to(Path.cwd()) else str(whole)


def _show_next_steps(screen: Screen, stage: Stage, seconds: float, *, kept: bool) -> None:
    if kept:
        here = f"LOCAL_STATE_DIR={shlex.quote(str(stage.state_dir))} .venv/bin/python -m infra.local"
        screen.line(
            f"\nEverything took {seconds:.1f} s. The stack runs on. To see its state, and to stop it:",
            style="bold",
        )
        screen.line(f"  {here} status\n  {here} down --purge")
    else:
        screen.line("  done: no process, no data, no port is left")
        screen.line(f"\nEverything took {seconds:.1f} s. What to do next:", style="bold")
    for command, what in (
        ("make up", "keeps it running and opens the desk"),
        (".venv/bin/python run_workflow.py --help", "run, watch, pending, claim, reconcile"),
        ("make demo INTAKE=mine.jsonl CATALOG=theirs.jsonl", "your own data; shapes: data/README.md"),
        ("docs/architecture.md, docs/operations.md", "how it works, and how to repair it"),
    ):
        screen.line(f"  {command:<50} {what}")

"""Runs the command line as a user does, and a server that answers like the functions and records the calls."""

import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cli.program import main as program

PROJECT = Path(__file__).parents[1]
COMMAND = (sys.executable, str(PROJECT / "run_workflow.py"))
"""The words that a user types before the arguments."""

TASK = "3f0c2f5e-6f0b-4d56-9a53-5d3c1f6f2b11"
_FOREIGN = (
    "SWITCHYARD_",
    "LOCAL_",
    "WORKFLOW_",
    "NO_COLOR",
    "FORCE_COLOR",
    "COLUMNS",
    "TERM",
    "TTY_",
    "PYTHONIO",
)


@dataclass(frozen=True)
class Scripted:
    """`fault`: `hang up` without an answer, `stall` until the server ends, or `drip` one byte at a time."""

    status: int = 200
    body: object = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: Any
    at: float


class FunctionsStandIn:
    """`script` sets the answers of a path, in turn; the last one is repeated for ever."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._scripts: dict[str, list[Scripted]] = {}
        self._closing = threading.Event()
        self._called = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def script(self, path: str, *answers: Scripted | object) -> None:
        """Anything but a `Scripted` is the body of a 200."""
        self._scripts[path] = [
            each if isinstance(each, Scripted) else Scripted(body=each) for each in answers
        ]

    def wait_for_a_call(self) -> None:
        assert self._called.wait(60), "nobody called"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _next(self, path: str) -> Scripted:
        missing = problem(404, "not_found", f"there is nothing at {path}")
        answers = self._scripts.get(path, [missing])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def handle_one(self) -> None:
                parts = urlsplit(self.path)
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                stand_in.asked.append(
                    Asked(
                        self.command,
                        parts.path,
                        parse_qs(parts.query),
                        dict(self.headers),
                        json.loads(raw) if raw else None,
                        time.monotonic(),
                    )
                )
                stand_in._called.set()
                stand_in._answer(self, stand_in._next(parts.path))

            do_GET = do_POST = handle_one  # noqa: N815 - the names that http.server calls

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _answer(self, to: BaseHTTPRequestHandler, scripted: Scripted) -> None:
        if scripted.fault == "stall":
            self._closing.wait(60)
        if scripted.fault in ("stall", "hang up"):
            to.close_connection = True
            return
        raw = scripted.body if isinstance(scripted.body, bytes) else json.dumps(scripted.body).encode()
        to.send_response(scripted.status)
        for name, value in {"Content-Length": str(len(raw)), **scripted.headers}.items():
            to.send_header(name, value)
        to.end_headers()
        if scripted.fault != "drip":
            to.wfile.write(raw)
            return
        for byte in raw:
            try:
                to.wfile.write(bytes([byte]))
            except OSError:  # the caller has gone
                return
            self._closing.wait(0.05)


@contextmanager
def standing_in() -> Iterator[FunctionsStandIn]:
    server = FunctionsStandIn()
    server.start()
    try:
        yield server
    finally:
        server.stop()


@dataclass(frozen=True)
class CommandLine:
    """Runs commands in a folder without a laptop cloud."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        return own | {"LOCAL_STATE_DIR": str(self.folder / "state")} | dict(self.variables)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs the program in this process, which takes 20 ms and not half a second, as if it was one of its own.

        A variable that Python itself reads at its start makes it a process.
        """
        if any(name.startswith("PYTHON") for name in variables):
            return self.process(*arguments, **variables)
        streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2)]
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            environment = self.environment | variables
            for name in set(os.environ) - set(environment):
                patch.delenv(name)
            for name, value in environment.items():
                patch.setenv(name, value)
            for name, stream in zip(("stdout", "stderr"), streams, strict=True):
                patch.setattr(sys, name, stream)
            patch.setattr(sys, "argv", [COMMAND[1], *arguments])
            try:
                status = program(arguments)
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1
        written = [stream.buffer.getvalue().decode() for stream in streams]
        return subprocess.CompletedProcess(arguments, status, *written)

    def process(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=120,
        )


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Scripted:
    body: dict[str, object] = {
        "type": "about:blank",
        "title": "A title",
        "status": status,
        "detail": detail,
        "code": code,
    }
    if errors:
        body["errors"] = list(errors)
    return Scripted(status, body, {"Content-Type": "application/problem+json", **(headers or {})})


def batch(state: str = "in_progress", **changes: object) -> dict[str, object]:
    """An answer of `GET /batches/{id}`."""
    return {
        "batch_id": "b1",
        "state": state,
        "automation": {"completed": 2, "failed": 1},
        "manual": {"initialized": 1},
        "handed_over": {"initialized": 1},
        "places": {"completed": 2, "with_a_person": 2, "in_flight": 0, "failed": 0, "rejected": 0},
        "taken": 4,
        "counts": {},
        "trigger": "manual",
        "request": {},
        "policy": "flow",
        "policy_version": "1",
        "parent_batch_id": None,
        "created_at": "2026-11-22T10:00:00+00:00",
        "closed_at": "2026-11-22T10:00:05+00:00",
        "finished_at": "2026-11-22T10:01:00+00:00",
        "decisions": [{"rule": "sparse", "route": "automation", "records": 3}],
        "fallback_batches": ["b1_fallback"],
    } | changes


def report(**changes: object) -> dict[str, object]:
    """An answer of `orchestrate`."""
    return {
        "batch_id": "b1",
        "started": True,
        "read": 62,
        "opened": 50,
        "automation": 30,
        "manual": 20,
        "rejected": 2,
        "skipped": {"in_flight": 10, "repeated": 0},
        "not_enqueued": 0,
        "daily_limit_reached": False,
        "source_exhausted": False,
        "notes": [],
    } | changes


def manual_task(**changes: object) -> dict[str, object]:
    return {
        "id": TASK,
        "batch_id": "b1",
        "pn": "NE555",
        "manufacturer": "TI",
        "type": "automation_fallback",
        "priority": "high",
        "state": "initialized",
        "reason": "the vendor does not know it",
        "cause": "not_found",
        "attempts": 1,
        "assignee": None,
        "claimed_until": None,
        "due_at": "2026-11-23T10:00:00+00:00",
        "note": None,
        "created_at": "2026-11-22T10:00:00+00:00",
    } | changes


def whole_task(**changes: object) -> dict[str, object]:
    """The answer of `GET /manual-tasks/{id}`."""
    price = {"price": 0.8125, "currency": "CAD"}
    candidate = {"pn": "NE555P", "manufacturer": "TI", "vendor_pn": "296-1", "price": 0.5, "currency": "CAD"}
    compared = {
        "feature": "completeness",
        "operator": "gte",
        "threshold": 0.8,
        "actual": 0.85,
        "outcome": True,
    }
    failed = {"at": "2026-11-22T10:00:00+00:00", "what": "failed", "by": "automation", "cause": "not_found"}
    return (
        manual_task()
        | {
            "rule": "complete",
            "free": True,
            "overdue": False,
            "decision": {"rule": "complete", "reason": "complex", "comparisons": [compared]},
            "source": {"manufacturer": "TI", "category": "Regulators"},
            "vendor": {"manufacturer": "TI", **price},
            "candidates": [candidate | {"category": "Timers"}],
            "timeline": [failed | {"message": "no such part"}],
            "draft": {"by": "ana", "saved_at": "2026-11-22T10:30:00+00:00", "fields": {}},
        }
        | changes
    )


def known_part() -> dict[str, Any]:
    """A field that a person typed and the vendor says otherwise, and one of the source's."""
    at = "2026-11-22T10:00:00+00:00"
    vendor = {"value": "3.3 V", "layer": "vendor", "by": "digikey", "wins": False}
    typed = {"value": "5 V", "layer": "edited", "by": "ana", "wins": True}
    source = {"value": "ICs", "layer": "source", "by": None, "wins": True}
    return {
        "part_key": "LM317T|onsemi",
        "fields": [
            {"field": "attribute:Voltage", "at": at, **typed},
            {"field": "attribute:Voltage", "at": at, **vendor},
            {"field": "category", "at": at, **source},
        ],
        "suggestions": [
            {"field": "attribute:Voltage", "kept": "5 V", "by": "ana", "offered": "3.3 V", "from": "vendor"}
        ],
    }


def redriven(**changes: object) -> dict[str, object]:
    """An answer of `POST /batches/{id}/redrive`."""
    return {"batch_id": "b2", "redriven": 3, "left": 0, "daily_limit_reached": False} | changes


def vendor(**changes: object) -> dict[str, object]:
    return {
        "vendor": "digikey",
        "state": "open",
        "cause": "account",
        "reason": "DigiKey gave no token",
        "opened_at": "2026-11-22T10:00:00Z",
        "until": "2026-11-22T10:05:00Z",
        "closed_at": None,
        "closed_by": None,
        "note": None,
        "waiting": 12,
    } | changes


def equation(**changes: object) -> dict[str, object]:
    return {
        "taken": 10,
        "completed": 5,
        "with_a_person": 2,
        "in_flight": 1,
        "failed": 1,
        "rejected": 1,
        "lost": 0,
        "batches": 1,
        "adds_up": True,
        "balanced": True,
        "verdict": "balanced",
        "audit": {
            "state": "whole",
            "batches": 1,
            "pending": 0,
            "records": 10,
            "lines": {"two_open_tasks": {"count": 0, "examples": []}},
        },
        "batch_id": "b1",
        "day": None,
    } | changes


def order(**changes: object) -> dict[str, object]:
    """An answer of a decision, and an order of the work list."""
    return {
        "order_id": "BB-1-A",
        "state": "label_failed",
        "state_since": "2026-11-22T10:00:00+00:00",
        "reason": "the country is not Canada",
        "marketplace_state": "SHIPPING",
        "ship_before": "2026-11-24T04:59:00+00:00",
        "currency": "CAD",
        "total": 129.5,
        "attention": True,
        "attention_reason": "the country is not Canada",
        "attention_since": "2026-11-22T10:00:00+00:00",
        "reasons": [
            {
                "kind": "time",
                "finding": None,
                "reason": "the country is not Canada",
                "since": "2026-11-22T10:00:00+00:00",
            },
            {
                "kind": "price_differs",
                "finding": 7,
                "reason": "the carrier charges 3.00",
                "since": "2026-11-22T11:00:00+00:00",
            },
        ],
        "limit": "2026-11-22T10:00:00+00:00",
        "address": {"name": "Ann Roe", "company": None, "street_1": "1 Main St", "country": "USA"},
        "address_override": None,
    } | changes


def order_status(**changes: object) -> dict[str, object]:
    """An answer of `GET /orders/{id}`."""
    item = {"sku": "DISC", "title": "A disc", "quantity": 2, "price": 64.75, "state": "SHIPPING"}
    label = {
        "sequence": 1,
        "state": "undo_due",
        "request_id": "BB-1-A-1",
        "price": 12.3,
        "tracking_number": "7023210039414604",
        "currency": "CAD",
        "wanted": False,
        "undo_state": "due",
        "label_path": "2026/BB-1-A-1.pdf",
        "message": None,
    }
    at = "2026-11-22T09:00:00+00:00"
    began = {"what": "pending_acceptance", "by": "accept-orders", "person": False, "note": None, "at": at}
    said = {"what": "relabel", "by": "ana", "person": True, "note": "heavier", "at": at}
    more = {
        "path": [began, said],
        "actions": ["undo", "not_sold"],
        "turn": {"stage": "create-labels", "does": "buys its label", "at": "2026-11-22T10:18:00+00:00"},
        "unmended": None,
        "postage": {"currency": "CAD", "labels": 1, "bought_cents": 1230, "undone_cents": 0},
    }
    return order(lines=[item], shipments=[label]) | more | changes


def board(**changes: object) -> dict[str, object]:
    """An answer of `GET /orders/board`."""
    look = {"checked_at": None, "age_seconds": 540, "fresh": True, "fresh_for_seconds": 3600}
    row = {
        "order_id": "BB-2-A",
        "state": "label_unknown",
        "ship_before": None,
        "total": 20,
        "currency": "CAD",
        "reasons": [],
        "actions": ["not_sold"],
        "turn": {"stage": "create-labels", "does": "asks again", "at": "2026-11-22T09:18:00+00:00"},
    }
    return {
        "today": {"day": "2026-11-22", "shipped": 18, "cancelled": 1, "refused": 0, "open": 2, "orders": 21},
        "need_person": 2,
        "states": {
            "label_unknown": {"total": 2, "need_person": 2},
            "accepted": {"total": 0, "need_person": 0},
        },
        "postage": {"currency": "CAD", "labels": 18, "bought_cents": 44272, "undone_cents": 2792},
        "outside": {"marketplace": look, "carrier": look, "unmatched": 0, "verdict": "confirmed"},
        "unanswered": 0,
        "breakers": [],
        "total": 2,
        "orders": [row],
        "next": None,
    } | changes


def account(**changes: object) -> dict[str, object]:
    """An answer of `GET /reconcile/orders`."""
    look = {
        "checked_at": "2026-11-22T10:00:00+00:00",
        "age_seconds": 780,
        "fresh": True,
        "fresh_for_seconds": 3600,
        "result": {},
    }
    return {
        "day": None,
        "seen": 10,
        "shipped": 5,
        "in_progress": {"pending_acceptance": 0, "accepted": 2, "label_unknown": 0, "label_created": 1},
        "with_a_person": 1,
        "cancelled": 1,
        "refused": 0,
        "lost": 0,
        "labels": {"asked": 7, "bought": 7, "sold": 7, "on_the_shelf": 7, "sold_twice": 0, "unaccounted": 0},
        "outside": {
            "marketplace": look,
            "carrier": look | {"age_seconds": 93_600, "fresh_for_seconds": 93_600 + 1},
            "unmatched": 0,
        },
        "adds_up": True,
        "verdict": "balanced",
        "balanced": True,
    } | changes

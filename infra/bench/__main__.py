"""`python -m infra.bench [ROW ...]`: prints the table and writes it to build/bench.md."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from rich.console import Console

from infra.bench import cold_start, deciding, orchestrating, paging, spending, staging, working
from infra.bench.laboratory import Laboratory, laboratory, request
from infra.bench.table import Row, render, write
from infra.local.functions import STAGES
from infra.local.settings import ROOT

Measure = Callable[[Laboratory, Path], list[Row]]
REPORT = ROOT / "build" / "bench.md"
ENVIRONMENT = {"WORKFLOW_MAX_DAILY_TASKS": "1000000", "LOCAL_START_TIMEOUT_SECONDS": "120"}


def cold_starts(lab: Laboratory, folder: Path) -> list[Row]:
    lab.forget()
    with orchestrating.paused_queue(lab):
        source = lab.source()
        lab.orchestrator(source).run(request("cold", 20))
        source.close()
        task = str(lab.queue.tasks[0].body["automation_task_id"])
        delivered = {"automation_task_id": task}
        first_calls: dict[str, tuple[str, str, object]] = {
            "automate": ("POST", "/", delivered),
            "fallback": ("POST", "/", delivered),
            "workflow": ("GET", "/manual-tasks?limit=5", None),
            "desk": ("GET", "/tasks", None),
            "orchestrate": ("POST", "/", {"limit": 5, "batch_id": f"cold-{uuid4().hex}", "dry_run": True}),
        }
        first_calls |= {stage: ("POST", "/", {"dry_run": True}) for stage in STAGES}
        return cold_start.measure(lab.environment, folder, first_calls)


def main(arguments: list[str]) -> int:
    measurements: dict[str, Measure] = {
        "few": lambda lab, _: orchestrating.measure_few(lab),
        "many": lambda lab, _: orchestrating.measure_many(lab),
        "history": lambda lab, _: orchestrating.measure_history(lab),
        "worker": lambda lab, _: working.measure(lab),
        "spending": lambda lab, _: spending.measure(lab),
        "stages": lambda lab, _: staging.measure(lab),
        "cold": cold_starts,
        "desk": lambda lab, _: paging.measure(lab),
    }
    parser = argparse.ArgumentParser(prog="python -m infra.bench", description=__doc__)
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help=f"deciding, {', '.join(measurements)}; default: all"
    )
    chosen = parser.parse_args(arguments).rows or ["deciding", *measurements]
    if unknown := set(chosen) - {"deciding", *measurements}:
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    console = Console()
    rows: list[Row] = []
    if "deciding" in chosen:
        rows.append(deciding.measure(ROOT / "data" / "parts_intake.jsonl"))
    if chosen != ["deciding"]:
        with (
            tempfile.TemporaryDirectory(prefix="switchyard-bench-") as folder,
            laboratory(Path(folder), ENVIRONMENT) as lab,
        ):
            for name, measure in measurements.items():
                if name in chosen:
                    console.print(f"measuring: {name}")
                    rows += measure(lab, Path(folder))
    render(rows, console)
    write(rows, REPORT)
    console.print(f"written to {REPORT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

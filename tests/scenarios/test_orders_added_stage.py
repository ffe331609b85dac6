"""Adds a stage as docs/orders.md says, in a copy of the project."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.orders_support import LABEL, TRACK, RunningFulfillment
from tests.web_support import ROOT

PAGE = (ROOT / "docs" / "orders.md").read_text(encoding="utf-8")
FIRE = """
import json, sys
import functions_framework

client = functions_framework.create_app("count_shipped", "functions/count_shipped.py").test_client()
for body, headers in json.loads(sys.argv[1]):
    answer = client.post("/", json=body, headers=headers)
    print(json.dumps([answer.status_code, answer.get_json(), answer.headers.get("Retry-After")]))
"""
LIST = """
from infra.local.functions import STAGES
from infra.package.archive import functions
from shared.fulfillment.pipeline import load_pipeline
from pathlib import Path

pipeline = load_pipeline()
print(STAGES[-1], "count-shipped" in functions(Path()), pipeline.cron(pipeline.stage("count-shipped")))
"""


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project with the page's stage."""
    place = tmp_path / "project"
    for folder in ("shared", "functions", "infra", "laptop"):
        shutil.copytree(
            ROOT / folder, place / folder, ignore=shutil.ignore_patterns("__pycache__", ".terraform")
        )
    listed = place / "shared" / "pipeline.json"
    pipeline = json.loads(listed.read_text(encoding="utf-8"))
    pipeline["stages"].append(json.loads(block("json")))
    listed.write_text(json.dumps(pipeline), encoding="utf-8")
    (place / "functions" / "count_shipped.py").write_text(block("python"), encoding="utf-8")
    return place


def run(place: Path, fulfillment: RunningFulfillment, code: str, *arguments: str) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=place,
        env=environment | fulfillment.environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()


def test_a_further_stage_is_one_entry_and_one_file(fulfillment: RunningFulfillment, copy: Path) -> None:
    fulfillment.accepted(2)
    fulfillment.fire(LABEL)
    fulfillment.fire(TRACK)
    hour_ago, now = "2026-11-20T11:00:00Z", "2099-11-20T12:00:00Z"
    header = "X-CloudScheduler-ScheduleTime"
    calls = [({}, {header: hour_ago}), ({}, {header: hour_ago}), ({}, {header: now}), ({"dry_run": True}, {})]
    answers = [
        json.loads(line) for line in run(copy, fulfillment, FIRE, json.dumps(calls)) if line.startswith("[")
    ]
    statuses = [status for status, _, _ in answers]
    first, again, waits, dry = (body for _, body, _ in answers)
    assert statuses == [200, 200, 503, 200]
    assert (first["stage"], first["done"], first["out_of_order"]) == ("count-shipped", 2, True)
    assert again["skipped"] == "already ran"
    assert "waits for reconcile-orders" in waits["detail"]
    assert len(dry["preview"]) == 2


def test_everything_that_reads_the_list_knows_the_further_stage(
    fulfillment: RunningFulfillment, copy: Path
) -> None:
    assert run(copy, fulfillment, LIST) == ["count-shipped True 14,29,44,59 * * * *"]

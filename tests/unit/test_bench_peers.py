"""The comparison with other systems: its rows become a report, and its records are what it says."""

import json
from dataclasses import replace
from pathlib import Path

from infra.bench.peers import part_records
from infra.bench.peers.processes import Process, tree
from infra.bench.peers.report import report
from infra.bench.peers.run import Result, Trial
from infra.bench.peers.systems import JOBS, PEERS

TIMED = Result(
    Trial("switchyard", 5, 1000),
    seconds=10,
    own_cpu=4,
    other_cpu=6,
    cpu_by_part=(("automate", 4.0), ("rest", 6.0)),
    rss=900,
    pss=500,
    completed=1000,
)
KILLED = Result(
    Trial("celery", 5, 600, kill=True), seconds=90, lost=1, completed=599, asked_again=5, delayed=80.5
)


def test_the_report_shows_medians_of_the_rounds_and_what_a_kill_did() -> None:
    slow, slowest = replace(TIMED, seconds=20, own_cpu=5.0), replace(TIMED, seconds=40, own_cpu=9.0)
    text = report([TIMED, slow, slowest, KILLED])
    assert (
        "| 5 | switchyard | 50 | 5.0 | 6.0 | 11.0 | 900 | 500 | 0 | rest 6.0, automate 4.0 |"
        in text.splitlines()
    )
    assert "| celery | 599 | 1 | 5 | 80.5 |" in text.splitlines()


def test_a_run_that_failed_says_why_and_does_not_count() -> None:
    failed = Result(TIMED.trial, error="RuntimeError: no")
    assert "| 5 | switchyard | 100 |" in report([failed, TIMED])
    assert "| 5 | switchyard | RuntimeError: no |" in report([failed])
    assert "| celery | RuntimeError: no |" in report([Result(KILLED.trial, error="RuntimeError: no")])


def test_a_recorded_row_is_read_as_it_was_written() -> None:
    for result in (TIMED, KILLED):
        assert Result.from_json(json.loads(json.dumps(result.to_json()))) == result


def test_every_peer_has_its_job_and_its_pin() -> None:
    pins = (JOBS.parent / "requirements.txt").read_text()
    for peer in PEERS:
        assert (JOBS / f"{peer}_job.py").is_file()
        assert f"\n{peer}==" in pins


def test_the_records_have_numbers_of_their_own_and_known_makers(tmp_path: Path) -> None:
    records = part_records.make(6000)
    assert len({record["pn"] for record in records}) == 6000
    assert all(record["manufacturer"] for record in records)
    file = part_records.write(records[:3], tmp_path / "three.jsonl")
    assert [json.loads(line) for line in file.read_text().splitlines()] == records[:3]


def test_a_process_counts_with_all_below_it() -> None:
    table = {pid: Process(parent, 1.0, 1) for pid, parent in ((1, 0), (2, 1), (3, 2), (4, 1), (5, 0))}
    assert sorted(tree(1, table)) == [1, 2, 3, 4]
    assert tree(9, table) == []

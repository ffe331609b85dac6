"""`python -m infra.bench.peers`: the same record job on Switchyard and five peers, interleaved in one run."""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

from infra.bench.peers import part_records
from infra.bench.peers.report import report
from infra.bench.peers.run import WARM, Batches, Result, Trial, VendorProcess, run
from infra.bench.peers.systems import ON_REDIS, PEERS, SWITCHYARD, Peer, Place, Switchyard, System
from infra.local.settings import ROOT

ENVIRONMENT = ROOT / "build" / "peers"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
ROWS = ROOT / "build" / "bench-peers.jsonl"
REPORT = ROOT / "build" / "bench-peers.md"


def main(arguments: Sequence[str]) -> int:
    wanted = _parser().parse_args(arguments)
    systems = list(wanted.systems)
    if shutil.which("redis-server") is None:
        if without := [name for name in systems if name in ON_REDIS]:
            print(
                f"no redis-server on the PATH: {', '.join(without)} left out (apt-get install redis-server)"
            )
        systems = [name for name in systems if name not in ON_REDIS]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    python = environment() if set(systems) - {SWITCHYARD} else Path(sys.executable)
    results: list[Result] = []
    ROWS.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="switchyard-peers-", dir="/var/tmp") as folder,
        ROWS.open("a") as rows,
    ):
        for trials in _trials(systems, wanted):
            for result in _together(trials, Path(folder), python):
                results.append(result)
                rows.write(json.dumps(result.to_json()) + "\n")
                rows.flush()
                print(time.strftime("%H:%M:%S"), _short(result), flush=True)
    text = report(results)
    REPORT.write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


def _trials(systems: Sequence[str], wanted: argparse.Namespace) -> Iterator[list[Trial]]:
    """Groups of trials of the same size. Every other round goes backwards, so that no system is always last."""
    timed = [
        Trial(name, in_flight, wanted.records)
        for in_flight in wanted.in_flight
        for turn in range(wanted.rounds)
        for name in (systems if turn % 2 == 0 else reversed(systems))
    ]
    if timed:
        yield timed
    if wanted.kill:
        yield [Trial(name, 5, wanted.kill, kill=True) for name in systems]


def _together(trials: Sequence[Trial], folder: Path, python: Path) -> Iterator[Result]:
    records = part_records.make(trials[0].records + WARM)
    everything = part_records.write(records, folder / "all.jsonl")
    batches = Batches(
        part_records.write(records[:WARM], folder / "warm.jsonl"),
        part_records.write(records[WARM:], folder / "main.jsonl"),
    )
    vendor = VendorProcess(everything)
    place = Place(folder, python, vendor.url, everything)
    try:
        for trial in trials:
            yield run(_system(trial.system, place), trial, vendor, batches)
    finally:
        vendor.close()


def _system(name: str, place: Place) -> System:
    return Switchyard(place) if name == SWITCHYARD else Peer(name, place)


def _short(result: Result) -> str:
    trial = result.trial
    what = f"{trial.system}, {trial.in_flight} in flight{', killed' if trial.kill else ''}"
    if result.error:
        return f"{what}: {result.error}"
    rate, cpu = trial.records / result.seconds, f"{result.own_cpu} + {result.other_cpu}"
    return (
        f"{what}: {rate:.0f}/s, CPU {cpu}, lost {result.lost}, again {result.asked_again}, load {result.load}"
    )


def environment() -> Path:
    """The interpreter of the peers' own virtual environment, made at the first call and after a change of its pins."""
    python, stamp = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != REQUIREMENTS.read_text():
        print(f"making {ENVIRONMENT.relative_to(ROOT)}: about a minute", flush=True)
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True)
        shutil.copy(REQUIREMENTS, stamp)
    return python


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.bench.peers", description=__doc__)
    parser.add_argument("--systems", nargs="+", default=[SWITCHYARD, *PEERS], choices=[SWITCHYARD, *PEERS])
    parser.add_argument("--records", type=int, default=1000, help="in each timed run (default: %(default)s)")
    parser.add_argument("--in-flight", type=int, nargs="*", default=[5, 32], help="(default: 5 32)")
    parser.add_argument("--rounds", type=int, default=3, help="of the timed runs (default: %(default)s)")
    parser.add_argument(
        "--kill",
        type=int,
        default=600,
        help="records in the run with a kill -9; 0: none (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

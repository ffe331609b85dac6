"""`python -m infra.openapi.check`: Schemathesis calls every function of a laptop cloud as the document describes it.

The laptop cloud is the check's own, has records and orders, and is removed afterwards. Every failure is shown with the
call that repeats it. The exit status is 1 after a failure.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

from infra.local.demo.backstage import PAYMENT_DELAYS, Backstage
from infra.local.demo.inputs import CATALOGUE, INTAKE
from infra.local.demo.planted import plant
from infra.local.demo.stage import Stage
from infra.local.functions import STAGES
from infra.local.local_stack import LocalStack
from infra.local.settings import read_local_settings
from infra.openapi.document import Json
from infra.openapi.known import configuration, known_ids
from infra.openapi.written import described, written_of

SETTINGS = Path(__file__).with_name("schemathesis.toml")
PROGRAM = Path(sys.executable).with_name("schemathesis")
AT_ONCE = 2
MOST_PATHS = 20
"""A function with more is called by several runs at once."""

RECORDS, ORDERS, THREADS = 60, 20, 10
PATIENCE = 1800  # seconds, of one run: a busy machine is slow, not wrong


@dataclass(frozen=True)
class Run:
    """One program of Schemathesis, which calls some paths of one function."""

    name: str
    document: Json
    settings: str


@dataclass(frozen=True)
class Outcome:
    run: Run
    operations: int
    cases: int
    failures: int
    seconds: float
    report: str


def main(argv: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(argv)
    if not PROGRAM.exists():
        sys.stderr.write(f"api-check: {PROGRAM} is not installed; `make venv` installs it\n")
        return 1
    folder = read_local_settings().state_dir / "api-check"
    with Stage(folder, INTAKE, CATALOGUE, lambda _line: None).opened(keep=False) as stack:
        fill(stack)
        calls = folder / "calls"
        calls.mkdir()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            wanted = [given.function] if given.function else list(described())
            outcomes = list(pool.map(lambda run: _called(run, calls, given), runs(stack, wanted)))
    for outcome in outcomes:
        if outcome.failures:
            sys.stdout.write(f"{outcome.report}\n")
    sys.stdout.write(table(outcomes))
    return 1 if any(outcome.failures for outcome in outcomes) else 0


def fill(stack: LocalStack) -> None:
    """Lets the functions have records, tasks, orders, labels, messages and findings to answer with."""
    with Backstage(stack) as backstage:
        backstage.control("mirakl", "PUT", "delays", PAYMENT_DELAYS)
        plant(backstage)
        backstage.control("mirakl", "POST", "orders", {"count": ORDERS, "seed": 7})
        backstage.control("mirakl", "POST", "threads", {"count": THREADS, "seed": 7})
        httpx.post(stack.url("orchestrate"), json={"limit": RECORDS}, timeout=PATIENCE).raise_for_status()
        for stage in STAGES:
            backstage.fire(stage, {"cycle": "api-check"})
            if stage == STAGES[0]:
                backstage.wait_for_payment()


def runs(stack: LocalStack, wanted: Sequence[str]) -> list[Run]:
    """The longest first."""
    found: list[Run] = []
    for function in wanted:
        url = stack.state.parts[function].url
        whole = written_of(function, url)
        with httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False) as http:
            settings = SETTINGS.read_text(encoding="utf-8") + "\n" + configuration(known_ids(whole, http))
        paths = list(whole["paths"].items())
        shares = -(-len(paths) // MOST_PATHS)
        for share in range(shares):
            part = whole | {"paths": dict(paths[share::shares])}
            found.append(Run(f"{function} {share + 1}/{shares}" if shares > 1 else function, part, settings))
    return sorted(found, key=lambda run: -len(run.document["paths"]))


def _called(run: Run, folder: Path, given: argparse.Namespace) -> Outcome:
    place = folder / run.name.replace(" ", "-").replace("/", "-of-")
    place.mkdir()
    (place / "schemathesis.toml").write_text(run.settings, encoding="utf-8")
    (place / "openapi.json").write_text(json.dumps(run.document), encoding="utf-8")
    command = [str(PROGRAM), "--no-color", "--config-file", "schemathesis.toml", "run", "openapi.json"]
    command += ["--url", run.document["servers"][0]["url"], "--seed", given.seed, "-n", given.examples]
    begun = time.monotonic()
    report = place / "report.txt"
    with report.open("w", encoding="utf-8") as written:
        try:
            status = subprocess.run(  # noqa: S603 - the project's own program
                command, cwd=place, stdout=written, stderr=subprocess.STDOUT, check=False, timeout=PATIENCE
            ).returncode
        except subprocess.TimeoutExpired:
            status = 1
    text = report.read_text(encoding="utf-8", errors="replace")
    outcome = read_report(run, text, status, time.monotonic() - begun)
    sys.stderr.write(f"{run.name}: {outcome.cases} calls, {outcome.failures} failures\n")
    return outcome


def read_report(run: Run, text: str, status: int, seconds: float) -> Outcome:
    """A run that ends with an error, or of which the report cannot be read, is a failure."""
    tested = re.search(r"^\s+Tested: (\d+)$", text, re.MULTILINE)
    cases = re.search(r"^\s+(\d+) generated", text, re.MULTILINE)
    unique = re.search(r"found (\d+) unique failures?", text)
    failures = int(unique[1]) if unique else 0
    complete = status == 0 and tested and cases
    return Outcome(
        run,
        int(tested[1]) if tested else 0,
        int(cases[1]) if cases else 0,
        failures if complete else max(1, failures),
        seconds,
        text,
    )


def table(outcomes: Sequence[Outcome]) -> str:
    lines = [f"{'function':<20} {'operations':>10} {'cases':>7} {'failures':>8} {'seconds':>7}"]
    lines += [
        f"{each.run.name:<20} {each.operations:>10} {each.cases:>7} {each.failures:>8} {each.seconds:>7.1f}"
        for each in sorted(outcomes, key=lambda each: each.run.name)
    ]
    sums = [
        sum(each)
        for each in zip(*((each.operations, each.cases, each.failures) for each in outcomes), strict=True)
    ]
    return "\n".join([*lines, f"{'together':<20} {sums[0]:>10} {sums[1]:>7} {sums[2]:>8}"]) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.openapi.check", description=__doc__)
    parser.add_argument("--examples", default="5", help="random calls of each operation (5)")
    parser.add_argument("--function", choices=list(described()), help="only this one")
    parser.add_argument("--seed", default="1", help="of the random calls (1)")
    return parser


if __name__ == "__main__":
    sys.exit(main())

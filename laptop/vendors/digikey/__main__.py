import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from laptop.clock import system_clock
from laptop.faults import FaultPlan
from laptop.vendors.common.access import Account
from laptop.vendors.common.serving import Opened, complain, run, sandbox_parser
from laptop.vendors.digikey.app import Sandbox, build_app
from laptop.vendors.digikey.books import Books
from laptop.vendors.digikey.catalogue import BadRow, load
from laptop.vendors.digikey.limits import Limits

_MOST_COMPLAINTS = 20  # bad rows that are named; the rest is counted


def main(arguments: Sequence[str] | None = None) -> int:
    return run("digikey sandbox", parser().parse_args(arguments), _opened)


@contextmanager
def _opened(given: argparse.Namespace) -> Iterator[Opened]:
    catalogue, bad = load(given.catalogue)
    with Books(given.data_dir) as books:
        _complain_of_rows(given.catalogue, bad)
        limits = Limits(given.burst_limit, given.daily_limit, system_clock())
        account = Account(given.client_id, given.client_secret, given.token_lifetime)
        facts = {"parts": len(catalogue.parts), "rows_left_out": len(bad), "catalogue": str(given.catalogue)}
        app = build_app(Sandbox(catalogue, books, limits, account), FaultPlan(), facts)
        yield app, f"{len(catalogue.parts)} parts, {len(bad)} rows left out"


def _complain_of_rows(path: Path, bad: Sequence[BadRow]) -> None:
    for row in bad[:_MOST_COMPLAINTS]:
        complain(f"{path}:{row.line}: left out: {row.reason}")
    if len(bad) > _MOST_COMPLAINTS:
        complain(f"{path}: {len(bad) - _MOST_COMPLAINTS} more rows left out")


def parser() -> argparse.ArgumentParser:
    options = sandbox_parser("digikey", "DigiKey")
    options.add_argument("--catalogue", type=Path, required=True, metavar="FILE.jsonl")
    options.add_argument("--burst-limit", type=int, default=120, help="calls a minute")
    options.add_argument("--daily-limit", type=int, default=1000, help="calls a day")
    options.add_argument("--client-id", help="the only client that gets a token; without it, any does")
    options.add_argument("--client-secret")
    options.add_argument("--token-lifetime", type=float, default=599.0, help="seconds")
    return options


if __name__ == "__main__":
    sys.exit(main())

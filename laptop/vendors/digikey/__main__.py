import argparse
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from laptop.clock import system_clock
from laptop.faults import FaultPlan
from laptop.vendors.common.serving import complain, serve
from laptop.vendors.digikey.app import Sandbox, build_app
from laptop.vendors.digikey.books import Books
from laptop.vendors.digikey.catalogue import BadRow, CatalogueEmpty, load
from laptop.vendors.digikey.limits import Limits
from laptop.vendors.digikey.tokens import Accounts

_MOST_COMPLAINTS = 20  # lines about bad rows; the rest is counted


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT. 0 after those, 1 where the port is taken, 2 for unusable input."""
    given = _parser().parse_args(arguments)
    try:
        catalogue, bad = load(given.catalogue)
        books = Books(given.data_dir)
    except (CatalogueEmpty, OSError, sqlite3.Error) as unusable:
        complain(f"digikey sandbox: {unusable}")
        return 2
    _complain_of_rows(given.catalogue, bad)
    with books:
        limits = Limits(given.burst_limit, given.daily_limit, system_clock())
        accounts = Accounts(given.client_id, given.client_secret, given.token_lifetime)
        facts = {"parts": len(catalogue.parts), "rows_left_out": len(bad), "catalogue": str(given.catalogue)}
        app = build_app(Sandbox(catalogue, books, limits, accounts), FaultPlan(), facts)
        known = f"{len(catalogue.parts)} parts, {len(bad)} rows left out"
        return serve("digikey sandbox", app, given.host, given.port, known)


def _complain_of_rows(path: Path, bad: Sequence[BadRow]) -> None:
    for row in bad[:_MOST_COMPLAINTS]:
        complain(f"{path}:{row.line}: left out: {row.reason}")
    if len(bad) > _MOST_COMPLAINTS:
        complain(f"{path}: {len(bad) - _MOST_COMPLAINTS} more rows left out")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m laptop.vendors.digikey", description="A DigiKey sandbox."
    )
    parser.add_argument("--port", type=int, required=True, help="0 lets the system choose one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--catalogue", type=Path, required=True, metavar="FILE.jsonl")
    parser.add_argument(
        "--data-dir", type=Path, required=True, metavar="DIR", help="where the books are kept"
    )
    parser.add_argument("--burst-limit", type=int, default=120, help="calls a minute")
    parser.add_argument("--daily-limit", type=int, default=1000, help="calls a day")
    parser.add_argument("--client-id", help="the only client that gets a token; without it, any does")
    parser.add_argument("--client-secret")
    parser.add_argument("--token-lifetime", type=float, default=599.0, help="seconds")
    return parser


if __name__ == "__main__":
    sys.exit(main())

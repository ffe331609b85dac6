import argparse
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from laptop.vendors.canada_post.app import build_app
from laptop.vendors.canada_post.json_face import Application
from laptop.vendors.canada_post.ledger import Ledger
from laptop.vendors.canada_post.post_office import PostOffice
from laptop.vendors.canada_post.xml_face import ApiKey
from laptop.vendors.common.clock import SettableClock
from laptop.vendors.common.serving import complain, serve

_NAME = "canada post sandbox"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT. 0 after those, 1 where the port is taken, 2 for an unusable folder."""
    given = _parser().parse_args(arguments)
    try:
        ledger = Ledger(given.data_dir)
    except (OSError, sqlite3.Error) as unusable:
        complain(f"{_NAME}: {unusable}")
        return 2
    with ledger.database:
        clock = SettableClock(ledger.database)
        application = Application(given.client_id, given.client_secret, given.token_lifetime)
        office = PostOffice(ledger, clock, given.seed)
        facts = {"apis": ["json", "xml"], "seed": given.seed}
        app = build_app(office, clock, ApiKey(given.user, given.password), application, facts)
        sold = ledger.report()["labels_sold"]
        return serve(_NAME, app, given.host, given.port, f"{sold} labels sold so far")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m laptop.vendors.canada_post", description="A Canada Post sandbox: both shipping APIs."
    )
    parser.add_argument("--port", type=int, required=True, help="0 lets the system choose one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--data-dir", type=Path, required=True, metavar="DIR", help="where the ledger is kept"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the tracking numbers")
    parser.add_argument("--client-id", help="the only application that gets a token; without it, any does")
    parser.add_argument("--client-secret")
    parser.add_argument("--token-lifetime", type=float, default=3600.0, help="seconds")
    parser.add_argument("--user", help="the only XML API user; without it, any")
    parser.add_argument("--password")
    return parser


if __name__ == "__main__":
    sys.exit(main())

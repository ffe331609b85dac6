import argparse
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from laptop.faults import FaultPlan
from laptop.vendors.common.serving import complain, serve
from laptop.vendors.mirakl.app import build_app
from laptop.vendors.mirakl.market import Market

_NAME = "mirakl sandbox"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT. 0 after those, 1 where the port is taken, 2 for unusable input."""
    given = _parser().parse_args(arguments)
    try:
        market = Market(given.data_dir, api_key=given.api_key, per_minute=given.per_minute, seed=given.seed)
    except (OSError, sqlite3.Error) as unusable:
        complain(f"{_NAME}: {unusable}")
        return 2
    with closing(market.database):
        known = sum(market.orders.counts().values())
        return serve(_NAME, build_app(market, FaultPlan()), given.host, given.port, f"{known} orders")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m laptop.vendors.mirakl", description="A Mirakl marketplace sandbox."
    )
    parser.add_argument("--port", type=int, required=True, help="0 lets the system choose one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--data-dir", type=Path, required=True, metavar="DIR", help="where everything is kept"
    )
    parser.add_argument("--api-key", help="the only key that is let in; without it, any is")
    parser.add_argument("--per-minute", type=int, help="calls a minute; without it, any number")
    parser.add_argument("--seed", type=int, default=0, help="of made-up orders and threads")
    return parser


if __name__ == "__main__":
    sys.exit(main())

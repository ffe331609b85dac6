import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from laptop.faults import FaultPlan
from laptop.vendors.common.serving import Opened, run, sandbox_parser
from laptop.vendors.mirakl.app import build_app
from laptop.vendors.mirakl.market import Market


def main(arguments: Sequence[str] | None = None) -> int:
    return run("mirakl sandbox", parser().parse_args(arguments), _opened)


@contextmanager
def _opened(given: argparse.Namespace) -> Iterator[Opened]:
    market = Market(given.data_dir, api_key=given.api_key, per_minute=given.per_minute, seed=given.seed)
    with closing(market.database):
        yield build_app(market, FaultPlan()), f"{sum(market.orders.counts().values())} orders"


def parser() -> argparse.ArgumentParser:
    options = sandbox_parser("mirakl", "Mirakl marketplace")
    options.add_argument("--api-key", help="the only key that is admitted; without it, any is")
    options.add_argument("--per-minute", type=int, help="calls a minute; without it, any number")
    options.add_argument("--seed", type=int, default=0, help="for made-up orders and threads")
    return options


if __name__ == "__main__":
    sys.exit(main())

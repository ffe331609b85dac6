"""The commands `now` and `insight` and their options."""

import argparse
from collections.abc import Callable
from pathlib import Path

from cli.values import day
from shared.enrichment.insight import SERIES

Add = Callable[..., argparse.ArgumentParser]


def add_insight_commands(add: Add) -> None:
    """`add` makes a command: name, what it does."""
    add("now", "is all well? both accounts, what waits, quotas, breakers, the last run of each stage")
    insight = add("insight", "show one series of figures, from day to day")
    insight.add_argument(
        "series", metavar="NAME", choices=(*SERIES, "postage"), help=f"{', '.join(SERIES)} or postage"
    )
    for name, about in (("first", "first day (default: 90 days)"), ("last", "last day (default: today)")):
        insight.add_argument(f"--{name}", metavar="YYYY-MM-DD", type=day, help=about)
    insight.add_argument("--csv", metavar="FILE", type=_file, help="write the rows to this file as CSV")


def _file(given: str) -> Path:
    if not given:
        raise argparse.ArgumentTypeError("give a file, or - for standard output")
    return Path(given)

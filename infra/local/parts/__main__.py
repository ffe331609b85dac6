"""`python -m infra.local.parts`: fills the part records' table from a JSON-lines file."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.local.parts.loader import LoadRefused, LoadReport, connected, load_intake

_TABLE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_]+\.[A-Za-z0-9_]+")


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        print(_load(_parser().parse_args(arguments)))  # noqa: T201 - a command's answer
    except LoadRefused as refusal:
        print(f"parts: {refusal}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 1
    return 0


def _load(options: argparse.Namespace) -> LoadReport:
    with connected(options.endpoint, options.table.split(".")[0]) as client:
        return load_intake(client, options.table, options.file, append=options.append, progress=_progress)


def _progress(lines: int) -> None:
    print(f"parts: {lines} lines read", file=sys.stderr, flush=True)  # noqa: T201 - a command's answer


def _table(text: str) -> str:
    if not _TABLE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not project.dataset.table")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local.parts", description=__doc__)
    parser.add_argument("--endpoint", required=True, help="http://host:port of the emulator")
    parser.add_argument("--table", type=_table, required=True, help="project.dataset.table")
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--append", action="store_true", help="keep the rows that are there")
    return parser


if __name__ == "__main__":
    sys.exit(main())

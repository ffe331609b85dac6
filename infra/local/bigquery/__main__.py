"""`python -m infra.local.bigquery serve | load`."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.local.bigquery.emulator import EmulatorChanged
from infra.local.bigquery.launcher import Launch, LaunchRefused, serve
from infra.local.bigquery.loader import LoadRefused, LoadReport, connected, load_intake

_TABLE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_]+\.[A-Za-z0-9_]+")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        if options.command == "serve":
            serve(Launch(options.data_dir.resolve(), options.port, options.grpc_port, options.host))
        else:
            print(_load(options))  # noqa: T201 - a command's answer
    except (LaunchRefused, EmulatorChanged, LoadRefused) as refusal:
        print(f"bigquery: {refusal}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 1
    return 0


def _load(options: argparse.Namespace) -> LoadReport:
    with connected(options.endpoint, options.table.split(".")[0]) as client:
        return load_intake(client, options.table, options.file, append=options.append, progress=_progress)


def _progress(lines: int) -> None:
    print(f"bigquery: {lines} lines read", file=sys.stderr, flush=True)  # noqa: T201 - a command's answer


def _table(text: str) -> str:
    if not _TABLE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not project.dataset.table")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.bigquery", description="BigQuery on this machine."
    )
    commands = parser.add_subparsers(dest="command", required=True)

    serving = commands.add_parser("serve", help="run the emulator in the foreground")
    serving.add_argument("--port", type=int, required=True, help="REST port; 0: any free one")
    serving.add_argument("--grpc-port", type=int, default=0, help="gRPC port; default: any free one")
    serving.add_argument("--data-dir", type=Path, required=True, help="where the tables live")
    serving.add_argument("--host", default="127.0.0.1")

    loading = commands.add_parser("load", help="fill a table from a JSON-lines file")
    loading.add_argument("--endpoint", required=True, help="http://host:port of the emulator")
    loading.add_argument("--table", type=_table, required=True, help="project.dataset.table")
    loading.add_argument("--file", type=Path, required=True)
    loading.add_argument("--append", action="store_true", help="keep the rows that are there")
    return parser


if __name__ == "__main__":
    sys.exit(main())

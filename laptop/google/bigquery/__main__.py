"""Runs the BigQuery emulator in the foreground."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from laptop.google.bigquery.emulator import EmulatorChanged
from laptop.google.bigquery.launcher import Launch, LaunchRefused, serve


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        serve(Launch(options.data_dir.resolve(), options.port, options.grpc_port, options.host))
    except (LaunchRefused, EmulatorChanged) as refusal:
        print(f"bigquery: {refusal}", file=sys.stderr)  # noqa: T201 - a program's last words
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m laptop.google.bigquery", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="REST port; 0: any free one")
    parser.add_argument("--grpc-port", type=int, default=0, help="gRPC port; default: any free one")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())

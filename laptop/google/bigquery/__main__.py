"""`python -m laptop.google.bigquery serve`: the emulator in the foreground."""

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
        print(f"bigquery: {refusal}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m laptop.google.bigquery", description="BigQuery on this machine."
    )
    commands = parser.add_subparsers(dest="command", required=True)

    serving = commands.add_parser("serve", help="run the emulator in the foreground")
    serving.add_argument("--port", type=int, required=True, help="REST port; 0: any free one")
    serving.add_argument("--grpc-port", type=int, default=0, help="gRPC port; default: any free one")
    serving.add_argument("--data-dir", type=Path, required=True, help="where the tables live")
    serving.add_argument("--host", default="127.0.0.1")
    return parser


if __name__ == "__main__":
    sys.exit(main())

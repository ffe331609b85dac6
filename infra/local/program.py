"""The arguments of `python -m infra.local`, and its end."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from cli.values import number, whole
from infra.local.commands import NOT_RUNNING, Commands, Display
from infra.local.functions import Line
from infra.local.settings import read_local_settings
from laptop.supervisor.errors import StackError, StackInterrupted
from shared.errors import SettingsInvalid

_USAGE_ERROR = 2
_BROKEN_PIPE = 141
"""128 + SIGPIPE, as shells report it."""


def main(argv: Sequence[str] | None = None) -> int:
    wanted = _parser().parse_args(argv)
    display, complaints = Display(Console()), Display(Console(stderr=True))
    try:
        run: Callable[[Commands, argparse.Namespace], int] = wanted.run
        return run(Commands(read_local_settings(), display), wanted)
    except SettingsInvalid as problem:
        complaints.line(f"Settings: {problem}")
        return _USAGE_ERROR
    except StackError as problem:
        complaints.line(str(problem))
        return 1
    except StackInterrupted as interruption:
        complaints.line(f"{interruption}: all that was started is stopped again.")
        return 128 + interruption.signal_number
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # the reader of the pipe has gone; Python would flush once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE


def _demo(_do: Commands, given: argparse.Namespace) -> int:
    from infra.local.demo.demonstration import DemoRequest, demonstrate  # noqa: PLC0415 - only this command needs it

    request = DemoRequest(given.limit, given.intake, given.catalogue, given.keep)
    return demonstrate(request, read_local_settings(), os.environ)


def _seed_orders(do: Commands, given: argparse.Namespace) -> int:
    from cli.screen import Screen  # noqa: PLC0415 - only this command needs these
    from infra.local.demo.seed import seed_orders  # noqa: PLC0415

    return seed_orders(do.stack(), Screen(sys.stdout), cycle=given.cycle)


def _scheduler(do: Commands, given: argparse.Namespace) -> int:
    from cli.screen import Screen  # noqa: PLC0415 - only this command needs these
    from infra.local.foreground import Pace, run_pipeline  # noqa: PLC0415
    from infra.local.functions import LOCATION, PROJECT  # noqa: PLC0415
    from shared.cloud.scheduler import SchedulerAddress  # noqa: PLC0415
    from shared.fulfillment.pipeline import load_pipeline  # noqa: PLC0415

    part = do.stack().state.parts.get("scheduler")
    if part is None:
        raise StackError(NOT_RUNNING)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that SIGTERM also restores the schedule
    address = SchedulerAddress(PROJECT, LOCATION, part.url)
    control = f"http://127.0.0.1:{part.ports['scheduler-control']}"
    return run_pipeline(load_pipeline(), address, control, Pace(given.every, given.once), Screen(sys.stdout))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local", description="The laptop cloud.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="start what does not run yet")
    up.add_argument("--intake", type=Path, help="part records, JSON lines (default: $INTAKE, then data/)")
    up.add_argument(
        "--catalogue",
        type=Path,
        help="the DigiKey sandbox's parts, JSON lines (default: $CATALOG, then data/)",
    )
    up.add_argument(
        "--line",
        type=Line,
        choices=tuple(Line),
        help="records or orders: only what this half needs (default: both)",
    )
    up.set_defaults(run=lambda do, given: do.up(given.intake, given.catalogue, given.line))

    demo = commands.add_parser("demo", help="run a batch of records and some orders on a separate stack")
    demo.add_argument("--limit", type=whole(1, 100_000), default=200, help="records (default: 200)")
    demo.add_argument("--intake", type=Path, help="as for up")
    demo.add_argument("--catalogue", type=Path, help="as for up")
    demo.add_argument("--keep", action="store_true", help="leave the stack running")
    demo.set_defaults(run=_demo)

    down = commands.add_parser("down", help="stop everything")
    down.add_argument("--purge", action="store_true", help="remove all data and logs too")
    down.set_defaults(run=lambda do, given: do.down(purge=given.purge))

    status = commands.add_parser("status", help="show what runs; exit status 0: all, 1: some, 3: nothing")
    status.add_argument("--json", action="store_true")
    status.set_defaults(run=lambda do, given: do.status(as_json=given.json))

    restart = commands.add_parser("restart", help="stop one part and start it with the present settings")
    restart.add_argument("part")
    restart.set_defaults(run=lambda do, given: do.restart(given.part))

    kill = commands.add_parser("kill", help="end one part with SIGKILL, to see how the others react")
    kill.add_argument("part")
    kill.set_defaults(run=lambda do, given: do.kill(given.part))

    scheduler = commands.add_parser("scheduler", help="fire the stages and show their answers, until Ctrl+C")
    how = scheduler.add_mutually_exclusive_group()
    how.add_argument(
        "--every",
        type=number(0.1, 3600),
        metavar="SECONDS",
        help="length of a cycle (default: the interval in shared/pipeline.json)",
    )
    how.add_argument("--once", action="store_true", help="one cycle, without the waits between the stages")
    scheduler.set_defaults(run=_scheduler)

    seed = commands.add_parser("seed-orders", help="put the demo's 25 orders into the running marketplace")
    seed.add_argument("--cycle", action="store_true", help="then fire each stage once, as the demo does")
    seed.set_defaults(run=_seed_orders)

    logs = commands.add_parser("logs", help="show the last lines of one part's log")
    logs.add_argument("part")
    logs.add_argument("--lines", "-n", type=whole(1, 1_000_000), default=100)
    logs.add_argument("--follow", "-f", action="store_true")
    logs.set_defaults(run=lambda do, given: do.logs(given.part, given.lines, follow=given.follow))

    environment = commands.add_parser("env", help="print the environment variables of the functions")
    environment.add_argument(
        "--export",
        action="store_true",
        help='for sh, bash and zsh: eval "$(python -m infra.local env --export)"',
    )
    environment.set_defaults(run=lambda do, given: do.environment(export=given.export))
    return parser

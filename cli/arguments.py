"""The commands, their options and ranges. Everything wrong here is found before any call."""

import argparse
from functools import partial
from pathlib import Path
from typing import NoReturn

from cli.called_as import program, typed
from cli.failures import WrongUsage
from cli.inbox_arguments import TASK_HELP, add_inbox_commands
from cli.insight_arguments import add_insight_commands
from cli.job_arguments import add_job_commands
from cli.order_arguments import add_order_commands
from cli.values import (
    batch_id,
    day,
    job_name,
    known_batch_id,
    number,
    person,
    policy_name,
    share,
    sized_text,
    task_name,
    text,
    token,
    whole,
)
from cli.work_arguments import add_work_commands
from shared.enrichment.ports import ErrorCategory
from shared.limits import LONGEST_NAME, MOST_LISTED, MOST_RECORDS

DESCRIPTION = (
    "Run, watch and account for part records and orders, through the deployed functions or the laptop cloud."
)

EPILOG = """\
examples:
  python run_workflow.py run --limit 50                     take 50 records in
  python run_workflow.py run --limit 5 --dry-run            show the decisions, change nothing
  python run_workflow.py watch batch_1790000000_1a2b        live progress, until automation has finished
  python run_workflow.py status batch_1790000000_1a2b --output status.json
  python run_workflow.py pending --priority high --limit 10
  python run_workflow.py pending --of ana                   what ana holds; groups counts them by cause
  python run_workflow.py claim LM317T --as ana              a task is named by its part, or by 8 digits of its id
  python run_workflow.py complete TASK --as ana --set category=Connectors --attribute pitch=2.54mm
  python run_workflow.py next --as ana                      also: preview, draft, skip, take-back
  python run_workflow.py redrive batch_1790000000_1a2b --cause vendor_error
  python run_workflow.py bulk redrive --cause auth --as ana --dry-run      then with --note WHY; job JOB follows it
  python run_workflow.py show LM317T                        all that happened to a part; also: batches
  python run_workflow.py vendors                            also: resume VENDOR
  python run_workflow.py reconcile --day 2026-11-22         default: today
  python run_workflow.py orders --attention                 what a person must look at; order ORDER says more
  python run_workflow.py retry --state label_failed --as ana --note "the account is paid" --dry-run
  python run_workflow.py labels --output labels.pdf         also: slip ORDER --output FILE
  python run_workflow.py messages --unanswered              also: reply THREAD, file ATTACHMENT
  python run_workflow.py reconcile-orders                   does every order and label have its place?
  python run_workflow.py now                                is all well? insight NAME says how it went
  python run_workflow.py config --show
  python run_workflow.py schedule list                      also: pause, resume, run STAGE
  SWITCHYARD_TOKEN=$(gcloud auth print-identity-token) \\
    python run_workflow.py --url https://REGION-PROJECT.cloudfunctions.net pending

exit status:
  0    done
  1    the batch failed, the account is not balanced (or nothing ran), a named order was not retried, or a
       draft was saved though the task is not yours any more
  2    wrong usage, found before any call; or the --output file cannot be written
  3    no answer: the function does not exist, is too slow, or is not available now
  4    the function refused: unknown batch, task or order, claimed by somebody else, not allowed, invalid
  130  interrupted with Ctrl+C

The connection options may be given before or after the command. docs/cli.md has more.
"""


class Parser(argparse.ArgumentParser):
    """Reports an error in one line; argparse would print the whole usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(WrongUsage.status, f"{self.prog}: {message} (--help says more)\n")


def parser() -> argparse.ArgumentParser:
    top = Parser(
        prog=program(),
        description=DESCRIPTION,
        epilog=EPILOG.replace("python run_workflow.py", typed()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_connection()],
        allow_abbrev=False,
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="command")
    _run(_command(commands, "run", "take records in: decide each one, and start the work"))
    status = _command(commands, "status", "show the state of a batch")
    status.add_argument("batch", metavar="BATCH", type=known_batch_id)
    add_inbox_commands(partial(_command, commands))
    config = _command(commands, "config", "show the configuration in force, without secrets")
    config.add_argument("--show", action="store_true", help="show it (the default)")
    _reconcile(_command(commands, "reconcile", "account for every record: an equation that must balance"))
    _watch(_command(commands, "watch", "show live progress of a batch"))
    _manual_tasks(commands)
    _product(
        _command(commands, "product", "show one part: what source, vendor and people said, and what stands")
    )
    _redrive(
        _command(
            commands, "redrive", "give a batch's dead letters that nobody has claimed back to automation"
        )
    )
    _again(_command(commands, "again", "have a settled record taken again"))
    _command(commands, "vendors", "show which vendor is paused, why, and what waits for it")
    _resume(_command(commands, "resume", "let a paused vendor be called again"))
    _schedule(_command(commands, "schedule", "show and change what Cloud Scheduler fires"))
    add_job_commands(partial(_command, commands))
    add_work_commands(partial(_command, commands))
    add_order_commands(partial(_command, commands))
    add_insight_commands(partial(_command, commands))
    return top


def _command(
    commands: "argparse._SubParsersAction[Parser]", name: str, about: str, output: str | None = None
) -> argparse.ArgumentParser:
    """`output` is what the command fetches into the file, which it then needs."""
    made = commands.add_parser(
        name, help=about, description=about, parents=[_connection()], allow_abbrev=False
    )
    made.add_argument(
        "--output",
        metavar="FILE",
        type=_output,
        required=output is not None,
        help=f"write {output} to this file; - sends it to standard output"
        if output
        else "write the whole answer to this file as JSON; - prints it instead of the summary",
    )
    return made


def _connection() -> Parser:
    """Defaults are suppressed: an option given before the command must not be reset by its absence after it."""
    options = Parser(add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False)
    group = options.add_argument_group("connection")
    group.add_argument(
        "--url", help="address of the functions; /NAME is appended (default: the laptop cloud)"
    )
    group.add_argument("--orchestrate-url", metavar="URL", help="address of `orchestrate` only")
    group.add_argument("--workflow-url", metavar="URL", help="address of `workflow` only")
    group.add_argument("--reconcile-orders-url", metavar="URL", help="address of `reconcile-orders` only")
    group.add_argument(
        "--token", type=token, help="identity token of the caller (better: SWITCHYARD_TOKEN); never shown"
    )
    group.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=number(0.001, 3600),
        help="longest wait for one answer (default: 540 for run and --look, 30 for the others)",
    )
    return options


def _run(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--limit", type=whole(1, MOST_RECORDS), default=100, help="records to open (default: %(default)s)"
    )
    forced = run.add_mutually_exclusive_group()
    forced.add_argument(
        "--force-manual",
        action="store_const",
        const="manual",
        dest="force",
        help="give every record to a person",
    )
    forced.add_argument(
        "--force-automation",
        action="store_const",
        const="automation",
        dest="force",
        help="give every record to automation",
    )
    run.add_argument(
        "--priority-threshold",
        metavar="SCORE",
        type=share,
        help="lowest score of a record, 0 to 1 (default: the function's configuration)",
    )
    run.add_argument(
        "--policy", type=policy_name, help="decide by this policy, such as flow or score (default: flow)"
    )
    run.add_argument(
        "--batch-id",
        metavar="ID",
        type=batch_id,
        help="name of the batch (default: a new one); a name that was used before starts nothing",
    )
    run.add_argument("--dry-run", action="store_true", help="show the decisions, change nothing")


def _reconcile(reconcile: argparse.ArgumentParser) -> None:
    which = reconcile.add_mutually_exclusive_group()
    which.add_argument("--batch", type=known_batch_id)
    which.add_argument(
        "--day", metavar="YYYY-MM-DD", type=day, help="batches begun on that UTC day (default: today)"
    )


def _watch(watch: argparse.ArgumentParser) -> None:
    watch.add_argument("batch", metavar="BATCH", type=known_batch_id)
    watch.add_argument(
        "--until-ended", action="store_true", help="go on until people are done too, not only automation"
    )
    watch.add_argument(
        "--interval",
        metavar="SECONDS",
        type=number(0.01, 3600),
        default=1.0,
        help="time between two calls (default: %(default)s)",
    )
    watch.add_argument(
        "--patience",
        metavar="SECONDS",
        type=number(0, 86_400),
        default=60.0,
        help="how long the function may be unavailable in between (default: %(default)s)",
    )


def _manual_tasks(commands: "argparse._SubParsersAction[Parser]") -> None:
    claim = _command(commands, "claim", "take a manual task, or renew the claim")
    release = _command(commands, "release", "give a manual task back")
    fail = _command(commands, "fail", "end a manual task that cannot be done")
    for command in (claim, release, fail):
        command.add_argument("task", metavar="TASK", type=task_name, help=TASK_HELP)
        command.add_argument(
            "--as", metavar="NAME", dest="assignee", type=person, required=True, help="who you are"
        )
    for command, required in ((release, False), (fail, True)):
        command.add_argument("--note", type=text, required=required, help="a note that is kept with the task")


def _product(product: argparse.ArgumentParser) -> None:
    product.add_argument("part", metavar="PN", type=person, help="the part number")
    product.add_argument("--manufacturer", type=person, help="its manufacturer, as the source names it")


def _resume(resume: argparse.ArgumentParser) -> None:
    resume.add_argument("vendor", metavar="VENDOR", type=sized_text(1, LONGEST_NAME), help="as in `vendors`")
    resume.add_argument("--as", metavar="NAME", dest="by", type=person, required=True, help="who you are")
    resume.add_argument("--note", type=text, required=True, help="what you mended; kept with the vendor")


def _redrive(redrive: argparse.ArgumentParser) -> None:
    redrive.add_argument(
        "batch", metavar="BATCH", type=known_batch_id, help="the batch that has the dead letters"
    )
    redrive.add_argument(
        "--cause", choices=[str(cause) for cause in ErrorCategory], help="only what failed for this cause"
    )
    redrive.add_argument(
        "--limit",
        type=whole(1, MOST_LISTED),
        default=100,
        help="at most this many, the most urgent first (default: %(default)s)",
    )
    redrive.add_argument(
        "--batch-id",
        metavar="ID",
        type=batch_id,
        help="name of the batch that takes them (default: a new one)",
    )


def _again(again: argparse.ArgumentParser) -> None:
    again.add_argument("pn", metavar="PN", type=text, help="the part number")
    again.add_argument("--manufacturer", type=text, help="as in the source (default: a record without one)")
    again.add_argument(
        "--as", metavar="NAME", dest="assignee", type=person, required=True, help="who you are"
    )
    again.add_argument("--note", type=text, required=True, help="why")


def _schedule(schedule: argparse.ArgumentParser) -> None:
    schedule.add_argument("action", choices=("list", "pause", "resume", "run"))
    schedule.add_argument(
        "job", metavar="STAGE", nargs="?", type=job_name, help="needed by all actions but `list`"
    )
    schedule.add_argument("--project", type=text, help="the Google Cloud project")
    schedule.add_argument(
        "--location", type=text, help="region of the jobs (default: the jobs of the laptop cloud)"
    )
    schedule.add_argument(
        "--endpoint", metavar="HOST:PORT", type=text, help="address of a local Cloud Scheduler"
    )


def _output(given: str) -> Path:
    if not given:
        raise argparse.ArgumentTypeError("give a file, or - for standard output")
    return Path(given)

"""The commands about part records. Each makes one call, shows one summary and returns one exit status."""

from argparse import Namespace
from functools import partial
from typing import Any

from cli.answers import (
    Again,
    BatchStatus,
    Configuration,
    DryRun,
    Equation,
    KnownPart,
    ManualTask,
    Redriven,
    RunReport,
    Vendor,
    Vendors,
    parsed,
)
from cli.called_as import program
from cli.command import Commands
from cli.failures import Failure, NoAnswer
from cli.inbox_answers import WholeTask
from cli.inbox_commands import task_id_of
from cli.inbox_views import show_whole_task
from cli.views import (
    show_again,
    show_batch,
    show_configuration,
    show_dry_run,
    show_equation,
    show_part,
    show_redriven,
    show_run,
    show_task,
    show_vendor,
    show_vendors,
)
from cli.watch import Watching, display, watch, why_it_waits
from shared.clock import system_clock
from shared.enrichment.naming import new_batch_id

Json = dict[str, Any]

_DONE = {"release": "released", "fail": "ended as failed"}


class RecordCommands(Commands):
    """The commands about part records."""

    def run(self, given: Namespace) -> int:
        request = run_request(given)
        try:
            answer = self.functions.run(request)
        except (KeyboardInterrupt, NoAnswer):
            if not given.dry_run:
                self.notify(f"the batch may have begun: `{program()} status {request['batch_id']}` shows it")
            raise
        if given.dry_run:
            trial = parsed(DryRun, answer)
            return self.finish(answer, lambda: show_dry_run(self.screen, trial))
        report = parsed(RunReport, answer)
        failed = report.status is not None and report.status.state == "failed"
        return self.finish(answer, lambda: show_run(self.screen, report), bad=failed)

    def status(self, given: Namespace) -> int:
        return self._batch(self.functions.batch(given.batch))

    def watch(self, given: Namespace) -> int:
        watching = Watching(given.interval, given.patience, given.until_ended)
        screen = None if self.answer_file.replaces_summary else self.screen
        with display(screen) as show:
            read = partial(self.functions.batch, given.batch)
            answer = watch(read, self._why_it_waits, watching, show, self.notify)
        return self._batch(answer)

    def _why_it_waits(self, batch: BatchStatus) -> str:
        try:
            vendors = parsed(Vendors, self.functions.vendors()).vendors
        except Failure:  # the next look at the batch meets the same, and says so
            vendors = []
        return why_it_waits(batch, vendors)

    def config(self, _given: Namespace) -> int:
        answer = self.functions.config()
        found = parsed(Configuration, answer)
        return self.finish(answer, lambda: show_configuration(self.screen, found))

    def reconcile(self, given: Namespace) -> int:
        day = None if given.batch else given.day or system_clock().date()
        answer = self.functions.reconcile(given.batch, day)
        equation = parsed(Equation, answer)
        return self.finish(answer, lambda: show_equation(self.screen, equation), bad=not equation.holds)

    def claim(self, given: Namespace) -> int:
        """Shows what there is to work on, as `task` does."""
        task = task_id_of(self.functions, given.task)
        self.functions.act(task, "claim", task_request(given))
        answer = self.functions.task(task, given.assignee)
        claimed = parsed(WholeTask, answer)
        return self.finish(answer, lambda: show_whole_task(self.screen, claimed))

    def act(self, given: Namespace) -> int:
        task_id = task_id_of(self.functions, given.task)
        answer = self.functions.act(task_id, given.command, task_request(given))
        task = parsed(ManualTask, answer)
        return self.finish(answer, lambda: show_task(self.screen, task, _DONE[given.command]))

    release = fail = act

    def product(self, given: Namespace) -> int:
        answer = self.functions.product(given.part, given.manufacturer)
        part = parsed(KnownPart, answer)
        return self.finish(answer, lambda: show_part(self.screen, part))

    def redrive(self, given: Namespace) -> int:
        request = {"limit": given.limit, "batch_id": given.batch_id or new_batch_id(system_clock())}
        answer = self.functions.redrive(
            given.batch, request | ({"cause": given.cause} if given.cause else {})
        )
        redriven = parsed(Redriven, answer)
        return self.finish(answer, lambda: show_redriven(self.screen, redriven))

    def again(self, given: Namespace) -> int:
        request = {"pn": given.pn, "by": given.assignee, "note": given.note}
        answer = self.functions.again(
            request | ({"manufacturer": given.manufacturer} if given.manufacturer else {})
        )
        again = parsed(Again, answer)
        return self.finish(answer, lambda: show_again(self.screen, again))

    def vendors(self, _given: Namespace) -> int:
        answer = self.functions.vendors()
        found = parsed(Vendors, answer)
        return self.finish(answer, lambda: show_vendors(self.screen, found))

    def resume(self, given: Namespace) -> int:
        answer = self.functions.resume(given.vendor, {"by": given.by, "note": given.note})
        vendor = parsed(Vendor, answer)
        return self.finish(answer, lambda: show_vendor(self.screen, vendor))

    def _batch(self, answer: Json) -> int:
        batch = parsed(BatchStatus, answer)
        return self.finish(answer, lambda: show_batch(self.screen, batch), bad=batch.state == "failed")


def run_request(given: Namespace) -> Json:
    """The request to `orchestrate`. A batch id is always sent, so that a repeated call starts nothing twice."""
    request: Json = {
        "limit": given.limit,
        "priority_threshold": given.priority_threshold,
        "force": given.force,
        "policy": given.policy,
        "batch_id": given.batch_id or new_batch_id(system_clock()),
        "dry_run": given.dry_run or None,
    }
    return {name: value for name, value in request.items() if value is not None}


def task_request(given: Namespace) -> Json:
    """The request about a manual task."""
    note = getattr(given, "note", None)
    return {"assignee": given.assignee} | ({"note": note} if note else {})

"""The commands for people's work on manual tasks: next, complete, preview, draft, take-back and skip."""

from argparse import ArgumentTypeError, Namespace
from typing import Any
from uuid import uuid4

from cli.answers import ManualTask, Preview, SavedDraft, parsed
from cli.command import Commands
from cli.failures import WrongUsage
from cli.inbox_answers import WholeTask
from cli.inbox_commands import task_id_of
from cli.inbox_views import show_whole_task
from cli.task_filter import task_filter
from cli.values import once
from cli.views import show_task
from cli.work_views import show_changes, show_completed, show_draft

Json = dict[str, Any]


class WorkCommands(Commands):
    def complete(self, given: Namespace) -> int:
        """Not repeated after a lost answer: a second completion may be another person's word."""
        answer = self.functions.work(
            task_id_of(self.functions, given.task), "complete", completion(given), repeatable=False
        )
        task = parsed(ManualTask, answer)
        return self.finish(answer, lambda: show_completed(self.screen, task))

    def preview(self, given: Namespace) -> int:
        answer = self.functions.work(task_id_of(self.functions, given.task), "preview", completion(given))
        shown = parsed(Preview, answer)
        return self.finish(answer, lambda: show_changes(self.screen, shown))

    def draft(self, given: Namespace) -> int:
        answer = self.functions.work(task_id_of(self.functions, given.task), "draft", completion(given))
        saved = parsed(SavedDraft, answer)
        return self.finish(answer, lambda: show_draft(self.screen, saved), bad=not saved.claim.held)

    def take_back(self, given: Namespace) -> int:
        request = {"assignee": given.assignee} | ({"note": given.note} if given.note else {})
        answer = self.functions.work(task_id_of(self.functions, given.task), "undo", request)
        task = parsed(ManualTask, answer)
        return self.finish(answer, lambda: show_task(self.screen, task, "taken back"))

    def skip(self, given: Namespace) -> int:
        answer = self.functions.work(
            task_id_of(self.functions, given.task), "skip", {"assignee": given.assignee}
        )
        task = parsed(ManualTask, answer)
        return self.finish(answer, lambda: show_task(self.screen, task, "skipped"))

    def next(self, given: Namespace) -> int:
        wanted = task_filter(given)
        wanted.pop("assignee", None)  # here `--as`: who asks
        request = {"assignee": given.assignee, "wanted": wanted, "call": str(uuid4())}
        answer = self.functions.next_task(request)
        if answer.get("task") is None:
            return self.finish(
                answer, lambda: self.screen.line(f"{self.screen.symbol('done')} no such task is free")
            )
        answer = self.functions.task(answer["task"]["id"], given.assignee)
        task = parsed(WholeTask, answer)
        return self.finish(answer, lambda: show_whole_task(self.screen, task))


def completion(given: Namespace) -> Json:
    """The edits of a command line. Raises WrongUsage for a field that is given twice, or edited and removed."""
    try:
        fields: Json = {
            **once(given.fields, "--set"),
            "attributes": once(given.attributes, "--attribute"),
            "docs": given.docs,
            "images": given.images,
        }
        origins = once(given.origins, "--origin")
    except ArgumentTypeError as error:
        raise WrongUsage(str(error)) from None
    removed = {"attributes": given.no_attributes, "docs": given.no_docs, "images": given.no_images}
    for kind, names in removed.items():
        if both := sorted(set(names) & set(fields[kind])):
            raise WrongUsage(f"{both[0]!r} is given and removed at once")
    body: Json = {"assignee": given.assignee, "fields": {name: each for name, each in fields.items() if each}}
    more = {
        "removed": {name: each for name, each in removed.items() if each},
        "origins": origins,
        "note": getattr(given, "note", None),
    }
    return body | {name: value for name, value in more.items() if value}

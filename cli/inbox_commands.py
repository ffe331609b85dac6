"""The commands that people look through: manual tasks, batches, and the history of a part."""

from argparse import Namespace
from collections.abc import Callable
from typing import Any
from uuid import UUID

from cli.answers import parsed
from cli.command import Commands
from cli.failures import Refused
from cli.functions import Functions
from cli.inbox_answers import BatchList, PartHistory, TaskGroups, TaskList, WholeTask
from cli.inbox_views import name_of, show_batches, show_groups, show_history, show_tasks, show_whole_task
from cli.task_filter import task_filter

Json = dict[str, Any]

_MOST_NAMED = 20


class InboxCommands(Commands):
    def pending(self, given: Namespace) -> int:
        query = task_filter(given) | ({"sort": given.sort} if given.sort else {})
        answer = self._pages(given, "manual_tasks", lambda place: self.functions.manual_tasks(query | place))
        found = parsed(TaskList, answer)
        return self.finish(answer, lambda: show_tasks(self.screen, found, given.state))

    def groups(self, given: Namespace) -> int:
        answer = self.functions.task_groups(task_filter(given))
        found = parsed(TaskGroups, answer)
        return self.finish(answer, lambda: show_groups(self.screen, found))

    def task(self, given: Namespace) -> int:
        answer = self.functions.task(task_id_of(self.functions, given.task), given.assignee)
        found = parsed(WholeTask, answer)
        return self.finish(answer, lambda: show_whole_task(self.screen, found))

    def batches(self, given: Namespace) -> int:
        answer = self._pages(given, "batches", self.functions.batches)
        found = parsed(BatchList, answer)
        return self.finish(answer, lambda: show_batches(self.screen, found))

    def show(self, given: Namespace) -> int:
        answer = self.functions.part(given.part, given.manufacturer)
        found = parsed(PartHistory, answer)
        return self.finish(answer, lambda: show_history(self.screen, found))

    def _pages(self, given: Namespace, rows: str, read: Callable[[Json], Json]) -> Json:
        """The first page, or all of them joined."""
        answer = read({"limit": given.limit})
        following = answer.get("next")
        while given.all and following:
            page = read({"limit": given.limit, "after": following})
            following = page["next"]
            answer = page | {rows: answer[rows] + page[rows]}
        return answer


def task_id_of(functions: Functions, named: str) -> str:
    """The id of the one task that is so named: an open one before those that have ended. Raises Refused."""
    try:
        return str(UUID(named))
    except ValueError:
        pass
    for state in ("open", "any"):
        query = {"named": named, "state": state, "limit": _MOST_NAMED}
        found = parsed(TaskList, functions.manual_tasks(query))
        if len(found.manual_tasks) == 1:
            return found.manual_tasks[0].id
        if found.manual_tasks:
            several = "".join(f"\n  {name_of(task)}" for task in found.manual_tasks)
            raise Refused(f"{named!r} names {found.total} manual tasks; take more digits of the id:{several}")
    raise Refused(f"no manual task is named {named!r}: give its part number, or 8 or more digits of its id")

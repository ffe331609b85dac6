"""The inbox: manual tasks by filter, and the way from one to the next."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from pydantic import Field, StringConstraints, ValidationError

from shared.enrichment.desk_work import WorkStore
from shared.enrichment.inbox import InboxStore
from shared.enrichment.ports import ErrorCategory
from shared.web.call import Page, RequestModel
from shared.web.desk.gate import Gate
from shared.web.desk.rendering import Renderer
from shared.web.desk.route import PageRoute, Visit, moved
from shared.web.desk.visitor import Role
from shared.web.enrichment.inbox import next_page, place_after
from shared.web.enrichment.wanted import WantedTasks
from shared.web.fields import Name
from shared.web.function import Route, Supply

Json = dict[str, Any]
ON_A_PAGE = 50
NO_GROUPS: Json = {"total": 0, "groups": [], "manufacturers": []}
KEPT = ("view", "priority", "rule", "cause", "manufacturer", "batch", "search", "sort")
"""The fields that make an inbox; an address may say more, such as where its page begins."""

NARROWING = ("priority", "rule", "cause", "manufacturer", "batch", "search")


class Filter(RequestModel):
    """The inbox as its address names it. `view` is one of the tabs, `after` the place after which the page begins."""

    view: Literal["open", "mine", "overdue", "done"] = "open"
    priority: Literal["high", "medium", "low"] | None = None
    rule: Name | None = None
    cause: ErrorCategory | None = None
    manufacturer: Name | None = None
    batch: Name | None = None
    search: Name | None = None
    sort: Literal["urgency", "due", "newest", "part"] | None = None
    after: Annotated[str, StringConstraints(max_length=1000)] | None = None
    done: Annotated[str, StringConstraints(max_length=1000)] | None = None

    def wanted(self, person: str) -> Json:
        """As `list_manual_tasks` takes it."""
        views: Mapping[str, Json] = {
            "open": {"state": "open"},
            "mine": {"state": "open", "assignee": person},
            "overdue": {"state": "open", "overdue": True},
            "done": {"state": "finished"},
        }
        return WantedTasks(**views[self.view], **self.narrow()).wanted()

    def wanted_next(self, person: str) -> Json:
        """As `next_manual_task` takes it, which looks for free ones itself: of the tab, only what narrows it."""
        tabs: Mapping[str, Json] = {"mine": {"assignee": person}, "overdue": {"overdue": True}}
        return WantedTasks(**tabs.get(self.view, {}), **self.narrow()).wanted()

    def narrow(self) -> Json:
        """The filter without its tab."""
        return {name: value for name in NARROWING if (value := getattr(self, name))}

    def sorted_by(self) -> str:
        return self.sort or ("newest" if self.view == "done" else "urgency")

    def query(self, **changes: str | None) -> str:
        """The address of this inbox with some fields changed; the page begins anew."""
        fields = self.model_dump(mode="json", include=set(KEPT), exclude_defaults=True) | changes
        return urlencode({name: value for name, value in fields.items() if value})


class NextRequest(RequestModel):
    """A form after which the next task follows: also the base of those that end one.

    `filter` is the query of the inbox. `call` was made with the page: the form sent twice takes one task.
    """

    call: UUID | None = None
    filter: Annotated[str, Field(max_length=2_000)] = ""


def filter_of(query: str) -> Filter:
    """The whole inbox for a query that is none of ours."""
    try:
        return Filter.model_validate_strings(
            {name: value for name, value in parse_qsl(query) if name in KEPT}
        )
    except ValidationError:
        return Filter()


def inbox_pages(gate: Supply, renderer: Supply, inbox: Supply, work: Supply) -> Sequence[Route]:
    """`inbox` returns an InboxStore, `work` a WorkStore."""
    return (
        PageRoute("GET", "/tasks", Filter, _inbox, (inbox, renderer, gate), gate=gate),
        PageRoute(
            "POST",
            "/tasks/next",
            NextRequest,
            _next,
            (work,),
            role=Role.REVIEWER,
            gate=gate,
            action="take next task",
        ),
    )


def _inbox(request: Filter, visit: Visit, inbox: InboxStore, renderer: Renderer, gate: Gate) -> Page:
    wanted = request.wanted(visit.person)
    order = request.sorted_by()
    listed = inbox.list_manual_tasks(wanted, order, ON_A_PAGE, place_after(order, request.after))
    # of all that ever ended, groups would cost more than the page
    groups = NO_GROUPS if request.view == "done" else inbox.manual_task_groups(wanted)
    return renderer.page(
        "inbox.html",
        visit,
        filter=request,
        query=request.query(),
        tasks=listed["manual_tasks"],
        total=listed["total"],
        following=next_page(order, listed["next"]),
        groups=groups,
        causes=[each.value for each in ErrorCategory],
        done=gate.sessions.unseal(request.done),
    )


def _next(request: NextRequest, visit: Visit, work: WorkStore) -> Page:
    return moved(way_on(visit, work, filter_of(request.filter), request.call))


def way_on(visit: Visit, work: WorkStore, wanted: Filter, call: UUID | None, done: str | None = None) -> str:
    """The address of the next task of the filter, which is claimed for the person; without one, of the inbox."""
    task = work.next_manual_task(visit.person, wanted.wanted_next(visit.person), call)
    query = wanted.query(done=done)
    address = f"/tasks/{task['id']}" if task else "/tasks"
    return f"{address}?{query}" if query else address

"""The desk: pages for the people who finish what automation could not, and who see whether all is well."""

from collections.abc import Sequence

from shared.web.desk.front import front_pages
from shared.web.desk.problem import refusal_pages
from shared.web.desk.rendering import PRIVATE, SAFE
from shared.web.function import Route, Supply, http_function, later
from shared.wiring import checks, common, enrichment, fulfillment
from shared.wiring import desk as parts
from shared.wiring.part import check

_who = (parts.gate, parts.renderer)


@later(
    "",
    "jobs-of-scheduler",
    parts=(
        *_who,
        enrichment.record_insight,
        enrichment.daily_limit,
        fulfillment.order_insight,
        common.schedule,
    ),
)
def _now(*supplies: Supply) -> Sequence[Route]:
    from shared.web.desk.now import now_pages

    return now_pages(*supplies)


@later("tasks", parts=(*_who, enrichment.record_store, enrichment.record_work, enrichment.offers))
def _tasks(gate: Supply, renderer: Supply, store: Supply, work: Supply, offers: Supply) -> Sequence[Route]:
    from shared.web.desk.inbox import inbox_pages
    from shared.web.desk.task import task_pages

    return (
        *inbox_pages(gate, renderer, store, work),
        *task_pages(gate, renderer, store, offers, work, store),
    )


@later("jobs", parts=(*_who, enrichment.job_store))
def _jobs(*supplies: Supply) -> Sequence[Route]:
    from shared.web.desk.jobs import job_pages

    return job_pages(*supplies)


@later("orders", parts=(*_who, fulfillment.order_store, fulfillment.order_board, fulfillment.shop))
def _orders(*supplies: Supply) -> Sequence[Route]:
    from shared.web.desk.orders import order_pages

    return order_pages(*supplies)


@later(
    "labels",
    "orders",
    "files",
    parts=(
        parts.gate,
        fulfillment.order_store,
        fulfillment.label_shelf,
        fulfillment.sender,
        fulfillment.shop,
    ),
)
def _papers(gate: Supply, orders: Supply, shelf: Supply, sender: Supply, shop: Supply) -> Sequence[Route]:
    from shared.web.desk.papers import paper_pages
    from shared.web.fulfillment.inbox import order_inbox
    from shared.web.fulfillment.papers import order_papers

    return paper_pages(gate, [*order_papers(orders, shelf, sender, shop), *order_inbox(orders, shelf)])


@later("messages", parts=(*_who, fulfillment.order_store))
def _messages(*supplies: Supply) -> Sequence[Route]:
    from shared.web.desk.messages import message_pages

    return message_pages(*supplies)


@later("insight", parts=(*_who, enrichment.record_insight, fulfillment.order_insight))
def _insight(*supplies: Supply) -> Sequence[Route]:
    from shared.web.desk.insight import insight_pages

    return insight_pages(*supplies)


desk = http_function(
    "desk",
    [
        _now,
        _tasks,
        _jobs,
        _orders,
        _papers,
        _messages,
        _insight,
        *front_pages(*_who, parts.people),
    ],
    {
        "records": check(checks.record_tables, enrichment.record_store),
        "orders": check(checks.order_tables, fulfillment.order_store),
    },
    refusal_pages(parts.renderer),
    {**SAFE, **PRIVATE},
)

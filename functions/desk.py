"""The desk: pages for the people who finish what automation could not, and who see whether all is well."""

from shared.web.desk.front import front_pages
from shared.web.desk.inbox import inbox_pages
from shared.web.desk.insight import insight_pages
from shared.web.desk.jobs import job_pages
from shared.web.desk.messages import message_pages
from shared.web.desk.now import now_pages
from shared.web.desk.orders import order_pages
from shared.web.desk.papers import paper_pages
from shared.web.desk.problem import refusal_pages
from shared.web.desk.rendering import PRIVATE, SAFE
from shared.web.desk.task import task_pages
from shared.web.fulfillment.inbox import order_inbox
from shared.web.fulfillment.papers import order_papers
from shared.web.function import http_function
from shared.wiring import checks, common, enrichment, fulfillment
from shared.wiring import desk as parts
from shared.wiring.part import check

_who = (parts.gate, parts.renderer)

desk = http_function(
    "desk",
    [
        *now_pages(
            *_who,
            enrichment.record_insight,
            enrichment.daily_limit,
            fulfillment.order_insight,
            common.schedule,
        ),
        *inbox_pages(*_who, enrichment.record_store, enrichment.record_work),
        *job_pages(*_who, enrichment.job_store),
        *task_pages(
            *_who, enrichment.record_store, enrichment.offers, enrichment.record_work, enrichment.record_store
        ),
        *order_pages(*_who, fulfillment.order_store, fulfillment.order_board, fulfillment.shop),
        *paper_pages(
            parts.gate,
            [
                *order_papers(
                    fulfillment.order_store, fulfillment.label_shelf, fulfillment.sender, fulfillment.shop
                ),
                *order_inbox(fulfillment.order_store, fulfillment.label_shelf),
            ],
        ),
        *message_pages(*_who, fulfillment.order_store),
        *insight_pages(*_who, enrichment.record_insight, fulfillment.order_insight),
        *front_pages(*_who, parts.people),
    ],
    {
        "records": check(checks.record_tables, enrichment.record_store),
        "orders": check(checks.order_tables, fulfillment.order_store),
    },
    refusal_pages(parts.renderer),
    {**SAFE, **PRIVATE},
)

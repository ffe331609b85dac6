"""The desk: pages for the people who finish what automation could not, and who see whether all is well."""

from shared.web.desk.front import front_pages
from shared.web.desk.problem import refusal_pages
from shared.web.function import http_function
from shared.wiring import checks, enrichment, fulfillment
from shared.wiring import desk as parts
from shared.wiring.part import check

desk = http_function(
    "desk",
    [*front_pages(parts.gate, parts.renderer, parts.people)],
    {
        "records": check(checks.record_tables, enrichment.record_store),
        "orders": check(checks.order_tables, fulfillment.order_store),
    },
    refusal_pages(parts.renderer),
)

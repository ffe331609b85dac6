"""People's work and reports: manual tasks, batches, orders, configuration, reconcile. From curl and the CLI."""

from shared.settings import Settings
from shared.web.call import Answer, Call, NoInput
from shared.web.desk.people import desk_people
from shared.web.enrichment.desk import enrichment_desk
from shared.web.enrichment.inbox import enrichment_inbox
from shared.web.enrichment.insight import record_insight
from shared.web.enrichment.jobs import bulk_jobs
from shared.web.enrichment.work import desk_work
from shared.web.fulfillment.board import order_board
from shared.web.fulfillment.decisions import order_decisions
from shared.web.fulfillment.desk import fulfillment_desk
from shared.web.fulfillment.inbox import order_inbox
from shared.web.fulfillment.insight import order_insight
from shared.web.fulfillment.papers import order_papers
from shared.web.function import Route, http_function
from shared.web.now import now_report
from shared.web.schedule import schedule_desk
from shared.wiring import checks, common, desk, enrichment, fulfillment
from shared.wiring.part import check
from shared.workflow_config import WorkflowConfig


def show_config(_request: NoInput, _call: Call) -> Answer:
    """Every setting that this function reads, with secrets masked."""
    shown: dict[str, str] = {}
    for group in workflow.settings:
        if issubclass(group, Settings):
            shown |= group.from_environment().shown()
    return Answer({"workflow": WorkflowConfig.from_environment().model_dump(), "settings": shown})


workflow = http_function(
    "workflow",
    [
        *enrichment_inbox(enrichment.record_store, enrichment.offers),
        *enrichment_desk(enrichment.record_store, enrichment.daily_limit),
        *bulk_jobs(enrichment.job_store),
        *desk_work(enrichment.record_work),
        *order_board(fulfillment.order_board, fulfillment.shop),
        *fulfillment_desk(fulfillment.order_store, fulfillment.shop),
        *order_decisions(fulfillment.order_store, fulfillment.shop),
        *order_papers(fulfillment.order_store, fulfillment.label_shelf, fulfillment.sender, fulfillment.shop),
        *order_inbox(fulfillment.order_store, fulfillment.label_shelf),
        *now_report(
            enrichment.record_insight, enrichment.daily_limit, fulfillment.order_insight, fulfillment.shop
        ),
        *order_insight(fulfillment.order_insight),
        *record_insight(enrichment.record_insight),
        *schedule_desk(common.schedule, fulfillment.order_insight),
        *desk_people(desk.people),
        Route("GET", "/config", NoInput, show_config),
    ],
    {
        "records": check(checks.record_tables, enrichment.record_store),
        "orders": check(checks.order_tables, fulfillment.order_store),
    },
)

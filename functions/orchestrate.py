"""Takes part records in and hands each to automation or to a person. POST, from Scheduler or curl."""

from shared import settings
from shared.clock import system_clock
from shared.web.call import Answer, Call
from shared.web.enrichment.intake import OrchestrateRequest, order_of
from shared.web.function import endpoint
from shared.wiring import checks, common, enrichment

common.require(
    settings.StoreSettings, settings.SourceSettings, settings.QueueSettings, settings.ReprocessSettings
)
CHECKS = {
    "policies": checks.policies,
    "source": checks.source,
    "database": checks.record_tables,
    "automation_queue": checks.automation_queue,
}


@endpoint(OrchestrateRequest, CHECKS)
def orchestrate(request: OrchestrateRequest, call: Call) -> Answer:
    order = order_of(request, call, common.workflow_config().manual_priority_threshold, system_clock)
    if request.dry_run:
        return Answer({"dry_run": True, "decisions": enrichment.orchestrator().preview(order)})
    report = enrichment.orchestrator().run(order).to_json()
    return Answer(report, logged={key: value for key, value in report.items() if key != "status"})

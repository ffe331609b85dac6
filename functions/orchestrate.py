"""Takes part records in and hands each to automation or to a person. POST, from Scheduler or curl."""

from shared import health_wiring, settings, wiring
from shared.clock import system_clock
from shared.web.call import Answer, Call
from shared.web.function import endpoint
from shared.web.intake import OrchestrateRequest, order_of

wiring.require(
    settings.StoreSettings, settings.SourceSettings, settings.QueueSettings, settings.ReprocessSettings
)
CHECKS = {
    "policies": health_wiring.policies,
    "source": health_wiring.source,
    "database": health_wiring.record_tables,
    "automation_queue": health_wiring.automation_queue,
}


@endpoint(OrchestrateRequest, CHECKS)
def orchestrate(request: OrchestrateRequest, call: Call) -> Answer:
    order = order_of(request, call, wiring.workflow_config().manual_priority_threshold, system_clock)
    if request.dry_run:
        return Answer({"dry_run": True, "decisions": wiring.orchestrator().preview(order)})
    report = wiring.orchestrator().run(order).to_json()
    return Answer(report, logged={key: value for key, value in report.items() if key != "status"})

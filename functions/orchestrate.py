"""Takes in part records and gives each one to automation or to a person. POST, from Scheduler or curl."""

from shared.enrichment.orchestrate import Orchestrator
from shared.web.call import Answer, Call
from shared.web.enrichment.intake import OrchestrateBody
from shared.web.function import endpoint
from shared.web.health import Check
from shared.web.platform import schedule_time
from shared.wiring import checks, enrichment
from shared.wiring.part import check

CHECKS: dict[str, Check] = {
    "policies": checks.policies,
    "source": check(checks.source, enrichment.record_source),
    "database": check(checks.record_tables, enrichment.record_store),
    "automation_queue": check(checks.queue, enrichment.automation_queue),
}


@endpoint(OrchestrateBody, CHECKS, enrichment.orchestrator)
def orchestrate(body: OrchestrateBody, call: Call, orchestrator: Orchestrator) -> Answer:
    request = orchestrator.request(**body.options(), firing=schedule_time(call))
    if body.dry_run:
        return Answer({"dry_run": True, "decisions": orchestrator.preview(request)})
    report = orchestrator.run(request).to_json()
    return Answer(report, logged={key: value for key, value in report.items() if key != "status"})

"""Takes part records in and hands each to automation or to a person. POST, from Scheduler or curl."""

from datetime import UTC, datetime
from uuid import uuid4

from pydantic import Field, field_validator

from shared import health_wiring, settings, wiring
from shared.enrichment.naming import BATCH_ID, batch_id_of
from shared.enrichment.orchestrate import Order
from shared.routing.policy_file import DEFAULT_POLICY, available_policies, load_policy
from shared.routing.route import Route
from shared.web.call import Answer, Call, RequestModel
from shared.web.function import endpoint
from shared.web.scheduler import schedule_time

wiring.require(
    settings.StoreSettings, settings.SourceSettings, settings.QueueSettings, settings.ReprocessSettings
)
CHECKS = {
    "policies": health_wiring.policies,
    "source": health_wiring.source,
    "database": health_wiring.record_tables,
    "automation_queue": health_wiring.automation_queue,
}


class OrchestrateRequest(RequestModel):
    limit: int = Field(100, ge=1, le=100_000)
    priority_threshold: float | None = Field(None, ge=0, le=1)
    force: Route | None = None
    batch_id: str | None = Field(None, pattern=f"^{BATCH_ID}$")
    policy: str = DEFAULT_POLICY
    dry_run: bool = False

    @field_validator("policy")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in available_policies():
            raise ValueError(f"there is no policy {name!r}; there are {', '.join(available_policies())}")
        return name


@endpoint(OrchestrateRequest, CHECKS)
def orchestrate(request: OrchestrateRequest, call: Call) -> Answer:
    fired = schedule_time(call)
    threshold = request.priority_threshold
    order = Order(
        batch_id=request.batch_id
        or (batch_id_of(*fired) if fired else batch_id_of(datetime.now(UTC), uuid4().hex)),
        trigger="scheduler" if fired else "manual",
        limit=request.limit,
        threshold=wiring.workflow_config().manual_priority_threshold if threshold is None else threshold,
        policy=load_policy(request.policy),
        force=request.force,
    )
    if request.dry_run:
        return Answer({"dry_run": True, "decisions": wiring.orchestrator().preview(order)})
    report = wiring.orchestrator().run(order).to_json()
    return Answer(report, logged={key: value for key, value in report.items() if key != "status"})

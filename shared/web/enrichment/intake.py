"""What a call of `orchestrate` asks for."""

from pydantic import Field, field_validator

from shared.clock import Clock
from shared.enrichment.naming import BATCH_ID, batch_id_of, new_batch_id
from shared.enrichment.orchestrate import Order
from shared.enrichment.routing.policy_file import DEFAULT_POLICY, available_policies, load_policy
from shared.enrichment.routing.route import Route
from shared.web.call import Call, RequestModel
from shared.web.fulfillment.scheduler import schedule_time


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


def order_of(request: OrchestrateRequest, call: Call, least_score: float, clock: Clock) -> Order:
    """`least_score` is that of a call which names none. Scheduler's repeated firing asks for the same batch."""
    fired = schedule_time(call)
    threshold = request.priority_threshold
    return Order(
        batch_id=request.batch_id or (batch_id_of(*fired) if fired else new_batch_id(clock())),
        trigger="scheduler" if fired else "manual",
        limit=request.limit,
        threshold=least_score if threshold is None else threshold,
        policy=load_policy(request.policy),
        force=request.force,
    )

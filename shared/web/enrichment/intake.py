"""The request of `orchestrate`."""

from typing import Any

from pydantic import Field, field_validator

from shared.enrichment.naming import ChosenBatchId
from shared.enrichment.routing.policy_file import DEFAULT_POLICY, available_policies, load_policy
from shared.enrichment.routing.route import Route
from shared.limits import MOST_RECORDS
from shared.web.call import RequestModel


class OrchestrateBody(RequestModel):
    limit: int = Field(100, ge=1, le=MOST_RECORDS)
    priority_threshold: float | None = Field(None, ge=0, le=1)
    force: Route | None = None
    batch_id: ChosenBatchId | None = None
    policy: str = Field(
        DEFAULT_POLICY, json_schema_extra=lambda schema: schema.update(enum=list(available_policies()))
    )
    dry_run: bool = False

    @field_validator("policy")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in available_policies():
            raise ValueError(f"there is no policy {name!r}; there are {', '.join(available_policies())}")
        return name

    def options(self) -> dict[str, Any]:
        """The arguments of `Orchestrator.request`."""
        return self.model_dump(exclude={"policy", "dry_run"}) | {"policy": load_policy(self.policy)}

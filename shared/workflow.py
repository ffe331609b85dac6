"""Enrichment in process, for notebooks and scripts: `await run_workflow(limit=50)`.

The use cases are those of the deployed functions, built from the environment's settings or from given parts. An
environment without SUPABASE_URL gets the settings of the laptop cloud that runs here, if one does. Each call runs in a
thread. A cancelled call returns at once and its use case continues to its end, as it does behind a deployed
function whose caller hung up. A second call with the same `batch_id` returns the result.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
)

from shared.checkout import stack_environment
from shared.clock import Clock, system_clock
from shared.enrichment.inbox import TaskLists
from shared.enrichment.naming import BATCH_ID, chosen_batch_id
from shared.enrichment.orchestrate import Orchestrator, Reprocessing
from shared.enrichment.ports import RecordSource, TaskQueue
from shared.enrichment.routing.policy import Policy
from shared.enrichment.routing.policy_file import DEFAULT_POLICY, available_policies, load_policy
from shared.enrichment.routing.route import Route, TaskPriority
from shared.enrichment.store import OpeningStore, ReportStore
from shared.errors import FieldError, InvalidRequest
from shared.limits import MOST_LISTED, MOST_RECORDS
from shared.wiring import enrichment as wiring
from shared.workflow_config import WorkflowConfig

__all__ = [
    "WorkflowConfig",
    "WorkflowOrchestrator",
    "get_pending_manual_tasks",
    "get_workflow_status",
    "run_workflow",
]

Json = dict[str, Any]
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class WorkflowStore(OpeningStore, TaskLists, ReportStore, Protocol):
    """The methods of the record store that are used here."""


class WorkflowOrchestrator:
    """A given part replaces the one that the environment describes; `config` replaces the `WORKFLOW_*` variables.

    With source, store and queue given, the environment is not read. One instance serves concurrent calls.
    """

    def __init__(
        self,
        config: WorkflowConfig | None = None,
        *,
        source: RecordSource | None = None,
        store: WorkflowStore | None = None,
        queue: TaskQueue | None = None,
        clock: Clock | None = None,
        reprocess_after: timedelta | None = None,
    ) -> None:
        self._config = config
        self._source = source
        self._store = store
        self._queue = queue
        self._clock = clock
        self._reprocess_after = reprocess_after

    async def run(
        self,
        limit: int = 100,
        *,
        priority_threshold: float | None = None,
        force: Route | str | None = None,
        batch_id: str | None = None,
        policy: Policy | str = DEFAULT_POLICY,
        dry_run: bool = False,
    ) -> Json:
        """Returns the answer of `orchestrate`. Raises InvalidRequest, SourceUnavailable, StoreUnavailable."""
        given = _validated(
            RunArguments, limit=limit, priority_threshold=priority_threshold, force=force, batch_id=batch_id
        )
        chosen = _policy(policy)
        return await asyncio.to_thread(self._run, given, chosen, dry_run=dry_run)

    async def status(self, batch_id: str) -> Json:
        """Raises NotFound."""
        return await self._ask(lambda store: store.batch_status(batch_id))

    async def pending_manual_tasks(
        self, limit: int = 50, priority: TaskPriority | str | None = None
    ) -> list[Json]:
        """The tasks that nobody holds, most urgent first. Raises InvalidRequest."""
        given = _validated(PendingArguments, limit=limit, priority=priority)
        wanted = {"state": "free"} | ({"priority": str(given.priority)} if given.priority else {})
        page = await self._ask(lambda store: store.list_manual_tasks(wanted, "urgency", given.limit, None))
        tasks: list[Json] = page["manual_tasks"]
        return tasks

    async def reconcile(self, batch_id: str | None = None, day: date | None = None) -> Json:
        """Accounts for a batch or for the batches of a UTC day, by default today. Raises NotFound, InvalidRequest."""
        if batch_id is not None and day is not None:
            raise InvalidRequest(
                "give either batch_id or day", [FieldError("day", "cannot be combined with batch_id")]
            )
        if batch_id is None and day is None:
            day = (self._clock or system_clock)().date()
        return await self._ask(lambda store: store.reconcile(batch_id, day))

    def _run(self, given: "RunArguments", policy: Policy, *, dry_run: bool) -> Json:
        orchestrator = self._orchestrator()
        request = orchestrator.request(**given.model_dump(), policy=policy)
        if dry_run:
            return {"dry_run": True, "decisions": orchestrator.preview(request)}
        return orchestrator.run(request).to_json()

    async def _ask(self, question: Callable[[WorkflowStore], T]) -> T:
        return await asyncio.to_thread(lambda: question(self._opened_store()))

    def _opened_store(self) -> WorkflowStore:
        if self._store is not None:
            return self._store
        _find_stack()
        return wiring.record_store()

    def _orchestrator(self) -> Orchestrator:
        if self._source is not None and self._store is not None and self._queue is not None:
            return Orchestrator(
                self._source,
                self._store,
                self._queue,
                self._config or WorkflowConfig(),
                self._clock or system_clock,
                self._reprocessing(Reprocessing()),
            )
        _find_stack()
        wired = wiring.orchestrator()
        return replace(
            wired,
            source=self._source or wired.source,
            store=self._store or wired.store,
            queue=self._queue or wired.queue,
            config=self._config or wired.config,
            clock=self._clock or wired.clock,
            reprocessing=self._reprocessing(wired.reprocessing),
        )

    def _reprocessing(self, usual: Reprocessing) -> Reprocessing:
        return usual if self._reprocess_after is None else replace(usual, after=self._reprocess_after)


async def run_workflow(
    limit: int = 100,
    *,
    priority_threshold: float | None = None,
    force: Route | str | None = None,
    batch_id: str | None = None,
    policy: Policy | str = DEFAULT_POLICY,
    dry_run: bool = False,
    config: WorkflowConfig | None = None,
) -> Json:
    """See WorkflowOrchestrator.run."""
    return await WorkflowOrchestrator(config).run(
        limit,
        priority_threshold=priority_threshold,
        force=force,
        batch_id=batch_id,
        policy=policy,
        dry_run=dry_run,
    )


async def get_workflow_status(batch_id: str) -> Json:
    """See WorkflowOrchestrator.status."""
    return await WorkflowOrchestrator().status(batch_id)


async def get_pending_manual_tasks(limit: int = 50, priority: TaskPriority | str | None = None) -> list[Json]:
    """See WorkflowOrchestrator.pending_manual_tasks."""
    return await WorkflowOrchestrator().pending_manual_tasks(limit, priority)


class RunArguments(BaseModel):
    """The bounds are those of the function `orchestrate`."""

    model_config = ConfigDict(frozen=True)

    limit: Annotated[StrictInt, Field(ge=1, le=MOST_RECORDS)]
    priority_threshold: Annotated[StrictFloat, Field(ge=0, le=1)] | None
    force: Route | None
    batch_id: Annotated[StrictStr, Field(pattern=f"^{BATCH_ID}$"), AfterValidator(chosen_batch_id)] | None


class PendingArguments(BaseModel):
    """The bounds are those of the function `workflow`."""

    model_config = ConfigDict(frozen=True)

    limit: Annotated[StrictInt, Field(ge=1, le=MOST_LISTED)]
    priority: TaskPriority | None


def _find_stack() -> None:
    """Changes the environment of this process, because the parts read it. The process stays with this stack."""
    os.environ.update(stack_environment(os.environ))


def _policy(policy: Policy | str) -> Policy:
    """Raises InvalidRequest for an unknown name."""
    if isinstance(policy, Policy):
        return policy
    if policy not in available_policies():
        message = f"there is no policy {policy!r}; there are {', '.join(available_policies())}"
        raise InvalidRequest(f"policy: {message}", [FieldError("policy", message)])
    return load_policy(policy)


def _validated(model: type[M], **values: object) -> M:
    """Raises InvalidRequest."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        fields = [FieldError(str(item["loc"][0]), item["msg"]) for item in error.errors()]
        raise InvalidRequest("; ".join(f"{item.field}: {item.message}" for item in fields), fields) from None

"""Makes a stage of fulfillment a deployed function: its request, the sequence guard, dry runs."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pydantic import Field

from shared.fulfillment.pipeline import load_pipeline
from shared.fulfillment.sequence import StageRun, StageRunner, firing_of
from shared.web.call import Answer, Call, RequestModel
from shared.web.function import HttpFunction, Route, http_function
from shared.web.health import Check
from shared.web.platform import schedule_time


class StageRequest(RequestModel):
    """`limit` bounds the orders of one run; `cycle` names the cycle of a call by hand."""

    cycle: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9:._-]{0,79}$")
    limit: int = Field(1000, ge=1, le=10_000)
    dry_run: bool = False


class Work(Protocol):
    """A stage. A call does its work; `preview` returns the ids of the orders or threads that a run would handle."""

    def __call__(self, run: StageRun) -> None: ...

    def preview(self, limit: int) -> list[str]: ...


Asked = Callable[[Any, Any], Callable[[StageRun], None]]
"""Makes the work of a request: (work, request) -> a call with the run."""


def stage_function(
    name: str,
    work: Callable[[], Work],
    runner: Callable[[], StageRunner],
    checks: Mapping[str, Check],
    model: type[StageRequest] = StageRequest,
    asked: Asked = lambda work, _request: work,
) -> HttpFunction:
    """`name` stands in `shared/pipeline.json`. Raises SettingsInvalid for another one."""
    pipeline = load_pipeline()
    pipeline.stage(name)

    def handle(request: StageRequest, call: Call, work: Work, runner: StageRunner) -> Answer:
        if request.dry_run:
            return Answer({"stage": name, "dry_run": True, "preview": work.preview(request.limit)})
        fired = schedule_time(call)
        firing = firing_of(fired and fired[0], request.cycle, pipeline)
        result = runner.run(name, firing, request.limit, asked(work, request))
        logged = {key: value for key, value in result.items() if key not in ("errors", "result")}
        return Answer(result, logged=logged | {"problems": len(result.get("errors", []))})

    return http_function(name, [Route("POST", "/", model, handle, (work, runner))], checks)

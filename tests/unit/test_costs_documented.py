"""The sums of docs/costs.md are right, and its settings and schedules are those of the code."""

import doctest
import re
from pathlib import Path

from infra.local.functions import STAGES
from shared.fulfillment.pipeline import load_pipeline
from shared.settings import CarrierSettings
from shared.web.fulfillment.stage import StageRequest
from shared.workflow_config import WorkflowConfig

PAGE = Path(__file__).parents[2] / "docs" / "costs.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_every_sum_is_right() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert (result.attempted > 20, result.failed) == (True, 0)


def test_the_limits_are_those_of_the_code() -> None:
    pipeline = load_pipeline()
    cycles = 24 * 60 // pipeline.interval_minutes
    assert f"CYCLES, CALL_SECONDS, IDLE_RUN_SECONDS = {cycles}," in TEXT
    assert len(STAGES) == 5
    assert {pipeline.stage(name).timeout_seconds for name in ("create-labels", "update-tracking")} == {540}
    assert StageRequest.model_fields["limit"].default == 1_000
    assert WorkflowConfig().max_daily_tasks == 1_000
    assert WorkflowConfig().automation_max_concurrent == 5
    assert "CANADA_POST_CALLS_APART_SECONDS" in CarrierSettings.variables()


def test_every_price_is_marked_as_one_to_check() -> None:
    assert "check them before relying on a total" in TEXT
    assert not re.search(r"\$\d", TEXT)  # amounts stand in the sums, where they are computed

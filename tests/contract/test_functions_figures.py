"""The sweep's log entry holds every figure that Terraform makes a metric of."""

import re
from pathlib import Path

from tests.functions_support import Deployment, opened
from tests.web_support import logged

METRICS = Path(__file__).parents[2] / "infra" / "terraform" / "metrics.tf"


def test_a_sweep_logs_each_figure_of_the_metrics_as_a_number(deployment: Deployment) -> None:
    figures = re.findall(r"^ {4}(\w+) += \{ unit = ", METRICS.read_text(encoding="utf-8"), re.MULTILINE)
    fallback = deployment.function("fallback")
    opened("A")
    with logged() as log:
        assert fallback.post("/", json={"sweep": True}).status_code == 200
    (entry,) = log.entries
    assert len(figures) >= 8
    assert {name for name in figures if not isinstance(entry.get(name), int | float)} == set()
    assert (entry["audited"], entry["audit_pending"], entry["audit_faults"]) == (1, 0, 0)
    assert (entry["record_days_behind"], entry["postage_days_behind"]) == (0, 0)
    assert (entry["function"], entry["status"], entry["looked_at"], entry["in_flight"]) == (
        "fallback",
        200,
        0,
        1,
    )

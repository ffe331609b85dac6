"""The 5,000 real parts against a second version of the table of rules, in whole numbers."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from shared.enrichment.routing.decision import decide
from shared.enrichment.routing.features import History
from shared.enrichment.routing.policy_file import load_policy
from shared.enrichment.routing.record import PartRecord, read_record
from shared.workflow_config import WorkflowConfig

INTAKE = Path(__file__).parents[2] / "data" / "parts_intake.jsonl"
WEIGHTS = {
    "pn": 30, "manufacturer": 20, "specs": 15, "category": 10, "description": 10, "docs": 10, "images": 5,
}  # fmt: skip


def expected(row: dict[str, Any]) -> tuple[str, str, str]:
    """Without history reliability is .5 and nothing has failed, so all features are whole thousandths."""
    score = round(row["priority_score"]["score"] * 1000)
    hundredths = sum(weight for field, weight in WEIGHTS.items() if row[field])
    raised = score >= 800 or 5 * score + 3 * 500 + 2 * hundredths * 10 >= 7000
    if hundredths >= 80:
        return "complete", "manual", "high"
    if hundredths >= 50 and score < 300:
        return "partial_weak", "manual", "medium"
    if hundredths >= 50:
        return "partial_strong", "automation", "high" if raised else "medium"
    if score < 200:
        return "sparse_unimportant", "manual", "low"
    return "sparse", "automation", "high" if raised or score >= 600 else "medium"


def test_every_real_part_meets_the_rule_of_the_table() -> None:
    rows = [json.loads(line) for line in INTAKE.read_text(encoding="utf-8").splitlines()]
    policy, config = load_policy("flow"), WorkflowConfig()
    counts: Counter[str] = Counter()
    keys = set()
    for row in rows:
        record = read_record(row)
        assert isinstance(record, PartRecord)
        assert record.problems == ()
        found = decide(record, History(), policy, config)
        assert (found.rule, found.route, found.priority) == expected(row), row["pn"]
        counts[found.rule] += 1
        keys.add(record.key)
    assert len(keys) == len(rows) == 5000
    assert counts == Counter(expected(row)[0] for row in rows)
    never = {"forced", "recent_failures"}  # nobody forces, nothing failed yet
    assert counts.keys() == {rule.name for rule in policy.document.rules} - never

import random
import time

import pytest

from tests.scenarios_support import EVERY_PART, UNFINISHED, RunningEnrichment, row

RECORDS = 200


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_part_killed_at_any_moment_of_a_run_of_200_loses_and_doubles_nothing(
    enrichment: RunningEnrichment, seed: int
) -> None:
    chance = random.Random(seed)
    known = enrichment.fresh_parts(RECORDS)
    parts = [pn if chance.random() < 0.95 else f"UNKNOWN-{pn}" for pn in known]
    enrichment.offer([row(pn) for pn in parts])
    batches: list[str] = []
    slow_down(enrichment, "rest", "digikey")

    firing = enrichment.background.submit(enrichment.take_all, batches)
    while not (firing.done() and enrichment.count(UNFINISHED, batches) == 0):
        part = chance.choice(EVERY_PART)
        print(f"seed {seed}: {part} dies")  # noqa: T201 - a run that fails shows what led to it
        enrichment.kill(part)
        enrichment.restart(part)
        slow_down(enrichment, part)
        enrichment.sweep()
        time.sleep(chance.uniform(0, 1))  # not a wait for anything: the moments of death are to be random

    firing.result()
    begun = enrichment.begun(batches)
    enrichment.drain(*begun)
    enrichment.assert_accounted_for(begun, parts)


def slow_down(enrichment: RunningEnrichment, *parts: str) -> None:
    """Slows the parts so that a run lasts for many kills; a killed part forgets it."""
    for part in {"rest", "digikey"}.intersection(parts):
        enrichment.disturb(part, {"kind": "latency", "seconds": 0.05})

import random
import time

import pytest

from tests.scenarios_support import EVERY_PART, UNFINISHED, RecordLine, row

RECORDS = 200


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_part_killed_at_any_moment_of_a_run_of_200_loses_and_doubles_nothing(
    line: RecordLine, seed: int
) -> None:
    chance = random.Random(seed)
    known = line.fresh_parts(RECORDS)
    parts = [pn if chance.random() < 0.95 else f"UNKNOWN-{pn}" for pn in known]
    line.offer([row(pn) for pn in parts])
    batches: list[str] = []
    slow_down(line, "rest", "digikey")

    firing = line.background.submit(line.take_all, batches)
    while not (firing.done() and line.count(UNFINISHED, batches) == 0):
        part = chance.choice(EVERY_PART)
        print(f"seed {seed}: {part} dies")  # noqa: T201 - a run that fails shows what led to it
        line.kill(part)
        line.restart(part)
        slow_down(line, part)
        line.sweep()
        time.sleep(chance.uniform(0, 1))  # not a wait for anything: the moments of death are to be random

    firing.result()
    begun = line.begun(batches)
    line.drain(*begun)
    line.assert_accounted_for(begun, parts)


def slow_down(line: RecordLine, *parts: str) -> None:
    """So that a run outlasts many deaths; a part that died has forgotten it."""
    for part in {"rest", "digikey"}.intersection(parts):
        line.disturb(part, {"kind": "latency", "seconds": 0.05})

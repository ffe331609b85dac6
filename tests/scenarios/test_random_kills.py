import random
import time

import httpx
import pytest

from tests.scenarios_support import EVERY_PART, RecordLine, row, wait_until

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
    killed: list[str] = []
    line.disturb("rest", {"kind": "latency", "seconds": 0.02})  # so that a run outlasts some deaths

    firing = line.background.submit(fire_until_all_are_taken, line, batches)
    while not (firing.done() and settled(line, batches)):
        killed.append(chance.choice(EVERY_PART))
        line.kill(killed[-1])
        line.restart(killed[-1])
        sweep_if_possible(line)
        time.sleep(chance.uniform(0, 1))  # not a wait for anything: the moments of death are to be random

    firing.result()
    begun = [batch for batch in batches if line.count("batches where id = %s", batch)]
    line.drain(*begun)
    line.assert_accounted_for(begun, parts)
    print(f"seed {seed}: {len(killed)} deaths ({', '.join(killed)}) in {len(begun)} batches")  # noqa: T201 - to replay


def fire_until_all_are_taken(line: RecordLine, batches: list[str]) -> None:
    """Scheduler's part: a firing that fails is repeated once, the next one is another batch."""

    def taken() -> bool:
        batches.append(line.batch())
        for _ in range(2):
            try:
                answer = line.orchestrate(batches[-1], RECORDS)
            except httpx.TransportError:
                continue
            assert answer.status_code in {200, 503}, answer.text
            if answer.is_success:
                return bool(answer.json().get("source_exhausted"))
        return False

    wait_until(taken)


def sweep_if_possible(line: RecordLine) -> None:
    line.sweep()


def settled(line: RecordLine, batches: list[str]) -> bool:
    states = "automation_tasks where batch_id = any (%s) and (finished_at is null or hand_over = 'due')"
    return line.count(states, batches) == 0

"""A thousand dead letters are given back at the desk, and followed to their real end, in a browser."""

import re

from tests.browser_support import Windows
from tests.scenarios_support import LOOK_UPS, RunningEnrichment, row
from tests.waiting import wait_until

REPAIRED, BROKEN = 900, 100
COMPLETED = "automation_tasks where batch_id like %s and state = 'completed'"
SHOWN = re.compile(r"([\d,]+) = (\d+) resolved \+ (\d+) came back \+ (\d+) still waiting \+ (\d+) refused")


def dead_letters(cloud: RunningEnrichment) -> str:
    """A batch whose every record is with a person; the vendor never knows `BROKEN` of them."""
    known, unknown = cloud.fresh_parts(REPAIRED), cloud.fresh_parts(BROKEN)
    cloud.offer([row(pn) for pn in (*known, *(f"UNKNOWN-{pn}" for pn in unknown))])
    cloud.disturb("digikey", {"kind": "error_before", "status": 404, "path": LOOK_UPS})
    batch = cloud.batch()
    cloud.orchestrate(batch).raise_for_status()
    cloud.drain(batch)
    cloud.undisturb("digikey")
    assert cloud.reconcile(batch)["with_a_person"] == REPAIRED + BROKEN
    return batch


def test_of_1000_dead_letters_none_is_called_resolved_that_is_not(
    cloud: RunningEnrichment, windows: Windows
) -> None:
    batch = f"{dead_letters(cloud)}_fallback"
    window = windows()
    page = window.page
    window.open(f"/tasks?batch={batch}&cause=not_found")
    window.says("1,000 tasks")
    window.leave(page.get_by_role("link", name="Do something with all 1,000").click)
    window.says("None would be refused")
    page.get_by_label("Why?").fill("the vendor knows them now")
    window.leave(page.get_by_role("button", name="Do it with 1,000 tasks").click)
    job = page.url.rpartition("/")[2]

    def looked() -> tuple[int, ...]:
        """Total, resolved, came back, waiting, refused, as the page shows them without being loaded again."""
        found = SHOWN.search(page.locator("#progress").inner_text())
        assert found, page.locator("#progress").inner_text()
        return tuple(int(number.replace(",", "")) for number in found.groups())

    looks = 0

    def ended() -> bool:
        nonlocal looks
        cloud.sweep()
        total, resolved, back, waiting, refused = looked()
        assert resolved <= cloud.count(COMPLETED, f"redrive-{job}-%"), "a false success"
        assert total == 1000 == resolved + back + waiting + refused
        looks += 1
        return waiting == 0

    wait_until(ended)
    assert looked() == (1000, REPAIRED, BROKEN, 0, 0)
    assert looks > 1
    window.says("not found")
    window.open(f"/jobs/{job}?stands=came_back")
    assert page.locator("tbody tr").count() == 50
    assert cloud.reconcile(batch.removesuffix("_fallback"))["balanced"]

"""A year of enrichment in virtual time: rows change, vendors fail, people complete, fail and leave.

On in-memory ports; the conformance tests hold them to the promises of the database and of BigQuery.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shared.enrichment.automate import Delivery
from shared.enrichment.orchestrate import Reprocessing
from shared.enrichment.ports import (
    DailyLimited,
    ErrorCategory,
    Found,
    JsonObject,
    LookUp,
    Product,
    Refused,
    SourceRow,
    Unavailable,
)
from shared.enrichment.store import Json, Opened
from shared.workflow_config import WorkflowConfig
from tests.enrichment_support import Enrichment, counts_of, part
from tests.memory.record_desk import InMemoryRecordDesk
from tests.memory.record_source import InMemoryRecordSource, score_of, source_row

ROWS, DAYS, A_DAY = 20_000, 365, 1_000
CHANGES = 100
"""Rows whose content changes on a day; one in five goes back to what it was before."""
RUNS = 2
REPROCESS = timedelta(days=60)
OUTAGE = range(100, 103)
"""Days on which the vendor is down."""
SHORT_DAY, VENDOR_CALLS = 200, 300
"""A day on which the vendor allows so many calls."""

PAGE = Path(__file__).parents[2] / "docs" / "bigquery.md"


class Table(InMemoryRecordSource):
    """A source whose rows are made once, and again when one changes."""

    def __init__(self, size: int, dice: random.Random) -> None:
        super().__init__()
        self.dice = dice
        self.versions = [0] * size
        self.scores = [round(dice.uniform(0.5, 1), 3) for _ in range(size)]
        self.made = [self._made(number) for number in range(size)]
        self.scored = {row.content_hash: (score_of(row), row) for row in self.made}

    def contents(self) -> Mapping[str, tuple[float, SourceRow]]:
        return self.scored

    def change(self, number: int) -> None:
        self.scored.pop(self.made[number].content_hash)
        self.versions[number] += -1 if self.versions[number] and self.dice.random() < 0.2 else 1
        self.scores[number] = round(self.dice.uniform(0.5, 1), 3)
        row = self.made[number] = self._made(number)
        self.scored[row.content_hash] = (score_of(row), row)

    def _made(self, number: int) -> SourceRow:
        version = self.versions[number]
        row = part(f"P{number:05}", self.scores[number], description=f"as of {version}" if version else None)
        if number % 10 == 0:  # complete: a person looks at it
            row |= {
                "category": "IC",
                "specs": {"a": 1},
                "docs": ["https://x.example/a"],
                "description": f"{version}",
            }
        return source_row(row)


@dataclass
class Vendor:
    """Knows 9 of 10 parts; is down in the outage, and short of calls on one day."""

    day: int = 0
    calls: Counter[int] = field(default_factory=Counter)
    clock: Any = None
    vendor: str = "digikey"

    def look_up(self, pn: str, manufacturer: str | None) -> LookUp:
        self.calls[self.day] += 1
        if self.day in OUTAGE:
            return Unavailable(ErrorCategory.VENDOR_ERROR, "down")
        if self.day == SHORT_DAY and self.calls[self.day] > VENDOR_CALLS:
            midnight = self.clock().replace(hour=0, minute=0) + timedelta(days=1)
            return DailyLimited("the day is over", midnight)
        if int(pn[1:]) % 10 == 1:
            return Refused(ErrorCategory.NOT_FOUND, "no such part")
        answer = {"category": "from the vendor"}
        return Found(answer, self.product(answer, pn, manufacturer))

    def read(self, answer: JsonObject, pn: str, manufacturer: str | None) -> Product | Refused:
        return self.product(answer, pn, manufacturer)

    @staticmethod
    def product(answer: JsonObject, pn: str, manufacturer: str | None) -> Product:
        return Product(
            pn=pn, manufacturer=manufacturer or "?", category=answer["category"], description="vendor's"
        )


@dataclass
class Watched(InMemoryRecordDesk):
    """Notes what was opened, and every verdict of a person, apart from the store's own rows."""

    day: int = 0
    openings: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    verdicts: dict[str, str] = field(default_factory=dict)
    against_a_verdict: list[str] = field(default_factory=list)

    def open_tasks(
        self,
        batch_id: str,
        items: Sequence[JsonObject],
        rejected: Sequence[JsonObject],
        **limits: Any,  # noqa: ANN401 - passed on
    ) -> Opened:
        opened = super().open_tasks(batch_id, items, rejected, **limits)
        mine = self.batch_work[batch_id]
        for item in items:
            key, content = item["record_key"], item["content_hash"]
            if key in mine:
                if self.verdicts.get(key) == content:
                    self.against_a_verdict.append(key)
                self.openings[key].append((self.day, content))
                self.verdicts.pop(key, None)
        return opened

    def _close(self, item: Json, state: str, person: str | None = None) -> None:
        super()._close(item, state, person)
        if person:
            self.verdicts[item["record_key"]] = item["content_hash"]

    def forget_ended(self) -> None:
        """The twin walks over all its tasks; the year needs the open ones."""
        self.tasks = {
            key: task for key, task in self.tasks.items() if not task.ended or task.hand_over == "due"
        }
        self.manual = {key: manual for key, manual in self.manual.items() if not manual.ended}
        self.batch_work.clear()


class Year:
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.line = Enrichment(
            (), WorkflowConfig(max_daily_tasks=A_DAY), reprocessing=Reprocessing(REPROCESS, 0.2)
        )
        self.line.clock.now = self.line.clock.now.replace(month=1, day=1, hour=0)
        self.table = self.line.source = Table(ROWS, self.dice)
        self.store = self.line.store = Watched(self.line.clock)
        self.vendor = self.line.catalogue = Vendor(clock=self.line.clock)  # type: ignore[assignment]
        self.quarters: dict[int, Counter[str]] = defaultdict(Counter)
        self.edits: dict[str, str] = {}
        self.changed: dict[int, int] = {}

    def run(self) -> None:
        for day in range(DAYS):
            self.store.day = self.vendor.day = day
            for number in self.dice.sample(range(ROWS), CHANGES):
                self.table.change(number)
            for run in range(RUNS):
                self._take(day, run)
                self.line.clock.advance(hours=24 / RUNS / 2)
                self._deliver()
                self.line.clock.advance(hours=24 / RUNS / 2)
            self._people(day)
            self.line.sweep()
            self.store.forget_ended()

    def _take(self, day: int, run: int) -> None:
        before = self.table.read
        counts = counts_of(self.line.run(f"d{day}-{run}", limit=A_DAY))
        quarter = self.quarters[day * 4 // DAYS]
        quarter["runs"] += 1
        quarter["read"] += self.table.read - before
        for name in ("opened", "automation", "manual"):
            quarter[name] += counts[name]
        quarter["skipped"] += sum(counts["skipped"].values())

    def _deliver(self) -> None:
        """Every task that is due, once or a few times; what waits for the vendor stays in the queue."""
        for _ in range(3):
            now = self.line.clock()
            due = [task for task in self.line.queue.tasks.values() if (task.schedule_time or now) <= now]
            for task in due:
                reply = self.line.worker().work(
                    Delivery(UUID(task.body["automation_task_id"]), 1, False, task.name)
                )
                if reply.status == 200:
                    self.line.queue.drop(task.name)
            self.line.clock.advance(minutes=20)
        for letter in list(self.line.dead_letters.tasks.values()):
            self.store.create_fallback_task(UUID(letter.body["automation_task_id"]))
            self.line.dead_letters.drop(letter.name)

    def _people(self, day: int) -> None:
        """Two of ten are left for another day, one of ten is failed, the others completed, half of them with words."""
        for task_id, manual in list(self.store.manual.items()):
            chance = self.dice.random()
            if manual.ended or chance < 0.2:
                continue
            self.store.claim_manual_task(task_id, "ana")
            quarter = self.quarters[day * 4 // DAYS]
            if chance < 0.3:
                self.store.fail_manual_task(task_id, "ana", "no data sheet")
                quarter["failed by people"] += 1
                continue
            said = {"description": f"verified on day {day}"} if chance < 0.65 else {}
            self.store.complete_manual_task(task_id, "ana", said, None, None)
            quarter["completed by people"] += 1
            if said:
                self.edits[manual.item["record_key"]] = said["description"]

    def table_of_quarters(self) -> list[str]:
        lines = [
            "| quarter | runs | rows read | opened | read for nothing | by automation | by people | failed by people |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for number, quarter in sorted(self.quarters.items()):
            figures = (
                number + 1,
                quarter["runs"],
                quarter["read"],
                quarter["opened"],
                quarter["skipped"],
                quarter["automation"],
                quarter["completed by people"],
                quarter["failed by people"],
            )
            lines.append("| " + " | ".join(f"{figure:,}" for figure in figures) + " |")
        return lines


@pytest.mark.slow
@pytest.mark.no_cover  # it repeats what others cover, three times as slowly when it is traced
@pytest.mark.timeout(900)
def test_a_year_gives_everybody_a_turn_and_loses_nobody_s_work() -> None:
    year = Year(seed=9)
    year.run()
    store = year.store

    assert len(store.openings) == ROWS, "every row got its turn"
    first = [openings[0][0] for openings in store.openings.values()]
    assert max(first) <= ROWS / (A_DAY * 0.8) + len(OUTAGE) + 2, "and before those that were done long ago"
    assert store.against_a_verdict == [], "nothing is opened against a person's verdict on the same content"
    present = {row.content_hash for row in year.table.made}
    taken = {content for openings in store.openings.values() for day, content in openings if day >= 0}
    assert len(present - taken) < 5 * CHANGES, "what changed is taken within days"

    assert len(year.edits) > 1_000
    kept = {key: store.products[key]["description"] for key in year.edits}
    assert kept == year.edits, "no field of a person is lost"

    for quarter in year.quarters.values():
        assert quarter["read"] <= 1.05 * quarter["opened"] + 100 * quarter["runs"], (
            "a run reads what it takes"
        )
    reads = [quarter["read"] / quarter["opened"] for quarter in year.quarters.values()]
    assert max(reads) <= 1.2 * min(reads), "the cost of a run is flat"
    assert year.vendor.calls[OUTAGE[1]] < 60, "an outage costs probes"
    assert all(line in PAGE.read_text(encoding="utf-8") for line in year.table_of_quarters()), (
        "docs/bigquery.md shows another year:\n" + "\n".join(year.table_of_quarters())
    )

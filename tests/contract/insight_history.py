"""A year of random work, as rows and as Python counts it."""

import random
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from tests.contract.schema_rows import NOW, Json

FIRST = date(2025, 3, 2)
DAYS = 366
"""Up to the day of NOW."""

MAKERS = ("ti", "onsemi", "murata")
CATEGORIES = ("Regulators", " Resistors ", "", None)
RULES = ("sparse", "partial_strong", "complete", "forced")
CAUSES = ("not_found", "ambiguous", None)


@dataclass
class Ended:
    """A task that ended. `seconds` is a person's time from claim to completion."""

    id: uuid.UUID
    at: datetime
    person: bool
    completed: bool
    maker: str
    category: str | None
    rule: str
    cause: str | None = None
    seconds: int | None = None
    redriven: bool = False

    @property
    def day(self) -> date:
        return self.at.astimezone(UTC).date()


@dataclass
class Year:
    ended: list[Ended] = field(default_factory=list)
    decided: list[tuple[datetime, str, str]] = field(default_factory=list)  # when, route, rule

    @classmethod
    def drawn(cls, seed: int, a_day: int) -> "Year":
        chance, year = random.Random(seed), cls()
        for number in range(DAYS):
            midnight = datetime.combine(FIRST + timedelta(days=number), datetime.min.time(), UTC)
            for _ in range(chance.randrange(a_day * 2)):
                at = midnight + timedelta(seconds=chance.choice((0, chance.random() * 86_399, 86_399.9)))
                if at < NOW:
                    year.add(chance, at)
        return year

    def add(self, chance: random.Random, at: datetime) -> None:
        rule, route = chance.choice(RULES), chance.choice(("automation", "manual", "rejected"))
        self.decided.append((at, route, "rejected" if route == "rejected" else rule))
        if route == "rejected":
            return
        person = route == "manual"
        completed = chance.random() < 0.7
        self.ended.append(
            Ended(
                uuid.UUID(int=chance.getrandbits(128)),
                at,
                person,
                completed,
                chance.choice(MAKERS),
                chance.choice(CATEGORIES),
                rule,
                chance.choice(CAUSES) if person else None,
                int(chance.lognormvariate(6, 2)) if person and completed else None,
                person and not completed and chance.random() < 0.3,
            )
        )

    def store(self, owner: psycopg.Connection) -> None:
        """As the owner, because neither triggers nor foreign keys are wanted: all of it is consistent as it is made."""
        owner.execute("set session_replication_role = replica")
        owner.execute("insert into batches (id, trigger, created_at) values ('b', 'manual', %s)", (FIRST,))
        with owner.cursor() as cursor:
            cursor.executemany(
                "insert into decisions (batch_id, record_key, route, rule, priority, reason, confidence, decided_at)"
                " values ('b', case when %(route)s <> 'rejected' then gen_random_uuid()::text end, %(route)s::route,"
                " %(rule)s, 'low', '-', 1, %(at)s)",
                [{"at": at, "route": route, "rule": rule} for at, route, rule in self.decided],
            )
            cursor.executemany(AUTOMATION, [_row(one) for one in self.ended if not one.person])
            cursor.executemany(MANUAL, [_row(one) for one in self.ended if one.person])
        owner.execute("reset session_replication_role")
        owner.execute("analyze")

    def within(self, first: date, last: date) -> Iterator[Ended]:
        return (one for one in self.ended if first <= one.day <= last and not one.redriven)

    # --- what each series must be

    def by(self, subject: str, first: date, last: date) -> dict[str | None, tuple[int, int, int, int]]:
        counts: dict[str | None, Counter[tuple[bool, bool]]] = defaultdict(Counter)
        for one in self.within(first, last):
            counts[_key(one, subject)][one.person, one.completed] += 1
        return {
            key: (c[False, True], c[False, False], c[True, True], c[True, False]) for key, c in counts.items()
        }

    def routes(self, first: date, last: date) -> Counter[tuple[date, str]]:
        days = ((at.astimezone(UTC).date(), route) for at, route, _ in self.decided)
        return Counter((day, route) for day, route in days if first <= day <= last)

    def work(self, first: date, last: date) -> dict[str | None, tuple[int, int, int]]:
        taken: dict[str | None, list[int]] = defaultdict(list)
        for one in self.within(first, last):
            if one.seconds is not None:
                taken[one.cause].append(rough(one.seconds))
        return {
            cause: (len(times), _reached(times, 0.5), _reached(times, 0.9)) for cause, times in taken.items()
        }


def rough(seconds: int) -> int:
    """As `rough_seconds`: Postgres rounds a half away from zero."""
    step = next((step for limit, step in ((600, 1), (7200, 10), (86_400, 60)) if seconds < limit), 600)
    return (seconds + step // 2) // step * step


def _reached(times: Sequence[int], share: float) -> int:
    return sorted(times)[max(ceil(share * len(times)), 1) - 1]


def _key(one: Ended, subject: str) -> str | None:
    match subject:
        case "manufacturer":
            return one.maker
        case "category":
            return (one.category or "").strip() or None
        case "rule":
            return one.rule
        case "week":
            return str(one.day - timedelta(days=one.day.weekday()))
    return str(one.day)


def counted(rows: Sequence[Json], subject: str) -> dict[str | None, tuple[Any, ...]]:
    """The rows of a series that are not all zero."""
    names = ("completed", "failed", "people_completed", "people_failed")
    found = {row[subject]: tuple(row[name] for name in names) for row in rows}
    assert len(found) == len(rows)
    return {key: counts for key, counts in found.items() if any(counts)}


def spans(seed: int) -> list[tuple[date, date]]:
    """The whole year, single months, single days, and random times."""
    chance = random.Random(seed)
    ends = sorted(FIRST + timedelta(days=chance.randrange(DAYS)) for _ in range(8))
    last = FIRST + timedelta(days=DAYS - 1)
    return [
        (FIRST, last),
        (date(2025, 5, 1), date(2025, 5, 31)),
        (date(2025, 5, 2), date(2025, 7, 30)),
        (last, last),
        *pairwise(ends),
    ]


def _row(one: Ended) -> Json:
    state = "completed" if one.completed else "failed"
    held = None if one.seconds is None else one.at - timedelta(seconds=one.seconds)
    source = {} if one.category is None else {"category": one.category}
    result = {"redriven_by": "r"} if one.redriven else {}
    return vars(one) | {"state": state, "claimed_at": held, "source": Jsonb(source), "result": Jsonb(result)}


AUTOMATION = """
insert into automation_tasks (
    id, batch_id, decision_id, record_key, pn, manufacturer_key, content_hash, source_record, priority, rule,
    state, vendor_answer, error_category, hand_over, created_at, updated_at, finished_at
)
values (
    %(id)s, 'b', gen_random_uuid(), %(id)s, 'P', %(maker)s, 'h', %(source)s, 'low', %(rule)s, %(state)s, '{}',
    case when %(completed)s then null else 'not_found'::error_category end,
    case when %(completed)s then 'none' else 'done' end::hand_over, %(at)s, %(at)s, %(at)s
)
"""

MANUAL = """
insert into manual_tasks (
    id, batch_id, decision_id, record_key, pn, manufacturer_key, content_hash, source_record, type, priority, rule,
    reason, cause, state, assignee, claimed_at, due_at, created_at, updated_at, finished_at, result
)
values (
    %(id)s, 'b', gen_random_uuid(), %(id)s, 'P', %(maker)s, 'h', %(source)s, 'workflow_generated', 'low', %(rule)s, '-',
    %(cause)s, %(state)s, 'ana', %(claimed_at)s, %(at)s, %(at)s, %(at)s, %(at)s, %(result)s
)
"""

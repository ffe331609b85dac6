"""Goes on with bulk jobs, so that a closed browser stops none."""

from dataclasses import dataclass, field
from datetime import timedelta

from shared.clock import Clock
from shared.enrichment.store import JobStore
from shared.errors import SwitchyardError

CHUNK = 200
"""Members that one call works on: a redrive of so many takes the database a fraction of its 8 s."""

MOST_JOBS = 100
"""Jobs that take turns in one sweep; the next sweep begins with those that waited longest."""

BUDGET = timedelta(seconds=10)
"""The time of jobs before each sweep, beside SWEEP_SECONDS; the chunk at hand is finished."""


@dataclass
class Driven:
    """The members that were worked on, and what stopped a job."""

    worked: int = 0
    faults: list[SwitchyardError] = field(default_factory=list)


@dataclass(frozen=True)
class JobDriver:
    store: JobStore
    clock: Clock

    def go_on(self) -> Driven:
        """Works on all jobs in turn, a chunk of each, until none goes on. One that fails stops no other."""
        until, driven = self.clock() + BUDGET, Driven()
        try:
            jobs = list(self.store.jobs_to_work_on(MOST_JOBS))
        except SwitchyardError as fault:
            driven.faults.append(fault)
            return driven
        while jobs and self.clock() < until:
            job = jobs.pop(0)
            try:
                worked = self.store.work_on_job(job, CHUNK)
            except SwitchyardError as fault:
                driven.faults.append(fault)
                continue
            driven.worked += worked
            if worked:
                jobs.append(job)
        return driven

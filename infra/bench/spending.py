"""The CPU that one record costs, from its queue task to its product: of the functions, and of the stand-ins."""

import time

import psycopg

from infra.bench.laboratory import Laboratory, request
from infra.bench.peers.processes import cpu
from infra.bench.table import Row

RECORDS = 400
FUNCTIONS = ("automate", "fallback")
FUNCTIONS_MS = 4.0
STAND_INS = ("tasks", "rest", "postgres")
STAND_INS_MS = 6.0
LONGEST = 300.0
_OPEN = "select count(*) from automation_tasks where state not in ('completed', 'failed')"


def measure(lab: Laboratory) -> list[Row]:
    """Deliveries come from the queue, five in flight. Look at the ratio when the machine has other work."""
    lab.forget()
    roots = {name: lab.stack.state.parts[name].pid for name in (*FUNCTIONS, *STAND_INS)}
    source = lab.source()
    before = cpu(roots)
    lab.orchestrator(source).run(request("spending", RECORDS))
    source.close()
    _await_end(lab)
    after = cpu(roots)
    count = len(lab.queue.tasks)
    spent = {name: 1000 * (after[name] - before[name]) / count for name in roots}
    functions, stand_ins = (sum(spent[name] for name in names) for names in (FUNCTIONS, STAND_INS))
    return [
        _row(
            "functions: CPU a record", FUNCTIONS_MS, functions, f"{functions / stand_ins:.2f}x the stand-ins'"
        ),
        _row(
            "queue, REST and Postgres: CPU a record",
            STAND_INS_MS,
            stand_ins,
            ", ".join(f"{name} {spent[name]:.1f}" for name in STAND_INS),
        ),
    ]


def _row(what: str, budget: float, spent: float, detail: str) -> Row:
    return Row(what, f"<= {budget:g} ms", f"{spent:.1f} ms", detail, spent <= budget)


def _await_end(lab: Laboratory) -> None:
    until = time.monotonic() + LONGEST
    with psycopg.connect(lab.stack.url("postgres"), autocommit=True) as connection:
        while time.monotonic() < until:
            row = connection.execute(_OPEN.encode()).fetchone()
            if row == (0,):
                return
            time.sleep(0.05)
    raise RuntimeError(f"the records did not end within {LONGEST:g} s")

"""Names of batches and queue tasks."""

import hashlib
from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from pydantic import AfterValidator, Field

BATCH_ID = r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}"
"""A batch id that a caller may choose, with room for FALLBACK. See `chosen_batch_id`."""

FALLBACK = "_fallback"
"""The end of the name of the batch that takes the dead letters of another one."""


def chosen_batch_id(name: str) -> str:
    """Returns the name that a caller chose. Raises ValueError for that of another batch's dead letters."""
    if name.endswith(FALLBACK):
        raise ValueError(f"a name that ends with {FALLBACK} is for the dead letters of another batch")
    return name


ChosenBatchId = Annotated[str, Field(pattern=f"^{BATCH_ID}$"), AfterValidator(chosen_batch_id)]


def batch_id_of(moment: datetime, seed: str) -> str:
    """`batch_<unix seconds>_<4 hex>`: the same moment and seed make the same batch."""
    return f"batch_{int(moment.timestamp())}_{_hash(seed)[:4]}"


def new_batch_id(moment: datetime) -> str:
    """Two calls in one second get the same id once in 65,536 times; then only one of them starts."""
    return batch_id_of(moment, uuid4().hex)


MAX_RENEWALS = 5
"""A record may start again this often as a new queue task, after a loss or a long burst limit; then a person gets it.

Waiting for a vendor's breaker makes new queue tasks too, as many as it takes.
"""


def automation_task_name(task_id: UUID, generation: int) -> str:
    """Hashed, because sequential names slow Cloud Tasks down. Names are used once, so each generation has a new one."""
    return _hash(f"automation:{task_id}:{generation}")


def dead_letter_name(task_id: UUID) -> str:
    return _hash(f"dead-letter:{task_id}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]

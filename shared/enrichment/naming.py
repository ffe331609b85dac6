"""Names of batches and queue tasks."""

import hashlib
from datetime import datetime
from uuid import UUID, uuid4

BATCH_ID = r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}"
"""What a caller may name a batch: room is left for `_fallback`."""


def batch_id_of(moment: datetime, seed: str) -> str:
    """`batch_<unix seconds>_<4 hex>`: the same moment and seed make the same batch."""
    return f"batch_{int(moment.timestamp())}_{_hash(seed)[:4]}"


def new_batch_id(moment: datetime) -> str:
    """Of the moment and chance. Two calls of one second share it once in 65,536 times, and then one of them starts."""
    return batch_id_of(moment, uuid4().hex)


MAX_GENERATIONS = 5
"""How often a record may begin again as a new queue task, at no cost, before a person gets it."""


def automation_task_name(task_id: UUID, generation: int) -> str:
    """Hashed: sequential names slow Cloud Tasks down. A new generation is a new name, since names are used once."""
    return _hash(f"automation:{task_id}:{generation}")


def dead_letter_name(task_id: UUID) -> str:
    return _hash(f"dead-letter:{task_id}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]

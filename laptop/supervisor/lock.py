import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from laptop.supervisor.errors import StackBusy


@contextmanager
def stack_lock(state_dir: Path, doing: str) -> Iterator[None]:
    """Holds the lock while a stack is changed. The system releases it when the holder dies."""
    state_dir.mkdir(parents=True, exist_ok=True)
    file = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 200).decode(errors="replace") or "another command"
            raise StackBusy(
                f"The stack in {state_dir} is being changed by {holder}. Wait for it or end it."
            ) from None
        os.ftruncate(file, 0)
        os.write(file, f"`{doing}` (pid {os.getpid()})".encode())
        yield
    finally:
        os.close(file)

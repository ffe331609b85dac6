"""The stack of one demo, which is removed when the demo ends."""

import contextlib
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from infra.local.local_stack import LocalStack
from laptop.supabase.postgres.place import place_for
from laptop.supervisor.errors import StackInterrupted
from laptop.supervisor.interruption import deferred_signals
from laptop.supervisor.lock import stack_lock
from laptop.supervisor.startup import Report

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_OVERRIDES = {
    "DATABASE_URL": "",  # never the user's own database: the demo's data is thrown away
    "LOCAL_POSTGRES_FAST": "true",  # for the same reason
    "LOCAL_SWEEP": "false",  # the demo fires the sweep itself, and counts what it does
}


@dataclass(frozen=True)
class Stage:
    """`folder` belongs to the demo; `make up` uses another one."""

    folder: Path
    intake: Path
    catalogue: Path
    report: Report

    @property
    def state_dir(self) -> Path:
        return self.folder / "stack"

    @property
    def logs(self) -> Path:
        return self.state_dir / "logs"

    @contextmanager
    def opened(self, *, keep: bool) -> Iterator[LocalStack]:
        """Starts the stack on free ports. After an error the logs stay; after success, `keep` keeps everything."""
        stack = LocalStack(
            self.state_dir,
            intake=self.intake,
            catalogue=self.catalogue,
            environment=_OVERRIDES,
            report=self._report,
        )
        # Signals wait, except while the stack starts and is used, so that nothing is left half stopped.
        with stack_lock(self.folder, "demo"), deferred_signals():
            stack.purge()  # removes what an earlier demo left
            try:
                with _signals_raise():
                    stack.start()
                    yield stack
            except KeyboardInterrupt:
                self._leave(stack)
                raise
            except BaseException:
                stack.stop()
                place_for(self.state_dir / "postgres").remove()
                raise
            if not keep:
                self._leave(stack)

    def _leave(self, stack: LocalStack) -> None:
        stack.purge()
        shutil.rmtree(self.folder)
        with contextlib.suppress(OSError):
            self.folder.parent.rmdir()  # not empty when `make up` uses it

    def _report(self, line: str) -> None:
        # the stack must stop even when nobody reads its output any more
        with contextlib.suppress(BrokenPipeError):
            self.report(line)


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP end the demo as Ctrl+C does."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise StackInterrupted(number)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # under nohup, SIGHUP stays ignored
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

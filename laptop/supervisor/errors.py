"""The errors that the supervisor raises on purpose.

    StackError
    ├── StackBusy           another command is starting or stopping the same stack
    ├── PortsTaken          ports that the stack needs are held by other programs
    ├── PartFailed          a part ended, or did not become healthy in time
    ├── JobFailed           a one-off step (migrations, queues, data) did not succeed
    ├── StillAlive          a process outlived SIGKILL
    ├── UnknownPart         no part of that name
    └── StateUnreadable     the state file was damaged or written by another version
    StackInterrupted        Ctrl+C, SIGTERM or SIGHUP while parts were being started

Messages are whole sentences for a person at a terminal: the command line prints them as they are.
"""

import signal


class StackError(Exception):
    pass


class StackBusy(StackError):
    pass


class PortsTaken(StackError):
    pass


class PartFailed(StackError):
    pass


class JobFailed(StackError):
    pass


class StillAlive(StackError):
    pass


class UnknownPart(StackError):
    pass


class StateUnreadable(StackError):
    pass


class StackInterrupted(KeyboardInterrupt):
    """It is raised after everything that this start had begun is stopped again."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"Interrupted by {signal.Signals(signal_number).name}")
        self.signal_number = signal_number

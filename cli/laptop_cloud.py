"""The laptop cloud that runs on this machine, as far as the command line knows it: by its state file."""

import os
from typing import TYPE_CHECKING

from cli.failures import NotReached
from shared.checkout import project_folder

if TYPE_CHECKING:
    from laptop.supervisor.state import StackState

PROGRAM = "python -m infra.local"
START_IT = "start the laptop cloud with `make up`, or say where the functions are with --url"
ADVICE = "is the laptop cloud running? `make up` starts it"


def local_functions() -> dict[str, str]:
    """Function name to URL. Raises NotReached."""
    return {name: part.url for name, part in local_state().parts.items()}


def local_state() -> "StackState":
    """An empty state when nothing runs. Raises NotReached."""
    from laptop.supervisor.errors import StateUnreadable  # noqa: PLC0415 - who calls the cloud's functions needs neither
    from laptop.supervisor.state import read_state, state_folder  # noqa: PLC0415

    try:
        return read_state(state_folder(project_folder(), os.environ), PROGRAM)
    except (StateUnreadable, OSError) as error:
        raise NotReached(f"the laptop cloud's state cannot be read: {error}") from error

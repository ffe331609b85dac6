"""Messages name the next command as the person called this one."""

import sys
from pathlib import PurePath

_INSTALLED = "switchyard"
_SCRIPT = "run_workflow.py"


def program() -> str:
    """`switchyard` or `run_workflow.py`."""
    return _INSTALLED if PurePath(sys.argv[0]).name == _INSTALLED else _SCRIPT


def typed() -> str:
    """`switchyard` or `python run_workflow.py`: the words before the arguments."""
    name = program()
    return name if name == _INSTALLED else f"python {name}"

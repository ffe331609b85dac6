"""How the person who reads a message called this command line: the message names the next command in the same way."""

import sys
from pathlib import PurePath

_INSTALLED = "switchyard"
_SCRIPT = "run_workflow.py"


def program() -> str:
    """`switchyard` or `run_workflow.py`."""
    return _INSTALLED if PurePath(sys.argv[0]).name == _INSTALLED else _SCRIPT


def typed() -> str:
    """What comes before the arguments: `switchyard` or `python run_workflow.py`."""
    name = program()
    return name if name == _INSTALLED else f"python {name}"

"""The laptop cloud of this checkout, for the programs that run beside it. Deployed functions do not use this."""

import json
from collections.abc import Mapping
from pathlib import Path

from shared.errors import SettingsInvalid

_HERE = Path(__file__).parents[1]
_MARKS = ("pyproject.toml", "shared/workflow.py")
_LEADS_TO_A_STACK = "SUPABASE_URL"


def project_folder(here: Path = _HERE, current: Path | None = None) -> Path:
    """The checkout that this code is a part of; of an installed package, the one that the current folder is in."""
    current = Path.cwd() if current is None else current
    for folder in (here, current, *current.parents):
        if all((folder / mark).is_file() for mark in _MARKS):
            return folder
    return current


def stack_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of the functions that run here; nothing when `environment` leads to a database, or no stack runs.

    The state file is `laptop/supervisor/state.py`'s, which this room must not import. Raises SettingsInvalid for one
    that cannot be read.
    """
    if environment.get(_LEADS_TO_A_STACK):
        return {}
    file = project_folder() / (environment.get("LOCAL_STATE_DIR") or ".local") / "state.json"
    try:
        found = json.loads(file.read_bytes())["environment"]
        stack = {str(name): str(value) for name, value in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise SettingsInvalid(f"{file}, the state of the laptop cloud, cannot be read: {error}") from error
    own = {name for name, value in environment.items() if value and name.startswith("WORKFLOW_")}
    return {name: value for name, value in stack.items() if name not in own}

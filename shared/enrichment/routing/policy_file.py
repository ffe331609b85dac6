"""Reads policy files from YAML. Besides this module, only `manufacturers` reads a file in routing."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shared.enrichment.routing.policy import Document, Policy
from shared.enrichment.routing.policy_error import sentences
from shared.errors import PolicyInvalid

FOLDER = Path(__file__).parent / "policies"
DEFAULT_POLICY = "flow"


def available_policies() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def load_policy(name: str = DEFAULT_POLICY) -> Policy:
    """A shipped policy, read once per process. Raises PolicyInvalid; an unknown name lists the known ones."""
    if name not in available_policies():
        raise PolicyInvalid(f"no policy is called {name!r}; available are {', '.join(available_policies())}")
    return read_policy(FOLDER / f"{name}.yaml")


def read_policy(path: Path) -> Policy:
    """Reads any policy file. Raises PolicyInvalid naming the file and the rule."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyInvalid(f"{path.name}: cannot be read: {error}") from error
    return parse_policy(path.stem, text)


def parse_policy(name: str, text: str) -> Policy:
    """Parses the text of `<name>.yaml`. Raises PolicyInvalid naming the file and the rule."""
    content = _yaml(name, text)
    if not isinstance(content, dict):
        raise PolicyInvalid(f"{name}.yaml: expected a mapping with `description` and `rules`")
    try:
        document = Document.model_validate(content)
    except ValidationError as error:
        raise PolicyInvalid(f"{name}.yaml: {'; '.join(sentences(error, content))}") from error
    return Policy(name, _version(content), document)


def _yaml(name: str, text: str) -> object:
    import yaml  # noqa: PLC0415 - slow to import, so a function that loads no policy starts without it

    class Loader(yaml.SafeLoader):
        """Refuses a key that is given twice; YAML would silently keep the last."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - the overridden method's signature
            keys = [key.value for key, _ in node.value]
            for key in keys:
                if keys.count(key) > 1:
                    raise yaml.YAMLError(f"{key!r} is given twice{node.start_mark}")
            return dict(super().construct_mapping(node, deep))

    try:
        return yaml.load(text, Loader)  # noqa: S506 - Loader is a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PolicyInvalid(f"{name}.yaml: not readable as YAML: {' '.join(str(error).split())}") from error


def _version(content: Mapping[Any, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

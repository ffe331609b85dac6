"""Something right for every variable that a group of settings requires."""

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from shared.settings import Settings

SECRET = "hunter2"


def minimal(group: type[Settings]) -> dict[str, str]:
    return {info.alias or "": _sample(info) for info in group.model_fields.values() if info.is_required()}


def _sample(info: FieldInfo) -> str:
    if info.annotation is SecretStr:
        return SECRET
    return "https://a.example/b" if any(getattr(rule, "pattern", None) for rule in info.metadata) else "a"

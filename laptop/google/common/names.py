"""Resource names; PURE. Which characters an id may contain stands in the docstrings of the clients' types."""

import re
from dataclasses import dataclass

from laptop.google.common.rpc import invalid


@dataclass(frozen=True)
class NameForm:
    kind: str
    pattern: str
    shown: str

    def check(self, name: str) -> str:
        """Returns the name. Raises Refused when it does not have this form."""
        if not re.fullmatch(self.pattern, name):
            raise invalid(f'{self.kind} name must be formatted: "{self.shown}".')
        return name

    def child(self, kind: str, ids: str) -> "NameForm":
        collection = f"/{kind.lower()}s/"
        return NameForm(
            kind, f"{self.pattern}{collection}{ids}", f"{self.shown}{collection}<{kind.upper()}_ID>"
        )


LOCATION = NameForm(
    "Location",
    r"projects/[A-Za-z0-9:.\-]+/locations/[A-Za-z0-9\-]+",
    "projects/<PROJECT_ID>/locations/<LOCATION_ID>",
)


def short_id(name: str) -> str:
    return name.rpartition("/")[2]

"""The shop's own choices: whose days it means, and which refunds need two people."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shop:
    """`time_zone` is an IANA name, which the database reads. From `approval_cents` on an undo needs two people."""

    time_zone: str
    approval_cents: int

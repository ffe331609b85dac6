"""Reads one page of source rows into records. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.enrichment.ports import SourceRow
from shared.enrichment.routing.record import PartRecord, Rejected, read_record
from shared.enrichment.store import Identity


@dataclass(frozen=True)
class Candidate:
    """`again` and `returned` as the source says: see SourceRow."""

    record: PartRecord
    content_hash: str
    again: bool = False
    returned: bool = False

    @property
    def identity(self) -> Identity:
        return Identity(self.record.key, self.record.manufacturer_key, self.content_hash)


@dataclass(frozen=True)
class Refusal:
    rejected: Rejected
    content_hash: str

    def to_json(self) -> dict[str, object]:
        source = self.rejected.source
        return {
            "pn": None,
            "manufacturer": source["manufacturer"] if isinstance(source.get("manufacturer"), str) else None,
            "reason": self.rejected.reason,
            "content_hash": self.content_hash,
            "source_record": source,
        }


@dataclass(frozen=True)
class Intake:
    """The content of one page. `repeated` counts rows whose record this batch has already seen."""

    candidates: Sequence[Candidate]
    refusals: Sequence[Refusal]
    repeated: int


def take_in(page: Sequence[SourceRow], seen: set[str]) -> Intake:
    """`seen` spans the batch: record keys, and hashes of refused rows. Every row taken is added to it."""
    candidates: list[Candidate] = []
    refusals: list[Refusal] = []
    for row in page:
        record = read_record(row.values)
        key = record.key if isinstance(record, PartRecord) else f"rejected {row.content_hash}"
        if key in seen:
            continue
        seen.add(key)
        if isinstance(record, PartRecord):
            candidates.append(Candidate(record, row.content_hash, row.again, row.returned))
        else:
            refusals.append(Refusal(record, row.content_hash))
    return Intake(candidates, refusals, len(page) - len(candidates) - len(refusals))

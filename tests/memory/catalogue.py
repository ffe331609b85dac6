from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.enrichment.ports import ErrorCategory, Found, JsonObject, LookUp, Product, Refused
from shared.enrichment.store import CATALOGUE


@dataclass
class InMemoryCatalogue:
    """PartCatalogue over a map of answers. `planned` outcomes come first; `asked` lists the calls."""

    parts: Mapping[str, JsonObject] = field(default_factory=dict)
    planned: list[LookUp] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    vendor: str = CATALOGUE

    def look_up(self, pn: str, manufacturer: str | None) -> LookUp:  # noqa: ARG002 - the port's signature
        self.asked.append(pn)
        if self.planned:
            return self.planned.pop(0)
        answer = self.parts.get(pn)
        return Found(answer) if answer else Refused(ErrorCategory.NOT_FOUND, f"no part {pn}")

    def read(self, answer: JsonObject, pn: str, manufacturer: str | None) -> Product | Refused:
        if "category" not in answer:
            return Refused(ErrorCategory.INVALID_RESPONSE, "the answer has no category", answer)
        return Product(pn=pn, manufacturer=manufacturer or "Anybody", category=answer["category"])

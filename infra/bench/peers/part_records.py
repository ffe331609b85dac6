"""Records with part numbers of their own, made of the project's parts whose makers are known; best score first."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infra.local.settings import ROOT

Record = dict[str, Any]


def make(count: int) -> list[Record]:
    makers = {part["pn"]: part["manufacturer"] for part in _lines(ROOT / "data" / "parts_catalog.jsonl")}
    known = [
        part | {"manufacturer": makers[part["pn"]]}
        for part in _lines(ROOT / "data" / "parts_intake.jsonl")
        if re.fullmatch(r"[A-Za-z0-9_.-]{3,40}", part["pn"]) and part["pn"] in makers
    ]
    made = [
        known[number % len(known)] | {"pn": f"{known[number % len(known)]['pn']}-{number:05d}"}
        for number in range(count)
    ]
    return sorted(made, key=lambda part: -float(part["priority_score"]["score"]))


def write(records: Sequence[Record], file: Path) -> Path:
    file.write_text("".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records))
    return file


def _lines(file: Path) -> list[Record]:
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]

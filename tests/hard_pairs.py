"""Makes the hard questions of tests/data/hard_pairs.jsonl from the real parts: `python -m tests.hard_pairs` writes it.

A pair is a question, the parts that the vendor has in the order in which its search ranks them, and the truth. The
truth follows from how the pair is made (a part that the vendor was given, or was not), never from the matching.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FILE = ROOT / "tests" / "data" / "hard_pairs.jsonl"
CATALOGUE = ROOT / "data" / "parts_catalog.jsonl"

Part = dict[str, Any]
Pair = dict[str, Any]

SUFFIXES = ("G", "TR", "/NOPB", "#PBF", "-T", "TG", "-TP", "RL", "Q1", "+")
OTHERS = (
    "Rochester Electronics",
    "Diotec Semiconductor",
    "Micro Commercial Co",
    "Comchip Technology",
    "Central Semi",
)
NO_MAKER = ("-", "n/a", "unknown", "?", "None", "generic", " ")

ALIASES = {
    "Texas Instruments": (
        "Texas Instruments",
        ("TI", "T.I.", "TEXAS INSTRUMENTS INC.", "Texas Instr"),
    ),
    "STMicroelectronics": (
        "STMicroelectronics",
        ("ST", "STMicro", "ST Microelectronics", "STMicroelectronics N.V."),
    ),
    "onsemi": ("onsemi", ("ON Semiconductor", "ON SEMI", "ON", "ON Semiconductor Corp.")),
    "Murata": ("Murata Electronics", ("Murata", "muRata", "Murata Manufacturing Co., Ltd.")),
    "NXP Semiconductors": ("NXP USA Inc.", ("NXP", "Freescale", "NXP Semiconductors N.V.")),
    "Analog Devices": (
        "Analog Devices Inc.",
        ("ADI", "Analog Devices", "Linear Technology", "ANALOG DEVICES, INC"),
    ),
    "Microchip Technology": ("Microchip Technology", ("Microchip", "Atmel", "Microchip Technology Inc.")),
    "Infineon Technologies": (
        "Infineon Technologies",
        ("Infineon", "International Rectifier", "Infineon AG"),
    ),
    "Renesas Electronics": ("Renesas Electronics Corporation", ("Renesas", "Intersil", "IDT")),
    "Diodes Incorporated": ("Diodes Incorporated", ("Diodes Inc", "Diodes, Inc.", "Zetex")),
}
"""By maker: the name at the vendor, names in records."""

STRANGERS = {
    "STMicroelectronics": "ST-Ericsson",
    "NXP Semiconductors": "Nexperia",
    "Nexperia": "NXP",
    "Murata": "Murata Power Solutions",
    "Texas Instruments": "Texas",
    "Microchip Technology": "Micro",
    "onsemi": "Motorola",
    "Analog Devices": "Analog",
    "Vishay": "Vishay Dale",
    "Infineon Technologies": "Siemens",
}
"""By maker: a name that looks alike, or was its once, and is another's."""


def hard_pairs() -> list[Pair]:
    makers = _Parts()
    made = [
        *_suffix_missing(makers, 40),
        *_suffix_listed(makers, 30),
        *_near_misses(makers, 40),
        *_families(makers, 30),
        *_aliases(makers, 36),
        *_other_makers(makers, 30),
        *_without_a_maker(makers, 40),
        *_spellings(makers, 24),
        *_packagings(makers, 18),
        *_odd_answers(makers),
    ]
    return [{"id": number, **pair} for number, pair in enumerate(made, 1)]


class _Parts:
    """The real parts in a fixed order that follows no alphabet; each is taken once."""

    def __init__(self) -> None:
        rows = [json.loads(line) for line in CATALOGUE.read_text(encoding="utf-8").splitlines()]
        rows.sort(key=lambda row: hashlib.blake2b(row["pn"].encode()).hexdigest())
        self._rows = [
            row for row in rows if len(row["pn"]) >= 6 and row["pn"].isascii() and " " not in row["pn"]
        ]  # shorter ones have no family
        self.numbers = {row["pn"].upper() for row in rows}
        self._families: dict[tuple[str, str], list[str]] = defaultdict(list)
        for row in rows:
            self._families[(row["manufacturer"], row["pn"][:5])].append(row["pn"])

    def take(self, count: int, *makers: str) -> list[Part]:
        taken = [row for row in self._rows if not makers or row["manufacturer"] in makers][:count]
        self._rows = [row for row in self._rows if row not in taken]
        assert len(taken) == count
        return [part(row["pn"], row["manufacturer"]) for row in taken]

    def family(self, of: Part, at_least: int = 0) -> list[Part]:
        """Up to four real parts of the maker whose numbers begin alike."""
        numbers = [pn for pn in self._families[(of["manufacturer"], of["pn"][:5])] if pn != of["pn"]][:4]
        assert len(numbers) >= at_least
        return [part(pn, of["manufacturer"]) for pn in numbers]

    def with_family(self, count: int) -> list[Part]:
        found: list[Part] = []
        while len(found) < count:
            [one] = self.take(1)
            if self.family(one):
                found.append(one)
        return found


def part(pn: str, manufacturer: str | None, *numbers: str) -> Part:
    return {"pn": pn, "manufacturer": manufacturer, "numbers": list(numbers)}


def order_numbers(pn: str) -> tuple[str, str, str]:
    """Cut tape, reel and Digi-Reel."""
    drawn = int.from_bytes(hashlib.blake2b(pn.encode(), digest_size=2).digest(), "big")
    return f"296-{drawn}-1-ND", f"296-{drawn}-2-ND", f"296-{drawn}-6-ND"


def pair(
    kind: str, pn: str, manufacturer: str | None, vendor: list[Part], truth: Part | str, **odd: object
) -> Pair:
    """`truth` is a part of the vendor's, `none` or `person`; `odd` is how the vendor answers apart from that."""
    question = {"kind": kind, "pn": pn, "manufacturer": manufacturer, "vendor": vendor, **odd}
    return (
        {**question, "expected": "part", "part": truth}
        if isinstance(truth, dict)
        else {**question, "expected": truth}
    )


# --- numbers ----------------------------------------------------------------------------------------------


def _suffix_missing(parts: _Parts, count: int) -> Iterator[Pair]:
    for place, one in enumerate(parts.take(count)):
        asked, listed = SUFFIXES[place % len(SUFFIXES)], SUFFIXES[(place + 3) % len(SUFFIXES)]
        vendor = [one, part(one["pn"] + listed, one["manufacturer"]), *parts.family(one)]
        maker = None if place % 3 == 0 else one["manufacturer"]
        yield pair("a suffix that the vendor lacks", one["pn"] + asked, maker, vendor, "none")


def _suffix_listed(parts: _Parts, count: int) -> Iterator[Pair]:
    for place, one in enumerate(parts.take(count)):
        with_suffix = part(one["pn"] + SUFFIXES[place % len(SUFFIXES)], one["manufacturer"])
        asked, other = (one, with_suffix) if place % 2 else (with_suffix, one)
        maker = None if place % 3 == 0 else one["manufacturer"]
        yield pair("with and without a suffix", asked["pn"], maker, [other, *parts.family(one), asked], asked)


def _near_misses(parts: _Parts, count: int) -> Iterator[Pair]:
    for place, one in enumerate(parts.with_family(count)):
        pn = one["pn"]
        middle = len(pn) // 2
        changed = (
            pn[:-1],
            pn[:middle] + pn[middle + 1 :],
            pn[:middle] + ("X" if pn[middle] != "X" else "Y") + pn[middle + 1 :],
            pn.replace("0", "O", 1) if "0" in pn else pn + "0",
        )[place % 4]
        if changed.upper() in parts.numbers:
            changed += "Z"
        maker = None if place % 2 else one["manufacturer"]
        vendor = [one, *parts.family(one)]
        odd = (
            {"details": 0} if place % 5 == 0 and maker else {}
        )  # the details of a part that was not asked for
        yield pair("a near miss", changed, maker, vendor, "none", **odd)


def _families(parts: _Parts, count: int) -> Iterator[Pair]:
    for place, one in enumerate(parts.with_family(count)):
        vendor = [*parts.family(one), one]
        odd = {"details": 0} if place % 2 == 0 else {}
        maker = None if place % 3 == 0 else one["manufacturer"]
        yield pair("a sister ranked first", one["pn"], maker, vendor, one, **odd)


def _spellings(parts: _Parts, count: int) -> Iterator[Pair]:
    for place, one in enumerate(parts.take(count)):
        pn = one["pn"]
        spelled = (
            "".join(chr(ord(mark) + 0xFEE0) for mark in pn),
            f"{pn[:3]}\u200b{pn[3:]}\ufeff",
            f"\u00a0{pn.lower()}\u3000",
            f"{pn[:4]}\u00ad{pn[4:]}\x00",
            f"{pn[:3]} {pn[3:]}",
            f"{pn[:2]}\u2009{pn[2:4]}\u00a0{pn[4:]}",
        )[place % 6]
        maker = None if place % 2 else one["manufacturer"]
        yield pair("a spelling", spelled, maker, [*parts.family(one), one], one)


# --- makers -----------------------------------------------------------------------------------------------


def _aliases(parts: _Parts, count: int) -> Iterator[Pair]:
    for place in range(count):
        maker = list(ALIASES)[place % len(ALIASES)]
        at_the_vendor, names = ALIASES[maker]
        [real] = parts.take(1, maker)
        one = part(real["pn"], at_the_vendor)
        name = names[place // len(ALIASES) % len(names)]
        vendor = [part(real["pn"], OTHERS[0]), one] if place % 2 else [one]
        yield pair("another name of the maker", real["pn"], name, vendor, one)


def _other_makers(parts: _Parts, count: int) -> Iterator[Pair]:
    for place in range(count):
        maker = list(STRANGERS)[place % len(STRANGERS)]
        [one] = parts.take(1, maker)
        stranger = STRANGERS[maker] if place < 2 * len(STRANGERS) else OTHERS[place % len(OTHERS)]
        yield pair("the number of another maker", one["pn"], stranger, [one, *parts.family(one)], "none")


def _without_a_maker(parts: _Parts, count: int) -> Iterator[Pair]:
    for place, one in enumerate(parts.take(count)):
        nobody = None if place % 4 < 2 else NO_MAKER[place // 4 % len(NO_MAKER)]  # half of them
        if place % 2:
            yield pair("no maker, one has the number", one["pn"], nobody, [*parts.family(one), one], one)
        else:
            second = part(one["pn"], OTHERS[place % len(OTHERS)])
            odd = {"details": 0} if place % 4 == 0 else {}  # the details name the first maker, as of 1N4148
            kind = "no maker, several have the number"
            yield pair(kind, one["pn"], nobody, [second, *parts.family(one), one], "person", **odd)


# --- packagings and odd answers ---------------------------------------------------------------------------


def _packagings(parts: _Parts, count: int) -> Iterator[Pair]:
    for place, real in enumerate(parts.take(count)):
        numbers = order_numbers(real["pn"])
        one = part(real["pn"], real["manufacturer"], *numbers)
        maker = None if place % 2 else real["manufacturer"]
        chosen = numbers[place % 3]
        if place % 3 == 0:  # each packaging is a hit of its own
            apart = [part(real["pn"], real["manufacturer"], number) for number in numbers]
            yield pair("packagings", real["pn"], maker, apart, part(real["pn"], real["manufacturer"]))
        elif place % 3 == 1:
            expected = part(real["pn"], real["manufacturer"], chosen)
            yield pair("packagings", chosen, maker, [*parts.family(real), one], expected)
        else:  # the number of a packaging that the vendor has no more
            yield pair("packagings", chosen.replace("-6-", "-7-"), maker, [one], "none")


def _odd_answers(parts: _Parts) -> Iterator[Pair]:
    one, two, three, four, five, six, seven, eight = parts.take(8)
    cut, unnamed = "a search cut off", "an answer without a maker"
    stranger = part(one["pn"], OTHERS[0])
    yield pair(cut, one["pn"], None, [one], "person", count=500, exact=[])
    yield pair(cut, one["pn"], None, [stranger], "person", count=151, exact=[])
    yield pair(cut, two["pn"], None, [two], two, count=500)  # the vendor's list of exact matches proves it
    yield pair(cut, three["pn"], three["manufacturer"], [three], three, count=500, exact=[], details=400)
    yield pair(unnamed, four["pn"], None, [part(four["pn"], None)], "person")
    yield pair(unnamed, four["pn"], four["manufacturer"], [part(four["pn"], None)], "none", details=0)
    yield pair(unnamed, five["pn"], None, [five, part(five["pn"], "-")], "person")
    siliconix, dale = part(six["pn"], "Vishay Siliconix"), part(six["pn"], "Vishay Dale")
    division = "divisions of one maker"
    yield pair(division, six["pn"], "Vishay", [siliconix], siliconix)
    yield pair(division, six["pn"], "Vishay", [siliconix, dale], "person", details=0)
    yield pair(division, six["pn"], "Vishay Dale", [siliconix, dale], dale)
    own = part(seven["pn"], seven["manufacturer"])
    yield pair(
        "a number of both kinds", seven["pn"], None, [part("OTHER", OTHERS[1], seven["pn"]), own], "person"
    )
    yield pair(
        "a number of both kinds",
        eight["pn"],
        OTHERS[1],
        [part("OTHER", OTHERS[1], eight["pn"]), eight],
        part("OTHER", OTHERS[1], eight["pn"]),
    )


def text_of(pairs: list[Pair]) -> str:
    return "".join(json.dumps(each, ensure_ascii=True) + "\n" for each in pairs)


if __name__ == "__main__":
    FILE.write_text(text_of(hard_pairs()), encoding="utf-8")

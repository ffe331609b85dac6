"""Made-up numbers that are always the same for the same part: order numbers, ids, the draws behind prices."""

import hashlib


def draw(subject: str, what: str, below: int) -> int:
    """A number that is always the same for the same subject."""
    digest = hashlib.blake2b(f"{what}\n{subject}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % below


def manufacturer_id(name: str) -> int:
    return 1 + draw(name.casefold(), "manufacturer", 9000)


def digikey_numbers(pn: str, manufacturer: str) -> tuple[str, str, str, str]:
    """The order numbers of cut tape, reel, Digi-Reel and another seller's offer."""
    drawn = 10_000 + draw(pn + manufacturer, "number", 80_000)
    stem = f"{manufacturer_id(manufacturer)}-{drawn}"
    return f"{stem}-1-ND", f"{stem}-2-ND", f"{stem}-6-ND", f"{manufacturer_id('Another Seller')}-{drawn}-ND"

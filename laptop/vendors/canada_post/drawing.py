"""Draws a label as a minimal PDF of one page; pure."""

from collections.abc import Iterator, Sequence

_PAGES = {"4x6": (288, 432), "8.5x11": (612, 792)}  # points
_LEFT, _TOP, _LEADING = 18, 30, 15


def label_pdf(size: str, lines: Sequence[str], tracking_number: str) -> bytes:
    """`size` is 4x6 or 8.5x11. A character that cp1252 lacks is drawn as a question mark."""
    width, height = _PAGES[size]
    drawing = "\n".join((*_words(lines, height), *_bars(tracking_number))).encode("cp1252", "replace")
    return _document(
        (
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Contents 4 0 R "
            "/Resources << /Font << /F1 5 0 R >> >> >>".encode(),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        )
    )


def _words(lines: Sequence[str], height: int) -> Iterator[str]:
    yield f"BT /F1 11 Tf {_LEADING} TL {_LEFT} {height - _TOP} Td"
    for line in lines:
        escaped = line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        yield f"({escaped}) Tj T*"
    yield "ET"


def _bars(digits: str) -> Iterator[str]:
    """Looks like a bar code, but no scanner can read it."""
    left = float(_LEFT)
    for digit in digits:
        width = 1 + int(digit) / 3 if digit.isdigit() else 2
        yield f"{left:.1f} 40 {width:.1f} 60 re f"
        left += width + 3


def _document(objects: Sequence[bytes]) -> bytes:
    """The objects, numbered from 1, and the table of their offsets."""
    body = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    begins = []
    for number, each in enumerate(objects, start=1):
        begins.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for begin in begins:
        body += b"%010d 00000 n \n" % begin
    body += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(body)

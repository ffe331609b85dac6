"""`python -m infra.openapi` writes docs/openapi.json. A test fails while it is behind the code or docs/api.md."""

import sys

from infra.openapi.written import FILE, ROOT, written

if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
    sys.stdout.write(f"{FILE.relative_to(ROOT)} is written\n")

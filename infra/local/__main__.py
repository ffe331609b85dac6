"""`python -m infra.local`: the laptop cloud from the command line."""

import sys


def main() -> int:
    try:
        from infra.local.program import main as run  # noqa: PLC0415 - Ctrl+C while this loads ends as cleanly as later

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

"""The command line of Switchyard: `python run_workflow.py --help`. Its parts are in `cli/`."""

import sys


def main() -> int:
    try:
        from cli.program import main as run  # noqa: PLC0415 - Ctrl+C while this loads ends as cleanly as later

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

"""`python -m infra.package [FUNCTION ...] [--output build]`: writes the archives and lists what they hold."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.package.archive import BUILD_FILE, Archive, build, functions
from infra.package.requirements import Pins, RequirementsUnclear

ROOT = Path(__file__).parents[2]


def main(argv: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(argv)
    try:
        pins = Pins.read(ROOT / "requirements.txt")
        archives = [build(ROOT, name, pins) for name in given.functions or functions(ROOT)]
    except (RequirementsUnclear, FileNotFoundError) as problem:
        sys.stderr.write(f"package: {problem}\n")
        return 1
    given.output.mkdir(parents=True, exist_ok=True)
    for archive in archives:
        path = given.output / archive.file_name
        _replace(path, archive.content)
        sys.stdout.write(_listing(path, archive, whole=given.list))
    return 0


def _replace(path: Path, content: bytes) -> None:
    """Replaces the file at once: a reader gets the old archive or the new one, never half of one."""
    fresh = path.with_suffix(".zip.new")
    fresh.write_bytes(content)
    fresh.replace(path)


def _listing(path: Path, archive: Archive, *, whole: bool) -> str:
    packages = archive.entries["requirements.txt"].count(b"\n")
    build_of = archive.entries[BUILD_FILE].decode().strip()
    size = f"{len(archive.content) / 1000:.0f} kB"
    lines = [f"{path}  {size}, {len(archive.entries)} files, {packages} packages  {build_of}"]
    if whole:
        lines += [f"  {len(content):>7}  {name}" for name, content in sorted(archive.entries.items())]
    return "\n".join(lines) + "\n"


def _one_of(names: Sequence[str]) -> Callable[[str], str]:
    """A parser for a function's name. argparse's `choices` would refuse an empty list of names."""

    def function(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(
                f"there is no function {text}; the functions are {', '.join(names)}"
            )
        return text

    return function


def _parser() -> argparse.ArgumentParser:
    names = functions(ROOT)
    parser = argparse.ArgumentParser(
        prog="python -m infra.package", description="One archive for each function, as it is deployed."
    )
    parser.add_argument(
        "functions",
        nargs="*",
        type=_one_of(names),
        metavar="FUNCTION",
        help=f"default: all, which are {', '.join(names)}",
    )
    parser.add_argument("--output", type=Path, default=Path("build"), help="folder of the archives")
    parser.add_argument("--list", action="store_true", help="name each file with its size")
    return parser


if __name__ == "__main__":
    sys.exit(main())

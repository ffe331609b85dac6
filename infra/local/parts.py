"""`python -m infra.local.parts`: fills the part records' table in BigQuery from a JSON-lines file."""

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import requests
from google.api_core import exceptions

from infra.local.intake import LINE_LIMIT, read_line
from laptop.supervisor.startup import WARNING

if TYPE_CHECKING:
    from google.cloud import bigquery


SHOWN_LIMIT = 20
PROGRESS_EVERY = 50_000
TIMEOUT = 600.0
"""Seconds for one call: the emulator answers a load only when it has finished."""

UPLOAD_RETRIES = 2
PATIENCE = 10.0
"""Seconds of retrying to reach the emulator."""


class LoadRefused(Exception):
    """Nothing was loaded; the message says why."""


@dataclass
class LoadReport:
    """`problems` counts all problems; `shown` holds the first SHOWN_LIMIT, with file and line.

    `first_rejected` says where the first rejected line stands, and why it was rejected.
    """

    table: str
    loaded: int = 0
    rejected: int = 0
    problems: int = 0
    shown: list[str] = field(default_factory=list)
    first_rejected: str = ""

    def add_problem(self, place: str, problem: str) -> None:
        self.problems += 1
        if len(self.shown) < SHOWN_LIMIT:
            self.shown.append(f"{place}: {problem}")

    def __str__(self) -> str:
        counts = (
            f"{self.table}: {self.loaded} rows loaded, {self.rejected} rejected, {self.problems} problems"
        )
        lines = [counts, *self.shown]
        if self.problems > len(self.shown):
            lines.append(f"... and {self.problems - len(self.shown)} more")
        return "\n".join(lines)


def load_intake(
    client: "bigquery.Client",
    table: str,
    path: Path,
    *,
    append: bool = False,
    progress: Callable[[int], None] = lambda _lines: None,
) -> LoadReport:
    """Loads `path` into `table` (`project.dataset.table`), replacing what was there, in one job.

    `progress` is called with the number of lines read so far. Raises LoadRefused: the table is then as it was, unless
    the load job itself failed.
    """
    report = LoadReport(table)
    with tempfile.TemporaryFile() as rows:
        for line_number, line in _lines(path):
            _stage(line, f"{path.name} line {line_number}", rows, report)
            if line_number % PROGRESS_EVERY == 0:
                progress(line_number)
        if not report.loaded:
            raise LoadRefused(f"{path} holds no row that can be loaded\n{report}")
        try:
            _load(client, table, rows, append=append)
        except (exceptions.GoogleAPIError, requests.RequestException) as problem:
            raise LoadRefused(f"{table} could not be loaded: {problem}") from problem
    return report


def connected(endpoint: str, project: str) -> "bigquery.Client":
    """A client of the emulator; the caller closes it. No call is made yet."""
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - see intake_schema
    from google.cloud import bigquery  # noqa: PLC0415 - the same

    nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]  # google-auth has no types here
    return bigquery.Client(project=project, credentials=nobody, client_options={"api_endpoint": endpoint})


def intake_schema() -> list["bigquery.SchemaField"]:
    from google.cloud.bigquery import SchemaField  # noqa: PLC0415 - heavy, and reading a file does not need it

    return [
        SchemaField("pn", "STRING"),
        SchemaField("manufacturer", "STRING"),
        SchemaField("category", "STRING"),
        SchemaField("description", "STRING"),
        SchemaField("specs", "JSON"),
        SchemaField("docs", "STRING", mode="REPEATED"),
        SchemaField("images", "STRING", mode="REPEATED"),
        SchemaField("priority_score", "RECORD", fields=[SchemaField("score", "FLOAT64")]),
    ]


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yields each line with its number; of a line that is too long, only as much as shows that."""
    try:
        with path.open("rb") as file:
            if file.peek(3)[:3] == b"\xef\xbb\xbf":
                file.read(3)
            number = 0
            while line := file.readline(LINE_LIMIT + 1):
                number += 1
                rest = line
                while not rest.endswith(b"\n") and (rest := file.readline(LINE_LIMIT)):
                    pass
                yield number, line
    except OSError as problem:
        raise LoadRefused(f"{path} cannot be read: {problem.strerror}") from problem


def _stage(line: bytes, place: str, rows: IO[bytes], report: LoadReport) -> None:
    if not line.strip():
        return
    read = read_line(line)
    for problem in read.problems:
        report.add_problem(place, problem)
    if read.row is None:
        report.rejected += 1
        report.first_rejected = report.first_rejected or f"{place}: {read.problems[0]}"
    else:
        report.loaded += 1
        rows.write(read.encoded())


def _load(client: "bigquery.Client", table: str, rows: IO[bytes], *, append: bool) -> None:
    from google.cloud import bigquery  # noqa: PLC0415 - see intake_schema

    schema = intake_schema()
    wanted = bigquery.Table(table, schema=schema)
    dataset = bigquery.DatasetReference(wanted.project, wanted.dataset_id)
    retry = bigquery.DEFAULT_RETRY.with_timeout(PATIENCE)
    client.create_dataset(dataset, exists_ok=True, retry=retry, timeout=TIMEOUT)
    existing = client.create_table(wanted, exists_ok=True, retry=retry, timeout=TIMEOUT)
    if [column.name for column in existing.schema] != [column.name for column in schema]:
        if append:
            raise LoadRefused(
                f"{table} has other columns than an intake table, so nothing can be appended to it"
            )
        client.delete_table(wanted, retry=retry, timeout=TIMEOUT)
        client.create_table(wanted, retry=retry, timeout=TIMEOUT)
    write = bigquery.WriteDisposition.WRITE_APPEND if append else bigquery.WriteDisposition.WRITE_TRUNCATE
    client.load_table_from_file(
        rows,
        wanted,
        size=rows.tell(),
        rewind=True,
        num_retries=UPLOAD_RETRIES,
        timeout=TIMEOUT,
        job_config=bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.NEWLINE_DELIMITED_JSON, schema=schema, write_disposition=write
        ),
    ).result(retry=retry, timeout=TIMEOUT)


_TABLE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_]+\.[A-Za-z0-9_]+")


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        options = _parser().parse_args(arguments)
        with connected(options.endpoint, options.table.split(".")[0]) as client:
            report = load_intake(
                client, options.table, options.file, append=options.append, progress=_print_progress
            )
        print(report)  # noqa: T201 - a command's answer
        if report.rejected:
            lines = "line is" if report.rejected == 1 else "lines are"
            print(f"{WARNING}{report.rejected} {lines} no record. {report.first_rejected}")  # noqa: T201
    except LoadRefused as refusal:
        print(f"parts: {refusal}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 1
    return 0


def _print_progress(lines: int) -> None:
    print(f"parts: {lines} lines read", file=sys.stderr, flush=True)  # noqa: T201 - a command's answer


def _table(text: str) -> str:
    if not _TABLE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not project.dataset.table")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local.parts", description=__doc__)
    parser.add_argument("--endpoint", required=True, help="http://host:port of the emulator")
    parser.add_argument("--table", type=_table, required=True, help="project.dataset.table")
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--append", action="store_true", help="keep the rows that are there")
    return parser


if __name__ == "__main__":
    sys.exit(main())

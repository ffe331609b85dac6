"""`python -m infra.archive --month 2026-01`: moves a month's decisions and task events from the database to BigQuery.

Reads the functions' settings from the environment. Every step may be repeated: what BigQuery has already is not sent
again, and the month leaves the database only when both hold the same number of rows. The account of its batches stays.
"""

import argparse
import io
import itertools
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import requests
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError

from cli.failures import INTERRUPTED, OK, Failure, NotReached, Refused, WrongUsage
from shared.cloud.supabase import SupabaseRpc
from shared.errors import RetryLater, SettingsInvalid, SwitchyardError
from shared.settings import SourceSettings, StoreSettings

if TYPE_CHECKING:
    from google.cloud import bigquery

KEEP_MONTHS = 13
"""The present month and the twelve before it."""

PAGE = 2_000
PAGES_A_LOAD = 10
"""Rows of one database call, and calls for one load job. BigQuery takes 1,500 load jobs a day for one table."""

UPLOAD_RETRIES = 2
TIMEOUT = 600.0  # seconds, for one BigQuery call and its retries

_DECISIONS = (
    "id STRING, batch_id STRING, record_key STRING, pn STRING, manufacturer STRING, route STRING, priority STRING,"
    " rule STRING, reason STRING, confidence NUMERIC, features JSON, comparisons JSON, policy STRING,"
    " policy_version STRING, content_hash STRING, source_record JSON, decided_at TIMESTAMP"
)
_EVENTS = (
    "id INT64, task_kind STRING, task_id STRING, batch_id STRING, from_state STRING, to_state STRING, detail JSON,"
    " at TIMESTAMP"
)

_HELD = "SELECT COUNT(*) AS stored, COUNT(DISTINCT id) AS different, MAX(id) AS last_id FROM `{table}` WHERE {span}"

Json = dict[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Kept:
    """A table that the database keeps by month. `clock` is the column of its time, `columns` those in BigQuery."""

    name: str
    clock: str
    columns: str

    def schema(self) -> "list[bigquery.SchemaField]":
        from google.cloud.bigquery import SchemaField  # noqa: PLC0415 - heavy, and --help does not need it

        columns = (column.split() for column in self.columns.split(", "))
        return [SchemaField(name, kind) for name, kind in columns]


KEPT = (Kept("decisions", "decided_at", _DECISIONS), Kept("task_events", "at", _EVENTS))


class Shelf:
    """The tables `<kept>_archive` of one BigQuery dataset, made on first use."""

    def __init__(self, client: "bigquery.Client", dataset: str) -> None:
        self._client = client
        self._dataset = dataset

    def table(self, kept: Kept) -> str:
        return f"{self._dataset}.{kept.name}_archive"

    def make(self, kept: Kept) -> None:
        from google.cloud import bigquery  # noqa: PLC0415 - see Kept.schema

        table = bigquery.Table(self.table(kept), schema=kept.schema())
        table.time_partitioning = bigquery.TimePartitioning(
            type_=bigquery.TimePartitioningType.MONTH, field=kept.clock
        )
        self._client.create_table(table, exists_ok=True, timeout=TIMEOUT)

    def held(self, kept: Kept, month: date) -> tuple[int, int, str | None]:
        """How many rows of the month are here, how many different ones, and the last id."""
        from google.cloud import bigquery  # noqa: PLC0415 - see Kept.schema

        days = [
            bigquery.ScalarQueryParameter("first", "TIMESTAMP", f"{month}T00:00:00Z"),
            bigquery.ScalarQueryParameter("next", "TIMESTAMP", f"{_after(month)}T00:00:00Z"),
        ]
        span = f"`{kept.clock}` >= @first AND `{kept.clock}` < @next"
        found = self._client.query(
            _HELD.format(table=self.table(kept), span=span),
            job_config=bigquery.QueryJobConfig(query_parameters=days),
            timeout=TIMEOUT,
        ).result(timeout=TIMEOUT)
        (row,) = found
        return row["stored"], row["different"], None if row["last_id"] is None else str(row["last_id"])

    def append(self, kept: Kept, month: date, after: str | None, rows: Sequence[Json]) -> None:
        """Appends the rows that follow `after`, once.

        The job's name says which rows they are: a job that an interrupted run has left is waited for, not repeated.
        """
        place = re.sub(r"[^A-Za-z0-9_-]", "_", f"{self.table(kept)}-{month:%Y-%m}-{after or 'first'}")
        for attempt in itertools.count():
            name = f"archive-{place}-{attempt}"
            try:
                self._load(kept, name, rows).result(timeout=TIMEOUT)
            except exceptions.Conflict:
                self._await(name)
                if self.held(kept, month)[2] == after:
                    continue  # that job failed
            return

    def _await(self, name: str) -> None:
        """Waits for the end of an earlier job, whatever it is."""
        job: Any = self._client.get_job(name, timeout=TIMEOUT)
        with suppress(exceptions.GoogleAPIError):
            job.result(timeout=TIMEOUT)

    def _load(self, kept: Kept, name: str, rows: Sequence[Json]) -> "bigquery.LoadJob":
        from google.cloud import bigquery  # noqa: PLC0415 - see Kept.schema

        lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        return self._client.load_table_from_file(
            io.BytesIO(lines),
            self.table(kept),
            size=len(lines),
            num_retries=UPLOAD_RETRIES,
            timeout=TIMEOUT,
            job_id=name,
            job_config=bigquery.LoadJobConfig(
                source_format=bigquery.SourceFormat.NEWLINE_DELIMITED_JSON,
                write_disposition=bigquery.WriteDisposition.WRITE_APPEND,
                schema=kept.schema(),
            ),
        )


@dataclass(frozen=True)
class Archive:
    """The month's way out: exported, compared, dropped."""

    rpc: SupabaseRpc
    shelf: Shelf
    month: date
    keep_months: int
    say: Say

    def run(self, *, dry: bool) -> None:
        """Raises Refused when the month must stay."""
        found = self._history()
        counts = ", ".join(f"{found[kept.name]} {kept.name}" for kept in KEPT)
        if found["archived_at"]:
            self.say(f"{self.month:%Y-%m}: archived on {found['archived_at'][:10]}: {counts}")
            return
        if found["reason"]:
            raise Refused(f"{self.month:%Y-%m} stays in the database: {found['reason']}")
        self.say(f"{self.month:%Y-%m}: {counts}")
        if dry:
            self.say("nothing was changed")
            return
        for kept in KEPT:
            self._export(kept, found[kept.name])
        self._call(
            "drop_archived_month",
            **{f"p_{kept.name}": found[kept.name] for kept in KEPT},
            p_keep_months=self.keep_months,
        )
        self.say(f"{self.month:%Y-%m}: left the database; the account of its batches stays")

    def _export(self, kept: Kept, expected: int) -> None:
        self.shelf.make(kept)
        stored, _, after = self.shelf.held(kept, self.month)
        while stored < expected:
            rows = self._rows(kept, after)
            if not rows:
                break
            self.shelf.append(kept, self.month, after, rows)
            stored, after = stored + len(rows), str(rows[-1]["id"])
            self.say(f"  {kept.name}: {stored} of {expected} exported")
        stored, different, _ = self.shelf.held(kept, self.month)
        if (stored, different) != (expected, expected):
            raise Refused(
                f"{self.shelf.table(kept)} holds {stored} rows of {self.month:%Y-%m}, {different} different ones; the"
                f" database has {expected}. Delete the month's rows there, and run this again"
            )
        self.say(f"  {kept.name}: {stored} rows in {self.shelf.table(kept)}, as many as in the database")

    def _rows(self, kept: Kept, after: str | None) -> list[Json]:
        rows: list[Json] = []
        for _ in range(PAGES_A_LOAD):
            page = self._call("history_page", p_table=kept.name, p_after=after, p_limit=PAGE)
            rows += page
            if len(page) < PAGE:
                break
            after = str(page[-1]["id"])
        return rows

    def _history(self) -> Json:
        found: Json = self._call("history_of", p_keep_months=self.keep_months)
        return found

    def _call(self, function: str, **arguments: object) -> Any:  # noqa: ANN401 - JSON
        return self.rpc.call(function, {"p_month": self.month.isoformat(), **arguments})


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    try:
        _archive(given, environment)
    except Failure as failure:
        sys.stderr.write(f"archive: {failure}\n")
        return failure.status
    except KeyboardInterrupt:
        sys.stderr.write("archive: interrupted; run it again to go on\n")
        return INTERRUPTED
    return OK


def _archive(given: argparse.Namespace, environment: Mapping[str, str] | None) -> None:
    try:
        store = StoreSettings.from_environment(environment)
        source = SourceSettings.from_environment(environment)
        rpc = SupabaseRpc(store.url, store.key.get_secret_value(), timeout=TIMEOUT)
        dataset = source.table.rpartition(".")[0]
        try:
            with _client(source) as client:
                archive = Archive(rpc, Shelf(client, dataset), given.month, given.keep_months, _say)
                archive.run(dry=given.dry_run)
        finally:
            rpc.close()
    except SettingsInvalid as problem:
        raise WrongUsage(problem.detail) from problem
    except RetryLater as problem:
        raise NotReached(problem.detail) from problem
    except SwitchyardError as problem:
        raise Refused(problem.detail) from problem
    except (exceptions.GoogleAPIError, GoogleAuthError, requests.RequestException) as problem:
        raise NotReached(f"BigQuery: {problem}") from problem


def _client(source: SourceSettings) -> "bigquery.Client":
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - see Kept.schema
    from google.cloud import bigquery  # noqa: PLC0415 - the same

    local = source.api_endpoint is not None
    return bigquery.Client(
        project=source.project,
        location=source.location,
        credentials=AnonymousCredentials() if local else None,  # type: ignore[no-untyped-call]  # google-auth has no types here
        client_options={"api_endpoint": source.api_endpoint} if local else None,
    )


def _after(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _month(text: str) -> date:
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a month; write YYYY-MM")
    return date.fromisoformat(f"{text}-01")


def _months(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of months from 1 on")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.archive",
        description="Moves a month's decisions and task events from the database to BigQuery. May be repeated.",
        epilog="Reads SUPABASE_URL, SUPABASE_SERVICE_ROLE_KEY, GOOGLE_CLOUD_PROJECT and BIGQUERY_TABLE; the archive"
        " lies in the dataset of BIGQUERY_TABLE. On the laptop, `python -m infra.local env` prints them.",
    )
    parser.add_argument(
        "--month", type=_month, required=True, metavar="YYYY-MM", help="the oldest month (UTC)"
    )
    parser.add_argument(
        "--keep-months",
        type=_months,
        default=KEEP_MONTHS,
        metavar="N",
        help=f"months that stay, the present one included (default: {KEEP_MONTHS})",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be moved, and change nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())

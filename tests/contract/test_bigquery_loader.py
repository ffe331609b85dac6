import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud import bigquery

from infra.local import parts
from infra.local.intake import LINE_LIMIT
from infra.local.parts import LoadRefused, LoadReport, connected, intake_schema, load_intake
from tests.bigquery_support import PROJECT, Emulator
from tests.ports import free_port

TABLE = f"{PROJECT}.parts.loaded"
INTAKE = Path(__file__).parents[2] / "data" / "parts_intake.jsonl"


@pytest.fixture
def emulator(parts_emulator: Emulator) -> Emulator:
    return parts_emulator


@pytest.fixture
def client(emulator: Emulator) -> Iterator[bigquery.Client]:
    with emulator.client() as connected:
        yield connected


def written(folder: Path, *lines: bytes | dict[str, Any]) -> Path:
    path = folder / "intake.jsonl"
    path.write_bytes(
        b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
    )
    return path


def loaded(emulator: Emulator) -> list[dict[str, Any]]:
    return emulator.rows(f"SELECT * FROM `{TABLE}` ORDER BY pn")


def load_command(endpoint: str, *more: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "infra.local.parts",
        "--endpoint",
        endpoint,
        "--table",
        TABLE,
        *more,
    ]


def test_the_real_parts_load_without_a_problem(emulator: Emulator, client: bigquery.Client) -> None:
    report = load_intake(client, TABLE, INTAKE)
    assert (report.loaded, report.rejected, report.problems) == (5000, 0, 0)
    assert client.get_table(TABLE).schema == intake_schema()
    by_number = {row["pn"]: row for row in loaded(emulator)}
    lines = [json.loads(line) for line in INTAKE.read_text(encoding="utf-8").splitlines()]
    assert all(by_number[line["pn"]] == line for line in lines)


def test_loading_again_replaces_and_appending_adds(
    emulator: Emulator, client: bigquery.Client, tmp_path: Path
) -> None:
    path = written(tmp_path, {"pn": "A"}, {"pn": "B"})
    load_intake(client, TABLE, path)
    load_intake(client, TABLE, path)
    assert [row["pn"] for row in loaded(emulator)] == ["A", "B"]
    load_intake(client, TABLE, written(tmp_path, {"pn": "C"}), append=True)
    assert [row["pn"] for row in loaded(emulator)] == ["A", "B", "C"]


def test_bad_fields_load_as_missing_and_bad_lines_are_rejected_with_their_line_numbers(
    emulator: Emulator, client: bigquery.Client, tmp_path: Path
) -> None:
    path = written(
        tmp_path,
        b"\xef\xbb\xbf" + b'{"pn":"A","priority_score":{"score":"high"}}\n',
        b"\n",
        b'{"pn":"B" "x"}\n',
        {"pn": "C", "docs": "none", "specs": "text", "description": "x" * 2_000_000},
        b"{" + b" " * (3 * LINE_LIMIT) + b"}\n",
        {"description": "no part number"},
        b'{"pn":"D \\ud83d\\ude00 \'); DROP TABLE parts; -- <script>"}',
    )
    report = load_intake(client, TABLE, path)
    assert (report.loaded, report.rejected, report.problems) == (4, 2, 5)
    assert report.shown == [
        "intake.jsonl line 1: priority_score.score 'high' is not a number: loaded as missing",
        "intake.jsonl line 3: unreadable JSON (Expecting ',' delimiter at column 11): rejected",
        "intake.jsonl line 4: specs 'text' is not a map: loaded as missing",
        "intake.jsonl line 4: docs 'none' is not a list: loaded as empty",
        f"intake.jsonl line 5: longer than {LINE_LIMIT} bytes: rejected",
    ]
    nameless, a, c, d = loaded(emulator)
    assert (nameless["pn"], nameless["description"]) == (None, "no part number")
    assert (a["pn"], a["priority_score"]) == ("A", {"score": None})
    assert (c["docs"], c["specs"], len(c["description"])) == ([], None, 2_000_000)
    assert d["pn"] == "D 😀 '); DROP TABLE parts; -- <script>"


def test_only_the_first_problems_are_shown_and_all_are_counted(
    client: bigquery.Client, tmp_path: Path
) -> None:
    report = load_intake(client, TABLE, written(tmp_path, *({"pn": "A", "docs": 1} for _ in range(30))))
    assert (report.problems, len(report.shown)) == (30, parts.SHOWN_LIMIT)
    assert str(report).splitlines()[0] == f"{TABLE}: 30 rows loaded, 0 rejected, 30 problems"
    assert str(report).splitlines()[-1] == "... and 10 more"


def test_progress_is_shown_while_a_large_file_is_read(
    client: bigquery.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PROGRESS_EVERY", 10)
    seen: list[int] = []
    load_intake(client, TABLE, written(tmp_path, *({"pn": "A"} for _ in range(25))), progress=seen.append)
    assert seen == [10, 20]


@pytest.mark.parametrize("content", [b"", b"\n \n", b"not json\n[]\n"], ids=["empty", "blank", "unreadable"])
def test_a_file_without_a_usable_row_is_refused_and_the_table_stays(
    emulator: Emulator, client: bigquery.Client, tmp_path: Path, content: bytes
) -> None:
    load_intake(client, TABLE, written(tmp_path, {"pn": "KEPT"}))
    with pytest.raises(LoadRefused, match="holds no row that can be loaded"):
        load_intake(client, TABLE, written(tmp_path, content))
    assert [row["pn"] for row in loaded(emulator)] == ["KEPT"]


def test_a_missing_file_is_refused(client: bigquery.Client, tmp_path: Path) -> None:
    with pytest.raises(LoadRefused, match=r"nowhere\.jsonl cannot be read: No such file"):
        load_intake(client, TABLE, tmp_path / "nowhere.jsonl")


def test_a_table_with_other_columns_is_replaced_and_refuses_to_be_appended_to(
    emulator: Emulator, client: bigquery.Client, tmp_path: Path
) -> None:
    path = written(tmp_path, {"pn": "A"})
    load_intake(client, TABLE, path)
    client.delete_table(TABLE)
    client.create_table(bigquery.Table(TABLE, schema=[bigquery.SchemaField("other", "STRING")]))
    with pytest.raises(LoadRefused, match="has other columns"):
        load_intake(client, TABLE, path, append=True)
    load_intake(client, TABLE, path)
    assert [row["pn"] for row in loaded(emulator)] == ["A"]


def test_a_missing_emulator_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PATIENCE", 0.1)
    with (
        connected(f"http://127.0.0.1:{free_port()}", PROJECT) as absent,
        pytest.raises(LoadRefused, match=f"{TABLE} could not be loaded"),
    ):
        load_intake(absent, TABLE, written(tmp_path, {"pn": "A"}))


def test_the_command_prints_the_report(emulator: Emulator, tmp_path: Path) -> None:
    path = written(tmp_path, {"pn": "A", "price": 3})
    ended = subprocess.run(
        load_command(emulator.endpoint, "--file", str(path)),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == [
        f"{TABLE}: 1 rows loaded, 0 rejected, 1 problems",
        "intake.jsonl line 1: 'price' is not a column: left out",
    ]


def test_the_command_refuses_in_one_line(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = load_command(emulator.endpoint, "--file", str(tmp_path / "nowhere.jsonl"))[3:]
    assert parts.main(arguments) == 1
    assert (
        capsys.readouterr().err
        == f"parts: {tmp_path}/nowhere.jsonl cannot be read: No such file or directory\n"
    )


def test_the_command_refuses_a_wrong_table_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parts.main(["--endpoint", "http://x", "--file", "f", "--table", "intake"])
    assert "'intake' is not project.dataset.table" in capsys.readouterr().err


def test_a_report_without_problems_is_one_line() -> None:
    assert str(LoadReport("p.d.t", loaded=2)) == "p.d.t: 2 rows loaded, 0 rejected, 0 problems"

"""`GET /health` reports its checks."""

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.errors import SettingsInvalid, StoreUnavailable
from shared.web import health
from shared.web.call import Answer, Call
from shared.web.health import Check, Health, HealthRequest

SECRET = "hunter2"
CALL = Call(headers=None, path={}, correlation_id="x")  # type: ignore[arg-type]  # health reads no header


@pytest.fixture(autouse=True)
def _fresh_version() -> Iterator[None]:
    health.version.cache_clear()
    yield
    health.version.cache_clear()


def fine() -> None:
    pass


def away() -> None:
    raise StoreUnavailable("the database did not answer")


def wrong() -> None:
    raise SettingsInvalid(f"the key {SECRET} is wrong")


def broken() -> None:
    raise ValueError(SECRET)


def ask(checks: Mapping[str, Check], *, shallow: bool = False) -> Answer:
    return Health("some-function", checks)(HealthRequest(shallow=shallow), CALL)


def test_all_is_well_when_each_check_passes() -> None:
    answer = ask({"a": fine, "b": fine})
    assert (answer.status, answer.body["status"], answer.body["function"]) == (200, "ok", "some-function")
    assert {name: check["status"] for name, check in answer.body["checks"].items()} == {"a": "ok", "b": "ok"}
    assert answer.logged == {}


def test_one_failed_check_is_named_beside_those_that_passed() -> None:
    answer = ask({"a": fine, "database": away})
    body = dict(answer.body)
    assert (answer.status, body["status"], body["code"]) == (503, 503, "degraded")
    assert body["detail"] == "cannot be used: database"
    assert body["checks"]["a"]["status"] == "ok"
    assert body["checks"]["database"] | {"duration_ms": 0} == {
        "status": "failed",
        "code": "store_unavailable",
        "detail": "the database did not answer",
        "duration_ms": 0,
    }
    assert {"type", "title", "function", "version"} <= body.keys()


@pytest.mark.parametrize(
    ("check", "code"), [(wrong, "settings_invalid"), (broken, "internal")], ids=["setting", "bug"]
)
def test_the_details_of_a_failure_go_to_the_log_only(check: Check, code: str) -> None:
    answer = ask({"inner": check})
    assert answer.body["checks"]["inner"]["code"] == code
    assert SECRET not in json.dumps(answer.body)
    assert SECRET in answer.logged["failed_checks"]["inner"]


def test_a_shallow_request_runs_no_check() -> None:
    answer = ask({"a": broken}, shallow=True)
    assert (answer.status, dict(answer.body)) == (
        200,
        {"status": "ok", "function": "some-function", "version": "unpackaged"},
    )


def test_a_check_that_hangs_is_not_waited_for_and_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.05)
    go_on = threading.Event()
    begun: list[int] = []

    def hanging() -> None:
        begun.append(1)
        go_on.wait()

    asked = Health("some-function", {"slow": hanging, "quick": fine})
    answers = [asked(HealthRequest(), CALL) for _ in range(2)]
    go_on.set()

    assert [answer.status for answer in answers] == [503] * 2
    assert answers[0].body["checks"]["slow"]["code"] == "no_answer"
    assert answers[0].body["checks"]["quick"]["status"] == "ok"
    assert len(begun) == 1


def test_the_version_is_that_of_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build: dict[str, Any] = {"version": "1.2.3", "content": "0123456789ab"}
    monkeypatch.setattr(health, "BUILD_FILE", tmp_path / "build.json")
    (tmp_path / "build.json").write_text(json.dumps(build))
    assert ask({}).body["version"] == "1.2.3+0123456789ab"

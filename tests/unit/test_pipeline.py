import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared.errors import SettingsInvalid
from shared.fulfillment.pipeline import FILE, Pipeline, load_pipeline

PIPELINE = load_pipeline()
GOOD: dict[str, Any] = {
    "interval_minutes": 15,
    "time_zone": "America/Toronto",
    "grace_seconds": 90,
    "stages": [
        {"name": "first-stage", "offset_minutes": 0, "timeout_seconds": 540},
        {"name": "second", "offset_minutes": 3, "timeout_seconds": 540},
    ],
}


def written(folder: Path, text: str) -> Path:
    file = folder / "pipeline.json"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_shipped_list_has_the_five_stages_in_their_order() -> None:
    assert [stage.name for stage in PIPELINE.stages] == [
        "accept-orders",
        "create-labels",
        "update-tracking",
        "sync-messages",
        "reconcile-orders",
    ]


def test_the_shipped_time_zone_is_one_of_the_tz_database() -> None:
    assert ZoneInfo(PIPELINE.time_zone).key == PIPELINE.time_zone


def test_each_stage_has_its_function(subtests: pytest.Subtests) -> None:
    for stage in PIPELINE.stages:
        with subtests.test(stage.name):
            assert (FILE.parents[1] / "functions" / f"{stage.name.replace('-', '_')}.py").is_file()


def test_each_stage_ends_before_the_same_stage_is_fired_again() -> None:
    assert max(stage.timeout_seconds for stage in PIPELINE.stages) < PIPELINE.interval_minutes * 60


def test_a_stage_knows_the_one_before_it() -> None:
    before = PIPELINE.before("create-labels")
    assert before is not None
    assert before.name == "accept-orders"
    assert PIPELINE.before("accept-orders") is None


def test_an_unknown_stage_is_refused_with_the_list_of_stages() -> None:
    with pytest.raises(
        SettingsInvalid, match=r"pipeline\.json has no stage paint-parcels; it has accept-orders, "
    ):
        PIPELINE.stage("paint-parcels")


@pytest.mark.parametrize(
    ("fired", "begin"),
    [
        ("2026-11-20T12:00:00+00:00", "2026-11-20T12:00:00+00:00"),
        ("2026-11-20T12:14:59.999+00:00", "2026-11-20T12:00:00+00:00"),
        ("2026-11-20T12:15:00+00:00", "2026-11-20T12:15:00+00:00"),
        ("2026-11-20T08:33:00-05:00", "2026-11-20T13:30:00+00:00"),
        ("2026-11-01T01:59:00-04:00", "2026-11-01T05:45:00+00:00"),  # the hour that comes twice
        ("2026-11-01T01:59:00-05:00", "2026-11-01T06:45:00+00:00"),
    ],
)
def test_a_firing_belongs_to_the_interval_it_falls_into(fired: str, begin: str) -> None:
    assert PIPELINE.cycle_begin(datetime.fromisoformat(fired)) == datetime.fromisoformat(begin)
    assert PIPELINE.cycle_begin(datetime.fromisoformat(fired)).tzinfo is UTC


@pytest.mark.parametrize(
    ("interval", "offset", "cron"),
    [
        (15, 0, "0,15,30,45 * * * *"),
        (15, 3, "3,18,33,48 * * * *"),
        (60, 7, "7 * * * *"),
        (30, 29, "29,59 * * * *"),
    ],
)
def test_a_stage_has_a_schedule_that_cron_understands(interval: int, offset: int, cron: str) -> None:
    stages = [{"name": "only-one", "offset_minutes": offset, "timeout_seconds": 60}]
    pipeline = Pipeline.model_validate(GOOD | {"interval_minutes": interval, "stages": stages})
    assert pipeline.cron(pipeline.stages[0]) == cron


def stage(**changes: object) -> dict[str, object]:
    return {"name": "second", "offset_minutes": 3, "timeout_seconds": 540} | changes


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"interval_minutes": 7}, "interval_minutes must divide an hour"),
        ({"interval_minutes": 0}, "interval_minutes"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"time_zone": ""}, "time_zone"),
        ({"grace_seconds": 0}, "grace_seconds"),
        ({"stages": []}, "stages"),
        ({"stages": [stage(), stage(offset_minutes=4)]}, "two stages have the same name"),
        ({"stages": [stage(), stage(name="third", offset_minutes=2)]}, "offsets must rise"),
        ({"stages": [stage(offset_minutes=15)]}, "stay within the interval"),
        ({"stages": [stage(name="Second Stage")]}, "name"),
        ({"stages": [stage(timeout_seconds=29)]}, "timeout_seconds"),
        ({"stages": [stage(colour="red")]}, "colour"),
        ({"comment": "no"}, "comment"),
    ],
)
def test_a_list_that_cannot_be_is_refused_with_the_file_and_the_field(
    tmp_path: Path, changes: dict[str, object], problem: str
) -> None:
    with pytest.raises(SettingsInvalid, match=rf"(?s)^pipeline.json: .*{problem}"):
        load_pipeline(written(tmp_path, json.dumps(GOOD | changes)))


def test_another_good_list_is_read(tmp_path: Path) -> None:
    pipeline = load_pipeline(written(tmp_path, json.dumps(GOOD)))
    assert pipeline.stage("first-stage").name == "first-stage"


def test_a_missing_file_and_one_that_is_no_json_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"^pipeline.json: "):
        load_pipeline(written(tmp_path, "{"))
    with pytest.raises(SettingsInvalid, match=r"^gone.json: "):
        load_pipeline(tmp_path / "gone.json")

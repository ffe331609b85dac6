from datetime import UTC, datetime
from itertools import pairwise

import pytest

from laptop.google.scheduler.schedule import NoSchedule, read_schedule


def seconds(text: str) -> float:
    """ISO 8601 in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def following(cron: str, zone: str, after: str, count: int) -> list[str]:
    """In UTC, to the minute."""
    schedule = read_schedule(cron, zone)
    found: list[str] = []
    moment = seconds(after)
    for _ in range(count):
        moment = schedule.next(moment)
        found.append(f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M}")
    return found


@pytest.mark.parametrize(
    ("cron", "after", "times"),
    [
        ("*/15 * * * *", "2026-11-22T12:00:00", ["2026-11-22T12:15", "2026-11-22T12:30"]),
        ("*/15 * * * *", "2026-11-22T11:59:59.999", ["2026-11-22T12:00"]),
        ("3,18,33,48 * * * *", "2026-11-22T12:50", ["2026-11-22T13:03", "2026-11-22T13:18"]),
        ("10-12 8 * * *", "2026-11-22T08:10", ["2026-11-22T08:11", "2026-11-22T08:12", "2026-11-23T08:10"]),
        ("0 9-17/4 * * *", "2026-11-22T00:00", ["2026-11-22T09:00", "2026-11-22T13:00", "2026-11-22T17:00"]),
        ("0 6 * * MON-FRI", "2026-11-20T07:00", ["2026-11-23T06:00", "2026-11-24T06:00"]),
        ("0 6 * * 0", "2026-11-20T07:00", ["2026-11-22T06:00"]),
        ("0 6 * * 7", "2026-11-20T07:00", ["2026-11-22T06:00"]),
        ("0 0 1 jan,Jul *", "2026-11-22T00:00", ["2027-01-01T00:00", "2027-07-01T00:00"]),
        (
            "0 0 1 * SAT",
            "2026-11-27T00:00",
            ["2026-11-28T00:00", "2026-12-01T00:00"],
        ),  # either field may match
        ("  0   0  29 2   *  ", "2026-11-22T00:00", ["2028-02-29T00:00"]),
        ("0 0 29 2 */7", "2068-11-22T00:00", ["2088-02-29T00:00", "2128-02-29T00:00"]),  # a Sunday
    ],
)
def test_unix_cron_is_read_as_documented(cron: str, after: str, times: list[str]) -> None:
    assert following(cron, "UTC", after, len(times)) == times


@pytest.mark.parametrize(
    ("cron", "zone", "after", "times"),
    [
        # Toronto springs forward on 2026-03-08 at 07:00 UTC (02:00 becomes 03:00) ...
        ("30 2 * * *", "America/Toronto", "2026-03-07T08:00", ["2026-03-08T07:00", "2026-03-09T06:30"]),
        ("0,30 * * * *", "America/Toronto", "2026-03-08T06:00", ["2026-03-08T06:30", "2026-03-08T07:00"]),
        ("0 9 * * *", "America/Toronto", "2026-03-07T15:00", ["2026-03-08T13:00", "2026-03-09T13:00"]),
        # ... and falls back on 2026-11-01 at 06:00 UTC (02:00 becomes 01:00)
        ("30 1 * * *", "America/Toronto", "2026-10-31T12:00", ["2026-11-01T05:30", "2026-11-02T06:30"]),
        ("30 1 * * *", "America/Toronto", "2026-11-01T06:10", ["2026-11-02T06:30"]),  # the second 01:10
        (
            "0,30 * * * *",
            "America/Toronto",
            "2026-11-01T05:00",
            ["2026-11-01T05:30", "2026-11-01T06:00", "2026-11-01T06:30", "2026-11-01T07:00"],
        ),
        ("0 9 * * *", "Asia/Kolkata", "2026-11-22T00:00", ["2026-11-22T03:30"]),
        ("0 9 * * *", "utc", "2026-11-22T00:00", ["2026-11-22T09:00"]),
        ("0 9 * * *", "", "2026-11-22T00:00", ["2026-11-22T09:00"]),
    ],
)
def test_a_time_zone_applies_with_its_clock_changes(
    cron: str, zone: str, after: str, times: list[str]
) -> None:
    assert following(cron, zone, after, len(times)) == times


@pytest.mark.parametrize("minutes", ["0,15,30,45", "3,18,33,48", "7,22,37,52", "11,26,41,56"])
@pytest.mark.parametrize("day", ["2026-03-08T00:00", "2026-11-01T00:00"])
def test_no_time_is_skipped_or_doubled_when_the_clocks_change(minutes: str, day: str) -> None:
    schedule = read_schedule(f"{minutes} * * * *", "America/Toronto")
    begin = seconds(day)
    moment = begin - 1
    times: list[float] = []
    while (moment := schedule.next(moment)) < begin + 86_400:
        times.append(moment)
    assert len(times) == 96
    assert {later - earlier for earlier, later in pairwise(times)} == {900}


@pytest.mark.parametrize(
    ("cron", "due", "now", "latest"),
    [
        ("*/15 * * * *", "2026-11-22T12:00:00", "2026-11-22T12:00:00", "2026-11-22T12:00"),
        ("*/15 * * * *", "2026-11-22T12:00:00", "2026-11-22T12:14:59.9", "2026-11-22T12:00"),
        ("*/15 * * * *", "2026-11-22T12:00:00", "2026-11-25T12:31:00", "2026-11-25T12:30"),
        (
            "30 2 * * *",
            "2026-03-08T07:00:00",
            "2026-03-08T07:00:30",
            "2026-03-08T07:00",
        ),  # the end of the gap
    ],
)
def test_the_last_of_several_missed_times_is_used(cron: str, due: str, now: str, latest: str) -> None:
    zone = "America/Toronto" if cron.startswith("30") else "UTC"
    assert read_schedule(cron, zone).latest(seconds(due), seconds(now)) == seconds(latest)


@pytest.mark.parametrize(
    "cron",
    [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8",
        "*/0 * * * *", "5-3 * * * *", "1,,2 * * * *", "0 0 L * *", "0 0 * * 1#2", "0 0 * * 5L", "0 0 15W * *",
        "@daily", "every 5 minutes", "MON * * * *", "0 0 31 2 *", "a b c d e", "0 0 * JANUARY *", "٣ * * * *",
    ],
)  # fmt: skip
def test_a_schedule_that_is_not_unix_cron_is_refused(cron: str) -> None:
    with pytest.raises(NoSchedule):
        read_schedule(cron, "UTC")


@pytest.mark.parametrize(
    "zone", ["Toronto", "America", "/etc/localtime", "../etc/passwd", "EST5EDT4", "\x00"]
)
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(NoSchedule):
        read_schedule("* * * * *", zone)

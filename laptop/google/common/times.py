"""Converts seconds since 1970 and lengths in seconds to protobuf and back, to the microsecond; PURE."""

from datetime import UTC, datetime

from google.protobuf import duration_pb2, timestamp_pb2

_MICROS = 1_000_000


def timestamp(seconds: float) -> timestamp_pb2.Timestamp:
    whole, micros = divmod(round(seconds * _MICROS), _MICROS)
    return timestamp_pb2.Timestamp(seconds=whole, nanos=micros * 1_000)


def epoch(moment: timestamp_pb2.Timestamp) -> float:
    """Seconds since 1970, cut to the microsecond."""
    return moment.seconds + (moment.nanos // 1_000) / _MICROS


def rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def duration(seconds: float) -> duration_pb2.Duration:
    whole, micros = divmod(round(seconds * _MICROS), _MICROS)
    return duration_pb2.Duration(seconds=whole, nanos=micros * 1_000)


def span(length: duration_pb2.Duration) -> float:
    return length.seconds + length.nanos / 1e9

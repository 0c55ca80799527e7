"""The stand-in for timeutils, of oslo_utils and of Nova's own: the time, and how long ago something was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from filtersched.columns.values import utc_now

__all__ = ["delta_seconds", "is_newer_than", "is_older_than", "normalize_time", "parse_isotime", "utcnow", "utcnow_ts"]


def utcnow(with_timezone: bool = False) -> datetime:
    """The time: naive UTC, or aware."""
    return utc_now().replace(tzinfo=UTC) if with_timezone else utc_now()


def utcnow_ts(microsecond: bool = False) -> float:
    """The time in seconds since 1970; whole ones unless `microsecond`."""
    seconds = utcnow(True).timestamp()
    return seconds if microsecond else int(seconds)


def parse_isotime(timestr: str) -> datetime:
    """The aware time that ISO text says; UTC where it names no zone. Raises ValueError."""
    at = datetime.fromisoformat(timestr)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def normalize_time(timestamp: datetime) -> datetime:
    """The time as naive UTC."""
    return timestamp if timestamp.utcoffset() is None else timestamp.astimezone(UTC).replace(tzinfo=None)


def delta_seconds(before: datetime, after: datetime) -> float:
    """The seconds from one time to another."""
    return (after - before).total_seconds()


def is_older_than(before: datetime | str, seconds: float) -> bool:
    """Whether a time is longer ago than so many seconds."""
    return utcnow() - _naive(before) > timedelta(seconds=seconds)


def is_newer_than(after: datetime | str, seconds: float) -> bool:
    """Whether a time is further ahead than so many seconds."""
    return _naive(after) - utcnow() > timedelta(seconds=seconds)


def _naive(at: datetime | str) -> datetime:
    return normalize_time(parse_isotime(at) if isinstance(at, str) else at)

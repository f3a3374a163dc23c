"""Whose day it is: times in the time zone of those who run a study."""

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nami_bench.errors import InputError


def local(moment: datetime, time_zone: str) -> datetime:
    """`moment` in a zone such as "Europe/Berlin" ("": that of the machine); raises InputError for another."""
    try:
        return moment.astimezone(ZoneInfo(time_zone) if time_zone else None)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(f"unknown time_zone {time_zone!r}: write it as 'Europe/Berlin'") from error


def day(moment: datetime, time_zone: str) -> str:
    """The day that it is there, as 2026-01-31."""
    return local(moment, time_zone).date().isoformat()

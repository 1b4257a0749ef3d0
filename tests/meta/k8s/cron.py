"""Cron expressions as Kubernetes takes them: five fields of numbers, `*`, ranges, steps, lists."""

from datetime import date, timedelta
from itertools import pairwise

FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 6))
SPAN_DAYS = 800  # holds two of every yearly date


class CronError(ValueError):
    """The expression is not one."""


def shortest_period_s(expression: str) -> int:
    """Seconds between the two runs that lie closest.

    Raises:
        CronError: the expression doesn't parse, or names no date.
    """
    fields = expression.split()
    if len(fields) != len(FIELDS):
        raise CronError(f"{expression!r} has {len(fields)} fields, not {len(FIELDS)}")
    minutes, hours, days, months, weekdays = (
        _values(text, *limits) for text, limits in zip(fields, FIELDS, strict=True)
    )
    dates = [
        day
        for offset in range(SPAN_DAYS)
        if (day := date(2025, 1, 1) + timedelta(offset)).month in months
        and _day_matches(day, fields, days, weekdays)
    ]
    if len(dates) < 2:
        raise CronError(f"{expression!r} hardly ever runs")
    times = sorted(h * 3600 + m * 60 for h in hours for m in minutes)
    within = [b - a for a, b in pairwise(times)]
    nearest = min((b - a).days for a, b in pairwise(dates))
    return min([*within, nearest * 86_400 + times[0] - times[-1]])


def _day_matches(day: date, fields: list[str], days: set[int], weekdays: set[int]) -> bool:
    """Either field is enough where both are restricted, as cron has it."""
    by_day, by_weekday = day.day in days, day.isoweekday() % 7 in weekdays
    if fields[2] == "*" or fields[4] == "*":
        return by_day and by_weekday
    return by_day or by_weekday


def _values(text: str, field: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        extent, _, step = part.partition("/")
        first, _, last = (f"{low}-{high}" if extent == "*" else extent).partition("-")
        if not all(n.isdecimal() for n in (first, last or first, step or "1")):
            raise CronError(f"{field} {part!r} is not a number, range or step")
        start, end = int(first), int(last or (high if step else first))
        if not low <= start <= end <= high or step == "0":
            raise CronError(f"{field} {part!r} is outside {low} to {high}")
        found |= set(range(start, end + 1, int(step or 1)))
    return found

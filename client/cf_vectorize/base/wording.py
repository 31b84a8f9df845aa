"""Counts and durations as a person says them. Pure."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """Write how many there are of something."""
    plural = "es" if noun.endswith("ch") else "s"
    return f"{number:,} {noun}{'' if number == 1 else plural}"


def duration(seconds: float) -> str:
    """Write seconds; below a minute to a tenth."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{round(seconds, 1):g} s"

"""Texts from outside, as they may be shown."""

from __future__ import annotations


def printable(text: str, most: int | None = None) -> str:
    """Return a text as a terminal may show it: on one line, control characters escaped, cut after so many."""
    shown = text if most is None or len(text) <= most else f"{text[:most]}..."
    return shown if shown.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)

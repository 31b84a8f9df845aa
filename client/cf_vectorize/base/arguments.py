"""Arguments that people give, checked: what is wrong is answered with its name, its value and what it should be."""

from __future__ import annotations

import math
import operator
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from cf_vectorize_overlay.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")


def refuse(name: str, value: object, should_be: str) -> NoReturn:
    """Raise the error that a wrong argument is.

    Raises:
        InputError: Always.

    """
    shown = repr(value)
    raise InputError(f"{name} is {shown if len(shown) <= 80 else f'{shown[:79]}…'}; it is {should_be}")  # noqa: PLR2004


def checked(checks: Mapping[str, Callable[[str, Any], Any]], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return each argument as its check makes it."""
    return {name: checks[name](name, value) for name, value in given.items()}


def whole(least: int, most: int | None = None, why: str = "") -> Callable[[str, Any], int]:
    """Return the check for a whole number within bounds, of any integer type; True and False are none."""
    bounds = f"at least {least:,}" if most is None else f"from {least:,} to {most:,} ({why})"

    def check(name: str, value: Any) -> int:
        try:
            number = operator.index(value)
        except TypeError:
            refuse(name, value, f"a whole number, {bounds}")
        if isinstance(value, bool):
            refuse(name, value, f"a whole number, {bounds}")
        if number < least or (most is not None and number > most):
            refuse(name, value, bounds)
        return number

    return check


def seconds(name: str, value: Any) -> float:
    """Return a number of seconds, 0 or more."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(name, value, "a number of seconds")
    if math.isnan(value) or value < 0:
        refuse(name, value, "at least 0 seconds")
    return value


def one_of(*choices: str) -> Callable[[str, Any], str]:
    """Return the check for one of a few words."""

    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            refuse(name, value, f"one of {', '.join(map(repr, choices))}")
        return value

    return check


def flag(name: str, value: Any) -> bool:
    """Return True or False."""
    if not isinstance(value, bool):
        refuse(name, value, "True or False")
    return value


def or_none(check: Callable[[str, Any], T]) -> Callable[[str, Any], T | None]:
    """Return a check that lets None pass."""
    return lambda name, value: None if value is None else check(name, value)


def path(name: str, value: Any) -> Path:
    """Return a path."""
    try:
        given = os.fspath(value)
    except TypeError:
        given = b""
    if not isinstance(given, str) or not given:
        refuse(name, value, "the path of a file")
    try:
        os.stat(given)  # noqa: PTH116 - the name as it was given
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        refuse(name, value, f"the path of a file, which this is not: {getattr(error, 'strerror', error)}")
    return Path(given)


def function_of(what: str) -> Callable[[str, T], T]:
    """Return the check for something to call with that."""

    def check(name: str, value: T) -> T:
        if not callable(value):
            refuse(name, value, f"a function that takes {what}")
        return value

    return check

"""Names for sources that have none of their own."""

from __future__ import annotations

from typing import Any

import attrs

from cf_vectorize_overlay.errors import InputError


@attrs.frozen(eq=False)
class Named:
    """A source and its name; made by `named`."""

    source: Any
    name: str


def named(source: Any, name: str) -> Named:
    """Return a source with a name, by which errors and reports know its lines.

    Records, arrays, tables and open files that come in parts are told apart by
    it: `part-7:5` says more than `<records>:5`.

    Args:
        source: As for `insert`, but for paths, which have names.
        name: One line of text.

    Raises:
        InputError: The name is none.

    Example:
        >>> from cf_vectorize import check, named
        >>> records = [{"id": "", "values": [0.5] * 32}]
        >>> print(*check(named(records, "part-7")).problems)
        part-7:1 (id ""): id is empty

    """
    if not isinstance(name, str) or not name or not name.isprintable():
        raise InputError(f"{name!r} is no name of a source; give a line of text")
    return Named(source, name)

"""The vector that this package hands out and takes in, and its id."""

from __future__ import annotations

import reprlib
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Self

import attrs

from .limits import ID_BYTES


class _Start(reprlib.Repr):
    """The start of a long repr: 1,536 values would fill a screen."""

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        """Keep the order, which `reprlib` would sort."""
        names = list(x)[: self.maxdict if level > 0 else 0]
        shown = [f"{self.repr1(name, level - 1)}: {self.repr1(x[name], level - 1)}" for name in names]
        return f"{{{', '.join(shown + ['...'] * (len(names) < len(x)))}}}"


def _short(value: object) -> str:
    return " ".join(_Start().repr(value).split())


def id_problem(identity: object) -> str | None:
    """Say why something is no id: not a string, empty, or longer than 64 bytes of UTF-8."""
    if not isinstance(identity, str):
        return f"is {type(identity).__name__}; an id is a string"
    try:
        size = len(identity.encode())
    except UnicodeEncodeError:
        return "holds a lone surrogate, which UTF-8 cannot express"
    return None if 0 < size <= ID_BYTES else f"is {size} bytes of UTF-8; an id is 1 to {ID_BYTES}"


@attrs.frozen
class Vector:
    """A vector, to be inserted or as the index gave it back.

    Attributes:
        id: Unique in its index, across namespaces; 1 to 64 bytes of UTF-8.
        values: As many floats as the index has dimensions. From the service it
            is an `array("d")`, which `numpy.asarray` takes without copying; the
            service stores float32.
        namespace: At most 64 bytes of UTF-8; None for none.
        metadata: At most 10,240 bytes of compact JSON; None for none.
        extra: Members that Cloudflare does not document, as they came.

    """

    id: str
    values: Sequence[float] = attrs.field(repr=_short)
    namespace: str | None = None
    metadata: dict[str, Any] | None = attrs.field(default=None, repr=_short)
    extra: dict[str, Any] = attrs.field(factory=dict, repr=_short)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Make a vector of its JSON object.

        A `namespace` or `metadata` that is absent is the same as null.

        Args:
            document: As `get_by_ids` answers it, decoded.

        Raises:
            KeyError: `id` or `values` is missing.
            TypeError: `values` is not an array of numbers.

        """
        members = dict(document)
        return cls(
            id=members.pop("id"),
            values=array("d", members.pop("values")),
            namespace=members.pop("namespace", None),
            metadata=members.pop("metadata", None),
            extra=members,
        )

    def members(self) -> dict[str, Any]:
        """Return what its line of NDJSON holds, `values` as they are.

        A namespace or metadata of None is left out.
        """
        optional = {"namespace": self.namespace, "metadata": self.metadata}
        present = {name: value for name, value in optional.items() if value is not None}
        return {"id": self.id, "values": self.values, **present, **self.extra}

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object as `json.dumps` takes it, `values` as a list."""
        tolist = getattr(self.values, "tolist", None)
        return {**self.members(), "values": tolist() if tolist else list(map(float, self.values))}

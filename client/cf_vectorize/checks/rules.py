"""What a line must satisfy, and what is said of one that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import attrs

from cf_vectorize.source.cut import LINE_BYTES
from cf_vectorize_overlay.errors import InputError
from cf_vectorize_overlay.limits import DIMENSIONS_MAX, DIMENSIONS_MIN, ID_BYTES, METADATA_BYTES, NAMESPACE_BYTES
from cf_vectorize_overlay.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

Standing = Literal["documented", "observed", "prudent"]


class Rule(NamedTuple):
    """What a line must satisfy, and how that is known.

    Attributes:
        name: The short name that problems carry.
        standing: "documented" by Cloudflare; "observed" in reports about the live service; "prudent" where it is
            unknown whether the service refuses such a line, and sending it may lose something or spoil its batch.
        says: What is asked of a line.
        code: The service's error code for it, where one is known.

    """

    name: str
    standing: Standing
    says: str
    code: int | None = None


RULES: Final = {
    rule.name: rule
    for rule in (
        Rule("utf8", "prudent", "The line is UTF-8."),
        Rule("json", "observed", "The line is one JSON object, without NaN, Infinity or lone surrogates.", 40023),
        Rule("line-size", "prudent", f"The line is at most {LINE_BYTES:,} bytes."),
        Rule("record", "prudent", "A record holds only what JSON expresses without guessing."),
        Rule("id", "documented", "`id` is there and a string."),
        Rule("id-bytes", "documented", f"`id` is 1 to {ID_BYTES} bytes of UTF-8.", 40008),
        Rule("values", "observed", "`values` is there and an array of numbers.", 40023),
        Rule("float32", "prudent", "Each value is within float32, which is what the service stores."),
        Rule(
            "dimensions",
            "documented",
            f"`values` has {DIMENSIONS_MIN} to {DIMENSIONS_MAX} numbers, as many as the index has dimensions.",
            40012,
        ),
        Rule(
            "namespace", "documented", f"`namespace` is a string of at most {NAMESPACE_BYTES} bytes, null or absent."
        ),
        Rule("metadata", "documented", "`metadata` is an object, null or absent."),
        Rule("metadata-bytes", "documented", f"`metadata` is at most {METADATA_BYTES} bytes of compact JSON.", 40016),
        Rule(
            "metadata-key", "documented", 'A metadata key is not empty, has no `.` or `"`, does not start with `$`.'
        ),
    )
}


# Of an id what tells it from others: a line may hold one of megabytes, and a batch many such lines.
_SHOWN: Final = 200


def _beginning(identity: str | None) -> str | None:
    return identity if identity is None or len(identity) <= _SHOWN else f"{identity[:_SHOWN]}…"


@attrs.frozen
class BadLine:
    """One problem of one line.

    Attributes:
        source: The file's path as given, or a name in angle brackets such as
            `<stdin>`.
        line: The line's number in that source (for records: the row's), from 1.
        id: The vector's id, where it could be read; of a long one the
            beginning.
        rule: The rule's name in `RULES`.
        reason: What is wrong, in words.

    """

    source: str
    line: int
    id: str | None = attrs.field(converter=_beginning)
    rule: str
    reason: str

    def __str__(self) -> str:
        named = "" if self.id is None else f' (id "{self.id}")'
        return printable(f"{self.source}:{self.line}{named}: {self.reason}")


class BadLinesError(InputError):
    """Lines of one batch that the service would refuse; the batch was not sent.

    What to do: mend the lines, each of which is named with its place and its
    reason, or give `rejects` to load the others without them.

    Attributes:
        lines: Every bad line of the batch, in order.
        more: Bad lines of the batch that are not among them: 0 but in a long
            report.
        SHOWN: How many of them its text names.

    """

    __module__ = "cf_vectorize"

    SHOWN = 10
    more: int = 0

    def __init__(self, lines: Sequence[BadLine]) -> None:
        super().__init__(tuple(lines))
        self.lines = tuple(lines)

    def __str__(self) -> str:
        shown = [str(line) for line in self.lines[: self.SHOWN]]
        more = len(self.lines) - len(shown) + self.more
        return "\n".join([*shown, f"… and {more} more in this batch"] if more else shown)

    def shortened(self) -> BadLinesError:
        """Return an error that says the same, and holds only what it shows."""
        short = type(self)(self.lines[: self.SHOWN])
        short.more = len(self.lines) - len(short.lines) + self.more
        return short

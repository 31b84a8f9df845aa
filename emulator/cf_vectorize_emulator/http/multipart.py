"""The file `vectors` out of a multipart form, as it arrives. Nothing else of the form is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from .envelope import unknown

if TYPE_CHECKING:
    from typing import BinaryIO

FILE: Final = b"vectors"
# What parts may hold of headers, and how many parts there may be: a form needs one.
HEADER_BYTES: Final = 16_384
PARTS: Final = 100


class VectorsFile:
    """Writes the file's content to where it is wanted.

    Args:
        content_type: The form's Content-Type, with its boundary.
        target: Where the content goes.

    Raises:
        Failure: The boundary is missing.

    """

    def __init__(self, content_type: str, target: BinaryIO) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise unknown("malformed multipart body: the boundary is missing")
        self._target = target
        self._found = self._complete = self._inside = False
        self._name = self._value = self._disposition = b""
        self._parts = self._header_bytes = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._content,
                "on_end": self._end,
            },
        )

    def write(self, data: bytes) -> None:
        """Take a piece of the form.

        Raises:
            Failure: It is no form, or has two such files.

        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise unknown(f"malformed multipart body: {error}") from None

    def finish(self) -> None:
        """Take the end of the form.

        Raises:
            Failure: The form was cut short, or has no such file.

        """
        if not self._complete:
            raise unknown("malformed multipart body: it ends before its last boundary")
        if not self._found:
            raise unknown("no file `vectors` in the multipart body")

    def _begin_part(self) -> None:
        self._inside, self._disposition = False, b""
        self._header_bytes = 0
        self._parts += 1
        if self._parts > PARTS:
            raise unknown(f"malformed multipart body: more than {PARTS} parts")

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += self._counted(data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += self._counted(data[start:end])

    def _counted(self, more: bytes) -> bytes:
        self._header_bytes += len(more) + 1  # a header costs time even where it is empty
        if self._header_bytes > HEADER_BYTES:
            raise unknown("malformed multipart body: the headers of a part are too long")
        return more

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name = self._value = b""

    def _end_headers(self) -> None:
        options = parse_options_header(self._disposition)[1]
        self._inside = options.get(b"name") == FILE and b"filename" in options
        if self._inside and self._found:
            raise unknown("more than one file `vectors` in the multipart body")
        self._found = self._found or self._inside

    def _content(self, data: bytes, start: int, end: int) -> None:
        if self._inside:
            self._target.write(data[start:end])

    def _end(self) -> None:
        self._complete = True

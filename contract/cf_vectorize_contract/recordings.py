"""Recordings: an exchange in a YAML file, with where it comes from and without what tells whose it was."""

from __future__ import annotations

import datetime as dt
import os
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import attrs
import yaml

from cf_vectorize_overlay.errors import InputError

from .probes import NO_SUCH_INDEX
from .wire import Request, Response, lower

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from .judge import Judge, Judgement

# All other headers are of no concern to the contract, and might say who asked.
KEPT_HEADERS: Final = {
    "content-type", "cf-ray", "ratelimit", "ratelimit-policy", "retry-after", "deprecation", "sunset",
    "authorization", "x-auth-email", "x-auth-key",
}  # fmt: skip
PLACEHOLDERS: Final = (
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "0000aaaa-11bb-22cc-33dd-444444eeeeee"),
    (re.compile(r"\b[0-9a-f]{16}(?:-[A-Z]{3})?\b"), "0000000000000000-XXX"),
    (re.compile(r"(cf-vectorize-contract-(?:stored|refused|marker))-[0-9a-f]{12}\b"), r"\1-000000000000"),
    (re.compile(r"[\w.+%-]+(?:@|\\u0040|%40)(?:[\w-]+\.)+[a-z]{2,}", re.IGNORECASE), "EMAIL"),
)
LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@attrs.frozen
class Recording:
    """One recorded exchange: an answer, its request where the source shows it, and where both come from.

    Attributes:
        name: The file's name, with the entry's number where it holds several.
        source: Where it comes from and when.
        operation: The operation; None where that follows from the request.
        request: The request, if it is known.
        response: The answer; None where there was none.
        lacks: What the recording does not hold, so that nothing can be judged by it.

    """

    name: str
    source: Mapping[str, str]
    operation: str | None
    request: Request | None
    response: Response | None
    lacks: str | None = None


def load_recording(path: Path) -> Recording:
    """Read one YAML file.

    Args:
        path: The file.

    Raises:
        InputError: It is no recording; the message names the file and what is wrong.

    """
    try:
        written = yaml.load(path.read_text(encoding="utf-8"), LOADER)  # noqa: S506 - a safe one
        request, response = written.get("request"), written["response"]
        return Recording(
            name=path.stem,
            source=written["source"],
            operation=written["operation"],
            request=request and Request(**{**request, "body": request["body"].encode()}),
            response=Response(**{**response, "body": response["body"].encode()}),
        )
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (RecursionError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    except (AttributeError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: is no recording ({reason}); --record FOLDER writes such files") from None


class Scrubber:
    """Replaces every credential, account, index and e-mail it has met, however it is written."""

    def __init__(self) -> None:
        self._patterns: dict[str, tuple[re.Pattern[str], str]] = {}

    def learn(self, request: Request) -> None:
        """Take note of what a request says of who sent it."""
        headers = lower(request.headers)
        path = urlsplit(request.target).path.split("/")
        named = {part: unquote(name) for part, name in pairwise(path)}
        for secret, placeholder in (
            (headers.get("authorization", "").partition(" ")[2], "TOKEN"),
            (headers.get("x-auth-email", ""), "EMAIL"),
            (headers.get("x-auth-key", ""), "KEY"),
            (named.get("accounts", ""), "ACCOUNT_ID"),
            (named.get("indexes", ""), "example-index"),
        ):
            if secret not in {"", placeholder, NO_SUCH_INDEX}:
                self._patterns[secret] = (_however_written(secret), placeholder)

    def scrub(self, node: Any) -> Any:
        """Replace them in the texts of a document."""
        if isinstance(node, dict):
            return {name: self.scrub(child) for name, child in node.items()}
        if not isinstance(node, str):
            return node
        # The longest first: one may be part of another.
        for secret in sorted(self._patterns, key=len, reverse=True):
            pattern, placeholder = self._patterns[secret]
            node = pattern.sub(placeholder, node)
        for pattern, placeholder in PLACEHOLDERS:
            node = pattern.sub(placeholder, node)
        return node


def _however_written(secret: str) -> re.Pattern[str]:
    """Match a text as it is, escaped as in JSON, HTML or a URL, and in either case, but not within a word."""
    characters = (
        f"(?:{re.escape(c)}|\\\\u{ord(c):04x}|\\\\{re.escape(c)}|&#x0*{ord(c):x};|&#0*{ord(c)};|"
        + "".join(f"%{byte:02x}" for byte in c.encode())
        + ")"
        for c in secret
    )
    return re.compile(rf"(?<![A-Za-z0-9_-]){''.join(characters)}(?![A-Za-z0-9_-])", re.IGNORECASE)


class Recorder:
    """Writes exchanges that keep the contract into a folder, one file each.

    Args:
        folder: Where to.
        kind: What the names begin with, and `source.kind`.
        judge: Judges what is about to be written, so that scrubbing has not made something else of it.
        overwrite: Whether a recording that exists may be replaced.

    Attributes:
        written: The names of the files.

    """

    def __init__(self, folder: Path, kind: str, judge: Judge, *, overwrite: bool = False) -> None:
        self._folder = folder
        self._kind = kind
        self._judge = judge
        self._overwrite = overwrite
        self._scrubber = Scrubber()
        self.written: list[str] = []

    def path(self, name: str) -> Path:
        """Return the file of the recording that is called so.

        Args:
            name: What was tried, in words.

        """
        return self._folder / f"{self._kind}-{re.sub('[^a-zA-Z0-9]+', '-', name)}.yaml"

    def check(self, names: Iterable[str]) -> None:
        """Look whether all can be written.

        Args:
            names: What will be tried, in words.

        Raises:
            InputError: One exists, or there is no such folder.

        """
        if not os.path.isdir(self._folder):  # noqa: PTH112 - False of a name that no folder can have
            raise InputError(f"{self._folder}: is no folder; make it first")
        existing = [self.path(name).name for name in names if self.path(name).exists()]
        if existing and not self._overwrite:
            raise InputError(f"{self._folder} has {', '.join(existing)}; --overwrite replaces them")

    def keep(self, name: str, operation: str, request: Request, response: Response, judgement: Judgement) -> None:
        """Write an exchange that was judged kept; leave out any other.

        Args:
            name: What was tried, in words.
            operation: The operation's id.
            request: As it went out.
            response: As it came.
            judgement: What came of it.

        Raises:
            InputError: It cannot be written without a secret, or would replace another recording.

        """
        self._scrubber.learn(request)
        if judgement.verdict != "kept":
            return
        source = {
            "kind": self._kind,
            "seen": dt.datetime.now(tz=dt.UTC).date().isoformat(),
            "note": f"Made by `cf-vectorize contract --record`: {name}.",
        }
        document = self._scrubber.scrub(
            {
                "source": source,
                "operation": operation,
                "request": _written(request),
                "response": _written(response),
            }
        )
        asked = Request(**{**document["request"], "body": document["request"]["body"].encode()})
        told = Response(**{**document["response"], "body": document["response"]["body"].encode()})
        known = self._judge.open.operation_of(asked) == operation
        if not known or self._judge.judge(name, operation, asked, told).verdict != "kept":
            raise InputError(
                f"{name}: scrubbed of its account and index it says something else; record from an index whose name "
                "is no word of the API's own"
            )
        path = self.path(name)
        with path.open("w" if self._overwrite else "x", encoding="utf-8") as file:
            yaml.safe_dump(document, file, sort_keys=False, width=1000, allow_unicode=True)
        self.written.append(path.name)


def kept(
    keep: Callable[[str, str, Request, Response, Judgement], None],
    name: str,
    operation: str,
    request: Request,
    response: Response,
    judgement: Judgement,
) -> Judgement:
    """Hand an exchange to whoever keeps it, and return its judgement, with a note where it could not be kept."""
    try:
        keep(name, operation, request, response, judgement)
    except (OSError, InputError) as error:
        return attrs.evolve(judgement, notes=(*judgement.notes, f"not recorded: {error}"))
    return judgement


def _written(message: Request | Response) -> dict[str, Any]:
    headers = {name: value for name, value in message.headers.items() if name.lower() in KEPT_HEADERS}
    return {**attrs.asdict(message), "headers": headers, "body": message.body.decode(errors="replace")}

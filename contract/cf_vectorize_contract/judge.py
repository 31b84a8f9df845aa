"""What an exchange says of the contract: kept, broken, or nothing, since the weather came between. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from .exchange import REFUSED
from .fragment import Fragment
from .wire import lower, media_type, read_json, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .wire import Request, Response

Verdict = Literal["kept", "broken", "not judged"]

SERVER_FAILURE: Final = 500
TIMEOUT, THROTTLED = 408, 429
UNAUTHORIZED: Final = {401, 403}
CREDENTIAL_CODES: Final = {6003, 6103, 6111, 9109, 10000}
# Statuses that speak of the endpoint even without an envelope; with any other, somebody in between refused.
GONE: Final = {404, 405, 410}
THROTTLING_CODES: Final = {971, 10429, 40041}
MOST: Final = 10
# Headers by which a service says that something will end.
NOTICES: Final = ("Deprecation", "Sunset")


@attrs.frozen
class Judgement:
    """What came of one exchange.

    Attributes:
        name: What was tried, in words.
        verdict: Whether it kept the contract.
        reasons: Why, unless it did.
        notes: What is new and breaks nothing: undocumented members, notices of the service.
        status: The answer's HTTP status; None where there was no answer.
        code: The code of its first error; None where it names none.
        ray: Its `cf-ray`.
        seconds: How long it took; None where nobody measured.

    """

    name: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    status: int | None = None
    code: int | None = None
    ray: str | None = None
    seconds: float | None = None

    def lines(self) -> Iterator[str]:
        """Say it in words: a line, and one for each reason and note."""
        facts = [f"HTTP {self.status}"] if self.status else []
        facts += [f"code {self.code}"] if self.code else []
        facts += [f"cf-ray {self.ray}"] if self.ray and self.verdict != "kept" else []
        yield f"{self.verdict:<10}  {self.name}" + (f" ({', '.join(facts)})" if facts else "")
        yield from (f"            {said}" for said in (*self.reasons, *self.notes))


class Judge:
    """Judges exchanges by the open contract, and notes what only the strict one minds.

    Args:
        scrub: Takes secrets out of a text.

    """

    def __init__(self, scrub: Callable[[str], str] = str) -> None:
        self.open = Fragment.load()
        self.strict = Fragment.load(strict=True)
        self._scrub = scrub

    def judge(self, name: str, operation: str, request: Request | None, response: Response) -> Judgement:
        """Judge an answer to an operation, with its request where that is known.

        Args:
            name: What was tried, in words.
            operation: The operation's id.
            request: None where it is not known.
            response: The answer.

        """
        if request is None:
            problems, strict = (f.response_problems(operation, response) for f in (self.open, self.strict))
            refused = []
        else:
            problems, strict = (f.exchange_problems(request, response) for f in (self.open, self.strict))
            refused = self.open.request_problems(request) if response.status >= REFUSED else []
        envelope = read_envelope(response)
        reasons = [f"accepted all the same: {p}" if p.place.startswith("request") else str(p) for p in problems]
        if response.status in GONE and not envelope:
            reasons.append(f"the endpoint is not there: status {response.status}, and no envelope")
        verdict: Verdict = "broken" if reasons else "kept"
        if (what := weather(response, envelope)) and (reasons or what.always):
            verdict, reasons = "not judged", [what.words, *reasons]
        notes = [f"undocumented: {problem}" for problem in strict if problem not in problems]
        notes += [f"refused for: {problem}" for problem in refused]
        headers = lower(response.headers)
        notes += [f"notice: {code} {text}" for code, text in entries(envelope.get("messages"))]
        notes += [f"notice: {name}: {headers[name.lower()]}" for name in NOTICES if name.lower() in headers]
        return Judgement(
            name,
            verdict,
            self.few(reasons),
            self.few(notes),
            response.status,
            first_code(envelope),
            shown(self._scrub(headers["cf-ray"])) if "cf-ray" in headers else None,
        )

    def few(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Return the first texts, without secrets and each on a line, and how many more there are.

        Args:
            texts: Any number of them.

        """
        lines = [shown(self._scrub(text)) for text in texts]
        more = len(lines) - MOST
        return (*lines[:MOST], f"… and {more:,} more") if more > 0 else tuple(lines)


@attrs.frozen
class Weather:
    """What came between: in words, and whether it hides whatever else the answer holds."""

    words: str
    always: bool = True


def weather(response: Response, envelope: dict[str, Any]) -> Weather | None:
    """Return what of the answer is no word of the service about its contract; None where there is nothing."""
    status, kind = response.status, media_type(lower(response.headers))
    if status == THROTTLED or first_code(envelope) in THROTTLING_CODES:
        return Weather(f"throttled: status {status}")
    if status >= SERVER_FAILURE or status == TIMEOUT:
        return Weather(f"the service or the edge before it failed: status {status}")
    if status in UNAUTHORIZED or first_code(envelope) in CREDENTIAL_CODES:
        return Weather(f"refused to whoever asks: status {status}", always=not envelope)
    if status >= REFUSED and status not in GONE and kind != "application/json":
        return Weather(f"refused on the way: status {status} with {shown(kind) or 'no content type'}")
    return None


def read_envelope(response: Response) -> dict[str, Any]:
    """Return the answer's envelope as far as it is one; empty where it is none."""
    try:
        document = read_json(response.body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) and isinstance(document.get("success"), bool) else {}


def entries(listed: Any) -> list[tuple[Any, str]]:
    """Return the code and the message of each entry of `errors` or `messages`."""
    found = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    return [(entry.get("code"), str(entry.get("message", ""))) for entry in found]


def first_code(envelope: dict[str, Any]) -> int | None:
    """Return the code of the first error of a failure; None where it names none."""
    if envelope.get("success") is not False:
        return None
    code = next((code for code, _ in entries(envelope.get("errors"))), None)
    return code if isinstance(code, int) and not isinstance(code, bool) else None

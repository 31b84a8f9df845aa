"""`cf-vectorize contract`: a few requests that show whether a service still keeps the contract.

Needs the extra `contract`. Nothing is stored unless that is asked for: the requests ask for an id that does not
exist, or must be refused whatever they hold. Each answer is held against the OpenAPI fragment and against what
is known of the service's behaviour.
"""

from __future__ import annotations

import json
import os
import re
import time
import urllib.request
import uuid
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urljoin, urlsplit

import attrs

from cf_vectorize_overlay import errors
from cf_vectorize_overlay.credentials import BASE_URL
from cf_vectorize_overlay.envelope import unwrap
from cf_vectorize_overlay.limits import IDS_PER_GET_BY_IDS, TIMEOUT

from .fragment import UNDOCUMENTED, Fragment, Problem, Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cf_vectorize_overlay.credentials import Credentials

KEPT, BROKEN, NOT_JUDGED = 0, 1, 3
NDJSON, JSON, TEXT = "application/x-ndjson", "application/json", "text/plain"
NO_SUCH_INDEX = "cf-vectorize-contract-no-such-index"
POLL_SECONDS = 1.0
# Answers that say nothing about the contract: another day, or with other credentials, it can be judged.
ELSEWHERE = (errors.AuthenticationError, errors.NotFoundError, errors.RateLimitError, errors.ServerError)

EXPECTED_DIMENSIONS = re.compile(rb"expected (\d+) dimensions")

Verdict = Literal["kept", "broken", "not judged"]


@attrs.frozen
class Probe:
    """One request, and what the contract says of its answer.

    Attributes:
        name: What is probed, in words.
        operation: The operation of the fragment.
        media_type: The request's content type.
        body: The request's body.
        status: The statuses that keep the contract.
        code: The error's code; None for a success.
        result: What a success has to answer with; None where that is judged elsewhere.
        index: The index to ask; None for the user's.

    """

    name: str
    operation: str
    media_type: str
    body: bytes
    status: tuple[int, ...] = (200,)
    code: int | None = None
    result: Any = None
    index: str | None = None


@attrs.frozen
class ProbeResult:
    """What came of one probe: the verdict, its reasons, and what the answer held beyond the fragment."""

    name: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    undocumented: tuple[str, ...] = ()


@attrs.frozen
class ContractReport:
    """What came of all probes.

    Attributes:
        results: One for each probe, in order.
        stored: Ids of the vectors that the probes left in the index; this package cannot delete them.

    """

    results: tuple[ProbeResult, ...]
    stored: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 the contract is kept; 1 it is broken; 3 something could not be judged."""
        verdicts = {result.verdict for result in self.results}
        return BROKEN if "broken" in verdicts else NOT_JUDGED if "not judged" in verdicts else KEPT

    def as_json(self) -> dict[str, Any]:
        """Give the report as plain values."""
        return {"kept": self.exit_code == KEPT, "exit_code": self.exit_code, **attrs.asdict(self)}

    def as_text(self) -> Iterator[str]:
        """Say the report in words, one line at a time."""
        for result in self.results:
            yield f"{result.verdict:<10}  {result.name}"
            yield from (f"            {reason}" for reason in result.reasons)
            yield from (f"            undocumented: {what}" for what in result.undocumented)
        if self.stored:
            yield f"Left in the index, for there is no deleting here: {', '.join(self.stored)}"
        unjudged = sum(result.verdict == "not judged" for result in self.results)
        yield {
            KEPT: f"The service keeps the contract: {len(self.results)} probes.",
            BROKEN: "The service no longer keeps the contract. Please report it with the lines above.",
            NOT_JUDGED: f"Nothing is broken, but {unjudged} of {len(self.results)} probes could not be judged.",
        }[self.exit_code]


def _ids(*ids: str) -> bytes:
    return json.dumps({"ids": ids}).encode()


def _line(vector_id: str, values: list[float]) -> bytes:
    return json.dumps({"id": vector_id, "values": values, "metadata": {"from": "cf-vectorize contract"}}).encode()


UNKNOWN = "cf-vectorize-contract-unknown-id"
WRONG_DIMENSIONS = Probe(
    "a vector of another dimension is refused", "insert", NDJSON, _line(UNKNOWN, [0.5]), (400,), 40012
)
PROBES = (
    Probe("an id that is not there is left out", "get_by_ids", JSON, _ids(UNKNOWN), result=[]),
    Probe("more than 20 ids are refused", "get_by_ids", JSON,
          _ids(*(f"{UNKNOWN}-{n}" for n in range(IDS_PER_GET_BY_IDS + 1))), (400,), 40007),
    Probe("ids that are not sent as JSON are refused", "get_by_ids", TEXT, _ids(UNKNOWN), (400,), 40026),
    Probe("a body that is not JSON is refused", "get_by_ids", JSON, b"{", (400,), 40026),
    Probe("an index that does not exist is refused", "get_by_ids", JSON, _ids(UNKNOWN), (400, 404), 3000,
          index=NO_SUCH_INDEX),
    Probe("vectors that are not sent as NDJSON are refused", "insert", JSON, b"not a vector\n", (400,), 1005),
    Probe("a line that is no vector is refused", "insert", NDJSON, b"not a vector\n", (400,), 40023),
    WRONG_DIMENSIONS,
)  # fmt: skip


class Service:
    """Sends probes to one index and judges the answers.

    Args:
        index: Name of the index.
        credentials: Who asks.
        base_url: Where the API is; None for `CLOUDFLARE_BASE_URL`, or Cloudflare's.

    Raises:
        InputError: `base_url` is not http or https.

    """

    def __init__(self, index: str, credentials: Credentials, base_url: str | None = None) -> None:
        self.index = index
        self._credentials = credentials
        self._base_url = (base_url or os.environ.get("CLOUDFLARE_BASE_URL") or BASE_URL).rstrip("/")
        if not self._base_url.startswith(("http://", "https://")):
            raise errors.InputError("base_url (or CLOUDFLARE_BASE_URL) has to start with https:// or http://")
        # Without the usual handlers of redirections and errors: those are answers to judge too.
        self._opener = urllib.request.OpenerDirector()
        for handler in (urllib.request.ProxyHandler, urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
            self._opener.add_handler(handler())
        self._published = Fragment.load()
        self._strict = Fragment.load(strict=True)

    def request(self, probe: Probe) -> Request:
        """Give the request that a probe sends to this service, credentials included."""
        method, template = self._published.route(probe.operation)
        account, index = self._credentials.account_id, probe.index or self.index
        path = template.format(account_id=quote(account, safe=""), index_name=quote(index, safe=""))
        headers = {"Content-Type": probe.media_type, "User-Agent": "cf-vectorize-contract", **self._who()}
        return Request(method, urlsplit(self._base_url).path + path, headers, probe.body)

    def ask(self, probe: Probe) -> Response:
        """Send one probe.

        Raises:
            OSError, HTTPException: No answer arrived.

        """
        asked = self.request(probe)
        url = urljoin(self._base_url, asked.target)
        request = urllib.request.Request(url, asked.body, dict(asked.headers), method=asked.method)  # noqa: S310 - checked
        with self._opener.open(request, timeout=TIMEOUT) as answer:
            return Response(answer.status, dict(answer.headers.items()), answer.read())

    def judge(self, probe: Probe, response: Response) -> ProbeResult:
        """Hold an answer against the fragment, and against what the probe expects."""
        problems = self._published.response_problems(probe.operation, response)
        strict = self._strict.response_problems(probe.operation, response)
        undocumented = tuple(self._say(p) for p in strict if p.rule == UNDOCUMENTED)
        if problems:
            return ProbeResult(probe.name, "broken", tuple(map(self._say, problems)), undocumented)
        headers = {name.lower(): value for name, value in response.headers.items()}
        code, answer = None, f"status {response.status}"
        verdict: Verdict = "broken"
        try:
            envelope = unwrap(response.status, headers, response.body, method="", path="")
            as_expected = probe.result is None or envelope["result"] == probe.result
        except errors.ResponseError as error:
            code, answer = error.code, f"status {response.status} with code {error.code}: {error.message}"
            as_expected = True
            if isinstance(error, ELSEWHERE):
                verdict = "not judged"
        if as_expected and response.status in probe.status and code == probe.code:
            return ProbeResult(probe.name, "kept", (), undocumented)
        return ProbeResult(probe.name, verdict, (self._scrub(f"{_expectation(probe)}; got {answer}"),), undocumented)

    def try_out(self, probe: Probe) -> tuple[ProbeResult, Response | None]:
        """Send one probe and judge its answer, which is given too where one arrived."""
        try:
            response = self.ask(probe)
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            return ProbeResult(probe.name, "not judged", (self._scrub(f"no answer: {reason}"),)), None
        return self.judge(probe, response), response

    def _who(self) -> dict[str, str]:
        who = self._credentials
        if who.api_token is not None:
            return {"Authorization": f"Bearer {who.api_token}"}
        return {"X-Auth-Email": str(who.api_email), "X-Auth-Key": str(who.api_key)}

    def _say(self, problem: Problem) -> str:
        return self._scrub(str(problem))

    def _scrub(self, text: str) -> str:
        return self._credentials.scrub(text)


def _expectation(probe: Probe) -> str:
    statuses = " or ".join(map(str, probe.status))
    if probe.code is None:
        return f"expected status {statuses}" + ("" if probe.result is None else f" with result {probe.result}")
    return f"expected status {statuses} with code {probe.code}"


def probe(service: Service, *, insert: bool = False, wait: float = 60.0) -> ContractReport:
    """Try a service out: eight requests, and with `insert` a few more.

    Args:
        service: The service, and the index to ask.
        insert: Whether to store one vector too, and read it back. It stays in the index.
        wait: Seconds that the stored vector may take until it can be read.

    Returns:
        The verdict on each probe.

    """
    tried = [service.try_out(asked) for asked in PROBES]
    results = [result for result, _ in tried]
    if not insert:
        return ContractReport(tuple(results))
    _, refusal = tried[PROBES.index(WRONG_DIMENSIONS)]
    dimensions = refusal and EXPECTED_DIMENSIONS.search(refusal.body)
    if not dimensions:
        reason = "no refusal above says how many dimensions the index has"
        return ContractReport((*results, ProbeResult("a vector is stored", "not judged", (reason,))))
    return _probe_storing(service, results, [0.5] * int(dimensions[1]), wait)


def _probe_storing(service: Service, results: list[ProbeResult], values: list[float], wait: float) -> ContractReport:
    good, refused = (f"cf-vectorize-contract-{kind}-{uuid.uuid4().hex[:12]}" for kind in ("stored", "refused"))
    whole = Probe("one bad line refuses its whole batch", "insert", NDJSON,
                  _line(refused, values) + b"\nnot a vector\n", (400,), 40023)  # fmt: skip
    store = Probe("a vector is stored", "insert", NDJSON, _line(good, values) + b"\n")
    results += [service.try_out(whole)[0], service.try_out(store)[0]]
    if results[-1].verdict != "kept":
        return ContractReport(tuple(results))
    read = Probe("the vector is read back as it was sent", "get_by_ids", JSON, _ids(good, refused))
    give_up_at = time.monotonic() + wait
    while True:
        result, response = service.try_out(read)
        if result.verdict != "kept" or response is None:
            break
        found = {vector["id"]: vector for vector in json.loads(response.body)["result"]}
        if good in found or time.monotonic() > give_up_at:
            result = _judge_stored(result, found, json.loads(_line(good, values)), refused, wait)
            break
        time.sleep(POLL_SECONDS)
    return ContractReport((*results, result), stored=(good,))


def _judge_stored(
    result: ProbeResult, found: dict[str, Any], sent: dict[str, Any], refused: str, wait: float
) -> ProbeResult:
    if sent["id"] not in found:
        return attrs.evolve(result, verdict="not judged", reasons=(f"it cannot be read after {wait:g} seconds",))
    expected = {**sent, "namespace": None}
    stored = {"namespace": None, **found[sent["id"]]}
    reasons = [f"{name} is not what was sent" for name in expected if stored.get(name) != expected[name]]
    if refused in found:
        reasons.append("a vector of the refused batch is stored")
    return attrs.evolve(result, verdict="broken", reasons=tuple(reasons)) if reasons else result

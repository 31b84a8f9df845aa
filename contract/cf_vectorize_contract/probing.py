"""Asks a service: sends the probes to one index and judges the answers by the contract and by what was expected."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import attrs

from cf_vectorize_overlay.credentials import BASE_URL, Credentials, checked_base_url
from cf_vectorize_overlay.errors import InputError
from cf_vectorize_overlay.limits import TIMEOUT

from .exchange import REFUSED
from .judge import CREDENTIAL_CODES, UNAUTHORIZED, Judge, Judgement, entries, first_code, read_envelope
from .probes import PROBES, WRONG_DIMENSIONS, Probe, Story
from .recordings import kept
from .report import Report
from .upstream import NoAnswerError, UnreachableError, Upstream
from .wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_SECONDS: Final = 1.0
# Cloudflare's own p99 until a vector can be read.
WAIT: Final = 120.0
INDEX_NAME_LENGTH: Final = 64
# Refusals that say nothing about the contract: with other credentials, or of another index, it can be judged.
NO_ROUTE: Final = 7003
ELSEWHERE: Final = CREDENTIAL_CODES | {3000, 3005, NO_ROUTE}
NOT_FOUND: Final = 404
API_PATH: Final = urlsplit(BASE_URL).path
EXPECTED_DIMENSIONS: Final = re.compile(rb"expected (\d{1,4}) dimensions")


class Service:
    """One index of a service, and who asks.

    Args:
        index: Name of the index.
        credentials: Who asks.
        base_url: Where the API is; None for `CLOUDFLARE_BASE_URL`, or Cloudflare's.
        timeout: Seconds that an exchange may take.

    Attributes:
        reached: Whether there is anybody to ask further; not where no connection is made, or the API is elsewhere.

    Raises:
        InputError: The name or the base URL cannot be one.

    """

    def __init__(
        self, index: str, credentials: Credentials, base_url: str | None = None, *, timeout: float = TIMEOUT
    ) -> None:
        if not 0 < len(index) <= INDEX_NAME_LENGTH or index in {".", ".."}:
            raise InputError(f"index is {index!r}; a name has 1 to {INDEX_NAME_LENGTH} characters")
        self.index = index
        self._credentials = credentials
        self.upstream = Upstream(checked_base_url(base_url), timeout)
        self.judge = Judge(credentials.scrub)
        self.reached = True
        self.keep: Callable[[str, str, Request, Response, Judgement], None] = lambda *_: None

    def request(self, probe: Probe) -> Request:
        """Return the request that a probe sends to this service, credentials included."""
        method, template = self.judge.open.route(probe.operation)
        account, index = self._credentials.account_id, probe.index or self.index
        path = template.format(account_id=quote(account, safe=""), index_name=quote(index, safe=""))
        headers = {"Content-Type": probe.media_type, "User-Agent": "cf-vectorize-contract", **self._who()}
        return Request(method, self.upstream.path + path, headers, probe.body)

    def _who(self) -> dict[str, str]:
        who = self._credentials
        if who.api_token is not None:
            return {"Authorization": f"Bearer {who.api_token}"}
        return {"X-Auth-Email": str(who.api_email), "X-Auth-Key": str(who.api_key)}

    def try_out(self, probe: Probe) -> tuple[Judgement, Response | None]:
        """Send one probe and judge its answer, which is returned too where one arrived."""
        request, began = self.request(probe), time.monotonic()
        try:
            response = self.upstream.send(request)
        except NoAnswerError as error:
            self.reached = not isinstance(error, UnreachableError)
            reasons = self.judge.few([f"no answer: {error}"])
            return Judgement(probe.name, "not judged", reasons, seconds=round(time.monotonic() - began, 3)), None
        seconds = round(time.monotonic() - began, 3)
        judgement = attrs.evolve(self._judge(probe, request, response), seconds=seconds)
        if judgement.verdict != "kept" and self._is_elsewhere(response):
            self.reached = False
            reason = f"the base URL does not end in {API_PATH}, as {BASE_URL} does, and there is no API at it"
            return attrs.evolve(judgement, verdict="not judged", reasons=(reason,)), response
        return kept(self.keep, probe.name, probe.operation, request, response, judgement), response

    def _is_elsewhere(self, response: Response) -> bool:
        """Tell whether an answer is what a base URL without the API's path brings: no such page, or no such route."""
        code = first_code(read_envelope(response))
        return response.status == NOT_FOUND and code in {None, NO_ROUTE} and not self.upstream.path.endswith(API_PATH)

    def _judge(self, probe: Probe, request: Request, response: Response) -> Judgement:
        """Judge an answer as part of an exchange, then by what the probe expects."""
        asked = None
        # A probe that must be refused is wrong on purpose.
        if probe.code is None:
            target = self.judge.open.prefix + request.target.removeprefix(self.upstream.path)
            asked = attrs.evolve(request, target=target)
        judged = self.judge.judge(probe.name, probe.operation, asked, response)
        envelope = read_envelope(response)
        as_expected = probe.result is None or envelope.get("result") == probe.result
        if judged.verdict != "kept" or (
            response.status in probe.status and judged.code == probe.code and as_expected
        ):
            return judged
        said = "; ".join(text for _, text in entries(envelope.get("errors")))
        got = f"status {response.status}" + (f" with code {judged.code}: {said}" if said else "")
        elsewhere = first_code(envelope) in ELSEWHERE or response.status in UNAUTHORIZED
        verdict: Any = "not judged" if elsewhere and response.status >= REFUSED else "broken"
        return attrs.evolve(judged, verdict=verdict, reasons=self.judge.few([f"{probe.expectation}; got {got}"]))


class Probing:
    """A run of the probes.

    Args:
        service: The service, and the index to ask.
        wait: Seconds that a stored vector may take until it can be read.

    Attributes:
        report: What came of it so far, also when it was interrupted.

    """

    def __init__(self, service: Service, *, wait: float = WAIT) -> None:
        self._service = service
        self._wait = wait
        self.report = Report(service.upstream.host, service.judge.open.version)

    def run(self, *, insert: bool = False) -> Report:
        """Ask the probes that store nothing, and with `insert` those that store two vectors too."""
        refusal: Response | None = None
        for probe in PROBES:
            _, response = self._try_out(probe)
            if not self._service.reached:
                return self.report
            if probe is WRONG_DIMENSIONS:
                refusal = response
        if insert:
            dimensions = refusal and EXPECTED_DIMENSIONS.search(refusal.body)
            if dimensions:
                self._store(Story.of(int(dimensions[1])))
            else:
                reason = "no refusal above says how many dimensions the index has"
                self.report.add(Judgement("a vector is stored", "not judged", (reason,)))
        return self.report

    def _try_out(self, probe: Probe) -> tuple[Judgement, Response | None]:
        judgement, response = self._service.try_out(probe)
        self.report.add(judgement)
        return judgement, response

    def _store(self, story: Story) -> None:
        self._send_vectors(story.refuse, story.refused)
        if not self._send_vectors(story.store, story.first) or not self._read(story, story.read, story.first):
            return
        if self._send_vectors(story.store_again, story.marker):
            self._read(story, story.read_again, story.marker)

    def _send_vectors(self, probe: Probe, vector_id: str) -> bool:
        """Send vectors and tell whether they were accepted; they are listed unless they were refused."""
        self.report.stored.append(vector_id)
        judgement, response = self._try_out(probe)
        if response is not None and REFUSED <= response.status < 500:  # noqa: PLR2004 - not the service's failures
            self.report.stored.remove(vector_id)
        return judgement.verdict == "kept" and probe.code is None

    def _read(self, story: Story, probe: Probe, awaited: str) -> bool:
        """Ask until an id is there; tell whether what was found keeps the contract."""
        give_up_at = time.monotonic() + self._wait
        while True:
            judgement, response = self._service.try_out(probe)
            found: list[dict[str, Any]] = []
            if judgement.verdict == "kept" and response is not None:
                found = read_envelope(response)["result"]
            there = {vector["id"] for vector in found}
            if judgement.verdict != "kept" or awaited in there or time.monotonic() > give_up_at:
                break
            time.sleep(POLL_SECONDS)
        if judgement.verdict == "kept":
            reasons, notes = story.problems(found)
            verdict: Any = "broken" if reasons else "kept"
            if not reasons and awaited not in there:
                verdict, reasons = "not judged", [f"it cannot be read after {self._wait:g} seconds"]
            notes = [*judgement.notes, *notes]
            judgement = attrs.evolve(
                judgement, verdict=verdict, reasons=self._service.judge.few(reasons), notes=tuple(notes)
            )
        if story.refused in there and story.refused not in self.report.stored:
            self.report.stored.append(story.refused)
        self.report.add(judgement)
        return judgement.verdict == "kept"

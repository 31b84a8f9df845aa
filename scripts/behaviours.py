"""What the service does, row by row of spec/behaviours.yaml: in the docs, in the emulator, and live.

    python scripts/behaviours.py                    write the table of docs/emulator.md
    python scripts/behaviours.py --live [--large]   ask Cloudflare's service, note what it did, and record it

Live, CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_API_TOKEN and CF_VECTORIZE_TEST_INDEX say whom to ask. It takes a few minutes
and leaves a handful of vectors in that index; rows that need thousands of lines or 100 MB send copies of one id, and
only with --large.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import yaml

from cf_vectorize_contract.judge import first_code, read_envelope
from cf_vectorize_contract.probes import WRONG_DIMENSIONS, Probe
from cf_vectorize_contract.probing import EXPECTED_DIMENSIONS, Service
from cf_vectorize_contract.recordings import Recorder, kept
from cf_vectorize_contract.upstream import NoAnswerError
from cf_vectorize_overlay.credentials import Credentials
from cf_vectorize_overlay.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parent.parent
ROWS, PAGE = ROOT / "spec" / "behaviours.yaml", ROOT / "docs" / "emulator.md"
RECORDINGS = ROOT / "tests" / "contract" / "recordings"
BEGIN, END = "<!-- behaviours: begin -->\n", "<!-- behaviours: end -->\n"
MEND = "python scripts/behaviours.py"
MEDIA = {"insert": "application/x-ndjson", "get_by_ids": "application/json"}
WAIT = 120.0


def load() -> list[dict[str, Any]]:
    """Read the rows."""
    rows: list[dict[str, Any]] = yaml.safe_load(ROWS.read_text(encoding="utf-8"))
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Render the rows as a Markdown table, with what was seen live where something was."""
    live = any("live" in row for row in rows)
    head = ["behaviour", "what the emulator does", "evidence", *(["seen live"] if live else [])]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in rows:
        cells = [row["behaviour"], row["does"], row["evidence"], *([row.get("live", "")] if live else [])]
        lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def with_table(text: str, rendered: str) -> str:
    """Put the table between its marks in the text of the page."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{rendered}{END}{after}"


@attrs.frozen
class Observer:
    """Asks one index of a service what stands in the rows.

    Args:
        service: The service, and the index.
        dimensions: Those of the index.
        wait: Seconds that a stored vector may take until it can be read.

    """

    service: Service
    dimensions: int
    wait: float = WAIT

    @classmethod
    def of(cls, service: Service, wait: float = WAIT) -> Observer:
        """Return the observer of an index, which tells its dimensions when it refuses others.

        Raises:
            InputError: It does not.

        """
        judgement, response = service.try_out(WRONG_DIMENSIONS)
        told = response and EXPECTED_DIMENSIONS.search(response.body)
        if not told:
            raise InputError(f"the index does not tell its dimensions: {'; '.join(judgement.reasons)}")
        return cls(service, int(told[1]), wait)

    def observe(self, ask: Mapping[str, Any], name: str = "") -> str:
        """Send what stands in one `ask`, and return what came: status and code, and the members read back."""
        operation = "insert" if "insert" in ask else "get_by_ids"
        vector_id = f"cf-vectorize-behaviour-{uuid.uuid4().hex[:12]}"
        body = self._filled(str(ask[operation]), vector_id) * ask.get("times", 1)
        headers = {str(header): str(value) for header, value in ask.get("headers", {}).items()}
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.compress(body)
        seen = self._send(ask, operation, body, headers, name)
        if "read" not in ask or seen != "200":
            return seen
        vector = self._read(vector_id)
        return f"{seen} {json.dumps({member: vector.get(member, 'absent') for member in ask['read']})}"

    def _filled(self, text: str, vector_id: str) -> bytes:
        values = ",".join(["0.5"] * self.dimensions)
        for mark, filling in (("@line", '{"id":"@id","values":[@values]}'), ("@id", vector_id), ("@values", values)):
            text = text.replace(mark, filling)
        return text.encode("utf-8", "surrogatepass")

    def _send(self, ask: Mapping[str, Any], operation: str, body: bytes, headers: dict[str, str], name: str) -> str:
        probe = Probe(name, operation, ask.get("type", MEDIA[operation]), body, index=ask.get("index"))
        request = self.service.request(probe)
        request = attrs.evolve(
            request,
            method=ask.get("method", request.method),
            target=request.target + ("?" + ask["query"] if "query" in ask else ""),
            headers={key: value for key, value in {**request.headers, **headers}.items() if value},
        )
        try:
            response = self.service.upstream.send(request)
        except NoAnswerError as error:
            return f"no answer: {error}"
        judgement = self.service.judge.judge(name, operation, None, response)
        kept(self.service.keep, name, operation, request, response, judgement)
        code = first_code(read_envelope(response))
        return f"{response.status}" + (f"/{code}" if code is not None else "")

    def _read(self, vector_id: str) -> dict[str, Any]:
        give_up_at = time.monotonic() + self.wait
        while time.monotonic() < give_up_at:
            body = json.dumps({"ids": [vector_id]}).encode()
            _, response = self.service.try_out(Probe("read", "get_by_ids", MEDIA["get_by_ids"], body))
            found = read_envelope(response).get("result") if response else None
            if found:
                return dict(found[0])
            time.sleep(min(2.0, self.wait / 20))
        return {}


def expected(ask: Mapping[str, Any]) -> str:
    """Return what the emulator has to do, in the words in which it is observed."""
    return str(ask["expect"]) + (f" {json.dumps(ask['read'])}" if "read" in ask else "")


def asks(rows: list[dict[str, Any]], *, large: bool) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each question of each row with its row."""
    for row in rows:
        for ask in row.get("asks", ()):
            if large or not ask.get("large"):
                yield row, ask


def note(rows: list[dict[str, Any]], observer: Observer, *, large: bool) -> None:
    """Ask every question, and note in its row what was seen."""
    seen: dict[int, list[str]] = {}
    for number, (row, ask) in enumerate(asks(rows, large=large)):
        seen.setdefault(id(row), []).append(observer.observe(ask, f"behaviour {number:03} {row['behaviour']}"[:80]))
        print(f"{seen[id(row)][-1]:<20}  {row['behaviour']}", flush=True)
    for row in rows:
        if id(row) in seen:
            row["live"] = "; ".join(dict.fromkeys(seen[id(row)]))


def write(rows: list[dict[str, Any]]) -> None:
    """Write the rows back, below the comment that the file begins with."""
    comment = "".join(
        line for line in ROWS.read_text(encoding="utf-8").splitlines(keepends=True) if line.startswith("#")
    )
    text = yaml.safe_dump(rows, sort_keys=False, width=118, allow_unicode=True)
    ROWS.write_text(comment + text, encoding="utf-8")


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--live", action="store_true", help="ask Cloudflare's service")
    parser.add_argument("--large", action="store_true", help="with rows of thousands of lines and of 100 MB")
    arguments = parser.parse_args()
    rows = load()
    if arguments.live:
        try:
            index = os.environ.get("CF_VECTORIZE_TEST_INDEX", "")
            service = Service(index, Credentials.find(None, None, None, None), timeout=300)
            recorder = Recorder(RECORDINGS, "live", service.judge, overwrite=True)
            observer = Observer.of(service)
        except InputError as error:
            print(f"behaviours: {error}", file=sys.stderr)
            return 2
        service.keep = recorder.keep
        note(rows, observer, large=arguments.large)
        write(rows)
        print(f"{len(recorder.written)} recordings in {RECORDINGS}")
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), table(rows)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

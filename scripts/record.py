"""Record what a service answers to the probes of the contract: `python scripts/record.py [--live]`.

Asks an emulator that it starts, or with `--live` Cloudflare's service, where it stores one vector in the index that
CF_VECTORIZE_TEST_INDEX names. Writes one file for each probe into tests/contract/recordings/. Credentials, account,
index, ray and mutation ids never reach a file.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cf_vectorize_contract import probes as contract
from cf_vectorize_emulator.server import EmulatorProcess
from cf_vectorize_overlay.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cf_vectorize_contract.fragment import Request, Response

RECORDINGS = Path(__file__).parent.parent / "tests" / "contract" / "recordings"
# All other headers are of no concern to the contract, and might say who asked.
KEPT_HEADERS = {"content-type", "cf-ray", "ratelimit", "ratelimit-policy", "retry-after"}
PLACEHOLDERS = (
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "0000aaaa-11bb-22cc-33dd-444444eeeeee"),
    (re.compile(r"\b[0-9a-f]{16}(?:-[A-Z]{3})?\b"), "0000000000000000-XXX"),
    (re.compile(r"(cf-vectorize-contract-(?:stored|refused))-[0-9a-f]{12}\b"), r"\1-000000000000"),
)


class Recorder(contract.Service):
    """A service that keeps the last exchange of each probe."""

    def __init__(self, index: str, credentials: Credentials, base_url: str | None = None) -> None:
        super().__init__(index, credentials, base_url)
        self.exchanges: dict[str, tuple[contract.Probe, Response]] = {}

    def ask(self, probe: contract.Probe) -> Response:
        """Send one probe, and keep it with its answer."""
        response = super().ask(probe)
        self.exchanges[probe.name] = (probe, response)
        return response


def recording(kind: str, probe: contract.Probe, request: Request, response: Response) -> dict[str, Any]:
    """Give an exchange in the form of a recording, not yet scrubbed."""
    return {
        "source": {
            "kind": kind,
            "seen": dt.datetime.now(tz=dt.UTC).date().isoformat(),
            "note": f"Made by `nox -s record`: {probe.name}.",
        },
        "operation": probe.operation,
        "request": {
            "method": request.method,
            "target": request.target,
            "headers": {name: value for name, value in request.headers.items() if name != "User-Agent"},
            "body": request.body.decode(),
        },
        "response": {
            "status": response.status,
            "headers": {name: value for name, value in response.headers.items() if name.lower() in KEPT_HEADERS},
            "body": response.body.decode(errors="replace"),
        },
    }


def scrubbed(node: Any, secrets: Mapping[str, str]) -> Any:
    """Replace every secret, and every identifier that a service gave, in the texts of a document."""
    if isinstance(node, dict):
        return {name: scrubbed(child, secrets) for name, child in node.items()}
    if not isinstance(node, str):
        return node
    for secret, placeholder in secrets.items():
        node = node.replace(secret, placeholder)
    for pattern, placeholder in PLACEHOLDERS:
        node = pattern.sub(placeholder, node)
    return node


def record(kind: str, service: Recorder, credentials: Credentials, folder: Path = RECORDINGS) -> int:
    """Run every probe, write what was exchanged, say what came of it, and give the exit code."""
    report = contract.probe(service, insert=True)
    names = {
        credentials.account_id: "ACCOUNT_ID",
        credentials.api_token: "TOKEN",
        credentials.api_email: "EMAIL",
        credentials.api_key: "KEY",
        f"/{service.index}/": "/example-index/",
    }
    secrets = {secret: placeholder for secret, placeholder in names.items() if secret}
    for probe, response in service.exchanges.values():
        document = scrubbed(recording(kind, probe, service.request(probe), response), secrets)
        text = yaml.safe_dump(document, sort_keys=False, width=1000, allow_unicode=True)
        (folder / f"{kind}-{re.sub('[^a-zA-Z0-9]+', '-', probe.name)}.yaml").write_text(text, encoding="utf-8")
    print(*report.as_text(), f"{len(service.exchanges)} recordings in {folder}", sep="\n")
    return report.exit_code


def main() -> int:
    """Record the service that the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--live", action="store_true", help="ask Cloudflare's service, not an emulator")
    if not parser.parse_args().live:
        credentials = Credentials("0123456789abcdef0123456789abcdef", "a-recorded-token", None, None)
        with EmulatorProcess("--index", "recorded:32", "--visible", "0.5") as emulator:
            return record("emulator", Recorder("recorded", credentials, emulator.base_url), credentials)
    index = os.environ.get("CF_VECTORIZE_TEST_INDEX")
    if not index:
        print("record: set CF_VECTORIZE_TEST_INDEX to an index that may get one vector more", file=sys.stderr)
        return 2
    credentials = Credentials.find(None, None, None, None)
    return record("live", Recorder(index, credentials), credentials)


if __name__ == "__main__":
    sys.exit(main())

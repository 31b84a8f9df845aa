"""Record what a service answers to the probes of the contract: `python scripts/record.py [--live] [--overwrite]`.

Asks an emulator that it starts, or with `--live` Cloudflare's service, where it stores two vectors in the index that
CF_VECTORIZE_TEST_INDEX names. Writes into tests/contract/recordings/, as `cf-vectorize contract --record` does.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from cf_vectorize_contract.probes import every_probe
from cf_vectorize_contract.probing import Probing, Service
from cf_vectorize_contract.recordings import Recorder
from cf_vectorize_emulator.server import EmulatorProcess
from cf_vectorize_overlay.credentials import Credentials
from cf_vectorize_overlay.errors import InputError

RECORDINGS = Path(__file__).parent.parent / "tests" / "contract" / "recordings"


def record(kind: str, service: Service, folder: Path = RECORDINGS, *, overwrite: bool = False) -> int:
    """Run every probe, write what keeps the contract, say what came of it, and return the exit code.

    Raises:
        InputError: A recording exists.

    """
    recorder = Recorder(folder, kind, service.judge, overwrite=overwrite)
    recorder.check(probe.name for probe in every_probe())
    service.keep = recorder.keep
    report = Probing(service).run(insert=True)
    print(*report.as_text(), f"{len(recorder.written)} recordings in {folder}", sep="\n")
    return report.exit_code


def main() -> int:
    """Record the service that the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--live", action="store_true", help="ask Cloudflare's service, not an emulator")
    parser.add_argument("--overwrite", action="store_true", help="replace recordings that exist")
    arguments = parser.parse_args()
    index = os.environ.get("CF_VECTORIZE_TEST_INDEX")
    try:
        if not arguments.live:
            credentials = Credentials("0123456789abcdef0123456789abcdef", "a-recorded-token", None, None)
            with EmulatorProcess("--index", "recorded:32", "--visible", "0.5") as emulator:
                service = Service("recorded", credentials, emulator.base_url)
                return record("emulator", service, overwrite=arguments.overwrite)
        if not index:
            raise InputError("set CF_VECTORIZE_TEST_INDEX to an index that may get two vectors more")  # noqa: TRY301
        return record("live", Service(index, Credentials.find(None, None, None, None)), overwrite=arguments.overwrite)
    except InputError as error:
        print(f"record: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

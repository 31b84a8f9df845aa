"""`nox -s record` writes recordings that the contract's tests take, and nothing that tells who made them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from contract_suite import load_recordings, problems, secrets_in

from cf_vectorize_contract.fragment import Fragment
from cf_vectorize_contract.probes import PROBES
from cf_vectorize_emulator.server import EmulatorProcess
from cf_vectorize_overlay.credentials import Credentials
from record import Recorder, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCOUNT = "8d3f1e0a5b6c47d2a9e0f1b2c3d4e5f6"
TOKEN = "Zq3vT8_kLmN0pR-sUvWxYz1234567890AbCdEfGh"
CREDENTIALS = [
    Credentials(ACCOUNT, TOKEN, None, None),
    Credentials(ACCOUNT, None, "someone@example.com", "0123456789abcdef0123456789abcdef01234"),
]


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with EmulatorProcess("--index", "somebodys-index:32", "--visible", "immediately") as process:
        yield process.base_url


@pytest.mark.parametrize("credentials", CREDENTIALS, ids=["token", "email and key"])
def test_recordings_are_complete_and_hold_no_secret(base_url: str, tmp_path: Path, credentials: Credentials) -> None:
    assert record("live", Recorder("somebodys-index", credentials, base_url), credentials, tmp_path) == 0
    recordings = load_recordings(tmp_path)
    assert len(recordings) == len(PROBES) + 3
    strict = Fragment.load(strict=True)
    for path, recording in zip(sorted(tmp_path.iterdir()), recordings.values(), strict=True):
        assert problems(strict, recording) == set()
        text = path.read_text(encoding="utf-8")
        assert not secrets_in(text)
        assert "somebodys-index" not in text
        assert not [secret for secret in (ACCOUNT, TOKEN, credentials.api_key) if secret and secret in text]

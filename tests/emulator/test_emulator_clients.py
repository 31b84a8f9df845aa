"""Clients in the wild, which know nothing of the emulator: those of Cloudflare where they are installed, and curl."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from raw_api import ACCOUNT, NDJSON, ndjson, vector

if TYPE_CHECKING:
    from raw_api import Api

# A folder with the npm packages `cloudflare` and `wrangler`; `nox -s clients` makes one.
NPM = os.environ.get("EMULATOR_NPM_CLIENTS")
needs_npm = pytest.mark.skipif(not NPM, reason="the npm clients are tried by `nox -s clients`")
LINES = ndjson(vector("a", metadata={"k": "v"}), vector("b", namespace="n"))

TYPESCRIPT = """
import Cloudflare from "cloudflare";
import fs from "fs";
const [index, account_id, file] = process.argv.slice(2);
const {indexes} = new Cloudflare().vectorize;
const headers = {"Content-Type": "application/x-ndjson"};
await indexes.insert(index, {account_id, body: fs.createReadStream(file)}, {headers});
const found = await indexes.getByIDs(index, {account_id, ids: ["a", "b", "nobody"]});
console.log(found.map(item => `${item.id} ${item.namespace} ${item.values.length}`).join());
"""


@pytest.fixture
def file(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    base_url = f"{str(api.client.base_url).rstrip('/')}/client/v4"
    for name in ("CLOUDFLARE_BASE_URL", "CLOUDFLARE_API_BASE_URL"):
        monkeypatch.setenv(name, base_url)
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", ACCOUNT)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "any-token")
    monkeypatch.setenv("WRANGLER_SEND_METRICS", "false")
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(LINES)
    return path


@pytest.mark.filterwarnings("ignore:Passing raw bytes:DeprecationWarning")  # the only form it takes
def test_the_official_python_sdk(api: Api, file: Path) -> None:
    cloudflare = pytest.importorskip("cloudflare", reason="tried by `nox -s clients`")
    with cloudflare.Cloudflare() as client:
        indexes = client.vectorize.indexes
        with pytest.raises(cloudflare.BadRequestError, match=r"vectorize\.unknown_content_type"):
            indexes.insert(api.index, account_id=ACCOUNT, body=file.read_bytes())
        answer = indexes.insert(api.index, account_id=ACCOUNT, body=file.read_bytes(), extra_headers=NDJSON)
        assert answer.mutation_id
        found = indexes.get_by_ids(api.index, account_id=ACCOUNT, ids=["a", "b", "nobody"])
    assert {item["id"]: item["namespace"] for item in found} == {"a": None, "b": "n"}


def test_requests_with_a_file(api: Api, file: Path) -> None:
    requests = pytest.importorskip("requests", reason="tried by `nox -s clients`")
    url = f"{os.environ['CLOUDFLARE_BASE_URL']}/accounts/{ACCOUNT}/vectorize/v2/indexes/{api.index}/insert"
    with file.open("rb") as opened:
        answer = requests.post(
            url, headers={"Authorization": "Bearer any-token"}, files={"vectors": opened}, timeout=60
        )
    assert answer.json()["success"]
    assert set(api.found("a", "b")) == {"a", "b"}


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize("form", [["-H", "Content-Type: application/x-ndjson", "--data-binary"], ["--form"]])
def test_curl(api: Api, file: Path, form: list[str]) -> None:
    url = f"{os.environ['CLOUDFLARE_BASE_URL']}/accounts/{ACCOUNT}/vectorize/v2/indexes/{api.index}/insert"
    source = f"vectors=@{file}" if form == ["--form"] else f"@{file}"
    command = ["curl", "-fsS", url, "-H", "Authorization: Bearer any-token", *form, source]
    subprocess.run(command, check=True, capture_output=True)
    assert set(api.found("a", "b")) == {"a", "b"}


@needs_npm
def test_the_official_typescript_sdk(api: Api, file: Path) -> None:
    assert NPM is not None
    script = Path(NPM) / "client.mjs"
    script.write_text(TYPESCRIPT)
    run = subprocess.run(["node", script, api.index, ACCOUNT, file], check=True, capture_output=True, text=True)
    assert run.stdout == "a null 32,b n 32\n"


@needs_npm
def test_wrangler(api: Api, file: Path) -> None:
    assert NPM is not None
    wrangler = [Path(NPM) / "node_modules/.bin/wrangler", "vectorize"]
    run = subprocess.run(
        [*wrangler, "insert", api.index, "--file", file], cwd=file.parent, check=True, capture_output=True, text=True
    )
    assert "Successfully enqueued 2 vectors" in run.stdout
    command = [*wrangler, "get-vectors", api.index, "--ids", "a", "b"]
    run = subprocess.run(command, cwd=file.parent, check=True, capture_output=True, text=True)
    assert '"namespace": "n"' in run.stdout

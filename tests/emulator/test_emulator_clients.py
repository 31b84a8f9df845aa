"""Clients in the wild, which know nothing of the emulator: those of Cloudflare where they are installed, and curl."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from raw_api import ACCOUNT, DIMENSIONS, NDJSON, ndjson, vector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raw_api import Api

# A folder with the npm packages `cloudflare` and `wrangler`; `nox -s clients` makes one.
NPM = os.environ.get("EMULATOR_NPM_CLIENTS")
needs_npm = pytest.mark.skipif(not NPM, reason="the npm clients are tried by `nox -s clients`")
LINES = ndjson(vector("a", metadata={"k": "v"}), vector("b", namespace="n"))
# What docs/emulator.md calls the index of its examples.
INDEX = "articles"


@pytest.fixture
def file(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    api.index = INDEX
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", f"{str(api.client.base_url).rstrip('/')}/client/v4")
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", ACCOUNT)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "any-token")
    monkeypatch.setenv("WRANGLER_SEND_METRICS", "false")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert api.emulator is not None
    api.emulator.reset_index(ACCOUNT, INDEX)
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(LINES)
    return path


def documented(pytestconfig: pytest.Config, name: str) -> str:
    """Return the example of docs/emulator.md that begins with a comment of this name."""
    text = (pytestconfig.rootpath / "docs/emulator.md").read_text(encoding="utf-8")
    found = re.search(rf"^```(?:sh|ts|python)\n(?:#|//) {re.escape(name)}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


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
def test_curl_as_documented(api: Api, file: Path, pytestconfig: pytest.Config) -> None:
    script = "set -eu\n" + documented(pytestconfig, "curl")
    printed = run("sh", "-c", script, cwd=file.parent)
    assert printed.count('"mutationId":"') == 2
    assert printed.endswith(json.dumps(list(api.found("a", "b").values()), separators=(",", ":")) + "}")


@pytest.fixture
def npm_folder(file: Path) -> Iterator[Path]:
    """Yield a folder from which the npm packages are found, with the file of vectors in it."""
    assert NPM is not None
    with tempfile.TemporaryDirectory(dir=NPM) as folder:
        shutil.copy(file, folder)
        yield Path(folder)


@needs_npm
def test_the_official_typescript_sdk_as_documented(npm_folder: Path, pytestconfig: pytest.Config) -> None:
    script = npm_folder / "client.mjs"
    script.write_text(documented(pytestconfig, "client.mjs"))
    assert run("node", script, cwd=npm_folder) == "a null 32,b n 32\n"


@needs_npm
def test_wrangler_as_documented(npm_folder: Path, pytestconfig: pytest.Config) -> None:
    printed = run("sh", "-c", "set -eu\n" + documented(pytestconfig, "wrangler"), cwd=npm_folder)
    assert "Successfully enqueued 2 vectors" in printed
    assert '"namespace": "n"' in printed


def test_langchain_as_documented(api: Api, file: Path, pytestconfig: pytest.Config) -> None:
    pytest.importorskip("langchain_cloudflare", reason="tried by `nox -s clients`")
    script = file.parent / "with_langchain.py"
    script.write_text(documented(pytestconfig, "with_langchain.py"))
    assert run(sys.executable, script, cwd=file.parent) == "[('a', 1), ('b', 2)]\n"
    assert set(api.found("a", "b")) == {"a", "b"}


@pytest.mark.parametrize("module", ["cloudflare", "langchain_cloudflare"])
def test_the_page_on_other_clients_says_what_they_do(
    module: str, api: Api, file: Path, pytestconfig: pytest.Config
) -> None:
    pytest.importorskip(module, reason="tried by `nox -s clients`")
    text = (pytestconfig.rootpath / "docs/how-to/other-clients.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (script,) = [block for block in blocks if f"from {module} import" in block]
    run(sys.executable, "-W", "ignore", "-c", script, cwd=file.parent)
    assert api.emulator is not None
    # Sent, and read back.
    assert [record.status for record in api.emulator.activity.records()[-2:]] == [200, 200]


def test_langchain_is_told_what_the_emulator_lacks(api: Api, file: Path) -> None:
    langchain = pytest.importorskip("langchain_cloudflare", reason="tried by `nox -s clients`")
    embeddings = pytest.importorskip("langchain_core.embeddings")
    store = langchain.CloudflareVectorize(
        embedding=embeddings.DeterministicFakeEmbedding(size=DIMENSIONS),
        account_id=ACCOUNT,
        api_token="any-token",
        base_url=os.environ["CLOUDFLARE_BASE_URL"],
        index_name=INDEX,
    )
    assert file.exists()
    with pytest.raises(Exception, match="404"):
        store.similarity_search("one")
    record = api.emulator.activity.records()[-1]  # type: ignore[union-attr]
    assert record.message is not None
    assert "Cloudflare's endpoint `query`: this emulator has insert and get_by_ids only" in record.message

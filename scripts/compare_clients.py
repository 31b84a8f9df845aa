"""Try the clients that people have on the emulator, and write what was seen into README.md: `nox -s compare`."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import cloudflare
import langchain_cloudflare
import orjson
from langchain_core.embeddings import DeterministicFakeEmbedding

import cf_vectorize
from cf_vectorize_emulator import Fault, Settings, Visibility, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from cf_vectorize_emulator.server import LocalServer

README = Path(__file__).parent.parent / "README.md"
START, END = "<!-- clients: written by `nox -s compare` -->\n", "<!-- clients: end -->\n"
ACCOUNT: Final = "0" * 32
TOKEN: Final = "any-token"
DIMENSIONS: Final = 32
COUNTER = itertools.count()


def line(number: int) -> bytes:
    """Return one vector as a line of NDJSON."""
    return orjson.dumps({"id": f"v{number}", "values": [number + 0.5] * DIMENSIONS}) + b"\n"


class Client(Protocol):
    """What is asked of every client; an exception is an answer too."""

    name: str

    def load(self, file: Path, index: str) -> None:
        """Insert a file of NDJSON as well as the client can."""

    def get(self, ids: list[str], index: str) -> int:
        """Return how many of the ids came back."""


class Ours:
    """The client of this repository."""

    name = "cf-vectorize"

    def load(self, file: Path, index: str) -> None:
        """Insert with what is rejected put aside."""
        with cf_vectorize.Vectorize(index) as client:
            client.insert(file, rejects=file.with_suffix(".rejects"))

    def get(self, ids: list[str], index: str) -> int:
        """Look all of them up."""
        with cf_vectorize.Vectorize(index) as client:
            return len(client.get_by_ids(ids))


class Sdk:
    """Cloudflare's own Python SDK."""

    name = f"Python SDK `cloudflare` {cloudflare.__version__}"

    def __init__(self) -> None:
        self.client = cloudflare.Cloudflare(api_token=TOKEN, base_url=os.environ["CLOUDFLARE_BASE_URL"])

    def as_file(self, file: Path, index: str) -> None:
        """Insert the open file, as its signature says."""
        with file.open("rb") as opened:
            self.client.vectorize.indexes.insert(index, account_id=ACCOUNT, body=opened)

    def load(self, file: Path, index: str) -> None:
        """Insert in the one way that arrives: the whole file in memory, and a header set by hand."""
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            self.client.vectorize.indexes.insert(
                index,
                account_id=ACCOUNT,
                body=file.read_bytes(),
                extra_headers={"Content-Type": "application/x-ndjson"},
            )

    def get(self, ids: list[str], index: str) -> int:
        """Look all of them up."""
        answer = self.client.vectorize.indexes.get_by_ids(index, account_id=ACCOUNT, ids=ids)
        assert isinstance(answer, list)
        return len(answer)


class Wrangler:
    """Cloudflare's command line."""

    name = "wrangler"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"wrangler {self.run('--version').strip()}"

    def run(self, *arguments: str) -> str:
        """Run it with the Node.js that it wants, and return what it printed."""
        path = f"{self.folder / 'node_modules' / '.bin'}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["wrangler", *arguments],
            env={**os.environ, "PATH": path},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, done.args, done.stdout + done.stderr)
        return done.stdout

    def load(self, file: Path, index: str) -> None:
        """Insert the file."""
        self.run("vectorize", "insert", index, "--file", str(file))

    def get(self, ids: list[str], index: str) -> int:
        """Look all of them up."""
        return self.run("vectorize", "get-vectors", index, "--ids", *ids).count('"values"')


class LangChain:
    """Cloudflare's store for LangChain, which takes texts and not files: each line becomes one."""

    name = f"langchain-cloudflare {version('langchain-cloudflare')}"

    def store(self, index: str) -> langchain_cloudflare.CloudflareVectorize:
        """Return its store for one index."""
        return langchain_cloudflare.CloudflareVectorize(
            embedding=DeterministicFakeEmbedding(size=DIMENSIONS),
            account_id=ACCOUNT,
            api_token=TOKEN,
            base_url=os.environ["CLOUDFLARE_BASE_URL"],
            index_name=index,
        )

    def load(self, file: Path, index: str) -> None:
        """Add a text for each line."""
        ids = [orjson.loads(each)["id"] for each in file.read_bytes().splitlines()]
        self.store(index).add_texts(ids, ids=ids)

    def get(self, ids: list[str], index: str) -> int:
        """Look all of them up."""
        return len(self.store(index).get_by_ids(ids))


class Question(NamedTuple):
    """A file that is to be loaded, or ids that are to be read, and how many of them ought to arrive."""

    asks: str
    vectors: int
    then: Callable[[Client, Path, str], int | None]
    fault: Fault | None = None
    bad: bytes = b""


def load(client: Client, file: Path, index: str) -> None:
    """Insert in the way in which the client can."""
    client.load(file, index)


def load_file(client: Client, file: Path, index: str) -> None:
    """Insert the file itself."""
    (client.as_file if isinstance(client, Sdk) else client.load)(file, index)


def read(client: Client, file: Path, index: str) -> int:
    """Insert with this client, and read with the other."""
    with cf_vectorize.Vectorize(index) as loader:
        loader.insert(file)
    return client.get([orjson.loads(each)["id"] for each in file.read_bytes().splitlines()], index)


QUESTIONS = [
    Question("inserts a file of NDJSON", 3, load_file),
    Question("inserts 120,000 vectors", 120_000, load),
    Question("inserts, the first answer being 503", 3, load, fault=Fault(status=503)),
    Question("inserts, one line of four being bad", 3, load, bad=b'{"id": "bad", "values": [NaN]}\n'),
    Question("reads 21 ids", 21, read),
]


def ask(question: Question, client: Client, server: LocalServer, folder: Path) -> str:
    """Return what was seen: how many arrived, and the exception's name or status."""
    if isinstance(client, LangChain) and (question.bad or question.then is load_file):
        return "takes texts, no files"
    index = f"i{next(COUNTER)}"
    file = folder / f"{index}.ndjson"
    lines = [line(number) for number in range(question.vectors)]
    file.write_bytes(b"".join([*lines[:1], question.bad, *lines[1:]]))
    if question.fault:
        server.emulator.inject(question.fault)
    said, arrived = "", 0
    try:
        arrived = question.then(client, file, index) or 0
    except Exception as error:  # noqa: BLE001 - however a client fails, that is its answer
        print(f"    {type(error).__name__}: {error}"[:600])
        said = f", {reason(error)}"
    server.emulator.clear_faults()
    if question.then is not read:
        arrived = sum(found.vectors for found in server.emulator.service.store.indexes() if found.name == index)
    if arrived < question.vectors and not said:
        said = ", without an error"
    return f"{arrived:,} of {question.vectors:,}{said}"


def reason(error: Exception) -> str:
    """Return in a word or two why a client gave up."""
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, subprocess.CalledProcessError):
        print(error.stdout)
        return f"exit {error.returncode}"
    return f"HTTP {status}" if status else f"`{type(error).__name__}`"


def main() -> None:
    """Try all, print all, and write the table."""
    settings = Settings(visibility=Visibility.parse("immediately"))
    with serve(settings) as server, tempfile.TemporaryDirectory() as name:
        os.environ |= {
            "CLOUDFLARE_BASE_URL": server.base_url,
            "CLOUDFLARE_API_BASE_URL": server.base_url,
            "CLOUDFLARE_ACCOUNT_ID": ACCOUNT,
            "CLOUDFLARE_API_TOKEN": TOKEN,
            "WRANGLER_SEND_METRICS": "false",
            "HOME": name,
        }
        clients: list[Client] = [Ours(), Sdk(), Wrangler(Path(sys.argv[1])), LangChain()]
        rows = [["", *(client.name for client in clients)], ["---"] * (len(clients) + 1)]
        for question in QUESTIONS:
            rows.append([question.asks])
            for client in clients:
                rows[-1].append(ask(question, client, server, Path(name)))
                print(f"{client.name} {question.asks}: {rows[-1][-1]}", flush=True)
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    before, _, rest = README.read_text(encoding="utf-8").partition(START)
    README.write_text(f"{before}{START}\n{table}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()

"""The emulator as users meet it in Python: the pytest fixture, the transport, the server in a thread."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys

import httpx
import pytest
from raw_api import ACCOUNT, AUTHORIZED, NDJSON, ndjson, vector

import cf_vectorize_emulator
from cf_vectorize_emulator.core.faults import Fault
from cf_vectorize_emulator.core.visibility import Visibility
from cf_vectorize_emulator.emulator import Settings
from cf_vectorize_emulator.inprocess import EmulatorTransport
from cf_vectorize_emulator.server import Address, serve

pytest_plugins = ["pytester"]

CLOUDFLARE = "https://api.cloudflare.com/client/v4"
INSERT = f"{CLOUDFLARE}/accounts/{ACCOUNT}/vectorize/v2/indexes/i/insert"
GET = INSERT.replace("insert", "get_by_ids")
NOW = Settings(visibility=Visibility.parse("immediately"))


def test_the_core_knows_nothing_of_http(pytestconfig: pytest.Config) -> None:
    core = pytestconfig.rootpath / "emulator/cf_vectorize_emulator/core"
    imported = {
        name
        for path in core.glob("*.py")
        for name in re.findall(r"^\s*(?:from|import) ([\w.]+)", path.read_text(), re.MULTILINE)
    }
    assert {".lines", ".store", "orjson"} <= imported
    assert {name.split(".")[0] for name in imported}.isdisjoint(
        {"cf_vectorize_emulator", "starlette", "uvicorn", "httpx", "h11", "anyio", "http", "python_multipart"}
    )
    assert not [name for name in imported if name.startswith("..")]


def test_every_public_name_is_there_and_no_other() -> None:
    assert all(getattr(cf_vectorize_emulator, name).__name__ == name for name in cf_vectorize_emulator.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        cf_vectorize_emulator.nothing  # noqa: B018


def test_the_plugin_costs_a_run_that_does_not_use_it_nothing() -> None:
    script = (
        "import sys, pytest, cf_vectorize_emulator.pytest_plugin as plugin;"
        "print([name for name in ('numpy', 'starlette', 'uvicorn', 'httpx', 'orjson') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert run.stdout == "[]\n"


def test_help_needs_no_extra() -> None:
    script = (
        "import sys, argparse\n"
        "for name in ('numpy', 'starlette', 'uvicorn', 'anyio', 'python_multipart'): sys.modules[name] = None\n"
        "from cf_vectorize_emulator.command import add_arguments; add_arguments(argparse.ArgumentParser())"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


WITHOUT_UVICORN = "import sys; sys.modules['uvicorn'] = None; "
EXTRA = "the emulator is an extra: pip install 'cf-vectorize[emulator]'"


@pytest.mark.parametrize(
    "start",
    [
        "sys.argv = ['cf-vectorize', 'emulate']; import runpy; runpy.run_module('cf_vectorize', run_name='__main__')",
        "from cf_vectorize_emulator import __main__",
    ],
)
def test_the_command_without_its_extra_says_what_to_install(start: str) -> None:
    run = subprocess.run([sys.executable, "-c", WITHOUT_UVICORN + start], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (2, f"error: import of uvicorn halted; None in sys.modules; {EXTRA}\n")


def test_the_fixture_without_its_extra_says_what_to_install(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(WITHOUT_UVICORN)
    pytester.makepyfile("def test_one(vectorize_emulator): pass")
    run = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    run.assert_outcomes(errors=1)
    run.stdout.fnmatch_lines([f"vectorize_emulator: import of uvicorn halted*; {EXTRA.replace('[', '[[]')}"])
    run.stdout.no_fnmatch_line("*another exception*")


def test_a_client_of_httpx_is_answered_without_a_socket() -> None:
    with EmulatorTransport(NOW) as transport, httpx.Client(transport=transport, headers=AUTHORIZED) as client:
        assert client.post(INSERT, content=iter([ndjson(vector("a"))]), headers=NDJSON).is_success
        assert client.post(INSERT, files={"vectors": ("v", ndjson(vector("b")))}).is_success
        assert len(client.post(GET, json={"ids": ["a", "b"]}).json()["result"]) == 2
        transport.emulator.faults.add(Fault(reset="after"), Fault(truncate=3), Fault(status=502, html=True))
        for _ in range(2):
            with pytest.raises(httpx.ReadError):
                client.post(GET, json={"ids": ["a"]})
        assert client.post(GET, json={"ids": ["a"]}).status_code == 502


def test_an_async_client_of_httpx_is_answered_without_a_socket() -> None:
    async def exchange() -> int:
        async with httpx.AsyncClient(transport=EmulatorTransport(NOW), headers=AUTHORIZED) as client:
            await client.post(INSERT, content=ndjson(vector("a")), headers=NDJSON)
            answers = await asyncio.gather(*(client.post(GET, json={"ids": ["a"]}) for _ in range(20)))
            return sum(len(answer.json()["result"]) for answer in answers)

    assert asyncio.run(exchange()) == 20


def test_a_server_that_cannot_listen_says_so() -> None:
    with serve() as server:
        port = httpx.URL(server.base_url).port
        assert port is not None
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}"), serve(address=Address(port=port)):
            pass


@pytest.mark.parametrize("address", [Address(port=70_000), Address(host="n" * 300), Address(port=-1)])
def test_an_address_that_cannot_be_is_no_wait_for_ever(address: Address) -> None:
    with pytest.raises(OSError, match="cannot listen on "), serve(address=address):
        pass

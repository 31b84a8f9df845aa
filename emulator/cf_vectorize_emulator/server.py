"""The emulator as a server: in this process, in a thread, or in a process of its own."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, Self

import uvicorn

from .emulator import Emulator, Settings, open_emulator
from .http.app import create_app
from .http.guard import Guard
from .http.wire import Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from socket import socket

READY: Final = "listening on "
GRACE_SECONDS: Final = 2
LOG: Final = logging.getLogger("cf_vectorize_emulator")


@dataclass(frozen=True)
class Address:
    """Where a server listens, and under which names it may be called.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        names: Host names for it beside `localhost` and IP addresses.

    """

    host: str = "127.0.0.1"
    port: int = 0
    names: Sequence[str] = ()


class Server(uvicorn.Server):
    """uvicorn, which tells its base URL once it listens, and leaves signals to its owner."""

    def __init__(self, emulator: Emulator, address: Address, on_ready: Callable[[str], None]) -> None:
        super().__init__(
            uvicorn.Config(
                Guard(create_app(emulator), {address.host, *address.names}),
                host=address.host,
                port=address.port,
                loop="asyncio",
                http=Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._on_ready = on_ready
        self._open = emulator.token is None

    async def serve(self, sockets: list[socket] | None = None) -> None:
        """Listen until it is stopped.

        Raises:
            OSError: It cannot listen where it should.

        """
        failures: list[BaseException] = []
        here = threading.get_ident()

        def keep(record: logging.LogRecord) -> bool:
            # uvicorn logs why it cannot listen, and then only exits.
            if record.thread == here and isinstance(record.msg, OSError):
                failures.append(record.msg)
            return record.thread != here or not isinstance(record.msg, OSError)

        logger = logging.getLogger("uvicorn.error")
        logger.addFilter(keep)
        try:
            await super().serve(sockets)
        except (SystemExit, OverflowError, UnicodeError) as error:
            raise self._cannot_listen(failures[0] if failures else error) from None
        finally:
            logger.removeFilter(keep)

    def _cannot_listen(self, why: BaseException) -> OSError:
        number = why.errno if isinstance(why, OSError) else None
        # A number of the system's; that of a name that is not known is below 0.
        reason = os.strerror(number) if number and number > 0 else getattr(why, "strerror", None) or why
        return OSError(number, f"cannot listen on {self.config.host}:{self.config.port}: {reason}")

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Take no signal."""
        return nullcontext()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Listen, and say where."""
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        if self._open and not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
            LOG.warning(
                "%s:%d is not the loopback address: whoever reaches it can read, write and control; set a token",
                host,
                port,
            )
        self._on_ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/client/v4")

    def stop(self) -> None:
        """Finish what is being answered, and end."""
        self.should_exit = True


def run(settings: Settings, address: Address, on_ready: Callable[[str], None]) -> None:
    """Serve in this thread, which must be the main one, until SIGINT or SIGTERM.

    Args:
        settings: How the emulator is set up.
        address: Where it listens.
        on_ready: Called with the base URL once it does.

    """

    async def serve_until_signal() -> None:
        # Not the loop's own handlers, which Windows lacks: uvicorn looks ten times a second whether it was stopped.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: server.stop())
        await server.serve()

    with open_emulator(settings) as emulator:
        server = Server(emulator, address, on_ready)
        asyncio.run(serve_until_signal())


@dataclass(frozen=True)
class LocalServer:
    """A server in a thread of this process.

    Args:
        base_url: What `CLOUDFLARE_BASE_URL` must be.
        emulator: What it serves.

    """

    base_url: str
    emulator: Emulator


@contextmanager
def serve(settings: Settings | None = None, address: Address | None = None) -> Iterator[LocalServer]:
    """Serve from a thread of this process for the length of the block.

    Args:
        settings: How the emulator is set up; the command line's defaults where not given.
        address: Where it listens; a free port of 127.0.0.1 where not given.

    Raises:
        OSError: It cannot listen there.

    Example:
        >>> import httpx
        >>> from cf_vectorize_emulator import Settings, serve
        >>> with serve(Settings(indexes={"my-index": 32})) as server:
        ...     url = f"{server.base_url}/accounts/any/vectorize/v2/indexes/my-index/get_by_ids"
        ...     httpx.post(url, headers={"Authorization": "Bearer any"}, json={"ids": ["a"]}).json()["result"]
        []

    """
    address = address or Address()
    ready: SimpleQueue[str | Exception] = SimpleQueue()
    with open_emulator(settings or Settings()) as emulator:
        server = Server(emulator, address, ready.put)

        def serve_until_stopped() -> None:
            try:
                asyncio.run(server.serve())
            except Exception as error:  # noqa: BLE001 - told by the owner of the block, who would wait for ever
                ready.put(error)

        thread = threading.Thread(target=serve_until_stopped, name="cf-vectorize-emulator")
        thread.start()
        try:
            told = ready.get()
            if isinstance(told, Exception):
                raise told
            yield LocalServer(told, emulator)
        finally:
            server.stop()
            thread.join()


class EmulatorProcess:
    """A server in a process of its own, which can be killed.

    Args:
        arguments: Of the command line, but for `--port`.
        port: Port to listen on; 0 takes a free one.

    """

    def __init__(self, *arguments: str, port: int = 0) -> None:
        command = [sys.executable, "-m", "cf_vectorize_emulator", "--port", str(port), *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
        self.base_url = self._wait_until_ready()

    def _wait_until_ready(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if READY in line:
                return line.partition(READY)[2].strip()
        raise RuntimeError(f"the emulator ended with exit code {self.process.wait()} before it listened")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def kill(self) -> None:
        """End it at once, as SIGKILL does."""
        self._end(self.process.kill)

    def stop(self) -> None:
        """Let it finish what it is doing; on Windows, end it at once."""
        self._end(self.process.terminate)

    def _end(self, end: Callable[[], None]) -> None:
        end()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

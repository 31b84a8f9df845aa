"""The emulator as a server: in this process, in a thread, or in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import uvicorn

from .app import create_app
from .service import Service
from .store import Store
from .visibility import Visibility

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from starlette.types import ASGIApp

READY: Final = "listening on "


@dataclass(frozen=True)
class Settings:
    """How an emulator is set up.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        data: Folder of the data file; None keeps nothing beyond the server's life.
        indexes: Dimensions of indexes that exist from the start, by name.
        declared_only: Refuse an insert into any other index instead of creating it.
        visibility: When accepted vectors become readable.
        token: The only token that is accepted; None accepts any well-formed one.

    """

    host: str = "127.0.0.1"
    port: int = 0
    data: Path | None = None
    indexes: Mapping[str, int] = field(default_factory=dict)
    declared_only: bool = False
    visibility: Visibility = field(default_factory=Visibility)
    token: str | None = field(default=None, repr=False)


@contextmanager
def service(settings: Settings) -> Iterator[Service]:
    """Open the data file, and close it (or delete it, where nothing is to be kept) at the end."""
    temporary = (
        tempfile.TemporaryDirectory(prefix="vectorize-") if settings.data is None else nullcontext(settings.data)
    )
    with temporary as folder:
        store = Store(Path(folder))
        try:
            yield Service(store, settings.visibility, declared=settings.indexes, declared_only=settings.declared_only)
        finally:
            store.close()


class Server(uvicorn.Server):
    """uvicorn, which tells its port once it listens, and leaves signals to its owner."""

    def __init__(self, app: ASGIApp, host: str, port: int, on_ready: Callable[[int], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=2,
            )
        )
        self._on_ready = on_ready

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Take no signal."""
        return nullcontext()

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Listen, and say where."""
        await super().startup(sockets)
        self._on_ready(self.servers[0].sockets[0].getsockname()[1])


def base_url(host: str, port: int) -> str:
    """Give what `CLOUDFLARE_BASE_URL` must be."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/client/v4"


def run(settings: Settings, on_ready: Callable[[str], None]) -> None:
    """Serve in this thread, which must be the main one, until SIGINT or SIGTERM."""

    async def serve_until_signal(server: Server) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, setattr, server, "should_exit", True)  # noqa: FBT003
        await server.serve()

    with service(settings) as running:
        app = create_app(running, settings.token)
        server = Server(app, settings.host, settings.port, lambda port: on_ready(base_url(settings.host, port)))
        asyncio.run(serve_until_signal(server))


@dataclass
class LocalServer:
    """A server in a thread of this process."""

    base_url: str
    service: Service


@contextmanager
def serve(settings: Settings | None = None) -> Iterator[LocalServer]:
    """Serve from a thread of this process, on a free port unless told otherwise, for the length of the block."""
    settings = settings or Settings()
    with service(settings) as running:
        ports: list[int] = []
        ready = threading.Event()

        def on_ready(port: int) -> None:
            ports.append(port)
            ready.set()

        server = Server(create_app(running, settings.token), settings.host, settings.port, on_ready)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve()), name="cf-vectorize-emulator")
        thread.start()
        try:
            while not ready.wait(0.05):
                if not thread.is_alive():
                    raise OSError(f"cannot listen on {settings.host}:{settings.port}")
            yield LocalServer(base_url(settings.host, ports[0]), running)
        finally:
            server.should_exit = True
            thread.join()


class EmulatorProcess:
    """A server in a process of its own, which can be killed.

    Args:
        arguments: Of the command line, but for `--port`.
        port: Port to listen on; 0 takes a free one.

    """

    def __init__(self, *arguments: str, port: int = 0) -> None:
        command: Sequence[str] = [sys.executable, "-m", __package__, "--port", str(port), *arguments]
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
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Let it finish what it is doing."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

"""Makes Python what it is on another system, as far as that can be had here: in this process and all that it starts.

`SYSTEM` in the environment says which: windows or macos.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

LONGEST_WAIT = 1.0


def locking(descriptor: int, mode: int, _: int) -> None:
    """Lock as Windows does: at once, or an error."""
    try:
        fcntl.flock(descriptor, {1: fcntl.LOCK_EX, 2: fcntl.LOCK_EX | fcntl.LOCK_NB, 0: fcntl.LOCK_UN}[mode])
    except BlockingIOError:
        raise OSError(errno.EACCES, "Permission denied") from None


def refusing_open(operation: Any) -> Any:
    """Refuse to delete a file, or to write another over it, while it is open."""

    def refuse_open(*paths: Any, **options: Any) -> None:
        last = os.path.realpath(paths[-1])
        for descriptor in Path("/proc/self/fd").iterdir():
            if os.path.realpath(descriptor) == last:
                raise PermissionError(errno.EACCES, "The process cannot access the file", str(last))
        operation(*paths, **options)

    return refuse_open


def unheard(wait: Any) -> Any:
    """Fail a wait of the main thread that is long: Ctrl-C comes only after it."""

    def wait_unheard(self: threading.Condition, timeout: float | None = None) -> bool:
        long = timeout is None or timeout > LONGEST_WAIT
        starting = sys._getframe(2).f_code is threading.Thread.start.__code__
        if long and not starting and threading.current_thread() is threading.main_thread():
            # An exception may be told as an error of something else.
            sys.stderr.write(f"the main thread waits for {timeout} s, and Ctrl-C with it\n")
            traceback.print_stack()
            os._exit(99)
        heard: bool = wait(self, timeout)
        return heard

    return wait_unheard


def lacking(*_: object) -> NoReturn:
    """Be a method that its class only declares."""
    raise NotImplementedError


def be_windows() -> None:
    """Take away what Windows lacks."""
    sys.modules["msvcrt"] = SimpleNamespace(locking=locking, LK_NBLCK=2, LK_LOCK=1, LK_UNLCK=0)  # type: ignore[assignment]
    for name in ("fcntl", "termios", "resource", "pwd", "grp"):
        sys.modules[name] = None  # type: ignore[assignment]
    for name in ("pread", "preadv", "pwrite", "pwritev", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC", "fchmod"):
        delattr(os, name)
    del signal.pthread_sigmask
    os.unlink = os.remove = refusing_open(os.unlink)
    os.rename, os.replace = refusing_open(os.rename), refusing_open(os.replace)
    asyncio.SelectorEventLoop.add_signal_handler = lacking  # type: ignore[assignment, method-assign]
    threading.Condition.wait = unheard(threading.Condition.wait)  # type: ignore[method-assign]


def be_macos() -> None:
    """Take away what macOS lacks: it tells of a terminal only what is not sent yet, and older ones have no preadv."""
    ioctl = fcntl.ioctl

    def ioctl_of_terminals(descriptor: int, *arguments: Any) -> Any:
        if not os.isatty(descriptor):
            raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")
        return ioctl(descriptor, *arguments)

    fcntl.ioctl = ioctl_of_terminals
    del os.preadv


{"windows": be_windows, "macos": be_macos}[os.environ["SYSTEM"]]()

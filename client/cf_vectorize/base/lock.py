"""A lock on an open file, which one process at a time can hold: the one place that knows the system's way to it."""

from __future__ import annotations

import errno
import os
from typing import Any, Final

fcntl: Any
msvcrt: Any
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

# Windows locks a range, and nobody else can read what is in it: this one lies behind the end of any file.
_FAR: Final = 1 << 40


def lock(descriptor: int, *, wait: bool = False) -> bool:
    """Lock a file until it is unlocked or closed, and return whether that succeeded.

    Args:
        descriptor: An open file.
        wait: Whether to wait for another holder, in this process or in another, rather than return False.

    Raises:
        OSError: The file system has no locks.

    """
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True
    while True:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            # Waiting ends with an error after ten seconds.
            msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EDEADLOCK}:
                raise
            if wait:
                continue
            return False
        return True


def unlock(descriptor: int) -> None:
    """Let the next one have the file."""
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    else:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

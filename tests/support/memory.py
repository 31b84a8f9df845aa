"""The most memory that a process had, measured from outside of the one that runs the tests."""

from __future__ import annotations

# Not `ru_maxrss`, which begins with what the parent had when it started this process.
PEAK = """
def peak():
    status = open("/proc/self/status").read().split()
    return 1024 * int(status[status.index("VmHWM:") + 1])
"""

"""What is run side by side: command lines whose `{…}` the bench fills in."""

from __future__ import annotations

from pathlib import Path

PROGRAMS = Path(__file__).with_name("programs")

# Environments, made by the nox session: {here} holds them.
OURS = "{here}/ours/bin"
FAST = "{here}/fast/bin"
SDK = "{here}/sdk/bin"

SDK_SYNC = (f"{SDK}/python", f"{PROGRAMS}/sdk_sync.py", "{data}")
SDK_ASYNC = (f"{SDK}/python", f"{PROGRAMS}/sdk_async.py", "{data}")
RAW = (f"{FAST}/python", f"{PROGRAMS}/raw.py", "{data}")
TRANSFER = (f"{FAST}/python", f"{PROGRAMS}/transfer.py", "{data}")
WRANGLER = (
    "node", "{here}/node_modules/wrangler/bin/wrangler.js", "vectorize", "insert", "bench", "--file", "{data}",
)  # fmt: skip
CURL = (
    "curl", "--silent", "--show-error", "--fail", "--upload-file", "{data}", "--header", "Expect:",
    "--header", "Content-Type: application/x-ndjson", "--cacert", "{certificate}", "{url}/insert",
)  # fmt: skip


def ours(*options: str, fast: bool = True) -> tuple[str, ...]:
    """Give a load by our command line, with or without the extra `fast`."""
    return (f"{FAST if fast else OURS}/cf-vectorize", "insert", "bench", "{data}", *options)

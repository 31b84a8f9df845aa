"""How the programs beside this one cut a file into requests."""

from collections.abc import Iterator
from pathlib import Path

BATCH_BYTES = 99_999_999


def read_batches(path: Path) -> Iterator[bytes]:
    """Yield the file in pieces that end at newlines, as someone with the SDK has to."""
    with path.open("rb") as file:
        rest = b""
        while block := file.read(BATCH_BYTES - len(rest)):
            batch = rest + block
            end = batch.rfind(b"\n") + 1
            yield batch[:end]
            rest = batch[end:]
        if rest:
            yield rest


def ranges(path: Path) -> Iterator[tuple[int, int]]:
    """Yield ranges of equal size, for a sink that knows no newlines."""
    size = path.stat().st_size
    for start in range(0, size, BATCH_BYTES):
        yield start, min(size, start + BATCH_BYTES)

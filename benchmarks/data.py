"""Makes NDJSON of several kinds; the same every time."""

import json
import random
from pathlib import Path

DIMENSIONS = 1536
# So many different vectors, over and over under new ids: what they hold matters to nobody here.
VECTORS = 300
LONGEST = 4_000_000  # what `cf_vectorize.source.cut` takes of a line, newline included
SHORT = b'{"id":"%d","values":[' + b",".join([b"0"] * 32) + b"]}\n"


def write(path: Path, kind: str, size: int, *, dimensions: int = DIMENSIONS, spread: float = 1) -> None:
    """Write a file of `size` bytes or a line more; of `size` lines where they are short ones.

    As Python prints floats, 1536 values a line are about 33 KB.
    """
    generator = random.Random(8)
    vectors = [json.dumps([generator.gauss(0, spread) for _ in range(dimensions)]).encode() for _ in range(VECTORS)]
    written = number = 0
    with path.open("wb") as file:
        while kind == "endless" and written < size:
            written += file.write(b"[" * 1_000_000)
        while kind == "short" and number < size:
            file.write(b"".join(SHORT % each for each in range(number, min(size, number + 10_000))))
            number += 10_000
        while kind in {"lines", "longest"} and written < size:
            line = b'{"id": "vector-%09d", "values": %b, "metadata": {"title": "Document %d", "year": 2024}}'
            line %= (number, vectors[number % VECTORS], number)
            written += file.write((line.ljust(LONGEST - 1) if kind == "longest" else line) + b"\n")
            number += 1

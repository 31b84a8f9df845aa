"""Makes NDJSON as Python prints floats: 1536 values a line are about 33 KB; the same every time."""

import json
import random
from pathlib import Path

DIMENSIONS = 1536
# So many different vectors, over and over under new ids: what they hold matters to nobody here.
VECTORS = 300


def write(path: Path, size: int, *, dimensions: int = DIMENSIONS, spread: float = 1) -> None:
    """Write a file of `size` bytes, or a line more."""
    generator = random.Random(8)
    vectors = [json.dumps([generator.gauss(0, spread) for _ in range(dimensions)]).encode() for _ in range(VECTORS)]
    written = number = 0
    with path.open("wb") as file:
        while written < size:
            line = b'{"id": "vector-%09d", "values": %b, "metadata": {"title": "Document %d", "year": 2024}}\n'
            written += file.write(line % (number, vectors[number % VECTORS], number))
            number += 1

"""Makes the NDJSON that is loaded: 1536 values a line as Python prints floats, about 33 KB; the same every time."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

DIMENSIONS = 1536
# So many different vectors, over and over under new ids: what they hold matters to nobody here.
VECTORS = 300


def main(path: Path, size: int) -> None:
    generator = random.Random(8)
    vectors = [json.dumps([generator.gauss() for _ in range(DIMENSIONS)]).encode() for _ in range(VECTORS)]
    written = number = 0
    with path.open("wb") as file:
        while written < size:
            line = b'{"id": "vector-%09d", "values": %b, "metadata": {"title": "Document %d", "year": 2024}}\n'
            written += file.write(line % (number, vectors[number % VECTORS], number))
            number += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

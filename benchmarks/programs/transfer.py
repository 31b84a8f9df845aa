"""The transfer alone: bodies through our transport, without planning. Prints the CPU seconds it takes."""

import json
import os
import sys
import time
from functools import partial
from pathlib import Path

from batches import ranges
from cf_vectorize.source.ranges import OpenFile, Segment
from cf_vectorize_overlay.body import CHUNK, Body
from cf_vectorize_overlay.index import Index


def main(path: Path) -> None:
    index = Index("bench", give_up_after=0)
    file = OpenFile(os.open(path, os.O_RDONLY), str(path))
    used = time.process_time()
    for start, stop in ranges(path):
        index.insert(Body(partial(Segment(file, start, stop).chunks, CHUNK), stop - start))
    print(json.dumps({"cpu": time.process_time() - used}))


main(Path(sys.argv[1]))

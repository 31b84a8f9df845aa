"""The transfer alone: bodies through our transport, without planning. Prints the CPU seconds it takes."""

import json
import os
import sys
import time
from pathlib import Path

from batches import ranges
from cf_vectorize_overlay.body import Body, OpenFile, Segment
from cf_vectorize_overlay.index import Attempts, Index


def main(path: Path) -> None:
    index = Index("bench", give_up_after=0)
    file = OpenFile(os.open(path, os.O_RDONLY), str(path))
    used = time.process_time()
    for start, stop in ranges(path):
        index.send(Body([Segment(file, start, stop)], lambda _: None), "error", Attempts())
    print(json.dumps({"cpu": time.process_time() - used}))


main(Path(sys.argv[1]))

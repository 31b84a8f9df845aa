"""The official SDK in the only form that reaches the wire right: bytes, and a Content-Type set by hand."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cloudflare import Cloudflare

from batches import read_batches

HEADERS = {"Content-Type": "application/x-ndjson"}


def main(path: Path, connections: int) -> None:
    client = Cloudflare()

    def send(batch: bytes) -> None:
        client.vectorize.indexes.insert("bench", account_id="account", body=batch, extra_headers=HEADERS)

    if connections == 1:
        for batch in read_batches(path):
            send(batch)
    else:
        with ThreadPoolExecutor(connections) as pool:
            list(pool.map(send, read_batches(path)))


main(Path(sys.argv[1]), int(sys.argv[2]))

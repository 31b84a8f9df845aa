"""The official SDK in the only form that reaches the wire right: bytes, and a Content-Type set by hand."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cloudflare import Cloudflare

from batches import read_batches


def main(path: str, connections: int) -> None:
    client = Cloudflare()

    def send(batch: bytes) -> None:
        client.vectorize.indexes.insert(
            "bench", account_id="account", body=batch, extra_headers={"Content-Type": "application/x-ndjson"}
        )

    if connections == 1:
        for batch in read_batches(Path(path)):
            send(batch)
    else:
        with ThreadPoolExecutor(connections) as pool:
            list(pool.map(send, read_batches(Path(path))))


main(sys.argv[1], int(sys.argv[2]))

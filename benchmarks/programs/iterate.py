"""Iterates over vectors by id, again and again those of one request."""

import itertools
import sys

from cf_vectorize import Vectorize


def main(base_url: str, requests: int, ids: list[str]) -> None:
    with Vectorize("bench", account_id="a", api_token="t", base_url=base_url, requests_per_5min=10**9) as index:
        for _ in index.iter_by_ids(itertools.chain.from_iterable(itertools.repeat(ids, requests))):
            pass


main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])

"""The product in one go, with no account: emulator up, real vectors in, vectors back, every value compared."""

from __future__ import annotations

import array
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from cf_vectorize import Vectorize
from cf_vectorize_emulator.server import serve

if TYPE_CHECKING:
    from collections.abc import Iterable

DIGITS = Path(__file__).parent.parent / "examples" / "digits.ndjson"
INDEX = "digits"


def as_float32(values: Iterable[float]) -> array.array[float]:
    """Round to what the service stores."""
    return array.array("f", values)


def picture(values: array.array[float]) -> str:
    """Draw the 8 x 8 image that a vector is."""
    top = max(values)
    rows = (values[row * 8 : row * 8 + 8] for row in range(8))
    return "\n".join("    " + "".join(" .:-=+*#%@"[round(value / top * 9)] * 2 for value in row) for row in rows)


def main() -> int:
    """Tell the story, and give 0 when every value came back as it was sent."""
    source = {line["id"]: line for line in map(orjson.loads, DIGITS.read_bytes().splitlines())}
    with serve() as emulator:
        print(f"1. A local Vectorize listens at {emulator.base_url}")
        print(f"   Anything that reads CLOUDFLARE_BASE_URL={emulator.base_url} talks to it.\n")
        with Vectorize(INDEX, account_id="demo", api_token="demo-token", base_url=emulator.base_url) as index:
            report = index.insert(DIGITS, batch_vectors=500)
            print(f"2. insert('{DIGITS.relative_to(DIGITS.parents[1])}', batch_vectors=500)")
            print(f"   {report.summary()}")
            for batch in report.batches:
                print(f"   lines {batch.first_line:>4} to {batch.last_line:>4}: mutation {batch.mutation_id}")

            print("\n3. An accepted vector can be read some seconds later, here as in production:")
            started = time.monotonic()
            while missing := index.get_by_ids(list(source)[-20:]).missing:
                print(f"   after {time.monotonic() - started:.1f} s: {len(missing)} of 20 cannot be read yet")
                time.sleep(0.25)
            found = index.get_by_ids(source)
            print(f"   after {time.monotonic() - started:.1f} s: get_by_ids({len(source):,} ids) gives {found!r}")

    equal = sum(as_float32(found[name].values) == as_float32(line["values"]) for name, line in source.items())
    print(f"\n4. {equal:,} of {len(source):,} vectors came back equal as float32, all {64 * equal:,} values of them.")
    sample = found["digit-0042"]
    print(f"   digit-0042, metadata {sample.metadata}, drawn from its values:\n{picture(as_float32(sample.values))}")
    return 0 if equal == len(source) else 1


if __name__ == "__main__":
    sys.exit(main())

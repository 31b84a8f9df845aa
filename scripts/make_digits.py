"""Write examples/digits.ndjson from scikit-learn's copy of the data set: `python scripts/make_digits.py`.

Needs scikit-learn and orjson. Only to be run again if the file is to look different.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
from sklearn.datasets import load_digits

OUTPUT = Path(__file__).parent.parent / "examples" / "digits.ndjson"


def main() -> None:
    """Scale each image to unit length, as embeddings are, and write one vector a line."""
    digits = load_digits()
    vectors = (digits.data / np.linalg.norm(digits.data, axis=1, keepdims=True)).astype(np.float32)
    with OUTPUT.open("wb") as file:
        for number, (values, label) in enumerate(zip(vectors, digits.target, strict=True)):
            line = {"id": f"digit-{number:04}", "values": values, "metadata": {"label": int(label)}}
            file.write(orjson.dumps(line, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")


if __name__ == "__main__":
    main()

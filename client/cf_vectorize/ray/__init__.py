"""Vectorize on Ray Data: each task is what `insert` does on one machine, and one budget is shared by all of them.

Nothing else imports Ray. Modules here say `import ray`, which is Ray itself: imports are absolute.
"""

from __future__ import annotations

from cf_vectorize.base.extras import extra

extra("ray.data", "cf_vectorize.ray")

from .connect import CarriedCredentials as CarriedCredentials  # noqa: E402 - after the word on a missing extra
from .lookup import VectorizeLookup as VectorizeLookup  # noqa: E402
from .sink import VectorizeDatasink as VectorizeDatasink  # noqa: E402
from .sink import repartitioned as repartitioned  # noqa: E402
from .verify import verify as verify  # noqa: E402

__all__ = ["CarriedCredentials", "VectorizeDatasink", "VectorizeLookup", "repartitioned", "verify"]

"""`python -m cf_vectorize` is the command `cf-vectorize`."""

import sys

from .cli import main

sys.exit(main())

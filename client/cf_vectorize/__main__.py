"""`python -m cf_vectorize` is the command `cf-vectorize`."""

import sys

from cf_vectorize.cli.main import main

sys.exit(main())

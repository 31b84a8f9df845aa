"""`python -m cf_vectorize_emulator`."""

import sys

from .command import main

sys.exit(main())
